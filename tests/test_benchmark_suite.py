"""The suite of benchmarks: the index that it records, what it keeps, and the page that is made of the figures."""

from __future__ import annotations

import argparse
import json
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks import performance
from benchmarks.peers import PEERS, Peer
from benchmarks.performance import AIMS, FIGURES, PAGE, page, table
from benchmarks.recording import JSON_TYPE, Conditions, Recording
from benchmarks.suite import Row, Suite, TimeIsUpError, main
from benchmarks.tools import Finished, InputSet, Uv
from tests.support.packages import make_wheel, wheel_filename

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.index_server import IndexServer

DONE = Finished(status=0, seconds=1.0, cpu=0.5, memory=1000, stdout="", stderr="")


@pytest.fixture
def upstream(index_server: IndexServer) -> IndexServer:
    index_server.index("simple", format="json")
    for version in ("1.0", "2.0"):
        index_server.add(wheel_filename("demo", version), make_wheel("demo", version, requires=["leaf"]))
    index_server.add(wheel_filename("leaf", "1.0"), make_wheel("leaf", "1.0"))
    return index_server


@pytest.fixture
def recording(upstream: IndexServer, tmp_path: Path) -> Iterator[Recording]:
    with Recording(tmp_path / "recording", upstream.url()) as made:
        yield made


def get(url: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as reply:
            return reply.status, {key.lower(): value for key, value in reply.headers.items()}, reply.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, {key.lower(): value for key, value in error.headers.items()}, error.read()


def base(recording: Recording) -> str:
    return recording.url.removesuffix("/simple/")


def test_a_recording_is_made_once(recording: Recording, upstream: IndexServer) -> None:
    url = f"{recording.url}Demo/"
    status, _, body = get(url, Accept=JSON_TYPE)
    files = json.loads(body)["files"]
    assert status == 200
    assert [file["url"] for file in files] == [
        f"{base(recording)}/files/demo/demo-{version}-py3-none-any.whl" for version in ("1.0", "2.0")
    ]
    # The index has no metadata beside its wheels; the recording reads them out of the wheels.
    assert {file["core-metadata"] for file in files} == {True}
    metadata = f"{base(recording)}/files/demo/{files[0]['filename']}.metadata"
    assert b"Requires-Dist: leaf" in get(metadata)[2]
    assert recording.reset().missed == 2
    upstream.stop()
    assert get(url, Accept=JSON_TYPE)[2] == body
    assert b"Requires-Dist: leaf" in get(metadata)[2]
    html = get(url)[2].decode()
    assert 'data-core-metadata="true"' in html
    assert files[0]["hashes"]["sha256"] in html
    traffic = recording.reset()
    assert (traffic.missed, traffic.requests) == (0, 3)
    assert traffic.sent > len(body)


def test_what_is_not_there(recording: Recording) -> None:
    assert get(f"{recording.url}nothing/")[0] == 404
    assert get(f"{base(recording)}/files/demo/other-1.0-py3-none-any.whl")[0] == 404


def test_files_come_whole_and_in_parts(recording: Recording, upstream: IndexServer) -> None:
    name = wheel_filename("leaf", "1.0")
    data = make_wheel("leaf", "1.0")
    url = f"{base(recording)}/files/leaf/{name}"
    assert get(url)[2] == data
    assert get(url, Range="bytes=4-9")[2] == data[4:10]
    assert len(upstream.asked(f"*{name}")) == 1


def test_hashes_where_pip_tools_asks_for_them(recording: Recording) -> None:
    document = json.loads(get(f"{base(recording)}/demo/json")[2])
    (file,) = document["releases"]["2.0"]
    assert file["url"] == recording.url.replace("simple/", "files/demo/demo-2.0-py3-none-any.whl")
    assert len(file["digests"]["sha256"]) == 64


def test_manners(recording: Recording) -> None:
    url = f"{recording.url}demo/"
    _, headers, _ = get(url)
    assert "max-age=600" in headers["cache-control"]
    status, _, body = get(url, **{"If-None-Match": headers["etag"]})
    assert (status, body) == (304, b"")
    recording.conditions = Conditions(headers=False)
    for path in ("simple/demo/", "files/leaf/leaf-1.0-py3-none-any.whl"):
        _, headers, _ = get(recording.url.replace("simple/", path))
        assert not headers.keys() & {"cache-control", "etag", "last-modified"}


def test_each_new_connection_costs_a_round_trip_more(recording: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    import http.client
    from urllib.parse import urlsplit

    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr("benchmarks.recording.asyncio.sleep", sleep)
    recording.conditions = Conditions(latency=0.25)
    client = http.client.HTTPConnection(urlsplit(recording.url).netloc, timeout=10)
    for _ in range(2):
        client.request("GET", "/simple/demo/")
        client.getresponse().read()
    client.close()
    assert [seconds for seconds in waited if seconds] == [0.5, 0.25]


def test_uv_counts_what_an_index_with_headers_sends(recording: Recording, tmp_path: Path) -> None:
    uv = Uv(tmp_path, index=recording.url, headers=True)
    inputs = InputSet(name="set", requirements=("demo",), python="3.11")
    for headers, asked in ((True, False), (False, True)):
        recording.conditions = Conditions(headers=headers)
        uv.forget()
        assert uv.lock(inputs).pins == {"demo": "2.0", "leaf": "1.0"}
        recording.reset()
        uv.forget_lock()
        assert uv.lock(inputs).pins == {"demo": "2.0", "leaf": "1.0"}
        assert bool(recording.reset().requests) == asked


@pytest.fixture
def suite(recording: Recording, tmp_path: Path) -> Suite:
    options = argparse.Namespace(
        output=tmp_path / "figures.json", note="", minutes=5.0, limit=30.0, runs=2, quick=True, only=None
    )
    return Suite(tmp_path / "work", recording, options=options)


def test_a_run_that_records_is_repeated(suite: Suite, recording: Recording) -> None:
    def run() -> Finished:
        get(f"{recording.url}demo/")
        return DONE

    row = Row(scenario="cold", inputs="set", conditions=Conditions())
    ready: list[int] = []

    def forget() -> Finished:
        ready.append(1)
        return DONE

    suite.in_turns(row, {"tool": (forget, run)}, runs=2)
    assert row.of("tool")["seconds"] == [1.0, 1.0]
    assert len(ready) == 3
    assert json.loads(suite.options.output.read_text())["rows"][0]["runs"]["tool"]["requests"] == 1


@pytest.mark.parametrize(
    ("done", "why"),
    [
        (replace(DONE, status=2, stderr="no  such\noption"), "failed: no such option"),
        (replace(DONE, status=-1), "more than 30 s"),
    ],
)
def test_a_tool_that_fails_has_had_its_turn(suite: Suite, done: Finished, why: str) -> None:
    row = Row(scenario="cold", inputs="set")
    ran: list[str] = []

    def fails() -> Finished:
        ran.append("fails")
        return done

    suite.in_turns(row, {"fails": (lambda: DONE, fails), "works": (lambda: DONE, lambda: DONE)}, runs=2)
    assert ran == ["fails"]
    assert row.of("fails")["why"] == why
    assert row.of("works")["seconds"] == [1.0, 1.0]
    assert why in table([row.document()])


def test_what_there_is_no_time_for_is_named(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    suite._ends = 0.0
    with pytest.raises(TimeIsUpError):
        suite.in_turns(Row(scenario="cold", inputs="set"), {})
    monkeypatch.setattr(suite, "stack", lambda: suite.in_turns(Row(scenario="cold", inputs="set"), {}))
    suite.options.only = ["stack"]
    suite.run()
    assert suite.left_out[-1] == "cold (set): no time was left"


def test_what_was_measured_before_an_interrupt_is_kept(
    upstream: IndexServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(suite: Suite) -> None:
        suite.in_turns(Row(scenario="cold", inputs="set"), {"tool": (lambda: DONE, lambda: DONE)})
        raise KeyboardInterrupt

    monkeypatch.setattr(Suite, "stack", interrupted)
    monkeypatch.setattr("benchmarks.suite.default_index", upstream.url)
    output = tmp_path / "figures.json"
    work = tmp_path / "work"
    assert main(["-o", str(output), "--work", str(work), "--page", str(tmp_path / "page.md")]) == 130
    document = json.loads(output.read_text())
    assert [row["scenario"] for row in document["rows"]] == ["cold"]
    assert "interrupted" in document["left_out"][-1]
    assert (tmp_path / "page.md").read_text() == page(document)
    assert "not measured: what comes after this" in capsys.readouterr().out
    assert sorted(path.name for path in work.iterdir()) == ["peers"]


def test_what_peers_are_given(tmp_path: Path) -> None:
    import tomllib

    inputs = InputSet(name="set", requirements=("demo>=1", "leaf"), python="3.11")
    for recipe in PEERS:
        peer = Peer(recipe, tmp_path, index="http://127.0.0.1:9/simple/", limit=5)
        with pytest.raises(FileNotFoundError):
            peer.lock(inputs)  # it is not installed
        written = (tmp_path / f"project-{recipe.name}" / recipe.file).read_text(encoding="utf-8")
        if recipe.file.endswith(".toml"):
            assert tomllib.loads(written)["project"]["dependencies"] == ["demo>=1", "leaf"]
            assert "http://127.0.0.1:9/simple/" in written
        else:
            assert written == "demo>=1\nleaf\n"


def figures(*, cold: float = 1.0, warm: float = 0.1, every: float = 4.0) -> dict[str, Any]:
    def runs(**seconds: float) -> dict[str, Any]:
        return {tool: {"seconds": [value], "cpu": [value], "memory": 1, "why": ""} for tool, value in seconds.items()}

    link = {"inputs": "stack", "latency_ms": 20, "headers": True}
    return {
        "day": "2026-01-01",
        "note": "All was quiet.",
        "machine": {"load": 0.5, "cores": 2, "memory": 1 << 33, "python": "3.11.7"},
        "tools": {"envsolver": "1", "uv": "2"},
        "inputs": {"stack": {"python": "3.8", "requirements": 13, "packages": 77}},
        "rows": [
            {"scenario": "cold", **link, "runs": runs(envsolver=cold, uv=6.0)},
            {"scenario": "warm", **link, "runs": runs(envsolver=warm, uv=0.2)},
            {"scenario": "lock --all", **link, "runs": {"--all": runs(a=every)["a"]} | runs(one=2.0, two=1.0)},
        ],
        "profiles": {"cold": {"waiting": 0.75, "envsolver.solve": 0.25, "click": 0.001}},
        "left_out": ["conda-lock: needs conda"],
    }


def test_aims_that_are_reached_and_missed() -> None:
    text = page(figures(cold=3.0, warm=0.1, every=4.0))
    assert "3.00 s of 6.00 s: 0.50 | **missed**: [where the time goes](#where-the-time-goes)" in text
    assert "at most 0.3 s | 0.10 s | reached |" in text
    assert "4.00 s; the slowest alone 2.00 s, the sum 3.00 s | reached |" in text
    assert text.count("| not measured |") == len(AIMS) - 3
    assert "| waiting | 0.75 | 75% |" in text
    assert "click" not in text
    assert ", load 0.5 before it began.\nAll was quiet.\n" in text
    assert "**missed** |" in page(figures(every=4.1))
    assert "**missed**" not in page(figures())
    assert "| cold | stack | 20 ms | yes | uv | 6.00 | 6.00-6.00 | 6.00 | 6.00 |" in page(figures())


def test_the_page_is_what_the_figures_give(tmp_path: Path) -> None:
    written = tmp_path / "performance.md"
    assert performance.main([str(FIGURES), "-o", str(written)]) == 0
    assert PAGE.read_text(encoding="utf-8") == written.read_text(encoding="utf-8"), (
        "docs/performance.md is not what benchmarks/figures.json gives: python -m benchmarks.performance"
    )


def test_where_the_time_of_a_profile_goes(tmp_path: Path) -> None:
    import subprocess
    import sys

    output = tmp_path / "profile.json"
    program = str(Path(performance.__file__).with_name("profiled.py"))
    done = subprocess.run([sys.executable, program, str(output), "--version"], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    spent = json.loads(output.read_text())
    assert {"envsolver.cli", "imports"} <= spent.keys()
    assert list(spent.values()) == sorted(spent.values(), reverse=True)

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.cli import publish
from tests.support.packages import make_wheel

if TYPE_CHECKING:
    from tests.support.cli import CommandLine
    from tests.support.index_server import IndexServer

SPEC = """\
    python: "3.11"
    platforms: [linux-64]
    pip: [app]
    indexes:
      gpu:
        url: URL
        packages: [lib]
    """


@pytest.fixture
def cli(cli: CommandLine, monkeypatch: pytest.MonkeyPatch, default_index: IndexServer) -> CommandLine:
    monkeypatch.setattr("envsolver.sources.retry.RetryPolicy.delay", lambda *_: 0.0)
    publish(default_index, "app", "1.0", "lib")
    publish(default_index, "lib", "9.0")
    publish(default_index, "lib", "1.0", "app", index="gpu")
    publish(default_index, "lib", "2.0", "app", index="gpu", hashes=False)
    cli.spec("a", SPEC.replace("URL", default_index.url("gpu")))
    return cli


def test_a_frozen_index_serves_without_the_index(cli: CommandLine, default_index: IndexServer) -> None:
    assert cli("lock", "a").status == 0
    live = cli.requirements_file("a").read_text(encoding="utf-8").splitlines()
    done = cli("index", "freeze", "gpu")
    assert done.status == 0, done.err
    assert done.err.splitlines()[:2] == ["wrote specs/indexes/gpu.json", "2 files of lib"]
    assert "a spec uses it where its index 'gpu' says `frozen: indexes/gpu.json` (relative to specs/)" in done.said
    outside = cli("index", "freeze", "gpu", "-o", "all.json")
    assert "once it lies there where its index 'gpu' says `frozen: indexes/all.json`" in outside.said
    spec = SPEC.replace("URL", default_index.url("gpu")).rstrip() + "\n        frozen: indexes/gpu.json\n"
    cli.spec("a", spec)
    default_index.forget()
    assert cli("lock", "a", "--refresh").status == 0
    assert not default_index.asked("/gpu/*")
    # All but the seal in the last line: the lock says that the requirements were recorded.
    assert cli.requirements_file("a").read_text(encoding="utf-8").splitlines()[:-1] == live[:-1]
    # Asked again, it writes the file that the spec names, from the index itself.
    again = cli("index", "freeze", "gpu", "--json").json
    assert again == {
        "index": "gpu",
        "path": "specs/indexes/gpu.json",
        "changed": False,
        "packages": ["lib"],
        "files": 2,
    }
    assert default_index.asked("/gpu/lib/")


def test_files_that_fit_no_environment_are_left_out_unless_asked_for(
    cli: CommandLine, default_index: IndexServer
) -> None:
    wheel = make_wheel("lib", "3.0", tag="cp36-cp36m-win_amd64")
    default_index.add("lib-3.0-cp36-cp36m-win_amd64.whl", wheel, index="gpu")
    assert cli("index", "freeze", "gpu", "--json").json["files"] == 2
    assert cli("index", "freeze", "gpu", "--every-file", "-o", "all.json", "--json").json["files"] == 3


def test_a_folder_that_is_missing_is_said_before_anything_is_asked(
    cli: CommandLine, default_index: IndexServer
) -> None:
    default_index.forget()
    done = cli("index", "freeze", "gpu", "-o", "nowhere/all.json")
    assert (done.status, done.out) == (4, "")
    assert "there is no folder nowhere" in done.said
    assert not default_index.requests


def test_further_packages_can_be_named(cli: CommandLine, default_index: IndexServer) -> None:
    publish(default_index, "more", "1.0", index="gpu")
    assert cli("index", "freeze", "gpu", "--package", "More", "--json").json["packages"] == ["lib", "more"]


def test_unknown_indexes_and_different_ones_of_one_name(cli: CommandLine) -> None:
    done = cli("index", "freeze", "cpu")
    assert done.status == 2
    assert done.err == "error: no spec has an index 'cpu'\nhint: there is 'gpu'\n"
    cli.spec("b", SPEC.replace("URL", "https://other.invalid/simple"))
    done = cli("index", "freeze", "gpu")
    assert done.status == 2
    assert "specs/a.yaml:6 and specs/b.yaml:6 mean different indexes by 'gpu'" in done.said


def test_an_index_that_does_not_answer_leaves_the_record_as_it_was(
    cli: CommandLine, default_index: IndexServer
) -> None:
    cli("index", "freeze", "gpu")
    before = cli.files()
    default_index.stop()
    assert cli("index", "freeze", "gpu").status == 4
    assert cli("index", "freeze", "gpu", "--offline").status == 2
    assert cli.files() == before

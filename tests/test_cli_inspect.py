from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.cli import CommandLine, publish

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.index_server import IndexServer

BASE = """\
    platforms: [linux-64]
    system: {os: ubuntu-20.04, glibc: "2.31"}
    gpu:
      backend: cuda
      cuda: "11.7"
      driver: "515.43.04"
      architectures: ["7.0", "8.0"]
    pip:
      - app
    """
SPEC = """\
    title: The first of all
    aliases: [Alpha-One]
    description: Made for a test.
    extends: [_base]
    python: "3.11"
    base-image: ubuntu:20.04
    groups:
      speed:
        description: faster
        build-notes: needs a compiler
        requirements: [lib]
    constraints:
      - {requirement: lib<9, reason: later ones break}
    notes:
      - {subject: nowhere, text: It cannot be had from any index.}
    """


@pytest.fixture
def cli(cli: CommandLine, default_index: IndexServer) -> CommandLine:
    publish(default_index, "app", "1.0")
    publish(default_index, "lib", "1.0")
    cli.spec("_base", BASE)
    cli.spec("first", SPEC)
    return cli


def test_list_without_environments(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "specs").mkdir()
    done = CommandLine(tmp_path, capsys)("list")
    assert (done.status, done.out.partition("\n")[0]) == (0, "shipped with envsolver")
    assert "no environments" in done.err


def test_list(cli: CommandLine) -> None:
    cli.spec("second", 'python: "3.12"\nplatforms: [linux-64, osx-arm64]\nstatus: deprecated\npip: []\n')
    done = cli("list", "--all")
    assert (done.status, done.err) == (0, "")
    assert [line.split() for line in done.out.partition("\n\n")[0].splitlines()] == [
        ["NAME", "LOCK", "PYTHON", "GPU", "STATUS", "PLATFORMS", "TITLE"],
        ["first", "missing", "3.11", "cuda", "11.7", "supported", "linux-64", "The", "first", "of", "all"],
        ["second", "missing", "3.12", "-", "deprecated", "linux-64", "+1"],
    ]


def test_list_says_how_each_lock_stands(cli: CommandLine) -> None:
    def state() -> str:
        return str(cli("list", "--json").json["environments"][0]["lock"])

    assert cli("lock", "first").status == 0
    assert state() == "current"
    cli.spec("first", SPEC.replace("[lib]", '["lib>=1"]'))
    assert state() == "stale"
    cli.lock_file("first").write_text("{", encoding="utf-8")
    assert state() == "unreadable"


def test_a_bad_spec_does_not_hide_the_others(cli: CommandLine) -> None:
    cli.spec("bad", 'python: "3.11"\nplatfrms: [linux-64]\n')
    done = cli("list")
    assert done.status == 2
    assert "(the spec cannot be used)" in done.out
    assert "The first of all" in done.out
    assert "specs/bad.yaml:2" in done.err
    document = cli("list", "--json").json
    assert 2 in [problem["line"] for problem in document["environments"][0]["problems"]]
    # Nobody supports what cannot be used.
    assert document["environments"][0]["status"] is None
    assert done.out.splitlines()[1].split()[:5] == ["bad", "-", "-", "-", "unusable"]
    found = cli("status")
    assert found.out.splitlines()[1].split()[:2] == ["bad", "unusable"]
    assert cli("status", "--json").json["environments"][0]["status"] is None


def test_a_spec_that_cannot_be_read_does_not_hide_the_others(cli: CommandLine) -> None:
    (cli.root / "specs" / "locked-up.yaml").symlink_to("/proc/self/mem")  # the first byte of it cannot be read
    (cli.root / "specs" / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    done = cli("list")
    assert done.status == 2
    assert "The first of all" in done.out
    assert done.out.count("(the spec cannot be used)") == 2
    assert "locked-up" in done.out
    assert "cannot be read: input/output error" in done.said
    assert "specs/binary.yaml:1: byte 0xff is not UTF-8" in done.said
    assert cli("list", "--json").status == 2


def test_two_specs_with_one_alias_are_told_apart_by_name_only(cli: CommandLine) -> None:
    cli.spec("other", SPEC)
    done = cli("list")
    assert done.status == 2
    assert "Alpha-One" in done.err
    assert cli("show", "Alpha-One").status == 2
    assert cli("show", "other").status == 0


@pytest.mark.parametrize("reference", ["first", "Alpha-One", "specs/first.yaml"])
def test_show(cli: CommandLine, reference: str) -> None:
    done = cli("show", reference)
    assert (done.status, done.err) == (0, "")
    for text in (
        "first: The first of all",
        "Made for a test.",
        "aliases:    Alpha-One",
        "system:     ubuntu-20.04, glibc 2.31",
        "gpu:        cuda 11.7; driver 515.43.04 or newer; architectures 7.0, 8.0",
        "base image: ubuntu:20.04",
        "spec:       specs/_base.yaml, specs/first.yaml",
        "lock:       missing; `envsolver lock first` makes it",
        "  app  specs/_base.yaml:9",
        "group speed: faster",
        "  to build it: needs a compiler",
        "  lib  specs/first.yaml:11",
        "  lib<9  specs/first.yaml:13",
        "    later ones break",
        "  nowhere: It cannot be had from any index.",
    ):
        assert f"\n{text}\n" in f"\n{done.out}", text
    assert max(map(len, done.out.splitlines())) <= 80


def test_show_with_a_lock(cli: CommandLine) -> None:
    cli("lock", "first")
    assert "lock:       locks/first.lock.toml, current, 2 packages for linux-64\n" in cli("show", "first").out
    cli.spec("first", SPEC.replace("[lib]", '["lib>=1"]'))
    out = cli("show", "first").out
    assert "locks/first.lock.toml, stale, 2 packages for linux-64\n            the spec has changed" in out
    cli.lock_file("first").write_text("{", encoding="utf-8")
    assert cli("show", "first", "--json").json["lock"]["state"] == "unreadable"


def test_show_as_json(cli: CommandLine) -> None:
    document = cli("show", "first", "--json").json
    assert document["spec"]["requirements"][0] == {
        "text": "app",
        "origin": {"path": "specs/_base.yaml", "line": 9},
        "group": "",
        "reason": None,
        "platforms": [],
        "base": None,
        "until": None,
        "advisory": None,
    }
    assert document["lock"] == {
        "path": "locks/first.lock.toml",
        "state": "missing",
        "reasons": [],
        "packages": {},
    }

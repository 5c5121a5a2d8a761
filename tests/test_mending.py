"""Fixes for findings: solved, judged anew, then told."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.support.cli import publish

if TYPE_CHECKING:
    from tests.support.cli import CommandLine
    from tests.support.index_server import IndexServer

SPEC = """\
python: "3.11"
platforms: [linux-64]
pip:
  - app
"""
RULE = """\
[[rule]]
id = "APP-LIB2"
title = "App imports what lib 2 removed"
when = "app<2"
constrains = "lib<2"
strength = "hard"
severity = "import-error"
sources = "seen"
"""


@pytest.fixture
def cli(cli: CommandLine, default_index: IndexServer) -> CommandLine:
    publish(default_index, "app", "1.0", "lib", "other")
    for version in ("1.0", "1.9", "2.0"):
        publish(default_index, "lib", version)
    for version in ("1.0", "2.0"):
        publish(default_index, "other", version)
    cli.spec("a", SPEC)
    return cli


def own_rule(cli: CommandLine) -> None:
    (cli.root / "rules").mkdir(exist_ok=True)
    (cli.root / "rules" / "own.toml").write_text(RULE, encoding="utf-8")


# Locks of the project


def test_the_command_that_mends_is_told_with_what_comes_of_it(cli: CommandLine) -> None:
    cli("lock", "a")
    own_rule(cli)
    done = cli("check", "a", "--fixes", "--json")
    stale, broken = done.json["environments"][0]["findings"]
    expected = {"title": "`envsolver lock a`", "outcome": "lib 2.0 to 1.9"}
    assert stale["fix"] == broken["fix"] == expected
    assert done.status == 1
    assert "fix, solved, for LCK001, RUL001: `envsolver lock a` (lib 2.0 to 1.9)" in cli("check", "a", "--fixes").out
    before = cli.files()
    assert cli("check", "a").status == 1
    assert cli.files() == before, "nothing is written"
    cli("lock", "a")
    assert cli("check", "a").status == 0
    assert "lib==1.9" in cli.requirements_file("a").read_text(encoding="utf-8")


def test_where_the_spec_has_no_solution_its_change_is_told(cli: CommandLine) -> None:
    cli.spec("a", SPEC + "  - lib==2.0\n")
    cli("lock", "a")
    own_rule(cli)
    (broken,) = [
        one for one in cli("check", "a", "--fixes", "--json").json["environments"][0]["findings"] if one["rule"]
    ]
    assert re.fullmatch(r"specs/a\.yaml:5: lib==1\.9 instead of lib==2\.0", broken["fix"]["title"])


def test_without_errors_nothing_is_asked(cli: CommandLine, default_index: IndexServer) -> None:
    cli("lock", "a")
    default_index.forget()
    assert cli("check", "a", "--fixes").status == 0
    assert default_index.asked() == []


def test_what_cannot_be_looked_for_is_a_note(cli: CommandLine) -> None:
    cli("lock", "a")
    own_rule(cli)
    cli("cache", "clean")
    done = cli("check", "a", "--fixes", "--offline")
    assert done.status == 1
    assert "error RUL001" in done.out
    assert "fix, solved" not in done.out
    assert "note: fixes could not be looked for: " in done.said


# Locks of other tools


@pytest.fixture
def old(default_index: IndexServer) -> None:
    """Releases of which shipped rules know something."""
    publish(default_index, "onnx", "1.11.0", "protobuf", "numpy")
    for version in ("3.20.3", "4.25.3"):
        publish(default_index, "protobuf", version)
    for version in ("1.23.0", "1.26.4"):
        publish(default_index, "numpy", version)


REQUIREMENTS = """\
numpy==1.23.0
    # via onnx
onnx==1.11.0
protobuf==4.25.3
    # via onnx
"""


@pytest.mark.usefixtures("old")
def test_as_few_pins_as_it_takes_are_changed(cli: CommandLine) -> None:
    (cli.root / "r.txt").write_text(REQUIREMENTS, encoding="utf-8")
    done = cli("check", "--file", "r.txt", "--python", "3.9", "--fixes", "--json")
    (finding,) = [one for one in done.json["environments"][0]["findings"] if one["severity"] == "error"]
    assert finding["rule"] == "ONNX-PROTOBUF4"
    assert finding["fix"] == {"title": "protobuf==3.20.3 instead of 4.25.3", "outcome": "3 packages"}


@pytest.mark.usefixtures("old")
def test_where_a_root_has_to_move_the_line_is_named(cli: CommandLine, default_index: IndexServer) -> None:
    publish(default_index, "onnx", "1.14.0", "protobuf>=3.20.2", "numpy")
    text = "numpy==1.26.4\n    # via onnx\nonnx==1.11.0\nprotobuf==4.25.3\n"
    (cli.root / "r.txt").write_text(text, encoding="utf-8")
    done = cli("check", "--file", "r.txt", "--python", "3.9", "--fixes", "--json")
    (finding,) = [one for one in done.json["environments"][0]["findings"] if one["severity"] == "error"]
    assert finding["fix"]["title"] in {
        "r.txt:4: protobuf==3.20.3 instead of protobuf==4.25.3",
        "r.txt:3: onnx==1.14.0 instead of onnx==1.11.0",
    }


def test_what_no_index_has_is_not_mended(cli: CommandLine) -> None:
    (cli.root / "r.txt").write_text("onnx==1.11.0\nprotobuf==4.25.3\n", encoding="utf-8")
    done = cli("check", "--file", "r.txt", "--python", "3.9", "--fixes")
    assert done.status == 1
    assert "error ABI002" in done.out
    assert "fix, solved" not in done.out


def test_what_conda_brings_is_not_solved(cli: CommandLine, default_index: IndexServer) -> None:
    text = "dependencies:\n- python=3.9\n- pip:\n  - onnx==1.11.0\n  - protobuf==4.25.3\n"
    (cli.root / "environment.yml").write_text(text, encoding="utf-8")
    done = cli("check", "--file", "environment.yml", "--python", "3.9", "--fixes")
    assert done.status == 1
    assert default_index.asked() == []

"""What lists remember of environments, and when they look again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envsolver.app.overview import environments
from envsolver.app.project import open_project
from tests.support.cli import publish

if TYPE_CHECKING:
    from envsolver.app.overview import EnvironmentRow
    from tests.support.cli import CommandLine
    from tests.support.index_server import IndexServer

SPEC = 'python: "3.11"\nplatforms: [linux-64]\npip: [lib]\n'
RULE = """\
[[rule]]
id = "X-LIB"
kind = "constrain"
when = "lib"
requires = ["lib<2"]
symptom = "ImportError: none"
sources = ["https://tracker.invalid/1"]
"""


def row(cli: CommandLine, name: str) -> EnvironmentRow:
    found = environments(open_project(cli.root))
    assert environments(open_project(cli.root)) == found  # as it was remembered
    return next(one for one in found if one.head.name == name)


def test_a_base_that_takes_the_place_of_another_is_noticed(cli: CommandLine) -> None:
    cli.spec("child", "extends: _base\n")
    (cli.root / "specs" / "_base.yml").write_text(SPEC)
    assert row(cli, "child").python == "3.11"
    cli.spec("_base", SPEC.replace("3.11", "3.12"))  # .yaml comes before .yml
    assert row(cli, "child").python == "3.12"


def test_a_rule_file_that_comes_or_goes_is_noticed(cli: CommandLine, default_index: IndexServer) -> None:
    publish(default_index, "lib", "1.0")
    cli.spec("train", SPEC)
    assert cli("lock", "train").status == 0
    assert row(cli, "train").lock == "current"
    rules = cli.root / "rules" / "own.toml"
    rules.parent.mkdir()
    rules.write_text(RULE)
    assert row(cli, "train").lock == "stale"
    rules.unlink()
    assert row(cli, "train").lock == "current"

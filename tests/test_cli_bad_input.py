"""The cases of ``bad_input.py``: a message with its facts, the right exit status, and no file changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.bad_input import CASES, set_up
from tests.support.cli import CommandLine

if TYPE_CHECKING:
    from pathlib import Path

    from tests.bad_input import Case, Stage
    from tests.support.index_server import IndexServer


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, index_server: IndexServer) -> Stage:
    made = set_up(tmp_path / "project", index_server)
    for key, value in made.environ.items():
        monkeypatch.setenv(key, value)
    monkeypatch.setattr("envsolver.sources.retry.RetryPolicy.delay", lambda *_: 0.0)
    monkeypatch.chdir(made.root)
    return made


@pytest.fixture
def cli(stage: Stage, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(stage.root, capsys)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bad_input_ends_in_a_clean_message(stage: Stage, cli: CommandLine, case: Case) -> None:
    case.prepare(stage)
    before = cli.files()
    done = cli(*case.args)
    assert done.status == case.status, done.err
    for text in case.says:
        assert text.format(port=stage.server.port) in done.said
    assert done.out == ""
    assert "Traceback" not in done.err
    assert "a defect" not in done.err
    assert max(map(len, done.err.splitlines())) <= 120
    if case.status:
        assert cli.files() == before
        assert done.err.startswith(("error: ", "note: "))


@pytest.mark.parametrize("case", [case for case in CASES if case.status], ids=lambda case: case.name)
def test_bad_input_as_json(stage: Stage, cli: CommandLine, case: Case) -> None:
    case.prepare(stage)
    done = cli(*case.args, "--json")
    assert done.status == case.status
    error = done.json["error"]
    assert error["code"] not in {"defect", "error"}
    assert error["message"]
    assert set(error) == {"code", "message", "hint", "facts"}
    assert all(line.startswith(("note: ", "  ")) for line in done.err.splitlines())


def test_the_stage_itself_is_sound(stage: Stage, cli: CommandLine) -> None:
    assert cli("lock", "train").status == 0

"""The tables of ``dialects.py`` and ``incidents.py``; what a user gets wrong is in ``test_cli_bad_input.py``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.bad_input import set_up
from tests.dialects import DIALECTS, LOCKED, PINS
from tests.incidents import INCIDENTS
from tests.support.cli import CommandLine

if TYPE_CHECKING:
    from pathlib import Path

    from tests.bad_input import Stage
    from tests.dialects import Dialect
    from tests.incidents import Incident
    from tests.support.index_server import IndexServer


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, index_server: IndexServer) -> Stage:
    made = set_up(tmp_path / "project", index_server)
    for key, value in made.environ.items():
        monkeypatch.setenv(key, value)
    monkeypatch.chdir(made.root)
    return made


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_every_dialect_says_the_same(stage: Stage, capsys: pytest.CaptureFixture[str], dialect: Dialect) -> None:
    dialect.prepare(stage)
    cli = CommandLine(stage.root, capsys)
    before = cli.files()
    done = cli("lock", "train")
    assert done.status == dialect.status, done.err
    for text in dialect.says:
        assert text in done.said
    if dialect.status:
        assert cli.files() == before
        return
    text = cli.requirements_file("train").read_text(encoding="utf-8")
    assert tuple(line.split()[0] for line in text.splitlines() if "==" in line and line[0].isalpha()) == PINS
    assert all(digest in text for digest in LOCKED)
    # Without the index, the cache has it all, and says the same.
    lock = cli.lock_file("train").read_bytes()
    cli.lock_file("train").unlink()
    stage.server.stop()
    assert cli("lock", "train", "--offline").status == 0
    assert cli.lock_file("train").read_bytes() == lock


@pytest.mark.parametrize("incident", INCIDENTS, ids=lambda incident: incident.name)
def test_incidents_leave_whole_files(stage: Stage, incident: Incident) -> None:
    report = incident.happen(stage)
    assert tuple(ended.status for ended in report.ended) == incident.statuses, report.ended
    for text in incident.says:
        assert text in report.ended[0].said
    assert report.sound
    for ended in report.ended:
        assert "Traceback" not in ended.text
        assert "a defect" not in ended.text

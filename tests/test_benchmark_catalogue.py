"""The benchmark of checks: a catalogue of copies, whose locks are all up to date."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks.catalogue import measured, multiply

if TYPE_CHECKING:
    from pathlib import Path


def test_copies_are_up_to_date_and_can_be_checked(tmp_path: Path, repository: Path) -> None:
    from envsolver.app.checking import check, select

    project = multiply(repository, tmp_path / "project", 7)
    _, environments = select(project.root, (), every=True)
    assert len(environments) == 7
    assert {outcome.standing for outcome in check(project, environments)} == {"up-to-date"}
    for command in ((), ("list",), ("status", "--check")):
        seconds, used = measured(project, tmp_path / "cache", *command)
        assert seconds > 0
        assert used > 0


def test_what_is_measured_must_work(tmp_path: Path, repository: Path) -> None:
    project = multiply(repository, tmp_path / "project", 1)
    project.lock_path("acpt-1.12-py38-0000").unlink()
    with pytest.raises(RuntimeError, match="LCK002"):
        measured(project, tmp_path / "cache")
    with pytest.raises(ValueError, match="no locks"):
        multiply(tmp_path, tmp_path / "other", 1)

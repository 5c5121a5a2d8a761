"""Locks of uv that were installed and tried: a finding names what is wrong with those that do not run."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from envsolver.app.checking import check_file
from envsolver.app.foreign import Circumstances

if TYPE_CHECKING:
    from envsolver.findings.model import Finding

DATA = Path(__file__).resolve().parent / "data" / "uv_locks"
LOCKS: list[dict[str, Any]] = tomllib.loads((DATA / "outcomes.toml").read_text(encoding="utf-8"))["lock"]
BROKEN = [lock for lock in LOCKS if lock["cause"]]
RUNNING = [lock for lock in LOCKS if not lock["cause"]]


@cache
def errors(name: str, python: str) -> tuple[Finding, ...]:
    """Return the findings of severity error."""
    outcome = check_file(DATA / f"{name}.txt", Circumstances(python=python, glibc="2.31"))
    assert not outcome.unpinned
    return tuple(finding for finding in outcome.findings if finding.severity == "error")


def test_all_files_are_listed() -> None:
    assert sorted(lock["name"] for lock in LOCKS) == sorted(path.stem for path in DATA.glob("*.txt"))
    assert len(BROKEN) >= 30
    assert len(RUNNING) >= 6


def test_every_stack_that_was_tried_is_judged() -> None:
    from benchmarks.stacks import read_plan

    assert {stack.name: stack.inputs.python for stack in read_plan().stacks} == {
        lock["name"]: lock["python"] for lock in LOCKS
    }
    assert all(lock["rules"] for lock in BROKEN), "a cause without a name"


@pytest.mark.parametrize("lock", BROKEN, ids=lambda lock: lock["name"])
def test_what_is_wrong_is_named_before_anything_is_installed(lock: dict[str, Any]) -> None:
    found = errors(lock["name"], lock["python"])
    assert set(lock["rules"]) <= {finding.rule for finding in found}
    for finding in found:
        assert finding.path, "the way from a requirement"
        assert finding.place.line


@pytest.mark.parametrize("lock", RUNNING, ids=lambda lock: lock["name"])
def test_what_runs_has_no_error(lock: dict[str, Any]) -> None:
    assert errors(lock["name"], lock["python"]) == ()

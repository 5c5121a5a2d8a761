"""The state of a lock before the present one, as git has it."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from envsolver.app.comparing import compare
from envsolver.model.errors import EnvsolverError

if TYPE_CHECKING:
    from envsolver.app.comparing import LockDiff
    from envsolver.app.project import Environment, Project

__all__ = ["Previous", "previous_state"]

Previous = tuple[str, "LockDiff"]
"""Which state it is, in words, and what has changed since."""


def previous_state(project: Project, environment: Environment) -> Previous | str:
    """Return what has changed since the last other state of a lock; else why that cannot be told.

    That is the last commit, if the lock on disk is not as it has it, else the one before it that changed the lock.
    """
    path = project.relative(project.lock_path(environment.name))
    if _git(project, "rev-parse", "--is-inside-work-tree") is None:
        return "The project lies in no git repository, so that there is no older state to compare with."
    # Before the first commit there is no log, which git calls an error.
    commits = (_git(project, "log", "-n", "2", "--format=%h %cs", "--", path) or "").splitlines()
    if not commits:
        return "There is no older state of this lock in git."
    changed = _git(project, "diff", "--quiet", "HEAD", "--", path) is None
    if not changed and len(commits) < 2:
        return "This is the first state of this lock in git."
    revision, _, day = commits[0 if changed else 1].partition(" ")
    try:
        return f"commit {revision} of {day}", compare(project, environment, revision)
    except EnvsolverError as error:
        return f"The older state cannot be read: {error}"


def _git(project: Project, *arguments: str) -> str | None:
    """Run git in the project; return its output, None where it fails or is not there."""
    command = ["git", "--no-optional-locks", "-C", str(project.root), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, check=False, text=True, encoding="utf-8", errors="replace")
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None

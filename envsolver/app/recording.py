"""Writing back into a lock what building it has shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envsolver.app.files import write_together
from envsolver.app.lockfile import lock_text, requirements_text

if TYPE_CHECKING:
    from pathlib import Path

    from envsolver.app.project import Environment, Project
    from envsolver.lock.model import Lock

__all__ = ["write_lock"]


def write_lock(project: Project, environment: Environment, lock: Lock) -> tuple[Path, ...]:
    """Write both files of a lock; return those that had other bytes before.

    Raises:
        FileError: they cannot be written; the old ones are still there.
    """
    text = lock_text(lock)
    return write_together(
        {
            project.requirements_path(environment.name): requirements_text(lock, text).encode(),
            project.lock_path(environment.name): text.encode(),
        }
    )

"""Folders to work in that do not outlive the run, even if it is killed.

Each is locked (flock) by the process that made it. The kernel drops the lock with the process, so whoever gets the
lock of a folder knows that nobody works in it any more; process ids and ages say nothing certain.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["scratch", "sweep"]


@contextmanager
def scratch(parent: Path, prefix: str) -> Iterator[Path]:
    """Make a folder; on leaving, delete it, unless it has been renamed to where it belongs.

    Raises:
        OSError: it cannot be made.
    """
    parent.mkdir(parents=True, exist_ok=True)
    while True:
        folder = parent / f"{prefix}{os.urandom(6).hex()}"
        folder.mkdir()
        descriptor = os.open(folder, os.O_RDONLY)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if folder.exists():
            break
        # Another process swept it in the instant between the two calls.
        os.close(descriptor)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def sweep(parent: Path, prefix: str) -> None:
    """Delete what processes that are gone have left in a folder."""
    with suppress(OSError):
        for leftover in parent.iterdir():
            if leftover.name.startswith(prefix):
                _sweep_one(leftover)


def _sweep_one(folder: Path) -> None:
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(descriptor)

"""The packages of conda of a lock, as an installation has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envsolver.lock.model import Pin

if TYPE_CHECKING:
    from envsolver.lock.model import Lock, LockedFile

__all__ = ["conda_pins", "file_key"]


def conda_pins(lock: Lock, target: str) -> tuple[Pin, ...]:
    """Return the packages of conda of a target (its name) with the file of each, sorted by name."""
    return tuple(Pin(package=one, file=one.file(target), extras=()) for one in lock.conda(target))


def file_key(file: LockedFile) -> str:
    """Return what names the bytes of a file: its sha256, or ``md5-`` and its md5 where a channel gives no more.

    Of a checkout, which has neither, it is empty.
    """
    return file.sha256 or (f"md5-{file.md5}" if file.md5 else "")

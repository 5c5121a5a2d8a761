"""The packages of conda of a lock, as an installation has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envsolver.lock.model import Pin

if TYPE_CHECKING:
    from envsolver.lock.model import Lock

__all__ = ["conda_pins"]


def conda_pins(lock: Lock, target: str) -> tuple[Pin, ...]:
    """Return the packages of conda of a target (its name) with the file of each, sorted by name."""
    return tuple(Pin(package=one, file=one.file(target), extras=()) for one in lock.conda(target))

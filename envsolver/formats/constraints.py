"""A lock as a constraints file (``pip install -c``): versions only, so that others may install some of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envsolver.formats.pins import select
from envsolver.formats.requirements import heading

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envsolver.lock.model import Lock

__all__ = ["dumps"]


def dumps(lock: Lock, *, platform: str | None = None, groups: Iterable[str] = ()) -> str:
    """Return a constraints file: no extras and no hashes, which constraints must not have, and no index options.

    Args:
        lock: of the environment.
        platform: None for all platforms of the lock; what only some of them have then carries a marker.
        groups: names of groups to take beside the base.

    Raises:
        UsageError: the lock has no such platform or group, or the groups exclude each other.
    """
    selection = select(lock, platform, groups)
    pins = dict.fromkeys(line.requirement(extras=False) for line in selection.lines)
    return "\n".join([*heading(lock, selection, platform, "constraints"), "", *pins, ""])

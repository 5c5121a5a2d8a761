"""The bases that stand at the top of a lock, read without parsing the rest: enough to see whether one has moved."""

from __future__ import annotations

import re

from envsolver.lock.header import not_toml, remake
from envsolver.lock.model import LockedBase
from envsolver.model.errors import LockError

__all__ = ["read_bases"]

_TABLE = re.compile(r"^[ \t]*\[\[", re.MULTILINE)


def read_bases(text: str, path: str = "lock") -> tuple[LockedBase, ...]:
    """Return the bases of a lock.

    Args:
        text: the whole file, or as much of it as holds the head.
        path: for messages.

    Raises:
        LockError: the head of the lock makes no sense.
    """
    import tomli

    table = _TABLE.search(text)
    try:
        found = tomli.loads(text[: table.start()] if table else text).get("bases", [])
    except (ValueError, RecursionError) as error:
        raise not_toml(path, error) from None
    try:
        return tuple(
            LockedBase(name=str(one["name"]), digest=str(one["digest"]), frozen=one.get("frozen", False) is True)
            for one in found
        )
    except (TypeError, KeyError, AttributeError) as error:
        raise LockError(path, "bases must be tables with name and digest", hint=remake(path)) from error

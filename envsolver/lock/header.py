"""The head of a lock file, read without parsing the rest: enough to know that nothing has changed.

Imports next to nothing, for that is the case that has to be fast.
"""

from __future__ import annotations

import re

from envsolver.model.errors import LockError
from envsolver.model.values import dataclass

__all__ = ["LOCK_VERSION", "LockHeader", "check_text", "not_toml", "read_header", "remake"]

LOCK_VERSION = (1, 6)
"""Version of the format. A reader refuses another major one and ignores unknown keys of a newer minor one."""

_SUFFIX = ".lock.toml"
"""With which the file of a lock ends; before it stands the name of the environment."""

_TABLE = re.compile(r"^[ \t]*\[\[", re.MULTILINE)
_PLAIN_KEY = re.compile(r'^(lock-version|name|inputs-digest)[ \t]*=[ \t]*"([^"\\\n]*)"[ \t]*\r?$', re.MULTILINE)
_CONFLICT = re.compile(r"^(?:<{7}|>{7}|\|{7})(?: |\r?$)", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class LockHeader:
    """What stands at the top of a lock.

    Attributes:
        lock_version: of the format, (major, minor).
        name: of the environment.
        inputs_digest: of the spec that it was made from.
    """

    lock_version: tuple[int, int]
    name: str
    inputs_digest: str


def read_header(text: str, path: str = "lock") -> LockHeader:
    """Read the head of a lock, up to its first table.

    Args:
        text: the whole file, or as much of it as holds the head.
        path: for messages.

    Raises:
        LockError: it is not a lock, or one that this envsolver cannot read.
    """
    table = _TABLE.search(text)
    head = text[: table.start()] if table else text
    check_text(head, path)
    found = dict(_PLAIN_KEY.findall(head))
    if len(found) < 3:
        found = _parsed(head, path)
    return LockHeader(
        lock_version=_supported(_text(found, "lock-version", path), path),
        name=_text(found, "name", path),
        inputs_digest=_text(found, "inputs-digest", path),
    )


def remake(path: str) -> str:
    """Return what to do about a lock that cannot be read: only ``--upgrade`` wants nothing of the old file."""
    return f"restore it from version control, or make it afresh: `{_command(path)} --upgrade`"


def _command(path: str) -> str:
    name = re.fullmatch(rf"(?:.*/)?([A-Za-z0-9][A-Za-z0-9._-]*){re.escape(_SUFFIX)}", path)
    return f"envsolver lock {name[1] if name else 'NAME'}"


def check_text(text: str, path: str) -> None:
    """Refuse a file in which a merge left its conflict markers.

    Raises:
        LockError: with what to do about it.
    """
    if conflict := _CONFLICT.search(text):
        line = text.count("\n", 0, conflict.start()) + 1
        raise LockError(
            f"{path}:{line}",
            "a merge conflict is not resolved",
            hint=f"take either side of the file, then run `{_command(path)}`; or make it afresh with --upgrade",
        )


def not_toml(path: str, error: Exception) -> LockError:
    """Return the error for a file that cannot be parsed, with the line where that is known."""
    line = re.search(r"at line (\d+)", str(error))
    return LockError(f"{path}:{line[1]}" if line else path, f"not TOML: {error}", hint=remake(path))


def _parsed(head: str, path: str) -> dict[str, object]:
    """Read a head that is not in envsolver's own layout."""
    import tomli

    try:
        return tomli.loads(head)
    except (ValueError, RecursionError) as error:
        raise not_toml(path, error) from None


def _text(found: dict[str, object], key: str, path: str) -> str:
    value = found.get(key)
    if not isinstance(value, str):
        problem = "is missing" if value is None else "must be a string"
        raise LockError(path, f"{key} {problem}; is this a lock of envsolver?", hint=remake(path))
    return value


def _supported(version: str, path: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,9})\.(\d{1,9})", version, re.ASCII)
    if match is None:
        raise LockError(path, f"lock-version {version!r} is not of the form 1.0", hint=remake(path))
    major, minor = int(match[1]), int(match[2])
    if major > LOCK_VERSION[0]:
        raise LockError(
            path,
            f"lock-version {version} is newer than this envsolver can read ({LOCK_VERSION[0]}.x)",
            hint="upgrade envsolver",
        )
    if major < LOCK_VERSION[0]:
        raise LockError(path, f"lock-version {version} is too old to be read", hint=remake(path))
    return major, minor

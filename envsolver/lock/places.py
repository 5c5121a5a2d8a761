"""Where a value stands in the text of a lock: tomllib does not say."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envsolver.lock.check import KeyPath

__all__ = ["block_lines", "line_of"]

_BLOCK = re.compile(r'\[\[(?:package|build\.file)\]\]\s*\n(?:name|package) = "([^"]+)"\s*\nversion = "([^"]+)"')
_ANY_TABLE = re.compile(r"\s*\[\[?\s*[\w\"']")


def block_lines(text: str) -> dict[tuple[str, str], int]:
    """Return (name, version) → the line (from 1) at which the block of a package begins.

    That of what is installed, else the first build environment that has it.
    """
    found: dict[tuple[str, str], int] = {}
    line, before = 1, 0
    for match in _BLOCK.finditer(text):
        line += text.count("\n", before, match.start())
        before = match.start()
        found.setdefault((match[1], match[2]), line)
    return found


def line_of(text: str, path: KeyPath) -> int | None:
    """Return the line (from 1) of the value at a key path, as near as the layout of envsolver's locks tells.

    That is its own line, else the line of the array or table that it is in; None where nothing of the path is found.
    """
    lines = text.split("\n")
    keys = list(path)
    table = -1
    name = ""
    while len(keys) >= 2 and isinstance(position := keys[1], int):
        inner = f"{name}.{keys[0]}" if name else str(keys[0])
        header = re.compile(rf"\s*\[\[\s*{re.escape(inner)}\s*\]\]")
        found = [number for number in range(table + 1, len(lines)) if header.match(lines[number])]
        if position >= len(found):
            break
        table, name = found[position], inner
        del keys[:2]
    line = _assignment(lines, table, keys) if keys else None
    if line is None:
        line = table if table >= 0 else None
    return None if line is None else line + 1


def _assignment(lines: Sequence[str], table: int, keys: Sequence[str | int]) -> int | None:
    """Return the line of ``key = …`` in a table, or of the item in question where an array has one item a line."""
    assignment = re.compile(rf"\s*{re.escape(str(keys[0]))}\s*=")
    for number in range(table + 1, len(lines)):
        if _ANY_TABLE.match(lines[number]):
            return None
        if assignment.match(lines[number]):
            spread = lines[number].rstrip().endswith("[")
            return number + 1 + keys[1] if spread and len(keys) > 1 and isinstance(keys[1], int) else number
    return None

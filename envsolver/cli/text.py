"""Plain text for terminals and pipes: wrapping, tables, counts. Nothing here writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envsolver.model.wording import size

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["WIDTH", "count", "duration", "fill", "left_out_text", "package_counts", "redact", "size", "table"]

WIDTH = 80
"""Columns where the output is no terminal."""


_NO_BREAK = "\0"
"""Stands for a blank at which no line ends."""


def left_out_text(names: Iterable[str]) -> str:
    """Say which environments ``--all`` does not mean."""
    return f"left out, as deprecated or removed: {', '.join(names)}; those are taken by name alone"


def fill(text: str, *, width: int, indent: str = "", first: str | None = None) -> str:
    """Wrap each line of a text to a width; continuation lines get ``indent``, the first one ``first``.

    What continues a line is not taken for the next one: it stands two columns deeper, unless that does so by itself.

    Words longer than a line (URLs, hashes) and commands between backquotes stay whole: they are there to be copied.
    """
    import re
    import textwrap

    lines: list[str] = []
    lead = indent if first is None else first
    given = text.splitlines() or [""]
    for line, following in zip(given, [*given[1:], ""], strict=True):
        # Lines that are already indented (explanations, trees) keep their shape.
        inner = _lead(line)
        one_of_several = bool(inner) or (len(given) > 1 and len(_lead(following)) <= len(inner))
        wrapped = textwrap.wrap(
            re.sub(r"`[^`]{1,60}`", lambda command: command[0].replace(" ", _NO_BREAK), line.strip()),
            width=max(width, 40),
            initial_indent=lead + inner,
            subsequent_indent=indent + inner + ("  " if one_of_several else ""),
            break_long_words=False,
            break_on_hyphens=False,
        )
        lines += [each.replace(_NO_BREAK, " ") for each in wrapped] or [lead.rstrip()]
        lead = indent
    return "\n".join(lines)


def _lead(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def table(rows: Iterable[Sequence[str]], *, head: Sequence[str], width: int | None = None) -> list[str]:
    """Return head and rows as aligned columns, two blanks apart: a string each.

    With ``width``, the text of a last column that does not fit goes on below itself, so that such a string has several
    lines. No line is cut; one whose other columns leave less than 20 for the last is longer than ``width``.
    """
    cells = [list(head), *(list(row) for row in rows)]
    *widths, _ = (max(len(row[column]) for row in cells) for column in range(len(head)))
    indent = sum(widths) + 2 * len(widths)
    lines = []
    for row in cells:
        first = "".join(f"{cell.ljust(wide)}  " for cell, wide in zip(row, widths, strict=False))
        if width is not None and len(first + row[-1]) > width >= indent + 20:
            lines.append(fill(row[-1], width=width, indent=" " * indent, first=first))
        else:
            lines.append((first + row[-1]).rstrip())
    return lines


def count(number: int, noun: str, plural: str | None = None) -> str:
    """Return ``1 package``, ``2 packages``."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def package_counts(counts: Iterable[tuple[str, int]]) -> str:
    """Return ``12 packages for linux-64, win-64; 14 packages for osx-arm64`` for (target, number) pairs."""
    by_number: dict[int, list[str]] = {}
    for target, number in counts:
        by_number.setdefault(number, []).append(target)
    return "; ".join(f"{count(number, 'package')} for {', '.join(targets)}" for number, targets in by_number.items())


def duration(seconds: float) -> str:
    """Return seconds for people: ``0.04 s``, ``1.3 s``, ``2 min 5 s``."""
    if seconds < 1:
        return f"{seconds:.2f} s"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def redact(text: str) -> str:
    """Remove user and password from every URL of a text (RFC 3986, userinfo).

    The parts that raise errors do this themselves; this is the net below them.
    """
    if "@" not in text:
        return text
    import re

    return re.sub(r"(?<=://)[^/\s@]*@", "", text)

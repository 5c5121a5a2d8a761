"""The tables of the command line: one look, and one way to make do with a narrow terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envsolver.cli.text import table
from envsolver.model.wording import listed

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from envsolver.cli.ui import Ui

__all__ = ["expendable_columns", "print_tables"]

_EMPTY = {"", "-"}


def print_tables(
    ui: Ui,
    parts: Mapping[str, Sequence[Sequence[str]]],
    *,
    head: Sequence[str],
    expendable: Sequence[str] = (),
    otherwise: str = "`--json`",
) -> None:
    """Print tables with the same columns, each below its title, and say which columns were left out.

    A pipe gets all columns. On a terminal that is too narrow for them, some are left out: no line is cut. Where even
    the others are too wide, the text of the last one goes on below itself.

    Args:
        ui: of the command.
        parts: title (it may be empty) → rows.
        head: names of the columns.
        expendable: those that may be left out, the least important first.
        otherwise: what shows them all, beside a wider terminal.
    """
    rows = [row for part in parts.values() for row in part]
    width = ui.width if ui.terminal else None
    left_out = expendable_columns(rows, head=head, expendable=expendable, width=width)
    kept = [position for position, name in enumerate(head) if name not in left_out]

    def chosen(row: Sequence[str]) -> list[str]:
        return [row[position] for position in kept]

    # All in one go, so that the columns of all parts stand below each other.
    lines = table([chosen(row) for row in rows], head=chosen(head), width=width)
    texts, done = [], 1
    for title, part in parts.items():
        if part:
            own = [lines[0], *lines[done : done + len(part)]]
            texts.append("\n".join([*([ui.style(title, "1")] if title else []), *own]))
            done += len(part)
    if texts:
        ui.out("\n\n".join(texts))
    if left_out:
        names = listed([name for name in head if name in left_out])
        ui.note(f"left out, as {width} columns are too few: {names}; a wider terminal or {otherwise} shows all")


def expendable_columns(
    rows: Sequence[Sequence[str]], *, head: Sequence[str], expendable: Sequence[str], width: int | None
) -> Collection[str]:
    """Return the columns that are left out of a table so that it fits.

    Those that say nothing go first, then the least important. One that had to go for nothing, as a wider one went after
    it, stays.

    Args:
        rows: cells, as many as ``head`` has.
        head: names of the columns.
        expendable: those that may be left out, the least important first.
        width: of the terminal; None: there is none.
    """
    if width is None:
        return ()
    widths = {name: max(len(row[position]) for row in [head, *rows]) for position, name in enumerate(head)}
    empty = {name for position, name in enumerate(head) if all(row[position] in _EMPTY for row in rows)}

    def needed(without: Collection[str]) -> int:
        kept = [wide for name, wide in widths.items() if name not in without]
        return sum(kept) + 2 * (len(kept) - 1)

    left_out: list[str] = []
    for name in sorted(expendable, key=lambda name: name not in empty):
        if needed(left_out) > width:
            left_out.append(name)
    for name in reversed(left_out):
        others = [other for other in left_out if other != name]
        if needed(others) <= width:
            left_out = others
    return left_out

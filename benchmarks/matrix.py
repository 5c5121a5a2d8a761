"""The table of every fault under every command, which :mod:`benchmarks.faults` prints."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tests.matrix import COMMANDS, FAULTS, Place
from tests.support.index_server import IndexServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.matrix import Cell

__all__ = ["matrix"]

_HEAD = """
## Every fault under every command

Each command starts with an empty cache, and with an old lock, an old environment or nothing in the place of what it
makes. While the fault lasts it finishes with what it makes on a quiet day, gives up with a message (the exit status is
in brackets), or is killed; what it makes stays whole, as it was or as it will be (but for `sync`, which changes an
environment in place). Then, without the fault, the same command finishes, with the same bytes as on a quiet day, and
`verify` finds nothing in the environments. All of this held, unless the table says otherwise in bold.

"""


def matrix(tell: Callable[[str], object]) -> tuple[str, bool]:
    """Disturb every command with every fault; return the table, and whether everything held.

    Args:
        tell: is told what came of each cell at once.
    """
    cells: dict[tuple[str, str], Cell] = {}
    with TemporaryDirectory() as folder, IndexServer() as server:
        place = Place(Path(folder).resolve(), server)
        for command in COMMANDS:
            for fault in FAULTS:
                cell = cells[fault.name, command.name] = place.cell(fault, command)
                tell(f"{'WRONG' if cell.wrong else 'ok':5} {command.name}, {fault.name}: {cell.text}")
    names = [command.name for command in COMMANDS]
    lines = [f"| fault | {' | '.join(f'`{name}`' for name in names)} |", f"|{' --- |' * (len(names) + 1)}"]
    lines += [f"| {fault.name} | {' | '.join(cells[fault.name, name].text for name in names)} |" for fault in FAULTS]
    return _HEAD + "\n".join([*lines, ""]), not any(cell.wrong for cell in cells.values())

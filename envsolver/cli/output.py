"""``-o FILE`` as every command that writes a document understands it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from envsolver.cli.ui import display_path

if TYPE_CHECKING:
    from envsolver.cli.ui import Ui

__all__ = ["write_document"]


def write_document(ui: Ui, text: str, output: Path | None, facts: dict[str, object] | None = None) -> None:
    """Write a document to a file, or to standard output where no file or ``-`` is named.

    Args:
        ui: of the command.
        text: the document.
        output: what ``-o`` said.
        facts: what ``--json`` tells about a document that went to a file, beside its path.

    Raises:
        FileError: the file cannot be written.
    """
    if output is None or output == Path("-"):
        ui.out(text)
        return
    from envsolver.app import files

    changed = files.write_document(output, text.encode())
    if ui.json_wanted:
        ui.json({**(facts or {}), "path": display_path(output), "changed": changed})
    else:
        ui.wrote(output, changed=changed)

"""``envsolver table``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from envsolver.app.tabling import support_table, table_html, table_markdown
from envsolver.cli.base import EnvironmentName, command, output_option
from envsolver.cli.kinds import Choice
from envsolver.cli.output import write_document
from envsolver.cli.tables import print_tables
from envsolver.cli.text import table as aligned

if TYPE_CHECKING:
    from envsolver.app.tabling import SupportTable
    from envsolver.cli.ui import Ui

__all__ = ["table"]

_EXPENDABLE = ("TORCH-ORT", "OS", "FROM", "ORT-TRAINING", "DEEPSPEED", "GPU", "STATUS", "PYTHON")


@command("table")
@click.argument("names", nargs=-1, type=EnvironmentName(shipped=True), metavar="[NAME]...")
@click.option(
    "--format",
    "format_",
    type=Choice(("text", "markdown", "html")),
    default="text",
    show_default=True,
    help="Lines for a terminal, or a table for a page.",
)
@click.option("--package", "packages", multiple=True, metavar="NAME", help="One more column; may be repeated.")
@click.option("--names", "own_names", is_flag=True, help="Show the names of specs, not their first aliases.")
@output_option("Write to FILE; standard output by default (-).")
def table(
    ui: Ui, names: tuple[str, ...], *, format_: str, packages: tuple[str, ...], own_names: bool, output: Path | None
) -> None:
    """Show which environment has which PyTorch, Python and GPU.

    Versions come from the locks. Where there is none, or the spec has changed since, FROM says so, and what the spec
    asks for is shown.
    """
    found = support_table(ui.common.project, names, packages=packages, own_names=own_names)
    to_stdout = output is None or output == Path("-")
    if ui.json_wanted and to_stdout:
        heads = [head.lower() for head in found.head[:-1]]
        ui.json(
            {
                "environments": [
                    {
                        **dict(zip(heads, row.cells, strict=False)),
                        "name": row.environment,
                        "from": row.source,
                        "status": row.status,
                    }
                    for row in found.rows
                ]
            }
        )
        return
    head, rows = _columns(found)
    if format_ == "text" and to_stdout:
        title = "shipped with envsolver" if found.shipped else ""
        otherwise = "`--format markdown`"
        print_tables(ui, {title: rows}, head=head, expendable=_EXPENDABLE, otherwise=otherwise)
        return
    if format_ == "markdown":
        text = table_markdown(found)
    elif format_ == "html":
        text = table_html(found)
    else:
        text = "\n".join(aligned(rows, head=head)) + "\n"
    write_document(ui, text, output, {"environments": len(found.rows), "format": format_})


def _columns(found: SupportTable) -> tuple[list[str], list[tuple[str, ...]]]:
    """Return head and rows for people: what is no longer supported, or not yet, is marked where there is any."""
    head = [name.upper() for name in found.head]
    if all(row.status == "supported" for row in found.rows):
        return head, [row.cells for row in found.rows]
    return [*head, "STATUS"], [(*row.cells, row.status) for row in found.rows]

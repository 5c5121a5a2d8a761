"""``envsolver explain``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from envsolver.app.explaining import code_list, explain, index_text
from envsolver.app.project import open_project
from envsolver.cli.base import command
from envsolver.cli.kinds import Choice
from envsolver.cli.prose import plain_text
from envsolver.cli.tables import print_tables
from envsolver.model.errors import UsageError

if TYPE_CHECKING:
    from envsolver.app.project import Project
    from envsolver.cli.ui import Ui

__all__ = ["explain_command"]


@command("explain")
@click.argument("name", required=False, metavar="[CODE]")
@click.option(
    "--format",
    "format_",
    type=Choice(("text", "markdown")),
    default="text",
    show_default=True,
    help="Lines for a terminal, or a document for a page.",
)
def explain_command(ui: Ui, name: str | None, *, format_: str) -> None:
    """Explain a code of `check`, or a rule.

    Without CODE, lists all codes.
    """
    if name is None:
        rows = code_list()
        if ui.json_wanted:
            ui.json({"codes": [{"code": code, "severity": severity, "title": title} for code, severity, title in rows]})
        elif format_ == "markdown":
            ui.out(index_text())
        else:
            print_tables(ui, {"": rows}, head=("CODE", "USUALLY", "WHAT"))
        return
    text = explain(name, _project(ui))
    if ui.json_wanted:
        ui.json({"name": name.upper(), "text": text})
    elif format_ == "markdown":
        ui.out(text)
    else:
        ui.out(plain_text(text, width=ui.width, heading=lambda title: ui.style(title, "1")))


def _project(ui: Ui) -> Project | None:
    """Return the project, whose own rules may be meant; there need be none."""
    try:
        return open_project(ui.common.project)
    except UsageError:
        if ui.common.project is not None:
            raise
        return None

"""``envsolver diff``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from envsolver.app.comparing import compare, diff_data, diff_markdown, diff_text
from envsolver.app.project import open_project
from envsolver.cli.base import EnvironmentName, command, output_option
from envsolver.cli.kinds import Choice
from envsolver.cli.output import write_document

if TYPE_CHECKING:
    from envsolver.cli.ui import Ui

__all__ = ["diff"]


@command("diff")
@click.argument("name", type=EnvironmentName(), metavar="NAME")
@click.option(
    "--from",
    "origin",
    default="HEAD",
    show_default=True,
    metavar="REV|FILE",
    help="The older state: a revision of git, or a lock file.",
)
@click.option(
    "--format",
    "format_",
    type=Choice(("text", "markdown")),
    default="text",
    show_default=True,
    help="Lines for a terminal, or a section for a pull request.",
)
@click.option("--licenses", is_flag=True, help="Tell licenses that changed; reads the metadata of what moved.")
@output_option("Write to FILE; standard output by default (-).")
def diff(ui: Ui, name: str, *, origin: str, format_: str, licenses: bool, output: Path | None) -> None:
    """Show what changed between two states of a lock.

    Compares the lock on disk with an older one: which packages moved, and which requirements made them move.
    """
    project = open_project(ui.common.project)
    environment = project.find(name)
    if licenses:
        with ui.progress() as progress:
            offline = ui.common.offline
            found = compare(project, environment, origin, licenses=True, offline=offline, progress=progress)
    else:
        found = compare(project, environment, origin)
    if ui.json_wanted and (output is None or output == Path("-")):
        ui.json({"from": origin, **diff_data(found)})
        return
    text = diff_markdown(found) if format_ == "markdown" else diff_text(found)
    if not text:
        ui.say(f"{environment.name} is as it was in {origin}")
        if output is None:
            return
    write_document(ui, text, output, {"environment": environment.name, "from": origin, "format": format_})

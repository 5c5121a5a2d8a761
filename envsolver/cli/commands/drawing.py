"""``envsolver graph``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from envsolver.app.graphing import GraphFormat, graph_text
from envsolver.app.lockfile import read_lock
from envsolver.app.project import locate_environment
from envsolver.cli.base import EnvironmentName, command, output_option, platform_option, shown_group_option
from envsolver.cli.kinds import Choice
from envsolver.cli.output import write_document

if TYPE_CHECKING:
    from envsolver.cli.ui import Ui

__all__ = ["graph"]


@command("graph")
@click.argument("name", type=EnvironmentName(shipped=True), metavar="NAME")
@click.option(
    "--format",
    "format_",
    type=Choice(get_args(GraphFormat)),
    default="svg",
    show_default=True,
    help="A picture, or a text for Graphviz or Mermaid.",
)
@platform_option()
@shown_group_option()
@output_option("Write to FILE; standard output by default (-).")
def graph(
    ui: Ui,
    name: str,
    *,
    format_: GraphFormat,
    platform: str | None,
    groups: tuple[str, ...],
    output: Path | None,
) -> None:
    """Draw the packages of a lock and what they require.

    Requirements of the spec stand out; lines that a longer way says already are faint in the picture.
    """
    project, environment = locate_environment(ui.common.project, name)
    text = graph_text(read_lock(project, environment), format_, platform=platform, groups=groups)
    facts: dict[str, object] = {"environment": environment.name, "format": format_}
    if ui.json_wanted and (output is None or output == Path("-")):
        ui.json({**facts, "text": text})
    else:
        write_document(ui, text, output, facts)

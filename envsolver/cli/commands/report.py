"""``envsolver report``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from envsolver.app.project import locate_environment
from envsolver.app.reporting import report_page
from envsolver.cli.base import EnvironmentName, command, output_option, platform_option, shown_group_option
from envsolver.cli.output import write_document

if TYPE_CHECKING:
    from envsolver.cli.ui import Ui

__all__ = ["report"]


@command("report")
@click.argument("name", type=EnvironmentName(shipped=True), metavar="NAME")
@platform_option()
@shown_group_option()
@output_option("Write to FILE; standard output by default (-).")
def report(ui: Ui, name: str, *, platform: str | None, groups: tuple[str, ...], output: Path | None) -> None:
    """Write all that is known of a lock as one HTML page.

    The stack and what it asks of a GPU, findings, the graph (searched, zoomed, clicked), packages with their sizes,
    rules at work, builds, what changed since the last state in git, receipts. The page needs no network and no file.
    """
    project, environment = locate_environment(ui.common.project, name)
    text = report_page(project, environment, platform=platform, groups=groups)
    if ui.json_wanted and (output is None or output == Path("-")):
        ui.json({"environment": environment.name, "text": text})
    else:
        write_document(ui, text, output, {"environment": environment.name})

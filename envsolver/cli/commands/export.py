"""``envsolver export``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from envsolver.app.exporting import FORMATS, ExportOptions
from envsolver.app.exporting import export as exported
from envsolver.app.project import locate_environment
from envsolver.cli.base import EnvironmentName, command, output_option
from envsolver.cli.output import write_document
from envsolver.cli.retired import warn_if_retired

if TYPE_CHECKING:
    from envsolver.app.exporting import ExportFormat
    from envsolver.cli.ui import Ui

__all__ = ["export"]


@command("export")
@click.argument("name", type=EnvironmentName(shipped=True), metavar="NAME")
@click.option("--format", "format_", type=click.Choice(FORMATS), required=True, help="The format to write.")
@click.option("--platform", metavar="P", help="One platform; all of the lock by default.")
@click.option("--group", "groups", multiple=True, metavar="G", help="A group to add to the base; may be repeated.")
@click.option("--no-hashes", is_flag=True, help="Leave the hashes out of requirements.")
@output_option("Write to FILE; standard output by default (-).")
def export(
    ui: Ui,
    name: str,
    *,
    format_: ExportFormat,
    platform: str | None,
    groups: tuple[str, ...],
    no_hashes: bool,
    output: Path | None,
) -> None:
    """Write a lock in the format of another tool.

    requirements: pins with hashes, for pip and uv. constraints: pins alone, for -c. pylock: pylock.toml (PEP 751), with
    all platforms and groups, and the URLs of your own indexes.
    """
    project, environment = locate_environment(ui.common.project, name)
    warn_if_retired(ui, project, environment)
    options = ExportOptions(platform=platform, groups=groups, hashes=not no_hashes, offline=ui.common.offline)
    with ui.progress() as progress:
        text = exported(project, environment, format_, options, progress)
    facts: dict[str, object] = {"environment": environment.name, "format": format_}
    if ui.json_wanted and (output is None or output == Path("-")):
        ui.json({**facts, "text": text})
    else:
        write_document(ui, text, output, facts)

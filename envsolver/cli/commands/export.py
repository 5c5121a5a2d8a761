"""``envsolver export``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from envsolver.app.exporting import FOLDERS, FORMATS, ExportOptions, export_folder
from envsolver.app.exporting import export as exported
from envsolver.app.project import locate_environment
from envsolver.cli.base import EnvironmentName, command, group_option, output_option, platform_option
from envsolver.cli.kinds import Choice
from envsolver.cli.output import write_document
from envsolver.cli.retired import warn_if_retired
from envsolver.cli.ui import display_path

if TYPE_CHECKING:
    from envsolver.app.exporting import ExportFormat
    from envsolver.cli.ui import Ui

__all__ = ["export"]

_FORMATS = f"The format to write: {', '.join(FORMATS)}."


@command("export")
@click.argument("name", type=EnvironmentName(shipped=True), metavar="NAME")
@click.option("--format", "format_", type=Choice(FORMATS), required=True, metavar="FORMAT", help=_FORMATS)
@platform_option("One platform; all of the lock by default.")
@group_option()
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
    all platforms and groups, and the URLs of your own indexes. dockerfile: an image. azureml: a folder (-o DIR) for `az
    ml environment create`. cyclonedx: a bill of materials. docs/lock.md describes all of them.
    """
    project, environment = locate_environment(ui.common.project, name)
    warn_if_retired(ui, project, environment)
    options = ExportOptions(platform=platform, groups=groups, hashes=not no_hashes, offline=ui.common.offline)
    if format_ in FOLDERS and output is not None and output != Path("-"):
        _write_folder(ui, environment.name, export_folder(project, environment, format_, options, output), output)
        return
    with ui.progress() as progress:
        text = exported(project, environment, format_, options, progress)
    facts: dict[str, object] = {"environment": environment.name, "format": format_}
    if ui.json_wanted and (output is None or output == Path("-")):
        ui.json({**facts, "text": text})
    else:
        write_document(ui, text, output, facts)


def _write_folder(ui: Ui, environment: str, written: tuple[Path, ...], folder: Path) -> None:
    if ui.json_wanted:
        ui.json({"environment": environment, "path": display_path(folder), "written": list(map(display_path, written))})
        return
    for path in written:
        ui.wrote(path, changed=True)
    if not written:
        ui.wrote(folder, changed=False)

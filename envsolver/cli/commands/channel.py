"""``envsolver channel freeze``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from envsolver.app.channelfreezing import freeze_channel
from envsolver.app.project import open_project
from envsolver.cli.base import command, group
from envsolver.cli.text import count
from envsolver.cli.ui import display_path

if TYPE_CHECKING:
    from envsolver.cli.ui import Ui

__all__ = ["channel"]


@group("channel")
def channel() -> None:
    """Look after the channels of conda that specs name."""


@command("freeze")
@click.argument("name", metavar="NAME")
@click.option("--package", "packages", multiple=True, metavar="P", help="Record P of conda too; may be repeated.")
@click.option("--every-build", is_flag=True, help="Record builds that no environment could use, too.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Where to; by default the folder that the specs name, else specs/channels/NAME.",
)
def freeze(ui: Ui, name: str, *, packages: tuple[str, ...], every_build: bool, output: Path | None) -> None:
    """Record a live channel in a folder that serves instead of it.

    Records the builds of what specs ask for, of what could provide their projects, and of all that these lead to. A
    spec uses the record where its channel says `frozen: FOLDER`: locks can then be made without the channel.
    """
    if ui.common.offline:
        raise click.UsageError("to record a channel takes the network: leave out --offline")
    project = open_project(ui.common.project)
    with ui.progress() as progress:
        made = freeze_channel(
            project, name, packages=packages, every_build=every_build, output=output, progress=progress
        )
    if ui.json_wanted:
        ui.json(
            {
                "channel": made.name,
                "path": display_path(made.path),
                "changed": made.changed,
                "packages": made.packages,
                "builds": made.builds,
            }
        )
        return
    ui.wrote(made.path, changed=made.changed)
    ui.say(f"{count(made.builds, 'build')} of {count(made.packages, 'package')}")
    if not made.named:
        place = project.frozen_reference(made.path)
        moved = "" if place else " once it lies there"
        place = place or f"channels/{made.path.name}"
        entry = f"{{name: {made.name}, frozen: {place}}}"
        ui.hint(f"a spec uses it{moved} where its channels have `{entry}` (relative to specs/)")


channel.add_command(freeze)

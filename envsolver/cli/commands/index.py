"""``envsolver index freeze``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from envsolver.app.freezing import freeze_index
from envsolver.app.project import open_project
from envsolver.cli.base import command, group
from envsolver.cli.text import count
from envsolver.cli.ui import display_path

if TYPE_CHECKING:
    from envsolver.cli.ui import Ui

__all__ = ["index"]


@group("index")
def index() -> None:
    """Look after the indexes that specs name."""


@command("freeze")
@click.argument("alias", metavar="ALIAS")
@click.option("--package", "packages", multiple=True, metavar="P", help="Record P too; may be repeated.")
@click.option("--every-file", is_flag=True, help="Record files that fit no environment, too.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where to; by default the file that the specs name, else specs/indexes/ALIAS.json.",
)
def freeze(ui: Ui, alias: str, *, packages: tuple[str, ...], every_file: bool, output: Path | None) -> None:
    """Record a live index in a file that serves instead of it.

    Records digests, sizes and requirements of the packages that specs bind to ALIAS. A spec uses the record where its
    index says `frozen: FILE`: locks can then be made and checked without the index.
    """
    if ui.common.offline:
        raise click.UsageError("to record an index takes the network: leave out --offline")
    project = open_project(ui.common.project)
    with ui.progress() as progress:
        made = freeze_index(project, alias, packages=packages, every_file=every_file, output=output, progress=progress)
    if ui.json_wanted:
        ui.json(
            {
                "index": made.alias,
                "path": display_path(made.path),
                "changed": made.changed,
                "packages": list(made.packages),
                "files": made.files,
            }
        )
        return
    ui.wrote(made.path, changed=made.changed)
    ui.say(f"{count(made.files, 'file')} of {', '.join(made.packages)}")
    if not made.named:
        place = project.frozen_reference(made.path)
        moved = "" if place else " once it lies there"
        place = place or f"indexes/{made.path.name}"
        ui.hint(f"a spec uses it{moved} where its index {made.alias!r} says `frozen: {place}` (relative to specs/)")


index.add_command(freeze)

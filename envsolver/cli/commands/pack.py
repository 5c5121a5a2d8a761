"""``envsolver pack``."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import click

from envsolver.app.project import locate_environment
from envsolver.cli.base import EnvironmentName, command, prefix_option
from envsolver.cli.text import count, size
from envsolver.cli.ui import display_path

if TYPE_CHECKING:
    from envsolver.cli.ui import Ui

__all__ = ["pack"]


@command("pack")
@click.argument("name", type=EnvironmentName(shipped=True), metavar="NAME")
@prefix_option("The environment to pack.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    metavar="FILE",
    help="The archive: .tar, .tar.gz or .tar.zst.",
)
@click.option(
    "--python",
    type=click.Path(path_type=PurePosixPath),
    metavar="PATH",
    help="The interpreter as it will lie where it is unpacked; by default as it lies here.",
)
def pack(ui: Ui, name: str, *, prefix: Path, output: Path, python: PurePosixPath | None) -> None:
    """Pack an environment into a reproducible archive.

    It is verified first. The same environment gives the same archive, wherever it lies; unpacked anywhere it runs, over
    an interpreter that is not in it.
    """
    from envsolver.app.packing import PackOptions
    from envsolver.app.packing import pack as run

    project, environment = locate_environment(ui.common.project, name)
    options = PackOptions(prefix=prefix, output=output, python=python)
    with ui.progress() as progress:
        made = run(project, environment, options, progress)
    for note in made.notes:
        ui.note(note)
    if ui.json_wanted:
        ui.json(
            {
                "environment": environment.name,
                "path": str(made.path),
                "bytes": made.size,
                "sha256": made.sha256,
                "tar_sha256": made.tar,
                "tree": made.tree,
                "files": made.files,
            }
        )
        return
    ui.wrote(made.path, changed=True)
    ui.say(f"{count(made.files, 'file')}, {size(made.size)}")
    ui.out(f"{made.sha256}  {display_path(made.path)}")

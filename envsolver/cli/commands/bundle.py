"""``envsolver bundle``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from envsolver.app.project import locate_environment
from envsolver.cli.base import EnvironmentName, command, group_option, python_option
from envsolver.cli.retired import warn_if_retired
from envsolver.cli.text import count, size
from envsolver.cli.ui import display_path

if TYPE_CHECKING:
    from envsolver.cli.ui import Ui

__all__ = ["bundle"]


@command("bundle")
@click.argument("name", type=EnvironmentName(shipped=True), metavar="NAME")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR|FILE.tar",
    help="A new folder, or a tar archive.",
)
@group_option()
@python_option("The interpreter for wheels that have to be built.")
def bundle(ui: Ui, name: str, *, output: Path, groups: tuple[str, ...], python: Path | None) -> None:
    """Collect all files that an environment is built of.

    Wheels, those built of source archives among them, the lock, and a page of links. `build --bundle` builds from it
    without a network. The same lock gives the same bundle.
    """
    from envsolver.app.bundling import BundleOptions
    from envsolver.app.bundling import bundle as run

    project, environment = locate_environment(ui.common.project, name)
    warn_if_retired(ui, project, environment)
    options = BundleOptions(output=output, groups=groups, python=python, offline=ui.common.offline)
    with ui.progress() as progress:
        made = run(project, environment, options, progress)
    if ui.json_wanted:
        ui.json({"environment": environment.name, "path": str(made.path), "files": made.files, "bytes": made.size})
    else:
        ui.say(f"wrote {display_path(made.path)}: {count(made.files, 'wheel')}, {size(made.size)}")

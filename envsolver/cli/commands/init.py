"""``envsolver init``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from envsolver.app.starting import default_python, start
from envsolver.cli.base import command
from envsolver.cli.ui import display_path

if TYPE_CHECKING:
    from envsolver.cli.ui import Ui

__all__ = ["init"]


@command("init")
@click.argument("name", metavar="NAME")
@click.argument("requirements", nargs=-1, metavar="[REQUIREMENT]...")
@click.option("--python", default=default_python, metavar="V", help="Python version; that of envsolver by default.")
@click.option(
    "--platform",
    "platforms",
    multiple=True,
    default=("linux-64",),
    show_default=True,
    metavar="P",
    help="Platform; may be given more than once.",
)
def init(ui: Ui, name: str, requirements: tuple[str, ...], *, python: str, platforms: tuple[str, ...]) -> None:
    """Write the first spec of a project, or one more.

    Makes specs/NAME.yaml in the current folder (or --project), with the requirements given. Overwrites nothing.
    """
    folder = ui.common.project or Path.cwd()
    made = start(folder, name, python=python, platforms=platforms, requirements=requirements)
    if ui.json_wanted:
        ui.json({"environment": made.name, "path": display_path(made.path)})
        return
    ui.wrote(made.path, changed=True)
    ui.hint(f"`envsolver lock {made.name}` resolves it")

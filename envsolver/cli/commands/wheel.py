"""``envsolver wheel``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from envsolver.app.project import open_project
from envsolver.cli.base import EnvironmentName, command, group_option, python_option
from envsolver.cli.ui import display_path

if TYPE_CHECKING:
    from envsolver.app.works import WheelMade
    from envsolver.cli.ui import Ui

__all__ = ["wheel"]


@command("wheel")
@click.argument("name", type=EnvironmentName(), metavar="NAME")
@click.argument("packages", nargs=-1, metavar="[PACKAGE]...")
@group_option()
@python_option()
@click.option("--rebuild", is_flag=True, help="Build what the wheelhouse has once more, and compare.")
@click.option("--anew", is_flag=True, help="Forget what the lock says of the builds; write it anew.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Copy the wheels to a folder.",
)
def wheel(
    ui: Ui,
    name: str,
    packages: tuple[str, ...],
    *,
    groups: tuple[str, ...],
    python: Path | None,
    rebuild: bool,
    anew: bool,
    output: Path | None,
) -> None:
    """Build wheels of what is locked as source.

    All source archives of the base (and of the groups named), or the packages named. The first time, their build
    requirements are resolved, recursively, and written into the lock with the sha256 of the wheel; from then on the
    same requirements must yield the same wheel.
    """
    from envsolver.app.wheels import WheelOptions, make_wheels

    project = open_project(ui.common.project)
    environment = project.find(name)
    options = WheelOptions(
        packages=packages,
        groups=groups,
        python=python,
        rebuild=rebuild,
        anew=anew,
        output=output,
        offline=ui.common.offline,
    )
    with ui.progress() as progress:
        made = make_wheels(project, environment, options, progress)
    for path in made.written:
        ui.wrote(path, changed=True)
    if ui.json_wanted:
        ui.json(
            {
                "environment": environment.name,
                "wheels": [_document(one) for one in made.wheels],
                "written": [display_path(path) for path in made.written],
            }
        )
        return
    if not made.wheels:
        ui.say(f"{environment.name} has nothing to build: all of it is locked as wheels")
    for one in made.wheels:
        ui.say(f"{'built' if one.built else 'had'} {one.build.name} {one.build.version}: {display_path(one.path)}")
        ui.out(f"{one.build.sha256}  {one.build.wheel}")


def _document(made: WheelMade) -> dict[str, object]:
    return {
        "name": made.build.name,
        "version": made.build.version,
        "wheel": made.build.wheel,
        "sha256": made.build.sha256,
        "requires": list(made.build.requires),
        "requirements": {one.name: one.version for one in made.build.files},
        "tools": list(made.build.tools),
        "path": str(made.path),
        "built": made.built,
    }

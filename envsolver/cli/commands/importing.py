"""``envsolver import``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from envsolver.cli.base import command, output_option
from envsolver.cli.output import write_document
from envsolver.cli.ui import display_path

if TYPE_CHECKING:
    from envsolver.cli.ui import Ui

__all__ = ["import_"]


@command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE")
@click.option("--name", metavar="NAME", help="Name of the environment; by default what the file tells.")
@click.option("--python", metavar="V", help="Python version; by default what the file tells.")
@click.option(
    "--platform",
    "platforms",
    multiple=True,
    metavar="P",
    help="Platform; may be given more than once. By default what the file tells, else linux-64.",
)
@click.option("--cuda", metavar="V", help="CUDA version that it is for; by default what a lock tells.")
@output_option("Write the spec there instead, - for standard output.")
def import_(
    ui: Ui,
    file: Path,
    *,
    name: str | None,
    python: str | None,
    platforms: tuple[str, ...],
    cuda: str | None,
    output: Path | None,
) -> None:
    """Make a spec from a file of another tool.

    Reads requirements files of pip, pyproject.toml, environment.yml of conda, and pixi.toml. Makes specs/NAME.yaml in
    the current folder (or --project); overwrites no spec. What a spec has no word for is named; what must not get lost
    is an error. Of a compiled requirements file only what its sources ask for is taken over. A pyproject.toml inside
    the project is referred to, not copied. Of a lock (conda-lock.yml, pixi.lock, an @EXPLICIT list of conda) what
    nothing else in it requires is asked for; `envsolver lock NAME --start FILE` then keeps its versions.
    """
    from envsolver.app.importing import ImportOptions, import_file, write_imported

    options = ImportOptions(name=name, python=python, platforms=platforms, cuda=cuda)
    made = import_file(ui.common.project or Path.cwd(), file, options)
    if output is None:
        write_imported(made)
        if ui.json_wanted:
            start = display_path(made.start) if made.start else None
            notes = list(made.notes)
            ui.json({"environment": made.name, "path": display_path(made.path), "notes": notes, "start": start})
            return
        ui.wrote(made.path, changed=True)
    else:
        write_document(ui, made.text, output, {"environment": made.name, "notes": list(made.notes)})
    for note in made.notes:
        ui.note(note)
    if output is None:
        if made.start is None:
            ui.hint(f"`envsolver lock {made.name}` resolves it")
        else:
            command = f"envsolver lock {made.name} --start {display_path(made.start)}"
            ui.hint(f"`{command}` resolves it, from the versions of that lock on")

"""``envsolver build``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from envsolver.app.project import locate_environment
from envsolver.cli.base import EnvironmentName, command, group_option, platform_option, prefix_option, python_option
from envsolver.cli.retired import warn_if_retired
from envsolver.cli.text import count, duration, size
from envsolver.cli.ui import display_path

if TYPE_CHECKING:
    from envsolver.app.building import Built
    from envsolver.cli.ui import Ui

__all__ = ["build"]


@command("build")
@click.argument("name", type=EnvironmentName(shipped=True), metavar="NAME")
@prefix_option("Where the environment is to lie; one that envsolver built there before is replaced.")
@group_option()
@platform_option("The platform; that of this machine by default.")
@python_option()
@click.option("--no-bytecode", is_flag=True, help="Do not compile modules.")
@click.option(
    "--bundle",
    type=click.Path(path_type=Path, exists=True),
    metavar="DIR|FILE.tar",
    help="Take all files from a bundle, none from an index.",
)
@click.option("--record", is_flag=True, help="Write the tree digest into the lock; later builds must yield it.")
@click.option("--twice", is_flag=True, help="Build once more, elsewhere and from an empty store, and compare.")
@click.option("--copy", is_flag=True, help="Give the environment files of its own, not links into the store.")
def build(
    ui: Ui,
    name: str,
    *,
    prefix: Path,
    groups: tuple[str, ...],
    platform: str | None,
    python: Path | None,
    no_bytecode: bool,
    bundle: Path | None,
    record: bool,
    twice: bool,
    copy: bool,
) -> None:
    """Build the environment of a lock.

    The same lock gives the same files, wherever and whenever it is built: the tree digest that is printed says so. A
    lock that records a digest fails a build that does not yield it.
    """
    from envsolver.app.building import BuildOptions
    from envsolver.app.building import build as run

    project, environment = locate_environment(ui.common.project, name)
    warn_if_retired(ui, project, environment)
    options = BuildOptions(
        prefix=prefix,
        platform=platform,
        groups=groups,
        python=python,
        bytecode=not no_bytecode,
        mode="copy" if copy else "auto",
        bundle=bundle,
        record=record,
        twice=twice,
        offline=ui.common.offline,
    )
    with ui.progress() as progress:
        built = run(project, environment, options, progress)
    for note in built.notes:
        ui.note(note)
    if ui.json_wanted:
        ui.json(_document(built))
        return
    _report(ui, built)


def _report(ui: Ui, built: Built) -> None:
    manifest = built.manifest
    packages = count(sum(bool(part.name) for part in manifest.parts), "package")
    ui.say(
        f"built {display_path(built.prefix)}: {packages}, {count(manifest.files, 'file')}, {size(built.size)}, "
        f"CPython {built.interpreter.version}"
    )
    if built.stocked.received:
        ui.say(f"downloaded {size(built.stocked.received)}")
    for path in built.written:
        ui.wrote(path, changed=True)
    ui.detail(", ".join(f"{stage} {duration(seconds)}" for stage, seconds in built.timings))
    ui.out(f"tree {manifest.digest}")


def _document(built: Built) -> dict[str, object]:
    manifest = built.manifest
    return {
        "environment": manifest.environment,
        "prefix": str(built.prefix),
        "platform": manifest.platform,
        "groups": list(manifest.groups),
        "python": built.interpreter.version,
        "interpreter": str(built.interpreter.path),
        "bytecode": manifest.bytecode,
        "packages": {part.name: part.version for part in manifest.parts if part.name},
        "files": manifest.files,
        "bytes": built.size,
        "downloaded_bytes": built.stocked.received,
        "tree": manifest.digest,
        "written": [display_path(path) for path in built.written],
        "timings": dict(built.timings),
    }

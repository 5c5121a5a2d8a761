"""``envsolver verify``."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import click

from envsolver.app.project import locate_environment
from envsolver.cli.base import EnvironmentName, command, group_option, prefix_option
from envsolver.cli.text import count
from envsolver.cli.ui import display_path

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from envsolver.app.verifying import Moved, Verified
    from envsolver.cli.ui import Ui

__all__ = ["verify"]

_NAMED = 3
"""So many files of one package and cause are named; ``--verbose`` names all."""
_WORDS = {
    "missing": "missing",
    "extra": "extra",
    "mode": "with other permissions",
    "bytecode": "bytecode",
    "RECORD": "RECORD, which an installer wrote",
    "debug": "in debug information alone",
    "path": "with the path of the environment in it",
    "interpreter": "links to another interpreter",
    "changed": "changed",
}


@command("verify")
@click.argument("name", type=EnvironmentName(shipped=True), metavar="NAME")
@prefix_option("Where the environment lies.")
@group_option("A group that it should have; by default those of its build.")
def verify(ui: Ui, name: str, *, prefix: Path, groups: tuple[str, ...]) -> int:
    """Say whether an environment is what its lock says.

    Exit status 1: it is not. Every file is read, and what differs is named with its package and the kind of cause.
    """
    from envsolver.app.verifying import verify as run

    project, environment = locate_environment(ui.common.project, name)
    with ui.progress() as progress:
        found = run(project, environment, prefix, groups or None, progress)
    if ui.json_wanted:
        ui.json(_document(found))
    else:
        _report(ui, found)
    return 0 if found.sound else 1


def _report(ui: Ui, found: Verified) -> None:
    for note in found.notes:
        ui.note(note)
    for line in _lines(found, every=ui.verbose):
        ui.out(line)
    if found.sound:
        proven = "the tree that the lock records" if found.recorded else "what the lock says"
        ui.say(f"{display_path(found.prefix)} is {proven}: {count(found.files, 'file')}")
    ui.out(f"tree {found.tree}")


def _lines(found: Verified, *, every: bool) -> Iterator[str]:
    for package in found.moved:
        yield _moved(package)
    for (package, cause), group in groupby(found.differences, key=lambda one: (one.package, one.cause)):
        paths = [one.path for one in group]
        named = paths if every else paths[:_NAMED]
        more = f" and {len(paths) - len(named)} more" if len(paths) > len(named) else ""
        yield f"{package or 'no package'}: {count(len(paths), 'file')} {_WORDS[cause]}: {', '.join(named)}{more}"
    if found.recorded is not None and found.recorded != found.tree:
        yield f"the lock records {found.recorded}"


def _moved(package: Moved) -> str:
    if package.built is None:
        return f"{package.name}: not in the environment; the lock has {package.locked}"
    if package.locked is None:
        return f"{package.name}: {package.built} is not in the lock"
    if package.built == package.locked:
        return f"{package.name}: {package.built} was built from another file than the lock has"
    return f"{package.name}: {package.built} in the environment, {package.locked} in the lock"


def _document(found: Verified) -> dict[str, object]:
    return {
        "prefix": str(found.prefix),
        "sound": found.sound,
        "tree": found.tree,
        "recorded": found.recorded,
        "files": found.files,
        "packages": [{"name": one.name, "built": one.built, "locked": one.locked} for one in found.moved],
        "differences": [{"package": one.package, "cause": one.cause, "path": one.path} for one in found.differences],
        "notes": list(found.notes),
    }

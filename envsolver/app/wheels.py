"""The use case ``wheel``: wheels out of the source archives of a lock, from build requirements that are locked too."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from envsolver.app.lockfile import read_lock
from envsolver.app.recording import write_lock
from envsolver.app.works import Works
from envsolver.model.errors import EnvsolverError, FileError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from envsolver.app.project import Environment, Project
    from envsolver.app.works import WheelMade
    from envsolver.lock.model import Lock, LockedTarget, Pin
    from envsolver.model.ports import Progress

__all__ = ["WheelOptions", "WheelsMade", "make_wheels"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelOptions:
    """What the user asks for.

    Attributes:
        packages: to build; empty for all that are locked as source.
        groups: beside the base, of which packages are built.
        python: interpreter to use; None to look for one.
        anew: forget what the lock says of the builds.
        rebuild: build even what the wheelhouse has, and compare.
        output: folder to copy the wheels to.
        offline: use the store, the cache and local files only.
    """

    packages: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    python: Path | None = None
    anew: bool = False
    rebuild: bool = False
    output: Path | None = None
    offline: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelsMade:
    """What came of a run: the wheels, and the files of the lock that were written."""

    wheels: tuple[WheelMade, ...]
    written: tuple[Path, ...]


def make_wheels(project: Project, environment: Environment, options: WheelOptions, progress: Progress) -> WheelsMade:
    """Build wheels of what is locked as source, and write into the lock how that was done.

    What the lock does not say yet is found out: the build requirements, recursively, and the wheel that comes of them.
    What it says is done so, and must come out so.

    Raises:
        UsageError: a package is not in the lock, or not locked as source.
        InterpreterError: there is no interpreter for the lock.
        ArtefactError: a build failed, or made another wheel than the lock says.
        NoSolutionError: build requirements cannot hold together.
        NetworkError: a file cannot be had.
        FileError: something cannot be written.
    """
    from envsolver.app.building import choose_interpreter, chosen_target

    lock = read_lock(project, environment)
    target = chosen_target(lock, None, options.groups)
    pins = _wanted(lock, target, options)
    interpreter = choose_interpreter(lock, options.python)
    works = Works(project, environment, lock, target, interpreter, progress, options.offline, options.rebuild)
    works.follow_spec, works.anew = True, options.anew
    try:
        made = tuple(works.make(pin) for pin in pins)
        if options.output is not None:
            made = tuple(_copied(one, options.output) for one in made)
    except EnvsolverError:
        # What was found out before is not lost: builds take long.
        if works.lock != lock:
            write_lock(project, environment, works.lock)
        raise
    except OSError as error:
        name = os.fsdecode(error.filename) if error.filename else str(works.store.folder)
        raise FileError(f"{name}: {(error.strerror or str(error)).lower()}") from error
    written = write_lock(project, environment, works.lock) if works.lock != lock else ()
    return WheelsMade(wheels=made, written=written)


def _wanted(lock: Lock, target: LockedTarget, options: WheelOptions) -> list[Pin]:
    pins = lock.select(target.platform, options.groups if not options.packages else lock_groups(lock, target))
    if not options.packages:
        return [pin for pin in pins if pin.file.kind != "wheel"]
    found = []
    for name in options.packages:
        package = lock.package(name, target.platform, lock_groups(lock, target))
        pin = next((pin for pin in pins if pin.package == package), None)
        if pin is None or pin.file.kind == "wheel":
            raise UsageError(f"{package.name} {package.version} is locked as a wheel; there is nothing to build")
        found.append(pin)
    return found


def lock_groups(lock: Lock, target: LockedTarget) -> tuple[str, ...]:
    """Return all groups that can be installed together on a target."""
    exclusive = {group for members in lock.exclusive for group in members}
    return tuple(group for group in lock.groups if group not in exclusive or group in target.choice)


def _copied(made: WheelMade, folder: Path) -> WheelMade:
    import shutil

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / made.path.name
    shutil.copyfile(made.path, path)
    return replace(made, path=path)

"""The use case ``wheel``: wheels out of the source archives of a lock, from build requirements that are locked too."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from envsolver.app.caching import cache_folder, unwritable, writable_cache
from envsolver.app.lockfile import read_lock
from envsolver.app.recording import write_lock
from envsolver.app.works import Works
from envsolver.lock.builds import find_build
from envsolver.model.errors import EnvsolverError, FileError, UsageError
from envsolver.model.values import dataclass
from envsolver.sources.cache import CACHE_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from envsolver.app.project import Environment, Project
    from envsolver.app.works import WheelMade
    from envsolver.lock.model import Lock, LockedTarget, Pin
    from envsolver.model.ports import Progress

__all__ = ["WheelOptions", "WheelsMade", "first_wheels", "keep_first_wheels", "make_wheels"]


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
    if options.output is None:
        if (reason := unwritable()) is not None:
            raise FileError(
                f"the cache {cache_folder()}, where wheels are kept, cannot be written ({reason})",
                hint=f"-o FOLDER puts them elsewhere; {CACHE_VARIABLE} names another cache",
            )
        return _make_wheels(project, environment, options, progress)
    with writable_cache(options.output.absolute(), progress):
        return _make_wheels(project, environment, options, progress)


def _make_wheels(project: Project, environment: Environment, options: WheelOptions, progress: Progress) -> WheelsMade:
    from envsolver.app.building import choose_interpreter, chosen_target

    lock = read_lock(project, environment)
    target = chosen_target(lock, None, options.groups)
    pins = _wanted(lock, target, options)
    interpreter = choose_interpreter(lock, options.python)
    works = Works(project, environment, lock, target, interpreter, progress, options.offline, options.rebuild)
    works.follow_spec, works.anew = True, options.anew
    works.check(pins)
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
        raise _unwritable(error, works) from error
    written = write_lock(project, environment, works.lock) if works.lock != lock else ()
    return WheelsMade(wheels=made, written=written)


def first_wheels(
    project: Project,
    environment: Environment,
    lock: Lock,
    target: LockedTarget,
    groups: Sequence[str],
    *,
    python: Path | None,
    offline: bool,
    progress: Progress,
) -> tuple[Lock, tuple[str, ...]]:
    """Build, for the first time, the wheels of source archives of which the lock says what they are built with only.

    Returns:
        The lock with what came of it, which is not written; and notes.

    Raises:
        EnvsolverError: as :func:`make_wheels`.
    """
    from envsolver.app.building import choose_interpreter

    pins = lock.select(target.platform, groups)
    builds = [(pin, find_build(lock, pin.file.sha256, target.platform)) for pin in pins if pin.file.kind == "sdist"]
    if not (todo := [pin for pin, build in builds if build is not None and not build.is_built]):
        return lock, ()
    if any(build is None for _, build in builds):
        return lock, ()  # not all of them can be built: nothing is begun
    interpreter = choose_interpreter(lock, python)
    works = Works(project, environment, lock, target, interpreter, progress, offline)
    works.check(todo)
    try:
        for pin in todo:
            works.make(pin)
    except OSError as error:
        raise _unwritable(error, works) from error
    names = ", ".join(f"{pin.package.name} {pin.package.version}" for pin in todo)
    note = f"built for the first time: {names}; `envsolver wheel {lock.name}` writes into the lock what comes of it"
    return works.lock, (note,)


def keep_first_wheels(project: Project, environment: Environment, before: Lock, lock: Lock) -> tuple[Path, ...]:
    """Write a lock with wheels that were built for the first time.

    Raises:
        FileError: it cannot be written, or has changed meanwhile.
    """
    if lock == before:
        return ()
    if read_lock(project, environment) != before:
        raise FileError(f"the lock of {lock.name} has changed while the environment was built", hint="build it again")
    return write_lock(project, environment, lock)


def _unwritable(error: OSError, works: Works) -> FileError:
    name = os.fsdecode(error.filename) if error.filename else str(works.store.folder)
    return FileError(f"{name}: {(error.strerror or str(error)).lower()}")


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

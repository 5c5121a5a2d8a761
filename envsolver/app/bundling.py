"""The use case ``bundle``: everything that an environment is built of, in one place."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from envsolver.app.building import choose_interpreter, chosen_target, refuse_sources
from envsolver.app.caching import writable_cache
from envsolver.app.condaremote import open_channels
from envsolver.app.lockfile import lock_text, read_lock
from envsolver.app.remote import open_remote
from envsolver.app.works import Works
from envsolver.build.bundle import carried_of, gather, write_tar, write_texts
from envsolver.build.scratch import scratch, sweep
from envsolver.build.store import Store
from envsolver.lock.builds import installed
from envsolver.lock.condapins import conda_pins
from envsolver.model.errors import FileError, UsageError
from envsolver.model.values import dataclass
from envsolver.sources.cache import default_cache_root

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envsolver.app.project import Environment, Project
    from envsolver.lock.model import Lock, LockedTarget, Pin
    from envsolver.model.ports import Progress

__all__ = ["BundleOptions", "Bundled", "bundle"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleOptions:
    """What the user asks for.

    Attributes:
        output: a folder that is not there yet, or a file whose name ends in ``.tar``.
        groups: beside the base.
        python: interpreter for wheels that have to be built; None to look for one.
        offline: use the cache and local files only.
    """

    output: Path
    groups: tuple[str, ...] = ()
    python: Path | None = None
    offline: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundled:
    """A bundle that was made: where (absolute), how many wheels it has, and their bytes."""

    path: Path
    files: int
    size: int


def bundle(project: Project, environment: Environment, options: BundleOptions, progress: Progress) -> Bundled:
    """Make a bundle of an environment: its wheels, those that are built here among them, the lock, a page of links.

    Raises:
        UsageError: there is something at the output, or a source archive has no build in the lock.
        NetworkError: a file cannot be had.
        ArtefactError: a file is not what the lock says.
        FileError: there is no lock, or something cannot be written.
    """
    with writable_cache(options.output.absolute().parent, progress):
        return _bundle(project, environment, options, progress)


def _bundle(project: Project, environment: Environment, options: BundleOptions, progress: Progress) -> Bundled:
    output = options.output.absolute()
    tar = output.suffix == ".tar"
    if output.is_dir() or (output.exists() and not tar):
        raise UsageError(f"{output} is there already", hint="name another -o; a .tar is replaced")
    lock = read_lock(project, environment)
    target = chosen_target(lock, None, options.groups)
    locked = lock.select(target.platform, options.groups)
    pins = installed(lock, locked, target.platform)
    refuse_sources(lock, pins)
    mark = f".{output.name}.envsolver-"
    try:
        sweep(output.parent, mark)
        with scratch(output.parent, mark) as work:
            folder = work / "bundle"
            folder.mkdir()
            remotes = open_remote(
                project,
                project.spec(environment),
                lock,
                target.platform,
                offline=options.offline,
                progress=progress,
            )
            store = Store(default_cache_root(os.environ, Path.home()), "bundle")
            gather(store, [pin for pin in locked if pin.file.kind == "wheel"], remotes, folder, progress)
            conda = conda_pins(lock, target.name)
            if conda:
                channels = open_channels(lock, os.environ, offline=options.offline, progress=progress)
                gather(store, conda, channels, folder, progress)
            _add_built(
                project, environment, lock, target, options, list(zip(locked, pins, strict=True)), folder, progress
            )
            head = {"environment": lock.name, "platform": target.platform, "groups": sorted(set(options.groups))}
            carried = [carried_of(pin) for pin in (*pins, *conda)]
            write_texts(folder, head, carried, {f"{lock.name}.lock.toml": lock_text(lock)})
            size = sum((folder / one.path).stat().st_size for one in carried)
            if tar:
                progress.stage("writing the archive")
                write_tar(folder, work / "bundle.tar")
                (work / "bundle.tar").replace(output)
            else:
                folder.rename(output)
    except OSError as error:
        name = os.fsdecode(error.filename) if error.filename else str(output)
        raise FileError(f"{name}: {(error.strerror or str(error)).lower()}") from error
    return Bundled(path=output, files=len(carried), size=size)


def _add_built(
    project: Project,
    environment: Environment,
    lock: Lock,
    target: LockedTarget,
    options: BundleOptions,
    pairs: Sequence[tuple[Pin, Pin]],
    folder: Path,
    progress: Progress,
) -> None:
    import shutil

    built = [(source, wheel) for source, wheel in pairs if source.file.kind != "wheel"]
    if not built:
        return
    interpreter = choose_interpreter(lock, options.python)
    works = Works(project, environment, lock, target, interpreter, progress, options.offline)
    for source, wheel in built:
        made = works.make(source)
        place = folder / carried_of(wheel).path
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(made.path, place)

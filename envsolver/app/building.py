"""The use case ``build``: an environment made of a lock, and of nothing else."""

from __future__ import annotations

import os
from contextlib import nullcontext
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING

from envsolver.app.caching import writable_cache
from envsolver.app.condainstall import check_conda, conda_interpreter, conda_set
from envsolver.app.lockfile import read_lock
from envsolver.app.timing import Stopwatch
from envsolver.build.assemble import Content, Way, assemble, beside, check_prefix, plan, put
from envsolver.build.interpreter import find_interpreter, machine_platform, probe
from envsolver.build.shelves import Stocked, look
from envsolver.build.store import Store
from envsolver.lock.builds import find_build, installed
from envsolver.model.errors import FileError, InterpreterError, UsageError
from envsolver.model.target import KNOWN_PLATFORMS
from envsolver.model.values import dataclass
from envsolver.sources.cache import default_cache_root

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

    from envsolver.app.project import Environment, Project
    from envsolver.build.conda import CondaPart, CondaSet
    from envsolver.build.download import Remote
    from envsolver.build.interpreter import Interpreter
    from envsolver.build.linking import LinkMode
    from envsolver.build.manifest import Manifest
    from envsolver.build.shelves import Shelf
    from envsolver.lock.model import Lock, LockedTarget, Pin
    from envsolver.model.ports import Progress

__all__ = ["BuildOptions", "Built", "Maker", "build"]

_TURNS = 3
"""So often the store may be emptied under a build's feet before it gives up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOptions:
    """What the user asks of a build.

    Attributes:
        prefix: where the environment is to lie.
        platform: of the lock; None for that of this machine.
        groups: to install beside the base.
        python: interpreter to use; None to look for one.
        bytecode: whether to compile it.
        mode: how files get from the store into the prefix.
        record: write the tree digest into the lock.
        bundle: to take files from, in place of the indexes.
        twice: build once more elsewhere, from an empty store and in other surroundings, and compare.
        offline: use the store, the cache and local files only.
    """

    prefix: Path
    platform: str | None = None
    groups: tuple[str, ...] = ()
    python: Path | None = None
    bytecode: bool = True
    mode: LinkMode = "auto"
    record: bool = False
    bundle: Path | None = None
    twice: bool = False
    offline: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """An environment that was built.

    Attributes:
        prefix: absolute.
        interpreter: that it runs on.
        manifest: what it holds.
        stocked: what had to be fetched, unpacked and compiled for it.
        written: files of the lock that were written.
        notes: for the user.
        timings: seconds by stage.
    """

    prefix: Path
    interpreter: Interpreter
    manifest: Manifest
    stocked: Stocked
    written: tuple[Path, ...]
    notes: tuple[str, ...]
    timings: tuple[tuple[str, float], ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(entry.size for part in self.manifest.parts for entry in part.entries)


def build(project: Project, environment: Environment, options: BuildOptions, progress: Progress) -> Built:
    """Build the environment of a lock.

    It is made beside its place and renamed to it, so that whatever happens either all of it is there or nothing. One
    that envsolver built there before is replaced.

    Raises:
        UsageError: the lock has no such platform or group, something of it cannot be built, or there is something else
            at the prefix.
        InterpreterError: there is no interpreter for it.
        FileError: there is no lock, or something cannot be written.
        ArtefactError: a file is not what the lock says, or not safe to install.
        NetworkError: a file cannot be had.
        CheckFailedError: the tree is another one than the lock records, or than the second build made.
    """
    with writable_cache(options.prefix.absolute().parent, progress):
        return _build(project, environment, options, progress)


def _build(project: Project, environment: Environment, options: BuildOptions, progress: Progress) -> Built:
    from envsolver.app.proving import prove, record_tree

    if options.record and project.shipped:
        raise UsageError(
            f"{environment.name} is of the catalogue that envsolver ships: nothing is recorded there",
            hint=f"write a spec with `extends: {environment.name}`, lock it, and build that",
        )

    stopwatch = Stopwatch()
    with stopwatch.stage("lock"):
        lock = read_lock(project, environment)
        target = chosen_target(lock, options.platform, options.groups, python=options.python)
        prefix = options.prefix.absolute()
        check_prefix(prefix)
    read, first = lock, tuple[str, ...]()
    if options.bundle is None and _lacks_wheels(lock, target, options.groups):
        from envsolver.app.wheels import first_wheels

        with stopwatch.stage("wheels"):
            lock, first = first_wheels(
                project,
                environment,
                lock,
                target,
                options.groups,
                python=options.python,
                offline=options.offline,
                progress=progress,
            )
    with stopwatch.stage("lock"):
        locked = lock.select(target.platform, options.groups)
        pins = installed(lock, locked, target.platform)
        refuse_sources(lock, pins)
        conda = conda_set(lock, target)
    with stopwatch.stage("interpreter"):
        interpreter = conda_interpreter(lock, prefix) if conda else choose_interpreter(lock, options.python)
    notes = (*_patch_note(lock, interpreter), *(() if options.record else first))
    store = Store(default_cache_root(os.environ, Path.home()), f"{interpreter.tag}-{target.platform}")
    sources = {wheel.file.sha256: pin for wheel, pin in zip(pins, locked, strict=True) if wheel != pin}
    maker = Maker(project, environment, lock, target, options, interpreter, store, progress, stopwatch, sources, conda)
    try:
        store.sweep()
        with beside(prefix) as folder:
            manifest, more = maker.make(folder / "tree", pins)
            prove(maker, folder, manifest)
            with stopwatch.stage("rename"):
                put(folder / "tree", prefix)
    except OSError as error:
        name = os.fsdecode(error.filename) if error.filename else str(store.folder)
        reason = (error.strerror or str(error)).lower()
        raise FileError(f"{name}: {reason}", hint=f"{prefix} is as it was before") from error
    written: tuple[Path, ...] = ()
    if options.record:
        from envsolver.app.wheels import keep_first_wheels

        kept = keep_first_wheels(project, environment, read, lock)
        written, before = record_tree(project, environment, lock, target, manifest)
        written = tuple(dict.fromkeys([*kept, *written]))
        if before is not None:
            more = (*more, f"the lock recorded another tree before: {before}")
    return Built(
        prefix=prefix,
        interpreter=interpreter,
        manifest=manifest,
        stocked=maker.stocked,
        written=written,
        notes=(*notes, *more),
        timings=stopwatch.seconds(),
    )


def _lacks_wheels(lock: Lock, target: LockedTarget, groups: Sequence[str]) -> bool:
    """Say whether something was locked as source of which the lock does not say yet what wheel that becomes."""
    sources = (pin.file.sha256 for pin in lock.select(target.platform, groups) if pin.file.kind == "sdist")
    return any(build is None or not build.is_built for build in (find_build(lock, s, target.platform) for s in sources))


@dataclass(slots=True)
class Maker:
    """One build, from what is known to a filled folder."""

    project: Project
    environment: Environment
    lock: Lock
    target: LockedTarget
    options: BuildOptions
    interpreter: Interpreter
    store: Store
    progress: Progress
    stopwatch: Stopwatch
    sources: Mapping[str | None, Pin]
    conda: CondaSet | None
    stocked: Stocked = field(default_factory=Stocked)

    def make(self, folder: Path, pins: Sequence[Pin]) -> tuple[Manifest, tuple[str, ...]]:
        """Fill a new folder."""
        import shutil

        for turn in range(1, _TURNS + 1):
            try:
                part = self._conda(folder)
                with self.stopwatch.stage("store"):
                    shelves = self._shelves(pins, folder)
                with self.stopwatch.stage("link"):
                    self.progress.stage("linking")
                    contents = contents_of(pins, shelves)
                    if part is None:
                        folder.mkdir()
                        planned = plan(contents, self.way)
                    else:
                        planned = plan([*part.contents, *contents], self.way, part.own)
                    notes = assemble(folder, planned, self.interpreter, self.options.mode)
                    return planned.manifest, (*(part.notes if part else ()), *planned.notes, *notes)
            except FileNotFoundError:
                # Somebody has emptied the store: what is missing comes once more.
                if turn == _TURNS:
                    raise
                shutil.rmtree(folder, ignore_errors=True)
        raise AssertionError  # the last turn returns or raises

    def _conda(self, folder: Path) -> CondaPart | None:
        """Put packages of conda into a new folder, if there are any."""
        if self.conda is None:
            return None
        from envsolver.app.condaremote import open_channels
        from envsolver.build.bundle import open_bundle
        from envsolver.build.conda import CondaSite, place

        options = self.options
        site = CondaSite(
            folder=folder,
            prefix=options.prefix.absolute(),
            interpreter=conda_interpreter(self.lock, folder),
            bytecode=options.bytecode,
            mode=options.mode,
        )

        def remotes() -> AbstractAsyncContextManager[Remote]:
            if options.bundle is not None:
                return nullcontext(open_bundle(options.bundle))
            return open_channels(self.lock, os.environ, offline=options.offline, progress=self.progress)

        with self.stopwatch.stage("conda"):
            part = place(self.store, self.conda, site, remotes, self.progress)
        self.stocked.received += part.received
        return part

    def _remotes(self) -> AbstractAsyncContextManager[Remote]:
        from envsolver.app.remote import open_remote

        return open_remote(
            self.project,
            self.project.spec(self.environment),
            self.lock,
            self.target.platform,
            offline=self.options.offline,
            progress=self.progress,
        )

    def _bring_built(self, missing: Sequence[Pin]) -> None:
        """Have in the store the wheels that come of source archives."""
        wanted = [self.sources[pin.file.sha256] for pin in missing if pin.file.sha256 in self.sources]
        if wanted:
            from envsolver.app.works import Works

            works = Works(
                self.project,
                self.environment,
                self.lock,
                self.target,
                # One of conda is not at its place yet; a wheel is the same over any interpreter of the minor version.
                choose_interpreter(self.lock, None) if self.conda else self.interpreter,
                self.progress,
                self.options.offline,
            )
            works.check([pin for pin in wanted if not works.has(pin)])
            for pin in wanted:
                works.bring(pin)

    @property
    def way(self) -> Way:
        """How it is built."""
        return Way(
            environment=self.lock.name,
            platform=self.target.platform,
            python=self.interpreter.minor,
            groups=self.options.groups,
            bytecode=self.options.bytecode,
        )

    def _shelves(self, pins: Sequence[Pin], folder: Path) -> Mapping[str, Shelf]:
        found = look(self.store, pins, bytecode=self.options.bytecode)
        missing = [pin for pin in pins if pin.file.sha256 not in found]
        if not missing:
            return found
        from envsolver.build.bundle import open_bundle

        bundle = None if self.options.bundle is None else open_bundle(self.options.bundle)
        self._bring_built([pin for pin in missing if bundle is None or not bundle.has(pin.file.sha256)])
        from envsolver.build.stock import fill

        remotes = self._remotes() if bundle is None else nullcontext(bundle)
        interpreter = conda_interpreter(self.lock, folder) if self.conda else self.interpreter
        more, done = fill(self.store, missing, interpreter, remotes, self.progress, bytecode=self.options.bytecode)
        self.stocked.received += done.received
        self.stocked.unpacked += done.unpacked
        self.stocked.compiled += done.compiled
        return {**found, **more}


def chosen_target(
    lock: Lock, platform: str | None, groups: Sequence[str], *, python: Path | None = None
) -> LockedTarget:
    """Return the target to build for on this machine.

    Args:
        lock: that is built.
        platform: that the user asks for.
        groups: beside the base.
        python: interpreter that the user names for the environment.

    Raises:
        UsageError: the lock does not hold for it, has packages of conda that cannot be installed, or another machine is
            asked for.
    """
    machine = machine_platform()
    if platform is not None and platform != machine:
        if platform not in KNOWN_PLATFORMS:
            lock.target(platform, groups)  # which says what there is
        raise UsageError(
            f"this machine is {machine}; an environment for {platform} is built on such a machine",
            hint=f"the lock holds for {', '.join(lock.platforms)}",
        )
    if machine.startswith("win-"):
        raise UsageError("environments can be built on Linux and macOS", hint="`envsolver export` serves pip and uv")
    target = lock.target(machine, groups)
    check_conda(lock, target, interpreter=python)
    return target


def refuse_sources(lock: Lock, pins: Sequence[Pin]) -> None:
    """Refuse source archives of which the lock does not say how they are built.

    Raises:
        UsageError: there is one.
    """
    sources = [pin for pin in pins if pin.file.kind != "wheel"]
    if sources:
        names = ", ".join(f"{pin.package.name} {pin.package.version}" for pin in sources)
        raise UsageError(
            f"{names}: locked as source, and the lock does not say yet how that becomes a wheel",
            hint=f"`envsolver wheel {lock.name}` builds it once, with build requirements that it locks",
        )


def choose_interpreter(lock: Lock, python: Path | None) -> Interpreter:
    """Return the interpreter for a lock: the one that the user names, or one of this machine.

    Raises:
        InterpreterError: there is none, or the one named has another minor version.
    """
    if python is None:
        return find_interpreter(lock.python, os.environ, Path.home())
    found = probe(python, "--python")
    wanted = ".".join(lock.python.split(".")[:2])
    if found.minor != wanted:
        raise InterpreterError(f"{python} is CPython {found.version}; the lock of {lock.name} is for {wanted}")
    return found


def _patch_note(lock: Lock, interpreter: Interpreter) -> tuple[str, ...]:
    if interpreter.version == lock.python:
        return ()
    here = f"this machine has {interpreter.version} ({interpreter.path}), for which wheels and bytecode are the same"
    return (f"the lock was made for CPython {lock.python}; {here}",)


def contents_of(pins: Sequence[Pin], shelves: Mapping[str, Shelf]) -> list[Content]:
    contents = []
    for pin in pins:
        shelf = shelves.get(pin.file.sha256 or "")
        if shelf is None:
            raise FileNotFoundError(2, "gone from the store", pin.file.filename)
        contents.append(
            Content(name=pin.package.name, version=pin.package.version, sha256=pin.file.sha256 or "", shelf=shelf)
        )
    return contents

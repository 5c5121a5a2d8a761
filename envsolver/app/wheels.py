"""The use case ``wheel``: wheels out of the source archives of a lock, from build requirements that are locked too."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from envsolver.app.lockfile import read_lock
from envsolver.app.recording import write_lock
from envsolver.app.timing import Stopwatch
from envsolver.build.backend import Workshop, static_requirements
from envsolver.build.scratch import scratch
from envsolver.build.stock import fetch, fill, look, stock_wheel
from envsolver.build.store import Store
from envsolver.build.toolchain import toolchain
from envsolver.build.wheelhouse import Wheelhouse, file_digest, key_of
from envsolver.lock.builds import build_pins, find_build, with_builds
from envsolver.lock.model import BuildFile, LockedBuild
from envsolver.model.errors import ArtefactError, EnvsolverError, FileError, MetadataUnusableError, UsageError
from envsolver.model.origin import Origin
from envsolver.model.spec import SpecRequirement
from envsolver.sources.cache import default_cache_root

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

    from envsolver.app.project import Environment, Project
    from envsolver.build.download import Remote
    from envsolver.build.interpreter import Interpreter
    from envsolver.build.stock import Shelf
    from envsolver.lock.model import Lock, LockedIndex, LockedTarget, Pin
    from envsolver.model.ports import Progress

__all__ = ["WheelMade", "WheelOptions", "WheelsMade", "Works", "make_wheels"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelOptions:
    """What the user asks for.

    Attributes:
        packages: to build; empty for all that are locked as source.
        groups: beside the base, of which packages are built.
        python: interpreter to use; None to look for one.
        rebuild: build even what the wheelhouse has, and compare.
        output: folder to copy the wheels to.
        offline: use the store, the cache and local files only.
    """

    packages: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    python: Path | None = None
    rebuild: bool = False
    output: Path | None = None
    offline: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelMade:
    """A wheel.

    Attributes:
        build: as it stands in the lock.
        path: where the wheel lies.
        built: whether it was built in this run; the wheelhouse had it otherwise.
    """

    build: LockedBuild
    path: Path
    built: bool


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


@dataclass(slots=True)
class Works:
    """Builds wheels of the source archives of one lock.

    Attributes:
        lock: with what was found out so far.
    """

    project: Project
    environment: Environment
    lock: Lock
    target: LockedTarget
    interpreter: Interpreter
    progress: Progress
    offline: bool
    rebuild: bool = False
    _made: dict[str, WheelMade] = field(default_factory=dict)
    _under_way: list[str] = field(default_factory=list)

    @property
    def _root(self) -> Path:
        return default_cache_root(os.environ, Path.home())

    @property
    def store(self) -> Store:
        """Where wheels and archives lie."""
        return Store(self._root, f"{self.interpreter.tag}-{self.target.platform}")

    def make(self, pin: Pin) -> WheelMade:
        """Return the wheel of a source archive.

        Raises:
            EnvsolverError: as :func:`make_wheels`.
        """
        digest = pin.file.sha256
        if digest is None:
            raise UsageError(f"{pin.requirement}: a checkout has no sha256, so that no build of it can be locked")
        if digest in self._made:
            return self._made[digest]
        name = f"{pin.package.name} {pin.package.version}"
        if name in self._under_way:
            raise UsageError(
                f"{name} is needed to build itself: {' needs '.join([*self._under_way, name])}",
                hint="one of them has to be had as a wheel",
            )
        self._under_way.append(name)
        self._made[digest] = made = self._make(pin, digest)
        self._under_way.pop()
        if find_build(self.lock, digest, self.target.platform) is None:
            self.lock = with_builds(self.lock, [made.build], ())
        return made

    def bring(self, pin: Pin) -> None:
        """Have the wheel of a source archive in the store."""
        made = self.make(pin)
        stock_wheel(self.store, made.build.sha256, made.build.wheel, made.path, self.interpreter)

    def _make(self, pin: Pin, digest: str) -> WheelMade:
        build = find_build(self.lock, digest, self.target.platform)
        house = Wheelhouse(self._root)
        kept = None
        if build is not None:
            kept = house.get(self._key(build, digest))
            if kept is not None and not self.rebuild and file_digest(kept) == build.sha256:
                return WheelMade(build=build, path=kept, built=False)
        with scratch(self.store.folder / "work", "build-") as folder:
            archive = fetch(self.store, pin, self._remotes(), self.progress)
            if file_digest(archive) != digest:
                archive.unlink()
                raise ArtefactError(
                    pin.file.filename, "the store's copy is damaged; it was deleted", hint="run it again"
                )
            requires, files = (build.requires, build.files) if build else self._resolve(pin, archive, folder / "ask")
            wheel = self._build(pin, archive, folder / "make", files)
            made = self._checked(pin, digest, wheel, requires, files)
            if build is not None and made.sha256 != build.sha256:
                raise _other(build, made, wheel, kept)
            path = house.put(self._key(made, digest), wheel)
        return WheelMade(build=build or made, path=path, built=True)

    def _build(self, pin: Pin, archive: Path, folder: Path, files: Sequence[BuildFile]) -> Path:
        shop = self._workshop(pin, archive, folder, files)
        self.progress.stage(f"building {pin.package.name} {pin.package.version}")
        return shop.wheel()

    def _resolve(self, pin: Pin, archive: Path, folder: Path) -> tuple[tuple[str, ...], tuple[BuildFile, ...]]:
        """Find out what a build needs: what its project says, then what its backend asks for when that is there."""
        source = self._unpack(pin, archive, folder / "look")
        requires = static_requirements(source, pin.file.filename)
        files = self._solve(pin, requires)
        asked = self._workshop(pin, archive, folder / "backend", files).requirements()
        everything = tuple(sorted({*requires, *asked}))
        return everything, files if set(everything) == set(requires) else self._solve(pin, everything)

    def _solve(self, pin: Pin, requires: Sequence[str]) -> tuple[BuildFile, ...]:
        if not requires:
            return ()
        self.progress.stage(f"resolving the build requirements of {pin.package.name}")
        locked = asyncio.run(self._solved(pin.file.filename, requires))
        used = [index for index in locked.indexes if self.lock.index_url(index.alias) is None]
        self._add_indexes(used)
        return tuple(
            BuildFile(name=one.package.name, version=one.package.version, file=replace(one.file, targets=()))
            for one in locked.select(self.target.platform)
        )

    async def _solved(self, filename: str, requires: Sequence[str]) -> Lock:
        from envsolver.app.solving import solve_environment
        from envsolver.sources.open import SourceSettings, open_session

        origin = Origin(filename, 1)
        # Indexes, their bindings, and the day of the spec hold for build requirements too; what it requires does not.
        spec = replace(
            self.project.spec(self.environment),
            requirements=tuple(SpecRequirement(text=text, origin=origin) for text in requires),
            platforms=(self.target.platform,),
            constraints=(),
            overrides=(),
            groups=(),
            group_specs=(),
            exclusive=(),
            gpu=None,
        )
        async with open_session(SourceSettings(offline=self.offline), self.progress) as session:
            solved = await solve_environment(
                spec,
                digest="",
                project_root=self.project.root,
                session=session,
                keep=None,
                moving=frozenset(),
                extra_constraints=(),
                stopwatch=Stopwatch(),
                progress=self.progress,
            )
        return solved.lock

    def _add_indexes(self, indexes: Sequence[LockedIndex]) -> None:
        if indexes:
            self.lock = with_builds(self.lock, (), indexes)

    def _workshop(self, pin: Pin, archive: Path, folder: Path, files: Sequence[BuildFile]) -> Workshop:
        """Set up what a backend needs to run: its sources and its environment."""
        source = self._unpack(pin, archive, folder / "source")
        prefix, work = folder / "env", folder / "work"
        prefix.mkdir()
        work.mkdir()
        self._environment(prefix, files)
        return Workshop(filename=pin.file.filename, source=source, prefix=prefix, work=work)

    def _unpack(self, pin: Pin, archive: Path, folder: Path) -> Path:
        from envsolver.sources.metadata.unpack import unpack_sdist

        folder.mkdir(parents=True)
        try:
            return unpack_sdist(archive, folder, pin.file.filename)
        except MetadataUnusableError as error:
            raise ArtefactError(pin.file.filename, error.reason) from error

    def _environment(self, prefix: Path, files: Sequence[BuildFile]) -> None:
        from envsolver.app.building import contents_of
        from envsolver.build.assemble import Way, assemble, plan
        from envsolver.lock.builds import installed

        pins = build_pins(files)
        for pin in pins:
            if pin.file.kind != "wheel":
                self.bring(pin)
        pins = installed(self.lock, pins, self.target.platform)
        way = Way(
            environment="build",
            platform=self.target.platform,
            python=self.interpreter.minor,
            groups=(),
            bytecode=True,
        )
        assemble(prefix, plan(contents_of(pins, self._shelves(pins)), way), self.interpreter)

    def _shelves(self, pins: Sequence[Pin]) -> Mapping[str, Shelf]:
        found = look(self.store, pins, bytecode=True)
        missing = [pin for pin in pins if pin.file.sha256 not in found]
        if not missing:
            return found
        more, _ = fill(self.store, missing, self.interpreter, self._remotes(), self.progress, bytecode=True)
        return {**found, **more}

    def _remotes(self) -> AbstractAsyncContextManager[Remote]:
        from envsolver.app.remote import open_remote

        return open_remote(
            self.project,
            self.project.spec(self.environment),
            self.lock,
            self.target.platform,
            offline=self.offline,
            progress=self.progress,
        )

    def _key(self, build: LockedBuild, digest: str) -> str:
        inner = [find_build(self.lock, one.file.sha256, build.platform) for one in build.files]
        closure = [
            one.file.sha256 or "" if made is None else made.sha256 for one, made in zip(build.files, inner, strict=True)
        ]
        return key_of(
            source=digest,
            closure=closure,
            interpreter=self.interpreter.version,
            platform=build.platform,
            tools=toolchain(),
        )

    def _checked(
        self, pin: Pin, digest: str, wheel: Path, requires: tuple[str, ...], files: tuple[BuildFile, ...]
    ) -> LockedBuild:
        from envsolver.app.wheelchecks import check_wheel

        check_wheel(wheel, pin, self.lock, self.target)
        return LockedBuild(
            name=pin.package.name,
            version=pin.package.version,
            source=digest,
            platform=self.target.platform,
            requires=requires,
            files=files,
            wheel=wheel.name,
            sha256=file_digest(wheel),
            tools=() if wheel.name.endswith("-any.whl") else toolchain(),
        )


def _other(build: LockedBuild, made: LockedBuild, wheel: Path, kept: Path | None) -> ArtefactError:
    """Say in which way a wheel is not the one of the lock."""
    from envsolver.app.wheelchecks import differing_members

    reasons = []
    if build.tools != made.tools:
        then, now = (", ".join(tools) or "no compiler" for tools in (build.tools, made.tools))
        reasons.append(f"then it was built with {then}, now with {now}")
    if kept is not None and file_digest(kept) == build.sha256:
        reasons.append(f"these members differ: {', '.join(differing_members(kept, wheel))}")
    return ArtefactError(
        made.wheel,
        "; ".join([f"its sha256 is {made.sha256}, the lock says {build.sha256}", *reasons]),
        hint="the wheel was not kept; nothing else that the lock knows of differs",
    )

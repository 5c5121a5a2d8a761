"""Wheels out of source archives: build requirements found out or taken from the lock, and the build itself."""

from __future__ import annotations

import os
from dataclasses import field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from envsolver.app.buildtools import check_tools
from envsolver.app.recipes import fetch_archive, is_up_to_date, settings_of, solve_requirements, unpack_archive
from envsolver.build.backend import Workshop
from envsolver.build.declared import static_requirements
from envsolver.build.scratch import scratch
from envsolver.build.shelves import look
from envsolver.build.stock import fill, stock_wheel
from envsolver.build.store import Store
from envsolver.build.toolchain import toolchain
from envsolver.build.wheelhouse import SharedHouse, Wheelhouse, file_digest, is_local, key_of
from envsolver.lock.builds import build_pins, find_build, with_builds
from envsolver.model.errors import ArtefactError, UsageError
from envsolver.model.values import dataclass
from envsolver.sources.cache import default_cache_root

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

    from envsolver.app.project import Environment, Project
    from envsolver.app.recipes import Part
    from envsolver.build.assemble import Way
    from envsolver.build.download import Remote
    from envsolver.build.interpreter import Interpreter
    from envsolver.build.manifest import Manifest
    from envsolver.build.shelves import Shelf
    from envsolver.lock.model import BuildFile, Lock, LockedBuild, LockedIndex, LockedTarget, Pin
    from envsolver.model.ports import Progress
    from envsolver.model.spec import Spec

__all__ = ["WheelMade", "Works"]

WHEELHOUSE = "ENVSOLVER_WHEELHOUSE"
"""Variable with the URL of a wheelhouse that machines share."""
_ROUND = 128
"""Builds take place in folders whose paths have a multiple of this length."""


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


@dataclass
class Works:
    """Builds wheels of the source archives of one lock.

    Attributes:
        lock: with what was found out so far.
        rebuild: build even what the wheelhouse has.
        follow_spec: find out anew what the spec wants otherwise than the lock has it.
        anew: find out everything anew.
        received: bytes of wheels that were downloaded.
    """

    project: Project
    environment: Environment
    lock: Lock
    target: LockedTarget
    interpreter: Interpreter
    progress: Progress
    offline: bool
    rebuild: bool = False
    follow_spec: bool = False
    anew: bool = False
    received: int = 0
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
        if find_build(self.lock, digest, self.target.platform) != made.build:
            self.lock = with_builds(self.lock, [made.build], ())
        return made

    def check(self, pins: Sequence[Pin]) -> None:
        """Refuse to begin where tools for one of several builds are missing, before the others are done.

        Raises:
            UsageError: so it is.
        """
        for pin in pins:
            digest = pin.file.sha256 or ""
            build = self._known(pin, digest)
            said = build or self._settings(pin)
            # What needs none is not looked for in a wheelhouse far away only for this.
            if said.needs and (self.rebuild or self._kept(build, digest) is None):
                check_tools(said, self._spec.gpu)

    def has(self, pin: Pin) -> bool:
        """Say whether the wheel of a source archive is in the store."""
        build = find_build(self.lock, pin.file.sha256, self.target.platform)
        return build is not None and build.is_built and self.store.get("wheels", build.sha256) is not None

    def bring(self, pin: Pin) -> None:
        """Have the wheel of a source archive in the store."""
        if self.has(pin):
            return
        made = self.make(pin)
        stock_wheel(self.store, made.build.sha256, made.build.wheel, made.path, self.interpreter)

    def _make(self, pin: Pin, digest: str) -> WheelMade:
        build = self._known(pin, digest)
        kept = self._kept(build, digest)
        if build is not None and kept is not None and not self.rebuild and file_digest(kept) == build.sha256:
            return WheelMade(build=build, path=kept, built=False)
        check_tools(build or self._settings(pin), self._spec.gpu)
        with scratch(self.store.folder / "work", "build-") as made_folder:
            folder = _of_one_length(made_folder)
            archive = fetch_archive(self.store, pin, self._remotes(), self.progress)
            recipe = build
            if recipe is None or not recipe.is_built:
                recipe = self._resolve(pin, archive, folder / "ask", recipe or self._settings(pin))
            wheel = self._build(pin, archive, folder / "make", recipe)
            made = self._checked(pin, wheel, recipe)
            if build is not None and build.is_built and made.sha256 != build.sha256:
                raise _other(build, made, wheel, kept)
            path = self._house.put(self._key(made, digest), wheel)
        return WheelMade(build=build if build is not None and build.is_built else made, path=path, built=True)

    def _known(self, pin: Pin, digest: str) -> LockedBuild | None:
        """Return what the lock says of a build, as far as that holds."""
        build = find_build(self.lock, digest, self.target.platform)
        if build is not None and (self.anew or (self.follow_spec and not is_up_to_date(build, self._settings(pin)))):
            return None
        return build

    def _kept(self, build: LockedBuild | None, digest: str) -> Path | None:
        """Return the wheel that the wheelhouse has of a build; it may be another one than that of the lock."""
        if build is None or not build.is_built:
            return None
        kept = self._house.get(self._key(build, digest), build.sha256)
        if self.rebuild or (kept is not None and file_digest(kept) == build.sha256):
            return kept
        # The same bytes, whatever they were made with: nobody needs a toolkit for a wheel that is there.
        return self._house.find(build.wheel, build.sha256) or kept

    def _settings(self, pin: Pin) -> LockedBuild:
        return settings_of(self._spec, self.lock, pin, self.target.platform)

    @cached_property
    def _house(self) -> Wheelhouse:
        url = os.environ.get(WHEELHOUSE)
        # Without a network only what lies on this machine is asked, whatever it is called.
        shared = SharedHouse(url, self.progress.note) if url and (not self.offline or is_local(url)) else None
        return Wheelhouse(self._root, shared)

    @cached_property
    def _spec(self) -> Spec:
        return self.project.spec(self.environment)

    def _build(self, pin: Pin, archive: Path, folder: Path, build: LockedBuild) -> Path:
        shop = self._workshop(pin, archive, folder, build)
        self.progress.stage(f"building {pin.package.name} {pin.package.version}")
        return shop.wheel()

    def ask(self, pin: Pin, archive: Path, build: LockedBuild) -> tuple[str, ...]:
        """Return what a backend asks for, in an environment of the files of a build; nothing is kept of it.

        Raises:
            EnvsolverError: it fails, or cannot be started.
            OSError: something cannot be written.
        """
        with scratch(self.store.folder / "work", "ask-") as folder:
            shop = self._workshop(pin, archive, folder / "backend", build, part="no headers", bytecode=False)
            try:
                return shop.requirements()
            except ArtefactError:  # perhaps for a header that is missing
                whole = unpack_archive(pin, archive, folder / "whole")
                return replace(shop, source=whole).requirements()

    def _resolve(self, pin: Pin, archive: Path, folder: Path, said: LockedBuild) -> LockedBuild:
        """Find out what a build needs: what project and spec say, then what the backend asks for when that is there.

        Of a build that the lock has, only what goes beyond it is resolved.
        """
        source = unpack_archive(pin, archive, folder / "look", "top")
        static = {*said.requires, *static_requirements(source, pin.file.filename).requires}
        build = self._with_requirements(pin, said, static)
        asked = self._workshop(pin, archive, folder / "backend", build).requirements()
        return self._with_requirements(pin, build, {*build.requires, *asked})

    def _with_requirements(self, pin: Pin, build: LockedBuild, requires: set[str]) -> LockedBuild:
        if build.files and requires == set(build.requires):
            return build
        wanted = tuple(sorted(requires))
        return replace(build, requires=wanted, files=self._solve(pin, (*wanted, *build.beside), build.files))

    def _solve(self, pin: Pin, requires: Sequence[str], prefer: Sequence[BuildFile] = ()) -> tuple[BuildFile, ...]:
        self.progress.stage(f"resolving the build requirements of {pin.package.name}")
        files, indexes = solve_requirements(
            self.project,
            self._spec,
            self.lock,
            self.target.platform,
            pin.file.filename,
            requires,
            prefer=prefer,
            offline=self.offline,
            progress=self.progress,
        )
        self._add_indexes([index for index in indexes if self.lock.index_url(index.alias) is None])
        return files

    def _add_indexes(self, indexes: Sequence[LockedIndex]) -> None:
        if indexes:
            self.lock = with_builds(self.lock, (), indexes)

    def _workshop(
        self,
        pin: Pin,
        archive: Path,
        folder: Path,
        build: LockedBuild,
        *,
        part: Part = "all",
        bytecode: bool = True,
    ) -> Workshop:
        """Set up what a backend needs to run: its sources and its environment."""
        source = unpack_archive(pin, archive, folder / "source", part)
        prefix, work = folder / "env", folder / "work"
        prefix.mkdir()
        work.mkdir()
        self._environment(prefix, build.files, bytecode=bytecode)
        return Workshop(
            filename=pin.file.filename,
            source=source,
            prefix=prefix,
            work=work,
            log=self.store.folder / "logs" / f"{pin.file.filename}.log",
            path=build.path,
            environment=build.environment,
        )

    def fill(self, prefix: Path, pins: Sequence[Pin], way: Way) -> Manifest:
        """Fill an empty folder with an environment; return what it holds.

        Raises:
            EnvsolverError: as :func:`make_wheels`.
            OSError: something cannot be written.
        """
        from envsolver.app.building import contents_of
        from envsolver.build.assemble import assemble, plan
        from envsolver.lock.builds import installed

        for pin in pins:
            if pin.file.kind != "wheel":
                self.bring(pin)
        pins = installed(self.lock, pins, self.target.platform)
        planned = plan(contents_of(pins, self._shelves(pins, bytecode=way.bytecode)), way)
        assemble(prefix, planned, self.interpreter)
        return planned.manifest

    def _environment(self, prefix: Path, files: Sequence[BuildFile], *, bytecode: bool) -> None:
        from envsolver.build.assemble import Way

        way = Way(
            environment="build",
            platform=self.target.platform,
            python=self.interpreter.minor,
            groups=(),
            bytecode=bytecode,
        )
        self.fill(prefix, build_pins(files), way)

    def _shelves(self, pins: Sequence[Pin], *, bytecode: bool) -> Mapping[str, Shelf]:
        found = look(self.store, pins, bytecode=bytecode)
        missing = [pin for pin in pins if pin.file.sha256 not in found]
        if not missing:
            return found
        more, done = fill(self.store, missing, self.interpreter, self._remotes(), self.progress, bytecode=bytecode)
        self.received += done.received
        return {**found, **more}

    def _remotes(self) -> AbstractAsyncContextManager[Remote]:
        from envsolver.app.remote import open_remote

        return open_remote(
            self.project,
            self._spec,
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
            tools=(*_tools(build), *build.environment, *build.path),
        )

    def _checked(self, pin: Pin, wheel: Path, recipe: LockedBuild) -> LockedBuild:
        from envsolver.app.wheelchecks import check_wheel

        check_wheel(wheel, pin, self.lock, self.target)
        tools = () if wheel.name.endswith("-any.whl") else _tools(recipe)
        return replace(recipe, wheel=wheel.name, sha256=file_digest(wheel), tools=tools)


def _of_one_length(folder: Path) -> Path:
    """Return a folder below this one whose path has a round length: libraries have room for it, and for no other."""
    here = len(os.fsencode(folder)) + 2
    length = -(-here // _ROUND) * _ROUND
    return folder / ("b" * (length - here + 1))


def _tools(build: LockedBuild) -> tuple[str, ...]:
    return toolchain(build.path, dict(one.split("=", 1) for one in build.environment))


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
        hint=f"the wheel was not kept; `envsolver wheel NAME {build.name} --anew` takes the new one into the lock",
    )

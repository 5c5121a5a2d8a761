"""Build requirements of the source archives of a lock, resolved recursively when the lock is made."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from envsolver.app.recipes import fetch_archive, is_up_to_date, settings_of, solve_requirements, unpack_archive
from envsolver.build.declared import UNREAD, StaticRequirements, added_by_backend, static_requirements
from envsolver.lock.builds import build_pins, find_build, with_builds
from envsolver.model.candidate import is_conda
from envsolver.model.errors import EnvsolverError, InterpreterError
from envsolver.model.pep508 import parse_requirement
from envsolver.sources.cache import Cache, default_cache_root

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from envsolver.app.project import Environment, Project
    from envsolver.build.interpreter import Interpreter
    from envsolver.build.store import Store
    from envsolver.lock.model import BuildFile, Lock, LockedBuild, LockedIndex, LockedTarget, Pin
    from envsolver.model.ports import Progress
    from envsolver.model.spec import Spec

__all__ = ["LARGE", "lacks_builds", "lock_builds"]

LARGE = 64 * 1024 * 1024
"""Bytes. A larger source archive is not fetched to be read: it is taken for one of setuptools that asks for nothing."""


def lacks_builds(lock: Lock) -> bool:
    """Say whether there is a source archive of which the lock does not say what it is built with."""
    return any(
        find_build(lock, pin.file.sha256, platform) is None
        for platform in lock.platforms
        for pin, _ in _sources(lock, platform)
    )


def lock_builds(
    project: Project,
    environment: Environment,
    spec: Spec,
    lock: Lock,
    old: Lock | None,
    *,
    offline: bool,
    refresh: bool,
    progress: Progress,
) -> tuple[Lock, tuple[str, ...]]:
    """Add to a lock what its source archives are built with, as far as that can be known before they are built.

    Nothing is built but build requirements that are source archives themselves. What cannot be found out does not
    keep the lock from being made: without it the lock is as good as those of other tools.

    Args:
        project: of the environment.
        environment: that the lock is of.
        spec: of the environment.
        lock: that was just made.
        old: that it takes the place of: versions of build requirements stay where they can.
        offline: use the cache and local files only.
        refresh: ask the indexes even where the cache is fresh.
        progress: is told.

    Returns:
        The lock, and notes on what could not be found out.
    """
    from envsolver.build.interpreter import machine_platform

    closer = _Closer(project, environment, spec, lock, old, offline, refresh, progress)
    machine = machine_platform()
    # What a backend asks for is found out on this machine, and taken over for the others.
    for platform in sorted(lock.platforms, key=lambda platform: platform != machine):
        closer.asking = platform == machine
        for pin, target in list(_sources(lock, platform)):
            try:
                closer.close(pin, target)
            except (EnvsolverError, OSError) as error:
                closer.notes.append(_unknown(lock, pin, platform, error))
    return closer.lock, tuple(dict.fromkeys(closer.notes))


_Solved = tuple[tuple["BuildFile", ...], tuple["LockedIndex", ...]]


@dataclass
class _Closer:
    """Finds out what source archives are built with.

    What an archive says, and what its backend asks for in an environment of certain files, is the same every time, and
    takes seconds to find out: the cache remembers it.

    Attributes:
        lock: with what was found out so far.
        asking: whether backends are asked.
        notes: for the user.
    """

    project: Project
    environment: Environment
    spec: Spec
    lock: Lock
    old: Lock | None
    offline: bool
    refresh: bool
    progress: Progress
    asking: bool = False
    notes: list[str] = field(default_factory=list)
    _solutions: dict[tuple[object, ...], _Solved] = field(default_factory=dict)

    @cached_property
    def _cache(self) -> Cache:
        return Cache(self._root, self.progress)

    @cached_property
    def _root(self) -> Path:
        return default_cache_root(os.environ, Path.home())

    @cached_property
    def _interpreter(self) -> Interpreter:
        from envsolver.app.building import choose_interpreter

        return choose_interpreter(self.lock, None)

    def close(self, pin: Pin, target: LockedTarget) -> None:
        """Have in the lock what a source archive is built with.

        Raises:
            EnvsolverError: that cannot be found out.
            OSError: something cannot be written.
        """
        platform = target.platform
        said = settings_of(self.spec, self.lock, pin, platform)
        build = find_build(self.lock, pin.file.sha256, platform)
        if build is not None and is_up_to_date(build, said):
            return
        static = self._static(pin, platform)
        fixed = tuple(sorted({*said.requires, *static.requires, *self._elsewhere(pin, platform)}))
        asks = self.asking and not static.backend
        asked = self._asked(pin, target, static, replace(said, requires=fixed)) if asks else ()
        before = None if self.old is None else find_build(self.old, pin.file.sha256, platform)
        prefer = () if before is None else before.files
        # Versions of the lock are preferred: most often this setuptools will be that one.
        versions = {str(package.name): package.version for package in self.lock.packages}
        for _ in range(2):
            added = added_by_backend(static, versions)
            requires = tuple(sorted({*fixed, *asked, *added}))
            files, indexes = self._solve(pin, platform, (*requires, *said.beside), prefer)
            versions = {str(one.name): one.version for one in files}
            if added_by_backend(static, versions) == added:
                break
        named = [index for index in indexes if self.lock.index_url(index.alias) is None]
        self.lock = with_builds(self.lock, [replace(said, requires=requires, files=files)], named)
        for one in build_pins(files):
            if one.file.kind != "wheel":
                self.close(one, target)

    def _solve(self, pin: Pin, platform: str, requires: tuple[str, ...], prefer: tuple[BuildFile, ...]) -> _Solved:
        """Resolve requirements: those of many archives are the same."""
        key = (platform, requires, prefer)
        if key not in self._solutions:
            self._solutions[key] = solve_requirements(
                self.project,
                self.spec,
                self.lock,
                platform,
                pin.file.filename,
                requires,
                prefer=prefer,
                offline=self.offline,
                refresh=self.refresh,
                progress=self.progress,
            )
        return self._solutions[key]

    def _static(self, pin: Pin, platform: str) -> StaticRequirements:
        """Return what can be read in an archive."""
        if (pin.file.size or 0) > LARGE:
            return UNREAD

        def read() -> tuple[str, ...]:
            from envsolver.build.scratch import scratch

            archive = self._archive(pin, platform)
            with scratch(self._store.folder / "work", "closure-") as folder:
                project = unpack_archive(pin, archive, folder / "look", "top")
                static = static_requirements(project, pin.file.filename)
            return (static.backend, *static.requires)

        backend, *requires = self._remembered("build-static", (pin.file.sha256,), read)
        return StaticRequirements(requires=tuple(requires), backend=backend)

    def _asked(self, pin: Pin, target: LockedTarget, static: StaticRequirements, build: LockedBuild) -> tuple[str, ...]:
        """Return what the backend asks for where nothing of the environment is beside it, which may be gigabytes.

        It is asked once more before the first build.
        """

        def ask(alone: LockedBuild) -> tuple[str, ...]:
            from envsolver.app.works import Works

            interpreter = self._interpreter
            archive = self._archive(pin, target.platform)
            works = Works(self.project, self.environment, self.lock, target, interpreter, self.progress, self.offline)
            return works.ask(pin, archive, alone)

        minor = self.lock.python.rpartition(".")[0]
        # First beside what the project itself names: most backends need no more to answer, and it is soon there.
        for requires in dict.fromkeys((_of_same_names(build.requires, static.requires), build.requires)):
            try:
                files, _ = self._solve(pin, target.platform, requires, ())
                alone = replace(build, beside=(), files=files)
                digests = tuple(one.file.sha256 for one in files)
                facts = (pin.file.sha256, minor, target.platform, digests, build.environment, build.path)
                return self._remembered("build-asked", facts, partial(ask, alone))
            except InterpreterError as error:
                self.notes.append(f"no build backend was asked: {str(error).partition(chr(10))[0]}")
                return ()
            except (EnvsolverError, OSError):
                continue
        self.notes.append(
            f"what the backend of {pin.package.name} {pin.package.version} asks for is not known before its build"
        )
        return ()

    def _remembered(
        self, bucket: str, facts: tuple[object, ...], find: Callable[[], tuple[str, ...]]
    ) -> tuple[str, ...]:
        key = json.dumps(facts)
        if (kept := self._cache.get(bucket, key)) is not None:
            return tuple(json.loads(kept))
        found = find()
        self._cache.put(bucket, key, json.dumps(found).encode())
        return found

    @cached_property
    def _store(self) -> Store:
        from envsolver.build.store import Store

        return Store(self._root, "sources")

    def _archive(self, pin: Pin, platform: str) -> Path:
        from envsolver.app.remote import open_remote

        remotes = open_remote(
            self.project, self.spec, self.lock, platform, offline=self.offline, progress=self.progress
        )
        return fetch_archive(self._store, pin, remotes, self.progress)

    def _elsewhere(self, pin: Pin, platform: str) -> tuple[str, ...]:
        """Return what an archive was found to need on another platform."""
        others = (one for one in self.lock.builds if one.source == pin.file.sha256 and one.platform != platform)
        return next((one.requires for one in others), ())


def _of_same_names(requires: Iterable[str], named: Iterable[str]) -> tuple[str, ...]:
    """Return the requirements of projects that others name."""
    names = {_project_of(text) for text in named}
    return tuple(text for text in requires if _project_of(text) in names)


def _project_of(requirement: str) -> str:
    """Return the name in a requirement; of what is none, which the solver will refuse, all."""
    try:
        return canonicalize_name(parse_requirement(requirement).name)
    except ValueError:
        return requirement


def _sources(lock: Lock, platform: str) -> Iterator[tuple[Pin, LockedTarget]]:
    """Yield the source archives of a platform, each once, with a target that has it."""
    seen = set()
    for target in lock.targets:
        if target.platform != platform:
            continue
        for pin in lock.select(platform, _all_groups(lock, target)):
            digest = pin.file.sha256
            if pin.file.kind == "sdist" and not is_conda(pin.package.name) and digest and digest not in seen:
                seen.add(digest)
                yield pin, target


def _all_groups(lock: Lock, target: LockedTarget) -> tuple[str, ...]:
    exclusive = {group for members in lock.exclusive for group in members}
    return tuple(group for group in lock.groups if group not in exclusive or group in target.choice)


def _unknown(lock: Lock, pin: Pin, platform: str, error: EnvsolverError | OSError) -> str:
    where = f" for {platform}" if len(lock.platforms) > 1 else ""
    if isinstance(error, EnvsolverError):
        reason = str(error).partition("\n")[0]
    else:
        reason = f"{os.fsdecode(error.filename or Path())}: {(error.strerror or str(error)).lower()}"
    return (
        f"the build requirements of {pin.package.name} {pin.package.version}{where} are not locked: {reason}; "
        f"`envsolver wheel {lock.name} {pin.package.name}` tries again"
    )

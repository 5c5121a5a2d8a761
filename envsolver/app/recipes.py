"""How a source archive is to be built: what spec and archive say, and what they require, resolved."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from envsolver.app.timing import Stopwatch
from envsolver.lock.builds import locked_beside
from envsolver.lock.model import BuildFile, LockedBuild, LockedPackage
from envsolver.model.candidate import conda_name, normalize_name
from envsolver.model.errors import ArtefactError, MetadataUnusableError, UsageError
from envsolver.model.origin import Origin
from envsolver.model.spec import BuildSpec, SpecRequirement

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from envsolver.app.project import Project
    from envsolver.build.download import Remote
    from envsolver.build.store import Store
    from envsolver.lock.model import Lock, LockedIndex, Pin
    from envsolver.model.ports import Progress
    from envsolver.model.spec import Spec
    from envsolver.sources.open import SourceSettings

__all__ = ["fetch_archive", "is_up_to_date", "settings_of", "solve_requirements", "unpack_archive"]

_NOWHERE = Origin("", 1)


def settings_of(spec: Spec, lock: Lock, pin: Pin, platform: str) -> LockedBuild:
    """Return what a spec says of a build, as the beginning of what the lock will say.

    Raises:
        UsageError: the spec wants something beside it that the lock has not.
    """
    name = pin.package.name
    said = next((one for one in spec.builds if one.package == name), BuildSpec(package=name, origin=_NOWHERE))
    beside = locked_beside(lock, said.beside, platform)
    if absent := sorted(set(said.beside) - {one.partition("==")[0] for one in beside}):
        raise UsageError(f"{said.origin}: build: {name}: {'; '.join(_absence(lock, one) for one in absent)}")
    return LockedBuild(
        name=name,
        version=pin.package.version,
        source=pin.file.sha256 or "",
        platform=platform,
        wheel="",
        sha256="",
        requires=tuple(sorted(one.text for one in said.requires)),
        beside=tuple(sorted(beside)),
        environment=tuple(sorted(f"{key}={value}" for key, value in said.environment.items())),
        path=said.path,
        needs=tuple(sorted(said.tools)),
    )


def _absence(lock: Lock, project: str) -> str:
    """Say why a project cannot stand beside a build: it is not locked, or not as a wheel."""
    from envsolver.knowledge.conda import conda_candidates

    packages = {conda_name(package): package for package in conda_candidates(normalize_name(project), {})}
    found = next((one for one in lock.packages if one.name in packages), None)
    if found is None:
        return f"{project} is not in the lock"
    return f"{project} comes by conda ({packages[found.name]} {found.version}), and builds have wheels beside them only"


def is_up_to_date(build: LockedBuild, said: LockedBuild) -> bool:
    """Say whether a build of the lock is still how the spec wants it."""
    keys = ("beside", "environment", "path", "needs")
    same = all(getattr(build, key) == getattr(said, key) for key in keys)
    return same and set(said.requires) <= set(build.requires)


def fetch_archive(store: Store, pin: Pin, remotes: AbstractAsyncContextManager[Remote], progress: Progress) -> Path:
    """Return a source archive of the store, held against its sha256; it is fetched if it is not there.

    Raises:
        ArtefactError: it is not what the lock says.
        NetworkError: it cannot be had.
        OSError: it cannot be written.
    """
    from envsolver.build.stock import fetch
    from envsolver.build.wheelhouse import file_digest

    archive = fetch(store, pin, remotes, progress)
    if file_digest(archive) != pin.file.sha256:
        archive.unlink()
        raise ArtefactError(pin.file.filename, "the store's copy is damaged; it was deleted", hint="run it again")
    return archive


Part = Literal["all", "top", "no headers"]
"""Of a source archive: all of it; what lies at its top, which says how it is built; what backends read (see unpack)."""


def unpack_archive(pin: Pin, archive: Path, folder: Path, part: Part = "all") -> Path:
    """Unpack a part of a source archive into a folder that is not there yet; return its project.

    Raises:
        ArtefactError: it is refused.
        OSError: it cannot be written.
    """
    from envsolver.sources.metadata import unpack

    wanted = {"all": unpack.everything, "top": unpack.at_top, "no headers": unpack.no_header}[part]
    folder.mkdir(parents=True)
    try:
        return unpack.unpack_sdist(archive, folder, pin.file.filename, wanted=wanted)
    except MetadataUnusableError as error:
        raise ArtefactError(pin.file.filename, error.reason) from error


def solve_requirements(
    project: Project,
    spec: Spec,
    lock: Lock,
    platform: str,
    filename: str,
    requires: Sequence[str],
    *,
    prefer: Sequence[BuildFile] = (),
    offline: bool = False,
    refresh: bool = False,
    progress: Progress,
) -> tuple[tuple[BuildFile, ...], tuple[LockedIndex, ...]]:
    """Resolve what a build environment has to hold.

    Indexes, their bindings and the day of the spec hold for build requirements too; what it requires does not.

    Args:
        project: of the environment.
        spec: of the environment.
        lock: whose versions are preferred: torch beside a build should bring the numpy of the environment.
        platform: to build on.
        filename: of the archive, for messages.
        requires: what is required (PEP 508).
        prefer: versions that come before those of the lock: what was locked for this build before.
        offline: use the cache and local files only.
        refresh: ask the indexes even where the cache is fresh.
        progress: is told.

    Returns:
        The packages, sorted by name, and the indexes named by the spec that they come from.

    Raises:
        NoSolutionError: the requirements cannot hold together.
        NetworkError: an index does not answer.
    """
    if not requires:
        return (), ()
    from envsolver.sources.open import SourceSettings

    origin = Origin(filename, 1)
    own = replace(
        spec,
        requirements=tuple(SpecRequirement(text=text, origin=origin) for text in requires),
        platforms=(platform,),
        constraints=(),
        overrides=(),
        groups=(),
        group_specs=(),
        exclusive=(),
        gpu=None,
        conda=None,
    )
    locked = asyncio.run(
        _solved(project, own, _preferring(lock, prefer), SourceSettings(offline=offline, refresh=refresh), progress)
    )
    files = tuple(
        BuildFile(name=one.package.name, version=one.package.version, file=replace(one.file, targets=()))
        for one in locked.select(platform)
    )
    return files, locked.indexes


def _preferring(lock: Lock, files: Sequence[BuildFile]) -> Lock:
    """Return a lock to take versions from: that of the environment, with others for some packages."""
    if not files:
        return lock
    names = {one.name for one in files}
    others = (package for package in lock.packages if package.name not in names)
    mine = (LockedPackage(name=one.name, version=one.version, files=(one.file,)) for one in files)
    return replace(lock, packages=(*others, *mine))


async def _solved(project: Project, spec: Spec, keep: Lock, settings: SourceSettings, progress: Progress) -> Lock:
    from envsolver.app.solving import solve_environment
    from envsolver.sources.open import open_session

    async with open_session(settings, progress) as session:
        solved = await solve_environment(
            spec,
            digest="",
            project_root=project.root,
            session=session,
            keep=keep,
            moving=frozenset(),
            extra_constraints=(),
            stopwatch=Stopwatch(),
            progress=progress,
        )
    return solved.lock

"""``index freeze``: record what a live index has of the packages bound to it, in a file that then serves instead."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from envsolver import __version__
from envsolver.app.files import require_folder, write_atomic
from envsolver.app.lockfile import read_lock
from envsolver.lock.urls import public_url
from envsolver.model.candidate import normalize_name
from envsolver.model.errors import FileError, LockError, MetadataUnusableError, UsageError
from envsolver.model.values import dataclass
from envsolver.model.wording import there_are
from envsolver.sources.frozen import dumps, freeze
from envsolver.sources.open import SourceSettings, open_session
from envsolver.spec.curated import PREFIX, frozen_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from envsolver.app.project import Environment, Project
    from envsolver.model.candidate import File, Metadata, Name, Page
    from envsolver.model.ports import CandidateSource, Progress
    from envsolver.model.spec import IndexSpec, Spec
    from envsolver.model.target import Target

__all__ = ["Frozen", "freeze_index"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """A record that was written.

    Attributes:
        alias: of the index.
        path: of the file, absolute.
        changed: whether it was written, or had these bytes already.
        packages: the projects recorded.
        files: how many files of them.
        named: whether the specs name the file already, so that it will be used.
    """

    alias: str
    path: Path
    changed: bool
    packages: tuple[str, ...]
    files: int
    named: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _User:
    """An environment that uses the index."""

    environment: Environment
    spec: Spec
    index: IndexSpec


def freeze_index(
    project: Project,
    alias: str,
    *,
    packages: Sequence[str] = (),
    every_file: bool = False,
    output: Path | None = None,
    progress: Progress,
) -> Frozen:
    """Record an index that specs of the project name.

    Args:
        project: whose specs bind packages to the index.
        alias: of the index.
        packages: further projects to record; those bound by name are recorded anyway.
        every_file: record files that fit no environment, too.
        output: where to; by default the file that the specs name, else ``specs/indexes/ALIAS.json``.
        progress: is told what goes on.

    Raises:
        UsageError: no spec names the index, two specs mean different ones, or there is nothing to record.
        NetworkError: the index did not answer.
        FileError: the record cannot be written.
    """
    if output is not None:
        require_folder(output)
    users = _users(project, alias)
    index = users[0].index
    shipped = index.origin.path.startswith(PREFIX)
    if shipped and output is None:
        raise UsageError(
            f"index {alias!r} is one of the catalogue that envsolver ships ({index.origin})",
            hint="write the record elsewhere with -o FILE",
        )
    names = _names(project, users, packages)
    if not names:
        raise UsageError(f"index {alias!r} has no package bound to it by name", hint="name the packages with --package")
    text, count = asyncio.run(_record(project, users, names, every_file=every_file, progress=progress))
    default = project.root / "specs" / "indexes" / f"{alias}.json"
    named = frozen_path(index, project.root) if index.frozen and not shipped else None
    path = output or named or default
    return Frozen(
        alias=alias,
        path=path,
        changed=write_atomic(path, text.encode()),
        packages=names,
        files=count,
        named=named is not None and path.resolve() == named.resolve(),
    )


def _users(project: Project, alias: str) -> list[_User]:
    users = []
    known: set[str] = set()
    for environment in project.all():
        spec = project.spec(environment)
        known |= {index.alias for index in spec.indexes}
        users += [
            _User(environment=environment, spec=spec, index=index) for index in spec.indexes if index.alias == alias
        ]
    if not users:
        there = there_are(sorted(known)) if known else "the specs name no index"
        raise UsageError(f"no spec has an index {alias!r}", hint=there)
    for user in users[1:]:
        if user.index.url != users[0].index.url:
            raise UsageError(
                f"{users[0].index.origin} and {user.index.origin} mean different indexes by {alias!r}",
                hint="give them different names",
            )
    return users


def _names(project: Project, users: Sequence[_User], packages: Iterable[str]) -> tuple[Name, ...]:
    """Return the projects that are bound by name, asked for, or locked from the index by a pattern."""
    names = {normalize_name(package) for package in packages}
    for user in users:
        names |= {normalize_name(package) for package in user.index.packages if "*" not in package}
        names |= set(_locked_from(project, user))
    return tuple(sorted(names))


def _locked_from(project: Project, user: _User) -> Iterator[Name]:
    try:
        lock = read_lock(project, user.environment)
    except (FileError, LockError):
        return
    for package in lock.packages:
        if any(file.index == user.index.alias for file in package.files):
            yield package.name


async def _record(
    project: Project, users: Sequence[_User], names: tuple[Name, ...], *, every_file: bool, progress: Progress
) -> tuple[str, int]:
    index = users[0].index
    targets = [user.spec.target(platform) for user in users for platform in user.spec.platforms]
    # The live index alone, whatever is bound or recorded elsewhere.
    alone = replace(users[0].spec, indexes=(replace(index, frozen=None, packages=names, platforms=()),))
    progress.stage("reading the index")
    async with open_session(SourceSettings(refresh=True), progress) as session:
        source = session.source_for(alone, targets[0].platform, project.root)
        pages = await asyncio.gather(*(source.page(name) for name in names))
        files = [
            file
            for page in pages
            for file in _files(page)
            if every_file or any(_fits(file, target) for target in targets)
        ]
        if not files:
            raise UsageError(
                f"index {index.alias!r} has no file that fits an environment of the project",
                hint="--every-file records all",
            )
        progress.stage("reading metadata")
        found = await asyncio.gather(*(_artefact(source, file, progress) for file in files))
    frozen = freeze(public_url(index.url), found, sources=(f"Read from the index itself by envsolver {__version__}.",))
    return dumps(frozen), len(files)


def _files(page: Page) -> Iterator[File]:
    for release in page.releases:
        yield from page.files(release.version)


def _fits(file: File, target: Target) -> bool:
    return file.kind == "sdist" or target.wheel_rank(file.tags) is not None


async def _artefact(source: CandidateSource, file: File, progress: Progress) -> tuple[File, Metadata | None]:
    """Return a file with its digest, and its metadata if that can be read."""
    if file.sha256 is None:
        sha256, size = await source.digest(file)
        file = replace(file, sha256=sha256, size=size)
    try:
        return file, await source.metadata(file)
    except MetadataUnusableError as error:
        progress.note(f"{error}; recorded without requirements")
        return file, None

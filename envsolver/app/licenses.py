"""Licenses in a difference between locks: of what moved, as the wheels declare them.

A lock says nothing of licenses. They are read from the indexes of the spec, for the files that changed only, and kept
in the cache under the sha256 of the wheel, whose content never changes.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from envsolver.model.candidate import is_conda
from envsolver.model.errors import EnvsolverError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envsolver.app.project import Environment, Project
    from envsolver.lock.diff import Change, LockDiff
    from envsolver.lock.model import Lock, LockedFile
    from envsolver.model.candidate import File, Name
    from envsolver.model.ports import CandidateSource, Progress
    from envsolver.sources.open import Session

__all__ = ["with_licenses"]

_BUCKET = "license-1"


def with_licenses(
    project: Project,
    environment: Environment,
    found: LockDiff,
    old: Lock,
    new: Lock,
    *,
    offline: bool,
    progress: Progress,
) -> LockDiff:
    """Return a difference whose changes say which licenses the old and the new wheels declare.

    What cannot be read is told as a note, and is None.

    Args:
        project: of the environment.
        environment: whose spec names the indexes.
        found: what differs.
        old: the lock that is compared with.
        new: the lock as it is.
        offline: use the cache and local files only.
        progress: is told what goes on.

    Raises:
        SpecError: the spec cannot be used.
        FileError: it, or a frozen index, cannot be read.
    """
    return asyncio.run(_with_licenses(project, environment, found, old, new, offline=offline, progress=progress))


async def _with_licenses(
    project: Project,
    environment: Environment,
    found: LockDiff,
    old: Lock,
    new: Lock,
    *,
    offline: bool,
    progress: Progress,
) -> LockDiff:
    from envsolver.sources.open import SourceSettings, open_session

    spec = project.spec(environment)
    progress.stage("reading licenses")
    async with open_session(SourceSettings(offline=offline), progress) as session:
        reader = _Reader(session, progress)
        platforms = sorted({target.platform for target in (*old.targets, *new.targets)} & set(spec.platforms))
        sources = {platform: session.source_for(spec, platform, project.root) for platform in platforms}
        each = [_change(change, old, new, sources, reader) for change in found.changes]
        return replace(found, changes=tuple(await asyncio.gather(*each)))


async def _change(
    change: Change, old: Lock, new: Lock, sources: Mapping[str, CandidateSource], reader: _Reader
) -> Change:
    if is_conda(change.name) or change.kind in {"removed", "rewired"}:
        return change
    was = next(_wheels(old, change.name, change.old, change.targets), None)
    now = next(_wheels(new, change.name, change.new, change.targets), None)
    return replace(
        change,
        old_license=await reader.license(change.name, change.old, was, sources),
        new_license=await reader.license(change.name, change.new, now, sources),
    )


def _wheels(lock: Lock, name: Name, version: str | None, targets: tuple[str, ...]) -> Iterator[tuple[str, LockedFile]]:
    """Yield (platform, wheel) of a package on some targets; empty means all."""
    for target in lock.targets:
        package = lock.packages_on(target.name).get(name)
        if package is None or package.version != version or (targets and target.name not in targets):
            continue
        file = package.file(target.name)
        if file.kind == "wheel":
            yield target.platform, file


class _Reader:
    """Reads what the cache has not."""

    def __init__(self, session: Session, progress: Progress) -> None:
        self._session = session
        self._progress = progress

    async def license(
        self,
        name: Name,
        version: str | None,
        where: tuple[str, LockedFile] | None,
        sources: Mapping[str, CandidateSource],
    ) -> str | None:
        """Return what the wheel of a package declares; None where there is none, or it declares nothing."""
        if where is None or where[1].sha256 is None:
            return None
        platform, locked = where
        cache = self._session.cache
        known = cache.get(_BUCKET, locked.sha256 or "")
        if known is not None:
            return known.decode("utf-8", "replace") or None
        try:
            source = sources.get(platform)
            file = await _on_index(source, name, locked) if source is not None else None
            if file is None:
                self._progress.note(f"license of {name} {version}: the indexes have {locked.filename} no more")
                return None
            from envsolver.sources.metadata.license import read_license

            said = await read_license(self._session.http, file)
        except EnvsolverError as error:
            self._progress.note(f"license of {name} {version} could not be read: {error}")
            return None
        cache.put(_BUCKET, locked.sha256 or "", (said or "").encode())
        return said


async def _on_index(source: CandidateSource, name: Name, locked: LockedFile) -> File | None:
    page = await source.page(name)
    files = (file for release in page.releases for file in page.files(release.version))
    return next((file for file in files if file.sha256 == locked.sha256), None)

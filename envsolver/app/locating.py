"""Where the files of a lock lie for this reader: his mirror's URLs, which the lock itself does not hold."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from envsolver.lock.model import DIRECT_INDEX
from envsolver.lock.urls import public_url
from envsolver.model.candidate import is_conda
from envsolver.model.errors import FileError, UnknownPackageError
from envsolver.sources.open import SourceSettings, open_session

if TYPE_CHECKING:
    from collections.abc import Callable

    from envsolver.app.project import Project
    from envsolver.lock.model import Lock, LockedFile, LockedPackage
    from envsolver.model.ports import CandidateSource, Progress
    from envsolver.model.spec import Spec

__all__ = ["find_url", "locate"]

_MOVED = "the file is gone, or your index is another one than that of the lock; `envsolver lock --refresh` looks again"


def locate(
    project: Project, spec: Spec, lock: Lock, *, offline: bool, progress: Progress
) -> Callable[[LockedFile], str]:
    """Return a function from a file of pip to its URL, without credentials.

    The indexes' pages are read, from the cache where it has them. A file is found by its sha256: an index may serve
    other bytes under one name.

    Raises:
        FileError: an index does not have a file of the lock (any more).
        NetworkError: an index did not answer.
    """
    urls = asyncio.run(_locate(project, spec, lock, SourceSettings(offline=offline), progress))

    def url_of(file: LockedFile) -> str:
        return urls[file.index, file.filename, file.sha256]

    return url_of


async def _locate(
    project: Project, spec: Spec, lock: Lock, settings: SourceSettings, progress: Progress
) -> dict[tuple[str, str, str | None], str]:
    urls: dict[tuple[str, str, str | None], str] = {}
    progress.stage("reading indexes")
    async with open_session(settings, progress) as session:
        for target in lock.targets:
            source = session.source_for(spec, target.platform, project.root)
            wanted = [
                (package, package.file(target.name))
                for package in lock.packages_on(target.name).values()
                if package.file(target.name).index != DIRECT_INDEX and not is_conda(package.name)
            ]
            found = await asyncio.gather(*(find_url(source, package, file) for package, file in wanted))
            for (_, file), url in zip(wanted, found, strict=True):
                urls[file.index, file.filename, file.sha256] = url
    return urls


async def find_url(source: CandidateSource, package: LockedPackage, file: LockedFile) -> str:
    """Return the URL of one file, without credentials.

    Raises:
        FileError: the index does not have it.
        NetworkError: the index did not answer.
    """
    try:
        page = await source.page(package.name)
    except UnknownPackageError as error:
        raise FileError(f"{file.filename}: {error}", hint=_MOVED) from error
    files = page.files(package.version) if any(r.version == package.version for r in page.releases) else ()
    for candidate in files:
        if candidate.filename == file.filename and candidate.sha256 in {file.sha256, None}:
            return public_url(candidate.url)
    raise FileError(
        f"index {page.index!r} does not have {file.filename} with sha256 {(file.sha256 or '')[:16]}…", hint=_MOVED
    )

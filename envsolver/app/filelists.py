"""The file lists of wheels: what the cache has, and what is read of wheels by the end of their archives.

A wheel's central directory says path, size and CRC-32 of every member. It stands at the end, so a range request or two
fetch it without the rest. The list is kept under the sha256 of the wheel, whose content never changes.
"""

from __future__ import annotations

import json
import os
import zlib
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from envsolver.model.errors import EnvsolverError, NetworkError, UnknownPackageError
from envsolver.model.values import dataclass
from envsolver.sources.cache import Cache, default_cache_root

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from envsolver.findings.subject import Part, Subject
    from envsolver.model.candidate import File
    from envsolver.model.ports import CandidateSource, Progress
    from envsolver.model.spec import Spec
    from envsolver.sources.metadata.ports import Http
    from envsolver.sources.open import Session

__all__ = ["FileLists", "cached_lists", "generation", "members_of", "read_lists"]

_BUCKET = "files-1"
_GENERATION = "generation"

_MAX_LIST = 64 * 1024 * 1024
"""Bytes of an unpacked list; tensorflow's, of 24,000 files, has 2 MB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLists:
    """What is known of the files in wheels.

    Attributes:
        lists: sha256 of a wheel → path → (size, CRC-32).
        files: subject label and project → (filename, sha256) as the index has them, where the lock did not say.
        unread: what could not be read, and why, each a line.
    """

    lists: Mapping[str, Mapping[str, tuple[int, int]]]
    files: Mapping[tuple[str, str], tuple[str, str]]
    unread: tuple[str, ...] = ()

    def into(self, subject: Subject) -> Subject:
        """Return a subject that knows them."""
        found = {name: self.files.get((subject.label, name)) for name in subject.parts}
        parts = {
            name: replace(part, filename=known[0]) if (known := found[name]) else part
            for name, part in subject.parts.items()
        }
        learnt = {name: known[1] for name, known in found.items() if known}
        return replace(subject, parts=parts, digests={**subject.digests, **learnt}, file_lists=self.lists)


def cached_lists(subjects: Iterable[Subject]) -> FileLists:
    """Return the lists that earlier runs have read."""
    digests = {digest for subject in subjects for digest in subject.digests.values()}
    if generation() == "0":
        return FileLists(lists={}, files={})
    known = {digest: members for digest in sorted(digests) if (members := _remembered(digest)) is not None}
    return FileLists(lists=known, files={})


def generation() -> str:
    """Return a word that changes with every list that the cache gets; ``0`` if it has none."""
    data = _cache().get(_BUCKET, _GENERATION)
    return "0" if data is None else data.decode("ascii", "replace")


@cache
def _remembered(digest: str) -> Mapping[str, tuple[int, int]] | None:
    return _load(_cache(), digest)


def _load(store: Cache, digest: str) -> Mapping[str, tuple[int, int]] | None:
    data = store.get(_BUCKET, digest)
    if data is None:
        return None
    try:
        text = zlib.decompressobj().decompress(data, _MAX_LIST)
        return {path: (size, crc) for path, (size, crc) in json.loads(text).items()}
    except (zlib.error, ValueError, TypeError, AttributeError):  # of another layout
        return None


def read_lists(
    subjects: Sequence[Subject], spec: Spec | None, root: Path, *, offline: bool, progress: Progress
) -> FileLists:
    """Read the lists of all wheels that the subjects install, from the cache where it has them.

    A wheel that cannot be had is named in the answer; it does not keep the others from being read.

    Args:
        subjects: of one lock.
        spec: whose indexes serve the files; None: the default index.
        root: of the project.
        offline: use the cache and local files only.
        progress: is told how far it has got.

    Raises:
        FileError: a frozen index of the spec cannot be read.
    """
    import asyncio

    return asyncio.run(_read_lists(subjects, spec, root, offline=offline, progress=progress))


async def _read_lists(
    subjects: Sequence[Subject], spec: Spec | None, root: Path, *, offline: bool, progress: Progress
) -> FileLists:
    import asyncio

    from envsolver.sources.open import SourceSettings, open_session

    progress.stage("reading file lists")
    reader = _Reader()
    async with open_session(SourceSettings(offline=offline), progress) as session:
        for subject in subjects:
            source = session.source_for(spec or _default_spec(subject), subject.target.platform, root)
            wheels = [part for part in subject.parts.values() if part.manager == "pip" and not part.is_source]
            await asyncio.gather(*(reader.read(session, source, subject, part) for part in wheels))
    if reader.fresh:
        _cache().put(_BUCKET, _GENERATION, os.urandom(8).hex().encode())
        _remembered.cache_clear()
    return FileLists(lists=reader.lists, files=reader.files, unread=tuple(sorted(set(reader.unread))))


class _Reader:
    def __init__(self) -> None:
        self.lists: dict[str, Mapping[str, tuple[int, int]]] = {}
        self.files: dict[tuple[str, str], tuple[str, str]] = {}
        self.unread: list[str] = []
        self.fresh = 0

    async def read(self, session: Session, source: CandidateSource, subject: Subject, part: Part) -> None:
        digest = subject.digests.get(part.name)
        if digest is not None and part.is_wheel and (known := _load(session.cache, digest)) is not None:
            self.lists[digest] = known
            return
        try:
            file = await _find(source, subject, part, digest)
            if file is None or file.kind != "wheel" or file.sha256 is None:
                return
            self.files[subject.label, part.name] = (file.filename, file.sha256)
            members = _load(session.cache, file.sha256)
            if members is None:
                members = await members_of(session.http, file)
                data = json.dumps(members, separators=(",", ":")).encode()
                session.cache.put(_BUCKET, file.sha256, zlib.compress(data))
                self.fresh += 1
            self.lists[file.sha256] = members
        except EnvsolverError as error:
            self.unread.append(f"{part}: {error}")


def _default_spec(subject: Subject) -> Spec:
    from envsolver.model.origin import Origin
    from envsolver.model.spec import Spec

    place = Origin(subject.environment)
    return Spec(
        name="foreign",
        origin=place,
        python=subject.target.python,
        python_origin=place,
        platforms=(subject.target.platform,),
        requirements=(),
    )


async def _find(source: CandidateSource, subject: Subject, part: Part, digest: str | None) -> File | None:
    """Return the file of a package on its index: the one with the locked sha256, else what an installer would take.

    Raises:
        NetworkError: the index did not answer.
    """
    from envsolver.formats.foreign import best_file

    try:
        page = await source.page(part.name)
    except UnknownPackageError as error:
        raise NetworkError(str(error)) from None
    if all(release.version != part.version for release in page.releases):
        return None
    files = [file for file in page.files(part.version) if not part.digests or file.sha256 in part.digests]
    if digest is not None:
        return next((file for file in files if file.sha256 == digest), None)
    wanted = part.filename or best_file([file.filename for file in files], subject.target)
    return next((file for file in files if file.filename == wanted), None)


async def members_of(http: Http, file: File) -> dict[str, tuple[int, int]]:
    """Return the members of a wheel: path → (size, CRC-32). Only its end is fetched, where that is possible.

    Raises:
        MetadataUnusableError: the wheel is gone or damaged.
        NetworkError: the server did not answer.
    """
    from envsolver.sources.metadata.remote import DamagedArchiveError, open_bytes, zip_members
    from envsolver.sources.metadata.zipdir import ArchiveError

    async with open_bytes(http, file) as source:
        try:
            found = await zip_members(source, lambda path: not path.endswith(b"/"))
        except ArchiveError as error:
            raise DamagedArchiveError(file.filename, str(error)) from None
    # APPNOTE 4.3.12: the CRC-32 stands 16 bytes into an entry of the directory.
    return {member.path: (member.size, int.from_bytes(member.entry[16:20], "little")) for member in found}


def _cache() -> Cache:
    return Cache(default_cache_root(os.environ, Path.home()))

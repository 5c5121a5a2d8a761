"""Metadata of an sdist from as little of it as says enough."""

from __future__ import annotations

from contextlib import aclosing
from hashlib import sha256
from typing import TYPE_CHECKING

from envsolver.model.errors import MetadataUnusableError
from envsolver.sources.metadata.evidence import Evidence
from envsolver.sources.metadata.limits import MAX_METADATA
from envsolver.sources.metadata.ports import known_of_none
from envsolver.sources.metadata.remote import (
    DamagedArchiveError,
    check_digest,
    check_length,
    from_the_start,
    open_bytes,
    zip_member,
    zip_members,
)
from envsolver.sources.metadata.tarhead import TAR_SUFFIXES, TarError, TarHead
from envsolver.sources.metadata.zipdir import ArchiveError

if TYPE_CHECKING:
    from envsolver.model.candidate import File
    from envsolver.sources.metadata.core import Declared
    from envsolver.sources.metadata.ports import Http, Known

__all__ = ["read_sdist_metadata"]


async def read_sdist_metadata(
    http: Http, file: File, version: str | None, known: Known = known_of_none
) -> Declared | None:
    """Return what an sdist of a version (None: of any) says of itself; None if only a build can tell.

    Raises:
        MetadataUnusableError: the sdist is gone, damaged, or names a requirement that cannot be read.
        NetworkError: the server did not answer.
    """
    evidence = Evidence(file.filename, file.name, version, known)
    try:
        if file.filename.lower().endswith(".zip"):
            return await _from_zip(http, file, evidence)
        if file.filename.lower().endswith(tuple(TAR_SUFFIXES)):
            return await _from_tar(http, file, evidence)
    except (ArchiveError, TarError) as error:
        raise DamagedArchiveError(file.filename, str(error)) from None
    raise MetadataUnusableError(file.filename, "an archive of a kind that Python cannot unpack")


async def _from_tar(http: Http, file: File, evidence: Evidence) -> Declared | None:
    head = TarHead(file.filename, evidence.wants)
    digest = sha256()
    size = 0
    async with aclosing(from_the_start(http, file)) as chunks:
        async for chunk in chunks:
            size += len(chunk)
            check_length(file, size, complete=False)
            digest.update(chunk)
            for path, content in head.feed(chunk):
                evidence.add(path, content)
                if (declared := evidence.verdict(complete=False)) is not None:
                    return declared
    check_length(file, size, complete=True)
    check_digest(file, digest.hexdigest())
    if not head.ended:
        raise TarError("it breaks off before its end")
    return evidence.verdict(complete=True)


async def _from_zip(http: Http, file: File, evidence: Evidence) -> Declared | None:
    async with open_bytes(http, file) as source:
        members = await zip_members(source, lambda path: evidence.wants(path.decode("utf-8", "replace")))
        for member in members:
            evidence.add(member.path, await zip_member(source, member, MAX_METADATA))
            if (declared := evidence.verdict(complete=False)) is not None:
                return declared
    return evidence.verdict(complete=True)

"""Files of the loopback index as the metadata reader gets them, and a builder that only counts."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from envsolver.model.candidate import File, normalize_name
from envsolver.model.ports import NullProgress
from envsolver.sources.cache import Cache
from envsolver.sources.http import HttpClient
from envsolver.sources.metadata import MetadataReader
from envsolver.sources.retry import RetryPolicy
from tests.support.packages import metadata_text

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.support.index_server import IndexServer

__all__ = ["CountingBuilder", "Notes", "listed", "reader"]


class Notes(NullProgress):
    """Keeps the notes."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def note(self, text: str) -> None:
        self.texts.append(text)


class CountingBuilder:
    """Answers with requirements that are given; counts how often it is asked."""

    interpreter = "CPython 3.0.0 test"

    def __init__(self, *requires: str) -> None:
        self._requires = requires
        self.built: list[str] = []

    async def metadata(self, file: File) -> bytes:
        self.built.append(file.filename)
        return metadata_text(file.name, file.version, requires=self._requires).encode()


def listed(
    server: IndexServer, filename: str, *, index: str = "simple", sha256: bool = True, size: bool = True
) -> File:
    """Return a file of the server as a page of its index lists it."""
    stored = server.index(index).files[filename]
    announced = stored.metadata is not None and stored.announce_metadata
    return File(
        name=normalize_name(stored.project),
        version=stored.version,
        kind="wheel" if filename.endswith(".whl") else "sdist",
        filename=filename,
        index=index,
        url=server.file_url(filename, index),
        sha256=stored.hashes.get("sha256") if sha256 else None,
        size=len(stored.data) if size else None,
        metadata_sha256="" if announced else None,
    )


@asynccontextmanager
async def reader(
    cache: Path | None = None,
    builder: CountingBuilder | None = None,
    *,
    offline: bool = False,
    notes: Notes | None = None,
) -> AsyncIterator[MetadataReader]:
    """Open a reader over the real HTTP client, which tries only once."""
    async with HttpClient(retry=RetryPolicy(tries=1), offline=offline) as http:
        made = MetadataReader(http, Cache(cache), builder, offline=offline, progress=notes)
        try:
            yield made
        finally:
            await made.close()

"""What the metadata ladder asks of HTTP, of the cache and of the builder: no more than it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from envsolver.model.candidate import File, Name
    from envsolver.sources.reply import Reply, Stream

__all__ = ["Builder", "FolderBuilder", "Http", "Known", "Store", "known_of_none"]


class Known(Protocol):
    """Knows how requirements that no PEP allows are to be read."""

    def __call__(self, name: Name, version: str, requirement: str, /) -> str | None:
        """Return a valid requirement for what a version of a project declares, None if it is not known."""
        ...


def known_of_none(_name: Name, _version: str, _requirement: str, /) -> str | None:
    """Know of no requirement, whoever declares it."""
    return None


class Http(Protocol):
    """Fetches, as :class:`envsolver.sources.http.HttpClient` does."""

    async def get(self, url: str, *, max_bytes: int = ...) -> Reply:
        """Fetch a small document whole."""
        ...

    async def get_range(self, url: str, start: int | None, end: int | None) -> Reply:
        """Fetch bytes ``start`` to ``end`` (inclusive); the last ``end`` bytes if ``start`` is None."""
        ...

    def stream(self, url: str, *, headers: Mapping[str, str] | None = None) -> AbstractAsyncContextManager[Stream]:
        """Fetch piece by piece; may be left before the end."""
        ...


class Store(Protocol):
    """Remembers bytes between runs, or not: an answer of None is always allowed."""

    def get(self, bucket: str, key: str) -> bytes | None:
        """Return what was put under the key."""
        ...

    def put(self, bucket: str, key: str, data: bytes) -> None:
        """Keep bytes under a key."""
        ...


class Builder(Protocol):
    """Runs the build backend of an sdist for its metadata."""

    @property
    def interpreter(self) -> str:
        """The interpreter that runs the backend: ``CPython 3.11.7 linux-x86_64``."""
        ...

    async def metadata(self, file: File) -> bytes:
        """Return the text of METADATA that the backend prepares.

        Raises:
            MetadataUnusableError: the sdist cannot be unpacked, or its backend fails.
            NetworkError: the sdist cannot be had.
        """
        ...


class FolderBuilder(Builder, Protocol):
    """Runs the build backend of a folder too."""

    async def metadata_of_folder(self, folder: Path, label: str) -> bytes:
        """Return the text of METADATA that the backend of a project's folder prepares.

        Raises:
            MetadataUnusableError: it is no project, or its backend fails.
        """
        ...

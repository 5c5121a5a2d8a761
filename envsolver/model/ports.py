"""The Protocols at the edge: what the pure parts ask of the world."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from envsolver.model.candidate import File, Metadata, Name, Page

__all__ = ["CandidateSource", "NullProgress", "Progress"]


class CandidateSource(Protocol):
    """Where candidates come from. Answers are a function of the indexes alone, never of a cache's state."""

    async def page(self, name: Name) -> Page:
        """Return the project's page from the index it is bound to, else from the first index that knows it.

        Raises:
            UnknownPackageError: no index has it.
            NetworkError: an index that had to be asked did not answer.
        """
        ...

    async def metadata(self, file: File) -> Metadata:
        """Return the core metadata of a file, by the cheapest way that is certain.

        Raises:
            MetadataUnusableError: the file's metadata cannot be parsed or obtained: the candidate is unusable.
            NetworkError: the index did not answer.
        """
        ...

    async def digest(self, file: File) -> tuple[str, int]:
        """Return ``(sha256, size)`` of a file whose index gives no hash, reading its bytes."""
        ...

    async def direct(self, name: Name, url: str) -> Page:
        """Return a page with the one release that a direct reference (``name @ url``, PEP 440) points to."""
        ...

    def hint(self, name: Name) -> None:
        """Say that this project's page will probably be needed soon. May do nothing."""
        ...

    def hint_metadata(self, file: File) -> None:
        """Say that this file's metadata will probably be needed soon. May do nothing."""
        ...


class Progress(Protocol):
    """Receives what long work is doing; draws it, logs it, or ignores it."""

    def stage(self, name: str) -> None:
        """A new stage begins (``reading indexes``, ``solving``)."""
        ...

    def update(self, text: str) -> None:
        """The current stage has got further."""
        ...

    def note(self, text: str) -> None:
        """Something the user should read even when all goes well (a retry, a fallback)."""
        ...


class NullProgress:
    """A :class:`Progress` that ignores everything."""

    def stage(self, name: str) -> None:
        """Ignore it."""

    def update(self, text: str) -> None:
        """Ignore it."""

    def note(self, text: str) -> None:
        """Ignore it."""

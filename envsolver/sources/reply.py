"""What a server, or a local folder in its place, answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

__all__ = ["Reply", "Stream"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A whole answer.

    Attributes:
        url: where the answer came from in the end, after redirects, without credentials.
        headers: by lower-case name.
        body: decoded as ``Content-Encoding`` says.
    """

    status: int
    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """An answer whose body is still arriving.

    Attributes:
        url: as in :class:`Reply`.
        chunks: the body as it was sent (never decoded: archives are hashed as they are). Raises NetworkError when
            the connection breaks before the announced end.
    """

    status: int
    url: str
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes]

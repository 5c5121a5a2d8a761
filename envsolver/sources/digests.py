"""The sha256 of files for which an index gives none: computed from their bytes."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from envsolver.model.errors import NetworkError
from envsolver.sources.tasks import SharedTasks
from envsolver.sources.urls import redact

if TYPE_CHECKING:
    from envsolver.model.candidate import File
    from envsolver.sources.cache import Cache
    from envsolver.sources.http import HttpClient
    from envsolver.sources.reply import Stream

__all__ = ["Digests"]

_BUCKET = "digest-1"
_TRIES = 3


class _Entry(msgspec.Struct, array_like=True):
    validator: str
    sha256: str
    size: int


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Entry)


class Digests:
    """Hashes files by reading them once.

    A digest is remembered together with the validator that the server sent (ETag, else date and length). It is used
    again only if the server still sends the same, or if the run is offline: a URL alone does not say which bytes it
    stands for. A server without validators is read anew each time.
    """

    def __init__(self, *, http: HttpClient, cache: Cache, offline: bool = False) -> None:
        self._http = http
        self._cache = cache
        self._offline = offline
        self._tasks: SharedTasks[tuple[str, int]] = SharedTasks(background=0)

    async def digest(self, file: File) -> tuple[str, int]:
        """Return ``(sha256, size)``.

        Raises:
            NetworkError: the file cannot be had.
        """
        return await self._tasks.get(file.url, lambda: self._compute(file))

    async def close(self) -> None:
        """Stop all reading."""
        await self._tasks.close()

    async def _compute(self, file: File) -> tuple[str, int]:
        entry = self._remembered(file.url)
        if self._offline and entry is not None:
            return entry.sha256, entry.size
        for _ in range(_TRIES - 1):
            try:
                return await self._download(file, entry)
            except _BrokenOffError:
                continue
        return await self._download(file, entry)

    async def _download(self, file: File, entry: _Entry | None) -> tuple[str, int]:
        async with self._http.stream(file.url) as stream:
            if stream.status != 200:
                raise NetworkError(
                    f"{redact(file.url)} answered with status {stream.status}; its sha256 cannot be computed"
                )
            validator = _validator(stream)
            if entry is not None and validator and entry.validator == validator:
                return entry.sha256, entry.size
            digest, size = sha256(), 0
            try:
                async for chunk in stream.chunks:
                    digest.update(chunk)
                    size += len(chunk)
            except NetworkError as error:
                raise _BrokenOffError(str(error), hint=error.hint) from error
        if file.size is not None and size != file.size:
            raise NetworkError(f"{redact(file.url)} has {size} bytes; the index says {file.size}")
        self._cache.put(_BUCKET, file.url, _encoder.encode(_Entry(validator, digest.hexdigest(), size)))
        return digest.hexdigest(), size

    def _remembered(self, url: str) -> _Entry | None:
        data = self._cache.get(_BUCKET, url)
        if data is None:
            return None
        try:
            return _decoder.decode(data)
        except msgspec.MsgspecError:
            return None


class _BrokenOffError(NetworkError):
    """The body ended before its end: worth another try from the start."""


def _validator(stream: Stream) -> str:
    headers = stream.headers
    if "etag" in headers and not headers["etag"].startswith("W/"):
        return headers["etag"]
    if "last-modified" in headers and "content-length" in headers:
        return f"{headers['last-modified']} {headers['content-length']}"
    return ""

"""One file of an index as bytes at offsets: by HTTP ranges, or fetched whole where the server knows none."""

from __future__ import annotations

import re
from contextlib import asynccontextmanager
from hashlib import sha256
from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING, NoReturn, Protocol

from envsolver.model.candidate import DIRECT_INDEX
from envsolver.model.errors import MetadataUnusableError, NetworkError
from envsolver.sources.metadata.limits import HEADS, MAX_DIRECTORY, MAX_WHOLE_FILE, TAIL
from envsolver.sources.metadata.zipdir import MAX_END, ArchiveError, find_directory, find_members, read_member
from envsolver.sources.urls import redact

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable

    from envsolver.model.candidate import File
    from envsolver.sources.metadata.ports import Http
    from envsolver.sources.metadata.zipdir import Member
    from envsolver.sources.reply import Reply

__all__ = [
    "ByteSource",
    "DamagedArchiveError",
    "check_digest",
    "check_length",
    "download",
    "from_the_start",
    "open_bytes",
    "refuse_status",
    "verify",
    "zip_member",
    "zip_members",
]

_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
_NO_RANGES = frozenset({200, 400, 405, 416, 501})
"""Answers of servers that do not serve (suffix) ranges. 416 is one: RFC 9110 has no file that lacks a last byte."""
_MEMORY = 8 * 1024 * 1024


class DamagedArchiveError(MetadataUnusableError):
    """An archive that cannot be read: by its author's fault or by the transfer's, which its sha256 can tell."""


class ByteSource(Protocol):
    """Random access to a file's bytes."""

    @property
    def total(self) -> int:
        """Length of the file."""
        ...

    @property
    def at_hand(self) -> int:
        """Offset from which on the bytes up to the end cost nothing."""
        ...

    async def read(self, start: int, stop: int) -> bytes:
        """Return exactly the bytes ``start`` to ``stop`` (exclusive)."""
        ...


@asynccontextmanager
async def open_bytes(http: Http, file: File) -> AsyncIterator[ByteSource]:
    """Open a file by its end, with as few bytes as the server allows.

    Raises:
        MetadataUnusableError: the file is gone.
        NetworkError: the server did not answer, or has another file than the index says.
    """
    if file.size:
        reply = await http.get_range(file.url, max(0, file.size - TAIL), file.size - 1)
    else:
        reply = await http.get_range(file.url, None, TAIL)
    if reply.status == 206:
        start, total = _span(reply, file)
        if file.size and total != file.size:
            raise _another_file(file, f"it has {total:,} bytes", f"{file.size:,}")
        if not start:
            check_digest(file, sha256(reply.body).hexdigest())
        yield _Ranged(http, file, start, reply.body)
    elif reply.status == 200 and reply.body:
        check_digest(file, sha256(reply.body).hexdigest())
        yield _Ranged(http, file, 0, reply.body)
    elif reply.status in _NO_RANGES:
        with SpooledTemporaryFile(max_size=_MEMORY) as whole:
            await download(http, file, whole)
            yield _Whole(whole)
    else:
        refuse_status(file, reply.status)


async def from_the_start(http: Http, file: File) -> AsyncGenerator[bytes, None]:
    """Yield a file's bytes for one who may stop early: a few growing ranges, where its size is known, then the rest.

    Raises:
        MetadataUnusableError: it is gone.
        NetworkError: the server did not answer, or has another file than the index says.
    """
    at = 0
    for length in HEADS if file.size and file.size > HEADS[0] and not file.url.startswith("file:") else ():
        reply = await http.get_range(file.url, at, min(at + length, file.size or 0) - 1)
        if reply.status != 206:
            if at or reply.status not in _NO_RANGES:
                refuse_status(file, reply.status)
            break
        start, total = _span(reply, file)
        if total != file.size:
            raise _another_file(file, f"it has {total:,} bytes", f"{file.size:,}")
        if start != at:
            raise NetworkError(f"{redact(file.url)}: the server sent another range than it was asked for")
        yield reply.body
        at += len(reply.body)
        if at == file.size:
            return
    async with http.stream(file.url, headers={"Range": f"bytes={at}-"} if at else None) as stream:
        if stream.status != (206 if at else 200):
            refuse_status(file, stream.status)
        async for chunk in stream.chunks:
            yield chunk


async def download(http: Http, file: File, sink: IO[bytes] | None) -> tuple[str, int]:
    """Read a file whole, into the sink if there is one; return ``(sha256, size)``.

    Raises:
        MetadataUnusableError: it is gone, or larger than can be.
        NetworkError: the server did not answer, or has another file than the index says.
    """
    digest = sha256()
    size = 0
    async with http.stream(file.url) as stream:
        if stream.status != 200:
            refuse_status(file, stream.status)
        async for chunk in stream.chunks:
            size += len(chunk)
            check_length(file, size, complete=False)
            digest.update(chunk)
            if sink is not None:
                sink.write(chunk)
    check_length(file, size, complete=True)
    check_digest(file, digest.hexdigest())
    return digest.hexdigest(), size


def refuse_status(file: File, status: int) -> NoReturn:
    """Raise for an answer that is not the file.

    A missing file makes this candidate unusable, for everyone. A refusal is about who asks: to go on with another
    version would make the lock depend on that.

    Raises:
        MetadataUnusableError: 404 or 410.
        NetworkError: any other status.
    """
    if status in {404, 410}:
        raise MetadataUnusableError(file.filename, f"the index lists it, but its file is not there ({status})")
    raise NetworkError(f"{redact(file.url)}: the server answered {status}")


async def zip_members(source: ByteSource, wanted: Callable[[bytes], bool]) -> list[Member]:
    """Return the members of a zip whose raw path is wanted.

    Raises:
        ArchiveError: not a zip that all installers would read alike.
    """
    at = source.at_hand
    directory = find_directory(await source.read(at, source.total), source.total)
    if directory is None:
        at = max(0, source.total - MAX_END)
        directory = find_directory(await source.read(at, source.total), source.total)
    if directory is None or directory.stop - directory.start > MAX_DIRECTORY:
        raise ArchiveError("its central directory cannot be found")
    return find_members(await source.read(directory.start, directory.stop), directory, wanted)


async def zip_member(source: ByteSource, member: Member, limit: int) -> bytes:
    """Return the unpacked bytes of one member.

    Raises:
        ArchiveError: it is damaged, or larger than ``limit``.
    """
    if member.packed > limit:
        raise ArchiveError(f"{member.path} is {member.packed:,} bytes long")
    data = read_member(member, await source.read(member.start, member.stop), limit)
    if data is None:
        data = read_member(member, await source.read(member.start, member.furthest), limit)
    if data is None:
        raise ArchiveError(f"{member.path} reaches into the central directory")
    return data


class _Ranged:
    """A file on a server that knows ranges: its end at hand, the rest on demand."""

    def __init__(self, http: Http, file: File, start: int, end: bytes) -> None:
        self._http = http
        self._file = file
        self._end = end
        self.at_hand = start
        self.total = start + len(end)

    async def read(self, start: int, stop: int) -> bytes:
        if start < self.at_hand < stop:
            self._end = await self._fetch(start, self.at_hand) + self._end
            self.at_hand = start
        if start >= self.at_hand:
            return self._end[start - self.at_hand : stop - self.at_hand]
        return await self._fetch(start, stop)

    async def _fetch(self, start: int, stop: int) -> bytes:
        if start >= stop:
            return b""
        reply = await self._http.get_range(self._file.url, start, stop - 1)
        if reply.status != 206:
            refuse_status(self._file, reply.status)
        found, total = _span(reply, self._file)
        if found != start or total != self.total or len(reply.body) != stop - start:
            raise NetworkError(f"{redact(self._file.url)}: the server sent other bytes than those asked for")
        return reply.body


class _Whole:
    """A file that had to be fetched whole."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.total = file.seek(0, 2)
        self.at_hand = max(0, self.total - MAX_END)

    async def read(self, start: int, stop: int) -> bytes:
        self._file.seek(start)
        return self._file.read(stop - start)


def _span(reply: Reply, file: File) -> tuple[int, int]:
    match = _CONTENT_RANGE.fullmatch(reply.headers.get("content-range", "").strip())
    if match is None or int(match[2]) - int(match[1]) + 1 != len(reply.body):
        raise NetworkError(f"{redact(file.url)}: the server sent a range without saying which")
    return int(match[1]), int(match[3])


def check_length(file: File, length: int, *, complete: bool) -> None:
    """Compare how much of a file has come with what its index says, or with what can be.

    Raises:
        NetworkError: there is more, or, once complete, less than the index says.
        MetadataUnusableError: there is more than can be.
    """
    if file.size:
        if length > file.size or (complete and length < file.size):
            sent = f"{length:,}" if complete else f"more than {file.size:,}"
            raise _another_file(file, f"it has {sent} bytes", f"{file.size:,}")
    elif length > MAX_WHOLE_FILE:
        raise MetadataUnusableError(file.filename, f"the server sends more than {MAX_WHOLE_FILE:,} bytes")


def check_digest(file: File, found: str) -> None:
    """Compare the sha256 of a file's bytes with what its index says, if it says anything.

    Raises:
        NetworkError: they differ. To go on with another version would let whoever can disturb a transfer choose it.
    """
    if file.sha256 is not None and found != file.sha256:
        raise _another_file(file, f"its sha256 is {found}", file.sha256)


async def verify(http: Http, file: File) -> None:
    """Read a file whole, to see whether it is the one that its index means.

    Raises:
        NetworkError: it is not, or the server did not answer.
        MetadataUnusableError: it is gone, or larger than can be.
    """
    await download(http, file, None)


def _another_file(file: File, found: str, expected: str) -> NetworkError:
    says = "its URL says" if file.index == DIRECT_INDEX else f"index {file.index!r} says"
    return NetworkError(
        f"{file.filename} is not the file that it should be: {found}, {says} {expected}",
        hint=f"it was replaced, or damaged on the way: do not install it. If it stays so, {file.name}!={file.version} "
        "under constraints does without it",
    )

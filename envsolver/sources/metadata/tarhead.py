"""A compressed tar, member by member, while its bytes arrive.

tarfile reads from a file; here the bytes come from a socket of an event loop, and reading may end at any member. So
each header is given to tarfile (with the pax and GNU records before it) once all of it has come. Nothing is written to
disk, links are not followed, and members that nobody wants are passed over without being kept.
"""

from __future__ import annotations

import bz2
import io
import lzma
import tarfile
import zlib
from typing import TYPE_CHECKING, Protocol

from envsolver.model.values import dataclass
from envsolver.sources.metadata.limits import MAX_MEMBERS, MAX_METADATA, MAX_UNPACKED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["TAR_SUFFIXES", "TarError", "TarHead"]

_PIECE = 256 * 1024
_MAX_HEADER = 1024 * 1024
"""Bytes of a header with its pax records; an honest one has a few hundred."""


class TarError(ValueError):
    """The bytes are not a tar archive, or one that is made to do harm."""


class _Decompressor(Protocol):
    def unpack(self, data: bytes) -> Iterator[bytes]:
        """Take the next packed bytes; yield all that they unpack to, in pieces."""
        ...


@dataclass(frozen=True, slots=True)
class _Header:
    """A member at the buffer's begin: content from ``start``, the next header at ``next``.

    ``path`` is empty for what is no plain file within the archive's folder.
    """

    path: str
    size: int
    start: int
    next: int


class TarHead:
    """Feeds on the bytes of an archive and gives the members that are wanted.

    Args:
        filename: tells the compression by its suffix.
        wanted: is asked for each regular member's path, with ``/`` and without ``./``.
    """

    def __init__(self, filename: str, wanted: Callable[[str], bool]) -> None:
        self._decompressor = next(make() for suffix, make in TAR_SUFFIXES.items() if filename.lower().endswith(suffix))
        self._wanted = wanted
        self._buffer = bytearray()
        self._header: _Header | None = None
        self._skip = 0
        self._unpacked = 0
        self._members = 0
        self.ended = False
        """Whether the end-of-archive mark has been read."""

    def feed(self, data: bytes) -> Iterator[tuple[str, bytes]]:
        """Take the next bytes; yield ``(path, content)`` of the wanted members that are complete now.

        Raises:
            TarError: the archive is damaged, or larger than can be.
        """
        try:
            for piece in self._decompressor.unpack(data):
                self._unpacked += len(piece)
                if self._unpacked > MAX_UNPACKED:
                    raise TarError(f"it unpacks to more than {MAX_UNPACKED:,} bytes")
                yield from self._advance(piece)
        except (zlib.error, OSError, lzma.LZMAError, EOFError) as error:
            raise TarError(f"it cannot be decompressed: {error}") from None

    def _advance(self, piece: bytes) -> Iterator[tuple[str, bytes]]:
        if self._skip >= len(piece) and not self._buffer:
            self._skip -= len(piece)
            return
        self._buffer += piece
        while not self.ended:
            dropped = min(self._skip, len(self._buffer))
            del self._buffer[:dropped]
            self._skip -= dropped
            self._header = member = self._header or (None if self._skip else self._next_header())
            if member is None:
                return
            if member.path and self._wanted(member.path):
                if member.size > MAX_METADATA:
                    raise TarError(f"{member.path} is {member.size:,} bytes long")
                if len(self._buffer) < member.start + member.size:
                    return
                yield member.path, bytes(self._buffer[member.start : member.start + member.size])
            self._members += 1
            if self._members > MAX_MEMBERS:
                raise TarError(f"it has more than {MAX_MEMBERS:,} members")
            self._header, self._skip = None, member.next

    def _next_header(self) -> _Header | None:
        if len(self._buffer) < tarfile.BLOCKSIZE:
            return None
        if not any(self._buffer[: tarfile.BLOCKSIZE]):
            self.ended = True
            return None
        try:
            with tarfile.open(fileobj=io.BytesIO(self._buffer[:_MAX_HEADER]), mode="r:") as archive:
                info = archive.next()
        except (tarfile.TarError, ValueError, OverflowError) as error:
            # tarfile does not tell a cut header from a bad one.
            if len(self._buffer) < _MAX_HEADER and self._may_be_cut():
                return None
            raise TarError(f"not a tar archive: {error}") from None
        if info is None:
            self.ended = True
            return None
        if info.size < 0 or archive.offset < info.offset_data:
            raise TarError(f"{info.name} has a size that cannot be")
        path = info.name.removeprefix("./")
        # Links, devices and sparse files are nothing that an sdist needs for its metadata.
        plain = info.type in {tarfile.REGTYPE, tarfile.AREGTYPE} and not info.issparse()
        honest = plain and not path.startswith("/") and ".." not in path.split("/")
        return _Header(path if honest else "", info.size, info.offset_data, archive.offset)

    def _may_be_cut(self) -> bool:
        kind = bytes(self._buffer[156:157])
        return kind in {tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, *_GNU_LONG}


_GNU_LONG = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.GNUTYPE_SPARSE)


class _Plain:
    def unpack(self, data: bytes) -> Iterator[bytes]:
        yield data


class _Gzip:
    """A gzip file; several streams in a row are one file (RFC 1952, 2.2), zeros behind them are padding."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(wbits=31)

    def unpack(self, data: bytes) -> Iterator[bytes]:
        while True:
            if self._stream.eof:
                data = data.lstrip(b"\0")
                if not data:
                    return
                self._stream = zlib.decompressobj(wbits=31)
            piece = self._stream.decompress(data, _PIECE)
            yield piece
            data = self._stream.unused_data if self._stream.eof else self._stream.unconsumed_tail
            if not data and len(piece) < _PIECE:
                return


class _Streamed:
    """A bzip2 or xz file."""

    def __init__(self, make: Callable[[], bz2.BZ2Decompressor | lzma.LZMADecompressor]) -> None:
        self._make = make
        self._stream = make()

    def unpack(self, data: bytes) -> Iterator[bytes]:
        while True:
            if self._stream.eof:
                data = data.lstrip(b"\0")
                if not data:
                    return
                self._stream = self._make()
            yield self._stream.decompress(data, _PIECE)
            data = self._stream.unused_data if self._stream.eof else b""
            if self._stream.needs_input and not self._stream.eof:
                return


def _bzip2() -> _Streamed:
    return _Streamed(bz2.BZ2Decompressor)


def _xz() -> _Streamed:
    return _Streamed(lambda: lzma.LZMADecompressor(memlimit=256 * 1024 * 1024))


TAR_SUFFIXES: dict[str, Callable[[], _Decompressor]] = {
    ".tar.gz": _Gzip,
    ".tgz": _Gzip,
    ".tar.bz2": _bzip2,
    ".tbz": _bzip2,
    ".tar.xz": _xz,
    ".txz": _xz,
    ".tar": _Plain,
}
"""What an sdist may end with (PEP 527), but for ``.zip``, and ``.Z`` and ``.lz``, which Python cannot read."""

"""The central directory of a zip, read from its last bytes, without the archive.

zipfile makes an object of every member, which for tensorflow's 24,000 takes longer than fetching them. Here the
directory is walked over, and only the members that are asked for become objects; their data are then read by zipfile,
with all of its checks, out of an archive of that one member.

Reference: PKWARE APPNOTE.TXT 6.3.10, sections 4.3.6 to 4.3.16. Stricter than it where a reader could be led to see
other members than an installer sees: nothing may stand before, between or behind the parts of the directory.
"""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING

from envsolver.model.values import dataclass
from envsolver.sources.metadata.limits import MAX_DIRECTORY, MAX_MEMBERS

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MAX_END", "ArchiveError", "Directory", "Member", "find_directory", "find_members", "read_member"]

_END = struct.Struct("<4s4H2LH")
_END64_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_ENTRY_LENGTHS = struct.Struct("<3H")
_LOCAL = struct.Struct("<4s5H3L2H")

MAX_END = _END.size + 0xFFFF + _END64_LOCATOR.size + _END64.size
"""The end of the directory lies within that many bytes of the archive's end."""

_LOCAL_EXTRA = 512
"""Room for the extra field of a local header, whose length the directory does not tell."""


class ArchiveError(ValueError):
    """The bytes are not a zip that an installer would read the same way."""


@dataclass(frozen=True, slots=True)
class Directory:
    """Where the central directory stands: ``start`` to ``stop``, absolute, with ``count`` members."""

    start: int
    stop: int
    count: int


@dataclass(frozen=True, slots=True)
class Member:
    """One member.

    Attributes:
        start: offset of its local header.
        stop: up to there its data reach, if its local header is of ordinary length.
        furthest: up to there they reach in any case.
        packed: bytes in the archive.
        size: bytes unpacked.
        entry: its entry of the directory, moved to offset 0.
    """

    path: str
    start: int
    stop: int
    furthest: int
    packed: int
    size: int
    entry: bytes


def find_directory(tail: bytes, total: int) -> Directory | None:
    """Read the end-of-directory records out of an archive's last bytes.

    Returns:
        None if ``tail`` is too short to tell: :data:`MAX_END` bytes always suffice.

    Raises:
        ArchiveError: not a zip, one that spans disks, or one with bytes where none should be.
    """
    first = total - len(tail)
    if len(tail) < _END.size:
        if first:
            return None
        raise ArchiveError("too short for a zip archive")
    at = _find_end(tail, whole=not first)
    if at is None:
        return None
    _, disk, start_disk, count_here, count, size, start, _ = _END.unpack_from(tail, at)
    end = first + at
    if 0xFFFFFFFF in (size, start) or 0xFFFF in (count, count_here):
        locator = at - _END64_LOCATOR.size
        if locator - _END64.size < 0 and first:
            return None
        if locator >= 0 and tail[locator : locator + 4] == b"PK\6\7":
            end, disk, start_disk, count_here, count, size, start = _zip64_end(tail, locator, first)
    if disk or start_disk or count != count_here:
        raise ArchiveError("it spans several disks")
    if start + size != end:
        raise ArchiveError("its central directory is not where it should be")
    if size > MAX_DIRECTORY or count > MAX_MEMBERS:
        raise ArchiveError(f"its central directory is {size:,} bytes long")
    return Directory(start, end, count)


def find_members(data: bytes, directory: Directory, wanted: Callable[[bytes], bool]) -> list[Member]:
    """Return the members whose raw path is wanted, in the directory's order.

    Raises:
        ArchiveError: ``data`` is not the central directory, or contradicts itself.
    """
    members = []
    position = 0
    lengths = _ENTRY_LENGTHS.unpack_from
    for _ in range(directory.count):
        if data[position : position + 4] != b"PK\1\2" or position + _ENTRY.size > len(data):
            raise ArchiveError("its central directory is damaged")
        name_length, extra_length, comment_length = lengths(data, position + 28)
        stop = position + _ENTRY.size + name_length + extra_length + comment_length
        path = data[position + _ENTRY.size : position + _ENTRY.size + name_length]
        if b"\0" in path:  # zipfile cuts the path there: another member might become METADATA
            raise ArchiveError("the path of a member has a NUL in it")
        if wanted(path):
            members.append(_member(data[position:stop], name_length, extra_length, directory))
        position = stop
    if position != len(data):
        raise ArchiveError("its central directory is damaged")
    return members


def read_member(member: Member, data: bytes, limit: int) -> bytes | None:
    """Unpack a member from bytes that begin at ``member.start``; CRC, size and names are checked by zipfile.

    Returns:
        None if ``data`` end before the member does.

    Raises:
        ArchiveError: the member is damaged, encrypted, or larger than ``limit`` bytes.
    """
    import zipfile
    import zlib

    if len(data) < _LOCAL.size:
        return None
    name_length, extra_length = struct.unpack_from("<2H", data, 26)
    stop = _LOCAL.size + name_length + extra_length + member.packed
    if len(data) < stop:
        return None
    if max(member.size, member.packed) > limit:
        raise ArchiveError(f"{member.path} is {max(member.size, member.packed):,} bytes long")
    if int.from_bytes(member.entry[10:12], "little") not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        # zipfile unpacks the other methods without a bound.
        raise ArchiveError(f"{member.path} is packed by a method that no installer has to know")
    end = _END.pack(b"PK\5\6", 0, 0, 1, 1, len(member.entry), stop, 0)
    try:
        with zipfile.ZipFile(io.BytesIO(data[:stop] + member.entry + end)) as archive:
            return archive.read(archive.infolist()[0])
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, NotImplementedError, ValueError) as error:
        raise ArchiveError(f"{member.path} cannot be unpacked: {error}") from None


def _find_end(tail: bytes, *, whole: bool) -> int | None:
    at = len(tail) - _END.size
    if tail[at : at + 4] == b"PK\5\6" and tail[-2:] == b"\0\0":
        return at
    if not whole and len(tail) < MAX_END:
        return None
    at = tail.rfind(b"PK\5\6")
    if at < 0 or at + _END.size > len(tail):
        raise ArchiveError("not a zip archive")
    if at + _END.size + int.from_bytes(tail[at + 20 : at + 22], "little") != len(tail):
        raise ArchiveError("bytes stand behind its end")
    return at


def _zip64_end(tail: bytes, locator: int, first: int) -> tuple[int, int, int, int, int, int, int]:
    _, _, start, _ = _END64_LOCATOR.unpack_from(tail, locator)
    at = start - first
    if at != locator - _END64.size or tail[at : at + 4] != b"PK\6\6":
        raise ArchiveError("its zip64 directory is not where it should be")
    _, _, _, _, disk, start_disk, count_here, count, size, directory = _END64.unpack_from(tail, at)
    return start, disk, start_disk, count_here, count, size, directory


def _member(entry: bytes, name_length: int, extra_length: int, directory: Directory) -> Member:
    fields = _ENTRY.unpack_from(entry)
    packed, size, start = fields[8], fields[9], fields[16]
    raw_path = entry[_ENTRY.size : _ENTRY.size + name_length]
    extra = entry[_ENTRY.size + name_length : _ENTRY.size + name_length + extra_length]
    if 0xFFFFFFFF in (packed, size, start):
        size, packed, start = _zip64_fields(extra, size, packed, start)
    least = start + _LOCAL.size + name_length + packed
    if least > directory.start:
        raise ArchiveError("a member reaches into its central directory")
    stop, furthest = (min(least + extra, directory.start) for extra in (_LOCAL_EXTRA, 0xFFFF))
    # The one-member archive that read_member makes begins with the member: its offset becomes 0.
    moved = entry[:42] + b"\0\0\0\0" + entry[46:]
    encoding = "utf-8" if fields[3] & 0x800 else "cp437"
    path = raw_path.decode(encoding, "replace")
    return Member(path, start, stop, furthest, packed, size, moved)


def _zip64_fields(extra: bytes, size: int, packed: int, start: int) -> tuple[int, int, int]:
    """Replace the fields that say 'see the zip64 extra field' (APPNOTE 4.5.3), which stand in this order."""
    values = [size, packed, start]
    position = 0
    while position + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, position)
        if kind == 1:
            data = extra[position + 4 : position + 4 + length]
            for index, value in enumerate(values):
                if value == 0xFFFFFFFF and len(data) >= 8:
                    values[index] = int.from_bytes(data[:8], "little")
                    data = data[8:]
            break
        position += 4 + length
    size, packed, start = values
    return size, packed, start

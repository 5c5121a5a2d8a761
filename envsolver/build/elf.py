"""Shared libraries: what of them depends on where they were built.

Search paths of the folder in which they were built become relative to themselves.

CMake and others link libraries with a run path to wherever their dependencies lay at the time. In a wheel that is a
path that nobody has any more; what lies in the same environment can be named from ``$ORIGIN`` (ELF gABI, "Shared
Object Dependencies").
"""

from __future__ import annotations

import posixpath
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["relocate", "same_program"]

_PT_LOAD, _PT_DYNAMIC = 1, 2
_DT_STRTAB, _DT_RPATH, _DT_RUNPATH = 5, 15, 29
_HEADER = 64
_SHT_NOTE = 7
_BUILD_ID = b".note.gnu.build-id"
_LARGEST_ID = 64


def relocate(data: bytes, path: str, *, site: str, build: str) -> bytes:
    """Return a shared library without paths of its build folder.

    Args:
        data: 64-bit little-endian ELF; anything else is returned as it is.
        path: where it will lie, relative to ``site-packages``.
        site: ``site-packages`` of the build environment, absolute: run paths below it become relative to the library.
        build: folder of the whole build, absolute: run paths below it that are not below ``site`` are dropped.
    """
    if not data.startswith(b"\x7fELF\x02\x01") or len(data) < _HEADER:
        return data

    def moved(entry: str) -> str | None:
        if entry == site or entry.startswith(f"{site}/"):
            inner = entry.removeprefix(site).strip("/") or "."
            return posixpath.join("$ORIGIN", posixpath.relpath(inner, posixpath.dirname(path) or "."))
        return None if entry == build or entry.startswith(f"{build}/") else entry

    try:
        return _rewritten(data, moved)
    except (struct.error, ValueError, IndexError):
        return data  # not as an ELF file should be: whoever loads it will say so


def _rewritten(data: bytes, moved: Callable[[str], str | None]) -> bytes:
    segments = list(_segments(data))
    changed = bytearray(data)
    for kind, offset, _, size in segments:
        if kind != _PT_DYNAMIC:
            continue
        entries = list(struct.iter_unpack("<qQ", data[offset : offset + size // 16 * 16]))
        tables = [value for tag, value in entries if tag == _DT_STRTAB]
        if not tables:
            continue
        table = _offset_of(tables[0], segments)
        for tag, value in entries:
            if tag in {_DT_RPATH, _DT_RUNPATH}:
                start = table + value
                end = data.index(b"\0", start)
                paths = [moved(entry) for entry in data[start:end].decode().split(":")]
                text = ":".join(dict.fromkeys(entry for entry in paths if entry)).encode()
                if len(text) <= end - start:
                    # The rest of the old string becomes zeros: nothing moves.
                    changed[start:end] = text.ljust(end - start, b"\0")
    return bytes(changed)


def _segments(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Yield kind, offset in the file, address and size in the file of each segment."""
    (start,) = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    for number in range(count):
        kind, _, offset, address, _, length = struct.unpack_from("<IIQQQQ", data, start + number * size)
        yield kind, offset, address, length


def _offset_of(address: int, segments: list[tuple[int, int, int, int]]) -> int:
    for kind, offset, start, size in segments:
        if kind == _PT_LOAD and start <= address < start + size:
            return offset + address - start
    raise ValueError("the address is in no segment")


def same_program(one: bytes, other: bytes) -> bool:
    """Say whether two libraries are the same in all that is loaded when they run, but for a build id.

    What differs then is debug information, symbol tables, or an identifier made of them.

    Args:
        one: 64-bit little-endian ELF; anything else is the same as nothing.
        other: likewise.
    """
    try:
        return _loaded(one) == _loaded(other)
    except (struct.error, ValueError, IndexError):
        return False


def _loaded(data: bytes) -> list[tuple[int, int, int, int, bytes]]:
    """Return the segments, with the bytes of those that are loaded, less what says where sections and build id are."""
    if not data.startswith(b"\x7fELF\x02\x01"):
        raise ValueError("not such a file")
    plain = bytearray(data)
    for start, size in ((40, 8), (60, 4), *_build_ids(data)):
        plain[start : start + size] = bytes(size)
    segments = [
        (kind, offset, address, size, bytes(plain[offset : offset + size]) if kind == _PT_LOAD else b"")
        for kind, offset, address, size in _segments(data)
    ]
    if not any(kind == _PT_LOAD for kind, *_ in segments):
        raise ValueError("nothing of it is loaded")
    return segments


def _build_ids(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield offset and size of the notes that identify a build."""
    (start,) = struct.unpack_from("<Q", data, 40)
    width, count, names = struct.unpack_from("<HHH", data, 58)
    sections = [struct.unpack_from("<IIQQQQ", data, start + number * width) for number in range(count)]
    for name, kind, _, _, offset, size in sections:
        at = sections[names][4] + name
        if kind == _SHT_NOTE and size <= _LARGEST_ID and data[at : at + len(_BUILD_ID) + 1] == _BUILD_ID + b"\0":
            yield offset, min(size, len(data) - offset)

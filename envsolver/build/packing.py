"""An environment as one archive: the same bytes for the same files, whoever built them, wherever and whenever.

Members are sorted, have one time and two modes, and belong to nobody (https://reproducible-builds.org/docs/archives).
"""

from __future__ import annotations

import gzip
import io
import os
import re
import tarfile
from contextlib import contextmanager
from hashlib import sha256
from typing import IO, TYPE_CHECKING, Protocol

from envsolver.build.layout import FILE_TIME
from envsolver.build.manifest import LINK, MANIFEST
from envsolver.build.places import PLACES
from envsolver.model.errors import FileError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path, PurePosixPath

    from _typeshed import ReadableBuffer as Buffer

    from envsolver.build.manifest import Entry

__all__ = ["SUFFIXES", "pack_tree"]

SUFFIXES = (".tar", ".tar.gz", ".tar.zst")
"""Ends of the names of archives, which say how they are compressed."""
_HOME = re.compile(rb"(?m)^home = .*$")
_LEVEL_GZIP = 6
_LEVEL_ZSTD = 9


def pack_tree(
    prefix: Path,
    entries: Sequence[Entry],
    output: Path,
    suffix: str,
    *,
    python: PurePosixPath | None,
    free: Collection[str],
) -> str:
    """Write an environment into an archive.

    Args:
        prefix: where it lies.
        entries: its files, as a scan has found them.
        output: to write to.
        suffix: one of :data:`SUFFIXES`.
        python: interpreter that ``bin/python`` and ``pyvenv.cfg`` are to name; None: the one that they name.
        free: files whose bytes are not those that were digested, since they carry the prefix.

    Returns:
        The sha256 of the archive before it was compressed.

    Raises:
        FileError: a file has changed since it was looked at.
        OSError: something cannot be read or written.
    """
    paths = {entry.path: entry for entry in entries}
    own = [path for path in (MANIFEST, PLACES) if (prefix / path).is_file()]
    folders = {
        "/".join(parts[:at]) for path in (*paths, *own) for parts in (path.split("/"),) for at in range(1, len(parts))
    }
    with output.open("wb") as file, _compressed(file, suffix) as sink:
        counted = _Digesting(sink)
        with tarfile.open(fileobj=counted, mode="w|", format=tarfile.PAX_FORMAT) as archive:
            for path in sorted([*paths, *own, *folders], key=str.encode):
                if path in folders:
                    archive.addfile(_folder(path))
                elif path in paths and paths[path].mode == LINK:
                    archive.addfile(_link(path, _target(prefix, path, python)))
                else:
                    _add_file(archive, prefix, path, paths.get(path), python=python, free=path in free)
    return counted.digest.hexdigest()


def _member(path: str, mode: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(path)
    member.mtime, member.mode = FILE_TIME, mode
    return member


def _folder(path: str) -> tarfile.TarInfo:
    member = _member(path, 0o755)
    member.type = tarfile.DIRTYPE
    return member


def _link(path: str, target: str) -> tarfile.TarInfo:
    member = _member(path, 0o777)
    member.type, member.linkname = tarfile.SYMTYPE, target
    return member


def _target(prefix: Path, path: str, python: PurePosixPath | None) -> str:
    target = os.readlink(prefix / path)  # noqa: PTH115 - as text
    return str(python) if python is not None and path == "bin/python" and target.startswith("/") else target


def _add_file(
    archive: tarfile.TarFile, prefix: Path, path: str, entry: Entry | None, *, python: PurePosixPath | None, free: bool
) -> None:
    with (prefix / path).open("rb") as file:
        if path == "pyvenv.cfg":
            data = file.read()
            if python is not None:
                data = _HOME.sub(b"home = " + os.fsencode(python.parent), data)
            member = _member(path, 0o644)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
            return
        member = _member(path, 0o755 if entry is not None and int(entry.mode, 8) & 0o111 else 0o644)
        member.size = os.fstat(file.fileno()).st_size
        counted = _Reading(file)
        archive.addfile(member, counted)
    if entry is not None and not free and counted.digest.hexdigest() != entry.sha256:
        raise FileError(
            f"{prefix / path} has changed while it was packed", hint="run it again when nothing writes there"
        )


class _Sink(Protocol):
    """Takes bytes."""

    def write(self, data: bytes, /) -> int: ...


@contextmanager
def _compressed(file: IO[bytes], suffix: str) -> Iterator[_Sink]:
    if suffix == ".tar.gz":
        # No name and no time in the header.
        with gzip.GzipFile(filename="", mode="wb", compresslevel=_LEVEL_GZIP, fileobj=file, mtime=0) as zipped:
            yield zipped
    elif suffix == ".tar.zst":
        import zstandard

        # With one worker or more the bytes do not depend on how many there are.
        compressor = zstandard.ZstdCompressor(level=_LEVEL_ZSTD, threads=os.cpu_count() or 1, write_checksum=True)
        with compressor.stream_writer(file, closefd=False) as writer:
            yield writer
    else:
        yield file


class _Digesting(io.RawIOBase):
    """Passes on what is written, and digests it."""

    def __init__(self, sink: _Sink) -> None:
        self._sink = sink
        self.digest = sha256()

    def writable(self) -> bool:
        return True

    def write(self, data: Buffer, /) -> int:
        whole = bytes(data)
        self.digest.update(whole)
        self._sink.write(whole)
        return len(whole)


class _Reading(io.RawIOBase):
    """Passes on what is read, and digests it."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self.digest = sha256()

    def read(self, size: int = -1, /) -> bytes:
        data = self._source.read(size)
        self.digest.update(data)
        return data

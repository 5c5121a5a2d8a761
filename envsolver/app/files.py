"""Writing files so that a reader, a crash or a full disk never meets a half-written one."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from envsolver.model.errors import FileError
from envsolver.model.wording import system_reason

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["NotTextError", "read_text", "require_folder", "write_atomic", "write_document", "write_together"]

MOST_TEXT = 64 << 20
"""Bytes of a text that is read. The largest locks of other tools have some five million."""
STALE_SECONDS = 3600
"""A temporary file older than this was left by a process that was killed."""


class NotTextError(FileError):
    """A file is there and can be read, but is no text."""


def write_document(path: Path, data: bytes) -> bool:
    """Write a file where the user wants it, as :func:`write_atomic`, but in a folder that is there.

    Raises:
        FileError: there is no such folder, or the file cannot be written.
    """
    require_folder(path)
    return write_atomic(path, data)


def require_folder(path: Path) -> None:
    """Refuse to write a file where there is no folder: that is more often a typing mistake than a wish.

    Raises:
        FileError: the folder is not there.
    """
    if not path.parent.is_dir():
        message = f"{_shown(path)} cannot be written: there is no folder {_shown(path.parent)}"
        raise FileError(message, hint="make it first, or name another file")


def write_atomic(path: Path, data: bytes) -> bool:
    """Write a file, or leave it as it is.

    Returns:
        Whether anything was written: a file that has these bytes already is not touched.

    Raises:
        FileError: the file cannot be written; the old one is still there.
    """
    return path in write_together({path: data})


def write_together(contents: Mapping[Path, bytes]) -> tuple[Path, ...]:
    """Write several files in the order given, all or none as far as a file system allows it.

    The folder of a file (``locks/``) is made if it is missing, but none above that.

    Every byte is on disk under a temporary name before the first file is replaced; should a replacement fail then,
    those already made are taken back. A kill between two replacements leaves whole files, the last ones still old.

    Returns:
        The files that were written; those that have their bytes already are left alone.

    Raises:
        FileError: a file cannot be written; the old ones are still there.
    """
    pending = {path: data for path, data in contents.items() if _read(path) != data}
    staged: dict[Path, Path] = {}
    path = next(iter(contents))
    try:
        for path, data in pending.items():
            path.parent.mkdir(exist_ok=True)
            staged[path] = _stage(path, data)
        _replace(staged)
    except BaseException as error:
        # An interrupt as well: neither files of two states nor temporary ones stay.
        for temporary in staged.values():
            with suppress(OSError):
                temporary.unlink()
        if isinstance(error, OSError):
            broken = Path(os.fsdecode(error.filename2)) if error.filename2 else path  # of a replacement, its target
            message = f"{_shown(broken)} cannot be written: {system_reason(error)}"
            raise FileError(message, hint="all files are as they were; run it again when that is mended") from error
        raise
    return tuple(pending)


def read_text(path: Path) -> str | None:
    """Return a UTF-8 file, or None if there is none.

    Raises:
        NotTextError: it is not UTF-8.
        FileError: it is there and cannot be read, or is larger than :data:`MOST_TEXT`.
    """
    try:
        with path.open("rb") as file:
            # To ask for memory for all that could be there costs more than the reading.
            size = min(os.fstat(file.fileno()).st_size, MOST_TEXT)
            data = file.read(size + 1)
            if len(data) > size:  # it has grown, or is no ordinary file
                data += file.read(MOST_TEXT + 1 - len(data))
        if len(data) > MOST_TEXT:
            raise FileError(f"{_shown(path)} is larger than {MOST_TEXT >> 20} MiB: it is no lock")
        return data.decode("utf-8")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FileError(f"{_shown(path)} cannot be read: {system_reason(error)}") from error
    except UnicodeDecodeError as error:
        raise NotTextError(f"{_shown(path)} is not UTF-8 (byte {error.start})") from error


def _shown(path: Path) -> str:
    """Return a path as the user knows it: from the current folder on, where it lies below that."""
    try:
        return path.absolute().relative_to(Path.cwd()).as_posix()
    except (OSError, ValueError):
        return str(path)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _stage(path: Path, data: bytes) -> Path:
    """Write a temporary file beside its target (a rename works within one file system only)."""
    prefix = f".{path.name}."
    _sweep(path.parent, prefix)
    import tempfile  # not needed to read, which is all that a run does where nothing has changed

    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=prefix, suffix=".tmp")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(_mode(path))
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    return temporary


def _mode(path: Path) -> int:
    """Return the mode of the file that is replaced; of a new one, what ``open`` would give it."""
    try:
        return path.stat().st_mode & 0o7777
    except OSError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask


def _sweep(folder: Path, prefix: str) -> None:
    import glob

    for leftover in folder.glob(f"{glob.escape(prefix)}*.tmp"):
        with suppress(OSError):
            if time.time() - leftover.stat().st_mtime > STALE_SECONDS:
                leftover.unlink()


def _replace(staged: dict[Path, Path]) -> None:
    replaced: dict[Path, bytes | None] = {}
    try:
        for path, temporary in staged.items():
            before = _read(path)
            replaced[path] = before
            temporary.replace(path)
    except BaseException:
        for path, old in replaced.items():
            with suppress(OSError):
                if old is None:
                    path.unlink()
                else:
                    _stage(path, old).replace(path)
        raise
    for folder in {path.parent for path in staged}:
        _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    # The rename itself is on disk only when the folder is; Windows cannot open folders and needs no such step.
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

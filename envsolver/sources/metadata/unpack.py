"""Unpacking an sdist for its build, with nothing outside the folder and no more than fits."""

from __future__ import annotations

import lzma
import os
import shutil
import tarfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from envsolver.model.errors import MetadataUnusableError
from envsolver.sources.metadata.limits import MAX_MEMBERS, MAX_UNPACKED

if TYPE_CHECKING:
    from collections.abc import Callable

    Wanted = Callable[[str, bool], bool]
    """Says whether to unpack a member: its path in the archive, and whether it is a file (no folder, no link)."""

__all__ = ["at_top", "everything", "no_header", "unpack_sdist"]

_TOP = 2
_HEADERS = (".h", ".hh", ".hpp", ".hxx", ".h++", ".cuh", ".inl", ".ipp", ".tcc")
_PLAIN_FILES = (tarfile.REGTYPE, tarfile.AREGTYPE)
_DAMAGE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    ValueError,
    RuntimeError,
    LookupError,  # a hard link to what is not there, a name that is empty
    ArithmeticError,  # times and sizes beyond what a system has
)


def at_top(path: str, is_file: bool) -> bool:
    """Want the files of the first folder: sdists have one (PEP 625), and old ones may have none.

    What lies there says how the project is built.
    """
    return is_file and len(PurePosixPath(path).parts) <= _TOP


def no_header(path: str, is_file: bool) -> bool:
    """Want all but the files that compilers alone read.

    An archive that brings its libraries along has thousands of them, and no backend looks at one to say what it
    requires. Of other sources that is not so: where a C file is missing, some ask for Cython to make it.
    """
    return not (is_file and path.endswith(_HEADERS))


def everything(_path: str, _is_file: bool) -> bool:
    """Want the whole archive."""
    return True


def unpack_sdist(archive: Path, folder: Path, filename: str, *, wanted: Wanted = everything) -> Path:
    """Unpack into an empty folder; return the project's folder in it.

    Args:
        archive: the file on disk.
        folder: where to.
        filename: of the sdist: its suffix tells the kind.
        wanted: what to unpack.

    Raises:
        MetadataUnusableError: the archive is damaged, too large, or reaches out of its folder.
    """
    try:
        if filename.lower().endswith(".zip"):
            _unpack_zip(archive, folder, wanted)
        else:
            _unpack_tar(archive, folder, wanted)
    except _DAMAGE as error:
        raise MetadataUnusableError(filename, f"it cannot be unpacked: {error}") from None
    inside = sorted(folder.iterdir())
    root = inside[0] if len(inside) == 1 and inside[0].is_dir() else folder
    if not any((root / name).is_file() for name in ("pyproject.toml", "setup.py")):
        raise MetadataUnusableError(filename, "it has neither a pyproject.toml nor a setup.py")
    return root


def _unpack_tar(archive: Path, folder: Path, wanted: Wanted) -> None:
    if not hasattr(tarfile, "data_filter"):  # PEP 706: Python 3.11.4
        raise ValueError("this Python is too old to do it safely; 3.11.4 or newer is needed")
    total, plain = 0, True
    folders: set[str] = set()
    with tarfile.open(archive, "r:*") as tar:
        for count, member in enumerate(tar):
            total += member.size
            _check_bounds(count, total)
            if not wanted(member.name, member.isfile()):
                continue
            # Where no link was made, a plain name leads nowhere else: to ask the system that of thousands is slow.
            plain = plain and (member.isdir() or member.type in _PLAIN_FILES)
            if not (plain and _is_plain(member.name) and _write(tar, member, folder, folders)):
                tar.extract(member, folder, filter="data")


def _is_plain(name: str) -> bool:
    """Say whether a name is one that no system takes for anything but a place below."""
    return "\\" not in name and ":" not in name and all(part not in {"", ".", ".."} for part in name.split("/"))


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path, folders: set[str]) -> bool:
    """Write a file or folder as the filter for data would; say no where there is something already.

    Args:
        tar: the archive.
        member: of it.
        folder: where to.
        folders: those that are there, which are added to.
    """
    path = f"{folder}/{member.name}"
    parent = path if member.isdir() else path.rpartition("/")[0]
    if parent not in folders:
        Path(parent).mkdir(parents=True, exist_ok=True)
        folders.add(parent)
    if member.isdir():
        return True
    content = tar.extractfile(member)
    try:
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o755 if member.mode & 0o111 else 0o644)
    except FileExistsError:
        return False
    with os.fdopen(number, "wb") as out:
        if content is not None:
            shutil.copyfileobj(content, out)
    return True


def _unpack_zip(archive: Path, folder: Path, wanted: Wanted) -> None:
    with zipfile.ZipFile(archive) as packed:
        members = packed.infolist()
        _check_bounds(len(members), sum(member.file_size for member in members))
        for member in members:
            path = member.filename.replace("\\", "/")
            if path.startswith("/") or ".." in path.split("/") or ":" in path.partition("/")[0]:
                raise ValueError(f"{member.filename!r} is outside of it")
            if wanted(path, not member.is_dir()):
                packed.extract(member, folder)


def _check_bounds(count: int, total: int) -> None:
    if count > MAX_MEMBERS or total > MAX_UNPACKED:
        raise ValueError(f"it unpacks to more than {MAX_UNPACKED:,} bytes or {MAX_MEMBERS:,} files")

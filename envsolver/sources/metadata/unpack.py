"""Unpacking an sdist for its build, with nothing outside the folder and no more than fits."""

from __future__ import annotations

import lzma
import tarfile
import zipfile
import zlib
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from envsolver.model.errors import MetadataUnusableError
from envsolver.sources.metadata.limits import MAX_MEMBERS, MAX_UNPACKED

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["unpack_sdist"]

_TOP = 2
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


def unpack_sdist(archive: Path, folder: Path, filename: str, *, top: bool = False) -> Path:
    """Unpack into an empty folder; return the project's folder in it.

    Args:
        archive: the file on disk.
        folder: where to.
        filename: of the sdist: its suffix tells the kind.
        top: unpack only what lies at the top of the project, which is what says how it is built.

    Raises:
        MetadataUnusableError: the archive is damaged, too large, or reaches out of its folder.
    """
    try:
        if filename.lower().endswith(".zip"):
            _unpack_zip(archive, folder, top=top)
        else:
            _unpack_tar(archive, folder, top=top)
    except _DAMAGE as error:
        raise MetadataUnusableError(filename, f"it cannot be unpacked: {error}") from None
    inside = sorted(folder.iterdir())
    root = inside[0] if len(inside) == 1 and inside[0].is_dir() else folder
    if not any((root / name).is_file() for name in ("pyproject.toml", "setup.py")):
        raise MetadataUnusableError(filename, "it has neither a pyproject.toml nor a setup.py")
    return root


def _unpack_tar(archive: Path, folder: Path, *, top: bool) -> None:
    if not hasattr(tarfile, "data_filter"):  # PEP 706: Python 3.11.4
        raise ValueError("this Python is too old to do it safely; 3.11.4 or newer is needed")
    total = 0
    with tarfile.open(archive, "r:*") as tar:
        for count, member in enumerate(tar):
            total += member.size
            _check_bounds(count, total)
            if not top or (member.isfile() and _at_top(member.name)):
                tar.extract(member, folder, filter="data")


def _unpack_zip(archive: Path, folder: Path, *, top: bool) -> None:
    with zipfile.ZipFile(archive) as packed:
        members = packed.infolist()
        _check_bounds(len(members), sum(member.file_size for member in members))
        for member in members:
            path = member.filename.replace("\\", "/")
            if path.startswith("/") or ".." in path.split("/") or ":" in path.partition("/")[0]:
                raise ValueError(f"{member.filename!r} is outside of it")
            if not top or (not member.is_dir() and _at_top(path)):
                packed.extract(member, folder)


def _at_top(path: str) -> bool:
    """Say whether a file lies in the first folder: sdists have one (PEP 625), and old ones may have none."""
    return len(PurePosixPath(path).parts) <= _TOP


def _check_bounds(count: int, total: int) -> None:
    if count > MAX_MEMBERS or total > MAX_UNPACKED:
        raise ValueError(f"it unpacks to more than {MAX_UNPACKED:,} bytes or {MAX_MEMBERS:,} files")

"""A wheel that nobody trusts: everything about the archive is checked before a byte of it is written.

Refused are names that leave the prefix, absolute ones, links and devices, names that stand twice or are file and folder
at once, encrypted members, and whatever RECORD does not confirm: a file that it does not list, one that it lists and
that is not there, another size, another digest.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import re
import stat
import zipfile
import zlib
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, cast

from installer.sources import WheelSource
from installer.utils import SCHEME_NAMES, parse_wheel_filename

from envsolver.model.candidate import normalize_name
from envsolver.model.errors import ArtefactError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["CheckedStream", "CheckedWheel", "open_wheel"]

_UNSAFE = re.compile(r"[\x00-\x1f\x7f\\\ud800-\udfff]|^/|^[A-Za-z]:")
_SIGNATURES = ("RECORD.jws", "RECORD.p7s")
_ALGORITHMS = ("sha256", "sha384", "sha512")
"""The wheel format (PEP 427) allows sha256 or better."""


class _Recorded(NamedTuple):
    algorithm: str
    digest: str
    size: int | None


class CheckedStream:
    """A member that is held against RECORD while it is read.

    Attributes:
        sha256: hex digest of what was read.
        size: bytes read.
    """

    def __init__(self, stream: BinaryIO, wheel: str, path: str, recorded: _Recorded | None) -> None:
        self._stream = stream
        self._wheel = wheel
        self._path = path
        self._recorded = recorded
        self._digest = hashlib.sha256()
        other = recorded is not None and recorded.algorithm != "sha256"
        self._other = hashlib.new(recorded.algorithm) if recorded is not None and other else None
        self.size = 0

    @property
    def sha256(self) -> str:
        """Hex digest of what was read."""
        return self._digest.hexdigest()

    def read(self, size: int = -1) -> bytes:
        """Read on.

        Raises:
            ArtefactError: at the end: it is not what RECORD says.
        """
        data = self._stream.read(size)
        self._digest.update(data)
        if self._other is not None:
            self._other.update(data)
        self.size += len(data)
        if not data or size < 0:
            self._check()
        return data

    def _check(self) -> None:
        if self._recorded is None:
            return
        found = base64.urlsafe_b64encode((self._other or self._digest).digest()).rstrip(b"=").decode()
        if found != self._recorded.digest.rstrip("=") or self._recorded.size not in {None, self.size}:
            raise ArtefactError(self._wheel, f"{self._path} is not what RECORD says")


class CheckedWheel(WheelSource):
    """The source that installer reads. Made by :func:`open_wheel`."""

    def __init__(self, archive: zipfile.ZipFile, filename: str, size: int) -> None:
        parsed = parse_wheel_filename(filename)
        super().__init__(distribution=parsed.distribution, version=parsed.version)
        self.filename = filename
        self._archive = archive
        self._size = size
        self._members = self._check_members()

    @cached_property
    def dist_info_dir(self) -> str:
        """The one ``.dist-info`` folder, which must be of this project and version."""
        folders = {path.partition("/")[0] for path in self._members}
        found = sorted(name for name in folders if name.endswith(".dist-info"))
        if len(found) != 1:
            raise ArtefactError(self.filename, f"it has {len(found)} .dist-info folders")
        name = found[0].removesuffix(".dist-info").partition("-")[0]
        if normalize_name(name) != normalize_name(self.distribution):
            raise ArtefactError(self.filename, f"{found[0]} is not of this project")
        return found[0]

    @cached_property
    def data_dir(self) -> str:
        """The ``.data`` folder."""
        return self.dist_info_dir.removesuffix(".dist-info") + ".data"

    @property
    def dist_info_filenames(self) -> list[str]:
        """Names in the ``.dist-info`` folder."""
        start = f"{self.dist_info_dir}/"
        return [path.removeprefix(start) for path in self._members if path.startswith(start)]

    @property
    def unpacked_size(self) -> int:
        """Bytes of all members."""
        return sum(member.file_size for member in self._members.values())

    def read_dist_info(self, filename: str) -> str:
        """Return a file of the ``.dist-info`` folder."""
        member = self._members.get(f"{self.dist_info_dir}/{filename}")
        if member is None:
            raise ArtefactError(self.filename, f"it has no {filename}")
        return self._archive.read(member).decode("utf-8")

    def get_contents(self) -> Iterator[tuple[tuple[str, str, str], BinaryIO, bool]]:
        """Yield each file, to be read before the next one: its checks end with its last byte."""
        for path, member in self._members.items():
            if "__pycache__" in path.split("/")[:-1]:
                continue  # somebody else's bytecode: it is compiled here
            mode = member.external_attr >> 16
            executable = bool(stat.S_ISREG(mode) and mode & 0o111)
            with self._archive.open(member) as stream:
                checked = CheckedStream(cast("BinaryIO", stream), self.filename, path, self._record.get(path))
                yield (path, "", ""), cast("BinaryIO", checked), executable

    def check(self) -> None:
        """Hold names and sizes against RECORD.

        Raises:
            ArtefactError: they differ.
        """
        own = {f"{self.dist_info_dir}/{name}" for name in ("RECORD", *_SIGNATURES)}
        unlisted = sorted(self._members.keys() - self._record.keys() - own)
        if unlisted:
            raise ArtefactError(self.filename, f"{unlisted[0]} is not in RECORD")
        missing = sorted(self._record.keys() - self._members.keys() - own)
        if missing:
            raise ArtefactError(self.filename, f"RECORD has {missing[0]}, the archive has not")
        for path, recorded in self._record.items():
            if path not in own and recorded.size not in {None, self._members[path].file_size}:
                raise ArtefactError(self.filename, f"{path} has not the size that RECORD says")
        for path in self._members:
            if path.startswith(f"{self.data_dir}/") and path.split("/")[1] not in SCHEME_NAMES:
                raise ArtefactError(self.filename, f"{path} is in no folder that the wheel format knows")

    @cached_property
    def _record(self) -> dict[str, _Recorded]:
        found: dict[str, _Recorded] = {}
        own = f"{self.dist_info_dir}/RECORD"
        for row in csv.reader(self.read_dist_info("RECORD").splitlines()):
            if not row:
                continue
            if len(row) != 3 or row[0] in found:
                raise ArtefactError(self.filename, f"RECORD: {','.join(row)!r} is no line of it, or stands there twice")
            path, digest, size = row
            algorithm, _, value = digest.partition("=")
            unhashed = path == own or path.rpartition("/")[2] in _SIGNATURES
            if algorithm not in _ALGORITHMS and not unhashed:
                raise ArtefactError(self.filename, f"RECORD has no sha256 of {path}")
            if not unhashed:
                found[path] = _Recorded(algorithm, value, int(size) if size else None)
        return found

    def _check_members(self) -> dict[str, zipfile.ZipInfo]:
        members: dict[str, zipfile.ZipInfo] = {}
        folders: set[str] = set()
        for member in self._archive.infolist():
            path = member.filename
            self._check_member(member)
            if path.endswith("/"):
                folders.add(path[:-1])
                continue
            if path in members:
                raise ArtefactError(self.filename, f"{path!r} is in the archive twice")
            members[path] = member
            parent = path.rpartition("/")[0]
            while parent and parent not in folders:
                folders.add(parent)
                parent = parent.rpartition("/")[0]
        if clash := sorted(folders & members.keys()):
            raise ArtefactError(self.filename, f"{clash[0]!r} is a file and a folder")
        return members

    def _check_member(self, member: zipfile.ZipInfo) -> None:
        path = member.filename
        # ZipInfo cuts a name at a NUL byte; the archive's own name is what counts.
        if _UNSAFE.search(member.orig_filename) or {"", ".", ".."}.intersection(path.removesuffix("/").split("/")):
            raise ArtefactError(self.filename, f"{member.orig_filename!r} would leave the environment")
        # zipfile would seek there, and let the system say that it cannot.
        if not 0 <= member.header_offset < self._size:
            raise ArtefactError(self.filename, f"{path!r} lies outside the archive")
        mode = member.external_attr >> 16
        if stat.S_IFMT(mode) not in {0, stat.S_IFREG, stat.S_IFDIR}:
            raise ArtefactError(self.filename, f"{path!r} is neither a file nor a folder")
        if member.flag_bits & 0x1:
            raise ArtefactError(self.filename, f"{path!r} is encrypted")
        if member.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
            raise ArtefactError(self.filename, f"{path!r} is packed in a way that wheels are not")


@contextmanager
def open_wheel(path: Path, filename: str) -> Iterator[CheckedWheel]:
    """Open a wheel.

    Args:
        path: where the archive lies.
        filename: its name as a wheel.

    Raises:
        ArtefactError: it is no wheel, or one that is refused.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            wheel = CheckedWheel(archive, filename, path.stat().st_size)
            wheel.check()
            yield wheel
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, csv.Error, ValueError) as error:
        raise ArtefactError(filename, f"it is not a wheel that can be read: {error}") from error

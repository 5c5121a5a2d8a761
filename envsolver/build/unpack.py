"""A wheel installed into a tree of its own, always with the same bytes, modes and times."""

from __future__ import annotations

import base64
import configparser
import csv
import io
import os
import re
import shutil
from hashlib import sha256
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from installer import install
from installer.destinations import WheelDestination
from installer.exceptions import InstallerError
from installer.records import Hash, RecordEntry

from envsolver.build.archive import CheckedStream, open_wheel
from envsolver.build.layout import FILE_TIME, is_reserved
from envsolver.build.manifest import Entry
from envsolver.build.scripts import entry_point, relocatable
from envsolver.model.errors import ArtefactError, FileError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from installer.scripts import ScriptSection
    from installer.utils import Scheme

    from envsolver.build.layout import Layout

__all__ = ["unpack"]

_PIECE = 1 << 20
_SCRIPT_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+@ -]*")
_LARGEST_SCRIPT = 64 << 20


def unpack(archive: Path, filename: str, layout: Layout, target: Path) -> tuple[Entry, ...]:
    """Install a wheel below a folder, as it will lie below a prefix; return its files, sorted.

    Args:
        archive: whose sha256 was compared with the lock.
        filename: of the wheel.
        layout: of the environments that it is for.
        target: an empty folder.

    Raises:
        ArtefactError: the wheel is refused.
        FileError: there is not enough room.
        OSError: something cannot be written.
    """
    with open_wheel(archive, filename) as wheel:
        free = shutil.disk_usage(target).free
        if wheel.unpacked_size > free:
            raise FileError(
                f"{filename} needs {wheel.unpacked_size >> 20} MiB, and {target.parent} has {free >> 20} MiB left"
            )
        destination = _Tree(target, layout, wheel.distribution, filename)
        try:
            install(wheel, destination, {"INSTALLER": b"envsolver\n"})
        except (InstallerError, AssertionError, KeyError, configparser.Error) as error:
            # What installer and zipfile raise for archives that are broken; AssertionError for entry points.
            reason = str(error) or "its entry points cannot be read"
            raise ArtefactError(filename, f"it is not a wheel that can be installed: {reason}") from error
    return tuple(sorted(destination.entries))


class _Tree(WheelDestination):
    """Writes below a folder: modes 644 and 755, one time of change, RECORD sorted."""

    def __init__(self, root: Path, layout: Layout, project: str, filename: str) -> None:
        self.entries: list[Entry] = []
        self._root = root
        self._layout = layout
        self._project = project
        self._filename = filename
        self._folders: set[str] = set()

    def write_script(self, name: str, module: str, attr: str, section: ScriptSection) -> RecordEntry:  # noqa: ARG002 - a section matters on Windows only
        """Write the script of an entry point."""
        if not _SCRIPT_NAME.fullmatch(name):
            raise ArtefactError(self._filename, f"{name!r} is no name for a script")
        return self._write(self._path("scripts", name), io.BytesIO(entry_point(module, attr)), executable=True)

    def write_file(
        self, scheme: Scheme, path: str | os.PathLike[str], stream: BinaryIO, is_executable: bool
    ) -> RecordEntry:
        """Write a file of the wheel."""
        place = self._path(scheme, os.fspath(path))
        if scheme != "scripts":
            return self._write(place, stream, executable=is_executable)
        data = stream.read(_LARGEST_SCRIPT)
        rest = stream.read(1) or stream.read()  # the end, where the content is held against RECORD
        if rest:
            raise ArtefactError(self._filename, f"{path} is larger than a script can be")
        return self._write(place, io.BytesIO(relocatable(data)), executable=True)

    def finalize_installation(
        self, scheme: Scheme, record_file_path: str, records: Iterable[tuple[Scheme, RecordEntry]]
    ) -> None:
        """Write RECORD: sorted, relative to it, without bytecode (which installers find by the names of modules)."""
        base = self._layout.folder(scheme, self._project)
        place = f"{base}/{record_file_path}"
        rows = {entry.path: (_hash(entry.sha256), str(entry.size)) for entry in self.entries} | {place: ("", "")}
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerows(sorted((os.path.relpath(path, base), *facts) for path, facts in rows.items()))
        self._write(place, io.BytesIO(text.getvalue().encode()), executable=False)
        del records  # what was written is known here already

    def _path(self, scheme: str, path: str) -> str:
        folder = self._layout.folder(scheme, self._project)
        place = f"{folder}/{path}" if folder else path
        if is_reserved(place):
            raise ArtefactError(self._filename, f"it brings {place}, which is the environment's own")
        return place

    def _write(self, place: str, stream: BinaryIO, *, executable: bool) -> RecordEntry:
        folder, _, name = place.rpartition("/")
        if folder not in self._folders:
            (self._root / folder).mkdir(parents=True, exist_ok=True)
            self._folders.add(folder)
        target = f"{self._root}{os.sep}{folder}{os.sep}{name}" if folder else f"{self._root}{os.sep}{name}"
        checked = stream if isinstance(stream, CheckedStream) else None
        digest = None if checked else sha256()
        size = 0
        try:
            # "x": two schemes of one wheel may lead to one place.
            with open(target, "xb") as file:  # noqa: PTH123 - a Path costs more than the open
                while data := stream.read(_PIECE):
                    file.write(data)
                    size += len(data)
                    if digest is not None:
                        digest.update(data)
                mode = 0o755 if executable else 0o644
                os.fchmod(file.fileno(), mode)
        except FileExistsError:
            raise ArtefactError(self._filename, f"it brings {place} twice") from None
        os.utime(target, (FILE_TIME, FILE_TIME))
        value = cast("Any", checked or digest)
        hexdigest = value.sha256 if checked else value.hexdigest()
        self.entries.append(Entry(place, f"{mode:o}", hexdigest, size))
        return RecordEntry(place, Hash("sha256", _hash(hexdigest).partition("=")[2]), size)


def _hash(hexdigest: str) -> str:
    return "sha256=" + base64.urlsafe_b64encode(bytes.fromhex(hexdigest)).rstrip(b"=").decode()

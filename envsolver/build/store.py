"""The store: wheels as they lie in environments, unpacked and compiled once, from which environments are linked.

A tree of the store is made in a folder beside it and renamed, so that it is whole or not there. Files that are linked
into environments can be changed through them; size and time of change, which are the same for all files, give that
away, and a tree with such a file counts as missing. So any part of the store may be deleted at any time.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager, suppress
from hashlib import sha256
from typing import TYPE_CHECKING, Literal, TypeAlias

from envsolver.build.bytecode import RECIPE
from envsolver.build.layout import FILE_TIME
from envsolver.build.manifest import dump_entries, load_entries
from envsolver.build.scratch import scratch, sweep
from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from envsolver.build.manifest import Entry

__all__ = ["Store", "Stored"]

_LAYOUT = "v1"
"""As the cache's: what empties that empties this."""
_FORMAT = 1
_MODES = {f"{mode:o}": stat.S_IFREG | mode for mode in (0o644, 0o755)}
Kind: TypeAlias = Literal["wheels", "bytecode"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A tree of the store.

    Attributes:
        folder: below which the files lie.
        entries: its files, sorted by path.
    """

    folder: Path
    entries: tuple[Entry, ...]


class Store:
    """Trees by wheel and kind of interpreter.

    Args:
        root: folder of the cache; the store lies in it.
        tag: of the interpreter and platform, such as ``cp38-linux-64``: what a tree of a wheel depends on.
    """

    def __init__(self, root: Path, tag: str) -> None:
        self._base = root / _LAYOUT / "store"
        self._tag = tag

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return self._base

    def get(self, kind: Kind, wheel: str) -> Stored | None:
        """Return the tree made of a wheel (its sha256), or None if there is none, or it is damaged."""
        folder = self._place(kind, wheel)
        try:
            lines, mark, seal = (folder / "entries").read_bytes()[:-1].rpartition(b"\n")
            if sha256(lines + mark).hexdigest().encode() != seal:
                return None
            entries = load_entries(lines.decode().splitlines())
        except (OSError, ValueError):
            return None
        files = folder / "files"
        return Stored(folder=files, entries=entries) if _untouched(files, entries) else None

    def make(self, kind: Kind, wheel: str, fill: Callable[[Path], tuple[Entry, ...]]) -> Stored:
        """Make the tree of a wheel; ``fill`` puts it into an empty folder and returns its files.

        Raises:
            OSError: it cannot be written.
        """
        with self._scratch() as folder:
            files = folder / "files"
            files.mkdir()
            entries = fill(files)
            lines = dump_entries(entries).encode()
            (folder / "entries").write_bytes(lines + sha256(lines).hexdigest().encode() + b"\n")
            theirs = self._put(folder, kind, wheel)
        return theirs or Stored(folder=self._place(kind, wheel) / "files", entries=entries)

    @contextmanager
    def partial(self, wheel: str) -> Iterator[Path | None]:
        """Return where the archive of a wheel is to be downloaded to; it may hold the beginning of it.

        One process at a time has it; the others get None.
        """
        import fcntl

        path = self._base / "partial" / wheel
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # Whoever had it before may be done with it, and have deleted it meanwhile.
                mine = path.exists() and os.path.samestat(path.stat(), os.fstat(descriptor))
            except (BlockingIOError, FileNotFoundError):
                mine = False
            yield path if mine else None
        finally:
            os.close(descriptor)

    def archive(self, digest: str) -> Path:
        """Return where a source archive lies, if it is there. What lies there was held against its sha256."""
        return self._base / "archives" / digest

    def sweep(self) -> None:
        """Delete what killed runs have left half-done. Beginnings of downloads stay: the next run goes on there."""
        sweep(self._base / "work", "")

    @contextmanager
    def _scratch(self) -> Iterator[Path]:
        with scratch(self._base / "work", "") as folder:
            yield folder

    def _put(self, folder: Path, kind: Kind, wheel: str) -> Stored | None:
        """Put a tree in its place, unless there is a whole one, which is returned."""
        final = self._place(kind, wheel)
        final.parent.mkdir(parents=True, exist_ok=True)
        for _ in range(3):
            try:
                folder.rename(final)
            except OSError as error:
                if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
                    raise
                # Another process was faster, and files may be linked from its tree at this moment: that stays.
                if (theirs := self.get(kind, wheel)) is not None:
                    return theirs
                # Else it is damaged, or just going.
                with suppress(OSError), self._scratch() as away:
                    final.rename(away / "old")
            else:
                return None
        if not final.is_dir():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(final))
        return None

    def _place(self, kind: Kind, wheel: str) -> Path:
        version = _FORMAT if kind == "wheels" else f"{_FORMAT}.{RECIPE}"
        return self._base / f"{kind}-{version}" / wheel[:2] / f"{wheel}-{self._tag}"


def _untouched(folder: Path, entries: tuple[Entry, ...]) -> bool:
    base = f"{folder}{os.sep}"
    try:
        for path, mode, _, size in entries:
            found = os.lstat(base + path)
            if found.st_size != size or int(found.st_mtime) != FILE_TIME or found.st_mode != _MODES.get(mode):
                return False
    except OSError:
        return False
    return True

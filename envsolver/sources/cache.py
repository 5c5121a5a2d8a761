"""The cache: small entries in files, each with a checksum.

An entry that is missing, cut short or damaged is a miss and nothing else, so any part of the cache may be deleted at
any time. What an entry holds is a function of its key (or says itself how old it is), so processes that write the
same entry at once need no lock: the last rename wins and both were right.
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, TypeAlias

from envsolver.model.errors import CacheError
from envsolver.model.ports import NullProgress
from envsolver.model.wording import system_reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envsolver.model.ports import Progress

__all__ = ["CACHE_VARIABLE", "Cache", "default_cache_root"]

CACHE_VARIABLE = "ENVSOLVER_CACHE_DIR"
"""Names the folder of the cache."""

_LAYOUT = "v1"
_DIGEST_BYTES = 32

_Place: TypeAlias = tuple[str, str]
"""Folder and file name of an entry."""


def default_cache_root(environ: Mapping[str, str], home: Path) -> Path:
    """Return where the cache lies: ``ENVSOLVER_CACHE_DIR``, else the platform's place for caches."""
    if chosen := environ.get(CACHE_VARIABLE):
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        return Path(environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "envsolver" / "cache"
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "envsolver"
    # XDG base directory specification: a relative path is to be ignored.
    configured = environ.get("XDG_CACHE_HOME", "")
    return (Path(configured) if configured.startswith("/") else home / ".cache") / "envsolver"


class Cache:
    """Bytes by bucket and key.

    Args:
        root: folder to use, or None to keep nothing.
        progress: is told once when the cache cannot be written.
    """

    def __init__(self, root: Path | None, progress: Progress | None = None) -> None:
        self._root = root
        self._base = None if root is None else f"{root}{os.sep}{_LAYOUT}{os.sep}"
        self._progress = progress or NullProgress()
        self._writable = True
        self._failure: OSError | None = None
        self._counter = 0
        # Process ids come again, in containers at once: a run that was killed must not be in this one's way.
        self._mark = os.urandom(6).hex()
        self._queue: SimpleQueue[tuple[_Place, bytes] | None] | None = None
        self._pending: dict[_Place, bytes] = {}
        self._lock = threading.Lock()

    def root(self) -> Path | None:
        """Return the folder in use."""
        return self._root

    def get(self, bucket: str, key: str) -> bytes | None:
        """Return what was put, or None."""
        if self._base is None:
            return None
        place = self._place(bucket, key)
        # What waits to be written is there already, for this process.
        if (waiting := self._pending.get(place)) is not None:
            return waiting[_DIGEST_BYTES:]
        try:
            # One open and one read: a warm run does this three hundred times.
            descriptor = os.open(f"{place[0]}{os.sep}{place[1]}", os.O_RDONLY | getattr(os, "O_BINARY", 0))
            try:
                raw = _read_all(descriptor)
            finally:
                os.close(descriptor)
        except OSError:
            return None
        data = raw[_DIGEST_BYTES:]
        return data if _checksum(key, data) == raw[:_DIGEST_BYTES] else None

    def put(self, bucket: str, key: str, data: bytes) -> None:
        """Keep data. A cache that cannot be written keeps nothing, says so once, and everything else goes on."""
        if self._base is None or not self._writable:
            self._tell()
            return
        place, raw = self._place(bucket, key), _checksum(key, data) + data
        if self._queue is None:
            self._keep(place, raw)
            self._tell()
        else:
            with self._lock:
                self._pending[place] = raw
            self._queue.put((place, raw))

    @contextmanager
    def writing_behind(self) -> Iterator[None]:
        """Let a thread do the writing meanwhile; on leaving, everything has been written.

        A cold run writes some hundred files, and its event loop has better things to do. A run that is killed loses
        what the thread had not come to, as if it had been killed a little earlier.
        """
        if self._base is None:
            yield
            return
        queue: SimpleQueue[tuple[_Place, bytes] | None] = SimpleQueue()
        writer = threading.Thread(target=self._write_behind, args=(queue,), name="envsolver-cache", daemon=True)
        self._queue = queue
        writer.start()
        try:
            yield
        finally:
            self._queue = None
            queue.put(None)
            writer.join()
            self._tell()

    def _write_behind(self, queue: SimpleQueue[tuple[_Place, bytes] | None]) -> None:
        while (entry := queue.get()) is not None:
            place, raw = entry
            if self._writable:
                self._keep(place, raw)
            with self._lock:
                # Newer data for the same place stand further back in the queue.
                if self._pending.get(place) is raw:
                    del self._pending[place]

    def _keep(self, place: _Place, raw: bytes) -> None:
        try:
            try:
                self._write(place, raw)
            except FileNotFoundError:
                # The first entry of a folder; or another process has just emptied the cache.
                folder = Path(place[0])
                root = folder.parents[2]
                root.mkdir(mode=0o700, parents=True, exist_ok=True)
                folder.mkdir(parents=True, exist_ok=True)
                self._write(place, raw)
        except OSError as error:
            self._writable = False
            self._failure = error

    def _tell(self) -> None:
        """Say once that the cache cannot be written. Not from the writing thread: words are for the main one."""
        if self._failure is not None:
            reason, self._failure = system_reason(self._failure), None
            self._progress.note(f"the cache {self._root} cannot be written ({reason}); going on without it")

    def _write(self, place: _Place, raw: bytes) -> None:
        folder, name = place
        self._counter += 1
        temporary = f"{folder}{os.sep}.{name[:16]}.{self._mark}.{self._counter}"
        try:
            # No fsync: after a power cut the checksum turns a half-written entry into a miss.
            with open(temporary, "xb", buffering=0) as file:  # noqa: PTH123 - a Path costs more than the open
                _write_all(file.fileno(), raw)
            os.replace(temporary, f"{folder}{os.sep}{name}")  # noqa: PTH105 - as above
        except BaseException:
            # An interrupt as well: nothing half-done stays.
            Path(temporary).unlink(missing_ok=True)
            raise

    def size(self) -> int:
        """Return how many bytes the cache's files hold."""
        if self._root is None:
            return 0
        total = 0
        for folder, _, names in os.walk(self._root):
            for name in names:
                try:
                    total += os.lstat(f"{folder}{os.sep}{name}").st_size
                except OSError:
                    continue
        return total

    def clean(self) -> int:
        """Delete all entries, of every layout that this or another release of envsolver wrote; return the bytes freed.

        Raises:
            CacheError: something could not be deleted.
        """
        if self._root is None or not self._root.is_dir():
            return 0
        import re
        import shutil

        freed = self.size()
        # Only what envsolver made: the folder may be one that the user shares with other things.
        layouts = [path for path in self._root.iterdir() if re.fullmatch(r"v[0-9]+", path.name)]
        for layout in layouts:
            try:
                if layout.is_symlink():
                    layout.unlink()
                else:
                    shutil.rmtree(layout)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise CacheError(f"cannot delete {error.filename or layout}: {system_reason(error)}") from error
        return freed - self.size()

    def _place(self, bucket: str, key: str) -> _Place:
        # The key is hashed: it may be a URL, and no file name should tell which indexes somebody uses.
        name = sha256(key.encode()).hexdigest()
        return f"{self._base}{bucket}{os.sep}{name[:2]}", name[2:]


def _checksum(key: str, data: bytes) -> bytes:
    # The key takes part: an entry that was copied to another one's place is a miss too.
    digest = sha256(key.encode())
    digest.update(b"\0")
    digest.update(data)
    return digest.digest()


def _read_all(descriptor: int) -> bytes:
    size = os.fstat(descriptor).st_size
    data = os.read(descriptor, size + 1)
    if len(data) == size:
        return data
    chunks = [data]
    while chunk := os.read(descriptor, 1 << 20):
        chunks.append(chunk)
    return b"".join(chunks)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]

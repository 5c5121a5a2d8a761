"""Files of a lock fetched: held against size and sha256 while they arrive, resumed where they broke off.

A package of conda whose channel gives no more than an md5 is held against that.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from typing import TYPE_CHECKING, Protocol

from envsolver.model.errors import ArtefactError, NetworkError
from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path
    from typing import BinaryIO

    from envsolver.lock.model import Pin
    from envsolver.model.ports import Progress

__all__ = ["Body", "Meter", "Remote", "download"]

_PIECE = 1 << 20
_PAUSE = 0.25
"""Seconds before the second try; doubled for each further one that brings nothing."""
_TRIES = 5
"""So many times in a row a body may break off without having brought anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """A file that is arriving.

    Attributes:
        start: the byte that it begins with: the one asked for, or 0 where the server knows no ranges.
        chunks: raises NetworkError where the connection breaks.
    """

    start: int
    chunks: AsyncIterator[bytes]


class Remote(Protocol):
    """Where the files of a lock are had from."""

    def open(self, pin: Pin, start: int) -> AbstractAsyncContextManager[Body]:
        """Open a file from byte ``start`` on.

        Raises:
            NetworkError: it cannot be had.
            FileError: the index does not have it.
        """
        ...


class Meter:
    """Tells how far the downloads are.

    Args:
        progress: to tell.
        files: how many there are.
        size: bytes of all, as far as the lock knows.
    """

    def __init__(self, progress: Progress, *, files: int, size: int) -> None:
        self._progress = progress
        self._files = files
        self._size = size
        self._done = 0
        self.received = 0
        """Bytes that were sent in this run."""
        self._have = 0

    def add(self, count: int) -> None:
        """Bytes have arrived."""
        self.received += count
        self.have(count)

    def have(self, count: int) -> None:
        """Bytes are there (from an earlier run), or are of no use after all (negative)."""
        self._have += count
        self._tell()

    def finish(self) -> None:
        """One more file is done."""
        self._done += 1
        self._tell()

    def _tell(self) -> None:
        total = f" of {self._size / 1e6:.0f}" if self._size else ""
        self._progress.update(f"{self._done} of {self._files} · {self._have / 1e6:.0f}{total} MB")


async def download(pin: Pin, remote: Remote, path: Path, meter: Meter) -> None:
    """Fetch one file.

    Args:
        pin: whose file it is; it has a sha256, or an md5.
        remote: to fetch it from.
        path: to write it to; what is there already is the beginning of it.
        meter: is told.

    Raises:
        NetworkError: it cannot be had; what came stays for the next run.
        ArtefactError: it is not what the lock says; nothing of it stays.
        OSError: it cannot be written.
    """
    with path.open("r+b") as file:
        arriving = _Arriving(pin, file, meter)
        resumed = await asyncio.to_thread(arriving.read_beginning)
        await _fetch(arriving, remote)
        if arriving.complete:
            return
        if resumed:
            # The beginning was of another file, or the disk has lost some of it.
            arriving.restart()
            await _fetch(arriving, remote)
            if arriving.complete:
                return
        reason = arriving.mismatch()
        arriving.restart()
    raise ArtefactError(
        pin.file.filename, reason, hint="the index serves another file under this name; nothing was installed"
    )


async def _fetch(arriving: _Arriving, remote: Remote) -> None:
    """Read until the server says that this is all."""
    failures = 0
    while not arriving.full:
        before = arriving.size
        async with remote.open(arriving.pin, arriving.size) as body:
            if body.start != arriving.size:
                arriving.restart()
            try:
                async for chunk in body.chunks:
                    arriving.write(chunk)
            except NetworkError:
                failures = 0 if arriving.size > before else failures + 1
                if failures >= _TRIES:
                    raise
            else:
                return
        await asyncio.sleep(_PAUSE * 2**failures)


class _Arriving:
    """A file of which a part is here, and its digest so far."""

    def __init__(self, pin: Pin, file: BinaryIO, meter: Meter) -> None:
        self.pin = pin
        self.size = 0
        self._file = file
        self._meter = meter
        self._algorithm = "md5" if pin.file.sha256 is None and pin.file.md5 is not None else "sha256"
        self._digest = self._new()

    def _new(self) -> hashlib._Hash:
        return hashlib.new(self._algorithm, usedforsecurity=False)

    @property
    def _expected(self) -> str | None:
        return self.pin.file.md5 if self._algorithm == "md5" else self.pin.file.sha256

    @property
    def full(self) -> bool:
        """Whether all bytes are there that the lock knows of."""
        return self.pin.file.size is not None and self.size >= self.pin.file.size

    @property
    def complete(self) -> bool:
        """Whether it is the file of the lock."""
        if self._digest.hexdigest() != self._expected:
            return False
        self._file.flush()
        return True

    def read_beginning(self) -> bool:
        """Take in what an earlier run has left; say whether there was anything."""
        size = os.fstat(self._file.fileno()).st_size
        if self.pin.file.size is not None and size > self.pin.file.size:
            self._file.truncate(0)
            return False
        while data := self._file.read(_PIECE):
            self._digest.update(data)
            self.size += len(data)
        self._meter.have(self.size)
        return self.size > 0

    def restart(self) -> None:
        """Forget what is there."""
        self._meter.have(-self.size)
        self._file.seek(0)
        self._file.truncate(0)
        self._digest, self.size = self._new(), 0

    def write(self, chunk: bytes) -> None:
        """Take in a piece.

        Raises:
            ArtefactError: this is more than the file has; nothing of it stays.
        """
        expected = self.pin.file.size
        if expected is not None and self.size + len(chunk) > expected:
            self.restart()
            raise ArtefactError(self.pin.file.filename, f"it is larger than the {expected} bytes that the lock says")
        self._file.write(chunk)
        self._digest.update(chunk)
        self.size += len(chunk)
        self._meter.add(len(chunk))

    def mismatch(self) -> str:
        """Say in which way it is not the file of the lock."""
        expected = self.pin.file.size
        if expected is not None and self.size != expected:
            return f"it has {self.size} bytes, the lock says {expected}"
        return f"its {self._algorithm} is {self._digest.hexdigest()}, the lock says {self._expected}"

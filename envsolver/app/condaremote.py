"""Where packages of conda of a lock are fetched from: their channels, or mirrors that the user names."""

from __future__ import annotations

from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

from envsolver.app.remote import GONE, attempt
from envsolver.build.download import Body
from envsolver.model.candidate import CONDA_PREFIX
from envsolver.model.errors import FileError, NetworkError
from envsolver.sources.conda import MIRRORS, read_mirrors
from envsolver.sources.open import SourceSettings, open_session
from envsolver.sources.urls import redact

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from envsolver.lock.model import Lock, Pin
    from envsolver.model.ports import Progress
    from envsolver.sources.open import Session

__all__ = ["open_channels"]

_PIECE = 1 << 20


@asynccontextmanager
async def open_channels(
    lock: Lock, environ: Mapping[str, str], *, offline: bool, progress: Progress
) -> AsyncIterator[ChannelRemote]:
    """Open what fetches the packages of conda of a lock.

    Raises:
        UsageError: what the user says of mirrors makes no sense.
        FileError: the user's configuration cannot be read.
    """
    mirrors = read_mirrors(environ)
    async with open_session(SourceSettings(offline=offline), progress) as session:
        yield ChannelRemote(session, lock, mirrors)


class ChannelRemote:
    """Implements :class:`envsolver.build.download.Remote` over channels, or over the mirrors that the user names."""

    def __init__(self, session: Session, lock: Lock, mirrors: Mapping[str, str]) -> None:
        self._session = session
        self._lock = lock
        self._mirrors = mirrors

    @asynccontextmanager
    async def open(self, pin: Pin, start: int) -> AsyncIterator[Body]:
        """Open a package from byte ``start`` on.

        Raises:
            NetworkError: it cannot be had.
            FileError: a channel in a folder does not have it.
        """
        channel = self._lock.index_url(pin.file.index) or ""
        name = pin.file.index.removeprefix(CONDA_PREFIX)
        base = self._mirrors.get(name) or self._mirrors.get(channel) or channel
        url = f"{base}/{pin.file.subdir}/{quote(pin.file.filename)}"
        parts = urlsplit(url)
        if parts.scheme == "file":
            yield _local(Path(unquote(parts.path)), start)
            return
        async with attempt(self._session, url, start) as body:
            if body is None:
                raise NetworkError(f"{redact(url)} is not there", hint=f"{GONE}; {MIRRORS} names other places")
            yield body


def _local(path: Path, start: int) -> Body:
    async def chunks() -> AsyncIterator[bytes]:
        with path.open("rb") as file:
            file.seek(start)
            while data := file.read(_PIECE):
                yield data

    if not path.is_file():
        raise FileError(f"{path} is not there", hint=f"{GONE}; {MIRRORS} names other places")
    return Body(start=start, chunks=chunks())

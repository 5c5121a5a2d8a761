"""Where the files of a lock are fetched from: the reader's own indexes, by the lock's path hints or by their pages."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from envsolver.app.locating import find_url
from envsolver.build.download import Body
from envsolver.model.candidate import DEFAULT_INDEX
from envsolver.model.errors import NetworkError
from envsolver.sources.open import SourceSettings, open_session
from envsolver.sources.urls import redact

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from envsolver.app.project import Project
    from envsolver.lock.model import Lock, Pin
    from envsolver.model.ports import CandidateSource, Progress
    from envsolver.model.spec import Spec
    from envsolver.sources.open import Session
    from envsolver.sources.reply import Stream

__all__ = ["GONE", "attempt", "open_remote"]

_ABSENT = frozenset({403, 404, 410})
"""What a host answers for a path that is not its own; object storage says 403."""
GONE = "the file is gone, or your index is another one than that of the lock"
"""What to say where a file is not where it should be."""


@asynccontextmanager
async def open_remote(
    project: Project, spec: Spec, lock: Lock, platform: str, *, offline: bool, progress: Progress
) -> AsyncIterator[IndexRemote]:
    """Open what fetches the files of a lock for one platform.

    Raises:
        FileError: the user's configuration or a frozen index cannot be read.
    """
    async with open_session(SourceSettings(offline=offline), progress) as session:
        source = session.source_for(spec, platform, project.root)
        yield IndexRemote(session, source, lock)


class IndexRemote:
    """Implements :class:`envsolver.build.download.Remote` over the sources of an environment.

    A lock has the path of a file but not its host. The host of the index is tried first; an index whose files lie on
    another one is found out with the first of them, by reading its page, and the rest is asked for there.
    """

    def __init__(self, session: Session, source: CandidateSource, lock: Lock) -> None:
        self._session = session
        self._source = source
        self._lock = lock
        self._hosts: dict[str, str] = {}
        self._found: dict[tuple[str, str], str] = {}

    @asynccontextmanager
    async def open(self, pin: Pin, start: int) -> AsyncIterator[Body]:
        """Open a file from byte ``start`` on.

        Raises:
            NetworkError: it cannot be had.
            FileError: the index does not have it.
        """
        async with attempt(self._session, self._known(pin), start) as body:
            if body is not None:
                yield body
                return
        url = await self._look_up(pin)
        async with attempt(self._session, url, start) as body:
            if body is None:
                raise NetworkError(f"{redact(url)} is not there", hint=GONE)
            yield body

    def _known(self, pin: Pin) -> str | None:
        """Return where the file lies, or is likely to."""
        if pin.file.url is not None:
            return pin.file.url
        found = self._found.get((pin.file.index, pin.file.filename))
        if found is not None:
            return found
        base = self._hosts.get(pin.file.index) or self._base(pin.file.index)
        if base is None or not base.startswith(("https:", "http:")):
            return None
        return pin.file.hinted_url(base)

    def _base(self, index: str) -> str | None:
        named = self._lock.index_url(index)
        if named is None and index == DEFAULT_INDEX:
            return self._session.default_index.url
        return named

    async def _look_up(self, pin: Pin) -> str:
        if pin.file.url is not None:
            return pin.file.url
        url = await find_url(self._source, pin.package, pin.file)
        self._found[pin.file.index, pin.file.filename] = url
        parts = urlsplit(url)
        if parts.scheme in {"https", "http"} and parts.path == pin.file.path:
            self._hosts[pin.file.index] = f"{parts.scheme}://{parts.netloc}"
        return url


@asynccontextmanager
async def attempt(session: Session, url: str | None, start: int) -> AsyncIterator[Body | None]:
    """Open a URL from byte ``start`` on; None where there is nothing.

    Raises:
        NetworkError: it cannot be had.
    """
    if url is None:
        yield None
        return
    async with session.http.stream(url, headers=_range(start)) as stream:
        if stream.status == 416 and start:
            # What is here is longer than what lies there: from the beginning, then.
            async with attempt(session, url, 0) as body:
                yield body
        elif stream.status in _ABSENT:
            yield None
        elif stream.status not in {200, 206}:
            raise NetworkError(f"{redact(url)} answered with status {stream.status}", hint=GONE)
        else:
            yield Body(start=_begins(stream), chunks=stream.chunks)


def _range(start: int) -> dict[str, str]:
    return {"Range": f"bytes={start}-"} if start else {}


def _begins(stream: Stream) -> int:
    """Return the byte with which a body begins (RFC 9110, 14.4)."""
    if stream.status != 206:
        return 0
    content = stream.headers.get("content-range", "")
    first = content.removeprefix("bytes ").partition("-")[0].strip()
    return int(first) if first.isascii() and first.isdigit() else 0

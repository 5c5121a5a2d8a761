"""Packages of conda of a lock, brought from their channels into an environment that is being built."""

from __future__ import annotations

from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

from envsolver.app.remote import GONE, attempt
from envsolver.build.conda import CondaSet
from envsolver.build.download import Body
from envsolver.build.interpreter import Interpreter
from envsolver.lock.condapins import conda_pins
from envsolver.model.candidate import CONDA_PREFIX, is_conda
from envsolver.model.errors import FileError, NetworkError, UsageError
from envsolver.sources.conda import MIRRORS, read_mirrors
from envsolver.sources.open import SourceSettings, open_session
from envsolver.sources.urls import redact

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from envsolver.lock.model import Lock, LockedTarget, Pin
    from envsolver.model.ports import Progress
    from envsolver.sources.open import Session

__all__ = ["check_conda", "conda_interpreter", "conda_set", "open_channels"]

_PIECE = 1 << 20


def check_conda(lock: Lock, target: LockedTarget, *, interpreter: Path | None) -> None:
    """Refuse what of conda cannot be installed here.

    Args:
        lock: that is built.
        target: of it.
        interpreter: that the user names.

    Raises:
        UsageError: the platform is none that this can be done on, or there are two interpreters.
    """
    pins = conda_pins(lock, target.name)
    if not pins:
        return
    if not target.platform.startswith("linux-"):
        # On macOS the prefix in a binary changes its signature, and no digest would be the same at two places.
        raise UsageError(
            f"environments with packages of conda are built on Linux, and this is {target.platform}",
            hint=f"`envsolver export {lock.name} --format explicit` has what conda makes one of",
        )
    if interpreter is not None:
        raise UsageError(
            f"the lock of {lock.name} has its interpreter from conda, so --python {interpreter} has no use"
        )


def conda_interpreter(lock: Lock, prefix: Path) -> Interpreter:
    """Return the interpreter that conda brings into an environment at ``prefix``."""
    minor = ".".join(lock.python.split(".")[:2])
    return Interpreter(path=prefix / "bin" / f"python{minor}", version=lock.python, origin="conda")


def conda_set(lock: Lock, target: LockedTarget) -> CondaSet | None:
    """Return the packages of conda of a target, None if it has none."""
    pins = conda_pins(lock, target.name)
    if not pins:
        return None
    requested: dict[str, list[str]] = {}
    for root in lock.roots:
        if is_conda(root.name) and root.project is None and (not root.targets or target.name in root.targets):
            requested.setdefault(root.name.removeprefix(CONDA_PREFIX), []).append(root.text)
    return CondaSet(
        pins=pins,
        channels={pin.file.index: lock.index_url(pin.file.index) or "" for pin in pins},
        requested=requested,
    )


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

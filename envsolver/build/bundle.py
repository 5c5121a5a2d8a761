"""Bundles: all files that an environment is built of, in a folder or a tar archive, to be carried where no index is.

A bundle is the same to the byte whenever it is made of the same lock: sorted, without times, owners or the state of any
cache. It is trusted no more than a network: what is read from it is held against the lock.
"""

from __future__ import annotations

import asyncio
import html
import io
import json
import os
import tarfile
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from envsolver.build.download import Body, Meter, download
from envsolver.build.layout import FILE_TIME
from envsolver.build.stock import together
from envsolver.lock.condapins import file_key
from envsolver.model.errors import FileError
from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from envsolver.build.download import Remote
    from envsolver.build.store import Store
    from envsolver.lock.model import Pin
    from envsolver.model.ports import Progress

__all__ = ["Bundle", "Carried", "carried_of", "gather", "open_bundle", "write_tar", "write_texts"]

_LIST = "bundle.json"
_VERSION = 1
_PIECE = 1 << 20
_DOWNLOADS = 8
_WAIT_SECONDS = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """One file of a bundle.

    Attributes:
        name: of the project.
        version: of it.
        filename: of the wheel.
        sha256: of the file; ``md5-`` and its md5 for a package of conda of which the lock has no more.
    """

    name: str
    version: str
    filename: str
    sha256: str

    @property
    def path(self) -> str:
        """Where it lies in the bundle: indexes serve different files under one name."""
        return f"files/{self.sha256[:16]}/{self.filename}"


def write_texts(folder: Path, head: Mapping[str, Any], carried: Sequence[Carried], texts: Mapping[str, str]) -> None:
    """Write what is in a bundle beside its files: the list of them, a page of links for pip and uv, and more texts.

    Raises:
        OSError: they cannot be written.
    """
    ordered = sorted(carried, key=lambda one: (one.name, one.filename))
    files = [
        {"name": one.name, "version": one.version, "sha256": one.sha256, "path": one.path, "filename": one.filename}
        for one in ordered
    ]
    content = json.dumps({"bundle-version": _VERSION, **head, "files": files}, indent=1, sort_keys=True)
    links = [
        f'<a href="{html.escape(one.path)}#sha256={one.sha256}">{html.escape(one.filename)}</a><br>' for one in ordered
    ]
    page = "\n".join(["<!DOCTYPE html>", "<title>Bundle</title>", *links, ""])
    for name, text in {_LIST: f"{content}\n", "index.html": page, **texts}.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")


def gather(
    store: Store,
    pins: Sequence[Pin],
    remotes: AbstractAsyncContextManager[Remote],
    folder: Path,
    progress: Progress,
) -> int:
    """Fetch wheels into a bundle; return how many bytes that were.

    Args:
        store: in which unfinished downloads lie.
        pins: whose wheels.
        remotes: opens what to fetch them from.
        folder: of the bundle.
        progress: is told.

    Raises:
        NetworkError: a file cannot be had.
        ArtefactError: it is not what the lock says.
        OSError: it cannot be written.
    """
    return asyncio.run(_gather(store, pins, remotes, folder, progress))


async def _gather(
    store: Store,
    pins: Sequence[Pin],
    remotes: AbstractAsyncContextManager[Remote],
    folder: Path,
    progress: Progress,
) -> int:
    progress.stage("downloading")
    meter = Meter(progress, files=len(pins), size=sum(pin.file.size or 0 for pin in pins))
    turns = asyncio.Semaphore(_DOWNLOADS)

    async def one(pin: Pin, remote: Remote) -> None:
        target = folder / carried_of(pin).path
        async with turns:
            while not target.exists():
                with store.partial(file_key(pin.file)) as path:
                    if path is not None:
                        await download(pin, remote, path, meter)
                        await asyncio.to_thread(_move, path, target)
                        break
                await asyncio.sleep(_WAIT_SECONDS)
        meter.finish()

    async with remotes as remote:
        await together(one(pin, remote) for pin in pins)
    return meter.received


def carried_of(pin: Pin) -> Carried:
    """Return what a bundle says of a wheel."""
    return Carried(
        name=pin.package.name,
        version=pin.package.version,
        filename=pin.file.filename,
        sha256=file_key(pin.file),
    )


def _move(path: Path, target: Path) -> None:
    import shutil

    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(path, target)


def write_tar(folder: Path, target: Path) -> None:
    """Write the files of a folder into a tar archive: sorted, of one time, owned by nobody, not compressed.

    Raises:
        OSError: it cannot be written.
    """
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(folder.rglob("*"), key=lambda path: path.relative_to(folder).as_posix().encode()):
            if path.is_file():
                entry = tarfile.TarInfo(path.relative_to(folder).as_posix())
                entry.size, entry.mtime, entry.mode = path.stat().st_size, FILE_TIME, 0o644
                with path.open("rb") as file:
                    archive.addfile(entry, file)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    path: Path
    offset: int
    size: int


class Bundle:
    """A bundle that is read; implements :class:`envsolver.build.download.Remote`. Made by :func:`open_bundle`."""

    def __init__(self, path: Path, places: Mapping[str, _Place]) -> None:
        self._path = path
        self._places = places

    def has(self, digest: str | None) -> bool:
        """Say whether it claims to have a file."""
        return digest in self._places

    @asynccontextmanager
    async def open(self, pin: Pin, start: int) -> AsyncIterator[Body]:
        """Open a file from byte ``start`` on.

        Raises:
            FileError: the bundle does not have it, or cannot be read.
        """
        place = self._places.get(file_key(pin.file))
        if place is None:
            raise FileError(
                f"the bundle {self._path} does not have {pin.file.filename}",
                hint="it was made of another lock, or for other groups",
            )
        begin = min(start, place.size)
        yield Body(start=begin, chunks=_chunks(place, begin))


async def _chunks(place: _Place, start: int) -> AsyncIterator[bytes]:
    with place.path.open("rb") as file:
        file.seek(place.offset + start)
        left = place.size - start
        while left > 0 and (data := file.read(min(_PIECE, left))):
            left -= len(data)
            yield data


def open_bundle(path: Path) -> Bundle:
    """Open a bundle, a folder or a tar archive.

    Raises:
        FileError: it cannot be read, or is none.
    """
    try:
        if path.is_dir():
            listed = (path / _LIST).read_bytes()
            root = path.resolve()
            found = {
                one.relative_to(root).as_posix(): _Place(path=one, offset=0, size=one.stat().st_size)
                for one in root.rglob("*")
                if one.is_file() and not one.is_symlink()
            }
        else:
            listed, found = _tar_places(path)
        content = json.loads(listed)
        if content["bundle-version"] != _VERSION:
            raise FileError(f"{path} is a bundle of version {content['bundle-version']}", hint="upgrade envsolver")
        places = {str(one["sha256"]): found[str(one["path"])] for one in content["files"] if one["path"] in found}
    except OSError as error:
        name = os.fsdecode(error.filename or path)
        raise FileError(f"{name}: {(error.strerror or str(error)).lower()}") from error
    except (ValueError, KeyError, TypeError, RecursionError, tarfile.TarError) as error:
        raise FileError(f"{path} is no bundle that can be read", hint="`envsolver bundle` makes them") from error
    return Bundle(path, places)


def _tar_places(path: Path) -> tuple[bytes, dict[str, _Place]]:
    found: dict[str, _Place] = {}
    listed = b""
    with tarfile.open(path, "r:") as archive:
        for member in _files(archive):
            found[member.name] = _Place(path=path, offset=member.offset_data, size=member.size)
            if member.name == _LIST:
                stream = archive.extractfile(member) or io.BytesIO()
                listed = stream.read()
    return listed, found


def _files(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    # Sparse members would have their bytes elsewhere than they seem to have.
    return (member for member in archive if member.isreg() and not member.sparse)

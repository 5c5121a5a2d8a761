"""Wheels that were built here, kept by everything that they depend on."""

from __future__ import annotations

import os
import shutil
from glob import escape
from hashlib import sha256
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from envsolver.build.backend import SETTINGS
from envsolver.build.scratch import scratch
from envsolver.model.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

__all__ = ["SharedHouse", "Wheelhouse", "file_digest", "is_local", "key_of"]

_LAYOUT = "v1"
_PIECE = 1 << 20
_WORK = "work-"


def key_of(*, source: str, closure: Iterable[str], interpreter: str, platform: str, tools: Iterable[str]) -> str:
    """Return the key of a build: a digest of the archive, what it is built with, and the settings.

    Args:
        source: sha256 of the source archive.
        closure: sha256 of each wheel of the build environment.
        interpreter: full version.
        platform: ``linux-64``.
        tools: compiler and C library.
    """
    facts = [str(SETTINGS), source, interpreter, platform, *sorted(closure), *tools]
    return sha256("\n".join(facts).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """Return the sha256 of a file.

    Raises:
        OSError: it cannot be read.
    """
    digest = sha256()
    with path.open("rb") as file:
        while data := file.read(_PIECE):
            digest.update(data)
    return digest.hexdigest()


def is_local(url: str) -> bool:
    """Say whether a URL of fsspec needs no network."""
    protocol, mark, _ = url.partition("://")
    return not mark or protocol in {"file", "local", "memory"}


class SharedHouse:
    """Built wheels in a place that several machines share, reached through fsspec: ``URL/<key>/<wheel>``.

    Nothing in it is trusted: whoever takes a wheel holds it against the sha256 in the lock. That it cannot be reached
    stops no build.

    Args:
        url: as fsspec has it: ``s3://bucket/wheels``, ``file:///mnt/wheels``, ``memory://wheels``.
        note: is told what does not work.

    Raises:
        UsageError: no such protocol is known, or its package is not installed.
    """

    def __init__(self, url: str, note: Callable[[str], None]) -> None:
        from fsspec.core import url_to_fs  # type: ignore[import-untyped] # fsspec ships no types

        self._shown = url
        self._note = note
        try:
            self._files, self._base = url_to_fs(url)
        except (ImportError, ValueError) as error:
            raise UsageError(
                f"the wheelhouse {url} cannot be used: {error}",
                hint="fsspec has a package for each kind of storage, such as s3fs for s3:// and gcsfs for gs://",
            ) from error

    def get(self, key: str, folder: Path) -> Path | None:
        """Fetch the wheel of a build into an empty folder; None if it is not there."""
        place = f"{self._base.rstrip('/')}/{key}"
        try:
            paths = [path for path in self._files.ls(place, detail=False) if path.endswith(".whl")]
            if len(paths) != 1:
                return None
            wheel = folder / PurePosixPath(paths[0]).name
            self._files.get_file(paths[0], str(wheel))
        except FileNotFoundError:
            return None
        except Exception as error:  # noqa: BLE001 - each storage has errors of its own; the build goes on without it
            self._note(
                f"the wheelhouse {self._shown} cannot be read ({_first_line(error)}); what it has is built again"
            )
            return None
        return wheel

    def put(self, key: str, wheel: Path) -> None:
        """Put a wheel in place of what the key had."""
        place = f"{self._base.rstrip('/')}/{key}"
        try:
            if self._files.exists(place):
                self._files.rm(place, recursive=True)
            self._files.makedirs(place, exist_ok=True)
            # Where the storage can, the file appears whole or not at all.
            with (
                self._files.transaction,
                wheel.open("rb") as file,
                self._files.open(f"{place}/{wheel.name}", "wb") as to,
            ):
                shutil.copyfileobj(file, to, _PIECE)
        except Exception as error:  # noqa: BLE001 - as above
            self._note(
                f"the wheelhouse {self._shown} cannot be written ({_first_line(error)}); the wheel is kept here only"
            )


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).partition("\n")[0]


class Wheelhouse:
    """Built wheels below a folder of the cache, and in a shared place if there is one.

    Args:
        root: folder of the cache.
        shared: asked for what the folder has not, and given what is built.
    """

    def __init__(self, root: Path, shared: SharedHouse | None = None) -> None:
        self._base = root / _LAYOUT / "wheelhouse"
        self._shared = shared

    def get(self, key: str, sha256: str) -> Path | None:
        """Return the wheel of a build, or None.

        Args:
            key: of the build.
            sha256: that it should have. One of this folder may have another, to be compared with; none of the shared
                place gets here with another.

        Raises:
            OSError: it cannot be written.
        """
        here = self._here(key)
        if self._shared is None or (here is not None and file_digest(here) == sha256):
            return here
        with scratch(self._base, _WORK) as folder:
            fetched = self._shared.get(key, folder)
            if fetched is None or file_digest(fetched) != sha256:
                return here
            return self._keep(key, fetched)

    def find(self, filename: str, sha256: str) -> Path | None:
        """Return a wheel with this very content that another build has left here, with other tools for one, or None."""
        for wheel in sorted(self._base.glob(f"*/{escape(filename)}")):
            # What another process is working on is not there yet.
            if not wheel.parent.name.startswith(_WORK) and file_digest(wheel) == sha256:
                return wheel
        return None

    def put(self, key: str, wheel: Path) -> Path:
        """Keep a wheel in place of what the key had; return where.

        Raises:
            OSError: it cannot be written.
        """
        kept = self._keep(key, wheel)
        if self._shared is not None:
            self._shared.put(key, kept)
        return kept

    def _here(self, key: str) -> Path | None:
        folder = self._base / key
        try:
            (wheel,) = folder.glob("*.whl")
        except ValueError:
            return None
        return wheel

    def _keep(self, key: str, wheel: Path) -> Path:
        final = self._base / key
        with scratch(self._base, _WORK) as folder:
            kept = folder / "kept"
            kept.mkdir()
            shutil.copyfile(wheel, kept / wheel.name)
            if final.exists():
                final.rename(folder / "old")
            os.rename(kept, final)  # noqa: PTH104 - Path.rename says the same
        return final / wheel.name

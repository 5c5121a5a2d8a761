"""Wheels that were built here, kept by everything that they depend on."""

from __future__ import annotations

import os
import shutil
from hashlib import sha256
from typing import TYPE_CHECKING

from envsolver.build.backend import SETTINGS
from envsolver.build.scratch import scratch

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["Wheelhouse", "file_digest", "key_of"]

_LAYOUT = "v1"
_PIECE = 1 << 20


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


class Wheelhouse:
    """Built wheels below a folder of the cache.

    Args:
        root: folder of the cache.
    """

    def __init__(self, root: Path) -> None:
        self._base = root / _LAYOUT / "wheelhouse"

    def get(self, key: str) -> Path | None:
        """Return the wheel of a build, or None."""
        folder = self._base / key
        try:
            (wheel,) = folder.glob("*.whl")
        except ValueError:
            return None
        return wheel

    def put(self, key: str, wheel: Path) -> Path:
        """Keep a wheel in place of what the key had; return where.

        Raises:
            OSError: it cannot be written.
        """
        final = self._base / key
        with scratch(self._base, "work-") as folder:
            kept = folder / "kept"
            kept.mkdir()
            shutil.copyfile(wheel, kept / wheel.name)
            if final.exists():
                final.rename(folder / "old")
            os.rename(kept, final)  # noqa: PTH104 - Path.rename says the same
        return final / wheel.name

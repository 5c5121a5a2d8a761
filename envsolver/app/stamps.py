"""Remembered answers to "is this lock up to date?", so that a run that has nothing to do starts in Python's own time.

A stamp lists the files that were looked at when a lock was found up to date, with their digests. While they have the
same bytes, the answer is the same, and neither YAML nor a spec needs to be understood to give it. Stamps lie in the
cache: without one, or with any doubt, everything is looked at anew.

Imports nothing but a few small modules of the standard library: this is what every ``lock`` begins with.
"""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from envsolver import __version__
from envsolver.sources.cache import Cache, default_cache_root

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "RULES",
    "SPECS",
    "environment_files",
    "is_left_out",
    "is_stamped",
    "nearest_project",
    "stamp",
    "stamp_left_out",
    "stamped_files",
]

SPECS = "specs"
"""The folder of specs, as everywhere; not imported, to keep this module light. A test compares."""
RULES = "rules"
"""The folder of the project's own rules; it need not be there."""
_FOLDERS = (f"{SPECS}/", f"{RULES}/")
_BUCKET = "fresh"
_LEFT_OUT = "\0left out"


def nearest_project(folder: Path) -> Path | None:
    """Return the nearest folder upwards that has ``specs/``, as ``find_project`` does, or None."""
    start = folder.resolve()
    return next((one for one in (start, *start.parents) if (one / SPECS).is_dir()), None)


def environment_files(root: Path) -> list[str] | None:
    """Return the names of the spec files that stand for environments, sorted; None if that cannot be told."""
    try:
        names = sorted(os.listdir(root / SPECS))  # noqa: PTH208 - names are all that is needed
    except OSError:
        return None
    return [name for name in names if name.endswith((".yaml", ".yml")) and not name.startswith((".", "_"))]


def is_stamped(root: Path, name: str) -> bool:
    """Say whether a lock was found up to date, and nothing that matters has changed since.

    Args:
        root: of the project, resolved.
        name: of the environment; aliases are nobody's business here.
    """
    found = _cache().get(_BUCKET, _key(root, name))
    if found is None:
        return False
    version, _, content = found.decode("utf-8", "replace").partition("\n")
    files = [line.split(" ", 1)[1] for line in content.splitlines() if " " in line]
    return version == __version__ and bool(files) and stamped_files(root, files) == content


def stamp(root: Path, name: str, content: str) -> None:
    """Remember that a lock is up to date while :func:`stamped_files` returns this. Never fails."""
    _cache().put(_BUCKET, _key(root, name), f"{__version__}\n{content}".encode())


def is_left_out(root: Path, file: str) -> bool:
    """Say whether a spec (its file name) was found to be one that ``--all`` leaves out, and has not changed since."""
    found = _cache().get(_BUCKET, _key(root, f"{file}{_LEFT_OUT}"))
    return found is not None and found.decode("utf-8", "replace") == _left_out_content(root, file)


def stamp_left_out(root: Path, file: str) -> None:
    """Remember that ``--all`` leaves a spec out while its file has these bytes. Never fails."""
    _cache().put(_BUCKET, _key(root, f"{file}{_LEFT_OUT}"), _left_out_content(root, file).encode())


def _left_out_content(root: Path, file: str) -> str:
    return f"{__version__}\n{stamped_files(root, [f'{SPECS}/{file}'])}"


def stamped_files(root: Path, files: Iterable[str]) -> str | None:
    """Return a line with digest and path for each file, and for the names in the folders; None if a file is missing.

    The names count because a new file can take the place of another one: ``extends`` looks for two suffixes. And all
    files of rules count.

    Args:
        root: against which the paths stand.
        files: paths; ``specs/`` and ``rules/`` stand for the folders.
    """
    lines = []
    for path in dict.fromkeys([*files, *_FOLDERS]):
        try:
            data = _names(root / path) if path in _FOLDERS else _read(root / path)
        except OSError:
            return None
        lines.append(f"{sha256(data).hexdigest()} {path}\n")
    return "".join(lines)


def _names(folder: Path) -> bytes:
    try:
        return "\n".join(sorted(os.listdir(folder))).encode()  # noqa: PTH208 - as above
    except FileNotFoundError:
        return b""


def _read(path: Path) -> bytes:
    with open(path, "rb") as stream:  # noqa: PTH123 - a third of the time
        return stream.read()


def _key(root: Path, name: str) -> str:
    return f"{root}\0{name}"


def _cache() -> Cache:
    return Cache(default_cache_root(os.environ, Path.home()))

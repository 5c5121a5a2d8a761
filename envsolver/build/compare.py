"""An environment as it is, held against what it should be: which files differ, whose they are, and in which way."""

from __future__ import annotations

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, Literal, TypeAlias

from envsolver.build.elf import same_program
from envsolver.build.layout import OWN_FOLDER
from envsolver.build.manifest import LINK, PYTHON, Entry, link_entry, normal_config
from envsolver.build.places import normal, read_places
from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from envsolver.build.manifest import Manifest
    from envsolver.build.places import Places

__all__ = ["Cause", "Difference", "compare", "scan"]

Cause: TypeAlias = Literal["missing", "extra", "mode", "bytecode", "RECORD", "debug", "path", "interpreter", "changed"]
"""In which way a file differs.

``missing``, ``extra``: it is not there, or should not be. ``mode``: its permissions alone. ``bytecode``: compiled by
somebody else, or too many. ``RECORD``: an installer was at work. ``debug``: a library that differs in debug
information, symbols or build id alone; told only where the right one is at hand. ``path``: it has the place of the
environment in it. ``interpreter``: the links to it. ``changed``: anything else.
"""
_PIECE = 1 << 20
_LARGEST_SEARCHED = 16 << 20
"""Bytes up to which a file is searched for the path of its environment."""
_LARGEST_PARSED = 64 << 20
"""Bytes up to which a library is looked into."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Difference:
    """One file that is not as it should be.

    Attributes:
        package: whose it is; of an extra file, whose files lie around it; empty if nobody's.
        cause: see :data:`Cause`.
        path: relative to the prefix.
    """

    package: str
    cause: Cause
    path: str


def scan(prefix: Path, *, lies_at: Path | None = None) -> tuple[Entry, ...]:
    """Return the files and links below a prefix, sorted, as a manifest has them; every byte is read.

    Args:
        prefix: of the environment.
        lies_at: where it will lie, if that is elsewhere.

    Raises:
        OSError: something cannot be read.
    """
    places = read_places(prefix)
    if places is not None:
        places = replace(places, prefix=str(lies_at or prefix))
    found = [path for path in _walk(str(prefix)) if places is None or not places.is_unproven(path)]
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return tuple(pool.map(lambda path: _entry(str(prefix), path, places), sorted(found)))


def compare(
    prefix: Path, found: Iterable[Entry], wanted: Manifest, originals: Mapping[str, Path] | None = None
) -> tuple[Difference, ...]:
    """Return how an environment differs from its manifest, sorted.

    Args:
        prefix: where it lies; files that are not as they should be are searched for this path.
        found: what is there, as :func:`scan` returned it.
        wanted: what should be.
        originals: files as they should be, as far as they are at hand.
    """
    there = {entry.path: entry for entry in found}
    owners = {entry.path: part.name for part in wanted.parts for entry in part.entries}
    should = {entry.path: entry for part in wanted.parts for entry in part.entries}
    folders = _folders(owners)
    differences = []
    for path in there.keys() | should.keys():
        is_, be = there.get(path), should.get(path)
        # Sizes say nothing that the digest does not, and of a configuration it is that of another home.
        if is_ is not None and be is not None and (is_.mode, is_.sha256) == (be.mode, be.sha256):
            continue
        package = owners[path] if path in owners else _nearby(path, folders)
        differences.append(Difference(package=package, cause=_cause(prefix, path, is_, be, originals or {}), path=path))
    return tuple(sorted(differences))


def _cause(prefix: Path, path: str, is_: Entry | None, be: Entry | None, originals: Mapping[str, Path]) -> Cause:
    if is_ is None:
        return "missing"
    if "/__pycache__/" in path and path.endswith(".pyc"):
        return "bytecode"
    if be is None:
        return "extra"
    if is_.sha256 == be.sha256:
        return "mode"
    if path == "pyvenv.cfg" or (path.startswith("bin/python") and be.mode == LINK):
        return "interpreter"
    if path.endswith(".dist-info/RECORD"):
        return "RECORD"
    if path in originals and _same_program(prefix / path, originals[path]):
        return "debug"
    return "path" if _mentions(prefix / path, os.fsencode(prefix)) else "changed"


def _same_program(one: Path, other: Path) -> bool:
    try:
        if one.is_symlink() or max(path.stat().st_size for path in (one, other)) > _LARGEST_PARSED:
            return False
        return same_program(one.read_bytes(), other.read_bytes())
    except OSError:
        return False


def _mentions(path: Path, text: bytes) -> bool:
    try:
        return not path.is_symlink() and path.stat().st_size <= _LARGEST_SEARCHED and text in path.read_bytes()
    except OSError:
        return False


def _walk(prefix: str) -> Iterator[str]:
    skip = len(prefix) + 1
    for folder, folders, names in os.walk(prefix, onerror=_raise):
        here = folder[skip:].replace(os.sep, "/")
        if not here and OWN_FOLDER in folders:
            folders.remove(OWN_FOLDER)
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]  # noqa: PTH114, PTH118 - thousands of folders
        for name in (*names, *links):
            yield f"{here}/{name}" if here else name


def _raise(error: OSError) -> None:
    raise error


def _entry(prefix: str, path: str, places: Places | None) -> Entry:
    full = f"{prefix}{os.sep}{path}"
    stat = os.lstat(full)
    if os.path.islink(full):  # noqa: PTH114 - as above
        target = os.readlink(full)  # noqa: PTH115 - as text
        return link_entry(path, PYTHON if path == "bin/python" and os.path.isabs(target) else target)  # noqa: PTH117 - as above
    digest = sha256()
    with open(full, "rb") as file:  # noqa: PTH123 - as above
        if places is not None and path in places.files:
            data = normal(file.read(), places.prefix, places.files[path])
            return Entry(path, f"{stat.st_mode & 0o7777:o}", sha256(data).hexdigest(), len(data))
        if path == "pyvenv.cfg":
            digest.update(normal_config(file.read()))
        else:
            while data := file.read(_PIECE):
                digest.update(data)
    return Entry(path, f"{stat.st_mode & 0o7777:o}", digest.hexdigest(), stat.st_size)


def _folders(owners: dict[str, str]) -> dict[str, str]:
    """Return whose most files are in each folder."""
    counts: dict[str, Counter[str]] = {}
    for path, owner in owners.items():
        counts.setdefault(path.rpartition("/")[0], Counter())[owner] += 1
    return {folder: min(found, key=lambda owner: (-found[owner], owner)) for folder, found in counts.items()}


def _nearby(path: str, folders: dict[str, str]) -> str:
    """Return whose files lie around a path; in folders that all packages share, nobody's."""
    folder = path.rpartition("/")[0]
    while folder and not folder.endswith(("site-packages", "bin")):
        if folder in folders:
            return folders[folder]
        folder = folder.rpartition("/")[0]
    return ""

"""An environment changed in place: files that are not as they should be are replaced, one by one; the rest stays.

Each file is renamed over the old one from a folder inside the prefix, so that it is whole at any moment, and so that
nothing is written through the links that other environments share. What an interruption leaves is found by the next
run, which looks at the files and not at what the last one meant to do.
"""

from __future__ import annotations

import os
from contextlib import suppress
from importlib.metadata import distributions
from typing import TYPE_CHECKING

from envsolver.build.compare import compare
from envsolver.build.manifest import MANIFEST
from envsolver.model.candidate import normalize_name
from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from envsolver.build.manifest import Entry, Manifest

__all__ = ["INTERPRETER_FILES", "Changes", "Found", "apply_changes", "distributions_of", "find_changes"]

INTERPRETER_FILES = ("bin/python", "pyvenv.cfg")
"""What says where the interpreter lies; that does not count where trees are compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A distribution that an installer has put into an environment.

    Attributes:
        version: as its metadata has it.
        paths: its files as far as its RECORD tells, relative to the prefix.
    """

    version: str
    paths: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What has to be done to the files of an environment; all paths are relative to its prefix and sorted.

    Attributes:
        write: files and links that are missing, or not as they should be.
        remove: what should not be there.
        kept: what should not be there either, and stays because the user wants it.
    """

    write: tuple[str, ...]
    remove: tuple[str, ...]
    kept: tuple[str, ...]


def distributions_of(prefix: Path) -> dict[str, Found]:
    """Return the distributions of an environment by canonical name, whoever has installed them."""
    found: dict[str, Found] = {}
    base = str(prefix)
    for site in sorted(prefix.glob("lib/python*/site-packages")):
        for one in distributions(path=[str(site)]):
            name = one.metadata["Name"]
            if not name:
                continue  # a folder that something has been left in
            places = (os.path.normpath(str(file.locate())) for file in one.files or ())
            paths = frozenset(
                place[len(base) + 1 :].replace(os.sep, "/") for place in places if place.startswith(base + os.sep)
            )
            found[normalize_name(name)] = Found(version=one.version, paths=paths)
    return found


def find_changes(
    prefix: Path,
    found: Sequence[Entry],
    manifest: Manifest,
    others: Mapping[str, Found],
    *,
    again: Collection[str] = (),
    keep: bool,
) -> Changes:
    """Compare an environment with what it is to become.

    Args:
        prefix: where it lies.
        found: what is there, as :func:`envsolver.build.compare.scan` returned it.
        manifest: what is to be there.
        others: distributions that are there.
        again: files that are written even if they count as the same.
        keep: let files stay that are of no package of the manifest, and in no package's folder.
    """
    wanted = {entry.path for part in manifest.parts for entry in part.entries}
    differences = compare(prefix, found, manifest)
    write = {one.path for one in differences if one.path in wanted} | set(again)
    extra = {one.path: one.package for one in differences if one.path not in wanted}
    names = {part.name for part in manifest.parts}
    owners = {path: name for name, one in others.items() for path in one.paths}
    kept = set()
    if keep:
        kept = {path for path, near in extra.items() if (owners[path] not in names if path in owners else not near)}
        kept -= set(_in_the_way(kept, write))
    return Changes(write=tuple(sorted(write)), remove=tuple(sorted(extra.keys() - kept)), kept=tuple(sorted(kept)))


def _in_the_way(kept: Collection[str], write: Iterable[str]) -> Iterable[str]:
    """Yield what lies where a folder has to be, or in a folder where a file has to be."""
    folders = set()
    for path in write:
        parts = path.split("/")
        yield from (above for at in range(1, len(parts)) if (above := "/".join(parts[:at])) in kept)
        folders.add(path)
    for path in kept:
        parts = path.split("/")
        if any("/".join(parts[:at]) in folders for at in range(1, len(parts))):
            yield path


def apply_changes(prefix: Path, stage: Path, changes: Changes) -> None:
    """Change an environment.

    Args:
        prefix: where it lies.
        stage: a whole environment as it should be, on the same file system; files are taken from it.
        changes: as :func:`find_changes` found them.

    Raises:
        OSError: something cannot be removed or written; the next run goes on from there.
    """
    folders = set()
    for path in changes.remove:
        (prefix / path).unlink(missing_ok=True)
        folders.add(path.rpartition("/")[0])
    for folder in sorted(folders, key=len, reverse=True):
        _prune(prefix, folder)
    made = set()
    for path in changes.write:
        target = prefix / path
        if (folder := path.rpartition("/")[0]) not in made:
            target.parent.mkdir(parents=True, exist_ok=True)
            made.add(folder)
        if target.is_dir() and not target.is_symlink():
            target.rmdir()  # empty: what was in it should not have been there
        os.replace(stage / path, target)  # noqa: PTH105 - as the standard library calls it: over what is there
    # The manifest comes last: with it the environment claims to be what it says.
    (prefix / MANIFEST).parent.mkdir(exist_ok=True)
    os.replace(stage / MANIFEST, prefix / MANIFEST)  # noqa: PTH105 - as above


def _prune(prefix: Path, folder: str) -> None:
    """Remove a folder and those above it as far as they are empty."""
    with suppress(OSError):
        while folder:
            (prefix / folder).rmdir()
            folder = folder.rpartition("/")[0]

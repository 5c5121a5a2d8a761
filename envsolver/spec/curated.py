"""The catalogue that envsolver ships: its own specs and locks, and the way from a path as shown to the file.

The wheel carries them beside the code. In a checkout they are the repository's own ``specs/`` and ``locks/``: there is
one copy of them. A file of the catalogue is shown, and named in locks, as ``envsolver:specs/NAME.yaml``, wherever it
lies on a machine.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from envsolver.model.spec import ChannelSpec, IndexSpec, Spec

__all__ = [
    "PREFIX",
    "REPODATA",
    "curated_root",
    "frozen_path",
    "frozen_repodata",
    "located",
    "mapping_path",
    "resolved_path",
    "root_of",
    "shown_in",
]

PREFIX = "envsolver:"
"""Stands before the path of a file of the catalogue."""

REPODATA = "repodata.json"
"""The file of a subdir of a channel that says what it has."""

_PACKAGE = Path(__file__).resolve().parent.parent


def curated_root() -> Path | None:
    """Return the folder with ``specs/`` and ``locks/`` of the catalogue; None where it was left out."""
    return _catalogue_of(_PACKAGE)


@lru_cache(maxsize=4)
def _catalogue_of(package: Path) -> Path | None:
    carried = package / "curated"
    if (carried / "specs").is_dir():
        return carried
    checkout = package.parent
    # Anybody's site-packages could have a folder called specs; a checkout has our build file beside it.
    return checkout if (checkout / "specs").is_dir() and (checkout / "pyproject.toml").is_file() else None


def shown_in(path: Path, project: Path) -> str:
    """Return how messages and locks name a file: relative to the project, else as one of the catalogue."""
    resolved = f"{resolved_path(path)}{os.sep}"
    project = _without_links(project) if project.is_absolute() else project.resolve()
    root = curated_root()
    # One may lie in the other: a virtual environment in a project, an example in the repository. The nearer one counts.
    places = [(str(project), ""), *([(str(root), PREFIX)] if root is not None and root != project else [])]
    holding = [place for place in places if resolved.startswith(place[0].rstrip(os.sep) + os.sep)]
    if not holding:
        return path.as_posix()
    folder, prefix = max(holding, key=lambda place: len(place[0]))
    inner = resolved[len(folder.rstrip(os.sep)) + 1 : -1].replace(os.sep, "/")
    return f"{prefix}{inner or '.'}"


def resolved_path(path: Path) -> Path:
    """Return a path without links, as ``Path.resolve`` does; the folders of a catalogue are looked at once."""
    if not path.is_absolute() or path.name == "..":
        return path.resolve()
    found = _without_links(path.parent) / path.name
    return found.resolve() if found.is_symlink() else found


@lru_cache(maxsize=16)
def _without_links(folder: Path) -> Path:
    # Asked for every file of a catalogue.
    return folder.resolve()


def root_of(shown: str, project: Path) -> Path:
    """Return the folder that a path as shown is relative to: the project, or the catalogue."""
    root = curated_root() if shown.startswith(PREFIX) else None
    return root or project


def located(shown: str, project: Path) -> Path:
    """Return the file that a path as shown means."""
    return root_of(shown, project) / shown.removeprefix(PREFIX)


def frozen_path(source: IndexSpec | ChannelSpec, project: Path) -> Path:
    """Return what serves in place of a frozen index (a file) or channel (a folder): relative to the spec's folder."""
    return located(source.origin.path, project).parent / str(source.frozen)


def frozen_repodata(spec: Spec, project: Path) -> dict[tuple[ChannelSpec, str], Path]:
    """Return the files of the frozen channels of a spec: channel and subdir → file."""
    if spec.conda is None:
        return {}
    return {
        (channel, subdir): frozen_path(channel, project) / subdir / REPODATA
        for channel in spec.conda.channels
        if channel.frozen
        for subdir in (*spec.platforms, "noarch")
    }


def mapping_path(spec: Spec, project: Path) -> Path | None:
    """Return the file of the mapping of names of conda, relative to the spec that names it; None if it is no file."""
    if spec.conda is None or spec.conda.mapping is None or spec.conda.mapping_origin is None:
        return None
    if "://" in spec.conda.mapping:
        return None
    return located(spec.conda.mapping_origin.path, project).parent / spec.conda.mapping

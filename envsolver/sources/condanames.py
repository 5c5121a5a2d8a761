"""Public mappings from packages of conda to projects, out of a file or from a URL.

Two forms are known. parselmouth: ``{"pytorch": ["torch"], "zlib": null}``, by package. grayskull (and the lookup files
of conda-lock): ``{"torch": {"conda_name": "pytorch", …}}``, by project.
"""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING, Any

from envsolver.knowledge.conda import NAMES, NameTable
from envsolver.model.candidate import normalize_name
from envsolver.model.errors import FileError, NetworkError
from envsolver.model.wording import system_reason
from envsolver.sources.urls import redact
from envsolver.spec.curated import mapping_path, root_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from envsolver.model.spec import CondaSpec, Spec
    from envsolver.sources.cache import Cache
    from envsolver.sources.http import HttpClient

__all__ = ["Names", "read_names"]

FRESH_SECONDS = 86_400.0
"""For so long a mapping from a URL is used without asking again: new names come every day, old ones hardly change."""

_BUCKET = "conda-names-1"
_MAX_BYTES = 64 * 1024 * 1024
_PACKAGE = re.compile(r"[a-z0-9_][a-z0-9_.-]*")
_PROJECT = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")


def read_names(text: str, shown: str) -> dict[str, str]:
    """Return package → project, canonical; empty for a package that provides none.

    Args:
        text: JSON or YAML.
        shown: where it comes from, for messages.

    Raises:
        FileError: it is in none of the forms that are known.
    """
    found: dict[str, str] = {}
    data = _parsed(text, shown)
    for key, value in data.items():
        for package, project in _pairs(str(key), value):
            # Where several projects claim a package, the one of its own name is the one that it was made of.
            if _PACKAGE.fullmatch(package) and (package not in found or project == normalize_name(package)):
                found[package] = project
    if not found:
        raise FileError(
            f"{shown} is no mapping of names of conda",
            hint='parselmouth has {"pytorch": ["torch"]}, grayskull {"torch": {"conda_name": "pytorch"}}',
        )
    return found


def _pairs(key: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        package, project = value.get("conda_name"), value.get("pypi_name") or key
        if isinstance(package, str) and isinstance(project, str) and _PROJECT.fullmatch(project):
            yield package.lower(), normalize_name(project)
        return
    package = key.lower()
    if value is None:
        yield package, ""
    for project in value if isinstance(value, list) else [value]:
        if isinstance(project, str) and _PROJECT.fullmatch(project):
            yield package, normalize_name(project)


def _parsed(text: str, shown: str) -> dict[Any, Any]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        data = _yaml(text, shown)
    if not isinstance(data, dict):
        raise FileError(f"{shown} is no mapping of names of conda: it is no table")
    return data


def _yaml(text: str, shown: str) -> Any:
    import yaml

    try:
        # As text, whatever YAML would make of a project called `no` or `1.10`; and without anchors, which could unfold.
        return yaml.load(text, Loader=yaml.BaseLoader) if "&" not in text else None  # noqa: S506 - makes text only
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise FileError(f"{shown} is neither JSON nor YAML: {' '.join(str(error).split())}") from None


class Names:
    """The names of all environments of a run."""

    def __init__(self, http: HttpClient, cache: Cache, *, offline: bool, refresh: bool) -> None:
        self._http = http
        self._cache = cache
        self._offline = offline
        self._refresh = refresh
        self._read: dict[str, dict[str, str]] = {}

    async def of(self, spec: Spec, project_root: Path) -> Mapping[str, str]:
        """Return what a spec and the mapping that it names say; the spec goes first, then what envsolver knows itself.

        Raises:
            FileError: the mapping cannot be read, or is none.
            NetworkError: it is a URL that cannot be read.
        """
        conda = spec.conda
        if conda is None or conda.mapping is None:
            return conda.names if conda else {}
        path = mapping_path(spec, project_root)
        place = str(path or conda.mapping)
        if place not in self._read:
            self._read[place] = _from_file(path, conda, project_root) if path else await self._from_url(conda)
        mapped = {package: project for package, project in self._read[place].items() if package not in NAMES}
        return NameTable({**mapped, **conda.names})

    async def _from_url(self, conda: CondaSpec) -> dict[str, str]:
        """Read a mapping from the cache, or from the server."""
        url = str(conda.mapping)
        cached = None if self._refresh else self._cache.get(_BUCKET, url)
        if cached is not None:
            fetched, names = json.loads(cached)
            if self._offline or 0 <= time.time() - fetched < FRESH_SECONDS:
                kept: dict[str, str] = names
                return kept
        if self._offline:
            raise NetworkError(
                f"{conda.mapping_origin}: this run is offline, and {redact(url)} is not in the cache",
                hint="run once without --offline to fetch it",
            )
        reply = await self._http.get(url, max_bytes=_MAX_BYTES)
        if reply.status != 200:
            raise NetworkError(
                f"{conda.mapping_origin}: {redact(url)} answered with status {reply.status}",
                hint="check the URL under conda-mapping",
            )
        found = read_names(reply.body.decode("utf-8", errors="replace"), f"{conda.mapping_origin}: {redact(url)}")
        self._cache.put(_BUCKET, url, json.dumps([time.time(), found]).encode())
        return found


def _from_file(path: Path, conda: CondaSpec, project_root: Path) -> dict[str, str]:
    origin = conda.mapping_origin
    root = root_of(origin.path if origin else "", project_root).resolve()
    if not path.resolve().is_relative_to(root):
        raise FileError(f"{origin}: the mapping {conda.mapping} lies outside the project {root}")
    try:
        with path.open("rb") as stream:
            data = stream.read(_MAX_BYTES + 1)
    except OSError as error:
        raise FileError(f"{origin}: the mapping {conda.mapping} cannot be read: {system_reason(error)}") from error
    if len(data) > _MAX_BYTES:
        raise FileError(f"{origin}: the mapping {conda.mapping} is too large")
    return read_names(data.decode("utf-8", errors="replace"), f"{origin}: {conda.mapping}")

"""``conda-meta``: what conda and its kin read of an environment, without dates, caches and places of this machine."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from envsolver.build.condarecord import is_inside
from envsolver.build.layout import FILE_TIME
from envsolver.build.manifest import LINK, Entry
from envsolver.model.errors import ArtefactError
from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from envsolver.lock.model import LockedFile

__all__ = ["CondaMeta", "read_metas", "write_history", "write_meta"]

_FOLDER: Final = "conda-meta"
_OF_THE_MACHINE: Final = frozenset({"extracted_package_dir", "package_tarball_full_path", "link"})
_STARTER: Final = "unix_python_entry_point"


@dataclass(frozen=True, slots=True, kw_only=True)
class CondaMeta:
    """What rattler wrote of one package.

    Attributes:
        path: of its file, relative to the prefix.
        content: of it.
    """

    path: str
    content: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The package."""
        return str(self.content["name"])

    @property
    def filename(self) -> str:
        """The file name of its archive."""
        return str(self.content["fn"])

    @property
    def files(self) -> list[str]:
        """The paths that it brought."""
        return list(self.content["files"])

    @property
    def unpacked(self) -> str:
        """The folder into which rattler has unpacked it."""
        return str(self.content["extracted_package_dir"])

    @property
    def _paths(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.content["paths_data"]["paths"]
        return found

    def declared(self) -> dict[str, str]:
        """Return path → sha256 of the files as the package has them."""
        return {
            one["_path"]: one["sha256"]
            for one in self._paths
            if one.get("path_type") == "hardlink" and one.get("sha256") and not one.get("original_path")
        }

    def displaced(self) -> list[str]:
        """Return the paths at which another package of conda has its own file; that of this one lies elsewhere."""
        return sorted(one["original_path"] for one in self._paths if one.get("original_path"))

    def placeholders(self) -> dict[str, tuple[str, bool]]:
        """Return path → placeholder, and whether the file is binary, of the files that carry the prefix."""
        return {
            one["_path"]: (one["prefix_placeholder"], one.get("file_mode") == "binary")
            for one in self._paths
            if one.get("prefix_placeholder") and one.get("path_type") == "hardlink"
        }

    def starters(self) -> dict[str, tuple[str, str]]:
        """Return path → module and attribute of the entry points of a noarch package.

        Raises:
            ArtefactError: what the package says of them makes no sense.
        """
        wanted = {one["_path"] for one in self._paths if one.get("path_type") == _STARTER}
        if not wanted:
            return {}
        found = {}
        try:
            link = json.loads((Path(self.unpacked) / "info" / "link.json").read_text(encoding="utf-8"))
            for text in link["noarch"].get("entry_points", ()):
                command, module, attribute = _entry_point(str(text))
                found[f"bin/{command}"] = (module, attribute)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ArtefactError(self.filename, f"an entry point makes no sense: {error}") from error
        return {path: starter for path, starter in found.items() if path in wanted}


def _entry_point(text: str) -> tuple[str, str, str]:
    """Return command, module and attribute of ``command = module:attribute``.

    Raises:
        ValueError: it is not of that kind.
    """
    command, _, reference = (part.strip() for part in text.partition("="))
    module, _, attribute = (part.strip() for part in reference.partition(":"))
    if not (is_inside(command) and "/" not in command and _is_name(module) and _is_name(attribute)):
        raise ValueError(text)
    return command, module, attribute


def _is_name(text: str) -> bool:
    return all(part.isidentifier() for part in text.split("."))


def read_metas(root: Path) -> list[CondaMeta]:
    """Return what rattler wrote of the packages of an environment, sorted by name.

    Raises:
        ArtefactError: a package has a path that leaves the prefix.
    """
    found = []
    for path in (root / _FOLDER).glob("*.json"):
        meta = CondaMeta(path=f"{_FOLDER}/{path.name}", content=json.loads(path.read_text(encoding="utf-8")))
        for file in meta.files:
            if not is_inside(file):
                raise ArtefactError(meta.filename, f"it has a path that leaves the prefix: {file!r}")
        found.append(meta)
    return sorted(found, key=lambda meta: meta.name)


def write_meta(
    root: Path,
    meta: CondaMeta,
    file: LockedFile,
    channel: str,
    requested: Sequence[str],
    there: Mapping[str, Entry],
    compiled: Iterable[Entry],
) -> Entry:
    """Write anew what ``conda-meta`` says of a package; return its entry.

    Args:
        root: of the environment.
        meta: as rattler wrote it.
        file: of the lock.
        channel: URL of its channel.
        requested: match specs of the spec that ask for it.
        there: path → entry of what is there.
        compiled: bytecode of its modules.
    """
    paths = [_path(one, there) for one in meta.content["paths_data"]["paths"] if one["_path"] in there]
    paths += [{"_path": entry.path, "path_type": "pyc_file"} for entry in compiled]
    content = {key: value for key, value in meta.content.items() if key not in _OF_THE_MACHINE} | {
        "channel": channel,
        "url": f"{channel}/{file.subdir}/{file.filename}",
        "files": sorted(path["_path"] for path in paths),
        "paths_data": {"paths_version": 1, "paths": sorted(paths, key=lambda path: str(path["_path"]))},
        "requested_specs": list(requested),
    }
    if requested:
        content["requested_spec"] = requested[0]
    return _write(root, meta.path, f"{json.dumps(content, indent=2, sort_keys=True)}\n")


def _path(one: Mapping[str, Any], there: Mapping[str, Entry]) -> dict[str, Any]:
    """Return what is said of a file, without what is so at this place alone."""
    said = {key: value for key, value in one.items() if key != "sha256_in_prefix"}
    entry = there[one["_path"]]
    if entry.mode != LINK:
        said |= {"sha256": entry.sha256, "size_in_bytes": entry.size}
    return said


def write_history(root: Path, packages: Iterable[str], requested: Mapping[str, Sequence[str]]) -> Entry:
    """Write the history of an environment, by which conda knows it for one; it begins when all files do.

    Args:
        root: of the environment.
        packages: URL of each archive.
        requested: match specs of the spec, by package.
    """
    added = []
    for url in packages:
        folder, _, name = url.rpartition("/")
        added.append(f"+{folder}::{name.removesuffix('.conda').removesuffix('.tar.bz2')}")
    specs = sorted(spec for specs in requested.values() for spec in specs)
    lines = [
        "==> 1980-01-01 00:00:00 <==",
        "# cmd: envsolver build",
        *added,
        f"# update specs: {json.dumps(specs)}",
        "",
    ]
    return _write(root, f"{_FOLDER}/history", "\n".join(lines))


def _write(root: Path, path: str, text: str) -> Entry:
    import os

    data = text.encode()
    full = root / path
    full.unlink(missing_ok=True)
    full.write_bytes(data)
    full.chmod(0o644)
    os.utime(full, (FILE_TIME, FILE_TIME))
    return Entry(path, "644", sha256(data).hexdigest(), len(data))

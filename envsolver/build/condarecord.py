"""What archives of conda say of themselves, checked before anything of them is unpacked."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from envsolver.build.layout import OWN_FOLDER
from envsolver.model.candidate import CONDA_PREFIX
from envsolver.model.errors import ArtefactError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from rattler import RepoDataRecord
    from rattler.package import PathsEntry

    from envsolver.lock.model import Pin

__all__ = ["facts_of", "is_inside", "record_of"]


def facts_of(pin: Pin, archive: Path) -> dict[str, Any]:
    """Return what an archive says of itself, as far as it takes part in an installation.

    Args:
        pin: whose file it is. Its bytes were held against the lock.
        archive: where it lies.

    Raises:
        ArtefactError: it is no package of conda, another one, or would write where no package may.
    """
    from rattler.exceptions import ExtractError, InvalidPackageNameError
    from rattler.package import IndexJson, PathsJson

    name = pin.file.filename
    try:
        index = IndexJson.from_package_archive(archive)
        listed = PathsJson.from_package_archive(archive).paths
    except (ExtractError, InvalidPackageNameError, OSError, ValueError) as error:
        raise ArtefactError(name, f"it is no package of conda that can be read: {_words(error)}") from error
    # Packages of long ago do not say which part of a channel they are for.
    claimed = (f"{CONDA_PREFIX}{index.name.normalized}", str(index.version), index.subdir or pin.file.subdir)
    if claimed != (pin.package.name, pin.package.version, pin.file.subdir):
        raise ArtefactError(name, f"it says of itself that it is {' '.join(map(str, claimed))}")
    _check_paths(name, [(str(path.relative_path), path.path_type.softlink) for path in listed])
    return {
        "build": str(index.build),
        "build_number": index.build_number,
        "depends": index.depends,
        "constrains": index.constrains,
        "noarch": "python" if index.noarch.python else "generic" if index.noarch.generic else None,
        "timestamp": index.timestamp.timestamp() if index.timestamp else None,
        "license": index.license,
        "room": min((room for one in listed if (room := _room(one))), default=None),
        "python_site_packages_path": index.python_site_packages_path,
    }


def _room(entry: PathsEntry) -> int:
    """Return how long a prefix a file has room for, 0 where it does not matter."""
    placeholder = entry.prefix_placeholder
    return len(placeholder.placeholder.encode()) if placeholder and placeholder.file_mode.binary else 0


def _words(error: Exception) -> str:
    return " ".join(str(error).split())


def is_inside(path: str) -> bool:
    """Say whether a path stays below the folder that it is relative to, as it is written."""
    parts = PurePosixPath(path).parts
    return bool(parts) and not path.startswith("/") and ".." not in parts and "\\" not in path and path.isprintable()


def _check_paths(name: str, paths: Iterable[tuple[str, bool]]) -> None:
    paths = list(paths)
    links = {path for path, link in paths if link}
    for path, _ in paths:
        first = path.partition("/")[0]
        if not is_inside(path):
            raise ArtefactError(name, f"it has a path that leaves the prefix: {path!r}")
        if first == OWN_FOLDER or (first == "conda-meta" and path.endswith(".json")):
            raise ArtefactError(name, f"it brings {path}, which is the environment's own")
        if any(parent.as_posix() in links for parent in PurePosixPath(path).parents):
            raise ArtefactError(name, f"it has a file below a link: {path}")


def record_of(pin: Pin, facts: dict[str, Any], archive: Path, channel: str) -> RepoDataRecord:
    """Return a package as rattler installs it.

    Args:
        pin: of the lock.
        facts: of :func:`facts_of`.
        archive: where it lies; it need not be there if rattler has unpacked it before.
        channel: URL.
    """
    from rattler import BuildString, PackageRecord, RepoDataRecord

    file = pin.file
    record = PackageRecord(
        pin.package.name.removeprefix(CONDA_PREFIX),
        pin.package.version,
        BuildString.new_unchecked(facts["build"]),
        facts["build_number"],
        file.subdir or "noarch",
        noarch=facts["noarch"],
        depends=facts["depends"],
        constrains=facts["constrains"],
        sha256=bytes.fromhex(file.sha256) if file.sha256 else None,
        md5=bytes.fromhex(file.md5) if file.md5 else None,
        size=file.size,
        license=facts["license"],
        python_site_packages_path=facts["python_site_packages_path"],
    )
    if facts["timestamp"] is not None:
        record.timestamp = datetime.fromtimestamp(facts["timestamp"], tz=UTC)
    return RepoDataRecord(record, file.filename, archive.as_uri(), channel)

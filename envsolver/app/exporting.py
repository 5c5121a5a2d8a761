"""Locks in the formats of other tools, and the schema of the spec."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args

from envsolver.app.lockfile import read_lock
from envsolver.model.errors import EnvsolverError, FileError, UsageError
from envsolver.model.values import dataclass
from envsolver.model.wording import system_reason

if TYPE_CHECKING:
    from pathlib import Path

    from envsolver.app.project import Environment, Project
    from envsolver.lock.model import Lock
    from envsolver.model.ports import Progress

__all__ = ["FOLDERS", "FORMATS", "ExportFormat", "ExportOptions", "export", "export_folder", "spec_schema"]

ExportFormat = Literal[
    "requirements",
    "pylock",
    "constraints",
    "conda-lock",
    "explicit",
    "environment",
    "pixi",
    "dockerfile",
    "azureml",
    "cyclonedx",
]

FORMATS: tuple[ExportFormat, ...] = get_args(ExportFormat)
FOLDERS: frozenset[ExportFormat] = frozenset({"azureml"})
"""Those that are several files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """What an export is to hold.

    Attributes:
        platform: None for all platforms of the lock; what only some of them have then carries a marker.
        groups: to take beside the base.
        hashes: leave them out of ``requirements`` to allow checkouts of a version control system, which have none.
        offline: for formats that hold URLs: read the indexes' pages from the cache only.
    """

    platform: str | None = None
    groups: tuple[str, ...] = ()
    hashes: bool = True
    offline: bool = False


def export(
    project: Project, environment: Environment, format_: ExportFormat, options: ExportOptions, progress: Progress
) -> str:
    """Return a lock in the format of another tool.

    Raises:
        UsageError: the lock has no such platform or group, groups exclude each other, an option does not go with the
            format, or something has no hash.
        FileError: there is no lock, or an index has not got a file of it.
        LockError: the lock makes no sense.
        NetworkError: an index did not answer (``conda-lock``, ``pixi`` and ``pylock`` have URLs in them).
    """
    from envsolver.formats import requirements

    if format_ in FOLDERS:
        raise UsageError(f"--format {format_} is a folder of files", hint="name the folder: -o DIR")
    lock = read_lock(project, environment)
    if format_ == "requirements":
        return requirements.dumps(lock, platform=options.platform, groups=options.groups, hashes=options.hashes)
    if not options.hashes:
        raise UsageError(f"--no-hashes is for requirements, not for {format_}")
    if format_ in {"conda-lock", "pixi", "pylock"}:
        return _with_urls(project, environment, lock, format_, options, progress)
    return _of_lock_alone(project, environment, lock, format_, options)


def _of_lock_alone(
    project: Project, environment: Environment, lock: Lock, format_: ExportFormat, options: ExportOptions
) -> str:
    """Return what needs no index."""
    from envsolver.formats import condafiles, constraints, images, sbom

    if format_ == "dockerfile":
        return images.dockerfile(lock, project.spec(environment), platform=options.platform, groups=options.groups)
    if format_ == "environment":
        channels = _channels(project, environment)
        return condafiles.environment(lock, platform=options.platform, groups=options.groups, channels=channels)
    write = {
        "constraints": constraints.dumps,
        "cyclonedx": sbom.cyclonedx,
        "explicit": condafiles.explicit,
    }[format_]
    return write(lock, platform=options.platform, groups=options.groups)


def _channels(project: Project, environment: Environment) -> list[str]:
    """Return the URLs of the channels of a spec in the order of their priority, which no lock keeps.

    A spec that cannot be read has none: a lock can be exported without it.
    """
    try:
        conda = project.spec(environment, validate=False).conda
    except EnvsolverError:
        return []
    return [channel.url for channel in conda.channels] if conda else []


def _with_urls(
    project: Project,
    environment: Environment,
    lock: Lock,
    format_: ExportFormat,
    options: ExportOptions,
    progress: Progress,
) -> str:
    """Return what names the URL of every file."""
    from envsolver.app.locating import locate
    from envsolver.formats import condalock, pixi, pylock

    if format_ != "conda-lock" and (options.platform is not None or options.groups):
        raise UsageError(
            f"--format {format_} holds all platforms and groups: the installer chooses",
            hint="leave out --platform and --group",
        )
    if format_ == "pylock" and any(lock.conda(target.name) for target in lock.targets):
        raise UsageError(
            "a pylock cannot hold packages of conda (PEP 751)", hint="--format requirements has those of pip alone"
        )
    url_of = locate(project, project.spec(environment), lock, offline=options.offline, progress=progress)
    channels = _channels(project, environment)
    if format_ == "conda-lock":
        return condalock.dumps(lock, url_of=url_of, platform=options.platform, groups=options.groups, channels=channels)
    return (
        pixi.dumps(lock, url_of=url_of, channels=channels) if format_ == "pixi" else pylock.dumps(lock, url_of=url_of)
    )


def export_folder(
    project: Project, environment: Environment, format_: ExportFormat, options: ExportOptions, folder: Path
) -> tuple[Path, ...]:
    """Write a lock in a format that is several files (:data:`FOLDERS`).

    The folder is made if its parent is there.

    Returns:
        The files that were written; those that have their bytes already are left alone.

    Raises:
        UsageError: as :func:`export`.
        FileError: there is no lock, or a file cannot be written.
    """
    from envsolver.app.files import require_folder, write_together
    from envsolver.formats import images

    if not options.hashes:
        raise UsageError(f"--no-hashes is for requirements, not for {format_}")
    lock = read_lock(project, environment)
    files = images.azureml(lock, project.spec(environment), platform=options.platform, groups=options.groups)
    require_folder(folder)
    try:
        for name in files:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"{folder} cannot be made: {system_reason(error)}") from error
    return write_together({folder / name: text.encode() for name, text in files.items()})


def spec_schema() -> dict[str, Any]:
    """Return the JSON Schema of a spec file."""
    from envsolver.spec.reference import schema

    return schema()

"""Locks in the formats of other tools, and the schema of the spec."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from envsolver.app.lockfile import read_lock
from envsolver.model.errors import UsageError

if TYPE_CHECKING:
    from envsolver.app.project import Environment, Project
    from envsolver.model.ports import Progress

__all__ = ["FORMATS", "ExportFormat", "ExportOptions", "export", "spec_schema"]

ExportFormat = Literal["requirements", "pylock", "constraints", "conda-lock", "explicit", "environment", "pixi"]

FORMATS: tuple[ExportFormat, ...] = get_args(ExportFormat)


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
    from envsolver.formats import condafiles, condalock, constraints, pixi, pylock, requirements

    lock = read_lock(project, environment)
    if format_ == "requirements":
        return requirements.dumps(lock, platform=options.platform, groups=options.groups, hashes=options.hashes)
    if not options.hashes:
        raise UsageError(f"--no-hashes is for requirements, not for {format_}")
    if format_ == "constraints":
        return constraints.dumps(lock, platform=options.platform, groups=options.groups)
    if format_ == "explicit":
        return condafiles.explicit(lock, platform=options.platform, groups=options.groups)
    if format_ == "environment":
        return condafiles.environment(lock, platform=options.platform, groups=options.groups)
    if format_ != "conda-lock" and (options.platform is not None or options.groups):
        raise UsageError(
            f"--format {format_} holds all platforms and groups: the installer chooses",
            hint="leave out --platform and --group",
        )
    if format_ == "pylock" and any(lock.conda(target.name) for target in lock.targets):
        raise UsageError(
            "a pylock cannot hold packages of conda (PEP 751)", hint="--format requirements has those of pip alone"
        )
    from envsolver.app.locating import locate

    url_of = locate(project, project.spec(environment), lock, offline=options.offline, progress=progress)
    if format_ == "conda-lock":
        return condalock.dumps(lock, url_of=url_of, platform=options.platform, groups=options.groups)
    return pixi.dumps(lock, url_of=url_of) if format_ == "pixi" else pylock.dumps(lock, url_of=url_of)


def spec_schema() -> dict[str, Any]:
    """Return the JSON Schema of a spec file."""
    from envsolver.spec.reference import schema

    return schema()

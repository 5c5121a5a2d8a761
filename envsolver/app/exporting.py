"""Locks in the formats of other tools, and the schema of the spec."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args

from envsolver.model.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envsolver.lock.model import Lock

__all__ = ["FORMATS", "ExportFormat", "export", "spec_schema"]

ExportFormat = Literal["requirements", "pylock", "constraints"]

FORMATS: tuple[ExportFormat, ...] = get_args(ExportFormat)


def export(
    lock: Lock, format_: ExportFormat, *, platform: str | None = None, groups: Sequence[str] = (), hashes: bool = True
) -> str:
    """Return a lock in the format of another tool.

    Args:
        lock: of the environment.
        format_: one of :data:`FORMATS`.
        platform: None for all platforms of the lock; what only some of them have then carries a marker.
        groups: to take beside the base.
        hashes: leave them out of ``requirements`` to allow checkouts of a version control system, which have none.

    Raises:
        UsageError: the lock has no such platform or group, groups exclude each other, or something has no hash.
    """
    from envsolver.formats import constraints, pylock, requirements

    if format_ == "requirements":
        return requirements.dumps(lock, platform=platform, groups=groups, hashes=hashes)
    if not hashes:
        raise UsageError(f"--no-hashes is for requirements, not for {format_}")
    return (pylock if format_ == "pylock" else constraints).dumps(lock, platform=platform, groups=groups)


def spec_schema() -> dict[str, Any]:
    """Return the JSON Schema of a spec file."""
    from envsolver.spec.reference import schema

    return schema()

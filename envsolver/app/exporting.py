"""Locks in the formats of other tools, and the schema of the spec."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envsolver.lock.model import Lock

__all__ = ["FORMATS", "ExportFormat", "export", "spec_schema"]

ExportFormat = Literal["requirements", "pylock", "constraints"]

FORMATS: tuple[ExportFormat, ...] = get_args(ExportFormat)


def export(lock: Lock, format_: ExportFormat, *, platform: str | None = None, groups: Sequence[str] = ()) -> str:
    """Return a lock in the format of another tool.

    Args:
        lock: of the environment.
        format_: one of :data:`FORMATS`.
        platform: may be left out if the lock has one platform only.
        groups: to add to the base.

    Raises:
        UsageError: the lock has no such platform or group, or groups exclude each other.
    """
    from importlib import import_module

    text: str = import_module(f"envsolver.formats.{format_}").dumps(lock, platform=platform, groups=groups)
    return text


def spec_schema() -> dict[str, Any]:
    """Return the JSON Schema of a spec file."""
    from envsolver.spec.reference import schema

    return schema()

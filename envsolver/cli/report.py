"""Errors and values of the model as JSON."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envsolver.cli.text import redact
from envsolver.model.errors import EnvsolverError, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["error_document", "error_object", "facts_of", "plain"]


def error_document(code: str, message: str, hint: str | None, facts: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what ``--json`` prints for a command that failed."""
    return {
        "error": {
            "code": code,
            "message": redact(message),
            "hint": redact(hint) if hint else None,
            "facts": dict(facts or {}),
        }
    }


def error_object(error: EnvsolverError) -> dict[str, Any]:
    """Return one error for a place inside a larger document."""
    inner: dict[str, Any] = error_document(error.code, str(error), error.hint, facts_of(error))["error"]
    return inner


def facts_of(error: EnvsolverError) -> dict[str, Any]:
    """Return the attributes of an error: what it is about, for programs."""
    return {name: plain(value) for name, value in vars(error).items() if name != "hint" and not name.startswith("_")}


def plain(value: Any) -> Any:
    """Return a value of the model as what JSON can say; credentials are removed from URLs."""
    if isinstance(value, str):
        return redact(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Problem):
        origin = value.origin
        return {
            "path": origin.path if origin else None,
            "line": origin.line if origin else None,
            "message": redact(value.message),
            "hint": value.hint,
        }
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, EnvsolverError):
        return error_object(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(inner) for inner in value]
    return redact(str(value))

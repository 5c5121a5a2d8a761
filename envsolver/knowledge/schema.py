"""The JSON Schema of a rule file, for editors and for those who write rules of their own."""

from __future__ import annotations

from typing import Any, get_args

from envsolver.knowledge.rulefile import EFFECT_KEYS, RULE_ID
from envsolver.knowledge.rules import Severity, Strength, Verified
from envsolver.model.target import KNOWN_PLATFORMS

__all__ = ["rules_schema"]

_PROJECT = r"^\s*[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\s*([<>=!~].*)?$"


def rules_schema() -> dict[str, Any]:
    """Return the schema (JSON Schema 2020-12) of a parsed rule file. Every key has a description."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Rules of a project: what packages do not declare",
        "type": "object",
        "additionalProperties": False,
        "properties": {"rule": {"type": "array", "items": _rule()}},
    }


def _rule() -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["id", "when", "sources"],
        "oneOf": [{"required": [key]} for key in EFFECT_KEYS],
        "dependentRequired": {"replaces": ["by"], "by": ["replaces"]},
        "properties": {
            "id": _text("Unique name of the rule.", pattern=f"^{RULE_ID}$"),
            "title": _text("One line that says what is wrong."),
            "when": _projects("The versions that the rule is about: one of them must be chosen."),
            "beside": _text("The rule holds only if this is part of the environment too.", pattern=_PROJECT),
            "python": _text("Specifier for the Python version of the environment, such as '>=3.12'."),
            "platforms": _list(
                {"enum": list(KNOWN_PLATFORMS)}, "Platforms on which the rule holds; all, where it is missing."
            ),
            "constrains": _projects("If this project is there, then in these versions."),
            "requires": _projects("This project must be there, in these versions."),
            "conflicts": _projects("These versions of this project must not be there."),
            "replaces": _text("A requirement as the metadata declares it."),
            "by": _text("What stands in the place of 'replaces'.", pattern=_PROJECT),
            "unusable": _text("The versions cannot be used on the target, these can.", pattern=_PROJECT),
            "finding": _text("What a person should know or do; it changes no lock.", filled=True),
            "strength": {
                "description": "hard: must hold; preference: holds where a solution allows it.",
                "enum": list(get_args(Strength)),
            },
            "severity": {"description": "What happens without the rule.", "enum": list(get_args(Severity))},
            "symptom": _text("The exact text that users see."),
            "verified": {"description": "How the rule is known.", "enum": list(get_args(Verified))},
            "evidence": _text("What was seen, with versions."),
            "sources": _list(
                {"type": "string", "minLength": 1}, "Where it can be read: an address, a ticket, a file of a release."
            ),
            "check": _text("The command that shows it."),
        },
    }


def _text(description: str, *, pattern: str | None = None, filled: bool = False) -> dict[str, Any]:
    found: dict[str, Any] = {"description": description, "type": "string"}
    if pattern is not None:
        found["pattern"] = pattern
    if filled:
        found["minLength"] = 1
    return found


def _projects(description: str) -> dict[str, Any]:
    return _list({"type": "string", "pattern": _PROJECT}, description)


def _list(items: dict[str, Any], description: str) -> dict[str, Any]:
    return {"description": description, "anyOf": [items, {"type": "array", "minItems": 1, "items": items}]}

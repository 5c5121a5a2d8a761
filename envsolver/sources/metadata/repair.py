"""Requirements that PEP 508 does not allow but installers have accepted.

Wheels cannot be changed once they are published, so what was valid for the tools of its day stays on the indexes:
pytorch-lightning 1.5.4 to 1.8.3 declare ``torch (>=1.9.*)``. pip before 24.1 and uv install them, pip since 24.1
refuses. envsolver repairs the forms that uv repairs, where the meaning is not in doubt, and says so; all others make
the file unusable.
"""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["checked_requirement", "checked_specifier", "repair_requirement", "repair_specifier"]

_HEAD = re.compile(
    r"\s*(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?P<extras>\[[^\]]*\])?(?P<rest>.*)", re.DOTALL
)
_OPERATOR = r"(?:===|==|~=|!=~|!=|<=|>=|<|>)"
_CLAUSE = re.compile(rf"(?P<operator>{_OPERATOR})\s*(?P<version>[^\s,<>=!~]+)\s*")


@lru_cache(maxsize=8192)
def checked_requirement(text: str) -> tuple[str, bool] | None:
    """Return ``(valid PEP 508 text, was it repaired)``, or None where there is no telling what is meant."""
    if _is_requirement(text):
        return text, False
    repaired = repair_requirement(text)
    return (repaired, True) if repaired is not None and _is_requirement(repaired) else None


@lru_cache(maxsize=4096)
def checked_specifier(text: str) -> tuple[str, bool] | None:
    """Return ``(valid PEP 440 specifier set, was it repaired)``, or None where there is no telling what is meant."""
    if _is_specifier(text):
        return text, False
    repaired = repair_specifier(text)
    return (repaired, True) if repaired is not None and _is_specifier(repaired) else None


def repair_requirement(text: str) -> str | None:
    """Return a requirement with its version specifier repaired; None for a form that is not known."""
    head = _HEAD.fullmatch(text)
    if head is None:
        return None
    specifier, semicolon, marker = head["rest"].partition(";")
    if "@" in specifier:
        return None
    repaired = repair_specifier(specifier)
    if repaired is None:
        return None
    tail = f" ; {marker.strip()}" if semicolon and marker.strip() else ""
    return f"{head['name']}{head['extras'] or ''}{repaired}{tail}"


def repair_specifier(text: str) -> str | None:
    """Return a specifier set in which each clause is valid; None for a form that is not known.

    Commas are put where they are missing (``>=7.2.0<8.0.0``) and removed where nothing follows (``>=3.6,``); quotes
    (``>= '2.7'``) and a pair of parentheses are dropped; each clause is repaired by :func:`_repair_clause`.
    """
    bare = text.strip()
    if bare.startswith("(") and bare.endswith(")"):
        bare = bare[1:-1]
    bare = bare.replace("'", "").replace('"', "").strip(" \t,")
    clauses = []
    position = 0
    while position < len(bare):
        clause = _CLAUSE.match(bare, position)
        if clause is None:
            return None
        clauses.append(_repair_clause(clause["operator"], clause["version"]))
        position = clause.end()
        while position < len(bare) and bare[position] in ", \t":
            position += 1
    return ",".join(clauses)


def _repair_clause(operator: str, version: str) -> str:
    if operator == "!=~":  # `!=~5.0`: everything that ~=5.0 would take
        return f"!={version}.*"
    if operator in {"<", "<=", ">", ">="}:
        if operator == ">" and version == "dev":
            return ">0.0.0.dev0"
        version = version.removesuffix(".*")  # `>=1.9.*`: order knows no wildcard
        version = re.sub(r"((?:a|b|rc|post|dev)\d+)(?:\.0)+$", r"\1", version)  # `>=9.0.0a1.0`
    elif operator in {"==", "!="}:
        version = re.sub(r"(?<=\d)\*$", ".*", version)  # `!=3.0*`
    return f"{operator}{version}"


def _is_requirement(text: str) -> bool:
    from packaging.requirements import InvalidRequirement

    from envsolver.model.pep508 import parse_requirement

    try:
        parse_requirement(text)
    except (InvalidRequirement, RecursionError):  # a marker of a thousand parentheses
        return False
    return True


def _is_specifier(text: str) -> bool:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        SpecifierSet(text)
    except InvalidSpecifier:
        return False
    return True

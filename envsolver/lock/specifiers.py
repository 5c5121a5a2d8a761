"""Version specifiers as they stand in a lock, which may have been written by hand. Imports packaging when asked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envsolver.model.candidate import is_conda

if TYPE_CHECKING:
    from collections.abc import Callable

    from packaging.specifiers import Specifier

    from envsolver.lock.model import Dependency

__all__ = ["admission", "requirement_text", "upper_bounds", "versions_of"]

_UPPER = frozenset({"<", "<=", "==", "===", "~="})


def upper_bounds(text: str) -> tuple[Specifier, ...]:
    """Return the parts of a specifier that newer versions may fail, sorted; none of one that cannot be parsed."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        parsed = SpecifierSet(text)
    except InvalidSpecifier:
        return ()
    return tuple(sorted((one for one in parsed if one.operator in _UPPER), key=str))


def admission(text: str) -> Callable[[str], bool]:
    """Return a test of versions; what cannot be parsed is taken to admit all."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        parsed = SpecifierSet(text)
    except InvalidSpecifier:
        return lambda _version: True
    return lambda version: parsed.contains(version, prereleases=True)


def requirement_text(edge: Dependency) -> str:
    """Return a dependency as a requirement, without its marker."""
    extras = f"[{','.join(edge.extras)}]" if edge.extras else ""
    if edge.project is not None:
        return f"{edge.project}{edge.specifier}"
    space = " " if is_conda(edge.name) and edge.specifier else ""
    return f"{edge.name}{extras}{space}{edge.specifier}"


def versions_of(match_spec: str) -> str:
    """Return what a match spec of conda says of versions as a specifier of PEP 440; empty where that cannot be said.

    Args:
        match_spec: with or without channel and name.
    """
    rest = re.sub(r"^(?:\S*::)?(?:[A-Za-z_][A-Za-z0-9_.-]*)?\s*", "", match_spec.strip(), count=1).partition("[")[0]
    found = re.fullmatch(r"={0,2}([^\s=<>!~|,]+)(?:[ =]\S+)", rest)
    if found:  # NAME=VERSION=BUILD, NAME VERSION BUILD
        return f"=={found[1]}" if found[1] != "*" else ""
    if "|" in rest:
        return ""
    return ",".join(_comparison(part) for part in rest.replace(" ", "").split(",") if part not in {"", "*"})


def _comparison(text: str) -> str:
    if re.match(r"[<>!~]=?|==", text):
        return text
    version = text.removeprefix("=").removesuffix(".*")
    return f"=={version}.*" if text != version else f"=={version}"

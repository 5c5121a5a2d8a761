"""Version specifiers as they stand in a lock, which may have been written by hand. Imports packaging when asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from packaging.specifiers import Specifier

    from envsolver.lock.model import Dependency

__all__ = ["admission", "requirement_text", "upper_bounds"]

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
    return f"{edge.name}{extras}{edge.specifier}"

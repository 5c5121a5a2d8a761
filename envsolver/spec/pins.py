"""Requirements that cannot hold together whatever the indexes have: two different exact pins of one project."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envsolver.model.errors import Problem
from envsolver.model.spec import BASE_GROUP

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from packaging.version import Version

    from envsolver.model.spec import SpecRequirement

__all__ = ["contradictory_pins", "python_excluded"]


def contradictory_pins(requirements: Sequence[SpecRequirement], exclusive: Sequence[Sequence[str]]) -> list[Problem]:
    """Return a problem for each pin that contradicts an earlier one under the same condition. Imports packaging.

    Everything less plain than that is left to the solver, which can explain it.
    """
    earlier: dict[tuple[str, str], list[tuple[Version, SpecRequirement]]] = {}
    problems: list[Problem] = []
    for project, marker, version, requirement in _pins(requirements):
        pins = earlier.setdefault((project, marker), [])
        for other_version, other in pins:
            if _same(version, other_version) or _apart(requirement.group, other.group, exclusive):
                continue
            hint = f"keep one of them, or add 'replace: [{project}]'"
            if requirement.origin.path == other.origin.path:
                hint = "keep one of them"
            if BASE_GROUP not in {requirement.group, other.group} and requirement.group != other.group:
                hint += f", or add 'exclusive: [[{other.group}, {requirement.group}]]'"
            problems.append(
                Problem(f"{requirement.text!r} contradicts {other.text!r} in {other.origin}", requirement.origin, hint)
            )
            break
        pins.append((version, requirement))
    return problems


def _pins(requirements: Sequence[SpecRequirement]) -> Iterator[tuple[str, str, Version, SpecRequirement]]:
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name
    from packaging.version import InvalidVersion, Version

    for requirement in requirements:
        try:
            parsed = Requirement(requirement.text)
            exact = [Version(item.version) for item in parsed.specifier if item.operator == "=="]
        except (InvalidRequirement, InvalidVersion):  # reported where it was read, or a wildcard
            continue
        for version in exact:
            yield canonicalize_name(parsed.name), str(parsed.marker or ""), version, requirement


def _same(one: Version, other: Version) -> bool:
    """``==1.12.1`` also accepts ``1.12.1+cu116`` (PEP 440, version matching)."""
    from packaging.version import Version

    if one.local is None or other.local is None:
        return Version(one.public) == Version(other.public)
    return one == other


def _apart(one: str, other: str, exclusive: Sequence[Sequence[str]]) -> bool:
    if BASE_GROUP in {one, other} or one == other:
        return False
    return any(one in names and other in names for names in exclusive)


def python_excluded(python: str, requires_python: str) -> bool:
    """Whether ``Requires-Python`` rules out the Python version of a spec. Imports packaging.

    Raises:
        ValueError: ``requires_python`` is not a specifier.
    """
    from packaging.specifiers import SpecifierSet

    from envsolver.model.target import full_python_version

    return not SpecifierSet(requires_python).contains(full_python_version(python), prereleases=True)

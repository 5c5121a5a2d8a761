"""A line of the spec that gives way: how it could be loosened, and how little.

A pin moves to the nearest version that resolves, one below or one above; a range is opened on the side on which that
version lies. Both are found by solving with the line turned round: everything below what it admits, newest first, or
everything above, lowest first.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from envsolver.model.candidate import normalize_name
from envsolver.model.fix import Edit
from envsolver.model.pep508 import parse_requirement
from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from packaging.specifiers import Specifier

    from envsolver.model.candidate import Name
    from envsolver.model.conflict import Reason
    from envsolver.model.spec import Spec, SpecRequirement

__all__ = [
    "Direction",
    "directions",
    "distance",
    "is_pin",
    "loosened_edit",
    "project_of",
    "remoteness",
    "title",
    "turned",
]

MOST_MAJORS = 10
"""A version that is more major versions away than that is of another time: nobody would take it."""
MOST_MINORS = 30
"""Likewise of versions of the same major; projects that release every other week make about as many in a year."""

_PINS = frozenset({"==", "===", "~="})
_PARTS = 8
"""More than versions have: what differs in the first part differs most."""


@dataclass(frozen=True, slots=True)
class Direction:
    """What a line does not admit: on which side of it, and as a specifier."""

    side: Literal["below", "above", "hole"]
    specifier: str


def directions(text: str) -> Iterator[Direction]:
    """Yield what a requirement does not admit, in pieces."""
    from packaging.version import Version

    specifiers = sorted(parse_requirement(text).specifier, key=str)
    lower = {Direction("below", below) for one in specifiers if (below := _below(one))}
    upper = {Direction("above", above) for one in specifiers if (above := _above(one))}
    for one in specifiers:
        if one.operator == "==" and Version(one.version.removesuffix(".*")).local:
            # Another build of the same version.
            yield Direction("hole", f"=={Version(one.version).public}")
        elif one.operator == "!=":
            yield Direction("hole", f"=={one.version}")
    yield from sorted((*lower, *upper), key=lambda one: (one.side != "below", one.specifier))


def _public(version: str) -> str:
    from packaging.version import Version

    return Version(version.removesuffix(".*")).public


def _below(specifier: Specifier) -> str | None:
    """Return what lies below all that a specifier admits. Ordered comparisons take no local version (PEP 440)."""
    if specifier.operator in {">=", *_PINS}:
        return f"<{_public(specifier.version)}"
    return f"<={_public(specifier.version)}" if specifier.operator == ">" else None


def _above(specifier: Specifier) -> str | None:
    """Return what lies above all that a specifier admits."""
    from packaging.version import Version

    if specifier.operator == "<":
        return f">={_public(specifier.version)}"
    prefix: Sequence[int] = ()
    if specifier.operator == "~=":
        prefix = Version(specifier.version).release[:-1]
    elif specifier.operator == "==" and specifier.version.endswith(".*"):
        prefix = Version(specifier.version.removesuffix(".*")).release
    if prefix:
        return f">={'.'.join(map(str, (*prefix[:-1], prefix[-1] + 1)))}"
    return f">{_public(specifier.version)}" if specifier.operator in {"<=", *_PINS} else None


def turned(spec: Spec, chosen: Sequence[tuple[Reason, Direction]]) -> tuple[Spec, frozenset[Name]]:
    """Return the spec with lines that admit what they did not, and the projects of which the lowest version is wanted.

    These lines come first: the others are not to have a say in how far they move.
    """
    first: list[SpecRequirement] = []
    requirements, constraints = list(spec.requirements), list(spec.constraints)
    lowest: set[Name] = set()
    for reason, direction in chosen:
        text = _with_specifier(reason.text or "", direction.specifier)
        for lines in (requirements, constraints):
            found = [line for line in lines if (line.origin, line.text) == (reason.origin, reason.text)]
            first += [replace(line, text=text) for line in found]
            lines[:] = [line for line in lines if line not in found]
        if direction.side == "above":
            lowest.add(reason.project)
    return (
        replace(spec, requirements=(*first, *requirements), constraints=tuple(constraints)),
        frozenset(lowest),
    )


def _with_specifier(text: str, specifier: str) -> str:
    """Return the requirement with another specifier; extras and marker stay."""
    requirement = parse_requirement(text)
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    marker = f"; {requirement.marker}" if requirement.marker else ""
    return f"{requirement.name}{extras}{specifier}{marker}"


def loosened_edit(reason: Reason, version: str) -> Edit:
    """Return the line as it has to be to admit a version. A pin stays a pin.

    Raises:
        ValueError: the reason is no line of the spec.
    """
    from packaging.version import Version

    if reason.origin is None or reason.text is None:
        raise ValueError(reason)
    # A pin of a local version (1.12.1+cu116) would bind the line to one index: the public version says what is meant.
    public = Version(version).public
    specifiers = list(parse_requirement(reason.text).specifier)
    if any(specifier.operator in _PINS for specifier in specifiers):
        new = f"=={public}"
    else:
        kept = [str(specifier) for specifier in specifiers if specifier.contains(version, prereleases=True)]
        broken = [specifier.operator for specifier in specifiers if not specifier.contains(version, prereleases=True)]
        opened = {">=": f">={public}", ">": f">={public}", "<": f"<={public}", "<=": f"<={public}"}
        new = ",".join(sorted({*kept, *(opened[operator] for operator in broken if operator in opened)}))
    return Edit(origin=reason.origin, old=reason.text, new=_with_specifier(reason.text, new))


def is_pin(text: str) -> bool:
    """Say whether a line admits one version only."""
    return any(specifier.operator in {"==", "==="} for specifier in parse_requirement(text).specifier)


def title(edit: Edit, reason: Reason) -> str:
    """Return the change in words."""
    what = "constraint " if reason.kind == "constraint" else ""
    return f"{edit.origin}: {what}{edit.new} instead of {edit.old}"


def distance(reason: Reason, version: str) -> tuple[int, int]:
    """Return how far a version lies from what a line asks for: which part of it differs first, and by how much."""
    from packaging.version import Version

    release = Version(version).release
    worst = (0, 0)
    for specifier in parse_requirement(reason.text or "").specifier:
        if specifier.contains(version, prereleases=True):
            continue
        asked = Version(specifier.version.removesuffix(".*")).release
        length = max(len(asked), len(release))
        for part in range(length):
            old, new = ((*asked, *[0] * length)[part], (*release, *[0] * length)[part])
            if old != new:
                worst = max(worst, (_PARTS - part, abs(old - new)))
                break
    return worst


def remoteness(reason: Reason, version: str) -> str | None:
    """Return in words how far a version is from what a line asks for, if it is of another time; None if it is not."""
    part, steps = distance(reason, version)
    major = part == _PARTS
    if steps <= (MOST_MAJORS if major else MOST_MINORS) or part < _PARTS - 1:
        return None
    age = "older" if _is_older(reason, version) else "newer"
    what = "major" if major else "minor"
    return f"no version nearer to {reason.text} helps than {version}, {steps} {what} versions {age}"


def _is_older(reason: Reason, version: str) -> bool:
    from packaging.version import Version

    found = Version(version)
    return any(
        found < Version(one.version.removesuffix(".*"))
        for one in parse_requirement(reason.text or "").specifier
        if one.operator not in {"<", "<=", "!="}
    )


def project_of(requirement: SpecRequirement) -> Name:
    """Return the project that a line of the spec is about."""
    return normalize_name(parse_requirement(requirement.text).name)

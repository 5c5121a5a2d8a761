"""Which versions an advisory is about, and the nearest ones above that it is not about.

A range is read as the OSV format defines its evaluation: its events in the order of their versions, the last one at or
below a version decides. A version of a lock is compared without its local part: ``1.12.1+cu116`` is a build of 1.12.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envsolver.model.pep440 import parse_version
from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from packaging.version import Version

    from envsolver.model.advisory import Affected, AffectedRange, Event

__all__ = ["Window", "affects", "public_version", "unaffected_above"]

_BEFORE_ALL = "0.dev0"

_Point = tuple["Version", int]
"""A version (0), or just above it (1)."""


@dataclass(frozen=True, slots=True)
class Window:
    """Neighbouring versions that no advisory is about.

    Attributes:
        specifier: as PEP 440 has it; it holds in the window only.
        first: the version that fixes; with ``inclusive`` false, the last one that is affected.
        inclusive: whether ``first`` is in the window.
    """

    specifier: str
    first: str
    inclusive: bool


def public_version(version: str) -> Version | None:
    """Return a version without its local part; None if PEP 440 does not know how to order it."""
    parsed = _parsed(version)
    return None if parsed is None else _parsed(parsed.public)


def affects(entry: Affected, version: Version) -> bool:
    """Say whether a public version is affected."""
    return any(_parsed(listed) == version for listed in entry.versions) or _in_ranges(entry.ranges, (version, 0))


def unaffected_above(entries: Sequence[Affected], version: Version) -> tuple[Window, ...]:
    """Return the windows above a version in which none of some entries, all of one project, has anything.

    Args:
        entries: of all advisories that are to be got rid of.
        version: public; the windows hold no older one.
    """
    ranges = [each for entry in entries for each in entry.ranges]
    listed = {found for entry in entries for text in entry.versions if (found := _parsed(text)) is not None}
    starts: set[_Point] = {
        (version, 1),
        *(point for point, affected in _turns(ranges) if not affected and point > (version, 1)),
    }
    ends = sorted(point[0] for point, affected in _turns(ranges) if affected)
    windows = []
    # A version that fixes according to one and is listed by another one is stepped over.
    reached: set[_Point] = {(start[0], 1) if start[0] in listed else start for start in starts}
    for start in sorted(reached):
        if _in_ranges(ranges, start):
            continue
        above = next((end for end in ends if end > start[0]), None)
        parts = [f"{'>' if start[1] else '>='}{start[0]}", *([f"<{above}"] if above is not None else [])]
        inside = (one for one in sorted(listed) if one > start[0] and (above is None or one < above))
        windows.append(
            Window(
                specifier=",".join([*parts, *(f"!={one}" for one in inside)]),
                first=str(start[0]),
                inclusive=start[1] == 0,
            )
        )
    return tuple(windows)


def _in_ranges(ranges: Iterable[AffectedRange], point: _Point) -> bool:
    return any(_in_range(each, point) for each in ranges)


def _in_range(each: AffectedRange, point: _Point) -> bool:
    limits = [found for event in each.events if event.kind == "limit" and (found := _at(event)) is not None]
    if limits and not any(point < limit for limit in limits):
        return False
    affected = False
    for turn, on in _turns([each]):
        if turn <= point:
            affected = on
    return affected


def _turns(ranges: Iterable[AffectedRange]) -> Iterator[tuple[_Point, bool]]:
    """Yield, for each range in the order of versions, from where on versions are affected or not."""
    for each in ranges:
        found = [
            (point, event.kind == "introduced")
            for event in each.events
            if event.kind != "limit" and (point := _at(event)) is not None
        ]
        yield from sorted(found, key=lambda turn: turn[0])


def _at(event: Event) -> _Point | None:
    """Return where an event is. Of one that PEP 440 cannot place, the worse is assumed: affected."""
    parsed = None if event.kind == "introduced" and event.version == "0" else _parsed(event.version)
    if parsed is None and event.kind == "introduced":
        parsed = _parsed(_BEFORE_ALL)
    return None if parsed is None else (parsed, 1 if event.kind == "last_affected" else 0)


def _parsed(text: str) -> Version | None:
    from packaging.version import InvalidVersion

    try:
        return parse_version(text)
    except InvalidVersion:
        return None

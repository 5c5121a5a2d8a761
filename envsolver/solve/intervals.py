"""Specifiers as sets of positions in a list of versions that ascends by PEP 440.

Every PEP 440 operator but ``!=`` and ``===`` admits one contiguous run of such a list, so its two ends are found by
bisection instead of asking about each of a thousand versions. What is admitted at the ends is asked of
``packaging`` itself.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

from packaging.version import Version

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from packaging.specifiers import Specifier, SpecifierSet

__all__ = ["Intervals", "complement", "contains", "each", "intersect", "positions", "runs", "size", "union"]

Intervals = tuple[tuple[int, int], ...]
"""Half-open runs ``[low, high)``, ascending, disjoint and not adjacent."""


def positions(versions: Sequence[Version], specifiers: SpecifierSet) -> Intervals:
    """Return where in ``versions`` the specifiers hold, pre-releases included.

    ``versions`` ascend by PEP 440 and are pairwise different.
    """
    admitted: Intervals = ((0, len(versions)),) if versions else ()
    for specifier in specifiers:
        admitted = intersect(admitted, _positions(versions, specifier))
        if not admitted:
            break
    return admitted


def _positions(versions: Sequence[Version], specifier: Specifier) -> Intervals:
    operator = specifier.operator
    if operator == "!=":
        equal = type(specifier)(f"=={specifier.version}")
        return complement(_positions(versions, equal), len(versions))
    if operator == "===":
        return runs(i for i, version in enumerate(versions) if specifier.contains(version, prereleases=True))
    if operator in {">=", ">"}:
        return _run(_first(versions, specifier, 0), len(versions))
    if operator in {"<=", "<"}:
        return _run(0, _first(versions, specifier, 0, holds=False))
    # "==", "==X.*" and "~=" admit nothing below the first development release of what they name.
    base = Version(specifier.version.removesuffix(".*"))
    floor = (
        Version(f"{base.epoch}!{'.'.join(map(str, base.release))}.dev0") if specifier.version.endswith(".*") else base
    )
    low = bisect_left(versions, floor)
    return _run(low, _first(versions, specifier, low, holds=False))


def _first(versions: Sequence[Version], specifier: Specifier, low: int, *, holds: bool = True) -> int:
    """Return the first position from ``low`` on at which the specifier holds (or no longer does)."""
    high = len(versions)
    while low < high:
        middle = (low + high) // 2
        if specifier.contains(versions[middle], prereleases=True) == holds:
            high = middle
        else:
            low = middle + 1
    return low


def _run(low: int, high: int) -> Intervals:
    return ((low, high),) if low < high else ()


def runs(ascending: Iterable[int]) -> Intervals:
    """Return the intervals of an ascending series of positions."""
    found: list[tuple[int, int]] = []
    for position in ascending:
        if found and found[-1][1] == position:
            found[-1] = (found[-1][0], position + 1)
        else:
            found.append((position, position + 1))
    return tuple(found)


def intersect(left: Intervals, right: Intervals) -> Intervals:
    """Return the positions that are in both."""
    result: list[tuple[int, int]] = []
    i = j = 0
    while i < len(left) and j < len(right):
        low, high = max(left[i][0], right[j][0]), min(left[i][1], right[j][1])
        if low < high:
            result.append((low, high))
        if left[i][1] < right[j][1]:
            i += 1
        else:
            j += 1
    return tuple(result)


def union(left: Intervals, right: Intervals) -> Intervals:
    """Return the positions that are in either."""
    result: list[tuple[int, int]] = []
    for low, high in sorted((*left, *right)):
        if result and low <= result[-1][1]:
            result[-1] = (result[-1][0], max(high, result[-1][1]))
        else:
            result.append((low, high))
    return tuple(result)


def complement(intervals: Intervals, length: int) -> Intervals:
    """Return the positions below ``length`` that are not in ``intervals``."""
    result: list[tuple[int, int]] = []
    start = 0
    for low, high in intervals:
        if start < low:
            result.append((start, low))
        start = high
    if start < length:
        result.append((start, length))
    return tuple(result)


def each(intervals: Intervals) -> Iterator[int]:
    """Yield the positions, ascending."""
    for low, high in intervals:
        yield from range(low, high)


def contains(intervals: Intervals, position: int) -> bool:
    """Say whether a position is in them."""
    return any(low <= position < high for low, high in intervals)


def size(intervals: Intervals) -> int:
    """Return how many positions there are."""
    return sum(high - low for low, high in intervals)

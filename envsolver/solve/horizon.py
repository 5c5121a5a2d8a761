"""Implied bounds: what a requirement could know of the versions that came after it.

A requirement without an upper bound does not say that it works with everything that will ever come; it says that nobody
had seen the next release. So of what an edge A → B admits, the versions of B are left out that came long after A:

* in are all versions uploaded up to a horizon (90 days) after A's first file;
* in are later versions of a series of which a final release existed by then, so that fixes still flow. The series is
  the major version; for ``0.x``, where any minor release may break (semver.org, item 4), the minor version; a calendar
  version has none, since its first number says nothing about compatibility (calver.org);
* where nothing that the requirement admits would be left, the bound says nothing.

What the user's own spec requires is never bounded. Projects that publish data, not interfaces, are exempt.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from envsolver.solve.intervals import runs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from packaging.version import Version

    from envsolver.model.candidate import Name, Release
    from envsolver.solve.intervals import Intervals

__all__ = ["DEFAULT_HORIZON", "Bounds", "Series", "series_of", "series_of_releases", "within_horizon"]

DAY = 24 * 3600
DEFAULT_HORIZON = 90 * DAY
"""Seconds. docs/bounds.md has the measurements."""

FIRST_CALENDAR_YEAR = 2000
CALENDAR_YEARS = range(15, 60)
"""A first number of 15 to 59 is read as a year of two digits (22.1.0), if it fits the year of the upload."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Which implied bounds hold.

    Attributes:
        horizon: seconds; None switches all bounds off.
        of_project: a horizon of its own for requirements *on* a project; None switches its bounds off.
        exempt: projects that are never bounded: what they publish is data.
    """

    horizon: int | None = DEFAULT_HORIZON
    of_project: Mapping[Name, int | None] = field(default_factory=dict)
    exempt: frozenset[Name] = frozenset()

    def horizon_for(self, name: Name) -> int | None:
        """Return the horizon for requirements on a project, None if they are not bounded."""
        if name in self.exempt or self.horizon is None:
            return None
        return self.of_project.get(name, self.horizon)


Series = tuple[int, ...]


def series_of(version: Version, uploaded: int) -> Series | None:
    """Return what identifies a version's series of compatible releases, None for a calendar version."""
    first = version.release[0]
    if first >= FIRST_CALENDAR_YEAR or (first in CALENDAR_YEARS and abs(first - _year(uploaded) % 100) <= 1):
        return None
    if first == 0:
        return (version.epoch, 0, version.release[1] if len(version.release) > 1 else 0)
    return (version.epoch, first)


@lru_cache(maxsize=4096)
def _year(seconds: int) -> int:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).year


def series_of_releases(releases: Sequence[Release], versions: Sequence[Version]) -> list[Series | None] | None:
    """Return the series of each release, None if the index does not say of each when it was uploaded."""
    found: list[Series | None] = []
    for release, version in zip(releases, versions, strict=True):
        if release.uploaded is None:
            return None
        found.append(series_of(version, release.uploaded))
    return found


def within_horizon(
    releases: Sequence[Release], versions: Sequence[Version], series: Sequence[Series | None], cutoff: int
) -> Intervals:
    """Return the positions that a requirement could know.

    Args:
        releases: of the required project, ascending, all with a time.
        versions: of the releases, parsed.
        series: of each release.
        cutoff: when the requiring version was uploaded, plus the horizon; seconds since 1970.
    """
    early = [release.uploaded is not None and release.uploaded <= cutoff for release in releases]
    known = {
        of
        for of, version, is_early in zip(series, versions, early, strict=True)
        if is_early and of is not None and not version.is_prerelease
    }
    return runs(position for position, is_early in enumerate(early) if is_early or series[position] in known)

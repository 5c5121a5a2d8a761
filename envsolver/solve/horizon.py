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

from bisect import bisect_right
from dataclasses import field
from functools import lru_cache
from typing import TYPE_CHECKING

from envsolver.model.values import dataclass
from envsolver.solve.intervals import runs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from packaging.version import Version

    from envsolver.model.candidate import Name, Release
    from envsolver.solve.intervals import Intervals
    from envsolver.solve.table import Table

__all__ = ["DEFAULT_HORIZON", "Bounds", "Horizons", "Series", "known_from", "series_of"]

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


def known_from(releases: Sequence[Release], versions: Sequence[Version]) -> list[int] | None:
    """Return for each release the time from which on a requirement could know it; seconds since 1970.

    That is its upload, or for a later fix the first final release of its series.

    Args:
        releases: of a project.
        versions: of the releases, parsed.

    Returns:
        None if the index does not say of each release when it was uploaded.
    """
    dated: list[tuple[int, Series | None]] = []
    begun: dict[Series | None, int] = {}
    for release, version in zip(releases, versions, strict=True):
        uploaded = release.uploaded
        if uploaded is None:
            return None
        series = series_of(version, uploaded)
        dated.append((uploaded, series))
        if series is not None and not version.is_prerelease:
            begun[series] = min(uploaded, begun.get(series, uploaded))
    return [min(uploaded, begun.get(series, uploaded)) for uploaded, series in dated]


class Horizons:
    """What could be known of projects at some moment, each found out once."""

    def __init__(self) -> None:
        self._since: dict[Table, tuple[list[int], list[int]] | None] = {}
        self._known: dict[tuple[Table, int], Intervals] = {}

    def known(self, table: Table, moment: int) -> Intervals | None:
        """Return the positions that could be known; None where the index does not say when what was uploaded.

        Args:
            table: of the project.
            moment: seconds since 1970.
        """
        if table not in self._since:
            since = known_from(table.releases, table.versions)
            self._since[table] = None if since is None else (since, sorted(since))
        dated = self._since[table]
        if dated is None:
            return None
        since, moments = dated
        # Between two uploads every moment knows the same.
        key = (table, bisect_right(moments, moment))
        if key not in self._known:
            self._known[key] = runs(position for position, when in enumerate(since) if when <= moment)
        return self._known[key]

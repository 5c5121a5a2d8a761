"""The table of one project: its versions, which of them can serve the target, and in what order they are preferred."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from enum import Enum
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from envsolver.model.candidate import Shape
from envsolver.model.pep440 import parse_version
from envsolver.solve.intervals import each, intersect, positions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from packaging.version import Version

    from envsolver.model.candidate import File, Name, Page, Release
    from envsolver.model.target import Target
    from envsolver.solve.intervals import Intervals

__all__ = ["RuledOut", "Table"]

_PRE_RELEASE = re.compile(r"(?:a|b|rc|\.dev)\d")
"""In a normalised public version only a pre- or development release has one of these before a digit (PEP 440)."""


class RuledOut(Enum):
    """Why versions can never be chosen, whatever the requirements are; in words that hold for one and for several."""

    NO_FILES = "neither a wheel nor an sdist"
    PYTHON = "Requires-Python excludes {python}"
    SYSTEM = "no sdist, and the wheels for {platform} need a newer {system}"
    INTERPRETER = "no sdist, and no wheel for CPython {minor}"
    PLATFORM = "no sdist, and no wheel for {platform}"
    AS_OF = "uploaded after {as_of}"
    YANKED = "yanked, and nothing pins that version"
    METADATA = "the metadata cannot be used"


NEAREST_MISS = (RuledOut.PYTHON, RuledOut.SYSTEM, RuledOut.INTERPRETER, RuledOut.PLATFORM)
"""Of several reasons the one that tells most comes first."""


class Table:
    """The versions of one project on one index, as the solver needs them.

    A *position* is the place of a version in the ascending list; a *rank* its place in the order of preference, higher
    being better: yanked versions stand below pre-releases, those below finals, within each class by version, and a
    version to be kept above all. Ranks never change during a solve, so that records that stand for them can be kept;
    only which positions are *enabled* grows: by yanked versions that a requirement pins (PEP 592), by pre-releases that
    one asks for, and by all pre-releases where no finals will do (PEP 440).
    """

    def __init__(
        self,
        page: Page,
        target: Target,
        *,
        as_of: int | None = None,
        prefer: str | None = None,
        pre_releases: bool = False,
        lowest: bool = False,
        behind: Callable[[str], bool] | None = None,
    ) -> None:
        """Judge every release of ``page`` for ``target``.

        Args:
            page: the project's releases on its index.
            target: platform and interpreter.
            as_of: seconds since 1970; files uploaded at or after it are ignored. Files without a time are not.
            prefer: a version to rank above all others.
            pre_releases: whether the user's own requirement opts in to pre-releases.
            lowest: prefer the lowest version, not the newest.
            behind: says which versions come after all others, whatever their numbers.

        """
        self.page = page
        self.target = target
        self.name: Name = page.name
        self.releases = page.releases
        self._as_of = as_of
        self._intervals: dict[str, Intervals] = {}
        self._specifications: dict[Intervals, str | None] = {}
        self._judge = judge_for(target)
        self._judged = [self._judge(shape.tags, shape.requires_python) for shape in page.shapes]
        self.ruled_out: dict[int, RuledOut] = {}
        self.enabled: set[int] = set()
        self._yanked: set[int] = set()
        self._held: set[int] = set()
        """Pre-releases that nothing has let in so far."""
        # Most releases of a project have the files of their neighbours.
        verdicts: dict[tuple[int, ...], tuple[RuledOut | None, bool]] = {}
        for position, release in enumerate(page.releases):
            if as_of is not None or release.shapes not in verdicts:
                verdicts[release.shapes] = self._judge_release(release)
            self._admit(position, *verdicts[release.shapes])
        if not pre_releases:
            self._hold_pre_releases(prefer)
        self.rank_of = self._ranks(prefer, pre_releases=pre_releases, lowest=lowest, behind=behind)
        self.position_of = {rank: position for position, rank in enumerate(self.rank_of)}

    def _admit(self, position: int, reason: RuledOut | None, yanked: bool) -> None:
        if reason is not None:
            self.ruled_out[position] = reason
        elif yanked:
            self.ruled_out[position] = RuledOut.YANKED
            self._yanked.add(position)
        else:
            self.enabled.add(position)

    def _hold_pre_releases(self, prefer: str | None) -> None:
        early = {p for p in self.enabled if _is_pre_release(self.version(p))}
        if early != self.enabled:
            self._held = {position for position in early if self.version(position) != prefer}
            self.enabled -= self._held

    def _judge_release(self, release: Release) -> tuple[RuledOut | None, bool]:
        """Return why no file of the release can serve, or whether all that can are yanked."""
        shapes = release.shapes
        if self._as_of is not None:
            if release.uploaded is not None and release.uploaded >= self._as_of:
                return RuledOut.AS_OF, False
            shapes = self._shapes_as_of(release)
        judged = [self._judged[shape] for shape in shapes]
        usable = [shape for shape, why in zip(shapes, judged, strict=True) if why is None]
        if usable:
            return None, all(self.page.shapes[shape].yanked for shape in usable)
        if not judged:
            return RuledOut.NO_FILES if not release.shapes else RuledOut.AS_OF, False
        return next(reason for reason in NEAREST_MISS if reason in judged), False

    def _shapes_as_of(self, release: Release) -> tuple[int, ...]:
        index = {shape: i for i, shape in enumerate(self.page.shapes)}
        files = self._existing(release.version)
        return tuple(sorted({index[_shape(file)] for file in files}))

    def _existing(self, version: str) -> list[File]:
        return [
            file
            for file in self.page.files(version)
            if self._as_of is None or file.uploaded is None or file.uploaded < self._as_of
        ]

    def _ranks(
        self, prefer: str | None, *, pre_releases: bool, lowest: bool, behind: Callable[[str], bool] | None
    ) -> list[int]:
        def preference(position: int) -> tuple[bool, bool, bool, bool, int]:
            version = self.releases[position].version
            final = pre_releases or not _is_pre_release(version)
            ahead = behind is None or not behind(version)
            return ahead, version == prefer, position not in self._yanked, final, -position if lowest else position

        order = sorted(range(len(self.releases)), key=preference)
        ranks = [0] * len(order)
        for rank, position in enumerate(order, start=1):
            ranks[position] = rank
        return ranks

    @cached_property
    def versions(self) -> list[Version]:
        """The versions, ascending."""
        return [parse_version(release.version) for release in self.releases]

    def positions(self, specifier: SpecifierSet) -> Intervals:
        """Return where the specifier holds, pre-releases included, ruled-out versions too."""
        key = str(specifier)
        found = self._intervals.get(key)
        if found is None:
            found = self._intervals[key] = positions(self.versions, specifier)
        return found

    def enable_for(self, specifier: SpecifierSet) -> bool:
        """Let in what a requirement asks for by name; say whether anything came.

        That is yanked versions that it pins with ``==`` or ``===`` (PEP 592), and pre-releases if it names one or no
        final meets it (PEP 440).
        """
        fresh: set[int] = set()
        waiting = {position for position in self._yanked if self.ruled_out.get(position) is RuledOut.YANKED}
        if waiting and any(
            part.operator == "===" or (part.operator == "==" and not part.version.endswith(".*")) for part in specifier
        ):
            fresh |= waiting & set(each(self.positions(specifier)))
            for position in fresh:
                del self.ruled_out[position]
        if self._held:
            meeting = set(each(self.positions(specifier)))
            if specifier.prereleases or meeting.isdisjoint(self.enabled):
                fresh |= self._held & meeting
        self._held -= fresh
        self.enabled |= fresh
        return bool(fresh)

    def enable_pre_releases(self) -> bool:
        """Let in all pre-releases; say whether any came."""
        fresh, self._held = self._held, set()
        self.enabled |= fresh
        return bool(fresh)

    def rule_out(self, position: int) -> None:
        """Take out a version whose metadata turned out to be unusable."""
        self.enabled.discard(position)
        self.ruled_out[position] = RuledOut.METADATA

    def specification(self, intervals: Intervals) -> str | None:
        """Return a conda version spec over ranks for the versions within ``intervals``: ``*`` for all, None for none.

        It speaks of all versions, enabled or not, so that it stays the same when more become enabled.
        """
        if intervals not in self._specifications:
            ranks = sorted(self.rank_of[position] for position in each(intervals))
            runs: list[tuple[int, int]] = []
            for rank in ranks:
                if runs and rank == runs[-1][1] + 1:
                    runs[-1] = (runs[-1][0], rank)
                else:
                    runs.append((rank, rank))
            text = "|".join(f"=={low}" if low == high else f">={low},<={high}" for low, high in runs)
            self._specifications[intervals] = "*" if len(ranks) == len(self.releases) else text or None
        return self._specifications[intervals]

    def best(self, intervals: Intervals) -> int | None:
        """Return the enabled position of the highest rank within ``intervals``, or None."""
        inside = [position for position in each(intervals) if position in self.enabled]
        return max(inside, key=self.rank_of.__getitem__, default=None)

    def descending(self) -> list[int]:
        """Return the enabled positions, best first."""
        return sorted(self.enabled, key=self.rank_of.__getitem__, reverse=True)

    def file(self, position: int) -> File:
        """Return the file that serves the target best: the best wheel by tags, then build number; else an sdist.

        Files that are not yanked go before those that are.
        """
        choices = [
            (file.yanked is not None, *_file_preference(file, tags, self.target), file.filename, file)
            for file in self._existing(self.releases[position].version)
            if self._judge(tags := file.tags, file.requires_python or "") is None
        ]
        return min(choices, key=lambda choice: choice[:-1])[-1]

    def version(self, position: int) -> str:
        """Return the version at a position."""
        return self.releases[position].version

    def reasons(self, intervals: Intervals) -> list[tuple[RuledOut, list[str]]]:
        """Return why versions within ``intervals`` are ruled out: reason → versions, most frequent first."""
        groups: dict[RuledOut, list[str]] = {}
        for position in each(intervals):
            if position in self.ruled_out:
                groups.setdefault(self.ruled_out[position], []).append(self.version(position))
        counts = Counter({reason: len(versions) for reason, versions in groups.items()})
        return [(reason, groups[reason]) for reason, _ in sorted(counts.items(), key=lambda c: (-c[1], c[0].name))]

    def narrowed(self, specifiers: Iterable[SpecifierSet]) -> Intervals:
        """Return where all the specifiers hold."""
        admitted: Intervals = ((0, len(self.releases)),) if self.releases else ()
        for specifier in specifiers:
            admitted = intersect(admitted, self.positions(specifier))
        return admitted


def _is_pre_release(version: str) -> bool:
    return _PRE_RELEASE.search(version.partition("+")[0]) is not None


def _shape(file: File) -> Shape:
    return Shape(file.kind, file.tags, file.requires_python or "", file.yanked is not None)


class Judge:
    """Says of files whether they can serve one target. Projects have much the same files, so verdicts are kept."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._newest = replace(target, glibc="2.99", macos="99.0")
        self._platforms = frozenset(tag.rpartition("-")[2] for tag in target.tag_ranks)
        self._verdicts: dict[tuple[str, str], RuledOut | None] = {}

    def __call__(self, tags: str, requires_python: str) -> RuledOut | None:
        """Return why a wheel with a compressed tag set, or without tags an sdist, cannot serve; None if it can."""
        key = (tags, requires_python)
        if key not in self._verdicts:
            self._verdicts[key] = self._judge(tags, requires_python)
        return self._verdicts[key]

    def _judge(self, tags: str, requires_python: str) -> RuledOut | None:
        if tags and self._target.wheel_rank(tags) is None:
            return self._miss(tags)
        if requires_python and not python_admitted(requires_python, self._target.python):
            return RuledOut.PYTHON
        return None

    def _miss(self, tags: str) -> RuledOut:
        """Say what keeps a wheel from the target."""
        if self._newest.wheel_rank(tags) is not None:
            return RuledOut.SYSTEM
        platforms = tags.rpartition("-")[2].split(".")
        return RuledOut.PLATFORM if self._platforms.isdisjoint(platforms) else RuledOut.INTERPRETER


judge_for = lru_cache(maxsize=32)(Judge)


@lru_cache(maxsize=4096)
def python_admitted(requires_python: str, python: str) -> bool:
    """Say whether a ``Requires-Python`` admits an interpreter. One that cannot be parsed says nothing, as for pip."""
    try:
        specifiers = SpecifierSet(requires_python)
    except InvalidSpecifier:
        return True
    return specifiers.contains(python, prereleases=True)


def _file_preference(file: File, tags: str, target: Target) -> tuple[int, int, tuple[int, str]]:
    if file.kind == "sdist":
        # After every wheel; PEP 625 names .tar.gz as the format, .zip is legacy.
        return (len(target.tag_ranks), 0 if file.filename.endswith(".tar.gz") else 1, (0, ""))
    rank = target.wheel_rank(tags)
    number, text = _build_tag(file.filename)
    return (len(target.tag_ranks) if rank is None else rank, 0, (-number, text))


def _build_tag(filename: str) -> tuple[int, str]:
    """Return the build tag of a wheel, ``(0, "")`` where it has none. A higher number is newer (PEP 427)."""
    parts = filename.removesuffix(".whl").split("-")
    if len(parts) != 6:
        return (0, "")
    digits = re.match(r"\d+", parts[2])
    return (int(digits[0]), parts[2][digits.end() :]) if digits else (0, "")

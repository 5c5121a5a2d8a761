"""Implied bounds on generated problems: as few as possible give way, and nothing else changes."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass, replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.version import Version

from envsolver.model.candidate import Release, normalize_name
from envsolver.model.errors import NoSolutionError
from envsolver.solve.horizon import DAY, Bounds, known_from, series_of
from envsolver.solve.resolve import resolve
from tests.support.memory import MemorySource, problem

NAMES = ["a", "b", "c"]
VERSIONS = ["1.0", "2.0", "3.0"]
YEAR = 365 * DAY


@dataclass(frozen=True)
class Dated:
    """(name, version) → requirement texts; and when each version was uploaded."""

    declared: dict[tuple[str, str], tuple[str, ...]]
    uploaded: dict[tuple[str, str], int]
    roots: tuple[str, ...]

    def source(self) -> MemorySource:
        source = MemorySource()
        for (name, version), requires in self.declared.items():
            source.add(name, version, requires, uploaded=self.uploaded[name, version])
        return source


@st.composite
def universes(draw: st.DrawFn) -> Dated:
    declared, uploaded = {}, {}
    for name in NAMES:
        others = [other for other in NAMES if other != name]
        for version in draw(st.sets(st.sampled_from(VERSIONS), min_size=1)):
            texts = st.builds(
                lambda other, operator, at: other + (f"{operator}{at}" if operator else ""),
                st.sampled_from(others),
                st.sampled_from(["", "", ">=", "<=", "=="]),
                st.sampled_from(VERSIONS),
            )
            declared[name, version] = tuple(draw(st.lists(texts, max_size=2, unique_by=lambda t: t[0])))
            uploaded[name, version] = draw(st.integers(0, 3)) * YEAR
    roots = tuple(draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=2, unique=True)))
    return Dated(declared, uploaded, roots)


def bounded_edges(universe: Dated, choice: dict[str, str]) -> frozenset[tuple[str, str]] | None:
    """Return the edges (requirer, required) whose bound a choice breaks; None if it is no solution."""
    reached: set[str] = set()
    queue = list(universe.roots)
    broken = set()
    while queue:
        name = queue.pop()
        if name in reached:
            continue
        reached.add(name)
        if name not in choice:
            return None
        for text in universe.declared[name, choice[name]]:
            requirement = Requirement(text)
            other = requirement.name
            if other not in choice or not requirement.specifier.contains(choice[other]):
                return None
            queue.append(other)
            if beyond(universe, name, choice[name], requirement, choice[other]):
                broken.add((name, other))
    return frozenset(broken) if reached == set(choice) else None


def beyond(universe: Dated, requirer: str, version: str, requirement: Requirement, chosen: str) -> bool:
    """Say whether the bound of a requirement leaves out the version chosen, by the words of its documentation."""
    cutoff = universe.uploaded[requirer, version] + 90 * DAY
    times = {v: t for (n, v), t in universe.uploaded.items() if n == requirement.name}
    known_series = {Version(v).major for v, t in times.items() if t <= cutoff}
    known = {v for v, t in times.items() if t <= cutoff or Version(v).major in known_series}
    admitted = {v for v in times if requirement.specifier.contains(v)}
    return bool(known & admitted) and chosen not in known


def choices(universe: Dated) -> list[dict[str, str]]:
    versions = {name: [None, *(v for n, v in universe.declared if n == name)] for name in NAMES}
    found = []
    for combination in itertools.product(*(versions[name] for name in NAMES)):
        chosen = dict(zip(NAMES, combination, strict=True))
        found.append({name: version for name, version in chosen.items() if version is not None})
    return found


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(universes())
def test_the_fewest_bounds_give_way(universe: Dated) -> None:
    broken = [edges for choice in choices(universe) if (edges := bounded_edges(universe, choice)) is not None]
    question = replace(problem(*universe.roots), bounds=Bounds())
    try:
        resolution = asyncio.run(resolve(question, universe.source()))
    except NoSolutionError:
        assert not broken
        return
    chosen = {str(package.name): package.version for package in resolution.packages}
    of_solution = bounded_edges(universe, chosen)
    assert of_solution is not None
    assert len(of_solution) == min(map(len, broken))


@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(universes())
def test_without_bounds_nothing_is_held_back(universe: Dated) -> None:
    """Switched off, or without upload times, the answer is that of the plain problem."""

    def answer(question_bounds: Bounds, *, dated: bool) -> dict[str, str] | None:
        source = MemorySource()
        for (name, version), requires in universe.declared.items():
            source.add(name, version, requires, uploaded=universe.uploaded[name, version] if dated else None)
        try:
            resolution = asyncio.run(resolve(replace(problem(*universe.roots), bounds=question_bounds), source))
        except NoSolutionError:
            return None
        return {package.name: package.version for package in resolution.packages}

    off = answer(Bounds(horizon=None), dated=True)
    assert answer(Bounds(), dated=False) == off
    assert answer(Bounds(exempt=frozenset(map(normalize_name, NAMES))), dated=True) == off
    assert answer(Bounds(horizon=100 * YEAR), dated=True) == off


@given(
    st.lists(st.tuples(st.sampled_from(["0.1", "0.2", "1.0", "1.1", "2.0rc1", "2.0"]), st.integers(0, 5))),
    st.integers(0, 5),
)
def test_a_requirement_knows_what_was_there_and_later_fixes(dated: list[tuple[str, int]], year: int) -> None:
    versions = sorted({Version(text) for text, _ in dated})
    times = {Version(text): at * YEAR for text, at in dated}
    releases = [Release(str(version), (0,), times[version]) for version in versions]
    early = {version for version in versions if times[version] <= year * YEAR}
    begun = {series_of(version, times[version]) for version in early if not version.is_prerelease} - {None}
    since = known_from(releases, versions)
    assert since is not None
    for version, when in zip(versions, since, strict=True):
        assert (when <= year * YEAR) == (version in early or series_of(version, times[version]) in begun)

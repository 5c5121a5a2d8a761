"""Specifiers as intervals, and as records asked through rattler: both must say what PEP 440 says."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

from envsolver.model.candidate import Name, Page, Release, Shape
from envsolver.model.target import Target
from envsolver.solve.intervals import complement, each, intersect, positions, size, union
from envsolver.solve.sat import Needs, Records, Sat
from envsolver.solve.table import Table

if TYPE_CHECKING:
    from envsolver.solve.intervals import Intervals

numbers = st.integers(0, 3).map(str)


@st.composite
def version_texts(draw: st.DrawFn, *, local: bool = True) -> str:
    text = draw(st.sampled_from(["", "", "", "1!"]))
    text += ".".join(draw(st.lists(numbers, min_size=1, max_size=3)))
    if draw(st.booleans()):
        text += draw(st.sampled_from(["a", "b", "rc"])) + draw(numbers)
    if draw(st.integers(0, 3)) == 0:
        text += ".post" + draw(numbers)
    if draw(st.integers(0, 3)) == 0:
        text += ".dev" + draw(numbers)
    if local and draw(st.integers(0, 2)) == 0:
        text += "+" + draw(st.sampled_from(["cu116", "cu117", "cpu", "1", "2.1"]))
    return text


@st.composite
def specifier_sets(draw: st.DrawFn) -> SpecifierSet:
    parts = []
    for _ in range(draw(st.integers(0, 3))):
        operator = draw(st.sampled_from(["==", "!=", ">=", "<=", ">", "<", "~=", "===", "==*", "!=*"]))
        version = draw(version_texts(local=operator in {"==", "!=", "==="}))
        part = f"{operator[:2]}{version}.*" if operator.endswith("*") else f"{operator}{version}"
        try:
            SpecifierSet(part)
        except InvalidSpecifier:  # such as ~=1 or a wildcard behind a pre-release
            continue
        parts.append(part)
    return SpecifierSet(",".join(parts))


ascending = st.lists(version_texts(), min_size=1, max_size=12).map(lambda texts: sorted({Version(t) for t in texts}))


@given(ascending, specifier_sets())
def test_positions_are_what_pep_440_admits(versions: list[Version], specifiers: SpecifierSet) -> None:
    expected = [i for i, version in enumerate(versions) if specifiers.contains(version, prereleases=True)]
    assert list(each(positions(versions, specifiers))) == expected


def _page(versions: list[Version]) -> Page:
    return Page(
        name=Name("x"),
        index="default",
        shapes=(Shape("wheel", "py3-none-any", "", yanked=False),),
        releases=tuple(Release(str(version), (0,), None) for version in versions),
    )


@settings(max_examples=60)
@given(ascending, specifier_sets(), st.booleans(), st.integers(0, 11))
def test_rattler_accepts_the_records_that_pep_440_admits(
    versions: list[Version], specifiers: SpecifierSet, opt_in: bool, preferred: int
) -> None:
    """Each record is offered alone: rattler takes it exactly when ``SpecifierSet.contains`` does."""
    prefer = str(versions[preferred % len(versions)])
    table = Table(_page(versions), Target(platform="linux-64", python="3.9.18"), pre_releases=opt_in, prefer=prefer)
    text = table.specification(table.positions(specifiers))
    accepted = []
    for position, version in enumerate(versions):
        sat = Sat()
        sat.put(Records("x", {table.rank_of[position]: Needs()}))
        if asyncio.run(sat.solve([f"x {text or '<0'}"])) is not None:
            accepted.append(version)
    assert accepted == [version for version in versions if specifiers.contains(version, prereleases=True)]


@given(ascending, st.booleans())
def test_rank_orders_finals_by_version_above_pre_releases(versions: list[Version], opt_in: bool) -> None:
    table = Table(_page(versions), Target(platform="linux-64", python="3.9.18"), pre_releases=opt_in)
    by_rank = [versions[position] for _, position in sorted(table.position_of.items())]
    expected = sorted(versions, key=lambda version: (opt_in or not version.is_prerelease, version))
    assert by_rank == expected


runs = st.sets(st.integers(0, 15)).map(
    lambda chosen: positions_of(sorted(chosen)),
)


def positions_of(chosen: list[int]) -> Intervals:
    result: Intervals = ()
    for position in chosen:
        result = union(result, ((position, position + 1),))
    return result


@given(runs, runs)
def test_intervals_are_a_set_algebra(left: Intervals, right: Intervals) -> None:
    a, b = set(each(left)), set(each(right))
    assert set(each(intersect(left, right))) == a & b
    assert set(each(union(left, right))) == a | b
    assert set(each(complement(left, 16))) == set(range(16)) - a
    assert size(left) == len(a)
    # One form for one set: ascending, disjoint, not adjacent.
    for intervals in (intersect(left, right), union(left, right), complement(left, 16)):
        assert all(high < low for (_, high), (low, _) in itertools.pairwise(intervals))
        assert all(low < high for low, high in intervals)

"""Ranges of advisories against a reference that walks over all versions there are."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envsolver.catalog.ranges import affects, unaffected_above
from envsolver.model.advisory import Affected, AffectedRange, Event
from envsolver.model.candidate import Name

WORLD = [f"{number}.0" for number in range(1, 13)]
places = st.integers(0, len(WORLD) - 1)


@st.composite
def ranges(draw: st.DrawFn) -> AffectedRange:
    """A range whose events alternate, as the format has them, but in any order of writing."""
    turns = sorted(draw(st.sets(places, min_size=1, max_size=6)))
    events: list[Event] = []
    for number, place in enumerate(turns):
        if number % 2 == 0:
            events.append(Event("introduced", "0" if number == 0 and draw(st.booleans()) else WORLD[place]))
        else:
            events.append(Event(draw(st.sampled_from(("fixed", "last_affected"))), WORLD[place]))
    return AffectedRange(tuple(draw(st.permutations(events))))


entries = st.builds(
    Affected,
    project=st.just(Name("lib")),
    ranges=st.lists(ranges(), max_size=3).map(tuple),
    versions=st.lists(places.map(WORLD.__getitem__), max_size=3, unique=True).map(tuple),
)


def told(entry: Affected) -> set[str]:
    """The versions of the world that an entry is about: from each event to the next, switched on or off."""
    found = set(entry.versions)
    for each in entry.ranges:
        on = any(event.version == "0" for event in each.events)
        for version in WORLD:
            here = [event.kind for event in each.events if event.version == version]
            if "introduced" in here:
                on = True
            if "fixed" in here:
                on = False
            if on:
                found.add(version)
            if "last_affected" in here:
                on = False
    return found


@given(entries)
def test_a_version_is_affected_as_the_reference_says(entry: Affected) -> None:
    assert {version for version in WORLD if affects(entry, Version(version))} == told(entry)


@settings(max_examples=60)
@given(st.lists(entries, min_size=1, max_size=3), places)
def test_the_windows_above_hold_all_that_is_not_affected_and_nothing_else(some: list[Affected], place: int) -> None:
    bad = set().union(*map(told, some))
    windows = unaffected_above(some, Version(WORLD[place]))
    found = {version for window in windows for version in SpecifierSet(window.specifier).filter(WORLD)}
    assert found == {version for version in WORLD[place + 1 :] if version not in bad}


@settings(max_examples=60)
@given(st.lists(entries, min_size=1, max_size=3), places)
def test_the_nearest_window_comes_first(some: list[Affected], place: int) -> None:
    windows = unaffected_above(some, Version(WORLD[place]))
    firsts = [(Version(window.first), not window.inclusive) for window in windows]
    assert firsts == sorted(firsts)

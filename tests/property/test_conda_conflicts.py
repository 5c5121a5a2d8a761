"""Small generated channels: what is told of a conflict among packages of conda is a conflict, and a minimal one."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet

from envsolver.model.origin import Origin
from envsolver.model.spec import CondaSpec, SpecRequirement
from envsolver.solve.conda import CondaNeeds, CondaWorld, open_conda
from envsolver.solve.condaexplain import explain_conda
from envsolver.solve.condalinks import Reachable, minimal_links
from tests.support.memory import requirements
from tests.support.records import MemoryRecords

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from envsolver.solve.condalinks import Link

NAMES = ["a", "b", "c", "d"]
VERSIONS = ["1.0", "2.0"]
GLIBC = "2.31"


@dataclass(frozen=True)
class Channel:
    """(name, version) → what it requires and what it constrains: (name, specifier)."""

    depends: Mapping[tuple[str, str], tuple[tuple[str, str], ...]]
    constrains: Mapping[tuple[str, str], tuple[tuple[str, str], ...]]
    asked: tuple[tuple[str, str], ...]

    def world(self) -> CondaWorld:
        records = MemoryRecords()
        records.add("python", "3.9.1")
        for (name, version), required in self.depends.items():
            constrained = self.constrains.get((name, version), ())
            records.add(name, version, [_text(*one) for one in required], [_text(*one) for one in constrained])
        spec = CondaSpec(requirements=requirements([_text(*one) for one in self.asked], first_line=1), channels=())
        python = SpecRequirement(text="python 3.9.*", origin=Origin("x"))
        virtual = {"__glibc": (GLIBC, "0")}
        return CondaWorld(CondaNeeds(spec=spec, python=python, records=records, virtual=virtual))

    def holds(self, chosen: Mapping[str, str], links: Collection[Link] | None) -> bool:
        def counts(name: str, required: str, kind: str) -> bool:
            return links is None or (name, required, kind) in links

        def met(required: str, specifier: str) -> bool:
            there = GLIBC if required == "__glibc" else chosen.get(required)
            return there is not None and SpecifierSet(specifier).contains(there)

        return all(met(*one) for one in self.asked) and all(
            all(met(*one) for one in self.depends[package] if counts(package[0], one[0], "depends"))
            and all(
                one[0] not in chosen or met(*one)
                for one in self.constrains.get(package, ())
                if counts(package[0], one[0], "constrains")
            )
            for package in chosen.items()
        )

    def solvable(self, links: Collection[Link] | None = None) -> bool:
        choices = [[None, *(v for one, v in self.depends if one == name)] for name in NAMES]
        return any(
            self.holds({name: v for name, v in zip(NAMES, picked, strict=True) if v}, links)
            for picked in itertools.product(*choices)
        )


def _text(name: str, specifier: str) -> str:
    return f"{name} {specifier or '*'}"


specifiers = st.sampled_from(["", "==1.0", ">=2.0", "<2.0", ">=3.0"])


def required(names: list[str], most: int) -> st.SearchStrategy[tuple[tuple[str, str], ...]]:
    return st.lists(st.tuples(st.sampled_from(names), specifiers), max_size=most, unique_by=lambda one: one[0]).map(
        tuple
    )


@st.composite
def channels(draw: st.DrawFn) -> Channel:
    """Draw channels in which packages may require each other in a circle."""
    packages = [(name, version) for name in NAMES for version in draw(st.sets(st.sampled_from(VERSIONS), min_size=1))]
    others = {name: [other for other in NAMES if other != name] for name in NAMES}
    return Channel(
        depends={one: draw(required([*others[one[0]], "__glibc"], 3)) for one in sorted(packages)},
        constrains={one: draw(required(others[one[0]], 1)) for one in sorted(packages)},
        asked=draw(required(NAMES, 3).filter(bool)),
    )


async def links_of(world: CondaWorld) -> list[Link]:
    await open_conda(world)
    return await minimal_links(Reachable(world, [text for _, text in world.requirements()]))


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(channels())
def test_what_is_told_is_a_minimal_conflict(channel: Channel) -> None:
    # Constraints on what the nodes have bind nobody in rattler, and what is asked for in no version is told elsewhere.
    links = asyncio.run(links_of(channel.world()))
    if channel.solvable() or not channel.solvable(()):
        assert links == []
        return
    assert not channel.solvable(links)
    for left_out in links:
        assert channel.solvable([link for link in links if link != left_out])


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(channels())
def test_the_words_are_the_same_each_time_and_there_are_some(channel: Channel) -> None:
    assume(not channel.solvable())
    told = []
    for _ in range(2):
        world = channel.world()
        asyncio.run(open_conda(world))
        told.append(asyncio.run(explain_conda(world, [text for _, text in world.requirements()])))
    assert told[0] == told[1]
    assert bool(told[0]) or not channel.solvable(())

"""Small generated problems of conda and pip together: the solver against brute force, no project twice."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet

from envsolver.model.candidate import is_conda
from envsolver.model.errors import NoSolutionError
from envsolver.model.origin import Origin
from envsolver.model.spec import CondaSpec, SpecRequirement
from envsolver.solve.conda import CondaNeeds
from envsolver.solve.resolve import resolve
from tests.support.memory import MemorySource, problem, requirements
from tests.support.records import MemoryRecords

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
PROJECTS = ["a", "b", "c"]
"""Names that both worlds have."""
TOOLS = ["x", "y"]
"""Names that conda alone has, without Python."""
VERSIONS = ["1.0", "2.0"]


@dataclass(frozen=True)
class Universe:
    """(name, version) → what it requires: (name, specifier)."""

    conda: Mapping[tuple[str, str], tuple[tuple[str, str], ...]]
    wheels: Mapping[tuple[str, str], tuple[tuple[str, str], ...]]
    conda_roots: tuple[tuple[str, str], ...]
    pip_roots: tuple[tuple[str, str], ...]
    prefer: str

    def solve(self) -> dict[str, str] | None:
        source, records = MemorySource(), MemoryRecords()
        records.add("python", "3.9.1", [])
        for (name, version), required in self.conda.items():
            python = ["python"] if name in PROJECTS else []
            records.add(name, version, [*python, *(f"{other} {spec or '*'}" for other, spec in required)])
        for (name, version), required in self.wheels.items():
            source.add(name, version, [f"{other}{spec}" for other, spec in required])
        needs = CondaNeeds(
            spec=CondaSpec(
                requirements=requirements([f"{name} {spec or '*'}" for name, spec in self.conda_roots], first_line=80),
                channels=(),
                prefer={"*": "conda" if self.prefer == "conda" else "pip"},
            ),
            python=SpecRequirement(text="python 3.9.*", origin=Origin("x")),
            records=records,
            virtual={},
        )
        asked = replace(problem(*(f"{name}{spec}" for name, spec in self.pip_roots)), conda=needs)
        try:
            resolution = asyncio.run(resolve(asked, source))
        except NoSolutionError as error:
            # What cannot be had at all has a message of its own; any other names its members.
            assert error.conflict or "no " in str(error)  # noqa: PT017 -- the message is the outcome
            return None
        found: dict[str, str] = {}
        for package in resolution.packages:
            assert package.name not in found
            found[package.name] = package.version
        return found

    def holds(self, conda: Mapping[str, str], wheels: Mapping[str, str]) -> bool:
        if set(conda) & set(wheels):
            return False
        both = {**{name: version for name, version in conda.items() if name in PROJECTS}, **wheels}
        asked = [
            *((conda, one) for one in self.conda_roots),
            *((both, one) for one in self.pip_roots),
            *((conda, one) for name, version in conda.items() for one in self.conda[name, version]),
            *((both, one) for name, version in wheels.items() for one in self.wheels[name, version]),
        ]
        return all(name in there and SpecifierSet(spec).contains(there[name]) for there, (name, spec) in asked)

    def brute_force(self) -> bool:
        def choices(declared: Mapping[tuple[str, str], object], names: Sequence[str]) -> list[list[str | None]]:
            return [[None, *(version for one, version in declared if one == name)] for name in names]

        names = [*PROJECTS, *TOOLS]
        for of_conda in itertools.product(*choices(self.conda, names)):
            conda = {name: version for name, version in zip(names, of_conda, strict=True) if version}
            for of_pip in itertools.product(*choices(self.wheels, PROJECTS)):
                wheels = {name: version for name, version in zip(PROJECTS, of_pip, strict=True) if version}
                if self.holds(conda, wheels):
                    return True
        return False


specifiers = st.sampled_from(["", "", "==1.0", ">=2.0", "<2.0"])


def required(names: list[str], most: int) -> st.SearchStrategy[tuple[tuple[str, str], ...]]:
    return st.lists(st.tuples(st.sampled_from(names), specifiers), max_size=most, unique_by=lambda one: one[0]).map(
        tuple
    )


@st.composite
def universes(draw: st.DrawFn) -> Universe:
    conda = {
        (name, version): draw(required([other for other in [*PROJECTS, *TOOLS] if other != name], 2))
        for name in [*PROJECTS, *TOOLS]
        for version in draw(st.sets(st.sampled_from(VERSIONS), min_size=1))
    }
    wheels = {
        (name, version): draw(required([other for other in PROJECTS if other != name], 2))
        for name in PROJECTS
        for version in draw(st.sets(st.sampled_from(VERSIONS)))
    }
    return Universe(
        conda=dict(sorted(conda.items())),
        wheels=dict(sorted(wheels.items())),
        conda_roots=draw(required([*PROJECTS, *TOOLS], 2)),
        pip_roots=draw(required(PROJECTS, 2)),
        prefer=draw(st.sampled_from(["conda", "pip"])),
    )


@settings(max_examples=120, suppress_health_check=[HealthCheck.too_slow])
@given(universes())
def test_a_solution_is_found_where_there_is_one_and_it_is_one(universe: Universe) -> None:
    found = universe.solve()
    assert (found is not None) == universe.brute_force()
    if found is not None:
        conda = {name.removeprefix("conda:"): version for name, version in found.items() if is_conda(name)}
        assert conda.pop("python") == "3.9.1"
        assert universe.holds(conda, {name: version for name, version in found.items() if not is_conda(name)})


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(universes())
def test_the_answer_is_the_same_each_time(universe: Universe) -> None:
    assert universe.solve() == universe.solve()

"""Small generated problems: the solver against brute force over every choice of versions."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.version import Version

from envsolver.model.errors import NoSolutionError
from envsolver.model.ports import NullProgress
from envsolver.solve.conflict import minimal_conflict
from envsolver.solve.refine import Refinement
from envsolver.solve.resolve import resolve
from tests.support.memory import MemorySource, problem

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

NAMES = ["a", "b", "c", "d"]
VERSIONS = ["1", "2", "3"]


@dataclass(frozen=True)
class Universe:
    """(name, version) → requirement texts."""

    declared: dict[tuple[str, str], tuple[str, ...]]
    roots: tuple[str, ...]
    constraints: tuple[str, ...]

    def source(self, delays: random.Random | None = None) -> MemorySource:
        source = MemorySource(delays=delays)
        for (name, version), requires in self.declared.items():
            source.add(name, version, requires)
        return source


@st.composite
def requirement_texts(draw: st.DrawFn, names: list[str]) -> str:
    name = draw(st.sampled_from(names))
    extra = draw(st.sampled_from(["", "", "", "[x]"]))
    version = draw(st.sampled_from(VERSIONS))
    return name + extra + draw(st.sampled_from(["", f"=={version}", f">={version}", f"<={version}", f"!={version}"]))


@st.composite
def universes(draw: st.DrawFn) -> Universe:
    declared = {}
    for name in NAMES:
        for version in draw(st.sets(st.sampled_from(VERSIONS), min_size=1)):
            others = [other for other in NAMES if other != name]
            requires = draw(st.lists(requirement_texts(others), max_size=2))
            for_extra = draw(st.lists(requirement_texts(others), max_size=1))
            declared[name, version] = (*requires, *(f"{text}; extra == 'x'" for text in for_extra))
    roots = tuple(draw(st.lists(requirement_texts(NAMES), min_size=1, max_size=3)))
    constraints = tuple(draw(st.lists(requirement_texts(NAMES).filter(lambda t: "[" not in t), max_size=1)))
    return Universe(declared, roots, constraints)


Choice = dict[str, str]


def requires(universe: Universe, name: str, version: str, extras: frozenset[str]) -> list[Requirement]:
    found = []
    for text in universe.declared[name, version]:
        requirement = Requirement(text)
        active = requirement.marker is None or any(requirement.marker.evaluate({"extra": e}) for e in extras)
        if active:
            found.append(requirement)
    return found


def closure(universe: Universe, choice: Choice) -> Choice | None:
    """Return what of the choice is reached from the roots, or None if a requirement is not met."""
    extras: dict[str, set[str]] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    queue = deque(Requirement(text) for text in universe.roots)
    while queue:
        requirement = queue.popleft()
        version = choice.get(requirement.name)
        if version is None or not requirement.specifier.contains(version):
            return None
        extras.setdefault(requirement.name, set()).update(requirement.extras)
        key = (requirement.name, frozenset(extras[requirement.name]))
        if key not in seen:
            seen.add(key)
            queue.extend(requires(universe, requirement.name, version, key[1]))
    limits = [Requirement(text) for text in universe.constraints]
    if any(limit.name in extras and not limit.specifier.contains(choice[limit.name]) for limit in limits):
        return None
    return {name: choice[name] for name in sorted(extras)}


def solutions(universe: Universe) -> list[Choice]:
    versions = {name: [v for n, v in universe.declared if n == name] for name in NAMES}
    found = []
    for combination in itertools.product(*(versions[name] for name in NAMES)):
        reached = closure(universe, dict(zip(NAMES, combination, strict=True)))
        if reached is not None and reached not in found:
            found.append(reached)
    return found


def best(universe: Universe, found: list[Choice]) -> Choice:
    """Apply the documented order to the list of all solutions."""
    fixed: Choice = {}
    requested: set[tuple[str, str]] = set()
    queue: deque[Requirement] = deque()

    def fix(name: str) -> None:
        nonlocal found
        fixed[name] = max((solution[name] for solution in found), key=Version)
        found = [solution for solution in found if solution[name] == fixed[name]]
        queue.extend(requires(universe, name, fixed[name], frozenset()))

    def activate(requirement: Requirement) -> None:
        for extra in requirement.extras:
            if (requirement.name, extra) not in requested:
                requested.add((requirement.name, extra))
                plain = [str(r) for r in requires(universe, requirement.name, fixed[requirement.name], frozenset())]
                with_extra = requires(universe, requirement.name, fixed[requirement.name], frozenset({extra}))
                queue.extend(r for r in with_extra if str(r) not in plain)

    roots = [Requirement(text) for text in universe.roots]
    for name in dict.fromkeys(root.name for root in roots):
        fix(name)
    for root in roots:
        activate(root)
    while queue:
        requirement = queue.popleft()
        if requirement.name not in fixed:
            fix(requirement.name)
        activate(requirement)
    return dict(sorted(fixed.items()))


def solve(universe: Universe, delays: random.Random | None = None) -> Choice | None:
    question = problem(*universe.roots, constraints=universe.constraints)
    try:
        resolution = asyncio.run(resolve(question, universe.source(delays)))
    except NoSolutionError:
        return None
    return {package.name: package.version for package in resolution.packages}


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(universes())
def test_the_solver_finds_the_best_of_all_solutions(universe: Universe) -> None:
    found = solutions(universe)
    assert solve(universe) == (best(universe, found) if found else None)


@settings(max_examples=50)
@given(universes(), st.integers())
def test_the_order_of_answers_changes_nothing(universe: Universe, seed: int) -> None:
    assert solve(universe, random.Random(seed)) == solve(universe)  # noqa: S311 - not for secrets


@settings(max_examples=100, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(universes().filter(lambda universe: not solutions(universe)))
def test_an_explanation_is_a_minimal_conflict(universe: Universe) -> None:
    async def explain() -> None:
        refinement = Refinement(
            problem(*universe.roots, constraints=universe.constraints), universe.source(), NullProgress()
        )
        await refinement.open()
        assert await refinement.solve() is None
        core = await minimal_conflict(refinement)
        await refinement.close()
        spec_lines = {clause.asked.written.text for clause in core if clause.asked}
        edges = {(clause.requirer, clause.extra, clause.required) for clause in core if clause.requirer}
        assert not solutions(reduced(universe, spec_lines, edges))
        for line in spec_lines:
            assert solutions(reduced(universe, spec_lines - {line}, edges)) or spec_lines == {line}
        for edge in edges:
            assert solutions(reduced(universe, spec_lines, edges - {edge}))

    asyncio.run(explain())


def reduced(universe: Universe, spec_lines: set[str], edges: AbstractSet[tuple[str | None, str, str]]) -> Universe:
    """Keep of the universe only what an explanation names."""
    declared = {
        (name, version): tuple(
            text for text in texts if (name, "x" if "extra" in text else "", Requirement(text).name) in edges
        )
        for (name, version), texts in universe.declared.items()
    }
    return Universe(
        declared,
        tuple(text for text in universe.roots if text in spec_lines),
        tuple(text for text in universe.constraints if text in spec_lines),
    )


def test_packages_that_need_each_other_in_a_circle_can_be_without_a_solution() -> None:
    # resolvo writes of such a problem without an end: it must not come to be asked for a text.
    declared = {
        ("a", "1"): (),
        ("a", "2"): ("b",),
        ("a", "3"): ("b", "c<=1"),
        ("b", "1"): ("a!=2", "c>=2"),
        ("c", "1"): (),
        ("c", "2"): (),
    }
    assert solve(Universe(declared, ("a",), ("b<=1",))) == {"a": "1"}
    assert solve(Universe(declared, ("a>1",), ("b<=1",))) is None

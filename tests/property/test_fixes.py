"""Generated conflicts, rules among them: explanations and fixes against brute force over every choice of versions."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.version import Version

from envsolver.app.fixing import find_fixes
from envsolver.app.proposals import Hints
from envsolver.app.specedits import edited
from envsolver.model.candidate import normalize_name
from envsolver.model.errors import NoSolutionError
from envsolver.model.fix import Edit
from envsolver.model.origin import Origin
from envsolver.model.rule import RuleEffect, Ruling
from envsolver.model.spec import Spec
from envsolver.solve.resolve import resolve
from tests.property.test_solver import NAMES, VERSIONS, reduced, requirement_texts, solutions, universes
from tests.support.memory import problem, requirements

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envsolver.model.candidate import Name
    from envsolver.model.fix import Fix
    from envsolver.model.target import Target
    from tests.property.test_solver import Choice, Universe


@dataclass(frozen=True)
class OneRule:
    """A hard rule: what a version of one project makes of another project that is there."""

    id: str
    name: str
    versions: str
    excludes: bool
    requirement: str

    def broken_by(self, choice: Choice) -> bool:
        other = Requirement(self.requirement)
        here, there = choice.get(self.name), choice.get(other.name)
        if here is None or there is None or not Requirement(f"x{self.versions}").specifier.contains(here):
            return False
        return other.specifier.contains(there) == self.excludes


@dataclass(frozen=True)
class Conflict:
    """A universe and rules that together have no solution."""

    universe: Universe
    rules: tuple[OneRule, ...]

    def solvable(self) -> bool:
        # What nobody reaches counts for no rule.
        return any(not any(rule.broken_by(choice) for rule in self.rules) for choice in solutions(self.universe))

    def rulings(self, name: Name, target: Target) -> Sequence[Ruling]:
        return [
            Ruling(
                (rule.versions,),
                RuleEffect(
                    rule=rule.id,
                    kind="excludes" if rule.excludes else "constrains",
                    requirement=rule.requirement,
                    hard=True,
                ),
            )
            for rule in self.rules
            if rule.name == name
        ]


@st.composite
def conflicts(draw: st.DrawFn) -> Conflict:
    universe = draw(universes())
    rules = []
    for number in range(draw(st.integers(0, 3))):
        name = draw(st.sampled_from(NAMES))
        other = Requirement(draw(requirement_texts([other for other in NAMES if other != name])))
        versions = draw(st.sampled_from(["", *(f">={version}" for version in VERSIONS), "==2"]))
        excludes = draw(st.booleans())
        rules.append(OneRule(f"RULE-{number}", name, versions, excludes, f"{other.name}{other.specifier}"))
    return Conflict(universe, tuple(rules))


unsolvable = conflicts().filter(lambda conflict: not conflict.solvable())


def spec_of(conflict: Conflict) -> Spec:
    here = Origin("specs/x.yaml")
    return Spec(
        name="x",
        origin=here,
        python="3.9",
        python_origin=here,
        platforms=("linux-64",),
        requirements=requirements(conflict.universe.roots),
        constraints=requirements(conflict.universe.constraints, first_line=50),
    )


def changed(conflict: Conflict, spec: Spec) -> Conflict:
    """Return the conflict as a changed spec has it."""
    ignored = {rule.id for rule in spec.ignored_rules}
    roots = tuple(line.text for line in spec.requirements)
    constraints = tuple(line.text for line in spec.constraints)
    return Conflict(
        replace(conflict.universe, roots=roots, constraints=constraints),
        tuple(rule for rule in conflict.rules if rule.id not in ignored),
    )


async def solve(conflict: Conflict, spec: Spec, lowest: frozenset[Name] = frozenset()) -> Choice:
    now = changed(conflict, spec)
    question = replace(
        problem(), requirements=spec.requirements, constraints=spec.constraints, rules=now, lowest=lowest
    )
    resolution = await resolve(question, now.universe.source())
    return {package.name: package.version for package in resolution.packages}


async def explained(conflict: Conflict) -> NoSolutionError:
    try:
        await solve(conflict, spec_of(conflict))
    except NoSolutionError as error:
        return error
    raise AssertionError(conflict)


@settings(max_examples=60, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(unsolvable)
def test_without_any_one_member_of_an_explanation_the_rest_has_a_solution(conflict: Conflict) -> None:
    error = asyncio.run(explained(conflict))
    members = [reason for reason in error.conflict if reason.kind not in {"ruled-out", "note"}]
    lines = {reason.text for reason in members if reason.text is not None}
    edges = {(reason.requirer, reason.extra, reason.project) for reason in members if reason.kind == "package"}
    rules = {reason.rule for reason in members if reason.rule}

    def rest(lines: set[str], edges: set[tuple[Name | None, str, Name]], rules: set[str]) -> Conflict:
        return Conflict(
            reduced(conflict.universe, lines, edges), tuple(rule for rule in conflict.rules if rule.id in rules)
        )

    assert not rest(lines, edges, rules).solvable()
    if len(members) > 1:
        assert all(rest(lines - {line}, edges, rules).solvable() for line in lines)
        assert all(rest(lines, edges - {edge}, rules).solvable() for edge in edges)
        for rule in rules:
            assert rest(lines, edges, rules - {rule}).solvable() or sum(r.rule == rule for r in members) > 1


async def fixed(conflict: Conflict) -> tuple[Fix, ...]:
    spec = spec_of(conflict)

    async def trial(spec: Spec, lowest: frozenset[Name] = frozenset(), /) -> dict[Name, str]:
        return {normalize_name(name): version for name, version in (await solve(conflict, spec, lowest)).items()}

    found = await find_fixes(spec, await explained(conflict), trial, hints=Hints())
    return found.fixes


@settings(max_examples=30, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(unsolvable)
def test_every_fix_resolves_and_a_pin_moves_no_further_than_it_must(conflict: Conflict) -> None:
    spec = spec_of(conflict)
    fixes = asyncio.run(fixed(conflict))
    for fix in fixes:
        assert changed(conflict, edited(spec, fix.edits)).solvable(), fix.title
        (edit, *more) = fix.edits
        if fix.kind != "move" or more or not isinstance(edit, Edit) or edit.new is None:
            continue
        old, new = (Version(next(iter(Requirement(text).specifier)).version) for text in (edit.old, edit.new))
        for between in VERSIONS:
            if min(old, new) < Version(between) < max(old, new):
                nearer = replace(edit, new=edit.new.replace(f"=={new}", f"=={between}"))
                assert not changed(conflict, edited(spec, [nearer])).solvable()


@settings(max_examples=30, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(unsolvable)
def test_where_one_other_version_of_a_pin_in_the_conflict_helps_there_is_a_fix(conflict: Conflict) -> None:
    spec = spec_of(conflict)
    error = asyncio.run(explained(conflict))
    pins = [reason for reason in error.conflict if reason.kind == "requirement" and "==" in (reason.text or "")]
    helps = [
        (reason.text, version)
        for reason in pins
        if reason.origin is not None and reason.text is not None
        for version in VERSIONS
        if changed(
            conflict,
            edited(
                spec, [Edit(origin=reason.origin, old=reason.text, new=reason.text.split("==")[0] + f"=={version}")]
            ),
        ).solvable()
    ]
    if helps:
        assert any(fix.kind == "move" for fix in asyncio.run(fixed(conflict))), helps

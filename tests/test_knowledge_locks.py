"""What each rule changes in a lock: solved with and without it, on what the releases really declare."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import pytest
from packaging.version import Version

from envsolver.knowledge.effects import MERELY_TOLD, SolverRules
from envsolver.knowledge.rules import (
    Conflicts,
    Constrains,
    Finding,
    Replaces,
    Requires,
    RuleBook,
    Unusable,
    admits,
    load_rulebook,
)
from envsolver.model.errors import NoSolutionError
from envsolver.model.rule import NoRules, effects_on
from envsolver.model.target import LATEST_PATCH, Target
from envsolver.solve.resolve import resolve
from tests.support.memory import MemorySource, problem
from tests.support.rule_data import declared, holds_on, releases, specifier_of

if TYPE_CHECKING:
    from envsolver.knowledge.rules import Effect, Rule
    from envsolver.model.candidate import Name
    from envsolver.model.resolution import Resolution
    from envsolver.model.rule import Rules
    from envsolver.solve.problem import Problem

BINDING = [
    rule
    for rule in load_rulebook().rules
    if not isinstance(rule.effects[0], Finding | Replaces) and (rule.hard or rule.severity not in MERELY_TOLD)
]
CASES = {
    f"{rule.id}-{name}-{number}": (rule, name, effect)
    for rule in BINDING
    for name in dict.fromkeys(condition.name for condition in rule.when)
    for number, effect in enumerate(rule.effects_on(name)[:1])
}


@cache
def targets(rule: Rule) -> list[Target]:
    """Return the targets of linux-64 on which a rule can hold, the newest Python first."""
    found = [Target(platform="linux-64", python=python, glibc="2.31") for python in reversed(LATEST_PATCH.values())]
    return [target for target in found if rule.applies_on(target)]


def requirements(name: str, version: str, project: str, target: Target) -> list[str]:
    """Return what a release declares of a project on a target, as valid requirements."""
    texts = [text for text in declared(name, version, project) if holds_on(text, target)]
    return [f"{project}{specifier_of(text)}" for text in texts]


def candidates(name: str, version: str, project: str, target: Target) -> list[str]:
    """Return the releases of a project that the metadata of another's release admits, descending."""
    specifiers = [specifier_of(text) for text in requirements(name, version, project, target)]
    return [
        other
        for other in sorted(releases()[project], key=Version, reverse=True)
        if all(specifier.contains(other, prereleases=True) for specifier in specifiers)
    ]


def situation(rule: Rule, name: Name, effect: Constrains | Requires | Conflicts) -> tuple[str, Target, str, str | None]:
    """Return a release, a target, a version of the other project that the rule excludes, and one that it admits.

    The newest release is taken of which nothing declared says the same.
    """
    for version in reversed(releases()[name]):
        for target in targets(rule):
            if not rule.applies(name, version, target):
                continue
            others = candidates(name, version, effect.project, target)
            inside = [other for other in others if admits(effect.specifier, other) != isinstance(effect, Conflicts)]
            outside = [other for other in others if other not in inside]
            if isinstance(effect, Requires) and not outside:
                return version, target, "", inside[0]
            if outside and (inside or isinstance(effect, Conflicts)):
                return version, target, outside[0], inside[0] if inside else None
    raise AssertionError(rule.id)


def universe(name: str, version: str, others: dict[str, list[str]], requires: list[str]) -> MemorySource:
    """Return an index with one release that requires something, and others that require nothing."""
    source = MemorySource()
    source.add(name, version, requires)
    for other, versions in others.items():
        for one in versions:
            source.add(other, one)
    return source


def solved(asked: Problem, source: MemorySource, rules: Rules) -> Resolution:
    """Solve with some rules and no implied bounds."""
    return asyncio.run(resolve(replace(asked, rules=rules), source))


def chosen(resolution: Resolution) -> dict[str, str]:
    """Return name → version of a solution."""
    return {package.name: package.version for package in resolution.packages}


@pytest.mark.parametrize(("rule", "name", "effect"), CASES.values(), ids=CASES)
def test_a_rule_changes_a_lock(rule: Rule, name: Name, effect: Effect) -> None:
    if isinstance(effect, Unusable):
        unusable_is_left_out(rule, name)
        return
    assert isinstance(effect, Constrains | Requires | Conflicts)
    version, target, excluded, admitted = situation(rule, name, effect)
    project, beside = effect.project, rule.beside.name if rule.beside else None
    requires = requirements(name, version, project, target)
    others: dict[str, list[str]] = {project: [one for one in (excluded, admitted) if one]}
    if beside is not None and beside != project:
        others[beside] = [releases()[beside][-1]]
    source = universe(name, version, others, requires)
    rules = SolverRules(RuleBook([replace(rule, effects=(effect,))]))
    asked_for = (
        [f"{name}=={version}", *others] if not isinstance(effect, Requires) else [f"{name}=={version}", *others][:1]
    )
    if isinstance(effect, Requires) and beside is not None:
        asked_for.append(beside)
    asked = replace(
        problem(*asked_for),
        target=target,
        # Kept from an earlier lock, if nothing speaks against it.
        preferences={project: excluded} if excluded else {},
    )
    before = chosen(solved(asked, source, NoRules()))
    assert before.get(project) == (excluded if requires or not isinstance(effect, Requires) else None)
    if admitted is None and rule.hard:
        with pytest.raises(NoSolutionError):
            solved(asked, source, rules)
        return
    resolution = solved(asked, source, rules)
    if admitted is None:
        assert chosen(resolution) == before
        assert [(given.rule, given.name) for given in resolution.given_up] == [(rule.id, project)]
    else:
        assert chosen(resolution)[project] == admitted
        assert resolution.given_up == ()


def unusable_is_left_out(rule: Rule, name: Name) -> None:
    """Assert that a version that cannot be used is passed over, and refused where it is pinned."""
    target = targets(rule)[0]
    rules = SolverRules(RuleBook([rule]))
    known = [str(Version(version)) for version in releases()[name]]
    source = universe(name, known[0], {name: known[1:]}, [])
    broken = [version for version in known if rule.applies(name, version, target)]
    pinned = replace(problem(f"{name}=={broken[-1]}"), target=target)
    assert chosen(solved(pinned, source, NoRules())) == {name: broken[-1]}
    with pytest.raises(NoSolutionError):
        solved(pinned, source, rules)
    if usable := [version for version in known if version not in broken]:
        kept = replace(problem(name), target=target, preferences={name: broken[-1]})
        assert chosen(solved(kept, source, NoRules())) == {name: broken[-1]}
        assert chosen(solved(kept, source, rules))[name] in usable


def test_what_is_merely_untested_changes_no_lock() -> None:
    told = [rule for rule in load_rulebook().rules if not rule.hard and rule.severity in MERELY_TOLD]
    rules = SolverRules(RuleBook(told))
    for rule in told:
        for target in targets(rule):
            for condition in rule.when:
                for version in releases()[condition.name]:
                    assert effects_on(rules, condition.name, version, target) == ()


def test_there_is_a_case_for_each_binding_rule() -> None:
    assert {rule.id for rule, _, _ in CASES.values()} == {rule.id for rule in BINDING}
    assert len(BINDING) >= 90

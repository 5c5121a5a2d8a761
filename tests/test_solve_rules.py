"""Rules in the solver: what is known of packages beyond what they declare."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from envsolver.model.errors import NoSolutionError
from envsolver.model.rule import RuleEffect, Ruling
from envsolver.solve.horizon import Bounds
from envsolver.solve.resolve import resolve
from tests.support.memory import MemorySource, problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envsolver.model.candidate import Name
    from envsolver.model.resolution import Resolution
    from envsolver.model.rule import RuleEffectKind
    from envsolver.model.target import Target
    from envsolver.solve.problem import Problem


class FewRules:
    """Rules that tests write down."""

    def __init__(self) -> None:
        self._of: dict[str, list[Ruling]] = defaultdict(list)

    def add(
        self,
        name: str,
        specifier: str,
        kind: RuleEffectKind,
        requirement: str,
        *,
        hard: bool = True,
        rule: str = "R1",
        beside: str = "",
    ) -> None:
        effect = RuleEffect(rule=rule, kind=kind, requirement=requirement, hard=hard, beside=beside)
        self._of[name].append(Ruling((specifier,), effect))

    def rulings(self, name: Name, target: Target) -> Sequence[Ruling]:
        return self._of[name]


@pytest.fixture
def source() -> MemorySource:
    source = MemorySource()
    for version in ["1.10", "2.0"]:
        source.add("pydantic", version)
    source.add("deepspeed", "0.8", ["pydantic"])
    source.add("deepspeed", "0.12", ["pydantic"])
    source.add("six", "1.16")
    return source


@pytest.fixture
def rules() -> FewRules:
    return FewRules()


def run(question: Problem, source: MemorySource) -> Resolution:
    return asyncio.run(resolve(question, source))


def pins(resolution: Resolution) -> dict[str, str]:
    return {package.name: package.version for package in resolution.packages}


def asked(rules: FewRules, *texts: str) -> Problem:
    return replace(problem(*texts), rules=rules)


def test_a_rule_narrows_what_a_version_goes_with(source: MemorySource, rules: FewRules) -> None:
    rules.add("deepspeed", "<0.11", "constrains", "pydantic<2")
    assert pins(run(asked(rules, "deepspeed<0.11"), source)) == {"deepspeed": "0.8", "pydantic": "1.10"}
    assert pins(run(asked(rules, "deepspeed"), source)) == {"deepspeed": "0.12", "pydantic": "2.0"}


def test_a_constraint_by_rule_brings_nothing_in(source: MemorySource, rules: FewRules) -> None:
    rules.add("six", "", "constrains", "pydantic<2")
    assert pins(run(asked(rules, "six"), source)) == {"six": "1.16"}


def test_a_rule_says_of_unread_versions_what_it_says_of_read_ones(source: MemorySource, rules: FewRules) -> None:
    """Versions that a rule tells apart are not alike, though no specifier does."""
    for minor in range(20):
        source.add("app", f"1.{minor}", ["pydantic"])
    rules.add("app", ">=1.3", "constrains", "pydantic<2")
    assert pins(run(asked(rules, "pydantic", "app"), source)) == {"app": "1.2", "pydantic": "2.0"}


def test_a_rule_adds_a_requirement(source: MemorySource, rules: FewRules) -> None:
    source.add("tensorboard", "2.14")
    rules.add("tensorboard", ">=2.14", "requires", "six", rule="TB-SIX")
    resolution = run(asked(rules, "tensorboard"), source)
    assert pins(resolution) == {"six": "1.16", "tensorboard": "2.14"}
    assert [(edge.name, edge.rule) for edge in resolution.packages[1].edges] == [("six", "TB-SIX")]


def test_a_rule_replaces_what_is_declared(source: MemorySource, rules: FewRules) -> None:
    source.add("app", "1.0", ["pydantic<2", "six"])
    rules.add("app", "", "replaces", "pydantic>=1")
    rules.add("app", "", "replaces", "gone>=1")
    resolution = run(asked(rules, "app"), source)
    assert pins(resolution) == {"app": "1.0", "pydantic": "2.0", "six": "1.16"}
    edges = resolution.packages[0].edges
    assert [(edge.name, edge.specifier, edge.overridden) for edge in edges] == [
        ("pydantic", ">=1", "<2"),
        ("six", "", None),
    ]


def test_two_projects_that_cannot_stand_together(source: MemorySource, rules: FewRules) -> None:
    source.add("opencv-python", "4.0")
    source.add("opencv-headless", "4.0")
    source.add("app", "2.0", ["opencv-headless"])
    source.add("app", "1.0")
    rules.add("opencv-python", "", "excludes", "opencv-headless", rule="OPENCV-TWICE")
    assert pins(run(asked(rules, "opencv-python", "app"), source)) == {"app": "1.0", "opencv-python": "4.0"}
    with pytest.raises(NoSolutionError) as caught:
        run(asked(rules, "opencv-python", "opencv-headless"), source)
    assert [(reason.kind, reason.rule) for reason in caught.value.conflict] == [
        ("requirement", None),
        ("requirement", None),
        ("rule", "OPENCV-TWICE"),
    ]


def test_a_preference_gives_way_and_says_so(source: MemorySource, rules: FewRules) -> None:
    rules.add("deepspeed", "", "constrains", "pydantic<2", hard=False, rule="SOFT")
    assert pins(run(asked(rules, "deepspeed"), source))["pydantic"] == "1.10"
    resolution = run(asked(rules, "deepspeed", "pydantic>=2"), source)
    assert pins(resolution)["pydantic"] == "2.0"
    assert [(given.requirer, given.name, given.rule) for given in resolution.given_up] == [
        ("deepspeed", "pydantic", "SOFT")
    ]


def test_a_soft_requirement_that_cannot_be_met_is_left_out(source: MemorySource, rules: FewRules) -> None:
    rules.add("deepspeed", "", "requires", "nowhere", hard=False)
    resolution = run(asked(rules, "deepspeed"), source)
    assert pins(resolution) == {"deepspeed": "0.12", "pydantic": "2.0"}
    assert [edge.name for edge in resolution.packages[0].edges] == ["pydantic"]


def test_a_bound_gives_way_before_a_rule(source: MemorySource, rules: FewRules) -> None:
    year = 365 * 24 * 3600
    source = MemorySource()
    source.add("old", "1.0", ["lib"], uploaded=0)
    source.add("lib", "1.0", uploaded=0)
    source.add("lib", "2.0", uploaded=5 * year)
    rules.add("app", "", "constrains", "lib>=2", hard=False)
    source.add("app", "1.0", ["lib"], uploaded=5 * year)
    resolution = run(replace(asked(rules, "old", "app"), bounds=Bounds()), source)
    assert pins(resolution)["lib"] == "2.0"
    assert [given.rule for given in resolution.given_up] == [None]


def test_a_hard_rule_in_an_explanation_is_named(source: MemorySource, rules: FewRules) -> None:
    rules.add("deepspeed", "<0.11", "constrains", "pydantic<2", rule="DS-PYDANTIC2")
    with pytest.raises(NoSolutionError) as caught:
        run(asked(rules, "deepspeed==0.8", "pydantic>=2"), source)
    assert str(caught.value).splitlines()[1:] == [
        "  specs/x.yaml:5: deepspeed==0.8",
        "  specs/x.yaml:6: pydantic>=2",
        "  deepspeed 0.8 works with pydantic<2 only (rule DS-PYDANTIC2)",
    ]
    told = replace(asked(rules, "deepspeed==0.8", "pydantic>=2"), titles={"DS-PYDANTIC2": "It is for pydantic 1"})
    with pytest.raises(NoSolutionError) as caught:
        run(told, source)
    assert str(caught.value).splitlines()[3:] == [
        "  deepspeed 0.8 works with pydantic<2 only",
        "    rule DS-PYDANTIC2: It is for pydantic 1",
    ]


def test_a_version_that_cannot_be_used_is_passed_over(source: MemorySource, rules: FewRules) -> None:
    rules.add("deepspeed", ">=0.12", "unusable", "deepspeed<0.12")
    assert pins(run(asked(rules, "deepspeed"), source))["deepspeed"] == "0.8"
    said = r"deepspeed 0.12 cannot be used here; instead: deepspeed<0.12 \(rule R1\)"
    with pytest.raises(NoSolutionError, match=said):
        run(asked(rules, "deepspeed>=0.12"), source)


def test_a_rule_may_hold_in_some_company_only(source: MemorySource, rules: FewRules) -> None:
    rules.add("deepspeed", "", "constrains", "pydantic<2", beside="six>=1")
    assert pins(run(asked(rules, "deepspeed"), source))["pydantic"] == "2.0"
    assert pins(run(asked(rules, "deepspeed", "six"), source))["pydantic"] == "1.10"
    source.add("six", "0.9")
    assert pins(run(asked(rules, "deepspeed", "six<1"), source))["pydantic"] == "2.0"
    with pytest.raises(NoSolutionError, match=r"works? with pydantic<2 only where six>=1 is there \(rule R1\)"):
        run(asked(rules, "deepspeed", "six>=1", "pydantic>=2"), source)


def test_what_is_needed_in_some_company_is_added_there(source: MemorySource, rules: FewRules) -> None:
    source.add("torch", "1.12")
    source.add("tensorboard", "2.14")
    rules.add("torch", "<1.13", "requires", "six", beside="tensorboard")
    assert pins(run(asked(rules, "torch"), source)) == {"torch": "1.12"}
    resolution = run(asked(rules, "torch", "tensorboard"), source)
    assert pins(resolution) == {"six": "1.16", "tensorboard": "2.14", "torch": "1.12"}
    assert [(edge.name, edge.rule) for edge in resolution.packages[2].edges] == [("six", "R1")]


def test_what_must_not_stand_together_sends_nobody_to_old_versions(source: MemorySource, rules: FewRules) -> None:
    for version in ["1.0", "2.0", "3.0", "4.0"]:
        source.add("opencv-python", version)
    source.add("opencv-headless", "1.0")
    source.add("images", "0.9")
    source.add("images", "1.0", ["opencv-headless"])
    rules.add("opencv-python", "", "excludes", "opencv-headless", rule="OPENCV-TWICE")
    found = pins(run(asked(rules, "opencv-python", "images"), source))
    assert found == {"images": "0.9", "opencv-python": "4.0"}
    assert [file for file in source.asked if file.startswith("opencv_python-")] == [
        "opencv_python-4.0-py3-none-any.whl"
    ]

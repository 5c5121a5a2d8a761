"""What of the knowledge takes part in a solve, and what is told of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from envsolver.app.knowledge import bounds_of, load_knowledge, overdue, with_rule_uses, without_dates
from envsolver.app.project import Project
from envsolver.knowledge.bounds import exemptions
from envsolver.knowledge.version import knowledge_version
from envsolver.model.candidate import normalize_name
from envsolver.model.errors import FileError, SpecError
from envsolver.model.origin import Origin
from envsolver.model.resolution import GivenUp, RuleUse
from envsolver.model.rule import RuleEffect, Ruling, effects_on
from envsolver.model.spec import IgnoredRule, ImpliedBoundsSpec, Spec
from envsolver.solve.horizon import DAY, DEFAULT_HORIZON, Bounds
from tests.support.locks import a_file, resolution

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from envsolver.model.candidate import Name
    from envsolver.model.resolution import Resolution
    from envsolver.model.rule import RuleEffectKind
    from envsolver.model.spec import Horizon
    from envsolver.model.target import Target

NUMPY, TZDATA, OTHER = map(normalize_name, ("numpy", "tzdata", "other"))
RULE = """\
[[rule]]
id = "{id}"
title = "A needs an old B"
when = "a"
constrains = "b<2"
strength = "hard"
sources = "seen"
"""


def spec(*, horizon: Horizon | None = None, packages: dict[str, Horizon] | None = None, ignored: str = "") -> Spec:
    rules = [IgnoredRule(id=rule, reason="r", origin=Origin("specs/x.yaml", 7)) for rule in ignored.split()]
    return Spec(
        name="x",
        origin=Origin("specs/x.yaml"),
        python="3.9",
        python_origin=Origin("specs/x.yaml", 1),
        platforms=("linux-64",),
        requirements=(),
        implied_bounds=ImpliedBoundsSpec(horizon=horizon, packages=packages or {}),
        ignored_rules=tuple(rules),
    )


# Implied bounds


def test_what_the_spec_does_not_say_is_the_default() -> None:
    bounds = bounds_of(spec())
    assert bounds.horizon_for(NUMPY) == bounds.horizon_for(OTHER) == DEFAULT_HORIZON
    assert TZDATA in exemptions()
    assert bounds.horizon_for(TZDATA) is None


def test_off_for_all_and_for_one() -> None:
    assert bounds_of(spec(horizon="off")) == Bounds(horizon=None, exempt=frozenset(exemptions()))
    bounds = bounds_of(spec(packages={"numpy": "off"}))
    assert (bounds.horizon_for(NUMPY), bounds.horizon_for(OTHER)) == (None, DEFAULT_HORIZON)
    bounds = bounds_of(spec(horizon="off", packages={"numpy": "off"}))
    assert (bounds.horizon_for(NUMPY), bounds.horizon) == (None, None)


def test_horizons_in_days() -> None:
    bounds = bounds_of(spec(horizon=180, packages={"numpy": 30, "tzdata": 10}))
    assert [bounds.horizon_for(name) for name in (OTHER, NUMPY, TZDATA)] == [180 * DAY, 30 * DAY, 10 * DAY]


def test_one_can_be_bounded_where_all_others_are_not() -> None:
    bounds = bounds_of(spec(horizon="off", packages={"numpy": 30}))
    assert bounds.horizon_for(NUMPY) == 30 * DAY
    assert (bounds.horizon_for(OTHER) or 0) > 50 * 365 * DAY


# Rules


class FewRules:
    def __init__(self, *effects: tuple[str, RuleEffect]) -> None:
        self._effects = effects

    def rulings(self, name: Name, target: Target) -> Sequence[Ruling]:
        return [Ruling(("",), effect) for about, effect in self._effects if about == name]


def an_effect(kind: RuleEffectKind, requirement: str, *, rule: str = "A", beside: str = "") -> RuleEffect:
    return RuleEffect(rule=rule, kind=kind, requirement=requirement, hard=False, beside=beside)


def solved() -> Resolution:
    return resolution({"a==1.0": ["b"], "b==1.5": [], "c==2.0+cu116": []}, {"": ["a", "c"]})


@pytest.mark.parametrize(
    ("effect", "counts"),
    [
        (an_effect("constrains", "b<2"), True),
        (an_effect("constrains", "B <2"), True),
        (an_effect("constrains", "d<2"), False),
        (an_effect("excludes", "b>=2"), True),
        (an_effect("excludes", "d"), False),
        (an_effect("requires", "b<2"), False),
        (an_effect("replaces", "b<2"), False),
        (an_effect("unusable", "take another"), False),
        (an_effect("constrains", "b<2", beside="c<=2.0"), True),
        (an_effect("constrains", "b<2", beside="c"), True),
        (an_effect("constrains", "b<2", beside="c>2.0"), False),
        (an_effect("constrains", "b<2", beside="d"), False),
    ],
)
def test_a_rule_takes_part_if_what_it_speaks_of_is_there(effect: RuleEffect, counts: bool) -> None:
    uses = with_rule_uses(solved(), FewRules(("a", effect), ("nowhere", effect))).rules
    expected = RuleUse(rule="A", name=normalize_name("a"), kind=effect.kind, requirement=effect.requirement)
    assert uses == ((expected,) if counts else ())


@pytest.mark.parametrize("kind", ["constrains", "excludes", "requires", "replaces", "unusable"])
def test_a_rule_that_gave_way_is_told_whatever_it_says(kind: RuleEffectKind) -> None:
    a, b = normalize_name("a"), normalize_name("b")
    given = GivenUp(name=a if kind == "unusable" else b, requirer=a, rule="A")
    others = (an_effect(kind, "b<2", rule="B"), an_effect(kind, "d<2"))
    rules = FewRules(("a", an_effect(kind, "b<2")), *(("c", other) for other in others))
    (use,) = [use for use in with_rule_uses(replace(solved(), given_up=(given,)), rules).rules if use.gave_way]
    assert (use.rule, use.name, use.kind) == ("A", a, kind)


def test_uses_are_sorted_and_told_once() -> None:
    rules = FewRules(*(("a", an_effect("constrains", text, rule=rule)) for rule, text in [("B", "b"), ("A", "b")] * 2))
    assert [use.rule for use in with_rule_uses(solved(), rules).rules] == ["A", "B"]


# The project's own


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "own.toml").write_text(RULE.format(id="OWN-RULE"), encoding="utf-8")
    return Project(root=tmp_path)


def test_own_rules_hold_beside_those_that_are_shipped(project: Project) -> None:
    known = load_knowledge(project, spec())
    target = spec().target("linux-64")
    (effect,) = effects_on(known.rules, normalize_name("a"), "1.0", target)
    assert (effect.rule, effect.requirement) == ("OWN-RULE", "b<2")
    assert any(
        effect.rule == "TORCH-NUMPY2" for effect in effects_on(known.rules, normalize_name("torch"), "1.13", target)
    )
    assert known.titles["OWN-RULE"] == "A needs an old B"
    assert known.version == knowledge_version()


def test_what_is_ignored_keeps_its_title(project: Project) -> None:
    known = load_knowledge(project, spec(ignored="OWN-RULE TORCH-NUMPY2"))
    target = spec().target("linux-64")
    assert effects_on(known.rules, normalize_name("a"), "1.0", target) == ()
    assert not any(e.rule == "TORCH-NUMPY2" for e in effects_on(known.rules, normalize_name("torch"), "1.13", target))
    assert {"OWN-RULE", "TORCH-NUMPY2"} <= known.titles.keys()


def test_an_unknown_rule_is_named_with_its_line_and_the_nearest(project: Project) -> None:
    with pytest.raises(SpecError) as caught:
        load_knowledge(project, spec(ignored="TORCH-NUMPY"))
    assert str(caught.value) == "specs/x.yaml:7: no rule is called TORCH-NUMPY (did you mean 'TORCH-NUMPY2'?)"


def test_a_rule_file_with_a_mistake_is_named_with_its_line(project: Project) -> None:
    (project.root / "rules" / "more.toml").write_text('[[rule]]\nid = "X"\nwhen = "a"\n', encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        load_knowledge(project, spec())
    assert all(str(problem).startswith("rules/more.toml:") for problem in caught.value.problems)


def test_a_rule_file_that_is_no_text(project: Project) -> None:
    (project.root / "rules" / "own.toml").write_bytes(b"\xff")
    with pytest.raises(FileError, match=r"rules/own.toml is not UTF-8 \(byte 0\)"):
        load_knowledge(project, spec())


def test_other_files_beside_the_rules_are_nobodys_business(project: Project) -> None:
    (project.root / "rules" / "README.md").write_bytes(b"\xff")
    (project.root / "rules" / ".own.toml.swp.toml").write_bytes(b"\xff")
    assert "OWN-RULE" in load_knowledge(project, spec()).titles


# Notes


def test_an_index_without_dates_says_so_once() -> None:
    universe: dict[str, list[str]] = {f"{name}==1.0": [] for name in "abcdef"}
    bare = [a_file(name, "1.0", uploaded=None, index="cu116") for name in "abcde"]
    one = resolution(universe, {"": list("abcdef")}, files=bare)
    notes = list(without_dates([one, one], Bounds()))
    assert notes == ["index 'cu116' does not say when files were uploaded: no implied bounds for a, b, c, d and 1 more"]
    assert list(without_dates([one], Bounds(horizon=None))) == []
    direct = [a_file("a", "1.0", uploaded=None, index="direct", url="https://example.com/a-1.0-py3-none-any.whl")]
    assert list(without_dates([resolution({"a==1.0": []}, {"": ["a"]}, files=direct)], Bounds())) == []


def test_an_exception_is_asked_about_from_its_day_on() -> None:
    ignored = IgnoredRule(id="A", reason="r", origin=Origin("specs/x.yaml", 7), until="2027-03-01")
    with_day = replace(spec(ignored="B"), ignored_rules=(*spec(ignored="B").ignored_rules, ignored))
    assert list(overdue(with_day, "2027-02-28")) == []
    (note,) = overdue(with_day, "2027-03-01")
    assert note == "specs/x.yaml:7: rule A was to be ignored until 2027-03-01; is that still right?"

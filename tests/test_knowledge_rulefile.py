"""Rule files of a project: what they may say, what is wrong with them and where; rules that are ignored."""

from __future__ import annotations

import pytest

from envsolver.knowledge.rulefile import parse_rules
from envsolver.knowledge.rules import (
    Condition,
    Conflicts,
    Constrains,
    Finding,
    Replaces,
    Requires,
    Unusable,
    load_rulebook,
)
from envsolver.model.candidate import normalize_name
from envsolver.model.errors import SpecError
from envsolver.model.origin import Origin
from envsolver.model.target import Target
from tests.support.rule_data import effects_of

TARGET = Target(platform="linux-64", python="3.11.18")

MINIMAL = """\
[[rule]]
id = 'OUR-LOADER-NUMPY2'
when = 'Our_Loader >= 2, < 3'
constrains = 'numpy<2'
sources = ['https://tracker.example/1234']
"""


def rule(effect: str, *, rest: str = "sources = ['a ticket']") -> str:
    return f"[[rule]]\nid = 'OUR-RULE'\nwhen = 'ours<2'\n{effect}\n{rest}\n"


def problems(text: str) -> list[str]:
    with pytest.raises(SpecError) as caught:
        parse_rules(text, "rules/ours.toml")
    return [str(problem) for problem in caught.value.problems]


def test_a_rule_of_a_project_needs_little_and_is_hard() -> None:
    (found,) = parse_rules(MINIMAL, "rules/ours.toml")
    assert found.id == "OUR-LOADER-NUMPY2"
    assert found.when == (Condition(normalize_name("our-loader"), ">=2,<3"),)
    assert found.effects == (Constrains(normalize_name("numpy"), "<2"),)
    assert found.hard
    assert found.origin == Origin("rules/ours.toml", 1)
    assert found.verified is None


@pytest.mark.parametrize(
    ("text", "effect"),
    [
        ("constrains = 'numpy<2'", Constrains(normalize_name("numpy"), "<2")),
        ("requires = 'six'", Requires(normalize_name("six"), "")),
        ("requires = 'setuptools < 82'", Requires(normalize_name("setuptools"), "<82")),
        ("conflicts = 'theirs>=1'", Conflicts(normalize_name("theirs"), ">=1")),
        ("unusable = 'ours>=2'", Unusable("ours>=2")),
        ("finding = 'Look twice.'", Finding("Look twice.")),
        ("replaces = 'pytz (>=2011k)'\nby = 'pytz>=2011.0'", Replaces(normalize_name("pytz"), ">=2011k", ">=2011.0")),
        ("replaces = 'pytz'\nby = 'pytz>=2011.0'", Replaces(normalize_name("pytz"), "", ">=2011.0")),
    ],
)
def test_a_rule_has_one_of_six_effects(text: str, effect: object) -> None:
    (found,) = parse_rules(rule(text), "rules/ours.toml")
    assert found.effects == (effect,)


def test_an_effect_on_several_projects_is_one_on_each() -> None:
    (found,) = parse_rules(rule("conflicts = ['a', 'b<2']"), "rules/ours.toml")
    assert found.effects == (Conflicts(normalize_name("a")), Conflicts(normalize_name("b"), "<2"))


def test_a_finding_is_no_hard_rule() -> None:
    (found,) = parse_rules(rule("finding = 'Look twice.'"), "rules/ours.toml")
    assert not found.hard
    assert problems(rule("finding = 'Look twice.'\nstrength = 'hard'")) == [
        "rules/ours.toml:5: rule OUR-RULE: a finding changes no lock: it cannot be hard"
    ]


def test_conditions_narrow_a_rule_down() -> None:
    text = rule("constrains = 'numpy<2'", rest="sources = 'x'\npython = '<3.12'\nplatforms = 'win-64'\nbeside = 'b>1'")
    (found,) = parse_rules(text, "rules/ours.toml")
    name = normalize_name("ours")
    assert found.beside == Condition(normalize_name("b"), ">1")
    assert str(found.beside) == "b>1"
    assert found.applies(name, "1.0", Target(platform="win-64", python="3.11.18"))
    assert not found.applies(name, "1.0", Target(platform="win-64", python="3.12.1"))
    assert not found.applies(name, "1.0", Target(platform="linux-64", python="3.11.18"))
    assert not found.applies(name, "2.0", Target(platform="win-64", python="3.11.18"))
    assert not found.applies(normalize_name("other"), "1.0", Target(platform="win-64", python="3.11.18"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rule = [", ["rules/ours.toml: not valid TOML: Invalid value (at end of document)"]),
        ("[[rule]\n", ["rules/ours.toml:1: not valid TOML: Expected ']]' at the end of an array declaration"]),
        ("[rule]\nid = 'A'\n", ["rules/ours.toml:1: 'rule' must be an array of tables, written [[rule]]"]),
        ("[[rules]]\nid = 'A'\n", ["rules/ours.toml:1: unknown key 'rules' (expected [[rule]])"]),
        (
            "[[rule]]\n",
            [
                "rules/ours.toml:1: 'id' is missing",
                "rules/ours.toml:1: 'when' is missing",
                (
                    "rules/ours.toml:1: a rule has one effect, and there is none"
                    " (one of constrains, requires, conflicts, replaces, unusable, finding)"
                ),
                "rules/ours.toml:1: 'sources' is missing",
            ],
        ),
        (
            rule("constrains = 'numpy<2'\nrequires = 'six'"),
            [
                (
                    "rules/ours.toml:5: rule OUR-RULE: a rule has one effect, not constrains and requires"
                    " (one of constrains, requires, conflicts, replaces, unusable, finding)"
                )
            ],
        ),
        (
            rule("constrains = 'numpy'"),
            ["rules/ours.toml:4: rule OUR-RULE: 'numpy' constrains nothing (write versions: numpy<2)"],
        ),
        (
            rule("constrains = 'numpy<<2'"),
            ["rules/ours.toml:4: rule OUR-RULE: '<<2' is no version specifier (PEP 440)"],
        ),
        (
            rule("constrains = 'numpy<2'").replace("ours<2", "ours==1.0+cu116"),
            [
                (
                    "rules/ours.toml:3: rule OUR-RULE: 'ours==1.0+cu116' is about one build"
                    " (a rule on a version holds for all its builds (+cu116))"
                )
            ],
        ),
        (
            rule("constrains = 'numpy[all]<2'"),
            ["rules/ours.toml:4: rule OUR-RULE: 'numpy[all]<2' is no project with versions (such as torch>=1.8,<2.3)"],
        ),
        (
            rule("constrain = 'numpy<2'\nrequires = 'six'"),
            ["rules/ours.toml:4: rule OUR-RULE: unknown key 'constrain' (did you mean 'constrains'?)"],
        ),
        (
            rule("requires = 'six'", rest="sources = []"),
            ["rules/ours.toml:5: rule OUR-RULE: 'sources' is empty"],
        ),
        (
            rule("requires = 'six'", rest="sources = [1]"),
            ["rules/ours.toml:5: rule OUR-RULE: 'sources' must be a string or a list of strings"],
        ),
        (
            rule("requires = 'six'\nstrength = 'soft'"),
            ["rules/ours.toml:5: rule OUR-RULE: 'strength' cannot be 'soft' (one of hard, preference)"],
        ),
        (
            rule("requires = 'six'\nplatforms = ['linux-65']"),
            [
                (
                    "rules/ours.toml:5: rule OUR-RULE: unknown platform 'linux-65'"
                    " (one of linux-64, linux-aarch64, osx-64, osx-arm64, win-64)"
                )
            ],
        ),
        (rule("requires = 'six'\nby = 'six>1'"), ["rules/ours.toml:5: rule OUR-RULE: 'by' belongs to 'replaces'"]),
        (
            rule("unusable = 'theirs>=2'"),
            ["rules/ours.toml:4: rule OUR-RULE: 'unusable' must say what can be used of ours instead"],
        ),
        (rule("replaces = 'pytz>=2011k'"), ["rules/ours.toml:1: rule OUR-RULE: 'by' is missing"]),
        (
            rule("replaces = 'pytz>=2011k'\nby = 'tzdata'"),
            ["rules/ours.toml:5: rule OUR-RULE: 'by' must be about pytz, not tzdata"],
        ),
        (rule("replaces = '=='\nby = 'a'"), ["rules/ours.toml:4: rule OUR-RULE: 'replaces' names no project"]),
        (
            rule("requires = 'six'\nsymptom = 3"),
            ["rules/ours.toml:5: rule OUR-RULE: 'symptom' must be a string, not a number"],
        ),
        (
            "[[rule]]\nid = 'our-rule'\nwhen = 'a'\nrequires = 'b'\nsources = 'c'\n",
            [
                (
                    "rules/ours.toml:2: rule our-rule: 'our-rule' is no rule id"
                    " (capitals and digits in parts joined by '-': TORCH-NUMPY2)"
                )
            ],
        ),
        (MINIMAL + "\n" + MINIMAL, ["rules/ours.toml:7: rule OUR-LOADER-NUMPY2 is written twice, first in line 1"]),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, expected: list[str]) -> None:
    assert problems(text) == expected


def test_all_problems_of_all_files_are_told_at_once() -> None:
    broken = rule("constrains = 'numpy'")
    with pytest.raises(SpecError) as caught:
        load_rulebook(
            [("rules/a.toml", broken), ("rules/b.toml", "x = 1")],
            {"TORCH-NUMPY": "we know better"},
            origins={"TORCH-NUMPY": Origin("specs/a.yaml", 7)},
        )
    assert [str(problem) for problem in caught.value.problems] == [
        "rules/a.toml:4: rule OUR-RULE: 'numpy' constrains nothing (write versions: numpy<2)",
        "rules/b.toml:1: unknown key 'x' (expected [[rule]])",
        "specs/a.yaml:7: no rule is called TORCH-NUMPY (did you mean 'TORCH-NUMPY2'?)",
    ]


def test_a_projects_rules_stand_beside_the_shipped_ones() -> None:
    book = load_rulebook([("rules/ours.toml", MINIMAL)])
    name = normalize_name("our-loader")
    assert [(one.id, effect) for one, effect in effects_of(book, name, "2.5", TARGET)] == [
        ("OUR-LOADER-NUMPY2", Constrains(normalize_name("numpy"), "<2"))
    ]
    assert effects_of(book, name, "3.0", TARGET) == ()
    assert len(book.rules) == len(load_rulebook().rules) + 1
    assert [one.id for one in book.rules] == sorted(one.id for one in book.rules)


def test_a_projects_rule_cannot_take_the_name_of_another() -> None:
    text = MINIMAL.replace("OUR-LOADER-NUMPY2", "TORCH-NUMPY2")
    with pytest.raises(SpecError) as caught:
        load_rulebook([("rules/ours.toml", text)])
    (problem,) = caught.value.problems
    assert str(problem).startswith(
        "rules/ours.toml:1: there is a rule TORCH-NUMPY2 already, in envsolver/knowledge/rules/"
    )


def test_an_ignored_rule_has_no_effect_and_is_remembered() -> None:
    name = normalize_name("torch")
    book = load_rulebook((), {"TORCH-NUMPY2": "we convert no arrays"})
    assert "TORCH-NUMPY2" not in {one.id for one, _ in effects_of(book, name, "1.12.1", TARGET)}
    assert book.rule("TORCH-NUMPY2") is None
    assert book.ignored["TORCH-NUMPY2"].reason == "we convert no arrays"
    assert book.ignored["TORCH-NUMPY2"].rule.title
    assert load_rulebook().rule("TORCH-NUMPY2") is not None


def test_a_projects_own_rule_can_be_ignored_too() -> None:
    book = load_rulebook([("rules/ours.toml", MINIMAL)], {"OUR-LOADER-NUMPY2": "fixed"})
    assert book.for_package(normalize_name("our-loader")) == ()


def test_an_unknown_rule_far_from_all_has_no_hint() -> None:
    with pytest.raises(SpecError) as caught:
        load_rulebook((), {"QQQQQQ": "why"})
    assert [str(problem) for problem in caught.value.problems] == ["no rule is called QQQQQQ"]

"""The shipped rules: each has its sources, says what no metadata says, and matches what its evidence covers."""

from __future__ import annotations

import re
import tomllib
from importlib.resources import files
from typing import TYPE_CHECKING, get_args

import pytest
from jsonschema import Draft202012Validator
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envsolver.knowledge._toml import SHIPPED, read_shipped
from envsolver.knowledge.rulefile import parse_rules
from envsolver.knowledge.rules import (
    Conflicts,
    Constrains,
    Finding,
    Replaces,
    Requires,
    RuleBook,
    Unusable,
    Verified,
    load_rulebook,
    shipped_replacement,
)
from envsolver.knowledge.schema import rules_schema
from envsolver.knowledge.version import knowledge_version
from envsolver.model.candidate import normalize_name
from envsolver.model.target import LATEST_PATCH, Target
from tests.support.rule_data import (
    declared,
    effects_of,
    expected,
    holds_on,
    packages,
    releases,
    requires_python,
    specifier_of,
)

if TYPE_CHECKING:
    from envsolver.knowledge.rules import (
        Rule,
    )

BOOK = load_rulebook()
RULES = {rule.id: rule for rule in BOOK.rules}
BINDING = {rule.id: rule for rule in BOOK.rules if not any(isinstance(effect, Finding) for effect in rule.effects)}
LINUX_38 = Target(platform="linux-64", python="3.8.20", glibc="2.31")


def targets_for(rule: Rule) -> list[Target]:
    """Return one target for each Python on which a rule can hold."""
    platform = rule.platforms[0] if rule.platforms else "linux-64"
    targets = [Target(platform=platform, python=python, glibc="2.31") for python in LATEST_PATCH.values()]
    return [target for target in targets if rule.applies_on(target)]


def matched(rule: Rule, project: str) -> list[str]:
    """Return the recorded releases of a project that a rule is about."""
    target, name = targets_for(rule)[0], normalize_name(project)
    return [version for version in releases()[project] if rule.applies(name, version, target)]


def test_the_listed_files_are_those_that_are_shipped() -> None:
    for folder, names in SHIPPED.items():
        shipped = {entry.name for entry in files("envsolver.knowledge").joinpath(folder).iterdir()}
        apart = {"names.toml"} if folder == "data" else set()  # it changes no solution
        assert shipped == {f"{name}.toml" for name in names} | apart
        assert list(names) == sorted(names)


def test_no_two_rules_have_one_id() -> None:
    ids = [rule.id for rule in BOOK.rules]
    assert sorted(set(ids)) == sorted(ids)


def test_there_are_about_a_hundred_rules_beside_the_findings() -> None:
    assert len(BINDING) >= 100
    assert len(RULES) - len(BINDING) >= 20


@pytest.mark.parametrize("name", SHIPPED["rules"])
def test_a_shipped_file_is_valid_by_its_schema_and_by_the_strict_reader(name: str) -> None:
    text = read_shipped("rules", name)
    Draft202012Validator(rules_schema()).validate(tomllib.loads(text))
    strict = parse_rules(text, f"envsolver/knowledge/rules/{name}.toml")
    lenient = parse_rules(text, f"envsolver/knowledge/rules/{name}.toml", shipped=True)
    assert strict == lenient


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_rule_says_how_it_is_known(rule: Rule) -> None:
    assert rule.title
    assert rule.symptom
    assert rule.evidence.endswith(".")
    assert rule.check
    assert rule.verified in get_args(Verified)
    assert rule.sources
    for source in rule.sources:
        assert source.startswith("https://") or re.search(r"[a-z].* ", source), source
        assert " " not in source or not source.startswith("https://")


@pytest.mark.parametrize("rule", BINDING.values(), ids=BINDING)
def test_a_rule_is_hard_only_where_it_was_seen_or_stands_in_the_files(rule: Rule) -> None:
    if rule.hard:
        assert rule.verified in {"reproduced", "file-lists", "wheel-source"} or all(
            isinstance(effect, Replaces) for effect in rule.effects
        )


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_rule_matches_the_releases_of_its_evidence_and_none_beside_them(rule: Rule) -> None:
    assert set(expected()[rule.id]) == {condition.name for condition in rule.when}
    for project, match in expected()[rule.id].items():
        found = matched(rule, project)
        assert found[0] == match["first"]
        assert found[-1] == match["last"]
        assert len(found) == match["count"]
        assert not set(match["next"]) & set(found)
        versions = releases()[project]
        edges = {
            version
            for at, version in enumerate(versions)
            if version not in found and {*versions[max(at - 1, 0) : at], *versions[at + 1 : at + 2]} & set(found)
        }
        assert edges == set(match["next"])


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_rule_is_about_nothing_else(rule: Rule) -> None:
    target, names = targets_for(rule)[0], {condition.name for condition in rule.when}
    for project, versions in releases().items():
        if project not in names:
            assert not any(rule.applies(normalize_name(project), version, target) for version in versions)


def _says_already(package: str, version: str, effect: Constrains | Requires, target: Target) -> bool:
    """Whether what a release declares on a target admits no version that the rule excludes."""
    requirements = [text for text in declared(package, version, effect.project) if holds_on(text, target)]
    if isinstance(effect, Requires) and not requirements:
        return False
    declares = [specifier_of(requirement) for requirement in requirements]
    says = SpecifierSet(effect.specifier)
    return not any(
        all(specifier.contains(other, prereleases=True) for specifier in declares)
        and not says.contains(other, prereleases=True)
        for other in releases()[effect.project]
    )


def written(package: str, version: str, project: str) -> set[str]:
    """Return the requirements on a project as a release has them, without blanks, parentheses and markers."""
    texts = {text.partition(";")[0] for text in declared(package, version, project)}
    return {re.sub(r"[\s()]", "", text).replace("_", "-").lower() for text in texts}


@pytest.mark.parametrize("rule", BINDING.values(), ids=BINDING)
def test_the_declared_metadata_does_not_say_it_already(rule: Rule) -> None:
    target = targets_for(rule)[0]
    for condition in {condition.name for condition in rule.when}:
        found = matched(rule, condition)
        assert found
        for effect in rule.effects_on(condition):
            match effect:
                case Constrains() | Requires():
                    for version in found:
                        assert not all(_says_already(condition, version, effect, one) for one in targets_for(rule))
                case Conflicts():
                    # No metadata can say it (PEP 508 has no conflicts); nor does one of the two require the other.
                    assert [version for version in found if declared(condition, version, effect.project)] == []
                    assert any(specifier_of(f"x{effect.specifier}").contains(v) for v in releases()[effect.project])
                case Replaces():
                    for version in found:
                        assert f"{effect.project}{effect.declared}" in written(condition, version, effect.project)
                case Unusable():
                    for version in found:
                        python = requires_python(condition, version)
                        assert SpecifierSet(python).contains(target.python), python


def test_every_package_of_a_rule_is_recorded_with_its_source() -> None:
    wanted = {condition.name for rule in RULES.values() for condition in rule.when}
    assert set(packages()) == wanted
    for name, row in packages().items():
        assert row["source"].startswith(f"PyPI metadata of {name} ")


def test_recorded_releases_ascend() -> None:
    for versions in releases().values():
        assert list(versions) == sorted(versions, key=Version)


@pytest.mark.parametrize(
    ("name", "version", "rule", "effect"),
    [
        ("torch", "1.12.1", "TORCH-NUMPY2", Constrains(normalize_name("numpy"), "<2")),
        ("torch", "1.12.1+cu116", "TORCH-NUMPY2", Constrains(normalize_name("numpy"), "<2")),
        ("tensorboard", "2.14.0", "TENSORBOARD-SIX", Requires(normalize_name("six"))),
        ("deepspeed", "0.8.0", "DEEPSPEED-PYDANTIC2", Constrains(normalize_name("pydantic"), "<2")),
        ("pytorch-lightning", "1.7.7", "LIGHTNING17-TORCHMETRICS1", Constrains(normalize_name("torchmetrics"), "<1.0")),
        ("pytorch-lightning", "1.9.5", "LIGHTNING-SETUPTOOLS82", Requires(normalize_name("setuptools"), "<82")),
        ("ultralytics", "8.0.145", "ULTRALYTICS-SETUPTOOLS82", Requires(normalize_name("setuptools"), "<82")),
        ("gradio", "3.36.1", "GRADIO-STARLETTE1", Constrains(normalize_name("starlette"), "<1.0")),
        ("torchaudio", "2.11.0", "TORCHAUDIO211-TORCH210", Constrains(normalize_name("torch"), ">=2.10")),
        ("horovod", "0.26.1", "HOROVOD-TORCH21", Constrains(normalize_name("torch"), "<2.1")),
        ("onnxruntime-gpu", "1.14.1", "ONNXRUNTIME-OWNERS", Conflicts(normalize_name("onnxruntime-training"))),
        ("onnxruntime-training", "1.14.0", "ONNXRUNTIME-OWNERS", Conflicts(normalize_name("onnxruntime-gpu"))),
        ("torchtext", "0.18.0", "TORCHTEXT018-TORCH24", Constrains(normalize_name("torch"), ">=2.3,<2.4")),
        ("nebulaml", "0.0.1", "NEBULAML-NAME", None),
    ],
)
def test_known_breakages_are_known(name: str, version: str, rule: str, effect: object) -> None:
    found = [(one.id, what) for one, what in effects_of(BOOK, normalize_name(name), version, LINUX_38)]
    assert rule in {one for one, _ in found}
    if effect is not None:
        assert (rule, effect) in found


def test_a_rule_for_newer_pythons_leaves_older_ones_alone() -> None:
    name = normalize_name("tensorboard")
    newer = Target(platform="linux-64", python="3.13.18")
    assert "TENSORBOARD-PYTHON313" in {rule.id for rule, _ in effects_of(BOOK, name, "2.19.0", newer)}
    assert "TENSORBOARD-PYTHON313" not in {rule.id for rule, _ in effects_of(BOOK, name, "2.19.0", LINUX_38)}
    assert "TENSORBOARD-PYTHON313" not in {rule.id for rule, _ in effects_of(BOOK, name, "2.20.0", newer)}


def test_findings_change_nothing_and_are_asked_for_apart() -> None:
    name = normalize_name("torch")
    assert "TORCH26-WEIGHTS-ONLY" in {rule.id for rule in BOOK.findings(name, "2.6.0", LINUX_38)}
    assert "TORCH26-WEIGHTS-ONLY" not in {rule.id for rule, _ in effects_of(BOOK, name, "2.6.0", LINUX_38)}
    assert "TORCH26-WEIGHTS-ONLY" not in {rule.id for rule in BOOK.findings(name, "2.5.1", LINUX_38)}


def test_what_no_rule_is_about_has_no_effects() -> None:
    assert BOOK.for_package(normalize_name("no-such-project")) == ()
    assert effects_of(BOOK, normalize_name("no-such-project"), "1.0", LINUX_38) == ()
    assert RuleBook(()).for_package(normalize_name("torch")) == ()


def test_rules_that_are_conflicts_of_a_set_never_exclude_their_own_project() -> None:
    for rule in BINDING.values():
        for condition in rule.when:
            assert not any(
                isinstance(effect, Conflicts) and effect.project == condition.name
                for effect in rule.effects_on(condition.name)
            )


@pytest.mark.parametrize(
    ("name", "version", "text", "expected"),
    [
        ("pandas", "0.24.2", "pytz (>=2011k)", "pytz>=2011.0"),
        ("pandas", "0.24.2", "pytz>=2011k", "pytz>=2011.0"),
        ("pandas", "0.25.0", "pytz (>=2011k)", None),
        ("pandas", "0.24.2", "pytz (>=2012k)", None),
        ("pandas", "0.24.2", "dateutil (>=2011k)", None),
        ("gym", "0.21.0", "opencv-python>=3. ; extra == 'all'", "opencv-python>=3 ; extra == 'all'"),
        ("gym", "0.21.0", "opencv-python[x]>=3.", "opencv-python[x]>=3"),
        ("gym", "0.21.0", "!!", None),
    ],
)
def test_a_requirement_that_no_pep_allows_is_read_as_it_was_meant(
    name: str, version: str, text: str, expected: str | None
) -> None:
    assert shipped_replacement(normalize_name(name), version, text) == expected


def test_the_knowledge_has_a_version_without_a_date() -> None:
    assert re.fullmatch(r"\d+-[0-9a-f]{12}", knowledge_version())


def test_another_rule_is_another_version(monkeypatch: pytest.MonkeyPatch) -> None:
    before = knowledge_version()
    knowledge_version.cache_clear()
    monkeypatch.setattr(
        "envsolver.knowledge.version.read_shipped", lambda folder, name: read_shipped(folder, name) + "#"
    )
    after = knowledge_version()
    knowledge_version.cache_clear()
    assert after != before

"""Laws of the rules: who they match, who may read them, what covers what."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envsolver.knowledge.effects import MERELY_TOLD, SolverRules
from envsolver.knowledge.gpu import architectures_covered, driver_supports
from envsolver.knowledge.rulefile import EFFECT_KEYS, RULE_KEYS, parse_rules
from envsolver.knowledge.rules import Conflicts, admits, load_rulebook
from envsolver.knowledge.schema import rules_schema
from envsolver.knowledge.tables import cuda_tables
from envsolver.knowledge.variants import cuda_of_tag, variant_of
from envsolver.model.candidate import normalize_name
from envsolver.model.errors import SpecError
from envsolver.model.rule import RuleEffect, Ruling, effects_on
from envsolver.model.target import KNOWN_PLATFORMS, LATEST_PATCH, Target
from tests.support.rule_data import effects_of, releases

if TYPE_CHECKING:
    from envsolver.knowledge.rules import Rule
    from envsolver.model.errors import Problem

BOOK = load_rulebook()
VALIDATOR = Draft202012Validator(rules_schema())

numbers = st.integers(0, 30)
versions = st.builds(
    lambda release, pre, post: ".".join(map(str, release)) + pre + post,
    st.lists(numbers, min_size=1, max_size=4),
    st.sampled_from(["", "a1", "b2", "rc1"]),
    st.sampled_from(["", "", ".post1", ".dev3"]),
).map(lambda text: str(Version(text)))
locals_ = st.sampled_from(["", "+cu116", "+cpu", "+rocm6.4", "+ubuntu.1"])
clauses = st.builds(
    lambda operator, version: f"{operator}{Version(version).public}",
    st.sampled_from([">=", "<", "<=", ">", "==", "!="]),
    versions,
)
specifiers = st.lists(clauses, max_size=3).map(",".join)
targets = st.builds(
    Target, platform=st.sampled_from(sorted(KNOWN_PLATFORMS)), python=st.sampled_from([*LATEST_PATCH.values()])
)
shipped = st.sampled_from([(name, version) for name, found in releases().items() for version in found])
capabilities = st.tuples(st.integers(3, 12), st.integers(0, 9))


@given(specifiers, versions, locals_)
def test_a_condition_is_the_specifier_on_the_public_version(specifier: str, version: str, local: str) -> None:
    assert admits(specifier, version + local) == SpecifierSet(specifier).contains(version, prereleases=True)


@given(shipped, targets, locals_)
def test_effects_are_those_of_the_rules_that_apply(release: tuple[str, str], target: Target, local: str) -> None:
    name, version = normalize_name(release[0]), release[1]
    local = "" if "+" in version else local
    found = effects_of(BOOK, name, version + local, target)
    assert found == effects_of(BOOK, name, version, target)
    assert [rule.id for rule, _ in found] == sorted(rule.id for rule, _ in found)
    for rule, effect in found:
        assert rule.applies(name, version, target)
        assert not (isinstance(effect, Conflicts) and effect.project == name)
    told = {rule.id for rule, _ in found} | {rule.id for rule in BOOK.findings(name, version, target)}
    assert told == {rule.id for rule in BOOK.rules if rule.applies(name, version, target)}


@given(specifiers, versions, locals_)
def test_a_ruling_concerns_the_builds_of_its_versions(specifier: str, version: str, local: str) -> None:
    ruling = Ruling((specifier,), RuleEffect(rule="A", kind="requires", requirement="b", hard=True))
    assert ruling.concerns(version + local) == admits(specifier, version)


@given(shipped, targets)
def test_the_solver_is_told_what_the_book_says(release: tuple[str, str], target: Target) -> None:
    name, version = normalize_name(release[0]), release[1]
    told = [effect.rule for effect in effects_on(SolverRules(BOOK), name, version, target)]
    binding = [rule for rule, _ in effects_of(BOOK, name, version, target)]
    assert told == [rule.id for rule in binding if rule.hard or rule.severity not in MERELY_TOLD]


@given(st.sampled_from([rule.id for rule in BOOK.rules]), shipped, targets)
def test_an_ignored_rule_is_all_that_is_missing(ignored: str, release: tuple[str, str], target: Target) -> None:
    name, version = normalize_name(release[0]), release[1]
    without = load_rulebook((), {ignored: "for this test"})
    assert effects_of(without, name, version, target) == tuple(
        (rule, effect) for rule, effect in effects_of(BOOK, name, version, target) if rule.id != ignored
    )


texts = st.sampled_from(["", "a", "torch", "torch>=1,<2", "x==1.*", "1", "not a project!", "a[b]", "A_b>2"])
values = st.one_of(texts, st.lists(texts, max_size=3), st.booleans(), st.integers(0, 3))
rules = st.fixed_dictionaries(
    {"id": st.sampled_from(["OUR-RULE", "our-rule", "A1-B2", ""]), "when": values, "sources": values},
    optional={
        **dict.fromkeys(EFFECT_KEYS, values),
        **dict.fromkeys(("by", "beside", "title", "symptom", "evidence", "check"), texts),
        "strength": st.sampled_from(["hard", "preference", "soft"]),
        "severity": st.sampled_from(["import-error", "bad"]),
        "verified": st.sampled_from(["reproduced", "rumour"]),
        "platforms": st.sampled_from(["linux-64", ["win-64", "osx-64"], "amiga", []]),
        "python": st.sampled_from([">=3.12", "<3.9"]),
        "unknown": texts,
    },
)


def written(rule: dict[str, Any]) -> str:
    """Return a rule as TOML."""

    def value(item: object) -> str:
        if isinstance(item, bool):
            return str(item).lower()
        if isinstance(item, list):
            return f"[{', '.join(value(one) for one in item)}]"
        return str(item) if isinstance(item, int) else f"'{item}'"

    return "[[rule]]\n" + "".join(f"{key} = {value(item)}\n" for key, item in rule.items())


def read(text: str) -> tuple[tuple[Rule, ...], tuple[Problem, ...]]:
    """Return the rules of a file, or its problems."""
    try:
        return parse_rules(text, "rules/ours.toml"), ()
    except SpecError as error:
        return (), error.problems


@given(rules)
def test_what_the_reader_takes_the_schema_takes_too(rule: dict[str, Any]) -> None:
    text = written(rule)
    found, problems = read(text)
    assert bool(found) != bool(problems)
    for problem in problems:
        assert problem.origin is not None
        assert problem.origin.path == "rules/ours.toml"
        assert 1 <= problem.origin.line <= text.count("\n")
    if found:
        assert len(found) == 1
        assert found[0].effects
        assert VALIDATOR.is_valid(tomllib.loads(text))
        assert set(rule) <= RULE_KEYS


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    found, problems = read(text)
    assert found == () or problems == ()


@given(st.lists(capabilities, max_size=5), capabilities, capabilities)
def test_coverage_grows_with_the_list_and_machine_code_stays_within_a_major(
    built: list[tuple[int, int]], device: tuple[int, int], other: tuple[int, int]
) -> None:
    names = [f"sm_{major}{minor}" for major, minor in built]
    text = f"{device[0]}.{device[1]}"
    found = architectures_covered(names, text)
    covered = any(major == device[0] and minor <= device[1] for major, minor in built)
    assert found.kind == ("binary" if covered else "none")
    more = architectures_covered([*names, f"compute_{other[0]}{other[1]}"], text)
    assert more.kind == (found.kind if covered else "ptx" if other <= device else "none")
    assert architectures_covered([*names, f"compute_{other[0]}{other[1]}"], text, jit=False) == found


drivers = st.tuples(st.integers(400, 600), st.integers(0, 140), st.integers(0, 20))


@given(st.sampled_from([toolkit.version for toolkit in cuda_tables().toolkits]), drivers, drivers)
def test_a_newer_driver_runs_at_least_as_much(cuda: str, one: tuple[int, ...], two: tuple[int, ...]) -> None:
    order = ("no", "minor-version", "packaged")
    older, newer = sorted((one, two))
    levels = [driver_supports(cuda, ".".join(map(str, driver))).level for driver in (older, newer)]
    assert order.index(levels[0]) <= order.index(levels[1])


@given(st.integers(10, 14), st.integers(0, 9), versions)
def test_a_label_means_its_toolkit_whatever_it_labels(major: int, minor: int, version: str) -> None:
    label = f"cu{major}{minor}"
    found = variant_of(
        name=normalize_name("torch"),
        version=f"{version}+{label}",
        filename=f"torch-{version}+{label}-cp311-cp311-linux_x86_64.whl",
    )
    assert found is not None
    assert found.version == f"{major}.{minor}"
    assert cuda_of_tag(label.removeprefix("cu")) == found.version

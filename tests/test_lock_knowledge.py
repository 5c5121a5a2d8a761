"""What a lock records of implied bounds and rules."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from envsolver.lock.build import build_lock
from envsolver.lock.diff import diff_locks
from envsolver.lock.digest import content_digest
from envsolver.lock.knowledge import LockedEffect, LockedRule
from envsolver.lock.sentences import bound_sentence, effect_sentence
from envsolver.lock.toml import dumps, loads
from envsolver.model.candidate import normalize_name
from envsolver.model.errors import LockError
from envsolver.model.origin import Origin
from envsolver.model.resolution import Edge, GivenUp, HeldBack, RuleUse
from envsolver.model.spec import IgnoredRule
from tests.support.locks import resolution

if TYPE_CHECKING:
    from envsolver.lock.model import Lock
    from envsolver.model.candidate import Name
    from envsolver.model.resolution import Resolution

PATH = "locks/demo.lock.toml"
JAN_2023 = 1_673_900_000
JUNE_2023 = 1_688_100_000
LAYOUT = """\
[[rule]]
id = "DEEPSPEED-PYDANTIC2"
title = "DeepSpeed needs pydantic 1"
effects = [
  { package = "deepspeed", kind = "constrains", requirement = "pydantic<2", targets = ["linux-64"] },
]

[[rule]]
id = "TORCH-NUMPY2"
title = "built against numpy 1"
ignored = "own build"
until = 2027-03-01

[[bound]]
package = "pydantic"
below = "2.0"
released = 2023-06-30T04:40:00Z
requirer = "deepspeed"
version = "0.8.0"
uploaded = 2023-01-16T20:13:20Z
targets = ["linux-64"]

[[bound]]
package = "six"
requirer = "deepspeed"
version = "0.8.0"
gave-way = true
targets = ["linux-64"]"""


def name(text: str) -> Name:
    return normalize_name(text)


def solved(*, pydantic: str = "1.10", platform: str = "linux-64", declares: str = "") -> Resolution:
    universe = {"deepspeed==0.8.0": [f"pydantic{declares}"], f"pydantic=={pydantic}": [], "six==1.16": []}
    return resolution(universe, {"": ["deepspeed", "six"]}, platform=platform)


def held(**facts: object) -> HeldBack:
    known: dict[str, object] = {"declared": JAN_2023, "beyond": "2.0", "uploaded": JUNE_2023, **facts}
    return HeldBack(name=name("pydantic"), requirer=name("deepspeed"), version="0.8.0", **known)  # type: ignore[arg-type] # a test


def rule_use(requirement: str = "pydantic<2", *, rule: str = "DEEPSPEED-PYDANTIC2", gave_way: bool = False) -> RuleUse:
    return RuleUse(rule=rule, name=name("deepspeed"), kind="constrains", requirement=requirement, gave_way=gave_way)


def locked(*resolutions: Resolution, ignored: tuple[IgnoredRule, ...] = (), knowledge: str | None = "7") -> Lock:
    return build_lock(
        name="demo",
        inputs_digest="sha256:" + "0" * 64,
        python=resolutions[0].target.python,
        targets=[one.target for one in resolutions],
        groups=[],
        exclusive=[],
        indexes=[],
        resolutions=resolutions,
        knowledge=knowledge,
        titles={"DEEPSPEED-PYDANTIC2": "DeepSpeed needs pydantic 1", "TORCH-NUMPY2": "built against numpy 1"},
        ignored_rules=ignored,
    )


def full() -> Lock:
    ignored = IgnoredRule(id="TORCH-NUMPY2", reason="own build", origin=Origin("specs/a.yaml"), until="2027-03-01")
    given = GivenUp(name=name("six"), requirer=name("deepspeed"))
    linux = replace(solved(), held=(held(),), rules=(rule_use(),), given_up=(given,))
    return locked(linux, solved(platform="win-64"), ignored=(ignored,))


def test_the_layout_is_fixed() -> None:
    text = dumps(full())
    assert 'python = "3.8.20"\nknowledge = "7"\n' in text
    assert text.split("\n\n")[3:7] == LAYOUT.split("\n\n")
    assert loads(text) == full()


def test_without_knowledge_nothing_is_said() -> None:
    lock = locked(solved(), knowledge=None)
    assert (lock.knowledge, lock.bounds, lock.rules) == (None, (), ())
    assert not {"knowledge", "[[rule]]", "[[bound]]"} & set(dumps(lock).replace(" =", "\n").split("\n"))


def test_what_is_so_everywhere_says_no_target() -> None:
    both = [replace(solved(platform=platform), held=(held(),)) for platform in ("linux-64", "win-64")]
    (bound,) = locked(*both).bounds
    assert bound.targets == ()


def test_nothing_is_implied_where_somebody_declares_as_much() -> None:
    assert len(locked(replace(solved(declares="<3"), held=(held(),))).bounds) == 1
    assert locked(replace(solved(declares="<2"), held=(held(),))).bounds == ()
    # A version that is left out for itself is no upper bound.
    assert len(locked(replace(solved(declares="!=2.0"), held=(held(),))).bounds) == 1
    # What a rule requires is not declared.
    by_rule = replace(solved(), held=(held(),))
    deepspeed, *others = by_rule.packages
    edge = Edge(name=name("pydantic"), specifier="<2", overridden=">=1", rule="DEEPSPEED-PYDANTIC2")
    by_rule = replace(by_rule, packages=(replace(deepspeed, edges=(edge,)), *others))
    assert len(locked(by_rule).bounds) == 1


def test_bounds_of_what_is_not_locked_gave_way_to_no_avail() -> None:
    given = [
        GivenUp(name=name("nowhere"), requirer=name("deepspeed")),
        GivenUp(name=name("six"), requirer=name("nowhere")),
        GivenUp(name=name("six"), requirer=name("deepspeed"), rule="A"),
    ]
    assert locked(replace(solved(), given_up=tuple(given))).bounds == ()


@pytest.mark.parametrize(("overridden", "kind"), [(None, "requires"), ("", "replaces"), (">=1", "replaces")])
def test_edges_that_rules_made_are_effects_of_the_rule(overridden: str | None, kind: str) -> None:
    plain = solved()
    deepspeed, *others = plain.packages
    edge = Edge(name=name("pydantic"), extras=("x",), specifier="<2", overridden=overridden, rule="A")
    pydantic = replace(others[0], extras=("x",))
    lock = locked(replace(plain, packages=(replace(deepspeed, edges=(edge,)), pydantic, *others[1:])))
    (rule,) = lock.rules
    assert rule == LockedRule(
        id="A",
        effects=(LockedEffect(package=name("deepspeed"), kind=kind, requirement="pydantic[x]<2"),),  # type: ignore[arg-type] # a test
    )
    assert lock.versions("deepspeed")[0].dependencies[0].rule == "A"
    assert loads(dumps(lock)) == lock


def test_the_digest_of_the_content_is_that_of_a_lock_that_knows_nothing() -> None:
    assert content_digest(full()) == content_digest(locked(solved(), solved(platform="win-64"), knowledge=None))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('below = "2.0"\n', "", "bound[0].below: is missing"),
        ("released = 2023-06-30T04:40:00Z\n", "", "bound[0].released: is missing"),
        ("released = 2023-06-30T04:40:00Z", "released = 2023-06-30", "bound[0].released: must be a date and time"),
        ("gave-way = true", 'gave-way = true\nbelow = "1"', "bound[1].below: a bound that gave way has none"),
        ("gave-way = true", "gave-way = 1", "bound[1].gave-way: must be true or false"),
        ('package = "six"', 'package = "Six"', "bound[1].package: 'Six' is not a canonical project name"),
        ('package = "six"', 'package = "seven"', "bound[1].package: 'seven' is not locked for linux-64"),
        ('version = "0.8.0"\nuploaded', 'version = "0.8.1"\nuploaded', "deepspeed 0.8.1 is not locked for linux-64"),
        ('uploaded = 2023-01-16T20:13:20Z\ntargets = ["linux-64"]', 'targets = ["osx"]', "'osx' is no target"),
        ('id = "TORCH-NUMPY2"', 'id = "torch"', "rule[1].id: 'torch' is not the id of a rule"),
        ('id = "TORCH-NUMPY2"', 'id = "DEEPSPEED-PYDANTIC2"', "rule[1]: 'DEEPSPEED-PYDANTIC2' stands twice"),
        ("until = 2027-03-01", 'until = "2027-03-01"', "rule[1].until: must be a date"),
        ("until = 2027-03-01", "until = 2027-03-01T00:00:00Z", "rule[1].until: must be a date without time"),
        ("until = 2027-03-01", "effects = [{ package = 'six', requirement = 'x' }]", "an ignored rule has none"),
        ('"constrains"', '"forbids"', "rule[0].effects[0].kind: must be one of constrains, excludes, requires"),
        ('{ package = "deepspeed"', '{ package = "nowhere"', "rule[0].effects[0]: 'nowhere' is not locked"),
        ('specifier = "', 'rule = "A", specifier = "', "package[0].dependencies[0]: there is no rule 'A' in the lock"),
    ],
)
def test_a_mistake_is_named(old: str, new: str, message: str) -> None:
    text = dumps(full()).replace('{ name = "pydantic" }', '{ name = "pydantic", specifier = "<9" }')
    assert old in text
    with pytest.raises(LockError) as caught:
        loads(text.replace(old, new, 1), PATH)
    assert message in str(caught.value)


def test_bounds_in_words() -> None:
    lock = full()
    assert [bound_sentence(lock, bound) for bound in lock.bounds] == [
        "below 2: deepspeed 0.8.0 (2023-01) declares no upper bound, and pydantic 2.0 came 2023-06",
        "the implied bound of deepspeed 0.8.0 on six gave way: nothing resolves with it",
    ]
    wide = locked(replace(solved(declares=">=1,<4,!=3"), held=(held(),)))
    assert bound_sentence(wide, wide.bounds[0]) == (
        "below 2: deepspeed 0.8.0 (2023-01) admits pydantic<4, and pydantic 2.0 came 2023-06"
    )


def test_rules_in_words() -> None:
    lock = locked(replace(solved(), rules=(rule_use(), rule_use("numpy<2", rule="B", gave_way=True))))
    assert [effect_sentence(lock, rule, effect) for rule in lock.rules for effect in rule.effects] == [
        "rule B (deepspeed 0.8.0 with numpy<2; gave way: nothing resolves with it)",
        "rule DEEPSPEED-PYDANTIC2: DeepSpeed needs pydantic 1 (deepspeed 0.8.0 with pydantic<2)",
    ]


def test_a_move_is_explained_by_the_bound_or_the_rule_that_made_it() -> None:
    free = locked(solved(pydantic="2.10"))
    bounded = locked(replace(solved(), held=(held(),)))
    ruled = locked(replace(solved(), rules=(rule_use(),)))
    below = "below 2: deepspeed 0.8.0 (2023-01) declares no upper bound, and pydantic 2.0 came 2023-06"
    rule = "rule DEEPSPEED-PYDANTIC2: DeepSpeed needs pydantic 1 (deepspeed 0.8.0 with pydantic<2)"
    (change,) = diff_locks(free, bounded).changes
    assert (change.kind, change.reasons) == ("downgraded", (below,))
    assert diff_locks(bounded, free).changes[0].reasons == (f"no longer held: {below}",)
    assert diff_locks(free, ruled).changes[0].reasons == (rule,)
    assert diff_locks(ruled, free).changes[0].reasons == (f"no longer held: {rule}",)
    ineffective = locked(replace(solved(), rules=(rule_use(gave_way=True), rule_use("six<1"), rule_use("?", rule="B"))))
    assert diff_locks(free, ineffective).changes[0].reasons == ()


def test_other_knowledge_and_other_exceptions_are_differences_of_their_own() -> None:
    ignored = IgnoredRule(id="TORCH-NUMPY2", reason="own build", origin=Origin("specs/a.yaml"))
    diff = diff_locks(locked(solved()), locked(solved(), knowledge="8", ignored=(ignored,)))
    assert not diff.changes
    assert [(setting.what, setting.old, setting.new) for setting in diff.settings] == [
        ("ignored rule TORCH-NUMPY2", None, "own build"),
        ("knowledge", "7", "8"),
    ]


def test_a_dependency_says_which_rule_it_comes_from() -> None:
    plain = solved()
    deepspeed, *others = plain.packages
    edge = Edge(name=name("pydantic"), specifier="", rule="A")
    changed = replace(plain, packages=(replace(deepspeed, edges=(edge,)), *others))
    (change,) = diff_locks(locked(plain), locked(changed)).changes
    assert change.details == ("requires pydantic (rule A)", "no longer requires pydantic")

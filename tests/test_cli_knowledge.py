"""Implied bounds and rules as the user meets them: in ``lock``, in ``why``, in the lock."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envsolver.knowledge import rules as rules_module
from envsolver.knowledge.rulefile import parse_rules
from tests.support.cli import publish
from tests.support.packages import make_sdist

if TYPE_CHECKING:
    from tests.support.cli import CommandLine
    from tests.support.index_server import IndexServer

SPEC = """\
python: "3.11"
platforms: [linux-64]
pip:
  - app
"""
RULE = """\
[[rule]]
id = "APP-LIB15"
title = "App imports what lib 1.5 removed"
when = "app<2"
constrains = "lib<1.5"
strength = "hard"
sources = "seen"
"""
BELOW = "below 2: app 1.0 (2022-01) declares no upper bound, and lib 2.0 came 2023-06"


@pytest.fixture
def server(default_index: IndexServer) -> IndexServer:
    """An index where app, of 2022, needs lib, whose second series came 2023."""
    publish(default_index, "app", "1.0", "lib>=1", upload_time="2022-01-10T00:00:00Z")
    publish(default_index, "lib", "1.0", upload_time="2021-06-01T00:00:00Z")
    publish(default_index, "lib", "1.9", upload_time="2023-01-01T00:00:00Z")
    publish(default_index, "lib", "2.0", upload_time="2023-06-30T00:00:00Z")
    return default_index


@pytest.fixture
def cli(cli: CommandLine, server: IndexServer) -> CommandLine:
    cli.spec("a", SPEC)
    return cli


def own_rules(cli: CommandLine, text: str = RULE) -> None:
    (cli.root / "rules").mkdir(exist_ok=True)
    (cli.root / "rules" / "own.toml").write_text(text, encoding="utf-8")


def pins(cli: CommandLine) -> list[str]:
    text = cli.requirements_file("a").read_text(encoding="utf-8")
    return [line.split()[0] for line in text.splitlines() if "==" in line and not line.startswith((" ", "#"))]


def lock_text(cli: CommandLine) -> str:
    return cli.lock_file("a").read_text(encoding="utf-8")


# Implied bounds


@pytest.mark.parametrize("again", ["--upgrade", "--refresh"])
def test_lock_ends_with_what_bounds_hold_back(cli: CommandLine, again: str) -> None:
    done = cli("lock", "a")
    assert pins(cli) == ["app==1.0", "lib==1.9"]
    assert done.err.splitlines()[2:] == [
        "2 packages for linux-64",
        "implied bounds hold 1 package back; `envsolver why a --held` lists them",
    ]
    assert '[[bound]]\npackage = "lib"\nbelow = "2.0"\nreleased = 2023-06-30T00:00:00Z\n' in lock_text(cli)
    (entry,) = cli("lock", "a", again, "--json").json["environments"]
    assert entry["status"] == "unchanged"
    assert entry["held"]["bounded"] == 1
    assert entry["held"]["held"][0]["package"] == "lib"


def test_why_says_what_is_implied(cli: CommandLine) -> None:
    cli("lock", "a")
    out = " ".join(cli("why", "a", "lib").out.partition("what holds it at this version")[2].split())
    assert out == BELOW
    (version,) = cli("why", "a", "lib", "--json").json["versions"]
    assert version["held_by"] == [BELOW]
    (bound,) = version["bounds"]
    assert bound == {
        "below": "2.0",
        "released": "2023-06-30T00:00:00Z",
        "requirer": "app",
        "version": "1.0",
        "uploaded": "2022-01-10T00:00:00Z",
        "sentence": BELOW,
        "targets": [],
    }


def test_why_held_lists_them_all(cli: CommandLine) -> None:
    cli("lock", "a")
    done = cli("why", "a", "--held")
    assert " ".join(done.out.split()) == f"a: implied bounds hold 1 package back lib 1.9 {BELOW}"
    document = cli("why", "a", "--held", "--json").json
    assert document["environment"] == "a"
    assert document["bounded"] == 1
    assert [held["package"] for held in document["held"]] == ["lib"]
    assert document["gave_way"] == document["ignored"] == []


def test_why_takes_a_package_or_held(cli: CommandLine) -> None:
    cli("lock", "a")
    for arguments in (["why", "a"], ["why", "a", "lib", "--held"]):
        done = cli(*arguments)
        assert done.status == 2
        assert "name a PACKAGE, or use --held alone" in done.said


@pytest.mark.parametrize(
    ("written", "lib"),
    [
        ("off", "2.0"),
        ("{packages: {lib: off}}", "2.0"),
        ("{packages: {other: off}}", "1.9"),
        ("600d", "2.0"),
        ("{horizon: off, packages: {lib: 90d}}", "1.9"),
        ("{horizon: 600d, packages: {lib: 90d}}", "1.9"),
        ("9d", "1.9"),
    ],
)
def test_the_spec_decides(cli: CommandLine, written: str, lib: str) -> None:
    cli.spec("a", f"{SPEC}implied-bounds: {written}\n")
    assert cli("lock", "a").status == 0
    assert pins(cli)[1] == f"lib=={lib}"


def test_what_the_spec_asks_for_is_not_bounded(cli: CommandLine) -> None:
    cli.spec("a", SPEC + "  - lib\n")
    done = cli("lock", "a")
    assert pins(cli)[1] == "lib==1.9"  # the bound of app still holds
    cli.spec("a", SPEC + "  - lib>=2\n")
    done = cli("lock", "a")
    assert pins(cli)[1] == "lib==2.0"
    assert "held" not in done.said


def test_a_bound_gives_way_and_that_is_said(cli: CommandLine, server: IndexServer) -> None:
    publish(server, "other", "1.0", "lib>=2", upload_time="2023-07-01T00:00:00Z")
    cli.spec("a", SPEC + "  - other\n")
    done = cli("lock", "a")
    assert pins(cli) == ["app==1.0", "lib==2.0", "other==1.0"]
    sentence = "the implied bound of app 1.0 on lib gave way: nothing resolves with it"
    assert f"note: {sentence}" in done.said
    assert "gave-way = true" in lock_text(cli)
    assert sentence in " ".join(cli("why", "a", "lib").out.partition("what gave way")[2].split())
    assert sentence in " ".join(cli("why", "a", "--held").out.split())
    (given,) = cli("why", "a", "--held", "--json").json["gave_way"]
    assert (given["package"], given["requirer"], given["rule"]) == ("lib", "app", None)


def test_without_upload_times_nothing_is_implied_and_that_is_said(cli: CommandLine, server: IndexServer) -> None:
    publish(server, "bare", "1.0", "thing", upload_time=None)
    publish(server, "thing", "1.0", upload_time="2020-01-01T00:00:00Z")
    publish(server, "thing", "2.0", upload_time="2024-01-01T00:00:00Z")
    cli.spec("a", SPEC.replace("- app", "- bare"))
    done = cli("lock", "a")
    assert pins(cli) == ["bare==1.0", "thing==2.0"]
    assert "note: index 'default' does not say when files were uploaded: no implied bounds for bare" in done.said
    cli.spec("a", SPEC.replace("- app", "- bare") + "implied-bounds: off\n")
    assert "does not say" not in cli("lock", "a").said


def test_diff_explains_a_move_by_a_bound(cli: CommandLine) -> None:
    cli.spec("a", f"{SPEC}implied-bounds: off\n")
    cli("lock", "a")
    cli.spec("a", SPEC)
    done = cli("lock", "a", "--upgrade")
    assert "↓ lib 2.0 → 1.9" in done.said
    assert BELOW in done.said


# Rules


def test_a_rule_of_the_project_holds_and_is_named(cli: CommandLine) -> None:
    own_rules(cli)
    cli("lock", "a")
    assert pins(cli) == ["app==1.0", "lib==1.0"]
    text = lock_text(cli)
    assert '[[rule]]\nid = "APP-LIB15"\ntitle = "App imports what lib 1.5 removed"\neffects = [\n' in text
    assert '  { package = "app", kind = "constrains", requirement = "lib<1.5" },\n' in text
    sentence = "rule APP-LIB15: App imports what lib 1.5 removed (app 1.0 with lib<1.5)"
    assert sentence in " ".join(cli("why", "a", "lib").out.split())
    (version,) = cli("why", "a", "lib", "--json").json["versions"]
    assert [(rule["rule"], rule["requirement"]) for rule in version["rules"]] == [("APP-LIB15", "lib<1.5")]
    assert sentence in " ".join(cli("why", "a", "--held").out.split())


def test_a_requirement_by_rule_is_in_the_lock_and_says_why(cli: CommandLine, server: IndexServer) -> None:
    publish(server, "six", "1.16")
    own_rules(cli, RULE.replace('constrains = "lib<1.5"', 'requires = "six<2"'))
    cli("lock", "a")
    assert "six==1.16" in pins(cli)
    assert '{ name = "six", specifier = "<2", rule = "APP-LIB15" }' in lock_text(cli)
    out = " ".join(cli("why", "a", "six").out.split())
    assert "app 1.0 requires six<2 (rule APP-LIB15: App imports what lib 1.5 removed)" in out
    assert out.count("rule APP-LIB15") == 2  # who requires it, and what holds it


def test_a_requirement_that_a_rule_replaces_says_what_was_declared(cli: CommandLine) -> None:
    own_rules(cli, RULE.replace('constrains = "lib<1.5"', 'replaces = "lib>=1"\nby = "lib<1.5"'))
    cli("lock", "a")
    assert pins(cli) == ["app==1.0", "lib==1.0"]
    out = " ".join(cli("why", "a", "lib").out.split())
    assert "requires lib<1.5 (rule APP-LIB15: App imports what lib 1.5 removed; declared: >=1)" in out


def test_a_rule_can_be_ignored_with_a_reason(cli: CommandLine) -> None:
    own_rules(cli)
    ignored = "rules: {ignore: [{id: APP-LIB15, reason: we have patched app, until: 2020-01-01}]}"
    cli.spec("a", f"{SPEC}{ignored}\n")
    done = cli("lock", "a")
    assert pins(cli) == ["app==1.0", "lib==1.9"]
    assert 'ignored = "we have patched app"\nuntil = 2020-01-01\n' in lock_text(cli)
    assert "specs/a.yaml:5: rule APP-LIB15 was to be ignored until 2020-01-01" in done.said
    out = " ".join(cli("why", "a", "--held").out.partition("what the spec ignores")[2].split())
    assert out == "rule APP-LIB15: we have patched app (until 2020-01-01)"


def test_an_unknown_rule_cannot_be_ignored(cli: CommandLine) -> None:
    own_rules(cli)
    cli.spec("a", f"{SPEC}rules: {{ignore: [{{id: APP-LIB, reason: r}}]}}\n")
    for command in (["lock", "a"], ["lock", "a", "--check"]):
        done = cli(*command)
        assert done.status == 2
        assert "specs/a.yaml:5: no rule is called APP-LIB (did you mean 'APP-LIB15'?)" in done.said
    assert not cli.lock_file("a").exists()


def test_a_mistake_in_a_rule_file_is_one_of_the_project(cli: CommandLine) -> None:
    own_rules(cli, RULE.replace("constrains", "constrain"))
    done = cli("lock", "a")
    assert done.status == 2
    assert "rules/own.toml:" in done.said


def test_a_soft_rule_that_gives_way_is_said(cli: CommandLine, server: IndexServer) -> None:
    publish(server, "other", "1.0", "lib>=1.9", upload_time="2023-02-01T00:00:00Z")
    cli.spec("a", SPEC + "  - other\n")
    own_rules(cli, RULE.replace('"hard"', '"preference"\nseverity = "runtime-error"'))
    done = cli("lock", "a")
    assert pins(cli) == ["app==1.0", "lib==1.9", "other==1.0"]
    assert "note: rule APP-LIB15: App imports what lib 1.5 removed (app 1.0 with lib<1.5; gave way" in done.said


def test_a_change_of_the_rules_makes_a_lock_stale(cli: CommandLine) -> None:
    cli("lock", "a")
    assert cli("lock", "a", "--check").status == 0
    own_rules(cli)
    assert cli("lock", "a", "--check").status == 1
    done = cli("lock", "a")
    assert "↓ lib 1.9 → 1.0" in done.said
    assert "rule APP-LIB15: App imports what lib 1.5 removed (app 1.0 with lib<1.5)" in done.said
    assert cli("lock", "a", "--check").status == 0


def test_newer_knowledge_leaves_a_lock_as_it_is_until_it_is_made_again(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli("lock", "a")
    before = cli.files()
    newer = (*rules_module._shipped_rules(), *parse_rules(RULE, "envsolver/knowledge/rules/newer.toml"))
    monkeypatch.setattr(rules_module, "_shipped_rules", lambda: newer)
    monkeypatch.setattr("envsolver.knowledge.version.knowledge_version", lambda: "1-newer")
    for command in (["lock", "a"], ["lock", "a", "--json"], ["lock", "a", "--check"], ["lock", "--all", "--check"]):
        assert cli(*command).status == 0
    assert cli.files() == before
    # Nor does an old version that stays make room for it.
    done = cli("lock", "a", "--upgrade")
    assert done.status == 0
    assert pins(cli) == ["app==1.0", "lib==1.0"]
    assert 'knowledge = "1-newer"' in lock_text(cli)
    assert "→ 1-newer" in done.said
    assert "rule APP-LIB15" in done.said


def test_a_lock_of_the_format_before_is_up_to_date(cli: CommandLine) -> None:
    from envsolver.app.lockfile import seal

    cli("lock", "a")
    head, _, packages = lock_text(cli).partition("[[bound]]")
    body = (
        head.replace('lock-version = "1.1"', 'lock-version = "1.0"')
        + "[[package]]"
        + packages.partition("[[package]]")[2]
    )
    lines = [line for line in body.splitlines() if not line.startswith(("knowledge", "# sealed"))]
    old = seal("\n".join(lines) + "\n")
    cli.lock_file("a").write_text(old, encoding="utf-8")
    assert "is not what belongs to the lock" in cli("lock", "a", "--check").said
    assert cli("lock", "a", "--offline").status == 0
    assert lock_text(cli) == old
    assert cli("lock", "a", "--check").status == 0


# Requirements that no PEP allows, which rules read


def test_releases_with_invalid_requirements_are_locked_as_they_were_meant(
    cli: CommandLine, default_index: IndexServer
) -> None:
    publish(default_index, "pandas", "0.24.2", "pytz (>=2011k)")
    publish(default_index, "pytz", "2018.9")
    declared = make_sdist("gym", "0.21.0", requires=["cloudpickle"], extras={"box2d": ["opencv-python>=3."]})
    default_index.add("gym-0.21.0.tar.gz", declared, upload_time="2023-01-01T00:00:00Z")
    publish(default_index, "cloudpickle", "1.6")
    publish(default_index, "opencv-python", "4.1")
    cli.spec("a", SPEC.replace("app", "pandas==0.24.2\n  - gym[box2d]"))
    assert cli("lock", "a").status == 0
    assert pins(cli) == [
        "cloudpickle==1.6",
        "gym[box2d]==0.21.0",
        "opencv-python==4.1",
        "pandas==0.24.2",
        "pytz==2018.9",
    ]


def test_what_no_rule_knows_cannot_be_used(cli: CommandLine, default_index: IndexServer) -> None:
    publish(default_index, "pandas", "0.25.0", "pytz (>=2011k)")
    cli.spec("a", SPEC.replace("app", "pandas"))
    done = cli("lock", "a")
    assert done.status == 3
    assert "'pytz (>=2011k)' is not valid by PEP 508" in done.err

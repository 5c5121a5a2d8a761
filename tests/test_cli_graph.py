from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envsolver.app.lockfile import lock_text
from tests.support.locks import locked, resolution

if TYPE_CHECKING:
    from tests.support.cli import CommandLine

SPEC = """\
    python: "3.8"
    platforms: [linux-64]
    pip:
      - app
      - lib<2
    groups:
      extra: [tool]
    constraints:
      - {requirement: base<9, reason: later ones break}
    """


@pytest.fixture
def cli(cli: CommandLine) -> CommandLine:
    cli.spec("demo", SPEC)
    found = resolution(
        {
            "app==1.0": ["lib>=1", "base"],
            "base==3.0": [],
            "lib==1.1": ["base>=2,<4"],
            "tool==2.0": ["lib"],
        },
        {"": ["app", "lib<2"], "extra": ["tool"]},
    )
    lock = locked(found, groups=["extra"])
    cli.lock_file("demo").parent.mkdir()
    cli.lock_file("demo").write_text(lock_text(lock), encoding="utf-8")
    return cli


def test_tree(cli: CommandLine) -> None:
    done = cli("tree", "demo")
    assert (done.status, done.err) == (0, "")
    assert done.out == (
        "demo on linux-64\n"
        "app 1.0\n"
        "├── base 3.0\n"
        "└── lib 1.1 (lib>=1)\n"
        "    └── base 3.0 (base<4,>=2)\n"
        "lib 1.1 (*)\n"
        "tool 2.0 (group extra)\n"
        "└── lib 1.1 (*)\n"
    )


def test_tree_of_a_package_to_a_depth(cli: CommandLine) -> None:
    assert cli("tree", "demo", "Tool", "--depth", "1").out.splitlines()[1:] == ["tool 2.0 (group extra)", "└── lib 1.1"]
    assert cli("tree", "demo", "--depth", "0").out.splitlines()[1:] == ["app 1.0", "lib 1.1", "tool 2.0 (group extra)"]


def test_tree_upside_down(cli: CommandLine) -> None:
    assert cli("tree", "demo", "lib", "--invert").out.splitlines()[1:] == [
        "lib 1.1",
        "├── app 1.0 (lib>=1)",
        "└── tool 2.0",
    ]


def test_tree_of_one_group_leaves_the_others_out(cli: CommandLine) -> None:
    assert "tool" in cli("tree", "demo", "--group", "extra").out
    done = cli("tree", "demo", "--group", "exta")
    assert done.status == 2
    assert "did you mean 'extra'?" in done.err


def test_tree_without_box_characters_where_the_encoding_has_none(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("envsolver.cli.ui.Ui.unicode", False)
    assert "`-- lib 1.1 (lib>=1)" in cli("tree", "demo").out


def test_tree_as_json(cli: CommandLine) -> None:
    document = cli("tree", "demo", "--json").json
    assert document["environment"] == "demo"
    assert [(row["depth"], row["name"], row["repeated"]) for row in document["rows"]][:3] == [
        (0, "app", False),
        (1, "base", False),
        (1, "lib", False),
    ]


def test_unknown_platform_and_package_name_what_there_is(cli: CommandLine) -> None:
    done = cli("tree", "demo", "--platform", "win-64")
    assert done.status == 2
    assert "linux-64" in done.err
    done = cli("tree", "demo", "toll")
    assert done.status == 2
    assert "did you mean 'tool'" in done.err


def test_why(cli: CommandLine) -> None:
    done = cli("why", "demo", "Base")
    assert (done.status, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0] == "base 3.0 on linux-64"
    assert lines[1] == "  from default: base-3.0-py3-none-any.whl"
    assert lines[2].startswith("    sha256 ")
    at = lines.index("how the spec brings it")
    assert lines[at + 1 : at + 3] == ["  specs/demo.yaml:4: app", "  └─ app 1.0 requires base"]
    at = lines.index("what requires it")
    assert lines[at + 1 : at + 3] == ["  app 1.0 requires base", "  lib 1.1 requires base<4,>=2"]
    at = lines.index("what holds it at this version")
    # base<9 of the spec holds nothing that base<4 does not hold already.
    assert lines[at + 1 :] == ["  lib 1.1 requires base<4,>=2"]


def test_why_of_a_requirement_of_the_spec(cli: CommandLine) -> None:
    out = cli("why", "demo", "lib").out
    assert "  specs/demo.yaml:5: lib<2\n" in out
    assert "  specs/demo.yaml:5 requires lib<2\n" in out.partition("what holds it")[2]
    assert "nothing in the lock" in cli("why", "demo", "app").out
    assert "specs/demo.yaml:7: tool (group extra)" in cli("why", "demo", "tool").out


def test_why_as_json(cli: CommandLine) -> None:
    document = cli("why", "demo", "base", "--json").json
    assert document["package"] == "base"
    (version,) = document["versions"]
    assert version["version"] == "3.0"
    assert version["artefacts"][0]["source"] == "default"
    assert version["held_by"][0] == "lib 1.1 requires base<4,>=2"


def test_the_constraint_of_a_spec_holds_where_it_is_the_strictest(cli: CommandLine) -> None:
    cli.spec("demo", SPEC.replace("base<9", "base<3.5"))
    held = cli("why", "demo", "base").out.partition("what holds it at this version\n")[2]
    assert held == "  specs/demo.yaml:9 constrains base<3.5: later ones break\n"
    cli.spec("demo", SPEC.replace("base<9", "base<3.5; sys_platform == 'win32'"))
    assert "constrains" not in cli("why", "demo", "base").out


def test_as_of_is_named_where_nothing_else_holds(cli: CommandLine) -> None:
    cli.spec("demo", SPEC.rstrip() + "\n    as-of: 2023-03-09\n")
    assert "as-of" not in cli("why", "demo", "base").out
    held = cli("why", "demo", "app").out.partition("what holds it at this version\n")[2]
    assert " ".join(held.split()) == (
        "specs/demo.yaml:10 takes no files uploaded after as-of 2023-03-09, and nothing else bounds it"
    )


def test_places_are_sorted_as_numbers(cli: CommandLine) -> None:
    names = [f"r{number}" for number in range(12, 0, -1)]
    universe = {f"{name}==1.0": ["base"] for name in names} | {"base==3.0": []}
    spec = "\n".join(["python: '3.8'", "platforms: [linux-64]", "pip:", *(f"  - {name}" for name in names)])
    cli.spec("demo", spec + "\n")
    lock = locked(resolution(universe, {"": names}))
    cli.lock_file("demo").write_text(lock_text(lock), encoding="utf-8")
    report = cli("why", "demo", "base", "--json").json["versions"][0]
    assert [reason["place"] for reason in report["reasons"]] == [f"specs/demo.yaml:{line}" for line in range(4, 16)]


def test_platforms_that_differ_are_told_apart(cli: CommandLine) -> None:
    universe = {"app==1.0": ["base>=1", "base<4; sys_platform == 'win32'"], "base==3.0": []}
    both = [resolution(universe, {"": ["app"]}, platform=platform) for platform in ("linux-64", "win-64")]
    lock = locked(*both)
    cli.lock_file("demo").write_text(lock_text(lock), encoding="utf-8")
    cli.spec("demo", "python: '3.8'\nplatforms: [linux-64, win-64]\npip: [app]\n")
    out = cli("why", "demo", "base").out
    assert "  app 1.0 requires base>=1\n" in out
    assert "  app 1.0 requires base<4 (on win-64)\n" in out
    assert out.partition("what holds it at this version\n")[2] == "  app 1.0 requires base<4 (on win-64)\n"


def test_groups_that_exclude_each_other_are_told_apart(cli: CommandLine) -> None:
    lock = locked(
        resolution({"app==1.0": ["lib"], "lib==1.0": []}, {"": ["app"], "cpu": ["lib<2"]}),
        resolution({"app==1.0": ["lib"], "lib==2.0": []}, {"": ["app"], "gpu": ["lib>=2"]}),
        groups=["cpu", "gpu"],
        exclusive=[("cpu", "gpu")],
    )
    cli.lock_file("demo").write_text(lock_text(lock), encoding="utf-8")
    cli.spec(
        "demo",
        """\
        python: '3.8'
        platforms: [linux-64]
        pip: [app]
        groups: {cpu: [lib<2], gpu: [lib>=2]}
        exclusive: [[cpu, gpu]]
        """,
    )
    done = cli("tree", "demo")
    assert done.out.splitlines()[0] == "demo on linux-64 with cpu"
    assert "lib 1.0" in done.out
    assert done.said == "note: groups that exclude each other are locked apart, here also gpu; --group chooses"
    done = cli("tree", "demo", "--group", "gpu")
    assert (done.out.splitlines()[0], done.err) == ("demo on linux-64 with gpu", "")
    assert "lib 2.0" in done.out
    assert cli("tree", "demo", "--json").json["target"] == "linux-64:cpu"
    out = cli("why", "demo", "lib").out
    assert "lib 1.0 on linux-64:cpu\n" in out
    assert "lib 2.0 on linux-64:gpu\n" in out


@pytest.mark.parametrize("command", ["tree", "why", "export --format pylock"])
def test_the_lock_of_another_environment_is_refused(cli: CommandLine, command: str) -> None:
    cli.spec("other", SPEC)
    cli.lock_file("other").write_text(cli.lock_file("demo").read_text(encoding="utf-8"), encoding="utf-8")
    done = cli(*command.split(), "other", *(["lib"] if command == "why" else []))
    assert (done.status, done.out) == (2, "")
    assert done.said.startswith("error: locks/other.lock.toml: this is the lock of demo hint: `envsolver lock other`")


def test_why_not(cli: CommandLine) -> None:
    done = cli("why", "demo", "bas")
    assert done.status == 2
    assert "no package 'bas'" in done.err
    assert "did you mean 'base'?" in done.err


def test_without_a_lock_the_message_says_how_to_make_one(cli: CommandLine) -> None:
    cli.spec("other", SPEC)
    for command in (("tree", "other"), ("why", "other", "x"), ("export", "other", "--format", "pylock")):
        done = cli(*command)
        assert done.status == 4
        assert done.err == (
            "error: other has no lock: there is no locks/other.lock.toml\nhint: run `envsolver lock other`\n"
        )

"""Fixes of a conflict: suggested after each was solved, and written into the spec when asked for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from envsolver.app.applying import apply_fix
from envsolver.app.fixing import MOST_SOLVES, Found
from envsolver.app.project import Project
from envsolver.app.solving import resolve_environment
from envsolver.model.errors import FileError
from envsolver.model.fix import Addition, Edit, Fix
from envsolver.model.origin import Origin
from tests.support.cli import publish
from tests.support.packages import make_sdist, make_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.cli import CommandLine
    from tests.support.index_server import IndexServer

SPEC = """\
# what we train with
python: "3.11"
platforms: [linux-64]
pip:
  - torch==1.12.1     # the one that was tested
  - "torchvision==0.14"
  - tool
"""
SUGGESTED = """\
error: these requirements cannot hold together:
    specs/a.yaml:5: torch==1.12.1
    specs/a.yaml:6: torchvision==0.14
    torchvision 0.14 requires torch==1.13.0
these changes resolve it, each was solved:
  1. specs/a.yaml:6: torchvision==0.13.1 instead of torchvision==0.14
     gives torchvision 0.13.1, torch 1.12.1, tool 1.0
  2. specs/a.yaml:5: torch==1.13.0 instead of torch==1.12.1
     gives torch 1.13.0, torchvision 0.14, tool 1.0
hint: `envsolver lock a --apply-fix N` writes one of them into the spec
"""


@pytest.fixture
def server(default_index: IndexServer) -> IndexServer:
    """An index where each torchvision wants its own torch."""
    for torch, vision in {"1.12.1": "0.13.1", "1.13.0": "0.14"}.items():
        publish(default_index, "torch", torch)
        publish(default_index, "torchvision", vision, f"torch=={torch}")
    publish(default_index, "tool", "1.0")
    return default_index


@pytest.fixture
def cli(cli: CommandLine, server: IndexServer) -> CommandLine:
    cli.spec("a", SPEC)
    return cli


# Suggested


@pytest.mark.parametrize("options", [(), ("--quiet",)])
def test_each_fix_is_printed_with_what_comes_of_it(cli: CommandLine, options: tuple[str, ...]) -> None:
    done = cli("lock", "a", *options)
    assert (done.status, done.out, done.err) == (3, "", SUGGESTED)
    assert list(cli.files()) == ["specs/a.yaml"]


def test_json_has_them(cli: CommandLine) -> None:
    done = cli("lock", "a", "--json")
    assert done.status == 3
    (entry,) = done.json["environments"]
    first, second = entry["error"]["facts"]["fixes"]
    assert first == {
        "kind": "move",
        "title": "specs/a.yaml:6: torchvision==0.13.1 instead of torchvision==0.14",
        "outcome": "torchvision 0.13.1, torch 1.12.1, tool 1.0",
        "edits": [
            {"origin": {"path": "specs/a.yaml", "line": 6}, "old": "torchvision==0.14", "new": "torchvision==0.13.1"}
        ],
        "warning": None,
    }
    assert second["edits"][0]["new"] == "torch==1.13.0"
    assert entry["error"]["facts"]["untried"] == []
    assert entry["error"]["facts"]["conflict"][2] == {
        "kind": "package",
        "lines": ["torchvision 0.14 requires torch==1.13.0"],
        "project": "torch",
        "requirer": "torchvision",
        "extra": "",
        "origin": None,
        "text": None,
        "group": "",
        "setting": None,
        "rule": None,
        "builds": [],
    }
    assert done.json["error"]["facts"]["fixes"] == [first, second]
    assert entry["applied_fix"] is None
    assert "fixes" in entry["seconds"]


def test_where_nothing_helps_the_error_keeps_its_own_hint(cli: CommandLine, server: IndexServer) -> None:
    publish(server, "broken", "1.0", "torch==9")
    cli.spec("a", SPEC.replace("tool", "broken").replace('  - "torchvision==0.14"\n', ""))
    done = cli("lock", "a")
    assert done.status == 3
    assert "these changes" not in done.said
    assert "hint: loosen or remove" in done.said


def test_what_no_index_has_is_no_conflict(cli: CommandLine, server: IndexServer) -> None:
    cli.spec("a", SPEC.replace("tool", "nowhere"))
    server.forget()
    done = cli("lock", "a")
    assert done.status == 3
    assert "these changes" not in done.said


def test_an_option_of_the_command_line_is_no_line_to_change(cli: CommandLine) -> None:
    cli.spec("a", SPEC.replace("0.14", "0.13.1"))
    cli("lock", "a")
    done = cli("lock", "a", "--upgrade-package", "torchvision==0.14")
    assert done.status == 3
    assert "--upgrade-package: torchvision==0.14" in done.said
    titles = [line for line in done.err.splitlines() if re.match(r"  \d\.", line)]
    assert not any("--upgrade-package" in title for title in titles)


def test_offline_from_the_cache(cli: CommandLine, server: IndexServer) -> None:
    cli("lock", "a")
    server.stop()
    assert cli("lock", "a", "--offline").err == SUGGESTED


def test_what_cannot_be_tried_offline_is_not_suggested(
    cli: CommandLine, server: IndexServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def none(*_: object, **__: object) -> Found:
        return Found(())

    with monkeypatch.context() as patch:
        patch.setattr("envsolver.app.fixing.find_fixes", none)
        cli("lock", "a")
    server.stop()
    done = cli("lock", "a", "--offline")
    assert done.status == 3
    assert "torchvision 0.14 requires torch==1.13.0" in done.said
    assert "these changes" not in done.said


def test_so_many_solves_and_no_more(cli: CommandLine, server: IndexServer, monkeypatch: pytest.MonkeyPatch) -> None:
    count = 10
    for number in range(count):
        publish(server, f"p{number}", "1.0", f"core=={number}.0")
        publish(server, f"p{number}", "2.0", "core==99.0")
        publish(server, "core", f"{number}.0")
    publish(server, "core", "99.0")
    cli.spec("a", SPEC + "".join(f"  - p{number}==1.0\n" for number in range(count)))
    solved = []

    async def counted(*args: Any, **kwargs: Any) -> object:
        solved.append(args)
        return await resolve_environment(*args, **kwargs)

    monkeypatch.setattr("envsolver.app.trials.resolve_environment", counted)
    assert cli("lock", "a").status == 3
    assert 0 < len(solved) <= MOST_SOLVES


def test_of_several_environments_each_has_its_own(cli: CommandLine) -> None:
    cli.spec("b", SPEC.replace("1.12.1", "1.13.0").replace("0.14", "0.13.1"))
    done = cli("lock", "--all")
    assert done.err.count("these changes resolve it") == 2
    assert "`envsolver lock b --apply-fix N`" in done.said


# Applied


def test_a_fix_is_written_where_it_belongs_and_nothing_else_changes(cli: CommandLine) -> None:
    done = cli("lock", "a", "--apply-fix", "1")
    assert done.status == 0, done.err
    assert done.err.splitlines()[:4] == [
        "fixed specs/a.yaml:6: torchvision==0.13.1 instead of torchvision==0.14",
        "wrote specs/a.yaml",
        "wrote locks/a.lock.toml",
        "wrote locks/a.requirements.txt",
    ]
    spec = (cli.root / "specs" / "a.yaml").read_text(encoding="utf-8")
    assert spec == SPEC.replace('"torchvision==0.14"', '"torchvision==0.13.1"')
    assert cli("lock", "a", "--check").status == 0


def test_the_other_one_keeps_the_comment(cli: CommandLine) -> None:
    assert cli("lock", "a", "--apply-fix", "2", "--quiet").status == 0
    spec = (cli.root / "specs" / "a.yaml").read_text(encoding="utf-8")
    assert spec == SPEC.replace("torch==1.12.1 ", "torch==1.13.0 ")


def test_what_was_applied_is_in_the_json(cli: CommandLine) -> None:
    (entry,) = cli("lock", "a", "--apply-fix", "1", "--json").json["environments"]
    assert entry["status"] == "written"
    assert entry["applied_fix"]["edits"][0]["new"] == "torchvision==0.13.1"
    assert entry["written"] == ["specs/a.yaml", "locks/a.requirements.txt", "locks/a.lock.toml"]


def test_the_line_may_stand_in_a_base_or_in_a_project(cli: CommandLine) -> None:
    cli.spec("_base", SPEC.replace("  - tool\n", "").replace('  - "torchvision==0.14"\n', ""))
    cli.spec("a", "extends: _base\nfrom: pyproject.toml\n")
    project = cli.root / "pyproject.toml"
    text = '[project]\nname = "x"\ndependencies = [\n  "torchvision==0.14", # pictures\n]\n'
    project.write_text(text, encoding="utf-8")
    assert cli("lock", "a", "--apply-fix", "1").status == 0
    assert project.read_text(encoding="utf-8") == text.replace("0.14", "0.13.1")
    project.write_text(text, encoding="utf-8")
    assert cli("lock", "a", "--apply-fix", "2").status == 0
    assert "torch==1.13.0 " in (cli.root / "specs" / "_base.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("number", "said"),
    [("3", "there is no fix 3 for a: 2 were found"), ("0", "expected a whole number, 1 or more, found '0'")],
)
def test_a_number_that_is_none(cli: CommandLine, number: str, said: str) -> None:
    done = cli("lock", "a", "--apply-fix", number)
    assert done.status == 2
    assert said in done.said
    assert list(cli.files()) == ["specs/a.yaml"]


def test_with_nothing_to_fix_it_locks_and_says_so(cli: CommandLine) -> None:
    cli.spec("a", SPEC.replace("0.14", "0.13.1"))
    done = cli("lock", "a", "--apply-fix", "2")
    assert done.status == 0
    assert "note: there was nothing to fix" in done.said
    done = cli("lock", "a", "--apply-fix", "2")
    assert done.err == "a is up to date\nnote: there was nothing to fix\n"


def test_it_takes_one_environment_and_no_check(cli: CommandLine) -> None:
    cli.spec("b", SPEC)
    for arguments in (["--all"], ["a", "b"], ["a", "--check"]):
        assert cli("lock", *arguments, "--apply-fix", "2").status == 2
    assert "specs/a.yaml" in cli.files()


def test_a_line_that_cannot_be_changed_alone_is_left_to_the_user(cli: CommandLine) -> None:
    text = SPEC.replace("  - torch==1.12.1     # the one that was tested", "  - &torch torch==1.12.1")
    cli.spec("a", text)
    done = cli("lock", "a", "--apply-fix", "2")
    assert done.status == 4
    assert "specs/a.yaml:5: 'torch==1.12.1' stands there nowhere" in done.said
    assert "hint: change it by hand: torch==1.13.0 instead of torch==1.12.1" in done.said
    assert (cli.root / "specs" / "a.yaml").read_text(encoding="utf-8") == text


# Added


GROUPS = """\
python: "3.11"   # the newest that both know
platforms: [linux-64]
pip: [tool]
groups:
  old:
    - torch==1.12.1
  new: [torchvision==0.14]
"""


def test_groups_that_clash_are_named_and_can_be_solved_apart(cli: CommandLine) -> None:
    cli.spec("a", GROUPS)
    done = cli("lock", "a")
    assert done.status == 3
    assert done.err.splitlines()[1:3] == [
        "    specs/a.yaml:6: torch==1.12.1 (group old)",
        "    specs/a.yaml:7: torchvision==0.14 (group new)",
    ]
    fixes = cli("lock", "a", "--json").json["error"]["facts"]["fixes"]
    number = [fix["kind"] for fix in fixes].index("exclusive") + 1
    assert fixes[number - 1] == {
        "kind": "exclusive",
        "title": "specs/a.yaml: exclusive: [[old, new]]: these groups are solved apart",
        "outcome": "torch 1.12.1, torchvision 0.14, tool 1.0",
        "edits": [{"origin": {"path": "specs/a.yaml", "line": 0}, "content": {"exclusive": [["old", "new"]]}}],
        "warning": "they can then not be installed together",
    }
    assert cli("lock", "a", "--apply-fix", str(number)).status == 0
    assert (cli.root / "specs" / "a.yaml").read_text(encoding="utf-8") == GROUPS + "exclusive:\n  - [old, new]\n"
    assert cli("lock", "a", "--check").status == 0


def test_groups_are_not_said_to_go_apart_where_that_does_not_help(cli: CommandLine) -> None:
    cli.spec("a", GROUPS.replace("[tool]", "[torch<1.13]"))
    done = cli("lock", "a", "--json")
    assert done.status == 3
    assert "exclusive" not in [fix["kind"] for fix in done.json["error"]["facts"]["fixes"]]


def test_a_rule_that_a_fix_ignores_asks_for_its_reason_until_there_is_one(
    cli: CommandLine, server: IndexServer
) -> None:
    publish(server, "numpy", "2.0")
    cli.spec("a", SPEC.replace("tool", "numpy==2.0").replace("0.14", "0.13.1"))
    fixes = cli("lock", "a", "--json").json["error"]["facts"]["fixes"]
    number = [fix["kind"] for fix in fixes].index("ignore-rule") + 1
    assert fixes[number - 1]["warning"] == "then expect: RuntimeError: Numpy is not available"
    done = cli("lock", "a", "--apply-fix", str(number))
    assert done.status == 0, done.err
    assert "note: specs/a.yaml:10: rule TORCH-NUMPY2 is ignored: write the reason there" in done.err
    written = (cli.root / "specs" / "a.yaml").read_text(encoding="utf-8")
    assert written.endswith(
        "rules:\n  ignore:\n    - id: TORCH-NUMPY2\n      reason: not given yet, say here why this rule does not hold\n"
    )
    cli.spec("a", written.replace("not given yet, say here why this rule does not hold", "we never call it"))
    assert "write the reason" not in cli("lock", "a").err


GPU = """\
python: "3.11"
platforms: [linux-64]
gpu:
  cuda: "11.6"   # of the nodes
pip: [torch==1.12.1]
"""


@pytest.fixture
def pytorch(server: IndexServer, monkeypatch: pytest.MonkeyPatch) -> IndexServer:
    """The server, with an index like those of PyTorch: torch is a CUDA 10.2 build on the default index."""
    monkeypatch.setattr("envsolver.app.proposals.PYTORCH_INDEXES", server.url("cu116").rpartition("/cu116")[0])
    server.index().files.clear()
    for index, version in {"simple": "1.12.1", "cu116": "1.12.1+cu116"}.items():
        filename = f"torch-{version}-cp311-cp311-linux_x86_64.whl"
        server.add(filename, make_wheel("torch", version, tag="cp311-cp311-linux_x86_64"), index=index)
    return server


def test_the_build_that_is_wanted_is_taken_from_its_index(cli: CommandLine, pytorch: IndexServer) -> None:
    cli.spec("a", GPU)
    url = pytorch.url("cu116").rstrip("/")
    assert cli("lock", "a", "--json").json["error"]["facts"]["fixes"][0] == {
        "kind": "index",
        "title": f"specs/a.yaml: take torch from {url}",
        "outcome": "torch 1.12.1+cu116",
        "edits": [
            {
                "origin": {"path": "specs/a.yaml", "line": 0},
                "content": {"indexes": {"pytorch-cu116": {"url": url, "packages": ["torch"]}}},
            }
        ],
        "warning": None,
    }
    assert cli("lock", "a", "--apply-fix", "1").status == 0
    assert (cli.root / "specs" / "a.yaml").read_text(encoding="utf-8") == (
        GPU + f"indexes:\n  pytorch-cu116:\n    url: {url}\n    packages: [torch]\n"
    )


def test_an_index_that_the_spec_has_gets_one_package_more(cli: CommandLine, pytorch: IndexServer) -> None:
    url = pytorch.url("cu116").rstrip("/")
    text = GPU + f"indexes:\n  nightly:\n    url: {url}/\n    packages: [triton]   # for now\n"
    cli.spec("a", text)
    assert cli("lock", "a", "--apply-fix", "1").status == 0
    written = (cli.root / "specs" / "a.yaml").read_text(encoding="utf-8")
    assert written == text.replace("[triton]", "[triton, torch]")


def test_an_index_that_cannot_be_reached_is_told(cli: CommandLine, pytorch: IndexServer) -> None:
    cli.spec("a", GPU)
    pytorch.fault("/cu116/*", status=403)
    done = cli("lock", "a")
    assert done.status == 3
    assert "1. specs/a.yaml:4: gpu.cuda: 10.2 instead of 11.6" in done.said
    assert "this may resolve it, and could not be tried: specs/a.yaml: take torch from" in done.said
    assert len(pytorch.asked("/cu116/*")) == 1


def test_a_fix_that_cannot_be_added_is_told_in_words(cli: CommandLine) -> None:
    cli.spec("a", GROUPS + "exclusive: &none []\n")
    fix = Fix(
        kind="exclusive",
        title="t",
        outcome="o",
        edits=(Addition(origin=Origin("specs/a.yaml"), content={"exclusive": {"old": "new"}}),),
    )
    with pytest.raises(FileError) as caught:
        apply_fix(Project(root=cli.root.resolve()), fix)
    assert caught.value.hint == 'add it by hand: {"exclusive": {"old": "new"}}'


# The files


def a_fix(*edits: tuple[str, int, str, str | None]) -> Fix:
    return Fix(
        kind="move",
        title="t",
        outcome="o",
        edits=tuple(Edit(origin=Origin(p, n), old=old, new=new) for p, n, old, new in edits),
    )


def test_edits_of_one_file_are_made_together_from_the_bottom_up(tmp_path: Path) -> None:
    spec = tmp_path / "specs" / "a.yaml"
    spec.parent.mkdir()
    spec.write_bytes(b"pip:\r\n- a==1\r\n- b<1\r\n- c\r\n")
    fix = a_fix(("specs/a.yaml", 2, "a==1", "a==2"), ("specs/a.yaml", 3, "b<1", None), ("specs/a.yaml", 4, "c", "c>1"))
    assert apply_fix(Project(root=tmp_path.resolve()), fix) == (spec.resolve(),)
    assert spec.read_bytes() == b"pip:\r\n- a==2\r\n- c>1\r\n"


def test_all_files_change_or_none(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("[a]\n")
    (tmp_path / "b.yaml").write_text("[b]\n")
    with pytest.raises(FileError, match=r"b.yaml:1: 'x' stands there nowhere"):
        apply_fix(Project(root=tmp_path.resolve()), a_fix(("a.yaml", 1, "a", "a<2"), ("b.yaml", 1, "x", "x<2")))
    assert (tmp_path / "a.yaml").read_text() == "[a]\n"


@pytest.mark.parametrize("path", ["../outside.yaml", "gone.yaml", "link.yaml"])
def test_files_outside_the_project_are_not_touched(tmp_path: Path, path: str) -> None:
    root = tmp_path / "project"
    root.mkdir()
    outside = tmp_path / "outside.yaml"
    outside.write_text("[a]\n")
    (root / "link.yaml").symlink_to(outside)
    with pytest.raises(FileError) as caught:
        apply_fix(Project(root=root.resolve()), a_fix((path, 1, "a", "a<2")))
    assert caught.value.hint == "change it by hand: a<2 instead of a"
    assert outside.read_text() == "[a]\n"


def test_a_link_inside_the_project_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("[a]\n")
    (tmp_path / "link.yaml").symlink_to(tmp_path / "a.yaml")
    apply_fix(Project(root=tmp_path.resolve()), a_fix(("link.yaml", 1, "a", "a<2")))
    assert (tmp_path / "link.yaml").is_symlink()
    assert (tmp_path / "a.yaml").read_text() == "[a<2]\n"


def test_nothing_is_built_to_look_for_a_fix(cli: CommandLine, server: IndexServer) -> None:
    """An old version of which only a build can tell what it requires is no fix, and does not keep others from it."""
    publish(server, "ui", "2.0", "backend<2")
    server.add("ui-1.0.tar.gz", make_sdist("ui", "1.0", style="none"))
    publish(server, "backend", "1.0")
    publish(server, "backend", "2.0")
    cli.spec("b", SPEC.partition("pip:")[0] + "pip: [ui==2.0, 'backend>=2', tool]\n")
    refused = cli("lock", "b")
    assert refused.status == 3
    assert "ui 2.0 requires backend<2" in refused.err
    assert "gives backend 1.0, ui 2.0, tool 1.0" in re.sub(r"\s+", " ", refused.err)
    assert not [one.path for one in server.requests if "setuptools" in one.path]  # what a build would need first

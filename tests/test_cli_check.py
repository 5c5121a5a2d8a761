"""``check`` and ``explain`` as the user meets them."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from envsolver.app import checking
from tests.support.cli import CommandLine, publish

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.index_server import IndexServer

ROOT = Path(__file__).resolve().parent.parent
SCHEMA = json.loads((ROOT / "tests" / "data" / "sarif" / "sarif-schema-2.1.0.json").read_text(encoding="utf-8"))
SPEC = """\
python: "3.11"
platforms: [linux-64]
pip:
  - app
"""
OWN_RULE = """\
[[rule]]
id = "APP-LIB2"
title = "App imports what lib 2 removed"
when = "app<2"
constrains = "lib<2"
strength = "{}"
severity = "import-error"
symptom = "ImportError: cannot import name 'x' from 'lib'"
sources = "seen"
"""


@pytest.fixture
def cli(cli: CommandLine, default_index: IndexServer) -> CommandLine:
    publish(default_index, "app", "1.0", "lib")
    publish(default_index, "lib", "1.0")
    publish(default_index, "lib", "2.0")
    cli.spec("a", SPEC)
    return cli


@pytest.fixture
def real(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The environments of this repository."""
    for folder in ("specs", "locks"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    monkeypatch.chdir(tmp_path)
    return CommandLine(tmp_path, capsys)


def own_rule(cli: CommandLine, strength: str = "preference") -> None:
    (cli.root / "rules").mkdir(exist_ok=True)
    (cli.root / "rules" / "own.toml").write_text(OWN_RULE.format(strength), encoding="utf-8")


# The lock beside its spec


def test_a_lock_that_is_as_it_should_be(cli: CommandLine) -> None:
    cli("lock", "a")
    done = cli("check", "a")
    assert (done.status, done.out, done.err) == (0, "a: up to date, nothing found\n", "")


def test_a_spec_without_a_lock(cli: CommandLine) -> None:
    done = cli("check", "--all")
    assert done.status == 1
    assert done.out.startswith("a: not locked, 1 error\n  error LCK002: there is no locks/a.lock.toml\n")
    assert "at specs/a.yaml:1" in done.out
    assert "run `envsolver lock a`" in done.out


def test_a_deprecated_spec_without_a_lock_fails_nothing(cli: CommandLine) -> None:
    cli.spec("a", f"{SPEC}status: deprecated\n")
    done = cli("check", "--all", "--notes")
    assert done.status == 0
    assert "note LCK002: there is no locks/a.lock.toml" in done.out


def test_a_spec_that_has_changed_and_one_whose_comment_has(cli: CommandLine) -> None:
    cli("lock", "a")
    cli.spec("a", f"{SPEC}# a comment\n")
    assert cli("check", "a").status == 0
    cli.spec("a", SPEC.replace("- app", "- app>=1"))
    done = cli("check", "a")
    assert done.status == 1
    assert "error LCK001: the spec has changed since it was locked" in done.out


def test_a_rule_that_came_after_the_lock(cli: CommandLine) -> None:
    cli("lock", "a")
    own_rule(cli, "hard")
    done = cli("check", "a", "--json")
    (entry,) = done.json["environments"]
    assert entry["lock"] == "stale"
    stale, broken = entry["findings"]
    assert stale["code"] == "LCK001"
    assert broken == {
        "code": "RUL001",
        "severity": "error",
        "message": "App imports what lib 2 removed: app 1.0 beside lib 2.0, not lib<2",
        "packages": ["app 1.0", "lib 2.0"],
        "path": ["app", "app 1.0", "lib 2.0"],
        "place": {"path": "specs/a.yaml", "line": 4},
        "lock_place": {"path": "locks/a.lock.toml", "line": line_of(cli, "app")},
        "hint": "expect: ImportError: cannot import name 'x' from 'lib'",
        "rule": "APP-LIB2",
        "targets": [],
        "allowed": None,
        "since_locked": False,
        "fix": None,
    }
    cli("lock", "a")
    assert cli("check", "a").status == 0


def line_of(cli: CommandLine, name: str) -> int:
    lines = cli.lock_file("a").read_text(encoding="utf-8").splitlines()
    return next(at for at, line in enumerate(lines, 1) if line == "[[package]]" and lines[at] == f'name = "{name}"')


def test_a_rule_that_the_spec_ignores_is_accepted(cli: CommandLine) -> None:
    own_rule(cli, "hard")
    cli.spec("a", SPEC + "rules:\n  ignore:\n    - id: APP-LIB2\n      reason: x is not used\n")
    cli("lock", "a")
    done = cli("check", "a")
    assert done.status == 0
    assert done.out.startswith("a: up to date, 1 accepted\n  accepted RUL001: ")
    assert "accepted: x is not used" in done.out


def test_warnings_fail_where_that_is_asked_for(cli: CommandLine) -> None:
    own_rule(cli)
    cli.spec("a", SPEC + "  - lib==2.0\n")
    cli("lock", "a")
    assert cli("check", "a").status == 0
    done = cli("check", "a", "--strict")
    assert done.status == 1
    assert "warning RUL001" in done.out


def test_a_lock_that_cannot_be_read_is_an_error(cli: CommandLine) -> None:
    cli("lock", "a")
    text = cli.lock_file("a").read_text(encoding="utf-8")
    cli.lock_file("a").write_text(text.replace('version = "2.0"', "version = 2"), encoding="utf-8")
    done = cli("check", "a")
    assert done.status == 2
    assert "version: must be a string" in done.said
    assert cli("check", "a", "--json").json["environments"][0]["error"]["code"] == "bad-lock"


# What is remembered


def test_the_second_check_judges_nothing(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    own_rule(cli)
    cli.spec("a", SPEC + "  - lib==2.0\n")
    cli("lock", "a")
    first = cli("check", "a", "--json")

    def never(*_args: Any) -> Any:
        raise AssertionError

    with monkeypatch.context() as patch:
        patch.setattr(checking, "_judge_one", never)
        assert cli("check", "a", "--json").out == first.out
        cli.spec("a", SPEC + "  - lib==2.0 # moved\n")
        with pytest.raises(AssertionError):
            checking.check(checking_project(cli), checking_project(cli).all())
    own_rule(cli, "hard")
    assert cli("check", "a").status == 1


def checking_project(cli: CommandLine) -> Any:
    from envsolver.app.project import open_project

    return open_project(cli.root)


def test_another_knowledge_forgets(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    from envsolver.app import checked

    cli("lock", "a")
    cli("check", "a")
    environment = checking_project(cli).find("a")
    assert checked.recall(checking_project(cli), environment) is not None
    monkeypatch.setattr(checked, "knowledge_version", lambda: "1-other")
    assert checked.recall(checking_project(cli), environment) is None


def test_many_locks_are_judged_side_by_side(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    cli("lock", "a")
    for copy in ("b", "c"):
        cli.spec(copy, SPEC)
        cli("lock", copy)
    cli("cache", "clean")
    one = cli("check", "--all", "--json").out
    cli("cache", "clean")
    monkeypatch.setattr(checking, "_MANY", 2)
    monkeypatch.setattr(checking, "_processors", lambda: 2)
    assert cli("check", "--all", "--json").out == one
    cli.lock_file("b").write_text("name = 3", encoding="utf-8")
    done = cli("check", "--all", "--json")
    assert done.status == 2
    assert [entry["error"] and entry["error"]["code"] for entry in done.json["environments"]] == [
        None,
        "bad-lock",
        None,
    ]


# Formats


def test_the_real_environments(real: CommandLine) -> None:
    document = real("check", "acpt-1.13-py38", "torch-2.9-cu128-py312", "--json").json
    acpt, modern = document["environments"]
    assert acpt["lock"] == modern["lock"] == "up-to-date"
    assert acpt["counts"]["error"] == modern["counts"]["error"] == 0
    (accepted,) = [one for one in acpt["findings"] if one["allowed"]]
    assert accepted["code"] == "GPU004"
    assert accepted["packages"] == ["onnxruntime-training 1.14.0"]
    assert accepted["place"]["path"] == "specs/acpt-1.13-py38.yaml"
    lines = (real.root / "specs" / "acpt-1.13-py38.yaml").read_text(encoding="utf-8").splitlines()
    assert lines[accepted["place"]["line"] - 1] == "  - onnxruntime-training==1.14.0"


def test_every_finding_stands_where_its_line_says(real: CommandLine) -> None:
    names = [path.name.removesuffix(".lock.toml") for path in (real.root / "locks").glob("*.lock.toml")]
    for entry in real("check", *sorted(names), "--json").json["environments"]:
        for finding in entry["findings"]:
            name, version = finding["packages"][0].split()
            lock = finding["lock_place"]
            lines = (real.root / lock["path"]).read_text(encoding="utf-8").splitlines()
            block, named, numbered = lines[lock["line"] - 1 : lock["line"] + 2]
            assert (block, numbered) == ("[[package]]", f'version = "{version}"')
            # What conda provides is judged as the project that it is, and locked under its own name.
            assert named == f'name = "{name}"' or (named.startswith('name = "conda:') and "conda" in entry["name"])
            place = finding["place"]
            line = (real.root / place["path"]).read_text(encoding="utf-8").splitlines()[place["line"] - 1]
            assert finding["path"][0] in line


def test_sarif_is_valid(real: CommandLine) -> None:
    done = real("check", "--all", "--format", "sarif")
    log = json.loads(done.out)
    jsonschema.Draft7Validator(SCHEMA).validate(log)
    (run,) = log["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert rules == sorted({result["ruleId"] for result in run["results"]})
    for result in run["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
        assert result["locations"][0]["physicalLocation"]["region"]["startLine"] >= 1
    (suppressed,) = [result for result in run["results"] if "suppressions" in result]
    assert suppressed["ruleId"] == "GPU004"
    prints = [result["partialFingerprints"]["envsolver/1"] for result in run["results"]]
    assert len(set(prints)) == len(prints)


def test_what_could_not_be_judged_is_a_result(cli: CommandLine) -> None:
    for name in ("a", "b", "c", "d"):
        cli.spec(name, SPEC)
        cli("lock", name)
    cli.lock_file("b").write_text("<<<<<<< ours\n", encoding="utf-8")
    cli.lock_file("c").write_bytes(b"\xff")
    cli.spec("d", SPEC + "pythn: 3\n")
    done = cli("check", "--all", "--format", "sarif")
    assert done.status == 2
    log = json.loads(done.out)
    jsonschema.Draft7Validator(SCHEMA).validate(log)
    results = [result for result in log["runs"][0]["results"] if result["ruleId"] == "LCK004"]
    places = [result["locations"][0]["physicalLocation"] for result in results]
    assert [place["artifactLocation"]["uri"] for place in places] == [
        "locks/b.lock.toml",
        "locks/c.lock.toml",
        "specs/d.yaml",
    ]
    lines = len((cli.root / "specs" / "d.yaml").read_text(encoding="utf-8").splitlines())
    assert [place["region"]["startLine"] for place in places] == [1, 1, lines]
    assert {result["level"] for result in results} == {"error"}
    assert "unknown key 'pythn'" in results[2]["message"]["text"]
    done = cli("check", "--all", "--format", "github")
    assert done.status == 2
    assert [line.partition("::b")[0].split(",title=")[0] for line in done.out.splitlines() if "LCK004" in line] == [
        "::error file=locks/b.lock.toml,line=1",
        "::error file=locks/c.lock.toml,line=1",
        f"::error file=specs/d.yaml,line={lines}",
    ]


def test_annotations_of_github_stand_at_their_lines(real: CommandLine) -> None:
    lines = real("check", "acpt-1.13-py38", "--format", "github").out.splitlines()
    (accepted,) = [line for line in lines if "GPU004" in line]
    found = re.fullmatch(
        r"::notice file=specs/acpt-1\.13-py38\.yaml,line=(\d+),title=GPU004 acpt-1\.13-py38::(.*)", accepted
    )
    assert found is not None
    assert "%0Aaccepted: " in found[2]
    assert all(re.match(r"::(error|warning|notice) file=[^:]+,line=\d+,title=[A-Z]{3}\d{3} ", line) for line in lines)


def test_paths_begin_at_the_repository(real: CommandLine, tmp_path_factory: pytest.TempPathFactory) -> None:
    (real.root.parent / ".git").mkdir(exist_ok=True)
    out = real("check", "acpt-1.13-py38", "--format", "github").out
    assert f"file={real.root.name}/specs/" in out
    (real.root / "r.txt").write_text("torch==2.1.2\nnumpy==2.0.2\n", encoding="utf-8")
    out = real("check", "--file", "r.txt", "--python", "3.10", "--format", "github").out
    assert f"::error file={real.root.name}/r.txt,line=1," in out
    (real.root.parent / ".git").rmdir()


def test_github_escapes_what_would_end_a_command() -> None:
    from envsolver.findings.model import Finding
    from envsolver.findings.render import github_annotations
    from envsolver.model.origin import Origin

    finding = Finding(
        code="GPU001",
        severity="error",
        message="50% of\na::b",
        environment="a,b:c",
        packages=(),
        place=Origin("a,b.txt", 3),
    )
    expected = "::error file=a%2Cb.txt,line=3,title=GPU001 a%2Cb%3Ac::50%25 of%0Aa::b\n"
    assert github_annotations([finding]) == expected


def test_the_output_goes_to_a_file(cli: CommandLine) -> None:
    cli("lock", "a")
    done = cli("check", "a", "--format", "sarif", "-o", "found.sarif")
    assert (done.status, done.out) == (0, "")
    assert json.loads((cli.root / "found.sarif").read_text(encoding="utf-8"))["version"] == "2.1.0"


# Locks of other tools


def test_a_requirements_file_is_judged(cli: CommandLine) -> None:
    (cli.root / "requirements.txt").write_text("numpy==2.0.2\n    # via torch\ntorch==2.1.2\nsix\n", encoding="utf-8")
    done = cli("check", "--file", "requirements.txt", "--python", "3.10", "--cuda", "11.8")
    assert done.status == 1
    assert done.out.startswith("requirements.txt: 2 errors, ")
    assert "error ABI001: " in done.out
    assert "at requirements.txt:3, requirements.txt:3" not in done.out
    assert "by torch==2.1.2 > torch 2.1.2 > numpy 2.0.2" in done.out
    assert "error GPU001: torch 2.1.2 is a CUDA 12.1 build; asked for is CUDA 11.8" in done.out
    assert done.said == "note: not pinned, so not judged: requirements.txt:4: six"
    notes = cli("check", "--file", "requirements.txt", "--python", "3.10", "--notes").out
    assert "note SEC002: no hash ties" in notes


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--file", "r.txt"], "--file needs --python"),
        (["--file", "r.txt", "a", "--python", "3.10"], "does not go with environments"),
        (["--file", "r.txt", "--python", "2.6"], "Python 2.6 is not known"),
        (["a", "--cuda", "11.6"], "--cuda goes with --file only"),
        ([], "no environment is named"),
    ],
)
def test_what_makes_no_sense_is_refused(cli: CommandLine, arguments: list[str], said: str) -> None:
    (cli.root / "r.txt").write_text("six==1.16.0\n", encoding="utf-8")
    done = cli("check", *arguments)
    assert done.status == 2
    assert said in done.said


def test_a_file_needs_no_project(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "r.txt").write_text("onnx==1.11.0\nprotobuf==4.25.3\n", encoding="utf-8")
    done = CommandLine(tmp_path, capsys)("check", "--file", "r.txt", "--python", "3.9", "--json")
    assert done.status == 1
    assert done.json["project"] is None
    assert [one["code"] for one in done.json["environments"][0]["findings"]][:1] == ["ABI002"]


# explain


def test_explain(cli: CommandLine) -> None:
    document = (ROOT / "docs" / "findings" / "GPU003.md").read_text(encoding="utf-8")
    assert cli("explain", "GPU003", "--format", "markdown").out == document
    assert cli("explain").out.splitlines()[1].split()[:2] == ["GPU001", "error"]
    own_rule(cli)
    assert "App imports what lib 2 removed" in cli("explain", "app-lib2").out
    assert cli("explain", "TORCH-NUMPY2", "--json").json["name"] == "TORCH-NUMPY2"
    done = cli("explain", "TORCH-NUMPY3")
    assert done.status == 2
    assert "TORCH-NUMPY2" in done.said


def test_a_file_that_pins_nothing_is_not_called_good(cli: CommandLine) -> None:
    (cli.root / "requirements.txt").write_text("six\n-r more.txt\n", encoding="utf-8")
    done = cli("check", "--file", "requirements.txt", "--python", "3.10")
    assert done.out == "requirements.txt: nothing was judged, for no package is pinned\n"
    assert "requirements.txt:2: -r more.txt" in done.err


# Names that are one slip away from well-known ones


@pytest.fixture
def slip(cli: CommandLine, default_index: IndexServer) -> CommandLine:
    publish(default_index, "reqeusts", "1.0", "nunpy")
    publish(default_index, "nunpy", "1.0")
    cli.spec("a", SPEC + "  - reqeusts\n")
    return cli


def test_a_slip_is_a_warning_with_what_was_meant(slip: CommandLine) -> None:
    done = slip("lock", "a")
    assert done.status == 0
    assert "specs/a.yaml:5: reqeusts is one slip away from requests, which is well known; write requests" in done.said
    done = slip("check", "a", "--json")
    (found,) = done.json["environments"][0]["findings"]
    assert found["code"] == "SEC007", "what reqeusts itself requires is not looked at"
    assert found["severity"] == "warning"
    assert found["place"] == {"path": "specs/a.yaml", "line": 5}
    assert "`id: NAME-REQEUSTS`" in found["hint"]
    assert slip("check", "a").status == 0
    assert slip("check", "a", "--strict").status == 1


def test_a_name_that_the_spec_accepts(slip: CommandLine) -> None:
    slip.spec("a", SPEC + "  - reqeusts\nrules: {ignore: [{id: NAME-REQEUSTS, reason: our own fork}]}\n")
    done = slip("lock", "a")
    assert done.status == 0
    assert "slip" not in done.err
    assert (
        'title = "reqeusts is one slip away from requests"\nignored = "our own fork"' in slip.lock_file("a").read_text()
    )
    done = slip("check", "a", "--strict")
    assert done.status == 0
    assert "accepted SEC007" in done.out
    assert "accepted: our own fork\n    rule NAME-REQEUSTS\n" in done.out
    assert "# SEC007" in slip("explain", "name-reqeusts", "--format", "markdown").out


def test_a_name_of_an_index_of_its_own_is_no_slip(
    slip: CommandLine, new_index_server: Callable[[], IndexServer]
) -> None:
    own = new_index_server()
    publish(own, "reqeusts", "1.0")
    slip.spec("a", f"{SPEC}  - reqeusts\nindexes: {{own: {{url: {own.url()}, packages: [reqeusts]}}}}\n")
    assert "slip" not in slip("lock", "a").err
    assert slip("check", "a", "--strict").status == 0


def test_well_known_names_may_not_be_accepted(slip: CommandLine) -> None:
    slip.spec("a", SPEC + "rules: {ignore: [{id: NAME-TORCH, reason: r}]}\n")
    done = slip("check", "a")
    assert done.status == 2
    assert "no rule is called NAME-TORCH" in done.said

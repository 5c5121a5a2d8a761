"""``audit`` as the user meets it: what is found in real locks, and the upgrades that are solved."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from tests.support.cli import CommandLine, publish
from tests.support.osv_server import OsvServer

if TYPE_CHECKING:
    from tests.support.index_server import IndexServer

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "tests" / "data" / "osv"
SARIF = json.loads((ROOT / "tests" / "data" / "sarif" / "sarif-schema-2.1.0.json").read_text(encoding="utf-8"))
HIGH = {"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N"}
SPEC = """\
python: "3.11"
platforms: [linux-64]
pip:
  - app
"""


def flaw(name: str, fixed: str | None, number: str = "TEST-1", **more: Any) -> dict[str, Any]:
    events = [{"introduced": "0"}, *([{"fixed": fixed}] if fixed else [])]
    affected = [{"package": {"ecosystem": "PyPI", "name": name}, "ranges": [{"type": "ECOSYSTEM", "events": events}]}]
    return {"id": number, "modified": "2026-01-01T00:00:00Z", "summary": "Bad", "affected": affected, **more}


@pytest.fixture
def cli(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, default_index: IndexServer
) -> CommandLine:
    publish(default_index, "app", "1.0", "lib<3")
    publish(default_index, "app", "1.1", "lib")
    for version in ("1.0", "1.1", "2.0", "3.0"):
        publish(default_index, "lib", version)
    monkeypatch.chdir(tmp_path)
    line = CommandLine(tmp_path, capsys)
    line.spec("a", SPEC)
    return line


@pytest.fixture
def real(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The environments of this repository."""
    for folder in ("specs", "locks"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    monkeypatch.chdir(tmp_path)
    return CommandLine(tmp_path, capsys)


def advisories(cli: CommandLine, *records: dict[str, Any]) -> str:
    folder = cli.root / "osv"
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for record in records:
        (folder / f"{record['id']}.json").write_text(json.dumps(record), encoding="utf-8")
    return str(folder)


def locked(cli: CommandLine, **pins: str) -> None:
    """Lock the environment with some versions of long ago."""
    cli.spec("a", SPEC + "constraints:\n" + "".join(f"  - {name}=={version}\n" for name, version in pins.items()))
    assert cli("lock", "a").status == 0
    cli.spec("a", SPEC)
    assert cli("lock", "a").status == 0


# What is found


def test_the_stack_of_2022_has_what_is_published_of_it(real: CommandLine) -> None:
    done = real("audit", "acpt-1.12-py39", "--advisories", str(DATA), "--no-fixes", "--json")
    assert done.status == 1
    found = {(one["project"], one["id"]): one for one in done.json["environments"][0]["vulnerabilities"]}
    assert {project for project, _ in found} == {"torch", "pillow", "protobuf", "setuptools", "onnx"}
    torch = found["torch", "GHSA-47fc-vmwq-366v"]
    assert torch["version"] == "1.12.1+cu116"
    # Two data bases speak of one flaw: it is told once.
    assert torch["aliases"] == ["CVE-2022-45907", "PYSEC-2022-43015"]
    assert torch["fixed"] == ["1.13.1"]
    assert found["protobuf", "GHSA-8gq9-2x98-w8hf"]["fixed"] == ["3.20.2", "4.21.6"]
    assert not any(one["id"] == "GHSA-mr7h-w2qc-ffc2" for one in found.values()), "lightning is another project"


def test_a_build_for_cuda_is_its_public_version(real: CommandLine) -> None:
    """1.13.1+cu117 is what fixes, not something before 1.13.1."""
    done = real("audit", "acpt-1.13-py38", "--advisories", str(DATA), "--no-fixes", "--json")
    assert "GHSA-47fc-vmwq-366v" not in {one["id"] for one in done.json["environments"][0]["vulnerabilities"]}


def test_packages_of_conda_are_their_projects_and_libraries_are_not_covered(real: CommandLine) -> None:
    done = real("audit", "acpt-1.12-py39-conda", "--advisories", str(DATA), "--no-fixes", "--json")
    (outcome,) = done.json["environments"]
    assert "conda:pytorch" in {one["package"] for one in outcome["vulnerabilities"] if one["project"] == "torch"}
    uncovered = {one["package"]: one["reason"] for one in outcome["uncovered"]}
    assert "a package of conda without a Python project" in uncovered.values()
    assert "pytorch" not in uncovered
    said = real("audit", "acpt-1.12-py39-conda", "--advisories", str(DATA), "--no-fixes").said
    assert "acpt-1.12-py39-conda: not covered by advisories: " in said


def test_build_environments_are_told_apart_and_fail_nothing(real: CommandLine) -> None:
    place = advisories(
        real, flaw("wheel", "999", severity=[HIGH]), flaw("wheel", None, "TEST-2"), flaw("absent", None, "T")
    )
    done = real("audit", "acpt-1.12-py39", "--advisories", place)
    assert done.status == 0
    assert "nothing found" in done.out
    text = " ".join(done.out.split())
    assert "in build environments only, which fails nothing: wheel" in text
    assert re.search(r"wheel \S+ builds deepspeed 0.7.3, [^()]+ high TEST-1: Bad \(fixed in 999\) unrated TEST-2", text)
    entry = real("audit", "acpt-1.12-py39", "--advisories", place, "--json").json["environments"][0]
    assert entry["vulnerabilities"] == []
    assert {(one["id"], one["level"]) for one in entry["build_vulnerabilities"]} == {
        ("TEST-1", "high"),
        ("TEST-2", None),
    }
    assert all(one["builds"] for one in entry["build_vulnerabilities"])
    assert entry["builders"] >= 2
    assert (
        "In build environments only:"
        in real("audit", "acpt-1.12-py39", "--advisories", place, "--format", "markdown").out
    )


def test_what_is_installed_is_no_package_of_a_build_environment(real: CommandLine) -> None:
    place = advisories(real, flaw("setuptools", None), flaw("torch", None, "TEST-2"))
    entry = real("audit", "acpt-1.12-py39", "--advisories", place, "--no-fixes", "--json").json["environments"][0]
    assert {one["package"] for one in entry["vulnerabilities"]} == {"setuptools", "torch"}
    assert entry["build_vulnerabilities"] == []


def test_code_scanning_has_each_flaw_at_its_block(real: CommandLine) -> None:
    place = advisories(
        real,
        flaw("pillow", "10", severity=[HIGH]),
        flaw("torch", None, "TEST-2"),
        flaw("wheel", None, "TEST-3"),
    )
    done = real("audit", "acpt-1.12-py39", "--advisories", place, "--no-fixes", "--format", "sarif")
    assert done.status == 1
    log = json.loads(done.out)
    jsonschema.Draft7Validator(SARIF).validate(log)
    lines = (real.root / "locks" / "acpt-1.12-py39.lock.toml").read_text(encoding="utf-8").splitlines()
    found = {}
    for result in log["runs"][0]["results"]:
        physical = result["locations"][0]["physicalLocation"]
        assert physical["artifactLocation"]["uri"] == "locks/acpt-1.12-py39.lock.toml"
        (package,) = result["properties"]["packages"]
        line = physical["region"]["startLine"]
        block, named, numbered = lines[line - 1 : line + 2]
        assert (named.split('"')[1], numbered.split('"')[1]) == tuple(package.split())
        found[package.split()[0]] = (result["ruleId"], result["level"], block)
    assert found == {
        "pillow": ("SEC005", "error", "[[package]]"),
        "torch": ("SEC005", "warning", "[[package]]"),
        "wheel": ("SEC006", "note", "[[build.file]]"),
    }
    said = real("audit", "acpt-1.12-py39", "--advisories", place, "--no-fixes", "--format", "github").out.splitlines()
    assert [line.partition(" ")[0] for line in said] == ["::error", "::warning", "::notice"]
    assert "(high, TEST-1; fixed in 10): Bad" in said[0]


def test_a_fix_and_what_is_accepted_reach_code_scanning(cli: CommandLine) -> None:
    locked(cli, lib="1.0")
    place = advisories(cli, flaw("lib", "1.1"), flaw("app", None, "TEST-2"))
    cli.spec("a", SPEC + "audit:\n  ignore:\n    TEST-2: {reason: not reachable}\n")
    log = json.loads(cli("audit", "a", "--advisories", place, "--format", "sarif").out)
    jsonschema.Draft7Validator(SARIF).validate(log)
    results = {one["properties"]["packages"][0]: one for one in log["runs"][0]["results"]}
    assert "Fix (solved): envsolver lock a --upgrade-package lib==1.1" in results["lib 1.0"]["message"]["text"]
    (suppressed,) = [one for name, one in results.items() if name.startswith("app")]
    assert suppressed["suppressions"][0]["justification"] == "not reachable"


def test_what_could_not_be_audited_is_a_result(cli: CommandLine) -> None:
    done = cli("audit", "a", "--advisories", advisories(cli, flaw("lib", None)), "--format", "sarif")
    assert done.status == 4
    (result,) = json.loads(done.out)["runs"][0]["results"]
    assert result["ruleId"] == "LCK004"
    assert "a has no lock" in result["message"]["text"]


def test_nothing_is_found(cli: CommandLine) -> None:
    cli("lock", "a")
    done = cli("audit", "a", "--advisories", advisories(cli, flaw("lib", "1.1")))
    assert (done.status, done.out) == (0, "a: nothing found (2 packages audited)\n")


def test_all_environments_and_one_without_a_lock(cli: CommandLine) -> None:
    locked(cli, lib="1.0")
    cli.spec("b", SPEC)
    done = cli("audit", "--all", "--advisories", advisories(cli, flaw("lib", "1.1")), "--no-fixes")
    assert done.status == 4
    assert done.out.startswith("a: 1 flaw in 1 package")
    assert "error: b: " in done.said


def test_the_service_is_asked_where_nothing_else_is_named(cli: CommandLine) -> None:
    locked(cli, lib="1.0")
    with OsvServer(flaw("lib", "2.0")) as server:
        done = cli("audit", "a", "--advisories", server.url, "--json")
    assert done.status == 1
    (outcome,) = done.json["environments"]
    assert [one["id"] for one in outcome["vulnerabilities"]] == ["TEST-1"]
    assert outcome["fixes"][0]["to"] == "2.0"
    assert {"package": {"name": "app", "ecosystem": "PyPI"}, "version": "1.1"} in server.questions


def test_where_advisories_cannot_be(cli: CommandLine) -> None:
    cli("lock", "a")
    assert cli("audit", "a", "--advisories", "ftp://x/y").status == 2
    assert cli("audit", "a", "--advisories", "nowhere").status == 4
    done = cli("audit", "a", "--offline")
    assert done.status == 4
    assert "hint: without the service, name a folder or a zip of advisories: --advisories PATH" in done.said
    assert "run once without" not in done.said


def test_records_that_cannot_be_read_are_told(cli: CommandLine) -> None:
    cli("lock", "a")
    folder = advisories(cli, flaw("lib", "1.1"))
    Path(folder, "x.json").write_text('{"lib"')
    assert "note: could not be read: x.json: " in cli("audit", "a", "--advisories", folder).said


# What the spec accepts


def accepting(cli: CommandLine, until: str) -> str:
    locked(cli, lib="1.0")
    cli.spec("a", SPEC + f"audit:\n  ignore:\n    CVE-1-1: {{reason: not reached here, until: {until}}}\n")
    return advisories(cli, flaw("lib", "1.1", aliases=["CVE-1-1"]))


def test_what_the_spec_accepts_is_told_and_fails_nothing(cli: CommandLine) -> None:
    folder = accepting(cli, "9999-01-01")
    assert cli("lock", "a", "--check").status == 0, "to accept something makes no lock stale"
    done = cli("audit", "a", "--advisories", folder)
    assert done.status == 0
    assert "accepted TEST-1: Bad (CVE-1-1; fixed in 1.1)" in done.out
    assert "accepted: not reached here" in done.out


def test_what_was_accepted_until_a_day_is_reported_from_then_on(cli: CommandLine) -> None:
    done = cli("audit", "a", "--advisories", accepting(cli, "2020-01-01"), "--no-fixes")
    assert done.status == 1
    assert "specs/a.yaml:7: CVE-1-1 was accepted until 2020-01-01; it is reported again" in done.said


def test_what_was_accepted_once_is_no_reason_to_leave_it_out_of_what_is_left(cli: CommandLine) -> None:
    accepting(cli, "2020-01-01")
    folder = advisories(cli, flaw("lib", "1.1"), flaw("app", None, "TEST-3", aliases=["CVE-1-1"]))
    (outcome,) = cli("audit", "a", "--advisories", folder, "--json").json["environments"]
    assert outcome["together"]["left"] == ["app 1.1 (TEST-3)"]


def test_what_is_accepted_in_vain_is_told(cli: CommandLine) -> None:
    accepting(cli, "9999-01-01")
    done = cli("audit", "a", "--advisories", advisories(cli, flaw("other", "1.1")))
    assert done.status == 0
    assert "specs/a.yaml:7: CVE-1-1 concerns nothing that is locked" in done.said


# Fixes


def test_the_smallest_upgrade_is_solved_and_the_command_does_it(cli: CommandLine) -> None:
    locked(cli, lib="1.0")
    folder = advisories(cli, flaw("lib", "1.1"))
    done = cli("audit", "a", "--advisories", folder)
    assert done.status == 1
    found = re.search(r"fix, solved: `envsolver (lock [^`]*)` gives lib 1.0 to 1.1", " ".join(done.out.split()))
    assert found is not None, done.out
    assert "together" not in done.out, "one upgrade need not be put together"
    assert cli(*found[1].split()).status == 0
    assert cli("audit", "a", "--advisories", folder).status == 0


def test_nothing_is_written(cli: CommandLine) -> None:
    locked(cli, lib="1.0")
    folder = advisories(cli, flaw("lib", "1.1"))
    before = cli.files()
    cli("audit", "a", "--advisories", folder)
    assert cli.files() == before


def test_all_flaws_of_a_package_are_got_rid_of_at_once(cli: CommandLine) -> None:
    locked(cli, lib="1.0")
    folder = advisories(cli, flaw("lib", "1.1"), flaw("lib", "2.0", "TEST-2"))
    (outcome,) = cli("audit", "a", "--advisories", folder, "--json").json["environments"]
    assert [(one["to"], one["resolves"]) for one in outcome["fixes"]] == [("2.0", ["TEST-1", "TEST-2"])]
    assert outcome["together"]["left"] == []


def test_where_the_upgrade_has_flaws_of_its_own_that_is_said(cli: CommandLine) -> None:
    """The service answers for the versions that it is asked about: what an upgrade brings is asked about anew."""
    locked(cli, lib="1.0", app="1.0")
    other = flaw("app", "9", "TEST-3", severity=[])
    folder = advisories(cli, flaw("lib", "1.1"), other)
    (outcome,) = cli("audit", "a", "--advisories", folder, "--json").json["environments"]
    assert outcome["together"]["left"] == ["app 1.0 (TEST-3)"]
    fixes = {one["package"]: one for one in outcome["fixes"]}
    assert fixes["app"]["why_not"] == "nothing resolves with app>=9"


def test_where_the_spec_is_in_the_way_its_smallest_change_is_solved(cli: CommandLine) -> None:
    cli.spec("a", SPEC.replace("- app", "- app==1.0"))
    cli("lock", "a")
    (outcome,) = cli("audit", "a", "--advisories", advisories(cli, flaw("lib", "3.0")), "--json").json["environments"]
    (fix,) = outcome["fixes"]
    assert fix["command"] is None
    assert fix["change"] == "specs/a.yaml:4: app==1.1 instead of app==1.0"
    assert "lib 3.0" in fix["outcome"]


def test_where_no_version_fixes(cli: CommandLine) -> None:
    cli("lock", "a")
    done = cli("audit", "a", "--advisories", advisories(cli, flaw("lib", None)))
    assert "no version is known that fixes it" in done.out
    assert "no fix: no version is known that has none of them" in done.out


def test_markdown_shows_the_words_of_strangers_as_they_are(cli: CommandLine) -> None:
    locked(cli, lib="1.0")
    folder = advisories(cli, flaw("lib", "1.1", summary="<b>|bad|\n</b>"))
    done = cli("audit", "a", "--advisories", folder, "--format", "markdown")
    row = next(line for line in done.out.splitlines() if "TEST-1" in line)
    assert row == (
        "| lib 1.0 | [TEST-1](https://osv.dev/vulnerability/TEST-1) | unrated | "
        r"\<b\>\|bad\| \</b\> | 1.1 |"
    )
    assert "- lib: `envsolver lock a --upgrade-package lib==1.1` (gives lib 1.0 to 1.1)" in done.out


def test_what_is_wrong_with_an_acceptance_is_said_with_its_place(cli: CommandLine) -> None:
    cli.spec("a", SPEC + "audit:\n  ignore:\n    CVE-1-1: {until: tomorrow}\n")
    done = cli("audit", "a", "--advisories", advisories(cli))
    assert done.status == 2
    assert "specs/a.yaml:7" in done.said
    assert "reason" in done.said

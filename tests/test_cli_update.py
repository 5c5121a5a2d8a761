"""``update``: newer versions within the specs, as the text of a pull request."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from envsolver.cli.commands.update import wrapped_markdown
from tests.support.cli import CommandLine, publish
from tests.test_cli_audit import SPEC, flaw

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.index_server import IndexServer


@pytest.fixture
def cli(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, default_index: IndexServer
) -> CommandLine:
    """A project whose lock is a release behind, and advisories on both releases."""
    publish(default_index, "app", "1.0", "lib<3")
    publish(default_index, "lib", "1.0")
    monkeypatch.chdir(tmp_path)
    line = CommandLine(tmp_path, capsys)
    line.spec("a", SPEC)
    assert line("lock", "a").status == 0
    publish(default_index, "lib", "2.0")
    publish(default_index, "lib", "3.0")
    (tmp_path / "osv").mkdir()
    for record in (flaw("lib", "1.5"), flaw("app", "2.0", "TEST-2")):
        (tmp_path / "osv" / f"{record['id']}.json").write_text(json.dumps(record), encoding="utf-8")
    monkeypatch.setenv("ENVSOLVER_CACHE_DIR", str(tmp_path / "new-cache"))
    return line


def test_a_dry_run_says_what_would_change_and_writes_nothing(cli: CommandLine) -> None:
    before = {name: data for name, data in cli.files().items() if not name.startswith("new-cache")}
    done = cli("update", "a", "--advisories", "osv", "--dry-run")
    assert done.status == 0, done.err
    assert {name: data for name, data in cli.files().items() if not name.startswith("new-cache")} == before
    assert done.out.startswith("# Update a\n")
    assert "| a | 1 | 1 | 1 |" in done.out
    assert "| lib | 1.0 | 2.0 |" in done.out
    assert "Resolved:\n\n- lib 1.0: [TEST-1]" in done.out
    assert "Still open:\n\n- app 1.0: [TEST-2]" in done.out
    assert "nothing was written" in done.said
    assert "envsolver-update" not in done.out + done.err


def test_the_same_text_and_the_locks(cli: CommandLine) -> None:
    dry = cli("update", "a", "--advisories", "osv", "--dry-run")
    done = cli("update", "--all", "--advisories", "osv")
    assert done.out == dry.out
    assert "wrote locks/a.lock.toml" in done.said
    assert 'version = "2.0"' in cli.lock_file("a").read_text(encoding="utf-8")
    assert cli("lock", "a", "--check").status == 0
    again = cli("update", "a", "--no-audit")
    assert again.out.startswith("# Locks are as new as their specs allow\n")
    assert "wrote" not in again.said


def test_one_that_fails_keeps_its_lock_and_no_other_from_being_updated(cli: CommandLine) -> None:
    cli.spec("b", SPEC.replace("- app", "- app==9"))
    done = cli("update", "a", "b", "--no-audit", "--json")
    assert done.status == 3
    outcome = {one["name"]: one for one in done.json["environments"]}
    assert outcome["b"]["error"]["code"] == "no-solution"
    assert [change["new"] for change in outcome["a"]["diff"]["changes"]] == ["2.0"]
    assert done.json["written"] == ["locks/a.requirements.txt", "locks/a.lock.toml"]
    assert not cli.lock_file("b").exists()
    assert "## b\n\nNot updated:\n\n    " in done.json["text"]


def test_where_the_service_is_out_of_reach_the_text_says_so(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("envsolver.app.auditing.SERVICE", "http://127.0.0.1:9")
    monkeypatch.setattr("envsolver.sources.http.RetryPolicy", _Once)
    done = cli("update", "a", "--dry-run")
    assert done.status == 0, done.err
    assert "Not compared with advisories: http://127.0.0.1:9/v1/querybatch" in done.out
    assert cli("update", "a", "--dry-run", "--advisories", "nowhere").status == 4


class _Once:
    tries = 1


def test_where_all_fail_the_heading_says_so(cli: CommandLine) -> None:
    done = cli("update", "a", "--no-audit", "--offline", "--dry-run")
    assert done.status == 4
    assert done.out.startswith("# Nothing could be updated: a\n")
    cli.spec("a", SPEC.replace("- app", "- app==9"))
    assert cli("lock", "a").status == 3
    cli.spec("b", SPEC)
    cli("lock", "b")
    mixed = cli("update", "a", "b", "--no-audit", "--dry-run")
    assert mixed.out.startswith("# Nothing moved; not updated: a\n")


def test_on_a_terminal_lines_are_wrapped_and_stay_markdown() -> None:
    text = (
        "# Update a\n\n| a | b |\n| --- | --- |\n\n> one two three four five six seven eight nine ten\n\n"
        "- one two three four five six seven eight nine ten\n\n    one two three four five six seven eight nine\n"
    )
    assert wrapped_markdown(text, 40) == (
        "# Update a\n\n| a | b |\n| --- | --- |\n\n> one two three four five six seven\n> eight nine ten\n\n"
        "- one two three four five six seven\n  eight nine ten\n\n"
        "    one two three four five six seven\n    eight nine\n"
    )


def test_the_text_goes_into_a_file(cli: CommandLine, tmp_path: Path) -> None:
    done = cli("update", "a", "--advisories", "osv", "--dry-run", "-o", "pr.md")
    assert done.out == ""
    assert (tmp_path / "pr.md").read_text(encoding="utf-8").startswith("# Update a\n")

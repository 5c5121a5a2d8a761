"""How a catalogue ages: what status shows, what is due, and exceptions that have come to their end."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from envsolver.app.project import open_project
from envsolver.app.status import catalogue_status, image_date
from envsolver.model.spec import SupportDates, status_on
from tests.support.cli import CommandLine, publish
from tests.support.specs import MINIMAL, load, messages, write_specs

if TYPE_CHECKING:
    from pathlib import Path

    from envsolver.app.status import EnvironmentStatus
    from envsolver.model.spec import Status
    from tests.support.index_server import IndexServer

HEAD = 'python: "3.11"\nplatforms: [linux-64]\npip: [lib]\n'


@pytest.fixture
def cli(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, default_index: IndexServer
) -> CommandLine:
    """Return a project with one locked environment."""
    monkeypatch.chdir(tmp_path)
    publish(default_index, "lib", "1.0")
    made = CommandLine(tmp_path, capsys)
    made.spec("train", HEAD)
    assert made("lock", "train").status == 0
    return made


def on(cli: CommandLine, today: str, name: str = "train") -> EnvironmentStatus:
    found = catalogue_status(cli.root, today=today)
    return next(one for one in found.environments if one.row.head.name == name)


def commit(cli: CommandLine, day: str) -> None:
    """Commit everything, on a day."""
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.invalid", "-c", "commit.gpgsign=false"]
    at = f"{day}T12:00:00Z"
    environment = {**os.environ, "GIT_AUTHOR_DATE": at, "GIT_COMMITTER_DATE": at}
    subprocess.run([*git, "init", "-q"], cwd=cli.root, check=True)
    subprocess.run([*git, "add", "."], cwd=cli.root, check=True)
    subprocess.run([*git, "commit", "-qm", "x"], cwd=cli.root, check=True, env=environment)


def test_the_age_of_a_lock_is_that_of_its_commit(cli: CommandLine) -> None:
    commit(cli, "2024-01-01")
    found = on(cli, "2024-01-31")
    assert (found.locked, found.age, found.due) == ("2024-01-01", 30, ())
    found = on(cli, "2024-02-01")
    assert found.due == ("locked 31 days ago, more than 30: `envsolver lock train --upgrade`",)
    assert found.row.newest == "2023-01-01T00:00:00Z"


def test_what_is_not_committed_has_the_day_of_its_file(cli: CommandLine) -> None:
    commit(cli, "2024-01-01")
    path = cli.lock_file("train")
    path.write_text(path.read_text() + "\n")
    os.utime(path, (1_717_200_000, 1_717_200_000))
    assert on(cli, "2024-06-02").locked == "2024-06-01"


def test_status_as_text_and_as_json(cli: CommandLine) -> None:
    cli.spec("old", f"{HEAD}status: deprecated\nbase-image: registry.invalid/team/train:biweekly.202303.2\n")
    done = cli("status")
    assert done.status == 0
    assert done.out.split()[:3] == ["NAME", "STATUS", "LOCK"]
    assert "train  supported  current" in done.out
    assert "old" not in done.out
    assert "not shown, as deprecated or removed: 1" in done.said
    assert "old    deprecated  missing" in cli("status", "--all").out
    rows = {row["name"]: row for row in cli("status", "--json").json["environments"]}
    assert rows["old"]["base_image"]["date"] == "2023-03-15"
    assert rows["old"]["due"] == []
    assert rows["train"]["lock"]["state"] == "current"
    assert rows["train"]["due"] == []


def test_status_of_some(cli: CommandLine) -> None:
    cli.spec("old", HEAD + "status: deprecated\n")
    cli.spec("other", HEAD)
    names = [line.split()[0] for line in cli("status", "other", "old").out.splitlines()[1:3]]
    assert names == ["old", "other"]
    assert "train" not in cli("status", "other", "old").out
    done = cli("status", "othr")
    assert (done.status, "did you mean 'other'?" in done.err) == (2, True)


def test_what_is_due_fails_the_check(cli: CommandLine) -> None:
    assert cli("status", "--check").status == 0
    cli.spec("new", f"{HEAD}base-image: registry.invalid/train:20220411\n")
    done = cli("status", "--check")
    assert done.status == 1
    assert "new: not locked: `envsolver lock new`" in done.out
    assert "new: the base image is of 2022-04-11" in done.out
    cli.spec("new", f"{HEAD}status: deprecated\n")
    assert cli("status", "--check").status == 0
    cli.spec("train", HEAD.replace("lib", '"lib>=1"'))
    assert "train: the lock is stale: the spec has changed" in cli("status", "--check").out


def test_support_dates(cli: CommandLine) -> None:
    cli.spec("train", f"{HEAD}support: {{supported: 2024-01-01, deprecated: 2025-01-01, removed: 2026-01-01}}\n")
    for day, status in {
        "2023-12-31": "preview",
        "2024-01-01": "supported",
        "2025-01-01": "deprecated",
        "2026-01-01": "removed",
    }.items():
        found = on(cli, day)
        assert found.status == status
        said = f"{status} by its dates, but `status` says supported"
        assert (said in found.due) == (status != "supported")
    # Dates are no input of a lock.
    assert found.row.lock == "current"


@pytest.mark.parametrize(
    ("declared", "dates", "status"),
    [
        ("deprecated", SupportDates(deprecated="2030-01-01"), "deprecated"),
        ("removed", SupportDates(removed="2030-01-01"), "removed"),
        ("preview", SupportDates(supported="2020-01-01"), "preview"),
        ("supported", None, "supported"),
    ],
)
def test_what_a_spec_says_is_not_taken_back_by_a_date(
    declared: Status, dates: SupportDates | None, status: Status
) -> None:
    assert status_on(declared, dates, "2027-01-01") == status


def test_support_dates_have_an_order(tmp_path: Path) -> None:
    write_specs(tmp_path, env=f"{MINIMAL}support: {{deprecated: 2026-01-01, removed: 2025-01-01}}\n")
    assert any("come in this order" in line for line in messages(tmp_path))
    write_specs(tmp_path, env=f"{MINIMAL}support: {{deprecated: soon}}\n")
    assert any("support.deprecated: expected a date" in line for line in messages(tmp_path))
    write_specs(tmp_path, base=f"{MINIMAL}support: {{removed: 2025-01-01}}\n", env="extends: base\n")
    assert load(tmp_path).support is None


@pytest.mark.parametrize(
    ("image", "day"),
    [
        ("mcr.invalid/aifx/stable-ubuntu2004-cu116-py39-torch1121:biweekly.202303.1", "2023-03-01"),
        ("mcr.invalid/aifx/stable-ubuntu2004-cu116-py39-torch1121:biweekly.202303.2.v1", "2023-03-15"),
        ("mcr.invalid/x:monthly.202209", "2022-09-01"),
        ("mcr.invalid/x:20220411", "2022-04-11"),
        ("mcr.invalid:5000/x", None),
        ("mcr.invalid/x202209", None),
        ("mcr.invalid/x:11.7.1-cudnn8-devel-ubuntu20.04", None),
        ("mcr.invalid/x:20230231", None),
    ],
)
def test_the_day_in_the_tag_of_an_image(image: str, day: str | None) -> None:
    assert image_date(image) == day


def test_receipts_are_shown(cli: CommandLine) -> None:
    folder = cli.root / "locks" / "receipts"
    folder.mkdir()
    (folder / "train.junk.json").write_text("{}")
    assert cli("status", "--json").json["environments"][0]["receipts"] == []


def test_what_is_deprecated_can_be_used_with_a_warning(cli: CommandLine) -> None:
    export = ("export", "train", "--format", "constraints")
    assert cli(*export).err == ""
    cli.spec("train", f"{HEAD}support: {{deprecated: 2024-01-01, removed: 2999-01-01}}\n")
    done = cli(*export)
    assert (done.status, "lib==1.0" in done.out) == (0, True)
    assert "note: train is deprecated and will be removed on 2999-01-01" in done.said
    cli.spec("train", f"{HEAD}status: removed\n")
    done = cli(*export)
    assert (done.status, "note: train has been removed from support" in done.said) == (0, True)


def test_open_advisories_are_due_when_they_have_been_fixable_for_long(cli: CommandLine) -> None:
    record = {
        "schema_version": "1.6.0",
        "id": "TEST-1",
        "modified": "2024-01-01T00:00:00Z",
        "published": "2024-01-01T00:00:00Z",
        "affected": [
            {
                "package": {"ecosystem": "PyPI", "name": "lib"},
                "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.0"}]}],
            }
        ],
    }
    (cli.root / "osv").mkdir()
    path = cli.root / "osv" / "TEST-1.json"
    path.write_text(json.dumps(record))
    done = cli("status", "--check", "--advisories", "osv")
    assert done.status == 1
    assert "train: 1 of 1 open advisories can be fixed, the oldest of 2024-01-01" in done.out
    counted = cli("status", "--advisories", "osv", "--json").json["environments"][0]["advisories"]
    assert (counted["count"], counted["fixable"], counted["oldest"]) == (1, 1, "2024-01-01")
    assert cli("status", "--check", "--advisories", "osv", "--max-age", "99999").status == 0
    del record["affected"][0]["ranges"][0]["events"][1]  # type: ignore[index] # plain data
    path.write_text(json.dumps(record))
    assert cli("status", "--check", "--advisories", "osv").status == 0
    assert cli("status", "--json").json["environments"][0]["advisories"] is None


# Exceptions


def test_an_exception_that_has_ended_is_a_finding(cli: CommandLine) -> None:
    overrides = "overrides: [{requirement: lib==1.0, reason: our torch, until: %s, advisory: CVE-2024-5480}]\n"
    cli.spec("train", HEAD + overrides % "2024-01-01")
    assert cli("lock", "train").status == 0
    done = cli("check", "train")
    assert done.status == 0
    assert "warning LCK005: the override lib==1.0, which is there for CVE-2024-5480" in done.out
    assert "was to be looked at again on 2024-01-01: our torch" in " ".join(done.out.split())
    assert "specs/train.yaml:4" in done.out
    assert "LCK005" in cli("check", "train").out  # what is remembered says so, too
    assert "specs/train.yaml:4: the override lib==1.0 was to be looked at again" in cli("status").out
    cli.spec("train", HEAD + overrides % "2999-01-01")
    assert "LCK005" not in cli("check", "train").out


def test_what_is_remembered_of_an_exception_ends_with_it(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    import datetime as dt

    cli.spec("train", f"{HEAD}overrides: [{{requirement: lib==1.0, until: 2999-01-01}}]\n")
    assert cli("lock", "train").status == 0
    assert "LCK005" not in cli("check", "train").out

    class Later(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> Later:
            return cls(2999, 1, 1, tzinfo=tz)

    monkeypatch.setattr("envsolver.app.checked.datetime", Later)
    monkeypatch.setattr("envsolver.app.checking.datetime", Later)
    assert "LCK005" in cli("check", "train").out


def test_diff_says_what_an_override_is_there_for(cli: CommandLine, default_index: IndexServer) -> None:
    commit(cli, "2024-01-01")
    publish(default_index, "lib", "1.1")
    cli.spec(
        "train",
        HEAD.replace("[lib]", "[app, lib]")
        + "overrides: [{requirement: lib>=1.1, reason: the fix, advisory: CVE-2024-5480, until: 2027-03-01}]\n",
    )
    publish(default_index, "app", "1.0", "lib<1.1")
    assert cli("lock", "train", "--refresh").status == 0
    done = cli("diff", "train")
    assert "↑ lib 1.0 → 1.1" in done.out
    assert "specs/train.yaml:4: override lib>=1.1: the fix, CVE-2024-5480, until 2027-03-01" in done.out


# Lists over many environments


def test_rows_are_made_again_when_something_behind_them_changes(cli: CommandLine) -> None:
    def row() -> dict[str, object]:
        found: dict[str, object] = cli("list", "--json").json["environments"][0]
        return found

    assert (row()["title"], row()["lock"]) == (None, "current")
    cli.spec("train", f"{HEAD}title: New\n")
    assert (row()["title"], row()["lock"]) == ("New", "current")
    cli.lock_file("train").unlink()
    assert row()["lock"] == "missing"
    cli.spec("train", f"extends: _base\n{HEAD}")
    assert "there is no spec '_base'" in json.dumps(row()["problems"])
    cli.spec("_base", "groups: {dev: [lib]}\n")
    assert (row()["problems"], row()["groups"]) == ([], ["dev"])
    cli.spec("_base", "groups: {test: [lib]}\n")
    assert row()["groups"] == ["test"]


def test_a_damaged_memory_is_no_harm(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    first = cli("list", "--json").json
    for damage in (b"[]", b'{"by": 1}', b"\xff", b'{"rows": 3}'):
        monkeypatch.setattr("envsolver.sources.cache.Cache.get", lambda *_, damage=damage: damage)
        assert cli("list", "--json").json == first


def test_nothing_is_read_twice_where_nothing_has_changed(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    first = cli("list", "--json").json["environments"]

    def fail(*_: object, **__: object) -> None:
        raise AssertionError("a spec was read")

    monkeypatch.setattr("envsolver.app.overview._row", fail)
    own = open_project(cli.root)
    monkeypatch.setattr("envsolver.app.inspecting.projects", lambda _: (own, None))
    assert cli("list", "--json").json["environments"] == first

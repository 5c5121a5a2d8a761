"""``check --outdated``: newer releases apart by what holds them back; yanked and vanished files (SEC003, SEC004)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.cli import publish

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.cli import CommandLine
    from tests.support.index_server import IndexServer

SPEC = """\
python: "3.11"
platforms: [linux-64]
pip:
  - app
  - pinned==1.0
"""
RULE = """\
[[rule]]
id = "APP-RULED2"
title = "App imports what ruled 2 removed"
when = "app<2"
constrains = "ruled<2"
strength = "hard"
severity = "import-error"
sources = "seen"
"""


@pytest.fixture
def server(default_index: IndexServer) -> IndexServer:
    """An index of 2022, with app that requires five others."""
    publish(default_index, "app", "1.0", "free", "capped<2", "ruled", "bounded", upload_time="2022-01-10T00:00:00Z")
    for name in ("free", "capped", "ruled", "bounded", "pinned"):
        publish(default_index, name, "1.0", upload_time="2021-06-01T00:00:00Z")
    return default_index


@pytest.fixture
def cli(cli: CommandLine, tmp_path: Path, server: IndexServer) -> CommandLine:
    cli.spec("a", SPEC)
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "own.toml").write_text(RULE, encoding="utf-8")
    return cli


def entry(cli: CommandLine, *options: str) -> dict[str, Any]:
    found: dict[str, Any] = cli("check", "a", "--outdated", "--json", *options).json["environments"][0]
    return found


def renewed(cli: CommandLine, server: IndexServer) -> None:
    """Publish second releases of all, lock, and publish one more that could have been taken."""
    for name in ("capped", "ruled", "pinned"):
        publish(server, name, "2.0", upload_time="2022-01-20T00:00:00Z")
    publish(server, "bounded", "2.0", upload_time="2023-06-01T00:00:00Z")
    cli("lock", "a")
    publish(server, "free", "1.1", upload_time="2022-01-20T00:00:00Z")
    cli("cache", "clean")


def test_what_is_held_back_is_told_apart_from_what_is_outdated(cli: CommandLine, server: IndexServer) -> None:
    renewed(cli, server)
    newer = {one["package"]: one for one in entry(cli)["newer"]}
    assert {name: one["held"] for name, one in newer.items()} == {
        "bounded": "bound",
        "capped": "requirement",
        "free": None,
        "pinned": "requirement",
        "ruled": "rule",
    }
    assert newer["capped"] == {
        "package": "capped",
        "version": "1.0",
        "newest": "2.0",
        "held": "requirement",
        "why": "app 1.0 requires capped<2",
    }
    assert newer["pinned"]["why"] == "specs/a.yaml:5: pinned==1.0"
    assert "APP-RULED2" in newer["ruled"]["why"]
    assert "declares no upper bound" in newer["bounded"]["why"]
    assert newer["free"]["newest"] == "1.1"
    done = cli("check", "a", "--outdated")
    assert done.status == 0
    assert "held back (4):\n    bounded 1.0, newest 2.0 (bound): " in done.out
    assert done.out.endswith("  outdated (1):\n    free 1.0, newest 1.1\n")


def test_releases_that_the_target_cannot_install_do_not_count(cli: CommandLine, server: IndexServer) -> None:
    cli("lock", "a")
    publish(server, "free", "1.1", requires_python=">=3.12")
    publish(server, "free", "1.2", yanked="broken")
    publish(server, "free", "1.3rc1")
    cli("cache", "clean")
    assert entry(cli)["newer"] == []


def test_a_yanked_file_is_a_warning(cli: CommandLine, server: IndexServer) -> None:
    cli("lock", "a")
    publish(server, "free", "1.0", yanked="wrong files", upload_time="2021-06-01T00:00:00Z")
    cli("cache", "clean")
    (finding,) = entry(cli)["findings"]
    assert (finding["code"], finding["severity"]) == ("SEC003", "warning")
    assert finding["message"] == "free-1.0-py3-none-any.whl was yanked: wrong files"
    assert finding["path"] == ["app", "app 1.0", "free 1.0"]
    assert finding["place"] == {"path": "specs/a.yaml", "line": 4}
    assert cli("check", "a").out == "a: up to date, nothing found\n", "only the indexes know"


def test_a_file_that_is_gone_is_an_error(cli: CommandLine, server: IndexServer) -> None:
    cli("lock", "a")
    del server.index().files["free-1.0-py3-none-any.whl"]
    publish(server, "free", "0.9")
    cli("cache", "clean")
    done = cli("check", "a", "--outdated")
    assert done.status == 1
    assert "error SEC004: free-1.0-py3-none-any.whl: index 'default' has it no longer" in done.out
    del server.index().files["free-0.9-py3-none-any.whl"]
    cli("cache", "clean")
    assert [one["code"] for one in entry(cli)["findings"]] == ["SEC004"]


def test_another_file_under_the_name_is_an_error(cli: CommandLine, server: IndexServer) -> None:
    cli("lock", "a")
    publish(server, "free", "1.0", "six")
    cli("cache", "clean")
    (finding,) = entry(cli)["findings"]
    assert finding["message"].endswith("index 'default' has another file under its name")


def test_an_index_that_does_not_answer_is_named(cli: CommandLine) -> None:
    cli("lock", "a")
    cli("cache", "clean")
    found = entry(cli, "--offline")
    assert found["findings"] == []
    assert [line.split(":")[0] for line in found["unread"]] == ["app", "bounded", "capped", "free", "pinned", "ruled"]


def test_where_nothing_could_be_read_that_is_a_failure(cli: CommandLine) -> None:
    cli("lock", "a")
    cli("cache", "clean")
    done = cli("check", "a", "--outdated", "--offline")
    assert done.status == 4
    assert done.out.startswith("a: up to date"), "what needs no index is judged all the same"
    assert done.said.count("could be read") == 1
    assert "error: a: nothing is known of what is newer: none of 6 index pages could be read: " in done.said
    assert "hint: run once without --offline" in done.said
    assert "note: could not be read: app: " in cli("check", "a", "--outdated", "--offline", "--verbose").said
    assert entry(cli, "--offline")["error"]["code"] == "network"


def test_where_some_could_be_read_three_of_the_others_are_named(cli: CommandLine) -> None:
    cli("lock", "a")
    cli("cache", "clean")
    cli.spec("b", SPEC.replace("  - app\n", ""))
    cli("lock", "b")  # so that the page of pinned is in the cache
    done = cli("check", "a", "--outdated", "--offline")
    assert done.status == 0
    assert done.said.count("note: could not be read: ") == 4
    assert "note: could not be read: 2 more (--verbose names them)" in done.said
    assert cli("check", "a", "--outdated", "--offline", "--verbose").said.count("note: could not be read: ") == 5


def test_it_goes_with_environments_only(cli: CommandLine) -> None:
    (cli.root / "r.txt").write_text("six==1.16.0\n", encoding="utf-8")
    assert cli("check", "--file", "r.txt", "--python", "3.10", "--outdated").status == 2

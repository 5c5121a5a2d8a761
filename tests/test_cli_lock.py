from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.cli import publish

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.cli import CommandLine
    from tests.support.index_server import IndexServer

SPEC = """\
    python: "3.11"
    platforms: [linux-64]
    pip:
      - app
    """


@pytest.fixture
def server(default_index: IndexServer) -> IndexServer:
    """An index where app needs lib, and lib is there in three versions."""
    publish(default_index, "app", "1.0", "lib>=1")
    for version in ("1.0", "1.1", "2.0"):
        publish(default_index, "lib", version)
    return default_index


@pytest.fixture
def cli(cli: CommandLine, server: IndexServer) -> CommandLine:
    cli.spec("a", SPEC)
    return cli


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("envsolver.sources.retry.RetryPolicy.delay", lambda *_: 0.0)


def pins(cli: CommandLine, name: str = "a") -> list[str]:
    text = cli.requirements_file(name).read_text(encoding="utf-8")
    return [line.split()[0] for line in text.splitlines() if "==" in line and not line.startswith((" ", "#"))]


# What it writes, and what it says


def test_lock_writes_two_files_and_says_so(cli: CommandLine, server: IndexServer) -> None:
    done = cli("lock", "a")
    assert done.status == 0, done.err
    assert done.out == ""
    assert done.err.splitlines() == [
        "wrote locks/a.lock.toml",
        "wrote locks/a.requirements.txt",
        "2 packages for linux-64",
    ]
    assert pins(cli) == ["app==1.0", "lib==2.0"]
    assert str(server.port) not in cli.lock_file("a").read_text(encoding="utf-8")


def test_nothing_changed_nothing_asked_nothing_written(cli: CommandLine, server: IndexServer) -> None:
    cli("lock", "a")
    server.forget()
    before = cli.files()
    times = [path.stat().st_mtime_ns for path in cli.root.glob("locks/*")]
    done = cli("lock", "a")
    assert (done.status, done.out, done.err) == (0, "", "a is up to date\n")
    assert cli.files() == before
    assert [path.stat().st_mtime_ns for path in cli.root.glob("locks/*")] == times
    assert not server.requests


def test_a_no_op_imports_neither_solver_nor_network(cli: CommandLine) -> None:
    cli("lock", "a")
    # With --json, which never takes the shortest way.
    for arguments in (["lock", "a", "--json"], ["lock", "--all", "--check", "--json"]):
        code = f"import sys\nfrom envsolver.cli.main import main\nassert main({arguments}) == 0\nprint(*sys.modules)"
        done = subprocess.run([sys.executable, "-c", code], cwd=cli.root, capture_output=True, text=True, check=True)
        loaded = set(done.stdout.splitlines()[-1].split())
        heavy = {"aiohttp", "asyncio", "msgspec", "networkx", "packaging", "rattler", "rich", "tomlkit", "tempfile"}
        assert not loaded & heavy
        assert not any(name.startswith(("envsolver.solve", "envsolver.sources.http")) for name in loaded)


def test_quiet_says_nothing(cli: CommandLine) -> None:
    done = cli("lock", "a", "--quiet")
    assert (done.status, done.out, done.err) == (0, "", "")
    assert cli.lock_file("a").exists()


def test_verbose_tells_the_time_of_each_stage(cli: CommandLine) -> None:
    done = cli("lock", "a", "--verbose")
    for stage in ("spec", "index pages", "metadata", "solve", "write"):
        assert f"{stage} 0." in done.said
    assert "because there is no locks/a.lock.toml" in done.said
    assert "1 round" in done.err or " rounds" in done.said


def test_json_is_one_document(cli: CommandLine) -> None:
    done = cli("lock", "a", "--json")
    assert done.status == 0
    assert done.err == ""
    document = done.json
    assert document["project"] == str(cli.root)
    (entry,) = document["environments"]
    assert entry["name"] == "a"
    assert entry["status"] == "written"
    assert entry["written"] == ["locks/a.requirements.txt", "locks/a.lock.toml"]
    assert entry["packages"] == {"linux-64": 2}
    assert entry["error"] is None
    assert set(entry["stats"]["linux-64"]) == {"rounds", "solves", "records", "metadata_read"}
    assert "error" not in document


def test_the_same_bytes_from_a_warm_cache_an_empty_one_and_another_mirror(
    cli: CommandLine, server: IndexServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli("lock", "a")
    first = {name: data for name, data in cli.files().items() if name.startswith("locks/")}
    for change in ("warm", "cold", "mirror"):
        for path in cli.root.glob("locks/*"):
            path.unlink()
        if change == "cold":
            monkeypatch.setenv("ENVSOLVER_CACHE_DIR", str(cli.root / "cache"))
        if change == "mirror":
            monkeypatch.setenv("UV_DEFAULT_INDEX", server.url().replace("127.0.0.1", "localhost"))
        assert cli("lock", "a").status == 0
        assert {name: data for name, data in cli.files().items() if name.startswith("locks/")} == first


# Old locks


def test_versions_of_the_old_lock_stay(cli: CommandLine, server: IndexServer) -> None:
    cli("lock", "a")
    publish(server, "lib", "3.0")
    publish(server, "other", "1.0", "lib")
    cli.spec("a", SPEC.rstrip() + "\n      - other\n")
    done = cli("lock", "a", "--refresh")
    assert done.status == 0
    assert pins(cli) == ["app==1.0", "lib==2.0", "other==1.0"]
    assert "+ other 1.0" in done.said
    assert "lib" not in done.err.replace("requires lib", "")


def test_a_new_requirement_moves_what_it_must_and_the_output_says_why(cli: CommandLine, server: IndexServer) -> None:
    cli("lock", "a")
    publish(server, "other", "1.0", "lib<2")
    cli.spec("a", SPEC.rstrip() + "\n      - other\n")
    done = cli("lock", "a")
    assert pins(cli) == ["app==1.0", "lib==1.1", "other==1.0"]
    assert "lib 2.0 → 1.1" in done.said
    assert "other 1.0 requires lib<2" in done.said
    (entry,) = cli("lock", "a", "--json", "--refresh").json["environments"]
    assert entry["status"] == "unchanged"


def test_upgrade_moves_everything_and_upgrade_package_only_its_package(cli: CommandLine, server: IndexServer) -> None:
    cli("lock", "a")
    publish(server, "lib", "3.0")
    publish(server, "app", "2.0", "lib")
    assert cli("lock", "a", "--refresh").err.startswith("unchanged locks/a.lock.toml")
    assert pins(cli) == ["app==1.0", "lib==2.0"]
    assert cli("lock", "a", "--upgrade-package", "LIB").status == 0
    assert pins(cli) == ["app==1.0", "lib==3.0"]
    assert cli("lock", "a", "--upgrade-package", "lib==1.1").status == 0
    assert pins(cli) == ["app==1.0", "lib==1.1"]
    assert cli("lock", "a", "--upgrade").status == 0
    assert pins(cli) == ["app==2.0", "lib==3.0"]


def test_upgrade_package_must_be_a_requirement_and_possible(cli: CommandLine) -> None:
    cli("lock", "a")
    before = cli.files()
    done = cli("lock", "a", "--upgrade-package", "lib=1")
    assert done.status == 2
    assert "lib=1" in done.said
    done = cli("lock", "a", "--upgrade-package", "lib==9")
    assert done.status == 3
    assert "--upgrade-package" in done.said
    assert cli.files() == before


def test_a_lock_that_makes_no_sense_is_not_thrown_away_unasked(cli: CommandLine) -> None:
    cli("lock", "a")
    good = cli.lock_file("a").read_bytes()
    broken = b"<<<<<<< ours\n" + good + b"=======\n>>>>>>> theirs\n"
    cli.lock_file("a").write_bytes(broken)
    done = cli("lock", "a")
    assert done.status == 2
    assert "merge conflict" in done.said
    assert cli.lock_file("a").read_bytes() == broken
    assert cli("lock", "a", "--upgrade").status == 0
    assert cli.lock_file("a").read_bytes() == good


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: "[[package]]\n",
        lambda text: text.replace('lock-version = "1.', 'lock-version = "one.'),
        lambda text: text.replace('lock-version = "1.', 'lock-version = "0.'),
        lambda text: text.replace('name = "a"', 'name = "a'),
        lambda text: text.replace('version = "2.0"', 'version = "1.0"'),
        lambda text: text.replace("size = ", "size = -"),
        lambda text: text.replace("[[package.file]]", "[[package.file", 1),
        lambda text: f"<<<<<<< ours\n{text}>>>>>>> theirs\n",
        lambda text: text.replace("# The lock", "\udcff"),
    ],
)
def test_the_hint_about_a_damaged_lock_mends_it(cli: CommandLine, damage: Callable[[str], str]) -> None:
    cli("lock", "a")
    good = cli.files()
    text = cli.lock_file("a").read_text(encoding="utf-8")
    broken = damage(text)
    assert broken != text
    cli.lock_file("a").write_bytes(broken.encode(errors="surrogateescape"))
    done = cli("lock", "a")
    assert done.status == 2, done.err
    assert "error: locks/a.lock.toml" in done.said
    assert "`envsolver lock a --upgrade`" in done.said or "with --upgrade" in done.said
    assert cli("lock", "a", "--upgrade").status == 0
    assert cli.files() == good
    assert cli("lock", "a", "--check").status == 0


def test_a_damaged_requirements_file_is_made_again(cli: CommandLine) -> None:
    cli("lock", "a")
    good = cli.files()
    cli.requirements_file("a").write_bytes(b"\xff\xfe")
    assert cli("lock", "a", "--check").status == 1
    assert cli("lock", "a").status == 0
    assert cli.files() == good


# Checking


def test_check_is_silent_about_what_is_current(cli: CommandLine) -> None:
    cli("lock", "a")
    done = cli("lock", "a", "--check")
    assert (done.status, done.out, done.err) == (0, "", "a is up to date\n")


def test_check_without_a_lock(cli: CommandLine) -> None:
    done = cli("lock", "a", "--check")
    assert done.status == 1
    assert done.err == ("error: a is not up to date: there is no locks/a.lock.toml\nhint: run `envsolver lock a`\n")
    assert not (cli.root / "locks").exists()


def test_check_after_the_spec_has_changed(cli: CommandLine) -> None:
    cli("lock", "a")
    cli.spec("a", SPEC.replace("- app", "- app<2"))
    before = cli.files()
    done = cli("lock", "a", "--check")
    assert done.status == 1
    assert "the spec has changed since it was locked" in done.said
    assert cli.files() == before


def test_a_comment_in_the_spec_changes_nothing(cli: CommandLine) -> None:
    cli("lock", "a")
    cli.spec("a", "    # a comment\n" + SPEC)
    assert cli("lock", "a", "--check").status == 0


@pytest.mark.parametrize("old", ["2.0", "sealed", "# "])
def test_check_sees_every_edit_of_a_lock(cli: CommandLine, old: str) -> None:
    cli("lock", "a")
    path = cli.lock_file("a")
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, old[:-1] + "x", 1), encoding="utf-8")
    done = cli("lock", "a", "--check")
    assert done.status == 1
    assert "changed by hand" in done.said


def test_check_sees_that_the_requirements_file_is_not_the_locks(cli: CommandLine) -> None:
    cli("lock", "a")
    good = cli.files()
    path = cli.requirements_file("a")
    path.write_text(path.read_text(encoding="utf-8").replace("2.0", "1.0"), encoding="utf-8")
    done = cli("lock", "a", "--check")
    assert done.status == 1
    assert "locks/a.requirements.txt is not what belongs to the lock" in done.said
    # It is made again without asking any index.
    assert cli("lock", "a", "--offline").err.splitlines()[:2] == [
        "unchanged locks/a.lock.toml",
        "wrote locks/a.requirements.txt",
    ]
    path.unlink()
    assert "there is no locks/a.requirements.txt" in cli("lock", "a", "--check").said
    assert cli("lock", "a").status == 0
    assert cli.files() == good


def test_a_checkout_with_other_line_ends_is_no_edit(cli: CommandLine) -> None:
    cli("lock", "a")
    for path in (cli.lock_file("a"), cli.requirements_file("a")):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert cli("lock", "a", "--check").status == 0


def test_check_as_json(cli: CommandLine) -> None:
    done = cli("lock", "--all", "--check", "--json")
    assert done.status == 1
    document = done.json
    assert document["environments"][0]["status"] == "stale"
    assert document["environments"][0]["reasons"] == ["there is no locks/a.lock.toml"]
    assert document["error"]["code"] == "check-failed"
    assert document["error"]["hint"] == "run `envsolver lock a`"


def test_check_of_a_bad_spec_is_a_bad_spec(cli: CommandLine) -> None:
    cli("lock", "a")
    cli.spec("a", SPEC.replace("- app", "- app >>= 2"))
    done = cli("lock", "a", "--check")
    assert done.status == 2
    assert "specs/a.yaml:4" in done.said


def test_check_goes_with_nothing_that_solves(cli: CommandLine) -> None:
    for option in ("--refresh", "--upgrade", "--upgrade-package=x"):
        assert cli("lock", "a", "--check", option).status == 2


def test_refresh_does_not_go_offline(cli: CommandLine) -> None:
    done = cli("lock", "a", "--refresh", "--offline")
    assert done.status == 2
    assert "--offline does not go with it" in done.said


# Several environments


def test_all_locks_all_and_one_failure_spares_the_others(cli: CommandLine) -> None:
    cli.spec("b", SPEC.replace("- app", "- nowhere-to-be-found"))
    cli.spec("c", SPEC.replace("- app", "- lib"))
    done = cli("lock", "--all")
    assert done.status == 3
    assert cli.lock_file("a").exists()
    assert not cli.lock_file("b").exists()
    assert cli.lock_file("c").exists()
    assert "error: b: no index has a package 'nowhere-to-be-found'" in done.said
    assert "a: 2 packages for linux-64" in done.said
    document = cli("lock", "--all", "--json").json
    assert [entry["status"] for entry in document["environments"]] == ["up-to-date", "failed", "up-to-date"]
    assert document["environments"][1]["error"]["code"] == "unknown-package"
    assert document["error"]["message"] == "1 environment of 3 failed"


def test_environments_by_name_alias_and_path_each_once(cli: CommandLine) -> None:
    cli.spec("a", SPEC.replace("    pip:", "    aliases: [Alpha]\n    pip:"))
    done = cli("lock", "a", "Alpha", "specs/a.yaml", "--json")
    assert [entry["name"] for entry in done.json["environments"]] == ["a"]


def test_what_is_not_named_or_not_there(cli: CommandLine) -> None:
    assert "name a, or use --all" in cli("lock").err
    assert cli("lock", "a", "--all").status == 2
    done = cli("lock", "aa")
    assert done.status == 2
    assert done.err.startswith("error: no environment is called 'aa'\nhint: did you mean 'a'?")


# What goes wrong


def test_no_solution_is_explained_and_nothing_is_touched(cli: CommandLine) -> None:
    cli("lock", "a")
    before = cli.files()
    cli.spec("a", SPEC.rstrip() + "\n      - lib<1\n")
    changed = cli.files()
    done = cli("lock", "a")
    assert done.status == 3
    assert "specs/a.yaml:5" in done.said
    assert cli.files() == changed
    assert {name for name in before if before[name] != changed[name]} == {"specs/a.yaml"}


@pytest.mark.usefixtures("_impatient")
def test_an_index_that_is_down(cli: CommandLine, server: IndexServer) -> None:
    server.stop()
    done = cli("lock", "a")
    assert done.status == 4
    assert str(server.port) in done.said
    assert cli("lock", "a", "--json").json["environments"][0]["error"]["code"] == "network"
    assert not (cli.root / "locks").exists()


def test_offline_from_the_cache(cli: CommandLine, server: IndexServer) -> None:
    cli("lock", "a")
    for path in cli.root.glob("locks/*"):
        path.unlink()
    server.stop()
    assert cli("lock", "a", "--offline").status == 0
    assert pins(cli) == ["app==1.0", "lib==2.0"]


def test_an_interrupt_leaves_no_half_written_file(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch, server: IndexServer
) -> None:
    cli("lock", "a")
    before = cli.files()

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    publish(server, "lib", "3.0")
    monkeypatch.setattr("envsolver.app.relocking.write_together", interrupt)
    done = cli("lock", "a", "--upgrade", "--refresh")
    assert done.status == 130
    assert cli.files() == before


def test_files_without_digest_are_read(cli: CommandLine, server: IndexServer) -> None:
    publish(server, "bare", "1.0", hashes=False)
    cli.spec("a", SPEC.replace("- app", "- bare"))
    assert cli("lock", "a").status == 0
    assert "sha256:" in cli.requirements_file("a").read_text(encoding="utf-8")


@pytest.mark.usefixtures("_impatient")
def test_credentials_of_the_index_appear_nowhere(
    cli: CommandLine, server: IndexServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.index(auth=("someone", "s3cret"))
    monkeypatch.setenv("UV_DEFAULT_INDEX", server.url().replace("://", "://someone:s3cret@"))
    runs = [cli("lock", "a", "-v"), cli("lock", "a", "--refresh", "--json")]
    server.stop()
    runs += [cli("lock", "a", "--refresh", "-v"), cli("lock", "a", "--refresh", "--json")]
    assert [done.status for done in runs] == [0, 0, 4, 4]
    for done in runs:
        assert "s3cret" not in done.out + done.err
    for name, data in cli.files().items():
        assert b"s3cret" not in data, name


# Platforms and groups


def test_later_platforms_prefer_the_versions_of_the_first(cli: CommandLine, server: IndexServer) -> None:
    # lib 3.0 is there for linux only; other platforms follow where they can.
    cli.spec("a", SPEC.replace("[linux-64]", "[osx-arm64, linux-64]"))
    done = cli("lock", "a")
    assert done.status == 0
    assert "2 packages for linux-64, osx-arm64" in done.said
    assert cli("tree", "a", "--platform", "osx-arm64", "--json").json["platform"] == "osx-arm64"


def test_groups_that_exclude_each_other_are_solved_apart(cli: CommandLine) -> None:
    cli.spec(
        "a",
        """\
        python: "3.11"
        platforms: [linux-64]
        pip: [app]
        groups:
          old: [lib<2]
          new: [lib>=2]
        exclusive: [[old, new]]
        """,
    )
    done = cli("lock", "a")
    assert done.status == 0, done.err
    text = cli.lock_file("a").read_text(encoding="utf-8")
    assert 'version = "1.1"' in text
    assert 'version = "2.0"' in text
    document = json.loads(cli("lock", "a", "--refresh", "--json").out)
    assert document["environments"][0]["status"] == "unchanged"
    assert set(document["environments"][0]["packages"]) == {"linux-64:old", "linux-64:new"}


# Processes


def _lock_files(cli: CommandLine) -> dict[str, bytes]:
    return {name: data for name, data in cli.files().items() if name.startswith("locks/") and "/." not in name}


def _start(cli: CommandLine, *args: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "envsolver", *args]
    return subprocess.Popen(command, cwd=cli.root, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def test_several_processes_at_once_come_to_the_same_files(cli: CommandLine) -> None:
    running = [_start(cli, "lock", "a") for _ in range(3)]
    for process in running:
        assert process.communicate()[1].splitlines()[-1].strip()
        assert process.returncode == 0
    together = _lock_files(cli)
    assert len(together) == 2
    cli("cache", "clean")
    assert cli("lock", "a", "--upgrade").err.startswith("unchanged locks/a.lock.toml\nunchanged")
    assert _lock_files(cli) == together


@pytest.mark.parametrize("moment", [0.1, 0.2, 0.3, 0.4, 0.5])
def test_a_kill_at_any_moment_leaves_nothing_that_the_next_run_minds(
    cli: CommandLine, server: IndexServer, moment: float
) -> None:
    cli("lock", "a")
    expected = _lock_files(cli)
    cli.spec("a", SPEC.replace("- app", "- lib<2"))
    cli("lock", "a")
    cli("cache", "clean")
    cli.spec("a", SPEC)
    server.fault("/files/*", jitter=0.05)
    process = _start(cli, "lock", "a", "--upgrade")
    try:
        process.wait(moment)
    except subprocess.TimeoutExpired:
        process.kill()
    process.communicate()
    server.faults.clear()
    done = cli("lock", "a", "--upgrade")
    assert done.status == 0, done.err
    assert _lock_files(cli) == expected
    assert cli("lock", "a", "--check").status == 0


def test_unknown_packages_of_all_platforms_are_said_in_one_go(cli: CommandLine) -> None:
    lines = ["qqqqq", "rrrrr; sys_platform == 'darwin'", "sssss; sys_platform == 'linux'"]
    wanted = "".join(f"\n      - {line}" for line in lines)
    cli.spec("b", SPEC.replace("[linux-64]", "[osx-arm64, linux-64]").replace("- app", f"- app{wanted}"))
    done = cli("lock", "b")
    assert done.status == 3
    assert "error: no index has a package 'qqqqq', required by specs/b.yaml:5 (asked: default)" in done.said
    assert "for osx-arm64: no index has a package 'rrrrr', required by specs/b.yaml:6 (asked: default)" in done.said
    assert "for linux-64: no index has a package 'sssss', required by specs/b.yaml:7 (asked: default)" in done.said
    assert done.said.count("package 'qqqqq'") == 1
    error = cli("lock", "b", "--json").json["error"]
    assert [one["facts"]["name"] for one in error["facts"]["errors"]] == ["qqqqq", "rrrrr", "sssss"]


def test_a_package_that_is_unknown_on_the_second_platform_only(cli: CommandLine) -> None:
    wanted = "- app\n      - rrrrr; sys_platform == 'darwin'"
    cli.spec("b", SPEC.replace("[linux-64]", "[linux-64, osx-arm64]").replace("- app", wanted))
    done = cli("lock", "b")
    assert done.status == 3
    assert done.said.startswith("error: for osx-arm64: no index has a package 'rrrrr', required by specs/b.yaml:5")
    assert cli("lock", "b", "--json").json["error"]["code"] == "unknown-package"


def test_all_unknown_packages_are_said_in_one_go(cli: CommandLine) -> None:
    cli("lock", "a")
    cli.spec("b", SPEC.replace("- app", "- libb\n      - app\n      - qqqqq"))
    done = cli("lock", "b")
    assert done.status == 3
    lines = done.err.splitlines()
    assert lines[0] == "error: no index has a package 'libb', required by specs/b.yaml:4 (asked:"
    assert "no index has a package 'qqqqq', required by specs/b.yaml:6 (asked: default)" in done.said
    assert "hint: libb: did you mean 'lib'?" in done.said
    assert "qqqqq: check its name" in done.said
    error = cli("lock", "b", "--json").json["error"]
    assert error["code"] == "unknown-package"
    assert [one["facts"]["name"] for one in error["facts"]["errors"]] == ["libb", "qqqqq"]
    assert [one["hint"].partition(" (")[0] for one in error["facts"]["errors"]] == [
        "did you mean 'lib'?",
        "check its name, or name the index that has it",
    ]


def test_what_was_meant_does_not_depend_on_what_was_read(cli: CommandLine, server: IndexServer) -> None:
    """lib stands in no spec: it is known from a lock, whether or not its page is read in the same run."""
    publish(server, "other", "1.0")
    cli("lock", "a")
    said = set()
    for first in ("app", "other", "lib"):
        cli.spec("b", SPEC.replace("- app", f"- {first}\n      - libb"))
        error = cli("lock", "b", "--json").json["environments"][0]["error"]
        said.add(error["hint"])
    assert len(said) == 1
    assert "did you mean 'lib'?" in said.pop()


def test_sources_of_the_configuration_that_are_not_used_are_said(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "https://user:secret@extra.invalid/simple")
    monkeypatch.setenv("PIP_FIND_LINKS", "/wheels")
    done = cli("lock", "a")
    assert done.status == 0
    assert done.said.startswith(
        "note: not used of your configuration, for it would mix sources by version:"
        " PIP_EXTRA_INDEX_URL=https://extra.invalid/simple; PIP_FIND_LINKS=/wheels (see `indexes:`)"
    )
    assert done.said.count("PIP_FIND_LINKS") == 1
    assert "note" not in cli("lock", "a").err


# What all means


def test_all_leaves_out_what_is_deprecated_and_says_so(cli: CommandLine) -> None:
    cli.spec("old", "status: deprecated\npython: '3.11'\nplatforms: [linux-64]\npip: [nowhere-to-be-found]\n")
    cli.spec("gone", "status: removed\npython: '3.11'\nplatforms: [linux-64]\npip: [nowhere-to-be-found]\n")
    said = "left out, as deprecated or removed: gone, old; those are taken by name alone"
    done = cli("lock", "--all")
    assert done.status == 0, done.err
    assert done.said.endswith(said)
    assert [path.name for path in (cli.root / "locks").iterdir()] == ["a.lock.toml", "a.requirements.txt"]
    assert cli("lock", "--all").said == f"a is up to date {said}"
    assert cli("lock", "--all").said == f"a is up to date {said}"
    assert cli("lock", "--all", "--check").status == 0
    document = cli("lock", "--all", "--json").json
    assert ([entry["name"] for entry in document["environments"]], document["left_out"]) == (["a"], ["gone", "old"])
    assert cli("lock", "a", "--json").json["left_out"] == []
    assert cli("lock", "old").status == 3


def test_a_project_of_deprecated_environments_only(cli: CommandLine) -> None:
    cli.spec("a", SPEC.rstrip() + "\n    status: deprecated\n")
    done = cli("lock", "--all")
    assert (done.status, done.said) == (
        2,
        "error: every environment of the project is deprecated or removed hint: name those you mean",
    )


def test_json_tells_the_packages_of_a_lock_that_is_up_to_date(cli: CommandLine) -> None:
    cli("lock", "a")
    (entry,) = cli("lock", "a", "--json").json["environments"]
    assert (entry["status"], entry["packages"]) == ("up-to-date", {"linux-64": 2})

"""``envsolver sync``: environments of any maker brought to their lock, in place."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from uv import find_uv_bin

from tests.kills import MORTAL
from tests.support.building import snapshot
from tests.support.packages import make_wheel, wheel_filename
from tests.test_build_verify import BUILD, SITE, VERIFY, project, put, spoil

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.cli import CommandLine, Done
    from tests.support.index_server import IndexServer

__all__ = ["project"]  # a fixture

SYNC = ("sync", "demo", "--prefix", "env")


def tree(run: CommandLine) -> str:
    """Return the digest of an environment that is built from nothing."""
    found = run("build", "demo", "--prefix", "fresh", "--python", sys.executable, "--json").json["tree"]
    shutil.rmtree(run.root / "fresh")
    return str(found)


def plan(run: CommandLine, *args: str) -> dict[str, tuple[str, str | None, str | None]]:
    found = run(*SYNC, "--dry-run", "--json", *args).json["packages"]
    return {one["name"]: (one["action"], one["before"], one["after"]) for one in found}


def moved_on(run: CommandLine, server: IndexServer) -> None:
    """Let the lock have a newer ``app``, which needs ``more``."""
    files = {"app/__init__.py": "def main():\n    print('newer')\n", "app/added.py": ""}
    server.add(wheel_filename("app", "2.0"), make_wheel("app", "2.0", files=files, requires=["more"]))
    put(server, "more", "1.0", {"more.py": ""})
    assert run("lock", "demo", "--upgrade", "--refresh").status == 0


def test_the_lock_has_moved_on(project: CommandLine, default_index: IndexServer) -> None:
    project(*BUILD, "--group", "more")
    stays = project.root / "env" / SITE / "lib.py"
    before = stays.stat().st_ino
    moved_on(project, default_index)
    whole = snapshot(project.root / "env")
    dry = project(*SYNC, "--dry-run")
    assert dry.status == 0
    assert dry.out.splitlines() == ["app 1.0 -> 2.0", "more 1.0 added"]
    assert snapshot(project.root / "env") == whole
    done = project(*SYNC, "--yes", "--json").json
    assert done["done"]["tree"] == project(*VERIFY, "--json").json["tree"]
    assert project(*VERIFY).status == 0
    assert stays.stat().st_ino == before
    assert not (project.root / "env" / SITE / "app" / "core.so").exists()
    again = project(*SYNC)
    assert (again.status, again.out) == (0, "")
    assert "env is as the lock of demo says" in again.said


@pytest.mark.parametrize("args", [(), ("--json",)])
def test_asked_first(project: CommandLine, default_index: IndexServer, args: tuple[str, ...]) -> None:
    """Where nobody can answer, nothing is done."""
    project(*BUILD)
    moved_on(project, default_index)
    before = snapshot(project.root / "env")
    done = project(*SYNC, *args)
    assert done.status == 2
    assert "say --yes" in done.said + done.out
    assert snapshot(project.root / "env") == before


@pytest.mark.parametrize(("answer", "status"), [("y", 0), ("n", 130)])
def test_an_answer(
    project: CommandLine, default_index: IndexServer, monkeypatch: pytest.MonkeyPatch, answer: str, status: int
) -> None:
    project(*BUILD)
    moved_on(project, default_index)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda _: answer)
    done = project(*SYNC)
    assert done.status == status, done.err
    assert (project(*VERIFY).status == 0) is (answer == "y")


def test_groups_and_bytecode(project: CommandLine) -> None:
    project(*BUILD)
    assert plan(project, "--group", "more") == {"lib": ("add", None, "1.0")}
    assert project(*SYNC, "--group", "more", "--yes").status == 0
    assert project(*VERIFY, "--group", "more").status == 0
    assert project(*SYNC, "--no-bytecode", "--yes").status == 0
    assert not list((project.root / "env").rglob("*.pyc"))
    assert project(*VERIFY, "--group", "more").status == 0


def test_what_was_changed(project: CommandLine) -> None:
    done = project(*BUILD, "--json").json
    env = project.root / "env"
    spoil(env / SITE / "app" / "core.so", lambda data: data + b"!")
    (env / SITE / "app" / "mine.py").write_text("")
    (env / "notes.txt").write_text("")
    (env / SITE / "app" / "__init__.py").unlink()
    found = project(*SYNC, "--dry-run", "--json").json
    assert (found["packages"], found["stray_files"]) == (
        [{"name": "app", "action": "repair", "before": "1.0", "after": "1.0"}],
        2,
    )
    after = project(*SYNC, "--yes", "--json").json["done"]
    assert (after["tree"], after["files_written"], after["files_removed"]) == (done["tree"], 2, 2)
    assert project(*VERIFY).status == 0


def made_by(tool: str, run: CommandLine, *wheels: tuple[str, str, dict[str, str]]) -> Path:
    """Make an environment with pip or uv, of some wheels."""
    env = run.root / "env"
    folder = run.root.parent / "wheels"
    folder.mkdir()
    for name, version, files in wheels:
        (folder / wheel_filename(name, version)).write_bytes(make_wheel(name, version, files=files))
    names = [str(path) for path in sorted(folder.iterdir())]
    if tool == "pip":
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", env], check=True)
        command = [sys.executable, "-m", "pip", "--python", str(env), "install", "-q", "--no-index", "--no-deps"]
    else:
        uv = find_uv_bin()
        subprocess.run([uv, "venv", "-q", "--python", sys.executable, env], check=True, capture_output=True)
        command = [uv, "pip", "install", "-q", "--no-index", "--no-deps", "--python", str(env)]
    subprocess.run([*command, *names], check=True, capture_output=True)
    return env


OLD_APP = ("app", "0.9", {"app/__init__.py": "", "app/gone.py": ""})
OTHER = ("other", "1.0", {"other/__init__.py": "", "solo.py": ""})


@pytest.mark.parametrize("tool", ["pip", "uv"])
def test_made_by_another_tool(project: CommandLine, tool: str) -> None:
    env = made_by(tool, project, OLD_APP, OTHER)
    assert plan(project) == {"app": ("change", "0.9", "1.0"), "other": ("remove", "1.0", None)}
    done = project(*SYNC, "--yes", "--json").json["done"]
    assert done["tree"] == tree(project)
    assert project(*VERIFY).status == 0
    assert not (env / SITE / "solo.py").exists()
    ran = subprocess.run([env / "bin" / "python", "-c", "import app; app.main()"], capture_output=True, check=True)
    assert ran.stdout == b"it runs\n"


def test_made_by_uv_of_the_right_version(project: CommandLine) -> None:
    """What is installed is not what the lock has, though the version is: its files are looked at."""
    made_by("uv", project, ("app", "1.0", {"app/__init__.py": "evil"}))
    assert plan(project) == {"app": ("rewrite", "1.0", "1.0")}
    assert project(*SYNC, "--yes").status == 0
    assert project(*VERIFY).status == 0


def test_kept(project: CommandLine) -> None:
    env = made_by("uv", project, OLD_APP, OTHER)
    (env / "notes.txt").write_text("mine")
    assert plan(project, "--keep") == {"app": ("change", "0.9", "1.0"), "other": ("keep", "1.0", None)}
    assert project(*SYNC, "--keep", "--yes").status == 0
    assert (env / SITE / "solo.py").is_file()
    assert (env / "notes.txt").read_text() == "mine"
    assert not (env / SITE / "app" / "gone.py").exists()
    found = project(*VERIFY, "--json").json
    assert {one["cause"] for one in found["differences"]} <= {"extra", "bytecode"}
    assert not [one for one in found["differences"] if one["package"] == "app"]
    again = project(*SYNC, "--keep")
    assert "is as the lock of demo says, but for 1 package that it does not have" in again.said


def test_links_that_lead_out(project: CommandLine) -> None:
    project(*BUILD)
    env, outside = project.root / "env", project.root / "outside"
    shutil.move(env / SITE / "app", outside)
    (env / SITE / "app").symlink_to(outside)
    before = snapshot(outside)
    for args in (("--keep",), ()):
        assert project(*SYNC, "--yes", *args).status == 0
        assert snapshot(outside) == before
    assert project(*VERIFY).status == 0


def test_its_interpreter_is_gone(project: CommandLine) -> None:
    project(*BUILD)
    python = project.root / "env" / "bin" / "python"
    python.unlink()
    python.symlink_to("/nowhere/python")
    done = project(*SYNC, "--python", sys.executable, "--yes")
    assert done.status == 0, done.err
    assert subprocess.run([python, "-c", "import app"], check=True).returncode == 0
    assert project(*VERIFY).status == 0


def test_folders_that_are_no_environments(project: CommandLine) -> None:
    env = project.root / "env"
    assert "`envsolver build demo --prefix" in project(*SYNC).said
    env.mkdir()
    (env / "thesis.tex").write_text("years of work")
    for extra, reason in ((None, "it has no pyvenv.cfg"), ("conda-meta", "an environment of conda")):
        if extra:
            (env / extra).mkdir()
        done = project(*SYNC, "--yes")
        assert done.status == 2
        assert reason in done.said
        assert (env / "thesis.tex").exists()


def test_a_file_that_is_not_that_of_the_lock(project: CommandLine, default_index: IndexServer) -> None:
    project(*BUILD)
    moved_on(project, default_index)
    default_index.add(wheel_filename("app", "2.0"), make_wheel("app", "2.0", files={"app/evil.py": ""}))
    before = snapshot(project.root / "env")
    assert project(*SYNC, "--yes").status == 4
    assert {path: seen for path, seen in snapshot(project.root / "env").items() if "/work-" not in path} == before


def test_another_tree_than_the_lock_records(project: CommandLine) -> None:
    project(*BUILD, "--record")
    path = project.lock_file("demo")
    text = path.read_text()
    digest = json.loads(project(*VERIFY, "--json").out)["tree"]
    path.write_text(text.replace(digest, "sha256:" + "0" * 64))
    spoil(project.root / "env" / SITE / "app" / "core.so", lambda data: data + b"!")
    before = snapshot(project.root / "env")
    done = project(*SYNC, "--yes")
    assert done.status == 1
    assert "nothing was changed" in done.said
    assert snapshot(project.root / "env") == before


def test_killed_at_random_moments(project: CommandLine, default_index: IndexServer) -> None:
    """Whatever the moment, nothing that is half done passes for whole, and the next run finishes."""
    project(*BUILD)
    shutil.copytree(project.root / "env", project.root / "old", symlinks=True)
    moved_on(project, default_index)
    wanted = tree(project)

    def run(moment: int) -> subprocess.CompletedProcess[str]:
        shutil.rmtree(project.root / "env", ignore_errors=True)
        shutil.copytree(project.root / "old", project.root / "env", symlinks=True)
        command = [sys.executable, "-c", MORTAL, str(moment), *SYNC, "--yes"]
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=project.root)

    def finished() -> Done:
        return project(*SYNC, "--yes", "--json")

    steps = int(run(0).stdout.rpartition("steps ")[2])
    assert steps > 20
    for moment in random.Random(1).sample(range(1, steps + 1), 10):  # noqa: S311 - moments, no secrets
        assert run(moment).returncode == -signal.SIGKILL
        verified = project(*VERIFY, "--json")
        assert verified.status == 1 or verified.json["tree"] == wanted
        done = finished()
        assert done.status == 0, done.err
        assert project(*VERIFY, "--json").json["tree"] == wanted
        assert sorted(path.name for path in (project.root / "env" / ".envsolver").iterdir()) == ["manifest"]
        assert sorted(path.name for path in (project.root / "env" / SITE).iterdir() if "info" not in path.name) == [
            "__pycache__",
            "app",
            "more.py",
        ]

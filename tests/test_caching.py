"""A cache that cannot be written: what needs a store has a temporary one, and reads what the other one has."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from envsolver.app import caching
from tests.support.building import MINOR, snapshot
from tests.support.cli import CommandLine
from tests.support.packages import make_sdist, make_wheel, sdist_filename, wheel_filename

if TYPE_CHECKING:
    from tests.support.index_server import IndexServer

PYTHON = ("--python", sys.executable)
BUILD = ("build", "demo", "--prefix", "new", *PYTHON)
SYNC = ("sync", "demo", "--prefix", "env", "--yes", *PYTHON)
BUNDLE = ("bundle", "demo", "-o", "packed", *PYTHON)
WHEEL = ("wheel", "demo", *PYTHON)
MAKER = """
import shutil, os
def build_wheel(folder, settings=None, metadata=None):
    shutil.copyfile("ready", os.path.join(folder, "plain-1.0-py3-none-any.whl"))
    return "plain-1.0-py3-none-any.whl"
"""


@pytest.fixture
def project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], default_index: IndexServer
) -> CommandLine:
    """A locked environment with a wheel, and a source archive whose wheel is recorded, beside an empty cache."""
    root = tmp_path / "project"
    root.mkdir()
    monkeypatch.chdir(root)
    default_index.add(wheel_filename("app", "1.0"), make_wheel("app", "1.0", files={"app.py": "", "d.bin": "x" * 9999}))
    default_index.add(wheel_filename("maker", "1.0"), make_wheel("maker", "1.0", files={"maker.py": MAKER}))
    archive = make_sdist(
        "plain",
        "1.0",
        static=True,
        pyproject='[build-system]\nrequires = ["maker"]\nbuild-backend = "maker"\n',
        files={"ready": make_wheel("plain", "1.0", files={"plain.py": ""})},
    )
    default_index.add(sdist_filename("plain", "1.0"), archive)
    run = CommandLine(root, capsys)
    run.spec("demo", f'python: "{MINOR}"\nplatforms: [linux-64]\npip: [app, plain]\n')
    assert run("lock", "demo").status == 0
    assert run(*WHEEL).status == 0
    assert run("build", "demo", "--prefix", "env", *PYTHON).status == 0
    (root / "env" / "lib" / f"python{MINOR}" / "site-packages" / "app.py").unlink()  # for sync to mend
    monkeypatch.setenv("ENVSOLVER_CACHE_DIR", str(tmp_path / "other-cache"))
    return run


@pytest.fixture
def blocked(project: CommandLine, tmp_path: Path) -> CommandLine:
    """With a file in the place of the cache: not even root can write below it."""
    (tmp_path / "other-cache").write_bytes(b"")
    return project


@pytest.mark.parametrize("command", [BUILD, SYNC, BUNDLE, (*WHEEL, "-o", "made")], ids=lambda command: command[0])
def test_it_is_done_with_a_temporary_one(blocked: CommandLine, command: tuple[str, ...]) -> None:
    before = {path.name for path in blocked.root.iterdir()}
    chosen = os.environ["ENVSOLVER_CACHE_DIR"]
    done = blocked(*command)
    assert done.status == 0, done.err
    assert done.said.count("cannot be written (") == 1
    assert f"the cache {chosen} cannot be written (not a directory); going on with a temporary one" in done.said
    made = {"wheel": "made", "bundle": "packed", "sync": "env"}.get(command[0], "new")
    assert {path.name for path in blocked.root.iterdir()} == before | {made}, "nothing of it stays"
    assert os.environ["ENVSOLVER_CACHE_DIR"] == chosen
    if command[0] == "wheel":
        assert [path.name for path in (blocked.root / made).iterdir()] == ["plain-1.0-py3-none-any.whl"]
    elif command[0] != "bundle":
        assert blocked("verify", "demo", "--prefix", made).status == 0


def test_it_is_the_same_environment(blocked: CommandLine, tmp_path: Path) -> None:
    tree = blocked(*BUILD, "--json").json["tree"]
    (tmp_path / "other-cache").unlink()
    assert blocked("build", "demo", "--prefix", "again", *PYTHON, "--json").json["tree"] == tree


def test_wheels_that_would_be_kept_there_are_not_built_in_vain(blocked: CommandLine) -> None:
    done = blocked(*WHEEL)
    assert done.status == 4
    assert "where wheels are kept, cannot be written (not a directory)" in done.said
    assert "hint: -o FOLDER puts them elsewhere; ENVSOLVER_CACHE_DIR names another cache" in done.said


@pytest.mark.parametrize("command", [BUILD, SYNC, (*WHEEL, "-o", "made")], ids=lambda command: command[0])
def test_what_lies_in_it_is_read(
    project: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    """As in an image whose cache was filled when it was made: no network, and not a byte of it is touched."""
    assert project("build", "demo", "--prefix", "other", *PYTHON).status == 0
    cache = tmp_path / "other-cache"
    before = snapshot(cache)
    monkeypatch.setattr(caching, "unwritable", lambda: "read-only file system")
    done = project(*command, "--offline")
    assert done.status == 0, done.err
    assert "cannot be written (read-only file system); going on with a temporary one" in done.said
    assert snapshot(cache) == before


def test_where_nothing_can_be_made_beside_it_the_systems_folder_serves(
    blocked: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "system"))
    nowhere = tmp_path / "file"
    nowhere.write_bytes(b"")
    seen = []

    class Seen:
        def note(self, text: str) -> None:
            seen.append(Path(os.environ["ENVSOLVER_CACHE_DIR"]))

    with caching.writable_cache(nowhere / "below", Seen()):  # type: ignore[arg-type] # of Progress, note is what is used
        inside = Path(os.environ["ENVSOLVER_CACHE_DIR"])
        assert inside.parent == tmp_path / "system"
        assert inside.is_dir()
    assert not inside.exists()
    assert len(seen) == 1


def test_a_cache_that_can_be_written_is_left_alone(project: CommandLine, tmp_path: Path) -> None:
    chosen = os.environ["ENVSOLVER_CACHE_DIR"]
    assert caching.unwritable() is None
    with caching.writable_cache(tmp_path, None):  # type: ignore[arg-type] # nothing is said
        assert os.environ["ENVSOLVER_CACHE_DIR"] == chosen

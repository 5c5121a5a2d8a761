"""``envsolver bundle``, and builds from bundles with no index at hand."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
from typing import TYPE_CHECKING

import pytest

from tests.support.building import MINOR, snapshot
from tests.support.cli import CommandLine
from tests.support.packages import make_sdist, make_wheel, sdist_filename, sha256, wheel_filename

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.index_server import IndexServer

PYTHON = ("--python", sys.executable)
BUILD = ("build", "demo", "--prefix", "env", *PYTHON)
# A project that is its own build backend, so that no build requirements have to be had.
PYPROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'


def backend() -> str:
    wheel = make_wheel("plain", "1.0")
    return f"""
def build_wheel(folder, settings=None, metadata=None):
    with open(folder + "/plain-1.0-py3-none-any.whl", "wb") as file:
        file.write({wheel!r})
    return "plain-1.0-py3-none-any.whl"
"""


@pytest.fixture
def project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], default_index: IndexServer
) -> CommandLine:
    """Return a project that is the current folder, whose environment ``demo`` has wheels and a source archive."""
    root = tmp_path / "project"
    root.mkdir()
    monkeypatch.chdir(root)
    for name in ("app", "lib"):
        default_index.add(wheel_filename(name, "1.0"), make_wheel(name, "1.0"))
    sdist = make_sdist("plain", "1.0", static=True, pyproject=PYPROJECT, files={"backend.py": backend()})
    default_index.add(sdist_filename("plain", "1.0"), sdist)
    run = CommandLine(root, capsys)
    run.spec("demo", f'python: "{MINOR}"\nplatforms: [linux-64]\npip: [app, plain]\ngroups: {{more: [lib]}}\n')
    assert run("lock", "demo").status == 0
    assert run("wheel", "demo", *PYTHON).status == 0
    return run


def forget() -> None:
    shutil.rmtree(os.environ["ENVSOLVER_CACHE_DIR"])


@pytest.mark.parametrize("output", ["bundle", "bundle.tar"])
def test_built_from_a_bundle_alone(project: CommandLine, default_index: IndexServer, output: str) -> None:
    tree = project(*BUILD, "--group", "more", "--json").json["tree"]
    forget()
    done = project("bundle", "demo", "--group", "more", *PYTHON, "-o", output)
    assert done.status == 0, done.err
    assert "3 wheels" in done.said
    assert sorted(path.name for path in project.root.iterdir()) == sorted([output, "env", "locks", "specs"])
    forget()
    default_index.stop()
    built = project(*BUILD, "--group", "more", "--bundle", output, "--offline", "--json")
    assert built.status == 0, built.err
    assert built.json["tree"] == tree
    # Less than all of it can be built too.
    assert project(*BUILD, "--bundle", output, "--offline", "--twice").status == 0


def test_same_bytes(project: CommandLine) -> None:
    for name in ("one.tar", "two.tar"):
        assert project("bundle", "demo", *PYTHON, "-o", name).status == 0
        forget()
    assert (project.root / "one.tar").read_bytes() == (project.root / "two.tar").read_bytes()
    project("bundle", "demo", *PYTHON, "-o", "folder")
    with tarfile.open(project.root / "one.tar") as archive:
        entries = {entry.name: (entry.mtime, entry.mode, entry.uid, entry.uname) for entry in archive}
    assert set(entries.values()) == {(315532800, 0o644, 0, "")}
    assert sorted(entries) == sorted(snapshot(project.root / "folder"))


def test_what_is_in_it(project: CommandLine) -> None:
    project("bundle", "demo", *PYTHON, "-o", "out")
    folder = project.root / "out"
    assert (folder / "demo.lock.toml").read_text() == project.lock_file("demo").read_text()
    content = json.loads((folder / "bundle.json").read_text())
    assert [(one["name"], one["version"]) for one in content["files"]] == [("app", "1.0"), ("plain", "1.0")]
    for one in content["files"]:
        assert sha256((folder / one["path"]).read_bytes()) == one["sha256"]
    # pip takes it as it is.
    command = [sys.executable, "-m", "pip", "install", "--no-index", "--find-links", str(folder / "index.html"),
               "--target", str(project.root / "target"), "--quiet", "app", "plain"]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    assert (project.root / "target" / "plain.py").exists()


def test_something_is_there(project: CommandLine) -> None:
    (project.root / "out").mkdir()
    done = project("bundle", "demo", *PYTHON, "-o", "out")
    assert done.status == 2
    assert "there already" in done.said


def test_a_group_that_was_left_out(project: CommandLine) -> None:
    project("bundle", "demo", *PYTHON, "-o", "out")
    forget()
    done = project(*BUILD, "--group", "more", "--bundle", "out")
    assert done.status == 4
    assert "does not have lib-1.0-py3-none-any.whl" in done.said


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[:-1] + b"x",
        lambda data: data[:100],
        lambda data: data + b"x",
        lambda data: b"",
    ],
)
def test_a_file_that_was_changed(project: CommandLine, change: Callable[[bytes], bytes]) -> None:
    project("bundle", "demo", *PYTHON, "-o", "out")
    forget()
    (path,) = (project.root / "out").rglob("app-1.0*.whl")
    path.write_bytes(change(path.read_bytes()))
    done = project(*BUILD, "--bundle", "out")
    assert done.status == 4
    assert "the lock says" in done.said
    assert not (project.root / "env").exists()


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"bundle-version": 9, "files": []}', b"\xff"])
def test_no_bundle(project: CommandLine, content: bytes) -> None:
    (project.root / "out").mkdir()
    (project.root / "out" / "bundle.json").write_bytes(content)
    (project.root / "out.tar").write_bytes(content)
    forget()
    for name in ("out", "out.tar"):
        done = project(*BUILD, "--bundle", name)
        assert done.status == 4
        assert "bundle" in done.said
        assert "defect" not in done.said


def test_links_in_a_bundle_lead_nowhere(project: CommandLine) -> None:
    project("bundle", "demo", *PYTHON, "-o", "out")
    forget()
    (path,) = (project.root / "out").rglob("app-1.0*.whl")
    path.rename(project.root / "elsewhere")
    path.symlink_to(project.root / "elsewhere")
    done = project(*BUILD, "--bundle", "out")
    assert done.status == 4
    assert "does not have app-1.0" in done.said


def test_an_index_that_fails(project: CommandLine, default_index: IndexServer) -> None:
    forget()
    default_index.fault("*app-1.0*.whl", corrupt=300)
    done = project("bundle", "demo", *PYTHON, "-o", "out")
    assert done.status == 4
    assert "the lock says" in done.said
    assert sorted(path.name for path in project.root.iterdir()) == ["locks", "specs"]

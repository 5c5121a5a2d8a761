"""The catalogue that envsolver ships: in the wheel, beside a project's own specs, and read only."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from envsolver.spec.curated import PREFIX, curated_root, located, resolved_path, shown_in
from tests.support.cli import CommandLine

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NAME = "acpt-1.12-py39"
SPEC = 'python: "3.11"\nplatforms: [linux-64]\npip: []\n'


@pytest.fixture
def empty(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """Return the command line in a folder that is no project."""
    monkeypatch.chdir(tmp_path)
    return CommandLine(tmp_path, capsys)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Path:
    """Return a folder into which pip has installed the wheel of this project, without what it depends on."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for part in ("envsolver", "specs", "locks"):
        shutil.copytree(repository / part, source / part, ignore=shutil.ignore_patterns("__pycache__"))
    for part in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(repository / part, source / part)
    build = f"from hatchling.build import build_wheel; print(build_wheel({str(folder)!r}))"
    made = subprocess.run([sys.executable, "-c", build], cwd=source, capture_output=True, text=True, check=True)
    wheel = folder / made.stdout.split()[-1]
    target = folder / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--target", str(target)]
    subprocess.run([*pip, str(wheel)], check=True, capture_output=True)
    return target


@pytest.fixture
def run(installed: Path, tmp_path: Path) -> Callable[..., str]:
    """Return a function that runs the installed envsolver in an empty folder and returns what it prints."""

    def command(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "envsolver", *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(installed)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return command


def test_the_installed_wheel_has_a_catalogue(run: Callable[..., str], installed: Path, repository: Path) -> None:
    listed = json.loads(run("list", "--json"))
    assert (listed["project"], listed["environments"]) == (None, [])
    rows = {row["name"]: row for row in listed["shipped"]}
    assert set(rows) == {path.stem for path in (repository / "specs").glob("[!_]*.yaml")}
    assert rows[NAME]["lock"] == "current"
    assert str(installed) not in run("show", NAME, "--json")
    assert "specs/_acpt.yaml" in run("show", NAME)
    lock = (repository / "locks" / f"{NAME}.requirements.txt").read_text()
    exported = run("export", NAME, "--format", "requirements")
    assert [line for line in exported.splitlines() if "==" in line] == [
        line for line in lock.splitlines() if "==" in line
    ]
    assert "torch" in run("tree", NAME, "--depth", "1")
    assert json.loads(run("check", NAME, "--json"))["environments"][0]["lock"] == "up-to-date"


def test_an_empty_folder_has_the_catalogue(empty: CommandLine) -> None:
    done = empty("list")
    assert done.status == 0
    assert done.out.startswith("shipped with envsolver\n")
    assert f"\n{NAME} " in done.out
    assert "cu113" not in done.out
    assert "2; `envsolver list --all` shows them" in done.said
    assert "cu113" in empty("list", "--all").out


def test_a_project_stands_beside_the_catalogue(empty: CommandLine) -> None:
    empty.spec("train", SPEC)
    empty.spec("torch-cpu-py311", SPEC)
    listed = empty("list", "--json").json
    assert [row["name"] for row in listed["environments"]] == ["torch-cpu-py311", "train"]
    shipped = {row["name"] for row in listed["shipped"]}
    assert NAME in shipped
    # The project's own stands in place of the one of the catalogue.
    assert "torch-cpu-py311" not in shipped
    assert empty("show", "torch-cpu-py311", "--json").json["lock"]["state"] == "missing"
    assert empty("show", NAME, "--json").json["lock"]["state"] == "current"


def test_what_writes_takes_the_projects_own_only(empty: CommandLine) -> None:
    empty.spec("train", SPEC)
    done = empty("lock", NAME)
    assert done.status == 2
    assert f"envsolver ships {NAME}" in done.said
    assert f"`extends: {NAME}`" in done.said
    done = empty("build", NAME, "--prefix", "there", "--record")
    assert done.status == 2
    assert "nothing is recorded there" in done.said
    assert not (empty.root / "there").exists()


def test_own_and_shipped_ones_are_checked_apart(empty: CommandLine) -> None:
    empty.spec("train", SPEC)
    done = empty("check", "train", NAME)
    assert done.status == 2
    assert f"{NAME} is shipped with envsolver" in done.said


@pytest.mark.parametrize(
    ("name", "hint"), [("acpt-1.12-py93", "did you mean 'acpt-1.12-py39'"), ("nothing-like-it", "envsolver init NAME")]
)
def test_an_unknown_name_in_an_empty_folder(empty: CommandLine, name: str, hint: str) -> None:
    done = empty("show", name)
    assert done.status == 2
    assert hint in done.said


def test_a_file_of_the_catalogue_has_one_name_on_every_machine(tmp_path: Path) -> None:
    root = curated_root()
    assert root is not None
    path = root / "specs" / "_acpt.yaml"
    assert shown_in(path, tmp_path) == f"{PREFIX}specs/_acpt.yaml"
    assert located(f"{PREFIX}specs/_acpt.yaml", tmp_path) == path
    # Within the repository itself they are its own.
    assert shown_in(path, root) == "specs/_acpt.yaml"
    assert located("specs/x.yaml", tmp_path) == tmp_path / "specs" / "x.yaml"


def test_a_recorded_index_of_the_catalogue_is_left_alone(empty: CommandLine) -> None:
    empty.spec("train", f"extends: {NAME}\n")
    done = empty("index", "freeze", "pytorch-cu116")
    assert done.status == 2
    assert "-o FILE" in done.said


def test_a_file_is_shown_where_it_lies(tmp_path: Path) -> None:
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    (project / "specs").mkdir(parents=True)
    elsewhere.mkdir()
    (elsewhere / "b.yaml").touch()
    (project / "specs" / "b.yaml").symlink_to(elsewhere / "b.yaml")
    (project / "linked").symlink_to(elsewhere)
    assert shown_in(project / "specs" / "a.yaml", project) == "specs/a.yaml"
    assert shown_in(project / "linked" / ".." / "project" / "specs" / "a.yaml", project) == "specs/a.yaml"
    assert shown_in(project / "specs" / "b.yaml", project) == (project / "specs" / "b.yaml").as_posix()
    assert shown_in(tmp_path / "project-2" / "a.yaml", project) == (tmp_path / "project-2" / "a.yaml").as_posix()
    assert shown_in(project, project) == "."
    assert resolved_path(project / "linked" / "b.yaml") == elsewhere.resolve() / "b.yaml"
    assert resolved_path(project / "specs" / "..") == project.resolve()

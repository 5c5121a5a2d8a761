"""The recipes of the documents, run by the tools themselves: pip and uv, against a loopback index."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.cli import CommandLine, publish

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.support.index_server import IndexServer

PAGE = Path(__file__).resolve().parent.parent / "docs" / "recipes.md"
TOOLS = Path(sys.executable).parent
LOCKED = {"app": "1.0", "lib": "1.5"}


def recipes() -> dict[str, list[str]]:
    """Return title → commands of the recipes that can be run here."""
    parts = re.split(r"^## (.*)$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    blocks = {
        title: re.search(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
        for title, text in zip(parts[::2], parts[1::2], strict=True)
    }
    return {title: block[1].splitlines() for title, block in blocks.items() if block}


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an environment with pip in it and nothing else."""
    folder = tmp_path_factory.mktemp("venv") / "v"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, capture_output=True)
    return folder


@pytest.fixture
def run(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    default_index: IndexServer,
    seeded: Path,
) -> Callable[[str], Mapping[str, str]]:
    """Return a function that runs a recipe in a project and says what is installed then.

    The index has gone on since the lock was made: what is not held to it gets something newer.
    """
    monkeypatch.chdir(tmp_path)
    publish(default_index, "app", "1.0", "lib>=1")
    publish(default_index, "lib", "1.5")
    cli = CommandLine(tmp_path, capsys)
    cli.spec(
        "train", f'python: "{sys.version_info.major}.{sys.version_info.minor}"\nplatforms: [linux-64]\npip: [app]\n'
    )
    assert cli("lock", "train").status == 0
    publish(default_index, "app", "2.0", "lib>=1")
    publish(default_index, "lib", "2.0")

    def recipe(title: str) -> Mapping[str, str]:
        # `uv pip sync` takes out what is not locked, pip among it: it gets an environment of its own.
        ours = seeded if title.startswith("pip") else tmp_path / "v"
        folders = os.pathsep.join([str(ours / "bin"), str(TOOLS), os.environ["PATH"]])
        environment = {**os.environ, "PATH": folders, "VIRTUAL_ENV": str(ours), "PYTHONPATH": "", "UV_NO_CACHE": "1"}

        def called(*command: str) -> str:
            program = ours / "bin" / "pip" if command[0] == "pip" else TOOLS / command[0]
            done = subprocess.run(
                [str(program), *command[1:]], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, f"{shlex.join(command)}\n{done.stdout}{done.stderr}"
            return done.stdout

        if ours is not seeded:
            called("uv", "venv", "--quiet", "--python", sys.executable, str(ours))
        for line in recipes()[title]:
            called(*shlex.split(line))
        found = {one["name"]: one["version"] for one in json.loads(called("uv", "pip", "list", "--format", "json"))}
        if ours is seeded:
            called("uv", "pip", "uninstall", "--quiet", *LOCKED)
        return {name: version for name, version in found.items() if name not in {"pip", "setuptools"}}

    return recipe


def test_there_are_recipes_to_run() -> None:
    assert len(recipes()) == 4


@pytest.mark.parametrize("title", recipes())
def test_a_recipe_installs_what_is_locked(run: Callable[[str], Mapping[str, str]], title: str) -> None:
    assert run(title) == LOCKED


@pytest.fixture(scope="module")
def poetry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of Poetry, fresh from the user's index: it wants other versions of what tests are run with."""
    folder = tmp_path_factory.mktemp("poetry") / "v"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, capture_output=True)
    subprocess.run([str(folder / "bin" / "pip"), "install", "--quiet", "poetry"], check=True, capture_output=True)
    return folder / "bin"


@pytest.mark.live
def test_the_recipe_for_poetry(
    poetry: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    default_index: IndexServer,
) -> None:
    monkeypatch.chdir(tmp_path)
    publish(default_index, "app", "1.0", "lib>=1")
    publish(default_index, "lib", "1.5")
    publish(default_index, "torch", "1.12.1+cu116", index="cu116")
    cli = CommandLine(tmp_path, capsys)
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    own = default_index.url("cu116")
    cli.spec(
        "train",
        f"""\
        python: "{python}"
        platforms: [linux-64]
        pip: [app, torch==1.12.1]
        indexes: {{pytorch-cu116: {{url: "{own}", packages: [torch]}}}}
        """,
    )
    assert cli("lock", "train").status == 0
    publish(default_index, "app", "2.0", "lib>=1")
    publish(default_index, "lib", "2.0")
    (tmp_path / "pyproject.toml").write_text(
        f"""[project]\nname = "mine"\nversion = "1"\nrequires-python = "=={python}.*"\n"""
        "[tool.poetry]\npackage-mode = false\n"
    )
    text = PAGE.read_text(encoding="utf-8").partition("\n## Poetry\n")[2].partition("\n## ")[0]
    pins, sources = re.findall(r"^```text\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    export, add, sync = pins.splitlines()
    mirror = f"poetry source add --priority=primary mirror {default_index.url()}"
    sourced = sources.replace("https://download.pytorch.org/whl/cu116", own).splitlines()
    # What has been added with its source is not added once more without it.
    added = add.replace("grep -v '^#'", "grep -v -e '^#' -e '^torch'")
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(poetry), str(TOOLS), os.environ["PATH"]]),
        "POETRY_VIRTUALENVS_IN_PROJECT": "1",
        "POETRY_CACHE_DIR": str(tmp_path / "cache"),
    }
    environment.pop("VIRTUAL_ENV", None)
    for line in (export, mirror, *sourced, added, sync):
        done = subprocess.run(
            ["bash", "-c", line], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    listed = ["uv", "pip", "list", "--format", "json", "--python", str(tmp_path / ".venv")]
    done = subprocess.run(listed, env=environment, capture_output=True, text=True, check=True)
    found = {one["name"]: one["version"] for one in json.loads(done.stdout) if one["name"] != "pip"}
    assert found == {**LOCKED, "torch": "1.12.1+cu116"}


def test_every_client_has_its_recipe() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for command in (
        "pip install -c",
        "-r requirements.txt",
        "uv pip sync pylock.toml",
        "conda create --name train --file",
        "poetry add",
        "pixi install",
    ):
        assert command in page

"""The main job against the real package index. Run with ``nox -s live``; takes minutes and needs the network."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.pylock import Pylock

from benchmarks.tools import interpreter

if TYPE_CHECKING:
    from envsolver.lock.model import Lock

pytestmark = pytest.mark.live

SMALL = 'name: small\npython: "3.11"\nplatforms: [linux-64]\npip: [requests, "packaging", attrs]\n'


def script(name: str) -> str:
    """Return a command that is installed beside the running interpreter."""
    return str(Path(sys.executable).with_name(name))


def run(*command: str, cwd: Path) -> str:
    """Run a command that has to succeed and return what it printed."""
    environment = os.environ | {"UV_PYTHON_DOWNLOADS": "never"}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Path:
    """Return a project with the specs of this repository and no lock."""
    folder = tmp_path_factory.mktemp("live")
    shutil.copytree(repository / "specs", folder / "specs")
    (folder / "specs" / "small.yaml").write_text(SMALL, encoding="utf-8")
    return folder


def lock(project: Path, name: str) -> Lock:
    """Lock an environment and return the lock."""
    from envsolver import load_lock

    run(script("envsolver"), "lock", name, cwd=project)
    return load_lock(project / "locks" / f"{name}.lock.toml")


def exported(project: Path, name: str, format_: str) -> Path:
    """Export a lock into the name that the format asks for and return its path."""
    # PEP 751: the name between "pylock." and ".toml" has no dots.
    plain = name.replace(".", "-")
    path = project / (f"pylock.{plain}.toml" if format_ == "pylock" else f"{name}.{format_}.txt")
    run(script("envsolver"), "export", name, "--format", format_, "-o", str(path), cwd=project)
    return path


def test_the_main_job(project: Path) -> None:
    locked = lock(project, "acpt-1.13-py38")
    wanted = {
        "torch": "1.13.1",
        "onnxruntime-training": "1.14.0",
        "deepspeed": "0.8.0",
        "torch-ort": "1.14.0",
        "torchvision": "0.14.1",
    }
    assert {name: locked.package(name).version for name in wanted} == wanted
    assert all(len(file.sha256 or "") == 64 for package in locked.packages for file in package.files)

    path = project / "locks" / "acpt-1.13-py38.lock.toml"
    cold = path.read_bytes()
    path.unlink()
    lock(project, "acpt-1.13-py38")
    assert path.read_bytes() == cold, "a warm cache changed the lock"


def test_a_frozen_index_serves_in_place_of_the_network(project: Path) -> None:
    locked = lock(project, "acpt-1.12-py39")
    torch, vision = locked.package("torch"), locked.package("torchvision")
    assert (torch.version, vision.version) == ("1.12.1+cu116", "0.13.1+cu116")
    (file,) = torch.files
    digest = file.sha256 or ""
    assert (digest[:8], digest[-4:]) == ("7725420d", "26e3")


def test_uv_takes_the_requirements_and_the_pylock(project: Path) -> None:
    if not (project / "locks" / "acpt-1.13-py38.lock.toml").exists():
        lock(project, "acpt-1.13-py38")
    python = interpreter("3.8")
    assert python is not None, "source archives of this lock can be looked into by a Python 3.8 only"
    uv = [script("uv"), "--quiet"]
    run(*uv, "venv", "--python", python, str(project / "venv"), cwd=project)
    target = ("--python", str(project / "venv"), "--dry-run")
    requirements = exported(project, "acpt-1.13-py38", "requirements")
    run(*uv, "pip", "install", *target, "--require-hashes", "-r", str(requirements), cwd=project)
    pylock = exported(project, "acpt-1.13-py38", "pylock")
    run(*uv, "pip", "sync", *target, str(pylock), cwd=project)


def test_pip_takes_the_pylock_of_a_small_spec(project: Path) -> None:
    locked = lock(project, "small")
    pylock = exported(project, "small", "pylock")
    document = Pylock.from_dict(tomllib.loads(pylock.read_text(encoding="utf-8")))
    assert {str(package.name) for package in document.packages} == {str(package.name) for package in locked.packages}
    target = project / "site"
    run(script("pip"), "install", "--dry-run", "--target", str(target), "-r", str(pylock), cwd=project)

"""What pip and uv themselves make of the exports, with a loopback index."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from envsolver.formats import constraints, pylock, requirements
from envsolver.model.candidate import DIRECT_INDEX
from envsolver.model.target import KNOWN_PLATFORMS
from tests.support.locks import a_file, an_index, locked, resolution
from tests.support.packages import make_sdist, make_wheel, sdist_filename, sha256, wheel_filename

if TYPE_CHECKING:
    from collections.abc import Callable

    from envsolver.lock.model import Lock, LockedFile
    from envsolver.model.candidate import File
    from tests.support.index_server import IndexServer

UV = str(Path(sys.executable).with_name("uv"))
PIP = [sys.executable, "-m", "pip", "--no-cache-dir"]
BASE = {"app==1.0", "common==1.5", "lib==2.0", "plain==1.0", "torchish==1.0+cu116", "url-tool==3.0"}
DEV = {"devtool==0.1"}
# A build backend that lies in the sdist itself, so that no build requirements have to be had.
PYPROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
BACKEND = """import os, zipfile

INFO = "plain-1.0.dist-info"
FILES = {{
    "plain.py": "",
    INFO + "/METADATA": "Metadata-Version: 2.2\\nName: plain\\nVersion: 1.0\\n{requires}",
    INFO + "/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    INFO + "/RECORD": "",
}}

def prepare_metadata_for_build_wheel(folder, settings=None):
    os.makedirs(os.path.join(folder, INFO))
    with open(os.path.join(folder, INFO, "METADATA"), "w") as file:
        file.write(FILES[INFO + "/METADATA"])
    return INFO

def build_wheel(folder, settings=None, metadata_folder=None):
    with zipfile.ZipFile(os.path.join(folder, "plain-1.0-py3-none-any.whl"), "w") as wheel:
        for name, text in FILES.items():
            wheel.writestr(name, text)
    return "plain-1.0-py3-none-any.whl"
"""


class World(NamedTuple):
    """An index with a lock that was made from it."""

    server: IndexServer
    lock: Lock


@pytest.fixture
def world(default_index: IndexServer) -> World:
    """Return a lock whose files are wheels and an sdist of two indexes, a direct URL and a group."""
    packages = {
        "app==1.0": ["lib[fast]>=2", "torchish", "url-tool"],
        "lib==2.0": ["common>=1 ; extra == 'fast'", "colorama ; sys_platform == 'nonesuch'"],
        "common==1.5": [],
        "plain==1.0": ["common"],
        "torchish==1.0+cu116": ["common"],
        "url-tool==3.0": [],
        "devtool==0.1": ["common"],
        "colorama==0.4.6": [],
    }
    files = [_put(default_index, key, requires) for key, requires in packages.items()]
    # The variant's index knows an old copy of a project that everybody has, as those of PyTorch do.
    default_index.add(wheel_filename("common", "0.1"), make_wheel("common", "0.1"), index="cu")
    default_index.add(wheel_filename("torchish", "1.0"), make_wheel("torchish", "1.0"))
    roots = {"": ["app==1.0", "plain"], "dev": ["devtool"]}
    lock = locked(
        *(
            resolution(packages, roots, files=files, platform=name, python=platform.python_version())
            for name in KNOWN_PLATFORMS
        ),
        groups=["dev"],
        indexes=[an_index("cu", default_index.url("cu"))],
    )
    return World(default_index, lock)


def _put(server: IndexServer, key: str, requires: list[str]) -> File:
    name, _, version = key.partition("==")
    extras = {"fast": [text.partition(" ;")[0] for text in requires if "fast" in text and "extra" in text]}
    plain = [text for text in requires if "extra ==" not in text]
    index = "cu" if "+" in version else "simple"
    if name == "plain":
        files = {"backend.py": BACKEND.format(requires="".join(f"Requires-Dist: {text}\\n" for text in plain))}
        data = make_sdist(name, version, requires=plain, static=True, pyproject=PYPROJECT, files=files)
        filename = sdist_filename(name, version)
    else:
        filename, data = wheel_filename(name, version), make_wheel(name, version, requires=plain, extras=extras)
    server.add(filename, data, index=index)
    locked_from = DIRECT_INDEX if name == "url-tool" else "default" if index == "simple" else index
    url = server.file_url(filename, index)
    return replace(a_file(name, version, filename), index=locked_from, url=url, sha256=sha256(data), size=len(data))


def _run(*command: str, fails: bool = False) -> str:
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert (result.returncode != 0) is fails, result.stdout + result.stderr
    return result.stdout + result.stderr


def _uv(tmp_path: Path, *arguments: str, fails: bool = False, dry: bool = True) -> set[str]:
    """Return what uv installs, or would install, into an empty folder."""
    target = ("--target", str(tmp_path / "target"), "--python", sys.executable, "--no-cache")
    output = _run(UV, "pip", *arguments, *target, *(("--dry-run",) if dry else ()), fails=fails)
    lines = (line.split() for line in output.splitlines() if line.startswith(" + "))
    # A direct URL stands in place of the version: "url-tool @ http://…".
    return {"url-tool==3.0" if words[1:3] == ["url-tool", "@"] else words[1] for words in lines}


def _pip(tmp_path: Path, *arguments: str) -> set[str]:
    report = tmp_path / "report.json"
    _run(*PIP, "install", "--dry-run", "--ignore-installed", "--quiet", "--report", str(report), *arguments)
    installed = json.loads(report.read_text(encoding="utf-8"))["install"]
    return {f"{item['metadata']['name']}=={item['metadata']['version']}" for item in installed}


def _write(tmp_path: Path, name: str, text: str) -> str:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_uv_accepts_the_requirements(world: World, tmp_path: Path) -> None:
    path = _write(tmp_path, "requirements.txt", requirements.dumps(world.lock, groups=["dev"]))
    advised = ("--index-strategy", "unsafe-best-match")
    _uv(tmp_path, "install", "--require-hashes", "-r", path, fails=True)  # why the heading advises it
    assert _uv(tmp_path, "install", "--require-hashes", "-r", path, *advised) == BASE | DEV
    assert _uv(tmp_path, "sync", "--require-hashes", path, *advised) == BASE | DEV


def test_uv_installs_the_bytes_that_were_locked_and_no_others(world: World, tmp_path: Path) -> None:
    text = requirements.dumps(world.lock)
    install = ("install", "--require-hashes", "--index-strategy", "unsafe-best-match", "-r")
    common = world.lock.versions("common")[0].files[0].sha256 or ""
    wrong = _write(tmp_path, "wrong.txt", text.replace(common, "0" * 64))
    _uv(tmp_path, *install, wrong, fails=True, dry=False)
    right = _write(tmp_path, "requirements.txt", text)
    assert _uv(tmp_path, *install, right, dry=False) == BASE
    assert (tmp_path / "target" / "torchish.py").read_text(encoding="utf-8") == "__version__ = '1.0+cu116'\n"


def test_pip_accepts_the_requirements(world: World, tmp_path: Path) -> None:
    path = _write(tmp_path, "requirements.txt", requirements.dumps(world.lock, groups=["dev"]))
    assert _pip(tmp_path, "--require-hashes", "-r", path) == BASE | DEV


def test_pip_and_uv_accept_the_constraints(world: World, tmp_path: Path) -> None:
    path = _write(tmp_path, "constraints.txt", constraints.dumps(world.lock))
    extra = ("--extra-index-url", world.server.url("cu"))
    got = BASE - {"plain==1.0"}
    assert _pip(tmp_path, "-c", path, "app", *extra) == got
    # To uv a URL is a requirement only where a requirement names it.
    app = ("app", f"url-tool @ {world.server.file_url('url_tool-3.0-py3-none-any.whl')}")
    assert _uv(tmp_path, "install", "-c", path, *app, *extra, "--index-strategy", "unsafe-best-match") == got


def test_uv_accepts_the_pylock(world: World, tmp_path: Path) -> None:
    path = _write(tmp_path, "pylock.toml", pylock.dumps(world.lock, url_of=_url_of(world)))
    assert _uv(tmp_path, "sync", path) == BASE
    assert _uv(tmp_path, "sync", path, "--group", "dev") == BASE | DEV


def test_pip_accepts_the_pylock(world: World, tmp_path: Path) -> None:
    path = _write(tmp_path, "pylock.toml", pylock.dumps(world.lock, url_of=_url_of(world)))
    assert _pip(tmp_path, "-r", path) == BASE
    assert _pip(tmp_path, "-r", path, "--group", f"{path}:dev") == BASE | DEV


def _url_of(world: World) -> Callable[[LockedFile], str]:
    def url_of(file: LockedFile) -> str:
        hinted = file.hinted_url(world.server.base)
        assert hinted is not None
        return hinted

    return url_of

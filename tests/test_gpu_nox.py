"""Sessions of nox for a project that has envsolver and nox, and nothing else."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from envsolver.nox import catalogue
from tests.support.building import MINOR
from tests.support.cli import CommandLine
from tests.support.gpu_packages import needs_no_gpu
from tests.support.packages import make_wheel, wheel_filename

if TYPE_CHECKING:
    from tests.support.index_server import IndexServer

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "examples" / "nox-project"
_HUMANIZE = "__version__ = '4.9.0'\ndef intcomma(value):\n    return format(value, ',')\n"
_PYTEST = """
import importlib, sys
def main():
    module = importlib.import_module("test_train")
    for name in dir(module):
        if name.startswith("test_"):
            getattr(module, name)()
            print(name, "passed")
"""


class Example:
    """The example, locked against a loopback index, in a folder of its own."""

    def __init__(self, run: CommandLine) -> None:
        self.run = run

    def nox(self, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run nox as a user would."""
        # The suite's own interpreter and PATH: envsolver and nox are installed beside it.
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"], **variables}
        return subprocess.run(
            [sys.executable, "-m", "nox", "--reuse-existing-virtualenvs", *options],
            cwd=self.run.root,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def example(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], default_index: IndexServer
) -> Example:
    """Return the example project, locked."""
    needs_no_gpu()
    pytest.importorskip("nox", reason="nox is not installed beside the tests")
    pytest.importorskip("virtualenv", reason="nox makes its environments with virtualenv")
    monkeypatch.delenv("ENVSOLVER_REQUIRE_GPU", raising=False)
    root = tmp_path / "project"
    shutil.copytree(EXAMPLE, root)
    spec = root / "specs" / "train.yaml"
    spec.write_text(spec.read_text(encoding="utf-8").replace('"3.11"', f'"{MINOR}"'), encoding="utf-8")
    monkeypatch.chdir(root)
    for name, version, files in (
        ("humanize", "4.9.0", {"humanize.py": _HUMANIZE}),
        ("pytest", "9.0", {"pytest/__init__.py": _PYTEST, "pytest/__main__.py": "import pytest\npytest.main()\n"}),
    ):
        default_index.add(wheel_filename(name, version), make_wheel(name, version, files=files))
    run = CommandLine(root, capsys)
    assert run("lock", "train").status == 0
    return Example(run)


def test_a_session_with_what_the_lock_says(example: Example) -> None:
    done = example.nox("-s", "tests")
    assert done.returncode == 0, done.stderr
    assert "test_words passed" in done.stdout
    # The installer is given the lock, whole and with hashes, and resolves nothing.
    (given,) = (example.run.root / ".nox").rglob("train.requirements.txt")
    text = given.read_text(encoding="utf-8")
    assert re.findall(r"^(\S+) \\$", text, re.MULTILINE) == ["humanize==4.9.0", "pytest==9.0"]
    assert text.count("--hash=sha256:") == 2


def test_a_session_for_each_environment(example: Example) -> None:
    assert catalogue(example.run.root) == ["train"]
    done = example.nox("-s", "gpu(train)")
    assert done.returncode == 0, done.stderr
    assert "import:humanize  pass" in done.stdout
    receipt = example.run.root / "locks" / "receipts" / "train.cpu.json"
    assert '"verdict": "pass"' in receipt.read_text(encoding="utf-8")
    suite = ET.parse(example.run.root / "build" / "gpu" / "train.xml").getroot()  # noqa: S314 - written above
    assert suite.get("failures") == "0"

    # The same where a GPU is meant and required.
    spec = example.run.root / "specs" / "train.yaml"
    spec.write_text(spec.read_text(encoding="utf-8") + '\ngpu: {backend: cuda, cuda: "11.7"}\n', encoding="utf-8")
    assert example.run("lock", "train").status == 0
    done = example.nox("-s", "gpu(train)", ENVSOLVER_REQUIRE_GPU="1")
    assert done.returncode != 0
    assert "RUN006" in done.stdout


def test_the_noxfile_of_this_project_has_a_session_for_each_lock() -> None:
    pytest.importorskip("nox", reason="nox is not installed beside the tests")
    done = subprocess.run([sys.executable, "-m", "nox", "--list"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in catalogue(ROOT):
        assert f"gpu({name})" in done.stdout

"""Child processes end when the process that wanted them does, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from envsolver.children import run_child
from tests.support.building import MINOR
from tests.support.packages import make_sdist, make_wheel, sdist_filename, wheel_filename

if TYPE_CHECKING:
    from tests.support.index_server import IndexServer

SLEEPER = """
import os, subprocess, sys, time
other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
with open({part!r}, "w") as file:
    file.write("%d %d" % (os.getpid(), other.pid))
os.replace({part!r}, {marker!r})
time.sleep(600)
"""
"""Starts another process, writes the numbers of both, and sleeps."""
PARENT = """
import os, signal, sys
from envsolver.children import run_child
# What a shell starts in the background ignores Ctrl-C, and so would this.
signal.signal(signal.SIGINT, signal.default_int_handler)
with open(os.devnull, "wb") as log:
    run_child([sys.executable, "-c", sys.argv[1]], cwd=None, environ=os.environ, log=log)
"""
PROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
# It sleeps when it is asked for a wheel.
BACKEND = """
def get_requires_for_build_wheel(settings=None):
    return []

def build_wheel(folder, settings=None, metadata=None):
    exec(open({sleeper!r}).read())
"""


def sleeper(folder: Path) -> str:
    return SLEEPER.format(part=str(folder / "part"), marker=str(folder / "marker"))


def started(folder: Path, parent: subprocess.Popen[bytes]) -> list[int]:
    """Wait for the child, and return its number and that of its own child."""
    marker = folder / "marker"
    while not marker.exists():
        assert parent.poll() is None, "it ended before the child was there"
        time.sleep(0.02)
    return [int(number) for number in marker.read_text().split()]


def gone(process: int) -> bool:
    """Say whether a process has ended; one that nobody has asked for its status yet counts."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return True
    return stat.rpartition(")")[2].split()[0] == "Z"


def wait_until_gone(*processes: int) -> None:
    for _ in range(1000):
        if all(map(gone, processes)):
            return
        time.sleep(0.02)
    raise AssertionError(f"still there: {[process for process in processes if not gone(process)]}")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


def run(log: Path, *command: str, umask: int = -1) -> int:
    with log.open("ab") as file:
        return run_child(command, cwd=str(log.parent), environ={"A": "b", "PATH": os.defpath}, log=file, umask=umask)


def test_status_words_folder_and_variables(log: Path) -> None:
    program = "import os; print(os.getcwd(), os.environ['A'], os.getpid() == os.getpgrp()); raise SystemExit(7)"
    assert run(log, sys.executable, "-c", program) == 7
    assert log.read_text() == f"{log.parent} b False\n"
    assert run(log, sys.executable, "-c", "open('made', 'w')", umask=0o027) == 0
    assert (log.parent / "made").stat().st_mode & 0o777 == 0o640


def test_what_cannot_be_started_and_what_a_signal_ends(log: Path) -> None:
    assert run(log, "/nowhere/python") == 127
    assert "/nowhere/python: " in log.read_text()
    assert run(log, sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGTERM)") == 143


def test_signals_are_what_they_are_everywhere(log: Path) -> None:
    """The interpreter ignores SIGPIPE for itself; tools of a build end by it."""
    assert run(log, "/bin/sh", "-c", "kill -PIPE $$; echo alive") == 128 + signal.SIGPIPE
    assert log.read_text() == ""


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_they_do_not_outlive_their_parent(tmp_path: Path, ending: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, sleeper(tmp_path)], stderr=subprocess.DEVNULL, start_new_session=True
    ) as parent:
        children = started(tmp_path, parent)
        assert not any(map(gone, children))
        parent.send_signal(ending)
    wait_until_gone(*children)


def test_what_is_not_wanted_any_more_is_killed_with_its_children(tmp_path: Path, log: Path) -> None:
    with log.open("ab") as file:
        status = run_child(
            [sys.executable, "-c", sleeper(tmp_path)],
            cwd=None,
            environ=os.environ,
            log=file,
            unwanted=(tmp_path / "marker").exists,
        )
    assert status != 0
    wait_until_gone(*(int(number) for number in (tmp_path / "marker").read_text().split()))


@pytest.mark.parametrize("command", ["lock", "wheel"])
def test_a_killed_run_leaves_no_build_behind(tmp_path: Path, index_server: IndexServer, command: str) -> None:
    """``lock`` asks a backend for metadata, ``wheel`` for the wheel of an archive whose metadata are static."""
    (tmp_path / "sleep.py").write_text(sleeper(tmp_path))
    backend = BACKEND.format(sleeper=str(tmp_path / "sleep.py"))
    if command == "lock":
        backend += "\nprepare_metadata_for_build_wheel = lambda folder, settings=None: build_wheel(folder)\n"
    archive = make_sdist(
        "slow",
        "1.0",
        static=command == "wheel",
        style="none" if command == "lock" else "claimed",
        pyproject=PROJECT,
        files={"backend.py": backend},
    )
    index_server.add(sdist_filename("slow", "1.0"), archive)
    index_server.add(wheel_filename("setuptools", "69.0"), make_wheel("setuptools", "69.0"))
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "a.yaml").write_text(f'python: "{MINOR}"\nplatforms: [linux-64]\npip: [slow]\n')
    environ = {**os.environ, "ENVSOLVER_CACHE_DIR": str(tmp_path / "cache"), "UV_DEFAULT_INDEX": index_server.url()}

    def envsolver(*args: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-m", "envsolver", *args], cwd=tmp_path, env=environ)

    if command == "wheel":
        with envsolver("lock", "a") as locking:
            assert locking.wait() == 0
    with envsolver(command, "a", *(("--python", sys.executable) if command == "wheel" else ())) as parent:
        children = started(tmp_path, parent)
        parent.kill()
    wait_until_gone(*children)

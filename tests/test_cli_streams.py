"""Standard output that is full, closed, or that nobody reads: every command, each with a status and a message."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.cli import CommandLine, publish

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.index_server import IndexServer

PRINTING = [
    "--version",
    "--help",
    "lock --help",
    "cache --help",
    "lock a --check --json",
    "lock a --json",
    "lock nowhere --json",
    "diff a --from old.toml",
    "diff a --from old.toml --json",
    "list",
    "list --json",
    "show a",
    "tree a",
    "tree a --json",
    "why a lib",
    "why a --held --json",
    "check a --json",
    "check a --format sarif",
    "explain",
    "explain TORCH-NUMPY2 --json",
    "export a --format pylock",
    "export a --format requirements -o out.txt --json",
    "schema",
    "init b lib --json",
    "cache dir",
    "cache size --json",
    "completion bash",
]
"""Commands that print something."""
SILENT = ["lock a", "lock a --check", "export a --format constraints -o out2.txt"]
"""Commands that succeed without a word on standard output."""


@pytest.fixture
def project(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, default_index: IndexServer
) -> Path:
    publish(default_index, "lib", "1.0")
    monkeypatch.chdir(tmp_path)
    line = CommandLine(tmp_path, capsys)
    line.spec("a", "python: '3.11'\nplatforms: [linux-64]\npip: [lib]\n")
    assert line("lock", "a").status == 0
    old = line.lock_file("a").read_text(encoding="utf-8")
    Path("old.toml").write_text(old.replace('version = "1.0"', 'version = "0.9"').replace("lib-1.0-", "lib-0.9-"))
    return tmp_path


def run(commands: list[str], **streams: Any) -> Iterator[tuple[str, int, str]]:
    """Run the commands side by side; yield each with its status and standard error."""
    streams = {"stderr": subprocess.PIPE, **streams}
    started = [
        (command, subprocess.Popen([sys.executable, "-m", "envsolver.cli.main", *command.split()], **streams))
        for command in commands
    ]
    for command, process in started:
        _, err = process.communicate(timeout=60)
        yield command, process.returncode, "" if err is None else " ".join(err.decode().split())


def shell(command: str, streams: str) -> subprocess.CompletedProcess[str]:
    """Run a command with streams as a shell redirects them."""
    line = f'"{sys.executable}" -m envsolver.cli.main {command} {streams}'
    return subprocess.run(["sh", "-c", line], check=False, capture_output=True, text=True)


@pytest.mark.usefixtures("project")
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a full device is Linux's")
def test_full_output() -> None:
    with Path("/dev/full").open("wb") as full:
        said = {command: (status, err) for command, status, err in run(PRINTING, stdout=full)}
        quiet = {command: status for command, status, _ in run(SILENT, stdout=full)}
    assert said == dict.fromkeys(PRINTING, (4, "error: standard output cannot be written: no space left on device"))
    assert quiet == dict.fromkeys(SILENT, 0)


@pytest.mark.usefixtures("project")
def test_nobody_reads() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    said = {command: (status, err) for command, status, err in run(PRINTING, stdout=writing)}
    quiet = {command: status for command, status, _ in run(SILENT, stdout=writing)}
    os.close(writing)
    assert said == dict.fromkeys(PRINTING, (141, ""))
    assert quiet == dict.fromkeys(SILENT, 0)


@pytest.mark.usefixtures("project")
@pytest.mark.skipif(sys.platform == "win32", reason="streams are closed by a shell")
@pytest.mark.parametrize("closed", [">&-", "<&- >&-"])
def test_closed_output(closed: str) -> None:
    for command, status in {**dict.fromkeys(["list --json", "--version", "cache dir"], 4), "lock a": 0}.items():
        done = shell(command, closed)
        expected = "error: standard output cannot be written: bad file descriptor\n" if status else "a is up to date\n"
        assert (command, done.returncode, done.stderr) == (command, status, expected)


@pytest.mark.usefixtures("project")
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a full device is Linux's")
@pytest.mark.parametrize("lost", ["2>/dev/full", "2>&-"])
def test_words_that_cannot_be_told_change_no_result(lost: str) -> None:
    for command, status in {
        "lock a": 0,
        "lock a --refresh": 0,
        "lock nowhere": 2,
        "lock --all --check --nonsense": 2,
        "": 2,
        "cache dir": 0,
    }.items():
        done = shell(command, lost)
        assert (command, done.returncode, done.stderr) == (command, status, "")

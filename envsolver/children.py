"""Child processes that run for long, and that do not outlive this one, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["run_child"]

_GUARDIAN = str(Path(__file__).with_name("guardian.py"))
_GUARDED = hasattr(os, "posix_spawnp")
"""Not on Windows, where a child is killed alone."""
_LOOK_S = 0.2


def run_child(
    command: Sequence[str],
    *,
    cwd: str | None,
    environ: Mapping[str, str],
    log: IO[bytes],
    umask: int = -1,
    unwanted: Callable[[], bool] | None = None,
) -> int:
    """Run a command in a process group of its own and return its status, which is not 0 if it was killed.

    It and what it has started are killed if this process is interrupted, terminated or killed (which no handler sees:
    :mod:`envsolver.guardian`), and when it is not wanted any more. What leaves its process group goes on.

    Args:
        command: a list, never a shell's line.
        cwd: where it runs; None: here.
        environ: all that it has of environment variables.
        log: gets what it prints.
        umask: of its files; -1: this process's.
        unwanted: is asked now and then whether it is to be killed.

    Raises:
        OSError: no process can be started.
    """
    reading, writing = os.pipe()
    before = [sys.executable, "-I", "-S", _GUARDIAN, str(reading)] if _GUARDED else []
    try:
        with subprocess.Popen(
            [*before, *command],
            cwd=cwd,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            umask=umask,
            pass_fds=(reading,) if _GUARDED else (),
        ) as process:
            try:
                return _wait(process, unwanted)
            except BaseException:
                _kill(process)
                raise
    finally:
        os.close(reading)
        os.close(writing)


def _wait(process: subprocess.Popen[bytes], unwanted: Callable[[], bool] | None) -> int:
    while True:
        try:
            return process.wait(timeout=None if unwanted is None else _LOOK_S)
        except subprocess.TimeoutExpired:
            if unwanted is not None and unwanted():
                _kill(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and what it started: it leads a process group of its own."""
    if hasattr(os, "killpg"):
        # It may have ended in this very moment.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()

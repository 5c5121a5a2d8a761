"""Killing ``lock`` at a chosen moment: the moments are the steps by which a run changes something outside of itself."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.bad_input import Stage
from tests.support.universe import Universe

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.index_server import IndexServer

__all__ = ["MORTAL", "Kill", "kills"]

MORTAL = """
import os, signal, sys
moment, steps = int(sys.argv.pop(1)), 0
CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.truncate", "os.link", "socket.connect"}
FOR_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC

def step():
    global steps
    steps += 1
    if steps == moment:
        os.kill(os.getpid(), signal.SIGKILL)

def hook(event, arguments):
    if event in CHANGES or (event == "open" and (arguments[2] or 0) & FOR_WRITING):
        step()

write, fsync = os.write, os.fsync

def write_half(descriptor, data):
    written = write(descriptor, data[: max(1, len(data) // 2)])
    step()
    return written

def sync(descriptor):
    step()
    fsync(descriptor)
    step()

from envsolver.cli.main import main
os.write, os.fsync = write_half, sync
sys.addaudithook(hook)
status = main()
print("steps", steps)
sys.exit(status)
"""
"""Runs envsolver and kills it before the step of that number (0: never). Writes come in halves, with a step between."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """What came of a kill.

    Attributes:
        moment: which step of the run was its last.
        of: how many steps a whole run has.
        files: what was left: each file either whole and old, or whole and new.
        next_status: of the run after it, with what the killed one left in the cache.
        next_same: whether that one wrote the same bytes as a run that nobody disturbed.
    """

    moment: int
    of: int
    files: bool
    next_status: int
    next_same: bool

    @property
    def sound(self) -> bool:
        """Whether nothing was lost."""
        return self.files and self.next_status == 0 and self.next_same


def kills(root: Path, server: IndexServer, *, number: int, seed: int) -> Iterator[Kill]:
    """Kill runs at random moments, each with an empty cache and the lock of another spec."""
    stage = Stage(root=root, server=server, environ={})
    stage.environ.update(
        ENVSOLVER_CACHE_DIR=str(root / "cache"), UV_DEFAULT_INDEX=server.url(), PYTHONDONTWRITEBYTECODE="1"
    )
    universe = Universe.made(10)
    universe.publish(server)
    (root / "specs").mkdir(parents=True)
    stage.spec(universe.spec.replace("groups:", "constraints: ['p11<2']\ngroups:"))
    _run(stage, 0)
    old = _locks(stage)
    stage.spec(universe.spec)
    _forget_cache(stage)
    steps = _run(stage, 0)
    new = _locks(stage)
    if steps is None or not new or not all(old[path] != new[path] for path in new):
        raise RuntimeError("the run that is to be killed does not change every file")
    # The last steps are those that replace the locks: they get a share of their own.
    chance = random.Random(seed)  # noqa: S311 - the same moments every time
    moments = [chance.randint(1, steps) if turn % 3 else chance.randint(steps - 24, steps) for turn in range(number)]
    for drawn in moments:
        # Threads take part, so that one run has a few steps less than another and may be over before its moment.
        for moment in range(drawn, 0, -4):
            _forget_cache(stage)
            for path, data in old.items():
                (stage.root / path).write_bytes(data)
            if _run(stage, moment) is None:
                break
        else:
            raise RuntimeError(f"no run could be killed at step {drawn} or before")
        left = _locks(stage)
        status = 0 if _run(stage, 0) is not None else 1
        yield Kill(
            moment=moment,
            of=steps,
            files=all(left.get(path) in {old[path], new[path]} for path in new),
            next_status=status,
            next_same=_locks(stage) == new,
        )


def _run(stage: Stage, moment: int) -> int | None:
    """Lock; return the number of steps, or None if the run was killed.

    Raises:
        RuntimeError: it ended in another way.
    """
    done = subprocess.run(
        [sys.executable, "-c", MORTAL, str(moment), "lock", "train", "--upgrade"],
        cwd=stage.root,
        env={**os.environ, **stage.environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == -signal.SIGKILL and moment:
        return None
    if done.returncode:
        raise RuntimeError(f"ended with {done.returncode}: {done.stderr}")
    return int(done.stdout.split("steps ")[1])


def _locks(stage: Stage) -> dict[str, bytes]:
    """Return the lock's files; temporary ones, which a killed run may leave, are swept later."""
    return {
        path.relative_to(stage.root).as_posix(): path.read_bytes()
        for path in sorted((stage.root / "locks").glob("train.*"))
    }


def _forget_cache(stage: Stage) -> None:
    shutil.rmtree(stage.environ["ENVSOLVER_CACHE_DIR"], ignore_errors=True)

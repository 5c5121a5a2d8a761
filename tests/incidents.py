"""What happens to a process that locks: it is interrupted, killed, left without room, or not alone.

``python -m benchmarks.faults`` prints the table; ``test_faults.py`` checks it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.bad_input import SPEC
from tests.support.cli import publish

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.bad_input import Stage

__all__ = ["INCIDENTS", "Ended", "Incident", "Report", "run", "snapshot"]

_PATIENCE = 60.0
_LIMITED = (
    "import resource, sys\n"
    "resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)),) * 2)\n"
    "from envsolver.cli.main import main\n"
    "sys.exit(main())\n"
)
"""Starts envsolver where no file can grow beyond so many bytes: as near to a full disk as an ordinary user gets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A process that has ended: its status (negative: the signal) and all that it said."""

    status: int
    text: str

    @property
    def said(self) -> str:
        """The text without the line breaks that its width brings."""
        return " ".join(self.text.split())


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What came of an incident.

    Attributes:
        ended: the processes, in order.
        sound: whether every file of the project is as it was, or as it has to be after those that went well.
    """

    ended: tuple[Ended, ...]
    sound: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One thing that happens.

    Attributes:
        name: what it is.
        happen: makes it happen on a stage that can be locked.
        statuses: how the processes have to end.
        says: what the first one has to say, line breaks aside.
    """

    name: str
    happen: Callable[[Stage], Report]
    statuses: tuple[int, ...]
    says: tuple[str, ...] = ()


def start(stage: Stage, *args: str, limit: int | None = None, stdout: int = subprocess.PIPE) -> subprocess.Popen[str]:
    """Start envsolver on a stage; with a limit, no file can get larger than that."""
    begin = ["-m", "envsolver"] if limit is None else ["-c", _LIMITED, str(limit)]
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # What a shell runs in the background ignores Ctrl-C, and so would every process that it starts.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    return subprocess.Popen(
        [sys.executable, *begin, *args],
        cwd=stage.root,
        env={**os.environ, **stage.environ},
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.STDOUT if stdout == subprocess.PIPE else subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


def wait(process: subprocess.Popen[str]) -> Ended:
    """Wait for its end."""
    out, err = process.communicate(timeout=_PATIENCE)
    return Ended(status=process.returncode, text=(out or "") + (err or ""))


def run(stage: Stage, *args: str, limit: int | None = None) -> Ended:
    """Run envsolver to its end."""
    return wait(start(stage, *args, limit=limit))


def snapshot(stage: Stage) -> dict[str, bytes]:
    """Return every file of the project, by its path in it."""
    return {
        path.relative_to(stage.root).as_posix(): path.read_bytes()
        for path in sorted(stage.root.rglob("*"))
        if path.is_file()
    }


def _relocking(stage: Stage) -> dict[str, bytes]:
    """Lock, then change the spec; return the files as they are."""
    first = run(stage, "lock", "train")
    if first.status:
        raise AssertionError(first.text)
    publish(stage.server, "more", "1.0")
    stage.spec(f"{SPEC}  - more\n")
    return snapshot(stage)


def _until_asked(stage: Stage, pattern: str, process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + _PATIENCE
    while not stage.server.asked(pattern):
        if process.poll() is not None or time.monotonic() > until:
            raise AssertionError(f"{pattern} was never asked: {process.communicate()}")
        time.sleep(0.01)


def _stopped_by(number: signal.Signals) -> Callable[[Stage], Report]:
    def happen(stage: Stage) -> Report:
        before = _relocking(stage)
        slow = stage.server.fault("/simple/more/", delay=_PATIENCE / 20)
        process = start(stage, "lock", "train")
        _until_asked(stage, "/simple/more/", process)
        process.send_signal(number)
        stopped = wait(process)
        kept = snapshot(stage) == before
        slow.times = 0
        again = run(stage, "lock", "train")
        whole = {name for name in snapshot(stage) if name.startswith("locks/")}
        expected = {"locks/train.lock.toml", "locks/train.requirements.txt"}
        return Report(ended=(stopped, again), sound=kept and whole == expected)

    return happen


def _no_room(stage: Stage) -> Report:
    before = _relocking(stage)
    ended = run(stage, "lock", "train", limit=100)
    return Report(ended=(ended,), sound=snapshot(stage) == before)


def _no_room_for_output(stage: Stage) -> Report:
    before = _relocking(stage)
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device
        ended = wait(start(stage, "export", "train", "--format", "pylock", stdout=full.fileno()))
    return Report(ended=(ended,), sound=snapshot(stage) == before)


def _two_at_once(stage: Stage) -> Report:
    _relocking(stage)
    stage.server.fault("/simple/*", delay=0.2)
    both = [start(stage, "lock", "train") for _ in range(2)]
    ended = tuple(wait(process) for process in both)
    locks = snapshot(stage)
    for path in (stage.root / "locks").iterdir():
        path.unlink()
    alone = run(stage, "lock", "train")
    return Report(ended=(*ended, alone), sound=snapshot(stage) == locks)


INCIDENTS: tuple[Incident, ...] = (
    Incident(
        name="Ctrl-C while an index is asked, and the next run",
        happen=_stopped_by(signal.SIGINT),
        statuses=(130, 0),
        says=("interrupted",),
    ),
    Incident(
        name="SIGTERM while an index is asked, and the next run",
        happen=_stopped_by(signal.SIGTERM),
        statuses=(-signal.SIGTERM, 0),
    ),
    Incident(
        name="SIGKILL while an index is asked, and the next run",
        happen=_stopped_by(signal.SIGKILL),
        statuses=(-signal.SIGKILL, 0),
    ),
    Incident(
        name="disk full",
        happen=_no_room,
        statuses=(4,),
        says=("cannot be written", "going on without it", "error: locks/train.requirements.txt cannot be written"),
    ),
    Incident(name="no room for the output", happen=_no_room_for_output, statuses=(4,), says=("no space left",)),
    Incident(name="two processes at once, and one after them", happen=_two_at_once, statuses=(0, 0, 0)),
)

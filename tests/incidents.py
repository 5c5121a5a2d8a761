"""What happens to a process that locks: it is interrupted, killed, left without room, or not alone.

``python -m benchmarks.faults`` prints the table; ``test_faults.py`` checks it.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tests.bad_input import SPEC
from tests.support.cli import publish

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.bad_input import Stage

__all__ = [
    "EAGER",
    "IMPATIENT",
    "INCIDENTS",
    "LATER",
    "LIMITED",
    "UNRESOLVED",
    "Ended",
    "Incident",
    "Report",
    "run",
    "snapshot",
    "start",
    "wait",
]

_PATIENCE = 60.0
UNRESOLVED = (
    "import socket, sys\n"
    "ask, asked = socket.getaddrinfo, []\n"
    "def unknown_at_first(*names, **more):\n"
    "    asked.append(names)\n"
    "    if len(asked) == 1:\n"
    "        raise socket.gaierror(socket.EAI_AGAIN, 'no answer')\n"
    "    return ask(*names, **more)\n"
    "socket.getaddrinfo = unknown_at_first\n"
    "from envsolver.cli.main import main\n"
    "sys.exit(main())\n"
)
"""Starts envsolver where the first question for an address has no answer."""
EAGER = (
    "import sys\n"
    "from envsolver.sources import retry\n"
    "retry.RetryPolicy.delay = lambda self, attempt, jitter: 0.01\n"
    "from envsolver.cli.main import main\n"
    "sys.exit(main())\n"
)
"""Starts envsolver that does not wait before it tries again."""
LATER = (
    "import sys, time\n"
    "now, later = time.time, float(sys.argv.pop(1))\n"
    "time.time = lambda: now() + later\n"
    "from envsolver.cli.main import main\n"
    "sys.exit(main())\n"
)
"""Starts envsolver with a clock that is so many seconds ahead."""
IMPATIENT = (
    "import sys\n"
    "from envsolver.sources import transport\n"
    "transport.SLOW_SECONDS, transport.SLOW_BYTES = 0.3, 1 << 20\n"
    "from envsolver.cli.main import main\n"
    "sys.exit(main())\n"
)
"""Starts envsolver with less patience for a server that drips than the half minute that it has."""
LIMITED = (
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


def start(
    stage: Stage, *args: str, program: tuple[str, ...] = (), stdout: int = subprocess.PIPE
) -> subprocess.Popen[str]:
    """Start envsolver on a stage, or a program that starts it under a circumstance, with its own arguments."""
    begin = ["-c", *program] if program else ["-m", "envsolver"]
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


def run(stage: Stage, *args: str, program: tuple[str, ...] = ()) -> Ended:
    """Run envsolver to its end; arguments as of :func:`start`."""
    return wait(start(stage, *args, program=program))


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
    ended = run(stage, "lock", "train", program=(LIMITED, "100"))
    return Report(ended=(ended,), sound=snapshot(stage) == before)


def _no_room_for_output(stage: Stage) -> Report:
    before = _relocking(stage)
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device
        ended = wait(start(stage, "export", "train", "--format", "pylock", stdout=full.fileno()))
    return Report(ended=(ended,), sound=snapshot(stage) == before)


def _under(program: str, *, host: str = "127.0.0.1", **fault: object) -> Callable[[Stage], Report]:
    """Lock under a circumstance, or with a fault of the server, that passes: the lock is that of a quiet day."""

    def happen(stage: Stage) -> Report:
        _relocking(stage)
        stage.environ["UV_DEFAULT_INDEX"] = stage.server.url().replace("127.0.0.1", host)
        if fault:
            stage.server.fault("/simple/more/", **fault)
        ended = run(stage, "lock", "train", program=(program,) if program else ())
        made = _locks(stage)
        stage.server.faults.clear()
        again = _anew(stage)
        return Report(ended=(ended, again), sound=_locks(stage) == made)

    return happen


def _clock_set_back(stage: Stage) -> Report:
    """Lock with a clock that is a year ahead; then, with the right one, a release that came since has to be seen."""
    _relocking(stage)
    early = run(stage, "lock", "train", program=(LATER, str(365 * 86400)))
    publish(stage.server, "more", "1.1")
    ended = run(stage, "lock", "train", "--upgrade")
    return Report(ended=(early, ended), sound="more==1.1" in (stage.root / "locks/train.requirements.txt").read_text())


def _locks(stage: Stage) -> dict[str, bytes]:
    return {path: data for path, data in snapshot(stage).items() if path.startswith("locks/")}


def _anew(stage: Stage) -> Ended:
    """Lock as if nothing had been there before."""
    for path in (stage.root / "locks").iterdir():
        path.unlink()
    shutil.rmtree(stage.environ["ENVSOLVER_CACHE_DIR"])
    return run(stage, "lock", "train")


_BUILD = ("build", "train", "--prefix", "env", "--python", sys.executable)


def _ready_to_build(stage: Stage) -> None:
    stage.spec(SPEC.replace('"3.11"', f'"{sys.version_info[0]}.{sys.version_info[1]}"'))
    locked = run(stage, "lock", "train")
    if locked.status:
        raise AssertionError(locked.text)
    stage.server.forget()


def _verified(stage: Stage, *ended: Ended) -> Report:
    """Verify what was built. Which interpreter that was done with is of this machine, and left out."""
    stage.server.faults.clear()
    every = (*ended, run(stage, "verify", "train", "--prefix", "env"))
    return Report(ended=tuple(replace(one, text=one.text if one.status > 0 else "") for one in every), sound=True)


def _two_builds_at_once(stage: Stage) -> Report:
    """Build into one prefix from two processes: whoever comes second waits, and finds all there."""
    _ready_to_build(stage)
    stage.server.fault("/files/*", delay=0.2)
    return _verified(stage, *map(wait, [start(stage, *_BUILD) for _ in range(2)]))


def _build_killed(stage: Stage) -> Report:
    """Kill a build that fetches a file, and build again."""
    _ready_to_build(stage)
    slow = stage.server.fault("/files/*", delay=_PATIENCE / 20)
    process = start(stage, *_BUILD)
    _until_asked(stage, "/files/*", process)
    process.kill()
    killed = wait(process)
    kept = not (stage.root / "env").exists()
    slow.times = 0
    return replace(_verified(stage, killed, run(stage, *_BUILD)), sound=kept)


def _reset_everywhere(stage: Stage) -> Report:
    """Break the connection after every n-th byte of a page and of a file: the lock stays the same."""
    _relocking(stage)
    for number in range(0, 1000, 173):
        stage.server.fault("/simple/more/", times=1, drop_after=number)
        stage.server.fault("/files/*more*", times=1, drop_after=number)
        (stage.root / "locks/train.lock.toml").unlink()
        shutil.rmtree(stage.environ["ENVSOLVER_CACHE_DIR"])
        ended = run(stage, "lock", "train", program=(EAGER,))
        if ended.status:
            return Report(ended=(ended, ended), sound=False)
        made = _locks(stage)
        stage.server.faults.clear()
    again = _anew(stage)
    return Report(ended=(ended, again), sound=_locks(stage) == made)


def _two_at_once(stage: Stage) -> Report:
    _relocking(stage)
    stage.server.fault("/simple/*", delay=0.2)
    both = [start(stage, "lock", "train") for _ in range(2)]
    # Chance decides which of them comes first, and writes.
    ended = tuple(
        replace(one, text=re.sub(r"(?m)^(wrote|unchanged) ", "wrote, or found unchanged: ", one.text))
        for one in map(wait, both)
    )
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
    Incident(
        name="index that is busy for a moment (503, Retry-After), and one that never was",
        happen=_under("", times=2, status=503, headers={"Retry-After": "1"}),
        statuses=(0, 0),
        says=("the server answered 503, trying again in 1 s (2 of 4)",),
    ),
    Incident(
        name="index that is asked too often (429, Retry-After), and one that is not",
        happen=_under("", times=1, status=429, headers={"Retry-After": "1"}),
        statuses=(0, 0),
        says=("the server answered 429, trying again in 1 s (2 of 4)",),
    ),
    Incident(
        name="server that drips, at first, and one that does not",
        happen=_under(IMPATIENT, times=1, pause=0.2, body=b"<!-- -->" * 2000),
        statuses=(0, 0),
    ),
    Incident(
        name="host name that is not known at first, and one that is",
        happen=_under(UNRESOLVED, host="localhost"),
        statuses=(0, 0),
    ),
    Incident(name="clock that was a year ahead, and set back", happen=_clock_set_back, statuses=(0, 0)),
    Incident(
        name="connection that breaks after every n-th byte, and one that does not",
        happen=_reset_everywhere,
        statuses=(0, 0),
    ),
    Incident(
        name="SIGKILL while a build fetches files, the next build, and verify",
        happen=_build_killed,
        statuses=(-signal.SIGKILL, 0, 0),
    ),
    Incident(name="two builds of one prefix at once, and verify", happen=_two_builds_at_once, statuses=(0, 0, 0)),
)

"""Every fault under every command: what held, and whether the next run finishes what the disturbed one began.

``python -m benchmarks.faults --matrix`` prints the table; ``test_matrix.py`` checks a part of it.
"""

from __future__ import annotations

import hashlib
import random
import shutil
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bad_input import Stage
from tests.incidents import EAGER, IMPATIENT, LATER, LIMITED, UNRESOLVED, run, start, wait
from tests.kills import MORTAL
from tests.support.building import MINOR, snapshot
from tests.support.packages import make_wheel, wheel_filename
from tests.test_build_wheel import PLAIN, maker, source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.incidents import Ended
    from tests.support.index_server import IndexServer

__all__ = ["COMMANDS", "FAULTS", "Cell", "Command", "Fault", "Place"]

_PYTHON = ("--python", sys.executable)
KILLS = 4
"""How often a command is killed."""
_BYTES = (0, 200, 3000)
_PAYLOAD = random.Random(1).randbytes(40_000)  # noqa: S311 - what does not compress
_HEAD = f'python: "{MINOR}"\nplatforms: [linux-64]\n'
_OLD, _NEW = f"{_HEAD}pip: [app]\nconstraints: [lib<2]\n", f"{_HEAD}pip: [app]\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command that is disturbed.

    Attributes:
        name: of the command.
        args: all of it.
        made: what it makes, by paths in the project; what of it is there after a fault must be whole, old or new.
        ready: brings the project to where the command has something to do.
        in_place: what it makes may be half done; the next run finishes it.
    """

    name: str
    args: tuple[str, ...]
    made: tuple[str, ...]
    ready: Callable[[Stage], None]
    in_place: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that goes wrong.

    Attributes:
        name: what it is.
        happen: runs a command under it, once or several times; yields the processes of each time.
        statuses: how they may end.
    """

    name: str
    happen: Callable[[Place, Command], Iterator[tuple[Ended, ...]]]
    statuses: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What came of a command under a fault.

    Attributes:
        times: how often it was disturbed.
        ended: how the disturbed processes ended, each status once.
        wrong: what did not hold; empty where all did.
    """

    times: int
    ended: tuple[int, ...]
    wrong: str = ""

    @property
    def text(self) -> str:
        """The cell of the table."""
        if self.wrong:
            return f"**{self.wrong}**"
        words = {0: "finished", -signal.SIGKILL: "killed"}
        said = ", ".join(words.get(status, f"gave up ({status})") for status in sorted(self.ended, reverse=True))
        return f"{said}{f' (of {self.times})' if self.times > 1 else ''}"


class Place:
    """A project that is brought back to where it was before each run, and its index."""

    def __init__(self, folder: Path, server: IndexServer) -> None:
        self._folder = folder
        self._kept = folder / "kept"
        environ = {
            "ENVSOLVER_CACHE_DIR": str(folder / "cache"),
            "UV_DEFAULT_INDEX": server.url(),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        self.stage = Stage(root=folder / "project", server=server, environ=environ)
        self._expected: dict[str, tuple[dict[str, object], dict[str, object], str, int]] = {}
        server.add(wheel_filename("app", "1.0"), _wheel("app", "1.0", "lib"))
        for version in ("1.0", "2.0"):
            server.add(wheel_filename("lib", version), _wheel("lib", version))
        maker(server)
        source(server, "plain", PLAIN)

    def restore(self, command: Command, *, cache: bool = False) -> None:
        """Make the project what it was before the command; leave the cache only with ``cache``."""
        self.stage.server.faults.clear()
        self._known(command)
        shutil.rmtree(self.stage.root)
        shutil.copytree(self._kept / command.name, self.stage.root, symlinks=True)
        if not cache:
            self._forget_cache()

    def cell(self, fault: Fault, command: Command) -> Cell:
        """Disturb a command, each time with a fresh project and an empty cache, and look at what is left."""
        old, new, said, _ = self._known(command)
        ended: list[int] = []
        times = 0
        disturbed = fault.happen(self, command)
        while True:
            self.restore(command)
            processes = next(disturbed, None)
            if processes is None:
                return Cell(times=times, ended=tuple(dict.fromkeys(ended)))
            times += 1
            ended += [process.status for process in processes]
            wrong = self._judged(fault, command, processes, (old, new, said))
            if wrong:
                return Cell(times=times, ended=tuple(dict.fromkeys(ended)), wrong=wrong)

    def _judged(
        self,
        fault: Fault,
        command: Command,
        processes: tuple[Ended, ...],
        known: tuple[dict[str, object], dict[str, object], str],
    ) -> str:
        old, new, said = known
        for process in processes:
            crashed = "Traceback" in process.text or "a defect" in process.text
            if process.status not in fault.statuses or crashed:
                return f"ended with {process.status}: {process.said[-300:]}"
        left = self.left(command)
        for made in () if command.in_place else command.made:
            if _below(left, made) not in (_below(old, made), _below(new, made)):
                return f"half done: {made}"
        if all(process.status == 0 for process in processes) and left != new:
            return "finished, with something else"
        self.stage.server.faults.clear()
        again = run(self.stage, *command.args)
        if again.status or (not command.made and _without_times(again.text) != said):
            return f"the next run ended with {again.status}: {again.said[-300:]}"
        if self.left(command) != new:
            return "the next run made something else"
        return self._verified() if "env" in command.made else ""

    def _verified(self) -> str:
        verified = run(self.stage, "verify", "train", "--prefix", "env")
        return f"verify: {verified.said[-300:]}" if verified.status else ""

    def steps(self, command: Command) -> int:
        """Return how many steps a run has by which it changes something outside of itself."""
        return self._known(command)[3]

    def left(self, command: Command) -> dict[str, object]:
        """Return what is there of what a command makes."""
        found: dict[str, object] = {}
        for made in command.made:
            path = self.stage.root / made
            if path.is_dir():
                facts = 3 if made == "env" else 2  # of an environment the time, too
                found |= {f"{made}/{name}": known[:facts] for name, known in snapshot(path).items()}
            elif path.exists():
                found[made] = hashlib.sha256(path.read_bytes()).hexdigest()
        return found

    def _known(self, command: Command) -> tuple[dict[str, object], dict[str, object], str, int]:
        """Return what a command finds, makes, says, and in how many steps, when nothing goes wrong."""
        if command.name not in self._expected:
            shutil.rmtree(self.stage.root, ignore_errors=True)
            (self.stage.root / "specs").mkdir(parents=True)
            command.ready(self.stage)
            self._forget_cache()
            shutil.copytree(self.stage.root, self._kept / command.name, symlinks=True)
            old = self.left(command)
            ended = run(self.stage, *command.args, program=(MORTAL, "0"))
            if ended.status:
                raise RuntimeError(f"{command.name} does not work: {ended.text}")
            text, _, steps = ended.text.rpartition("steps ")
            self._expected[command.name] = (old, self.left(command), _without_times(text), int(steps))
        return self._expected[command.name]

    def _forget_cache(self) -> None:
        cache = Path(self.stage.environ["ENVSOLVER_CACHE_DIR"])
        if cache.is_file():
            cache.unlink()
        shutil.rmtree(cache, ignore_errors=True)


def _below(found: dict[str, object], made: str) -> dict[str, object]:
    return {path: facts for path, facts in found.items() if path == made or path.startswith(f"{made}/")}


def _without_times(text: str) -> str:
    return " ".join(text.split())


def _wheel(name: str, version: str, *requires: str) -> bytes:
    files: dict[str, str | bytes] = {f"{name}.py": f"VERSION = {version!r}\n", f"{name}_data.bin": _PAYLOAD}
    return make_wheel(name, version, requires=requires, files=files)


def _done(stage: Stage, *args: str) -> None:
    ended = run(stage, *args)
    if ended.status:
        raise RuntimeError(f"{' '.join(args)}: {ended.text}")


def _to_lock(stage: Stage) -> None:
    stage.spec(_OLD)
    _done(stage, "lock", "train")
    stage.spec(_NEW)


def _locked(stage: Stage) -> None:
    stage.spec(_NEW)
    _done(stage, "lock", "train")


def _to_sync(stage: Stage) -> None:
    stage.spec(_OLD)
    _done(stage, "lock", "train")
    # Files of its own, so that it is the same when the project is brought back.
    _done(stage, "build", "train", "--prefix", "env", "--copy", *_PYTHON)
    stage.spec(_NEW)
    _done(stage, "lock", "train", "--upgrade")


def _to_build_wheels(stage: Stage) -> None:
    stage.spec(f"{_HEAD}pip: [plain]\n")
    _done(stage, "lock", "train")


_LOCKS = ("locks/train.lock.toml", "locks/train.requirements.txt")
COMMANDS = (
    Command(name="lock", args=("lock", "train", "--upgrade"), made=_LOCKS, ready=_to_lock),
    Command(name="build", args=("build", "train", "--prefix", "env", *_PYTHON), made=("env",), ready=_locked),
    Command(
        name="sync",
        args=("sync", "train", "--prefix", "env", "--yes"),
        made=("env",),
        ready=_to_sync,
        in_place=True,
    ),
    Command(
        name="wheel",
        args=("wheel", "train", "-o", "wheels", *_PYTHON),
        made=("wheels", *_LOCKS),
        ready=_to_build_wheels,
    ),
    Command(name="bundle", args=("bundle", "train", "-o", "bundle.tar"), made=("bundle.tar",), ready=_locked),
    Command(name="check", args=("check", "train", "--outdated"), made=(), ready=_locked),
)


def _server(*, program: str = "", **fault: object) -> Callable[[Place, Command], Iterator[tuple[Ended, ...]]]:
    def happen(there: Place, command: Command) -> Iterator[tuple[Ended, ...]]:
        there.stage.server.fault("*", **fault)
        yield (run(there.stage, *command.args, program=(program,) if program else ()),)

    return happen


def _reset(there: Place, command: Command) -> Iterator[tuple[Ended, ...]]:
    for number in _BYTES:
        there.stage.server.fault("*", times=3, drop_after=number)
        yield (run(there.stage, *command.args, program=(EAGER,)),)


def _dripping(there: Place, command: Command) -> Iterator[tuple[Ended, ...]]:
    there.stage.server.fault("/simple/*", times=1, pause=0.2, body=b"<!-- -->" * 2000)
    there.stage.server.fault("/files/*", times=1, pause=0.2)
    yield (run(there.stage, *command.args, program=(IMPATIENT,)),)


def _unresolved(there: Place, command: Command) -> Iterator[tuple[Ended, ...]]:
    known = there.stage.environ["UV_DEFAULT_INDEX"]
    there.stage.environ["UV_DEFAULT_INDEX"] = known.replace("127.0.0.1", "localhost")
    try:
        yield (run(there.stage, *command.args, program=(UNRESOLVED,)),)
    finally:
        there.stage.environ["UV_DEFAULT_INDEX"] = known


def _full(there: Place, command: Command) -> Iterator[tuple[Ended, ...]]:
    for size in (100, 20_000):
        yield (run(there.stage, *command.args, program=(LIMITED, str(size))),)


def _unwritable(there: Place, command: Command) -> Iterator[tuple[Ended, ...]]:
    # A file in its place: not even root can write below it.
    cache = Path(there.stage.environ["ENVSOLVER_CACHE_DIR"])
    cache.write_bytes(b"")
    ended = run(there.stage, *command.args)
    cache.unlink()
    yield (ended,)


def _set_back(there: Place, command: Command) -> Iterator[tuple[Ended, ...]]:
    early = run(there.stage, *command.args, program=(LATER, str(365 * 86400)))
    there.restore(command, cache=True)
    yield (early, run(there.stage, *command.args))


def _two(there: Place, command: Command) -> Iterator[tuple[Ended, ...]]:
    there.stage.server.fault("*", delay=0.05)
    yield tuple(map(wait, [start(there.stage, *command.args) for _ in range(2)]))


def _killed(there: Place, command: Command) -> Iterator[tuple[Ended, ...]]:
    chance = random.Random(command.name)  # noqa: S311 - the same moments every time
    steps = there.steps(command)
    for turn in range(KILLS):
        # Among the last steps are those that put the result in place.
        moment = chance.randint(max(1, steps - 20), steps) if turn % 2 else chance.randint(1, steps)
        yield (run(there.stage, *command.args, program=(MORTAL, str(moment))),)


_FINE, _OR_GIVES_UP = frozenset({0}), frozenset({0, 4})
FAULTS = (
    Fault(name="connection reset after every n-th byte", happen=_reset, statuses=_FINE),
    Fault(
        name="429, Retry-After, twice",
        happen=_server(times=2, status=429, headers={"Retry-After": "1"}),
        statuses=_FINE,
    ),
    Fault(
        name="503, Retry-After, twice",
        happen=_server(times=2, status=503, headers={"Retry-After": "1"}),
        statuses=_FINE,
    ),
    Fault(name="server that drips", happen=_dripping, statuses=_FINE),
    Fault(name="DNS fails once", happen=_unresolved, statuses=_FINE),
    Fault(name="disk full", happen=_full, statuses=_OR_GIVES_UP),
    Fault(name="cache cannot be written", happen=_unwritable, statuses=_FINE),
    Fault(name="clock set back by a year", happen=_set_back, statuses=_FINE),
    Fault(name="two processes, one cache, one prefix", happen=_two, statuses=_FINE),
    Fault(name="SIGKILL at random moments", happen=_killed, statuses=frozenset({0, -signal.SIGKILL})),
)

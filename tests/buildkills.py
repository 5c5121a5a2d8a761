"""Killing ``build`` in each of its phases, at lines of the modules that do the work of that phase."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.support.building import MINOR
from tests.support.packages import make_sdist, make_wheel, sdist_filename, wheel_filename

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.index_server import IndexServer

__all__ = ["PHASES", "BuildKill", "build_kills"]

PHASES = ("download", "unpack", "compile", "source build", "wheelhouse", "store", "link", "rename")
_MORTAL = """
import os, signal, sys, threading
wanted, _, moment = sys.argv.pop(1).rpartition(":")
MODULES = {"download": "download", "archive": "unpack", "unpack": "unpack", "bytecode": "compile",
           "backend": "source build", "works": "source build", "wheelhouse": "wheelhouse", "store": "store",
           "linking": "link", "assemble": "link"}
steps = {}

def of(code):
    folder, name = os.path.split(code.co_filename)
    if os.path.basename(os.path.dirname(folder)) != "envsolver":
        return None
    return "rename" if (name, code.co_name) == ("assemble.py", "put") else MODULES.get(name[:-3])

def trace(frame, event, argument):
    phase = of(frame.f_code)
    return phase and (lambda *_: step(phase))

def step(phase):
    steps[phase] = steps.get(phase, 0) + 1
    if phase == wanted and steps[phase] == int(moment):
        os.kill(os.getpid(), signal.SIGKILL)
    return lambda *_: step(phase)

from envsolver.cli.main import main
threading.settrace(trace)
sys.settrace(trace)
status = main()
sys.settrace(None)
import json
print(json.dumps(steps))
sys.exit(status)
"""
"""Runs envsolver and kills it at a line of a phase (0: never), counted among all lines of its modules that are run."""
_PROJECT = '[build-system]\nrequires = ["maker"]\nbuild-backend = "maker"\n'
_MAKER = """
import shutil, os
def build_wheel(folder, settings=None, metadata=None):
    shutil.copyfile("ready", os.path.join(folder, "plain-1.0-py3-none-any.whl"))
    return "plain-1.0-py3-none-any.whl"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildKill:
    """What came of a kill.

    Attributes:
        phase: in which it was.
        moment: which line of the phase was the last.
        of: how many lines a whole run has there.
        left: what the name held: ``nothing``, ``whole`` (``verify`` says so), or ``broken``.
        next_sound: whether the next build made the same tree, and ``verify`` found it so.
    """

    phase: str
    moment: int
    of: int
    left: str
    next_sound: bool

    @property
    def sound(self) -> bool:
        """Whether nothing was lost."""
        return self.left != "broken" and self.next_sound


def build_kills(root: Path, server: IndexServer, *, number: int, seed: int) -> Iterator[BuildKill]:
    """Kill builds in each phase at random moments, all but those that replace an environment from an empty cache.

    Args:
        root: a folder for the project.
        server: gets the packages.
        number: of kills in each phase.
        seed: of the moments.

    Raises:
        RuntimeError: a run that nobody kills fails.
    """
    place = _Place(root, server)
    place.prepare()
    tree = place.build()
    cold, again = place.lines(replacing=False), place.lines(replacing=True)
    chance = random.Random(seed)  # noqa: S311 - the same moments every time
    for phase in PHASES:
        of = (again if phase == "rename" else cold)[phase]
        for _ in range(number):
            # Threads take part, so that one run has a few lines less than another and may be over before its moment.
            moment = chance.randint(1, of)
            place.start(replacing=phase == "rename")
            while not place.killed(phase, moment):
                moment = moment * 9 // 10 or 1
                place.start(replacing=phase == "rename")
            left = place.left(tree)
            yield BuildKill(phase=phase, moment=moment, of=of, left=left, next_sound=place.next_is_sound(tree))


class _Place:
    def __init__(self, root: Path, server: IndexServer) -> None:
        self._root = root
        self._server = server
        self._cache = root / "cache"
        self._environ = {**os.environ, "ENVSOLVER_CACHE_DIR": str(self._cache), "UV_DEFAULT_INDEX": server.url()}

    def prepare(self) -> None:
        modules = {f"app/part{number}.py": f"def part():\n    return {number}\n" for number in range(8)}
        for name, files in (("app", modules | {"app/data.bin": "x" * 300_000}), ("maker", {"maker.py": _MAKER})):
            self._server.add(wheel_filename(name, "1.0"), make_wheel(name, "1.0", files=files))
        ready = make_wheel("plain", "1.0", files={"plain.py": "", "plain.txt": "x" * 5000})
        data = make_sdist("plain", "1.0", static=True, pyproject=_PROJECT, files={"ready": ready})
        self._server.add(sdist_filename("plain", "1.0"), data)
        (self._root / "specs").mkdir(parents=True)
        spec = f'python: "{MINOR}"\nplatforms: [linux-64]\npip: [app, plain]\n'
        (self._root / "specs" / "demo.yaml").write_text(spec, encoding="utf-8")
        for command in (("lock", "demo"), ("wheel", "demo", "--python", sys.executable)):
            self._run("", *command)

    def start(self, *, replacing: bool) -> None:
        """Begin from nothing, or with an environment that is there."""
        if replacing:
            self.build()
        else:
            shutil.rmtree(self._root / "env", ignore_errors=True)
            shutil.rmtree(self._cache, ignore_errors=True)

    def lines(self, *, replacing: bool) -> dict[str, int]:
        self.start(replacing=replacing)
        counted: dict[str, int] = json.loads(self._run(":0", *self._command()).stdout.splitlines()[-1])
        return counted

    def build(self) -> str:
        tree: str = json.loads(self._run("", *self._command(), "--json").stdout)["tree"]
        return tree

    def killed(self, phase: str, moment: int) -> bool:
        return self._run(f"{phase}:{moment}", *self._command()).returncode == -signal.SIGKILL

    def left(self, tree: str) -> str:
        if not (self._root / "env").exists():
            return "nothing"
        return "whole" if self._verified(tree) else "broken"

    def next_is_sound(self, tree: str) -> bool:
        beside = {"cache", "env", "locks", "specs"}
        made = self.build() == tree and self._verified(tree)
        return made and {path.name for path in self._root.iterdir()} == beside

    def _verified(self, tree: str) -> bool:
        done = self._run("", "verify", "demo", "--prefix", "env", check=False)
        return done.returncode == 0 and tree in done.stdout

    def _command(self) -> tuple[str, ...]:
        return ("build", "demo", "--prefix", "env", "--python", sys.executable)

    def _run(self, moment: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run envsolver; a moment is a phase and a line, ``:0`` counts, and without one nothing is traced."""
        program = ("-c", _MORTAL, moment) if moment else ("-m", "envsolver")
        done = subprocess.run(
            [sys.executable, *program, *arguments],
            cwd=self._root,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if check and done.returncode and not (moment and done.returncode == -signal.SIGKILL):
            raise RuntimeError(f"{arguments} ended with {done.returncode}: {done.stderr}")
        return done

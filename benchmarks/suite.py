"""All that is measured, by one command: ``python -m benchmarks [--quick] [-o FILE] [--page docs/performance.md]``.

The index is a recording of the user's (:mod:`benchmarks.recording`), made on the way and kept in ``--work``, so that
every tool meets the same index over the same link. What a run has to fetch for the recording is not measured; it is
repeated. Tools take turns, as whole processes. The figures are written after every scenario: whatever ends the suite,
they are there. What would take longer than there is time for is left out, and named.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import catalogue, installing
from benchmarks.peers import PEERS, WITHOUT, Peer
from benchmarks.performance import page, table
from benchmarks.recording import Conditions, Recording
from benchmarks.timing import EDITS, MAIN_SPEC, edit_spec
from benchmarks.tools import Envsolver, InputSet, Uv, default_index, spec_inputs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from benchmarks.tools import Finished, Result

    Run = Callable[[], Result | Finished]

ROOT = Path(__file__).resolve().parent.parent
WHEELS = InputSet(name="wheels", requirements=installing.REQUIREMENTS, python=installing.MINOR)
"""What every tool can lock: wheels only, for an interpreter that they run on."""
CHANGED = {"matplotlib": "matplotlib<3.10"}
LATENCIES = (0.02, 0.0, 0.1)
_PROFILED = Path(__file__).with_name("profiled.py")
_RECORDING_RUNS = 3


class TimeIsUpError(Exception):
    """There is no time left for what would come next."""


@dataclass(slots=True, kw_only=True)
class Row:
    """One scenario: what each tool took.

    Attributes:
        runs: by tool: seconds of each run, and of processors; bytes of memory at most; requests and bytes received of
            the last; ``why`` there are no further runs, empty where there is no reason.
    """

    scenario: str
    inputs: str
    conditions: Conditions | None = None
    runs: dict[str, dict[str, Any]] = field(default_factory=dict)

    def of(self, tool: str) -> dict[str, Any]:
        """Return what is known of a tool."""
        return self.runs.setdefault(tool, {"seconds": [], "cpu": [], "memory": 0, "why": ""})

    def document(self) -> dict[str, Any]:
        """Return the row for JSON."""
        known = self.conditions
        link = {} if known is None else {"latency_ms": round(known.latency * 1000), "headers": known.headers}
        return {"scenario": self.scenario, "inputs": self.inputs} | link | {"runs": self.runs}


class Suite:
    """The tools, the index, the clock, and what was measured."""

    def __init__(self, work: Path, recording: Recording, *, options: argparse.Namespace) -> None:
        self.work = work
        self.recording = recording
        self.options = options
        self.rows: list[Row] = []
        self.profiles: dict[str, dict[str, float]] = {}
        self.inputs: dict[str, dict[str, Any]] = {}
        self.tools = {"envsolver": version("envsolver"), "uv": version("uv")}
        self.left_out: list[str] = [f"{tool}: {why}" for tool, why in WITHOUT.items()]
        self._ends = time.monotonic() + options.minutes * 60
        self._load = os.getloadavg()[0]

    def document(self) -> dict[str, Any]:
        """Return everything measured, for JSON. No path and no host is in it."""
        return {
            "day": time.strftime("%Y-%m-%d", time.gmtime()),
            "note": self.options.note,
            "machine": {
                "load": round(self._load, 1),
                "cores": os.cpu_count(),
                "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
                "python": platform.python_version(),
            },
            "tools": self.tools,
            "inputs": self.inputs,
            "rows": [row.document() for row in self.rows],
            "profiles": self.profiles,
            "left_out": self.left_out,
        }

    def save(self) -> None:
        """Write the figures, where that is wanted."""
        if self.options.output is not None:
            new = self.options.output.with_name(f".{self.options.output.name}.new")
            new.write_text(json.dumps(self.document(), indent=1) + "\n", encoding="utf-8")
            new.replace(self.options.output)

    def run(self) -> None:
        """Measure everything, one part after the other."""
        parts: dict[str, Callable[[], None]] = {
            "stack": self.stack,
            "all": self.every_lock,
            "catalogue": self.every_check,
            "install": self.install,
            "peers": self.peers,
        }
        for name, part in parts.items():
            if self.options.only and name not in self.options.only:
                continue
            say(f"== {name}, {self.left():.0f} s left")
            try:
                part()
            except TimeIsUpError as left:
                self.left_out.append(f"{left}: no time was left")
            except (RuntimeError, SystemExit) as failed:
                self.left_out.append(f"{name}: {str(failed).strip().splitlines()[0]}")
            self.save()

    def left(self) -> float:
        """Return the seconds that are left."""
        return float(self._ends - time.monotonic())

    def in_turns(self, row: Row, tools: Mapping[str, tuple[Run, Run]], *, runs: int = 1) -> None:
        """Measure: each tool is made ready and run, in turns; one that fails or takes too long has had its turn.

        Raises:
            TimeIsUpError: there is no time left.
        """
        if self.left() < 0:
            raise TimeIsUpError(f"{row.scenario} ({row.inputs})")
        self.rows.append(row)
        if row.conditions is not None:
            self.recording.conditions = row.conditions
        for _ in range(runs):
            for tool, (ready, run) in tools.items():
                if not row.of(tool)["why"]:
                    self._one(row.of(tool), ready, run)
        say(table([row.document()]))
        self.save()

    def _one(self, known: dict[str, Any], ready: Run, run: Run) -> None:
        for _ in range(_RECORDING_RUNS):
            ready()
            self.recording.reset()
            done = run()
            traffic = self.recording.reset()
            if done.status == 0 and not traffic.missed:
                known["seconds"].append(round(done.seconds, 4))
                known["cpu"].append(round(done.cpu, 4))
                known["memory"] = max(known["memory"], done.memory)
                known["requests"], known["received"] = traffic.requests, traffic.sent
                return
            if done.status == -1:
                known["why"] = f"more than {self.options.limit:.0f} s"
                return
            if done.status:
                said = getattr(done, "output", "") or getattr(done, "stderr", "") or getattr(done, "stdout", "")
                known["why"] = f"failed: {' '.join(said.split())[-200:]}"
                return
        known["why"] = "asks for something else on every run"

    def stack(self) -> None:
        """Measure the stack of torch, DeepSpeed and Horovod: both caches, every latency, with headers and without."""
        ours, theirs = self._pair("stack")
        _copy_specs(ours.project)
        inputs = spec_inputs(ours.project, MAIN_SPEC)
        self.inputs[MAIN_SPEC] = {"python": inputs.python, "requirements": len(inputs.requirements)}
        locks: dict[str, Run] = {
            "envsolver": lambda: ours.lock_spec(MAIN_SPEC, report=False),
            "uv": lambda: theirs.lock(inputs),
        }
        self._record(locks)
        self.inputs[MAIN_SPEC]["packages"] = len(ours.lock_spec(MAIN_SPEC, report=False).pins)
        cold: dict[str, tuple[Run, Run]] = {
            "envsolver": (_after(ours.forget), locks["envsolver"]),
            "uv": (_after(theirs.forget), locks["uv"]),
        }
        warm: dict[str, tuple[Run, Run]] = {
            "envsolver": (_after(ours.forget_lock), locks["envsolver"]),
            "uv": (_after(theirs.forget_lock), locks["uv"]),
        }
        runs = self.options.runs
        for latency in LATENCIES[: 1 if self.options.quick else None]:
            link = Conditions(latency=latency)
            self.in_turns(Row(scenario="cold", inputs=MAIN_SPEC, conditions=link), cold, runs=runs)
            self.in_turns(Row(scenario="warm", inputs=MAIN_SPEC, conditions=link), warm, runs=runs)
        link = Conditions(latency=LATENCIES[0])
        unchanged = {tool: (_nothing, run) for tool, run in locks.items()}
        unchanged["envsolver check"] = (_nothing, lambda: ours.run("check", MAIN_SPEC))
        self.in_turns(Row(scenario="no-op", inputs=MAIN_SPEC, conditions=link), unchanged, runs=2 * runs)
        self._edits(ours, theirs, link)
        for scenario, ready in (("cold", ours.forget), ("warm", ours.forget_lock)):
            self._profile(scenario, ours, ready)
        for latency in LATENCIES[: 1 if self.options.quick else None]:
            # uv as it comes, without the setting that makes up for what the index does not send.
            link = Conditions(latency=latency, headers=False)
            self.in_turns(Row(scenario="warm", inputs=MAIN_SPEC, conditions=link), warm, runs=min(2, runs))

    def _edits(self, ours: Envsolver, theirs: Uv, link: Conditions) -> None:
        row = Row(scenario="re-lock", inputs=MAIN_SPEC, conditions=link)
        whole = spec_inputs(ours.project, MAIN_SPEC)
        self.rows.append(row)
        for edit in EDITS[: 1 if self.options.quick else None]:
            if self.left() < 0:
                raise TimeIsUpError(f"re-lock after {edit}")
            undo = edit_spec(ours.project, MAIN_SPEC, edit)
            edited = spec_inputs(ours.project, MAIN_SPEC)
            undo()

            def changed(edit: str = edit) -> Result:
                undo = edit_spec(ours.project, MAIN_SPEC, edit)
                try:
                    return ours.lock_spec(MAIN_SPEC, report=False)
                finally:
                    undo()

            pairs: dict[str, tuple[Run, Run]] = {
                "envsolver": (lambda: ours.lock_spec(MAIN_SPEC, report=False), changed),
                "uv": (lambda: theirs.lock(whole), lambda edited=edited: theirs.lock(edited)),  # type: ignore[misc]
            }
            for tool, (ready, run) in pairs.items():
                self._one(row.of(tool), ready, run)
        say(table([row.document()]))
        self.save()

    def _profile(self, scenario: str, ours: Envsolver, ready: Callable[[], None]) -> None:
        ready()
        output = ours.project / "profile.json"
        done = ours.lock_spec(MAIN_SPEC, command=[sys.executable, str(_PROFILED), str(output)], report=False)
        if done.solved:
            spent: dict[str, float] = json.loads(output.read_text(encoding="utf-8"))
            self.profiles[scenario] = {area: round(seconds, 3) for area, seconds in spent.items()}

    def every_lock(self) -> None:
        """Lock all environments at once, and each alone, with empty caches."""
        ours = Envsolver(self.work / "all", index=self.recording.url, limit=self.options.limit)
        _copy_specs(ours.project)
        names = _lockable(ours.project)
        self._record({name: lambda name=name: ours.lock_spec(name, report=False) for name in (*names, "--all")})  # type: ignore[misc]
        row = Row(scenario="lock --all", inputs=f"{len(names)} environments", conditions=Conditions(latency=0.02))
        ready = _after(ours.forget)
        tools: dict[str, tuple[Run, Run]] = {
            name: (ready, lambda name=name: ours.lock_spec(name, report=False))  # type: ignore[misc]
            for name in ("--all", *names)
        }
        self.in_turns(row, tools)

    def peers(self) -> None:
        """Lock what every tool can lock, with each of them."""
        ours, theirs = self._pair("peers")
        changed = replace(WHEELS, requirements=tuple(CHANGED.get(text, text) for text in WHEELS.requirements))
        self.inputs[WHEELS.name] = {"python": WHEELS.python, "requirements": len(WHEELS.requirements)}
        link = Conditions(latency=LATENCIES[0])
        self._record({"envsolver": lambda: ours.lock(WHEELS), "uv": lambda: theirs.lock(WHEELS)})
        self.inputs[WHEELS.name]["packages"] = len(theirs.lock(WHEELS).pins)
        rows = {
            name: Row(scenario=name, inputs=WHEELS.name, conditions=link)
            for name in ("cold", "warm", "no-op", "re-lock")
        }
        self.rows += rows.values()
        self.recording.conditions = link
        tools: list[Envsolver | Uv | Peer] = [ours, theirs, *self._installed()]
        for peer in tools:
            self._life(peer, rows, changed)
            self.save()
        say(table([row.document() for row in rows.values()]))

    def _life(self, peer: Envsolver | Uv | Peer, rows: Mapping[str, Row], changed: InputSet) -> None:
        """Measure one tool: from nothing, again, again with nothing changed, and with a change."""

        def lock(inputs: InputSet = WHEELS, *, unchanged: bool = False) -> Result | Finished:
            return peer.lock(inputs, unchanged=unchanged) if isinstance(peer, Peer) else peer.lock(inputs)

        runs: dict[str, tuple[Run, Run]] = {
            "cold": (_after(peer.forget), lock),
            "warm": (_after(peer.forget_lock), lock),
            "no-op": (_nothing, lambda: lock(unchanged=True)),
            "re-lock": (_nothing, lambda: lock(changed)),
        }
        for name, (ready, run) in runs.items():
            known = rows[name].of(peer.name)
            if self.left() < 0:
                known["why"] = "no time was left"
            for _ in range(1 if isinstance(peer, Peer) or name == "re-lock" else self.options.runs):
                if not known["why"]:
                    self._one(known, ready, run)
            if known["why"]:
                return

    def _installed(self) -> Iterator[Peer]:
        for recipe in PEERS:
            if self.options.quick and recipe.name != "pip":
                continue
            peer = Peer(recipe, self.work, index=self.recording.url, limit=self.options.limit)
            try:
                self.tools[peer.name] = peer.install(WHEELS.python)
            except RuntimeError as failed:
                self.left_out.append(str(failed))
            else:
                say(f"{peer.name} {self.tools[peer.name]}")
                yield peer

    def install(self) -> None:
        """Install what is locked, with bytecode and without."""
        place = installing.Place(self.work / f"install-{os.getpid()}", self.recording.url)
        found = installing.measure_installs(place, rounds=1 if self.options.quick else 3)
        row = Row(scenario="install", inputs=f"{found['packages']} wheels")
        for way, seconds in found["seconds"].items():
            row.of(way)["seconds"] = [round(value, 4) for value in seconds["each"]]
        self.rows.append(row)
        say(table([row.document()]))

    def every_check(self) -> None:
        """Check a catalogue."""
        count = 20 if self.options.quick else 500
        for command, state, seconds, used in catalogue.measure(count):
            row = Row(scenario=f"{command}, {state}", inputs=f"{count} locks")
            row.of("envsolver").update(seconds=[round(seconds, 4)], cpu=[round(used, 4)])
            self.rows.append(row)
            say(table([row.document()]))

    def _pair(self, name: str) -> tuple[Envsolver, Uv]:
        place = self.work / name
        return (
            Envsolver(place, index=self.recording.url, limit=self.options.limit),
            Uv(place, index=self.recording.url, headers=True, limit=self.options.limit),
        )

    def _record(self, runs: Mapping[str, Run]) -> None:
        """Run each once with a link that costs nothing, so that the recording has what it needs."""
        self.recording.conditions = Conditions()
        for tool, run in runs.items():
            done = run()
            if done.status:
                said = getattr(done, "output", "") or getattr(done, "stderr", "")
                raise RuntimeError(f"{tool} fails, so there is nothing to measure: {' '.join(said.split())[-300:]}")


def say(text: str) -> None:
    """Print at once."""
    print(text, flush=True)


def _nothing() -> Any:
    """Leave all as it is."""


def _after(action: Callable[[], None]) -> Callable[[], Any]:
    return action


def _copy_specs(project: Path) -> None:
    import shutil

    shutil.copytree(ROOT / "specs", project / "specs", dirs_exist_ok=True)


def _lockable(project: Path) -> list[str]:
    """Return the environments with a lock that need no channel of conda; the others are removed."""
    names = []
    for path in sorted((project / "specs").glob("*.yaml")):
        if path.name.startswith("_"):
            continue
        locked = (ROOT / "locks" / f"{path.stem}.lock.toml").exists()
        if locked and "\nchannels:" not in path.read_text(encoding="utf-8"):
            names.append(path.stem)
        else:
            path.unlink()
    return names


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write, and return the exit status."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("-o", "--output", type=Path, help="write all figures as JSON, after every scenario")
    parser.add_argument("--page", type=Path, help="write the page that is made of them")
    parser.add_argument("--work", type=Path, help="keep the recording and the tools in this folder")
    parser.add_argument("--quick", action="store_true", help="a little of everything: two minutes")
    parser.add_argument("--only", action="append", choices=["stack", "catalogue", "install", "peers", "all"])
    parser.add_argument("--runs", type=int, help="runs of each scenario of the stack (default: 3)")
    parser.add_argument("--limit", type=float, default=120.0, help="seconds that one run may take (default: 120)")
    parser.add_argument("--minutes", type=float, default=18.0, help="begin nothing after so long (default: 18)")
    parser.add_argument("--note", default="", help="what the page is to say of how this was measured")
    options = parser.parse_args(arguments)
    options.runs = options.runs or (1 if options.quick else 3)
    with ExitStack() as stack:
        kept = options.work or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        kept.mkdir(parents=True, exist_ok=True)
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=kept, prefix="run-"))).resolve()
        (kept / "peers").mkdir(exist_ok=True)
        (scratch / "peers").symlink_to((kept / "peers").resolve())
        recording = stack.enter_context(Recording(kept / "recording", default_index()))
        suite = Suite(scratch, recording, options=options)
        status = 0
        try:
            suite.run()
        except KeyboardInterrupt:
            suite.left_out.append("what comes after this: it was interrupted")
            status = 130
        suite.save()
    document = suite.document()
    say("\n" + table(document["rows"]))
    for left in suite.left_out:
        say(f"not measured: {left}")
    if options.page is not None:
        options.page.write_text(page(document), encoding="utf-8")
    return status

"""Time envsolver and uv side by side: ``python -m benchmarks.timing [-o FILE]``. Nothing fails for being slow.

Both lock the same requirements for the same target, with hashes, as whole processes, in turns (A B A B), so that a
noisy neighbour hits both. Bytes are counted in one further cold run of each through :mod:`benchmarks.relay`; the timed
runs reach the index directly, unless a slower link is to be imitated (``--delay``, ``--bandwidth``).

cold
    empty caches.
warm
    caches that have seen the same requirements, no lock.
edit
    one pin of the spec changed, no lock: ``first`` with caches that have only seen the unchanged spec, ``again`` with
    caches that have seen the change too.
no-op
    nothing changed, the lock in place.
knowledge
    as warm, beside envsolver without rules and implied bounds (:mod:`benchmarks.bare`) in place of uv.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from benchmarks.relay import Link, Relay
from benchmarks.tools import BARE, Envsolver, Uv, default_index, read_sets, spec_inputs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from benchmarks.tools import InputSet, Result

ROOT = Path(__file__).resolve().parent.parent
MAIN_SPEC = "acpt-1.13-py38"
COLD_SETS = ("boto3-botocore-s3fs", "jupyterlab-airflow")
EDITS = ("torchmetrics==0.11.0", "protobuf==3.20.2", "pyspark==3.3.1", "pytest==7.2.0", "tensorboard==2.11.0")


@dataclass(slots=True, kw_only=True)
class Measure:
    """One scenario, measured for both tools.

    Attributes:
        aim: what envsolver wants to reach, in words.
        seconds: by tool, of each run in turn.
        cpu: by tool, likewise.
        memory: by tool, the most that a run took, bytes.
        received: by tool, bytes from the network, where they were counted.
    """

    scenario: str
    inputs: str
    aim: str = ""
    seconds: dict[str, list[float]] = field(default_factory=dict)
    cpu: dict[str, list[float]] = field(default_factory=dict)
    memory: dict[str, int] = field(default_factory=dict)
    received: dict[str, int] = field(default_factory=dict)

    def add(self, tool: str, result: Result) -> None:
        """Take in one run."""
        self.seconds.setdefault(tool, []).append(result.seconds)
        self.cpu.setdefault(tool, []).append(result.cpu)
        self.memory[tool] = max(self.memory.get(tool, 0), result.memory)

    def median(self, tool: str) -> float:
        """Return the median wall time in seconds."""
        return statistics.median(self.seconds[tool])

    def document(self) -> dict[str, Any]:
        """Return the measure for JSON."""
        tools = {
            tool: {
                "median_seconds": round(self.median(tool), 4),
                "seconds": [round(value, 4) for value in values],
                "cpu_seconds": [round(value, 4) for value in self.cpu[tool]],
                "memory_bytes": self.memory[tool],
                "received_bytes": self.received.get(tool),
            }
            for tool, values in self.seconds.items()
        }
        return {"scenario": self.scenario, "inputs": self.inputs, "aim": self.aim, "tools": tools}


class Bench:
    """The two tools, their scratch folder, and what was measured."""

    def __init__(self, scratch: Path, *, runs: int, link: Mapping[str, str]) -> None:
        index = default_index()
        self.envsolver = Envsolver(scratch, index=index)
        self.uv = Uv(scratch, index=index)
        self.runs = runs
        self.link = link
        self.measures: list[Measure] = []
        shutil.copytree(ROOT / "specs", self.envsolver.project / "specs", dirs_exist_ok=True)

    def in_turns(
        self,
        measure: Measure,
        ours: Callable[[], Result],
        theirs: Callable[[], Result],
        *,
        runs: int | None = None,
        peer: str = "uv",
    ) -> None:
        """Run A B A B and keep the measure."""
        for _ in range(runs or self.runs):
            measure.add("envsolver", _succeeded(ours()))
            measure.add(peer, _succeeded(theirs()))
        self.measures.append(measure)
        print(_row(measure))
        sys.stdout.flush()

    def cold(self, inputs: InputSet, ours: Callable[..., Result], aim: str) -> None:
        """Measure with empty caches, and count bytes."""

        def cold_ours(environment: Mapping[str, str]) -> Result:
            self.envsolver.forget()
            return ours(environment=environment)

        def cold_theirs(environment: Mapping[str, str]) -> Result:
            self.uv.forget()
            return self.uv.lock(inputs, environment=environment)

        measure = Measure(scenario="cold", inputs=inputs.name, aim=aim)
        # The counted runs come first: a mirror that has to fetch a file itself for once does not spoil a timed run.
        with Relay() as relay:
            for tool, run in {"envsolver": cold_ours, "uv": cold_theirs}.items():
                _succeeded(run(relay.environment()))
                measure.received[tool] = relay.reset().received
        self.in_turns(measure, lambda: cold_ours(self.link), lambda: cold_theirs(self.link))

    def warm(self, scenario: str, inputs: InputSet, *, aim: str, runs: int | None = None, keep: bool = False) -> None:
        """Measure with the caches as they are; ``keep`` the lock, else remove it before each run."""

        def ours() -> Result:
            if not keep:
                self.envsolver.forget_lock()
            return self.envsolver.lock_spec(MAIN_SPEC, environment=self.link, report=False)

        def theirs() -> Result:
            if not keep:
                self.uv.forget_lock()
            return self.uv.lock(inputs, environment=self.link)

        self.in_turns(Measure(scenario=scenario, inputs=inputs.name, aim=aim), ours, theirs, runs=runs)

    def knowledge(self, *, aim: str) -> None:
        """Measure what rules and implied bounds cost, with the caches as they are and no lock.

        Both are given caches that have seen what both of them read.
        """

        def run(command: Sequence[str] | None) -> Result:
            self.envsolver.forget_lock()
            return self.envsolver.lock_spec(MAIN_SPEC, environment=self.link, command=command, report=False)

        _succeeded(run(BARE))
        measure = Measure(scenario="knowledge", inputs=MAIN_SPEC, aim=aim)
        self.in_turns(measure, lambda: run(None), lambda: run(BARE), runs=2 * self.runs, peer="without")

    def main_spec(self) -> None:
        """Measure everything that is measured of the main spec."""
        specs = self.envsolver.project
        inputs = spec_inputs(specs, MAIN_SPEC)
        self.cold(
            inputs,
            lambda environment: self.envsolver.lock_spec(MAIN_SPEC, environment=environment, report=False),
            "less than half of uv's time, less than 60 MB",
        )
        self.warm("warm", inputs, aim="0.6 s")
        self.warm("no-op", inputs, aim="0.15 s", keep=True)
        self.knowledge(aim="at most 1.15 times what it takes without")
        for edit in EDITS:
            undo = edit_spec(specs, MAIN_SPEC, edit)
            edited = replace(spec_inputs(specs, MAIN_SPEC), name=edit)
            self.warm("edit, first", edited, aim="", runs=1)
            self.warm("edit, again", edited, aim="0.6 s")
            undo()

    def document(self) -> dict[str, Any]:
        """Return everything measured, for JSON. No path and no host is in it."""
        from importlib.metadata import version

        return {
            "machine": {"cores": os.cpu_count(), "python": ".".join(map(str, sys.version_info[:3]))},
            "tools": {tool: version(tool) for tool in ("envsolver", "uv")},
            "measures": [measure.document() for measure in self.measures],
        }


def edit_spec(project: Path, name: str, requirement: str) -> Callable[[], None]:
    """Replace, where it is written, the spec's requirement of the same project; return what undoes it.

    Raises:
        LookupError: the spec has no such requirement.
    """
    from envsolver.spec import load_spec

    wanted = canonicalize_name(Requirement(requirement).name)
    spec = load_spec(project / "specs" / f"{name}.yaml", project)
    for written in spec.requirements:
        if canonicalize_name(Requirement(written.text).name) == wanted:
            path = project / written.origin.path
            before = path.read_text(encoding="utf-8")
            lines = before.splitlines(keepends=True)
            line = (written.origin.line or 0) - 1
            if written.text not in lines[line]:
                raise LookupError(f"{written.origin.path}:{line + 1} does not read {written.text!r}")
            lines[line] = lines[line].replace(written.text, requirement, 1)
            path.write_text("".join(lines), encoding="utf-8")
            return lambda: _restore(path, before)
    raise LookupError(f"{name} has no requirement of {wanted}")


def _restore(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _succeeded(result: Result) -> Result:
    if not result.solved:
        raise SystemExit(f"a run failed, so there is nothing to compare:\n{result.output}")
    return result


def _header() -> str:
    return (
        f"{'scenario':<12} {'inputs':<22} {'envsolver':>21} {'uv':>21} {'ratio':>8} {'MB':>7} {'MB uv':>7}  aim\n"
        f"{'':<12} {'':<22} {'median s (min-max)':>21} {'median s (min-max)':>21}"
    )


def _row(measure: Measure) -> str:
    spans = [
        f"{measure.median(tool):.3f} ({min(values):.2f}-{max(values):.2f})" for tool, values in measure.seconds.items()
    ]
    counted = [f"{count / 1e6:.1f}" for count in measure.received.values()] or ["", ""]
    ours, theirs = map(measure.median, measure.seconds)
    ratio = ours / theirs
    cells = [
        *(f"{measure.scenario:<12}", f"{measure.inputs:<22}", *(f"{span:>21}" for span in spans)),
        *(f"{ratio:>8.2f}", *(f"{text:>7}" for text in counted), f" {measure.aim}"),
    ]
    return " ".join(cells).rstrip()


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return the exit status."""
    parser = argparse.ArgumentParser(prog="benchmarks.timing", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("-o", "--output", type=Path, help="write all figures as JSON")
    parser.add_argument("--runs", type=int, default=5, help="runs of each tool in each scenario (default: 5)")
    parser.add_argument("--only", choices=["main", "sets"], help="only the main spec, or only the other cold sets")
    parser.add_argument("--delay", type=float, default=0.0, metavar="MS", help="imitate a link: round trip")
    parser.add_argument("--bandwidth", type=float, metavar="MBIT", help="imitate a link: megabits per second")
    options = parser.parse_args(arguments)
    link = Link(delay=options.delay / 2000, bandwidth=options.bandwidth * 125e3 if options.bandwidth else None)
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        slower = stack.enter_context(Relay(link)).environment() if link != Link() else {}
        bench = Bench(scratch, runs=options.runs, link=slower)
        print(_header())
        if options.only != "sets":
            bench.main_spec()
        if options.only != "main":
            sets = {inputs.name: inputs for inputs in read_sets()}
            for name in COLD_SETS:
                inputs = sets[name]
                bench.cold(inputs, _locking(bench.envsolver, inputs), "less than half of uv's time")
    if options.output is not None:
        options.output.write_text(json.dumps(bench.document(), indent=1) + "\n", encoding="utf-8")
        print(f"wrote {options.output}")
    return 0


def _locking(envsolver: Envsolver, inputs: InputSet) -> Callable[..., Result]:
    return lambda environment: envsolver.lock(inputs, environment=environment)


if __name__ == "__main__":
    sys.exit(main())

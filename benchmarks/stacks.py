"""Do locks run? ``python -m benchmarks.stacks [STACK …]``: stacks of five years, locked in several ways, and used.

Each stack of ``stacks.toml`` is locked by each locker for the same target. Every lock is installed into a fresh
environment and smoke-tested (:mod:`benchmarks.trials`); identical locks are tried once. A run that was interrupted goes
on where it stopped if it is given the same ``--work`` folder.

Lockers: ``uv``; ``plain`` (envsolver without implied bounds); ``bounds`` (with them, default horizon); ``bounds-N``
(horizon of N days).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import tempfile
import time
import tomllib
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from benchmarks.tools import InputSet, Uv, default_index
from benchmarks.trials import Trial, Workshop, digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from envsolver.model.resolution import Resolution
    from envsolver.solve.horizon import Bounds

STACKS = Path(__file__).with_name("stacks.toml")
LOCKERS = ("uv", "plain", "bounds")
DAY = 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """What somebody wants to have.

    Attributes:
        inputs: requirements and target.
        year: when somebody would have wanted it.
        impossible: why no choice of versions can run, empty where one can.
    """

    inputs: InputSet
    year: int
    impossible: str = ""

    @property
    def name(self) -> str:
        """What it is called."""
        return self.inputs.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The contents of ``stacks.toml``.

    Attributes:
        imports: requirement → modules, where they are not called like it.
        checks: check → the requirement that asks for it, then what else has to be in the lock.
        build_constraints: on what source archives are built with.
    """

    stacks: tuple[Stack, ...]
    imports: Mapping[str, tuple[str, ...]]
    checks: Mapping[str, tuple[str, ...]]
    build_constraints: tuple[str, ...]

    def checks_of(self, stack: Stack, pins: Mapping[str, str]) -> tuple[str, ...]:
        """Return what a lock of a stack has to pass, imports first."""
        direct = stack.inputs.direct
        modules = [module for name in direct for module in self.imports.get(name, (name.replace("-", "_"),))]
        uses = [
            check
            for check, (subject, *others) in self.checks.items()
            if subject in direct and all(other in pins for other in others)
        ]
        return (*(f"import:{module}" for module in modules), *uses)


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """What a locker made of a stack.

    Attributes:
        outcome: refused: there is no solution, it says; failed: it cannot tell.
        pins: canonical name → version.
        requirements: the lock as a requirements file with hashes.
        message: why there is no lock.
        held: packages that implied bounds keep below a version that the metadata admits.
        given_up: implied bounds that gave way.
    """

    outcome: Literal["locked", "refused", "failed"]
    seconds: float
    pins: Mapping[str, str]
    requirements: str = ""
    message: str = ""
    held: tuple[str, ...] = ()
    given_up: tuple[str, ...] = ()


class Locker(Protocol):
    """One way to lock."""

    name: str

    def lock(self, stack: Stack) -> Locked:
        """Lock a stack."""


def read_plan(path: Path = STACKS) -> Plan:
    """Return the stacks and what is to be tried of them, checked.

    Raises:
        ValueError: a name stands there twice.
    """
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    stacks = tuple(
        Stack(
            inputs=InputSet(
                name=entry["name"],
                requirements=tuple(entry["requirements"]),
                python=entry["python"],
                glibc=document["glibc"],
            ),
            year=entry["year"],
            impossible=entry.get("impossible", ""),
        )
        for entry in document["stack"]
    )
    if len({stack.name for stack in stacks}) < len(stacks):
        raise ValueError(f"{path}: a name stands there twice")
    return Plan(
        stacks=stacks,
        imports={name: tuple(modules) for name, modules in document["imports"].items()},
        checks={name: tuple(needed) for name, needed in document["checks"].items()},
        build_constraints=tuple(document["build-constraints"]),
    )


class UvLocker:
    """``uv pip compile`` with its defaults."""

    name = "uv"

    def __init__(self, uv: Uv, build_constraints: Sequence[str]) -> None:
        self._uv = uv
        self._constraints = uv.scratch / "build-constraints.txt"
        self._constraints.write_text("".join(f"{line}\n" for line in build_constraints), encoding="utf-8")

    def lock(self, stack: Stack) -> Locked:
        """Lock a stack from nothing: without the versions of an earlier output."""
        self._uv.forget_lock()
        result = self._uv.lock(stack.inputs, environment={"UV_BUILD_CONSTRAINT": str(self._constraints)})
        if not result.solved:
            refused = "No solution found" in result.output
            return Locked(
                outcome="refused" if refused else "failed",
                seconds=result.seconds,
                pins={},
                message=result.output.strip()[-4000:],
            )
        text = self._uv.output_file.read_text(encoding="utf-8")
        return Locked(outcome="locked", seconds=result.seconds, pins=result.pins, requirements=text)


class EnvsolverLocker:
    """envsolver, with some of what it knows switched off."""

    def __init__(self, name: str, bounds: Bounds, cache: Path) -> None:
        self.name = name
        self._bounds = bounds
        self._cache = cache

    def lock(self, stack: Stack) -> Locked:
        """Lock a stack."""
        from envsolver.model.errors import EnvsolverError, NoSolutionError

        started = time.perf_counter()
        try:
            resolution = asyncio.run(self._resolve(stack))
        except EnvsolverError as error:
            outcome: Literal["refused", "failed"] = "refused" if isinstance(error, NoSolutionError) else "failed"
            return Locked(outcome=outcome, seconds=time.perf_counter() - started, pins={}, message=str(error))
        return Locked(
            outcome="locked",
            seconds=time.perf_counter() - started,
            pins={package.name: package.version for package in resolution.packages},
            requirements="".join(
                f"{package.name}=={package.version} --hash=sha256:{package.file.sha256}\n"
                for package in resolution.packages
            ),
            held=tuple(
                f"{held.name} below {held.beyond} by {held.requirer} {held.version}" for held in resolution.held
            ),
            given_up=tuple(f"{bound.requirer} on {bound.name}" for bound in resolution.given_up),
        )

    async def _resolve(self, stack: Stack) -> Resolution:
        from envsolver.model.ports import NullProgress
        from envsolver.solve.problem import Problem
        from envsolver.solve.resolve import resolve
        from envsolver.sources.open import SourceSettings, open_session

        spec = _spec(stack)
        problem = Problem(target=spec.target("linux-64"), requirements=spec.requirements, bounds=self._bounds)
        settings = SourceSettings(cache_dir=self._cache)
        async with open_session(settings, NullProgress()) as session:
            return await resolve(problem, session.source_for(spec, "linux-64", self._cache))


def _spec(stack: Stack) -> Any:
    from envsolver.model.origin import Origin
    from envsolver.model.spec import Spec, SpecRequirement, SystemSpec

    path = f"specs/{stack.name}.yaml"
    return Spec(
        name=stack.name,
        origin=Origin(path),
        python=stack.inputs.python,
        python_origin=Origin(path),
        platforms=("linux-64",),
        systems=(SystemSpec(glibc=stack.inputs.glibc),),
        requirements=tuple(SpecRequirement(text=text, origin=Origin(path)) for text in stack.inputs.requirements),
    )


def make_locker(name: str, work: Path, plan: Plan) -> Locker:
    """Return the locker of a name.

    Raises:
        ValueError: there is none.
    """
    from envsolver.solve.horizon import Bounds

    if name == "uv":
        return UvLocker(Uv(work, index=default_index()), plan.build_constraints)
    cache = work / "envsolver-cache"
    if name == "plain":
        return EnvsolverLocker(name, Bounds(horizon=None), cache)
    if name == "bounds":
        return EnvsolverLocker(name, Bounds(), cache)
    if days := re.fullmatch(r"bounds-(\d+)", name):
        return EnvsolverLocker(name, Bounds(horizon=int(days[1]) * DAY), cache)
    raise ValueError(f"no locker {name!r}: uv, plain, bounds, bounds-N")


class Journal:
    """What has been found out, one JSON document a line, appended as soon as it is known."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.locks: dict[tuple[str, str], Locked] = {}
        self.trials: dict[str, Trial] = {}
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        for line in lines:
            entry = json.loads(line)
            if entry["kind"] == "lock":
                key = entry["of"]
                self.locks[key[0], key[1]] = Locked(**entry["locked"])
            else:
                trial = Trial.from_document(entry["trial"])
                self.trials[trial.key] = trial

    def keep_lock(self, key: tuple[str, str], locked: Locked) -> None:
        """Remember a lock by its stack (with a digest of what was asked for) and locker."""
        self.locks[key] = locked
        self._append({"kind": "lock", "of": key, "locked": asdict(locked)})

    def keep_trial(self, trial: Trial) -> None:
        """Remember a trial by its key."""
        self.trials[trial.key] = trial
        self._append({"kind": "trial", "trial": trial.document()})

    def _append(self, entry: Mapping[str, Any]) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One stack, one locker."""

    stack: Stack
    locker: str
    locked: Locked
    trial: Trial | None

    @property
    def outcome(self) -> str:
        """``runs``, ``breaks``, ``clashes``, ``not installed``, ``refused`` or ``failed``."""
        return self.trial.outcome if self.trial else self.locked.outcome

    @property
    def right(self) -> bool:
        """Whether that is the best that could come of it."""
        return self.outcome == ("refused" if self.stack.impossible else "runs")

    @property
    def cause(self) -> str:
        """One line on what went wrong, empty if nothing did."""
        return self.trial.cause if self.trial else self.locked.message.split("\n", 1)[0]

    def document(self) -> dict[str, Any]:
        """Return the result for JSON."""
        return {
            "stack": self.stack.name,
            "locker": self.locker,
            "outcome": self.outcome,
            "right": self.right,
            "cause": self.cause,
            "seconds": round(self.locked.seconds, 2),
            "pins": dict(self.locked.pins),
            "held": list(self.locked.held),
            "given_up": list(self.locked.given_up),
            "message": self.locked.message,
            "findings": [asdict(finding) for finding in self.trial.findings] if self.trial else [],
            "clashes": list(self.trial.clashes) if self.trial else [],
        }


def run(
    plan: Plan, stacks: Sequence[Stack], lockers: Sequence[Locker], journal: Journal, shop: Workshop
) -> list[Result]:
    """Lock and try everything that the journal does not know yet, and print each result as it comes."""
    results = []
    for stack in stacks:
        for locker in lockers:
            asked = (json.dumps([stack.name, stack.inputs.python, *stack.inputs.requirements]), locker.name)
            locked = journal.locks.get(asked)
            if locked is None:
                locked = locker.lock(stack)
                journal.keep_lock(asked, locked)
            trial = None
            if locked.outcome == "locked":
                checks = plan.checks_of(stack, locked.pins)
                key = digest(stack.inputs.python, locked.pins, checks, plan.build_constraints)
                trial = journal.trials.get(key)
                if trial is None:
                    trial = shop.trial(key, stack.inputs.python, locked.requirements, checks, plan.build_constraints)
                    journal.keep_trial(trial)
            results.append(Result(stack=stack, locker=locker.name, locked=locked, trial=trial))
            print(f"{stack.name:<26} {locker.name:<12} {results[-1].outcome:<14} {results[-1].cause[:140]}".rstrip())
            sys.stdout.flush()
    return results


def table(results: Sequence[Result]) -> str:
    """Return stacks by lockers in Markdown, the number that came out right last."""
    lockers = list(dict.fromkeys(result.locker for result in results))
    rows = [["stack", "Python", *lockers], ["---"] * (len(lockers) + 2)]
    by_stack: dict[str, dict[str, Result]] = {}
    for result in results:
        by_stack.setdefault(result.stack.name, {})[result.locker] = result
    for name, cells in by_stack.items():
        python = next(iter(cells.values())).stack.inputs.python
        rows.append([name, python, *(_cell(cells.get(locker)) for locker in lockers)])
    counts = [sum(result.right for result in results if result.locker == locker) for locker in lockers]
    rows.append([f"right, of {len(by_stack)}", "", *map(str, counts)])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _cell(result: Result | None) -> str:
    if result is None:
        return ""
    return result.outcome if result.right else f"**{result.outcome}**"


def _chosen(plan: Plan, names: Iterable[str]) -> list[Stack]:
    """Return the stacks of these names, all where none is named.

    Raises:
        SystemExit: there is no such stack.
    """
    wanted = set(names)
    unknown = wanted - {stack.name for stack in plan.stacks}
    if unknown:
        raise SystemExit(f"no stack {', '.join(sorted(unknown))} in {STACKS.name}")
    return [stack for stack in plan.stacks if not wanted or stack.name in wanted]


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, print the table, and return the exit status."""
    parser = argparse.ArgumentParser(prog="benchmarks.stacks", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("stacks", nargs="*", metavar="STACK", help="only these of stacks.toml")
    parser.add_argument("-l", "--lockers", default=",".join(LOCKERS), help="comma-separated (default: %(default)s)")
    parser.add_argument("-o", "--output", type=Path, help="write all results as JSON")
    parser.add_argument("--work", type=Path, help="keep caches and results in this folder, and go on from them")
    parser.add_argument("--keep-free", type=float, default=15, metavar="GB", help="of the disk (default: %(default)s)")
    options = parser.parse_args(arguments)
    plan = read_plan()
    stacks = _chosen(plan, options.stacks)
    with ExitStack() as stack:
        work = options.work or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        work = work.absolute()
        work.mkdir(parents=True, exist_ok=True)
        lockers = [make_locker(name, work, plan) for name in options.lockers.split(",")]
        uv = Uv(work, index=default_index())
        shop = Workshop(work / "trials", cache=uv.cache, settings=work / "uv.toml", keep_free=options.keep_free * 1e9)
        results = run(plan, stacks, lockers, Journal(work / "journal.jsonl"), shop)
    print()
    print(table(results), end="")
    if options.output is not None:
        text = json.dumps([result.document() for result in results], indent=1) + "\n"
        options.output.write_text(text, encoding="utf-8")
        print(f"wrote {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Do locks run? ``python -m benchmarks.stacks [STACK …]``: stacks of five years, locked in several ways, and used.

Each stack of ``stacks.toml`` is locked by each locker for the same target. Every lock is installed into a fresh
environment and smoke-tested (:mod:`benchmarks.trials`); identical locks are tried once. A run that was interrupted goes
on where it stopped if it is given the same ``--work`` folder.

Lockers: ``uv``; ``plain`` (envsolver without rules and implied bounds); ``rules``, ``bounds`` (with one of the two);
``both``; ``bounds-N``, ``both-N`` (horizon of N days).
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
import tomllib
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.lockers import Locked, Stack, make_locker
from benchmarks.tools import InputSet, Uv, default_index
from benchmarks.trials import Trial, Workshop, digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from benchmarks.lockers import Locker

STACKS = Path(__file__).with_name("stacks.toml")
LOCKERS = ("uv", "plain", "rules", "bounds", "both")


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
            day=entry["day"],
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

    def lock_of(self, stack: Stack, locker: str, lock: Callable[[], Locked], *more: str) -> Locked:
        """Return the lock of a stack by a locker: as remembered, else made now.

        Args:
            stack: what was asked for.
            locker: its name.
            lock: makes it.
            more: whatever else it depends on.

        """
        key = (json.dumps([stack.name, stack.inputs.python, *stack.inputs.requirements, *more]), locker)
        if key not in self.locks:
            self.locks[key] = lock()
            self._append({"kind": "lock", "of": key, "locked": asdict(self.locks[key])})
        return self.locks[key]

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


def tried(plan: Plan, stack: Stack, locked: Locked, journal: Journal, shop: Workshop) -> Trial | None:
    """Return what came of a lock, from the journal if it was tried before; None if there is no lock."""
    if locked.outcome != "locked":
        return None
    checks = plan.checks_of(stack, locked.pins)
    key = digest(stack.inputs.python, locked.pins, checks, plan.build_constraints)
    trial = journal.trials.get(key)
    if trial is None:
        trial = shop.trial(key, stack.inputs.python, locked.requirements, checks, plan.build_constraints)
        journal.keep_trial(trial)
    return trial


def run(
    plan: Plan, stacks: Sequence[Stack], lockers: Sequence[Locker], journal: Journal, shop: Workshop
) -> list[Result]:
    """Lock and try what the journal does not know yet, and print each result as it comes."""
    results = []
    for stack in stacks:
        for locker in lockers:
            locked = journal.lock_of(stack, locker.name, partial(locker.lock, stack))
            trial = tried(plan, stack, locked, journal, shop)
            results.append(Result(stack=stack, locker=locker.name, locked=locked, trial=trial))
            print(f"{stack.name:<26} {locker.name:<12} {results[-1].outcome:<14} {results[-1].cause[:140]}".rstrip())
            sys.stdout.flush()
    return results


def table(results: Sequence[Result]) -> str:
    """Return stacks by lockers in Markdown, the number that came out right last."""
    lockers = list(dict.fromkeys(result.locker for result in results))
    rows = [["stack", "asked for", *map(titled, lockers)], ["---"] * (len(lockers) + 2)]
    by_stack: dict[str, dict[str, Result]] = {}
    for result in results:
        by_stack.setdefault(result.stack.name, {})[result.locker] = result
    for name, cells in by_stack.items():
        inputs = next(iter(cells.values())).stack.inputs
        asked = f"Python {inputs.python}: {' '.join(inputs.requirements)}"
        rows.append([name, asked, *(_cell(cells.get(locker)) for locker in lockers)])
    counts = [sum(result.right for result in results if result.locker == locker) for locker in lockers]
    rows.append([f"right, of {len(by_stack)}", "", *map(str, counts)])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def titled(locker: str) -> str:
    """Return how a locker is called in a table."""
    titles = {"plain": "without both", "rules": "without bounds", "bounds": "without rules", "both": "with both"}
    return titles.get(locker, locker)


def _cell(result: Result | None) -> str:
    if result is None:
        return ""
    return result.outcome if result.right else f"**{result.outcome}**"


def causes(results: Sequence[Result]) -> str:
    """Return what went wrong, as a list in Markdown: the same cause of several locks of a stack once."""
    wrong: dict[tuple[str, str], list[str]] = {}
    for result in results:
        if not result.right:
            wrong.setdefault((result.stack.name, result.cause), []).append(titled(result.locker))
    return "".join(
        f"- {stack} ({', '.join(lockers)}): `{_short(cause)}`\n" for (stack, cause), lockers in wrong.items()
    )


def _short(cause: str) -> str:
    """Return the message of an error on one line, without the place of the environment that is gone."""
    text = re.sub(r"\s*\(env/[^)]*\)", "", " ".join(cause.replace("`", "'").split()))
    return text if len(text) <= 150 else f"{text[:147]}..."


def counts(results: Sequence[Result]) -> str:
    """Return in Markdown how many stacks came out right, and how many packages were held back, by locker."""
    rows = [["locked by", "right", "of", "packages held back"], ["---", "---:", "---:", "---:"]]
    for locker in dict.fromkeys(result.locker for result in results):
        own = [result for result in results if result.locker == locker]
        held = sum(len({line.split()[0] for line in result.locked.held}) for result in own)
        rows.append([locker, str(sum(result.right for result in own)), str(len(own)), str(held)])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def write_into(path: Path, blocks: Mapping[str, str]) -> None:
    """Replace in a document what stands between ``<!-- NAME -->`` and ``<!-- /NAME -->``, where it has such a block."""
    text = path.read_text(encoding="utf-8")
    for name, block in blocks.items():
        pattern = re.compile(rf"(?<=<!-- {name} -->\n).*?(?=<!-- /{name} -->)", re.DOTALL)
        text = pattern.sub(f"\n{block}\n".replace("\\", r"\\"), text)
    path.write_text(text, encoding="utf-8")


def chosen(plan: Plan, names: Iterable[str]) -> list[Stack]:
    """Return the stacks of these names, all where none is named.

    Raises:
        SystemExit: there is no such stack.
    """
    wanted = set(names)
    unknown = wanted - {stack.name for stack in plan.stacks}
    if unknown:
        raise SystemExit(f"no stack {', '.join(sorted(unknown))} in {STACKS.name}")
    return [stack for stack in plan.stacks if not wanted or stack.name in wanted]


@contextmanager
def workplace(work: Path | None, keep_free: float) -> Iterator[tuple[Path, Journal, Workshop]]:
    """Give a folder for caches, the journal in it, and where to try locks.

    Args:
        work: the folder; None for one that is gone afterwards.
        keep_free: of the disk, in GB.

    """
    with ExitStack() as stack:
        work = (work or Path(stack.enter_context(tempfile.TemporaryDirectory()))).absolute()
        work.mkdir(parents=True, exist_ok=True)
        uv = Uv(work, index=default_index())
        shop = Workshop(work / "trials", cache=uv.cache, settings=work / "uv.toml", keep_free=keep_free * 1e9)
        yield work, Journal(work / "journal.jsonl"), shop


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, print the table, and return the exit status."""
    parser = argparse.ArgumentParser(prog="benchmarks.stacks", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("stacks", nargs="*", metavar="STACK", help="only these of stacks.toml")
    parser.add_argument("-l", "--lockers", default=",".join(LOCKERS), help="comma-separated (default: %(default)s)")
    parser.add_argument("-o", "--output", type=Path, help="write all results as JSON")
    parser.add_argument("--into", type=Path, metavar="FILE", help="put the tables into this Markdown document")
    parser.add_argument("--work", type=Path, help="keep caches and results in this folder, and go on from them")
    parser.add_argument("--relock", action="store_true", help="lock again what was locked; trials still count")
    parser.add_argument("--keep-free", type=float, default=15, metavar="GB", help="of the disk (default: %(default)s)")
    options = parser.parse_args(arguments)
    plan = read_plan()
    stacks = chosen(plan, options.stacks)
    with workplace(options.work, options.keep_free) as (work, journal, shop):
        lockers = [make_locker(name, work, plan.build_constraints) for name in options.lockers.split(",")]
        if options.relock:
            journal.locks.clear()
        results = run(plan, stacks, lockers, journal, shop)
    print()
    print(table(results), end="")
    if options.into is not None:
        write_into(options.into, {"table": table(results), "causes": causes(results), "counts": counts(results)})
        print(f"wrote {options.into}")
    if options.output is not None:
        text = json.dumps([result.document() for result in results], indent=1) + "\n"
        options.output.write_text(text, encoding="utf-8")
        print(f"wrote {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Judge envsolver's solutions by uv's: ``python -m benchmarks.judge [SET …]``. Exits with 1 where they disagree.

For every set of ``sets.toml``, envsolver has to find a solution exactly when uv does; its pins, given to uv as
constraints beside the same requirements, have to come back as they are, nothing added, nothing dropped; no direct
requirement may be older than in uv's solution unless envsolver's notes or the set explain it; and the number of
refinement rounds stays small. Both use the real index and keep their caches for the whole run.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import Version

from benchmarks.tools import Envsolver, Uv, default_index, read_sets

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from benchmarks.tools import InputSet, Result

MAX_ROUNDS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What came of one set.

    Attributes:
        outcome: ``solved``, ``no solution`` (both tools agree), or what they disagree on.
        packages: number of packages, envsolver's and uv's.
        different: package → envsolver's and uv's version, where they differ (``-``: not there).
        explained: direct requirement older than uv's → why that is right.
        violations: what must not be.
        seconds: of envsolver and of uv, as it happened to be; :mod:`benchmarks.timing` measures.
    """

    name: str
    outcome: str
    packages: tuple[int, int]
    rounds: int | None
    different: dict[str, tuple[str, str]]
    explained: dict[str, str]
    violations: tuple[str, ...]
    seconds: tuple[float, float]


def judge(inputs: InputSet, ours: Result, theirs: Result, fed_back: Result | None) -> Verdict:
    """Compare two results; ``fed_back`` is uv's answer to envsolver's pins, where there are any."""
    violations = []
    explained: dict[str, str] = {}
    if ours.solved != theirs.solved:
        violations.append(f"envsolver {_said(ours)}, uv {_said(theirs)}")
    if not ours.solved and ours.status != 3:
        violations.append(f"envsolver ended with {ours.status} instead of 3 (no solution): {_last_line(ours.output)}")
    if ours.rounds is not None and ours.rounds > MAX_ROUNDS:
        violations.append(f"{ours.rounds} rounds")
    if ours.solved and ours.rounds is None:
        violations.append("envsolver did not say how many rounds it took")
    if fed_back is not None:
        violations += _not_kept(ours.pins, fed_back)
    if ours.solved and theirs.solved:
        explained, unexplained = _older(inputs, ours, theirs)
        violations += unexplained
    names = sorted(ours.pins.keys() | theirs.pins.keys()) if ours.solved and theirs.solved else []
    pairs = {name: (ours.pins.get(name, "-"), theirs.pins.get(name, "-")) for name in names}
    return Verdict(
        name=inputs.name,
        outcome="disagree" if ours.solved != theirs.solved else "solved" if ours.solved else "no solution",
        packages=(len(ours.pins), len(theirs.pins)),
        rounds=ours.rounds,
        different={name: pair for name, pair in pairs.items() if not _same(*pair)},
        explained=explained,
        violations=tuple(violations),
        seconds=(round(ours.seconds, 2), round(theirs.seconds, 2)),
    )


def _said(result: Result) -> str:
    return "found a solution" if result.solved else "found none"


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "it said nothing")


def _same(one: str, other: str) -> bool:
    return one == other or ("-" not in {one, other} and Version(one) == Version(other))


def _not_kept(pins: Mapping[str, str], fed_back: Result) -> list[str]:
    if not fed_back.solved:
        return [f"uv finds no solution with envsolver's pins: {fed_back.output.strip()}"]
    added = sorted(fed_back.pins.keys() - pins.keys())
    dropped = sorted(pins.keys() - fed_back.pins.keys())
    moved = sorted(name for name in pins.keys() & fed_back.pins.keys() if not _same(pins[name], fed_back.pins[name]))
    found = {"adds": added, "drops": dropped, "moves": moved}
    return [f"uv {verb} {', '.join(names)} when given envsolver's pins" for verb, names in found.items() if names]


def _older(inputs: InputSet, ours: Result, theirs: Result) -> tuple[dict[str, str], list[str]]:
    """Return why direct requirements are older than uv's, and those for which nobody says why."""
    explained, unexplained = {}, []
    known = dict(inputs.explained)
    for name in inputs.direct:
        if name not in ours.pins or name not in theirs.pins or Version(ours.pins[name]) >= Version(theirs.pins[name]):
            continue
        reason = known.get(name) or next((note for note in ours.notes if _names(note, name)), None)
        if reason is None:
            unexplained.append(f"{name} {ours.pins[name]} is older than uv's {theirs.pins[name]}, and nothing says why")
        else:
            explained[name] = reason
    return explained, unexplained


def _names(note: str, package: str) -> bool:
    """Say whether a note is about a package: its name stands there as a word of its own."""
    return re.search(rf"(?<![\w.-]){re.escape(package)}(?![\w-])", note) is not None


def run(inputs: InputSet, envsolver: Envsolver, uv: Uv) -> Verdict:
    """Lock a set with both and judge."""
    envsolver.forget_lock()
    uv.forget_lock()
    ours = envsolver.lock(inputs)
    theirs = uv.lock(inputs, hashes=False)
    uv.forget_lock()
    fed_back = uv.lock(inputs, pins=ours.pins, hashes=False) if ours.solved else None
    return judge(inputs, ours, theirs, fed_back)


def row(verdict: Verdict) -> str:
    """Return a verdict as a line of the table."""
    ours, theirs = verdict.packages
    same = "same" if not verdict.different else f"{len(verdict.different)} differ"
    cells = [
        f"{verdict.name:<40}",
        f"{verdict.outcome:<12}",
        f"{ours:>4} {theirs:>4}",
        f"{same if verdict.outcome == 'solved' else '':<10}",
        f"{verdict.rounds if verdict.rounds is not None else '':>6}",
        f"{verdict.seconds[0]:>7.2f} {verdict.seconds[1]:>7.2f}",
        "VIOLATION" if verdict.violations else "explained" if verdict.explained else "",
    ]
    return "  ".join(cells).rstrip()


def details(verdict: Verdict) -> Iterable[str]:
    """Yield what stands below the table's line."""
    for violation in verdict.violations:
        yield f"    ! {violation}"
    for name, reason in verdict.explained.items():
        yield f"    {name}: {reason}"
    if verdict.different:
        pairs = [f"{name} {ours}|{theirs}" for name, (ours, theirs) in verdict.different.items()]
        yield f"    ours|uv's: {', '.join(pairs)}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge the sets asked for (all by default) and return the exit status."""
    parser = argparse.ArgumentParser(prog="benchmarks.judge", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("names", nargs="*", metavar="SET", help="names of sets; all by default")
    parser.add_argument("-o", "--output", type=Path, help="write the verdicts as JSON")
    parser.add_argument("--scratch", type=Path, help="keep caches and files here instead of in a temporary folder")
    parser.add_argument("--list", action="store_true", help="list the sets")
    options = parser.parse_args(arguments)
    sets = read_sets()
    unknown = set(options.names) - {inputs.name for inputs in sets}
    if unknown:
        parser.error(f"there is no set {', '.join(sorted(unknown))}")
    chosen = [inputs for inputs in sets if not options.names or inputs.name in options.names]
    if options.list:
        for inputs in chosen:
            print(f"{inputs.name:<40}  {inputs.python:<5} {', '.join(inputs.requirements)}")
        return 0
    with tempfile.TemporaryDirectory() as temporary:
        scratch = options.scratch or Path(temporary)
        verdicts = _judge_all(chosen, scratch)
    if options.output is not None:
        options.output.write_text(json.dumps([asdict(verdict) for verdict in verdicts], indent=1) + "\n")
    wrong = sum(bool(verdict.violations) for verdict in verdicts)
    agreed = sum(not verdict.different and verdict.outcome == "solved" for verdict in verdicts)
    print(f"{len(verdicts)} sets, {agreed} solutions identical to uv's, {wrong} with violations")
    return 1 if wrong else 0


def _judge_all(sets: Sequence[InputSet], scratch: Path) -> list[Verdict]:
    index = default_index()
    envsolver, uv = Envsolver(scratch, index=index), Uv(scratch, index=index)
    print(f"{'set':<40}  {'outcome':<12}  {'ours  uv':>9}  {'versions':<10}  rounds  {'seconds':>7} {'uv':>7}")
    verdicts = []
    for inputs in sets:
        verdict = run(inputs, envsolver, uv)
        verdicts.append(verdict)
        print(row(verdict))
        for line in details(verdict):
            print(line)
        sys.stdout.flush()
    return verdicts


if __name__ == "__main__":
    sys.exit(main())

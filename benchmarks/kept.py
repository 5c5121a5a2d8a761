"""Are locks that run left alone? ``python -m benchmarks.kept [STACK …]``: old locks, updated with rules and bounds.

Each stack of ``stacks.toml`` is locked by uv as of its day, with what was published by then, and tried
(:mod:`benchmarks.trials`). Each such lock that runs is then given to envsolver as the lock that is to be updated, with
all that was published since: with the rules it has to stay exactly as it is, with rules and implied bounds it has to
stay, or what comes of it has to run. Exit status 1 where that is not so.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.lockers import make_locker
from benchmarks.stacks import chosen, read_plan, tried, workplace, write_into

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.lockers import EnvsolverLocker, Locked, Stack, UvLocker
    from benchmarks.stacks import Journal, Plan
    from benchmarks.trials import Workshop

__all__ = ["Kept", "keep", "main", "moved", "table"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What became of one lock that runs.

    Attributes:
        lock: of the stack's day.
        rules: what it becomes with the rules, by package: "name 1.0 -> 2.0".
        both: with the implied bounds too.
        outcome: of the latter, tried.
    """

    stack: Stack
    lock: Locked
    rules: tuple[str, ...]
    both: tuple[str, ...]
    outcome: str

    @property
    def right(self) -> bool:
        """Whether the rules leave it alone, and the bounds leave something that runs."""
        return not self.rules and self.outcome == "runs"


def moved(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[str, ...]:
    """Return the packages that are another version, are gone, or are new."""
    return tuple(
        f"{name} {before.get(name, 'none')} -> {after.get(name, 'none')}"
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    )


def keep(
    plan: Plan,
    stack: Stack,
    lockers: tuple[UvLocker, EnvsolverLocker, EnvsolverLocker],
    journal: Journal,
    shop: Workshop,
) -> Kept | str:
    """Lock a stack as of its day and see what becomes of it; in words, why nothing does.

    Args:
        plan: checks of all stacks.
        stack: one of them.
        lockers: uv, envsolver with the rules, and with rules and bounds.
        journal: what is known already.
        shop: where locks are tried.

    """
    uv, with_rules, with_both = lockers
    then = replace(stack, inputs=replace(stack.inputs, as_of=stack.day))
    lock = journal.lock_of(stack, "uv", partial(uv.lock, then), stack.day)
    trial = tried(plan, stack, lock, journal, shop)
    if trial is None or trial.outcome != "runs":
        return f"{trial.outcome}: {trial.cause}" if trial else f"{lock.outcome}: {lock.message}".splitlines()[0]
    rules = with_rules.lock(stack, lock.pins)
    both = with_both.lock(stack, lock.pins)
    after = tried(plan, stack, both, journal, shop)
    return Kept(
        stack=stack,
        lock=lock,
        rules=moved(lock.pins, rules.pins),
        both=moved(lock.pins, both.pins),
        outcome=after.outcome if after else both.outcome,
    )


def table(found: Sequence[Kept]) -> str:
    """Return the locks that ran and what became of them, in Markdown."""
    rows = [["stack", "as of", "packages", "with rules", "with both"], ["---", "---", "---:", "---", "---"]]
    for kept in found:
        rules = f"**{'; '.join(kept.rules)}**" if kept.rules else "the same"
        both = "the same" if not kept.both else "; ".join(kept.both)
        ending = kept.outcome if kept.outcome == "runs" else f"**{kept.outcome}**"
        rows.append([kept.stack.name, kept.stack.day, str(len(kept.lock.pins)), rules, f"{both}: {ending}"])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Lock, try, update, print the table, and return the exit status."""
    parser = argparse.ArgumentParser(prog="benchmarks.kept", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("stacks", nargs="*", metavar="STACK", help="only these of stacks.toml")
    parser.add_argument("--into", type=Path, metavar="FILE", help="put the table into this Markdown document")
    parser.add_argument("--work", type=Path, help="keep caches and results in this folder, and go on from them")
    parser.add_argument("--keep-free", type=float, default=15, metavar="GB", help="of the disk (default: %(default)s)")
    options = parser.parse_args(arguments)
    plan = read_plan()
    found = []
    with workplace(options.work, options.keep_free) as (work, journal, shop):
        lockers = tuple(make_locker(name, work, plan.build_constraints) for name in ("uv", "rules", "both"))
        for stack in chosen(plan, options.stacks):
            if stack.impossible:
                continue
            kept = keep(plan, stack, lockers, journal, shop)  # type: ignore[arg-type]  # by their names
            if isinstance(kept, Kept):
                found.append(kept)
            words = kept if isinstance(kept, str) else f"rules: {len(kept.rules)} moved, both: {len(kept.both)} moved"
            print(f"{stack.name:<26} {stack.day}  {words[:120]}")
            sys.stdout.flush()
    print()
    print(table(found), end="")
    if options.into is not None:
        write_into(options.into, {"kept": table(found)})
        print(f"wrote {options.into}")
    return 0 if all(kept.right for kept in found) else 1


if __name__ == "__main__":
    sys.exit(main())

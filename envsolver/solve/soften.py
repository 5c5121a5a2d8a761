"""Dropping soft clauses when nothing resolves with all of them: the fewest.

Each minimal conflict among the soft clauses has to lose one of its members, so the clauses to drop are a smallest set
that hits every such conflict. The conflicts are found one by one, as they are needed (the implicit hitting set method
of Reiter 1987 and of MaxHS, Davies and Bacchus 2011).
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from envsolver.solve.conflict import Question, hard_clauses, quick_explain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envsolver.solve.clauses import Clause
    from envsolver.solve.world import World

__all__ = ["fewest_to_drop"]


async def fewest_to_drop(world: World) -> frozenset[Clause] | None:
    """Return the soft clauses that have to go so that what is known has a solution.

    Those with a rule go last: a rule is known, a bound is a guess. None if there is no solution even without any.
    """
    with world.at_rest():
        return await _fewest(world)


async def _fewest(world: World) -> frozenset[Clause] | None:
    hard, soft = hard_clauses(world), world.clauses(soft=True)
    question = Question(world, [*hard, *soft])
    if not await question.solvable(hard):
        return None
    conflicts: list[list[Clause]] = []
    while True:
        dropped = _smallest_hitting_set(conflicts)
        kept = [clause for clause in soft if clause not in dropped]
        if await question.solvable([*hard, *kept]):
            return dropped
        conflicts.append(await quick_explain(question, hard, kept))


def _smallest_hitting_set(conflicts: Sequence[Sequence[Clause]]) -> frozenset[Clause]:
    members = sorted({clause for conflict in conflicts for clause in conflict}, key=lambda clause: clause.key)
    for number in range(len(conflicts) + 1):
        hitting = [
            frozenset(chosen)
            for chosen in combinations(members, number)
            if all(not set(chosen).isdisjoint(conflict) for conflict in conflicts)
        ]
        if hitting:
            # Of equally small ones that with the fewest rules, then the first in order.
            return min(hitting, key=lambda chosen: (sum(bool(c.rule) for c in chosen), sorted(c.key for c in chosen)))
    raise ValueError(conflicts)

"""A minimal set of clauses that cannot hold together.

rattler's own explanation speaks of ranks. Ours is found by asking: QuickXplain (Junker 2004) finds a set of clauses
that has no solution though each smaller one has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envsolver.solve.clauses import Clause
from envsolver.solve.intervals import each
from envsolver.solve.sat import Sat

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envsolver.model.candidate import Name
    from envsolver.solve.clauses import Condition
    from envsolver.solve.intervals import Intervals
    from envsolver.solve.requirements import Declared
    from envsolver.solve.world import World

__all__ = ["Question", "declared_in", "hard_clauses", "minimal_conflict", "quick_explain"]


async def minimal_conflict(world: World) -> list[Clause]:
    """Return a minimal set of hard clauses without a solution, in the order of :func:`hard_clauses`."""
    clauses = hard_clauses(world)
    core = await quick_explain(Question(world, clauses), [], clauses)
    return sorted(core, key=clauses.index)


async def quick_explain(question: Question, background: list[Clause], clauses: list[Clause]) -> list[Clause]:
    """Return a minimal subset of ``clauses`` that has no solution together with ``background``.

    The two together must have none, the background alone must have one.
    """

    async def search(kept: list[Clause], added: list[Clause], rest: list[Clause]) -> list[Clause]:
        if added and not await question.solvable(kept):
            return []
        if len(rest) == 1:
            return rest
        half = len(rest) // 2
        second = await search(kept + rest[:half], rest[:half], rest[half:])
        first = await search(kept + second, second, rest[:half])
        return first + second

    return await search(background, [], clauses) if clauses else []


def hard_clauses(world: World) -> list[Clause]:
    """Return all clauses that cannot be dropped: the spec's own in its order, then those of packages, sorted."""
    asked = [Clause(kind="requirement", required=one.declared.name, asked=one) for one in world.roots]
    asked += [clause for clause, _ in world.gpu_specs()]
    of_packages = world.clauses(soft=False)
    # A constraint on what nobody requires takes part in nothing.
    required = {clause.required for clause in (*asked, *of_packages)}
    asked += [
        Clause(kind="constraint", required=one.declared.name, asked=one)
        for one in world.constraints
        if one.declared.name in required and one.declared.name in world.tables
    ]
    return asked + of_packages


class Question:
    """Solves subsets of the clauses, over few records: versions that no clause tells apart are one."""

    def __init__(self, world: World, clauses: Sequence[Clause]) -> None:
        self._world = world
        self._conditions: dict[tuple[Name, int], list[Condition]] = {}
        admitted: dict[Name, set[Intervals]] = {}
        for clause in clauses:
            if clause.asked:
                admitted.setdefault(clause.required, set()).add(world.positions(clause.asked.declared))
        included = frozenset(clauses)
        for name, table in world.tables.items():
            for position in table.enabled:
                for extra in ("", *sorted(world.extras.get(name, ()))):
                    for condition in world.conditions(name, position, extra):
                        if condition.clause in included:
                            self._conditions.setdefault((name, position), []).append(condition)
                            admitted.setdefault(condition.required, set()).add(condition.admitted)
        self._representatives = {name: self._represent(name, admitted.get(name, set())) for name in world.tables}

    def _represent(self, name: Name, admitted: set[Intervals]) -> list[int]:
        """Return one position of each class of versions with the same conditions, met by the same requirements."""
        meets: dict[int, list[int]] = {}
        for number, intervals in enumerate(sorted(admitted)):
            for position in each(intervals):
                meets.setdefault(position, []).append(number)
        classes: dict[tuple[object, ...], int] = {}
        for position in self._world.tables[name].descending():
            signature = (tuple(meets.get(position, ())), tuple(self._conditions.get((name, position), ())))
            classes.setdefault(signature, position)
        return list(classes.values())

    async def solvable(self, clauses: Sequence[Clause]) -> bool:
        """Say whether these clauses alone have a solution."""
        world, included = self._world, set(clauses)
        limits: dict[Name, list[Clause]] = {}
        for clause in clauses:
            if clause.kind == "constraint":
                limits.setdefault(clause.required, []).append(clause)
        sat = Sat()
        for name, representatives in self._representatives.items():
            positions = representatives
            for clause in limits.get(name, ()):
                admitted = {p for declared in declared_in(world, clause) for p in each(world.positions(declared))}
                positions = [p for p in positions if p in admitted]
            for records in world.records(name, positions, included.__contains__):
                sat.put(records)
        for records in world.other_records():
            sat.put(records)
        specs = [
            spec
            for clause in clauses
            if clause.kind == "requirement" and clause.asked
            for spec in world.specs(clause.asked.declared)
        ]
        specs += [spec for clause, spec in world.gpu_specs() if clause in included]
        return await sat.solve(specs) is not None


def declared_in(world: World, clause: Clause) -> list[Declared]:
    """Return the requirements that a clause stands for."""
    if clause.asked:
        return [clause.asked.declared]
    if clause.kind != "package":
        return []
    return [
        declared
        for name, position in sorted(world.known)
        if name == clause.requirer and position in world.tables[name].enabled
        for declared in world.requirements(name, position, clause.extra)
        if declared.name == clause.required
    ]

"""A minimal set of requirements that cannot hold together.

rattler's own explanation speaks of ranks. Ours is found by asking: a *clause* is one requirement of the spec, one
constraint, or all that the versions of one project require of another. QuickXplain (Junker 2004) finds a set of clauses
that has no solution though each smaller one has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from envsolver.solve.intervals import each
from envsolver.solve.refine import extra_package
from envsolver.solve.sat import Records, Sat

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envsolver.model.candidate import Name
    from envsolver.solve.intervals import Intervals
    from envsolver.solve.refine import Asked, Refinement
    from envsolver.solve.requirements import Declared

__all__ = ["Clause", "declared_in", "edge_requirements", "minimal_conflict"]


@dataclass(frozen=True, slots=True)
class Clause:
    """One reason: a line of the spec (``asked``), or what ``requirer`` (with ``extra``) requires of ``required``."""

    required: Name
    asked: Asked | None = None
    constraint: bool = False
    requirer: Name | None = None
    extra: str = ""


async def minimal_conflict(refinement: Refinement) -> list[Clause]:
    """Return a minimal set of clauses without a solution: roots first, then constraints, then what packages require."""
    clauses = _clauses(refinement)
    question = _Question(refinement, clauses)
    core = await _quick_explain(question, [], [], clauses)
    return sorted(core, key=clauses.index)


async def _quick_explain(
    question: _Question, background: list[Clause], added: list[Clause], clauses: list[Clause]
) -> list[Clause]:
    if added and not await question.solvable(background):
        return []
    if len(clauses) == 1:
        return clauses
    half = len(clauses) // 2
    first, second = clauses[:half], clauses[half:]
    core_second = await _quick_explain(question, background + first, first, second)
    core_first = await _quick_explain(question, background + core_second, core_second, first)
    return core_first + core_second


def _clauses(refinement: Refinement) -> list[Clause]:
    clauses = [Clause(asked.declared.name, asked=asked) for asked in refinement.roots]
    clauses += [
        Clause(asked.declared.name, asked=asked, constraint=True)
        for asked in refinement.constraints
        if asked.declared.name in refinement.tables
    ]
    edges = {
        Clause(declared.name, requirer=name, extra=extra)
        for name, position in refinement.known
        if position in refinement.tables[name].enabled
        for extra in ("", *refinement.extras.get(name, ()))
        for declared in refinement.requirements(name, position, extra)
    }
    return clauses + sorted(edges, key=lambda clause: (clause.requirer or "", clause.extra, clause.required))


class _Question:
    """Solves subsets of the clauses over representatives: versions that no clause tells apart are one record."""

    def __init__(self, refinement: Refinement, clauses: Sequence[Clause]) -> None:
        self._refinement = refinement
        self._edges: dict[tuple[Name, str], list[Clause]] = {}
        for clause in clauses:
            if clause.requirer is not None:
                self._edges.setdefault((clause.requirer, clause.extra), []).append(clause)
        self._mentions = self._find_mentions(clauses)
        self._representatives = {name: self._represent(name) for name in refinement.tables}

    def _find_mentions(self, clauses: Sequence[Clause]) -> dict[Name, set[Intervals]]:
        mentions: dict[Name, set[Intervals]] = {}
        for clause in clauses:
            if (table := self._refinement.tables.get(clause.required)) is not None:
                for declared in declared_in(self._refinement, clause):
                    mentions.setdefault(clause.required, set()).add(table.positions(declared.specifier))
        return mentions

    def _represent(self, name: Name) -> list[int]:
        table = self._refinement.tables[name]
        mentions = sorted(self._mentions.get(name, ()))
        seen: dict[tuple[object, ...], int] = {}
        extras = ("", *sorted(self._refinement.extras.get(name, ())))
        membership = [set(each(intervals)) for intervals in mentions]
        for position in table.descending():
            signature = (
                tuple(position in members for members in membership),
                tuple(self._depends(name, position, extra, None) for extra in extras),
            )
            seen.setdefault(signature, position)
        return list(seen.values())

    def _depends(self, name: Name, position: int, extra: str, included: set[Clause] | None) -> tuple[str, ...]:
        if (name, position) not in self._refinement.known:
            return ()
        wanted = {
            clause.required for clause in self._edges.get((name, extra), ()) if included is None or clause in included
        }
        return tuple(
            spec
            for declared in self._refinement.requirements(name, position, extra)
            if declared.name in wanted
            for spec in self._refinement.specs(declared)
        )

    async def solvable(self, clauses: Sequence[Clause]) -> bool:
        included = set(clauses)
        refinement = self._refinement
        sat = Sat()
        for name, representatives in self._representatives.items():
            table = refinement.tables[name]
            limits = [
                set(each(table.positions(clause.asked.declared.specifier)))
                for clause in clauses
                if clause.constraint and clause.asked and clause.required == name
            ]
            positions = [p for p in representatives if all(p in limit for limit in limits)]
            sat.put(Records(name, {table.rank_of[p]: self._depends(name, p, "", included) for p in positions}))
            for extra in refinement.extras.get(name, ()):
                depends = {
                    table.rank_of[p]: (f"{name} =={table.rank_of[p]}", *self._depends(name, p, extra, included))
                    for p in positions
                }
                sat.put(Records(extra_package(name, extra), depends))
        specs = [
            spec
            for clause in clauses
            if clause.asked and not clause.constraint
            for spec in refinement.specs(clause.asked.declared)
        ]
        return await sat.solve(specs) is not None


def declared_in(refinement: Refinement, clause: Clause) -> list[Declared]:
    """Return the requirements that a clause stands for."""
    if clause.asked:
        return [clause.asked.declared]
    return [declared for _, declared in edge_requirements(refinement, clause)]


def edge_requirements(refinement: Refinement, clause: Clause) -> list[tuple[int, Declared]]:
    """Return position of the requirer → what it requires, ascending by position."""
    requirer = clause.requirer
    return sorted(
        (
            (position, declared)
            for name, position in refinement.known
            if name == requirer and position in refinement.tables[name].enabled
            for declared in refinement.requirements(name, position, clause.extra)
            if declared.name == clause.required
        ),
        key=lambda pair: (pair[0], str(pair[1].specifier)),
    )

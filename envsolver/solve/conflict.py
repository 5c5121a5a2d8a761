"""A minimal set of clauses that cannot hold together.

rattler's own explanation speaks of ranks. Ours is found by asking: QuickXplain (Junker 2004) finds a set of clauses
that has no solution though each smaller one has. "Has a solution" is meant to the end: what a solution contains and is
not known yet is read, as far as the clauses in question speak of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

from envsolver.model.errors import EnvsolverError
from envsolver.solve.clauses import Clause
from envsolver.solve.intervals import contains, each
from envsolver.solve.sat import Sat

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from envsolver.model.candidate import Name
    from envsolver.solve.clauses import Condition
    from envsolver.solve.intervals import Intervals
    from envsolver.solve.refine import Refinement
    from envsolver.solve.requirements import Declared
    from envsolver.solve.world import World

__all__ = ["Question", "declared_in", "hard_clauses", "minimal_conflict", "quick_explain"]


MOST_READ = 300
"""So many versions are read at most for the sake of an explanation; the rest is then taken to have solutions.

So is, from the start, what only a source archive could tell: an old one has to be built for it."""


async def minimal_conflict(refinement: Refinement) -> list[Clause]:
    """Return a minimal set of hard clauses without a solution, in the order of :func:`hard_clauses`."""
    clauses = hard_clauses(refinement.world)
    core = await quick_explain(Question(refinement.world, clauses, refinement), [], clauses)
    return sorted(core, key=clauses.index)


_C = TypeVar("_C")
_C_contra = TypeVar("_C_contra", contravariant=True)


class Solvable(Protocol[_C_contra]):
    """A question about reasons of some kind."""

    async def solvable(self, clauses: Sequence[_C_contra]) -> bool:
        """Say whether these alone have a solution."""
        ...


async def quick_explain(question: Solvable[_C], background: list[_C], clauses: list[_C]) -> list[_C]:
    """Return a minimal subset of ``clauses`` that has no solution together with ``background``.

    The two together must have none, the background alone must have one.
    """

    async def search(kept: list[_C], added: list[_C], rest: list[_C]) -> list[_C]:
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
    asked += world.gpu.clauses() if world.gpu else []
    of_packages = world.clauses(soft=False)
    # A constraint on what nobody requires takes part in nothing.
    required = {clause.required for clause in (*asked, *of_packages)}
    asked += [
        Clause(kind="constraint", required=one.declared.name, asked=one)
        for one in world.constraints
        if one.declared.name in required and one.declared.name in world.tables
    ]
    asked += [clause for clause, _ in world.conda_clauses()]
    return asked + of_packages


class _Demand(NamedTuple):
    """What is asked of a project, by a version of another or (None) by the spec."""

    requirer: Name | None
    admitted: Intervals


class Question:
    """Solves subsets of the clauses, over few records: versions that no clause tells apart are one."""

    def __init__(self, world: World, clauses: Sequence[Clause], refinement: Refinement | None = None) -> None:
        """Prepare it.

        Args:
            world: what is known.
            clauses: all that will be asked about.
            refinement: reads what is not known; without, only what is known counts.
        """
        self._world = world
        self._clauses = tuple(clauses)
        self._refinement = refinement
        self._read = 0
        self._prepare()

    def _prepare(self) -> None:
        world = self._world
        self._conditions: dict[tuple[Name, int], list[Condition]] = {}
        demands: dict[Name, list[_Demand]] = {name: [] for name in world.tables}
        included = frozenset(self._clauses)
        for clause in self._clauses:
            if clause.asked and clause.required in demands:
                demands[clause.required].append(_Demand(None, world.positions(clause.asked.declared)))
        for name, table in world.tables.items():
            for position in table.enabled:
                for extra in ("", *sorted(world.extras.get(name, ()))):
                    for condition in world.conditions(name, position, extra):
                        if condition.clause in included:
                            self._conditions.setdefault((name, position), []).append(condition)
                            if condition.required in demands:
                                demands[condition.required].append(_Demand(name, condition.admitted))
        every = {name: self._represent(name, {one.admitted for one in demands[name]}) for name in world.tables}
        self._indifferent = self._find_indifferent(every, demands)
        self._representatives = {name: found for name, found in every.items() if name not in self._indifferent}
        of_project: dict[Name, set[Clause]] = {name: set() for name in world.tables}
        for (name, _), conditions in self._conditions.items():
            of_project[name].update(condition.clause for condition in conditions)
        self._of_project = {name: frozenset(clauses) for name, clauses in of_project.items()}
        self._sat = Sat(world.conda)
        self._put: dict[Name, tuple[frozenset[Clause], tuple[Clause, ...]]] = {}

    def _find_indifferent(
        self, representatives: Mapping[Name, Sequence[int]], demands: Mapping[Name, Sequence[_Demand]]
    ) -> set[Name]:
        """Return the projects that no answer depends on.

        One version of such a project suits everybody, whichever clauses are asked about, and asks for nothing itself
        but for other such projects: put into any solution in place of another, it leaves it a solution.
        """
        world = self._world
        found: set[Name] = set()
        if world.conda is not None:
            return found
        companies = {c.beside[0] for conditions in self._conditions.values() for c in conditions if c.beside}

        def suits(name: Name, position: int) -> bool:
            if self._refinement is not None and (name, position) not in world.known:
                return False
            if any(condition.required not in found for condition in self._conditions.get((name, position), ())):
                return False
            return all(one.requirer in found or contains(one.admitted, position) for one in demands[name])

        left = [name for name in representatives if name not in companies]
        while more := {name for name in left if any(suits(name, position) for position in representatives[name])}:
            found |= more
            left = [name for name in left if name not in more]
        return found

    def _represent(self, name: Name, admitted: set[Intervals]) -> list[int]:
        """Return one position of each class of versions with the same conditions, met by the same requirements."""
        meets: dict[int, list[int]] = {}
        for number, intervals in enumerate(sorted(admitted)):
            for position in each(intervals):
                meets.setdefault(position, []).append(number)
        classes: dict[tuple[object, ...], int] = {}
        for position in self._world.tables[name].descending():
            signature = (
                tuple(meets.get(position, ())),
                tuple(self._conditions.get((name, position), ())),
                self._world.shim(name, position),
            )
            classes.setdefault(signature, position)
        return list(classes.values())

    async def solvable(self, clauses: Sequence[Clause]) -> bool:
        """Say whether these clauses alone have a solution."""
        times: dict[Name, int] = {}
        while (answer := await self._solve(clauses)) is not None:
            picks = self._unknown(answer, {clause.requirer for clause in clauses})
            if not picks or self._refinement is None or self._read >= MOST_READ or self._has_to_be_built(picks):
                return True
            batch = [pick for name, position in picks for pick in self._batch(name, position, times)]
            self._read += len(batch)
            try:
                await self._refinement.learn(batch)
            except EnvsolverError:
                # What an index does not tell now cannot make the explanation fail.
                return True
            self._prepare()
        return False

    def _has_to_be_built(self, picks: Sequence[tuple[Name, int]]) -> bool:
        """Say whether what is not known of an answer may take minutes to find out: it is in source archives."""
        return any(self._world.tables[name].file(position).kind == "sdist" for name, position in picks)

    def _unknown(self, answer: Mapping[str, int], requirers: AbstractSet[Name | None]) -> list[tuple[Name, int]]:
        """Return the versions in an answer of which more could be known that matters to the question."""
        tables = self._world.tables
        chosen = [(name, tables[name].position_of[answer[name]]) for name in tables if name in answer]
        return [pick for pick in chosen if pick[0] in requirers and pick not in self._world.known]

    def _batch(self, name: Name, position: int, times: dict[Name, int]) -> list[tuple[Name, int]]:
        """Return the version to read, with more below it the more often its project came up."""
        more = times[name] = 2 * times.get(name, 0) + 1
        table = self._world.tables[name]
        below = [lower for lower in table.descending() if table.rank_of[lower] < table.rank_of[position]]
        unknown = [lower for lower in below if (name, lower) not in self._world.known]
        return [(name, position), *((name, lower) for lower in unknown[: more - 1])]

    async def _solve(self, clauses: Sequence[Clause]) -> dict[str, int] | None:
        world, included = self._world, set(clauses)
        specs = [
            spec
            for clause in clauses
            if clause.kind == "requirement" and clause.asked and clause.required not in self._indifferent
            for spec in world.specs(clause.asked.declared)
        ]
        specs += [spec for clause, spec in world.gpu_specs() if clause in included]
        conda = [spec for clause, spec in world.conda_clauses() if clause in included]
        return await self._records(clauses).solve(specs, conda)

    def _records(self, clauses: Sequence[Clause]) -> Sat:
        """Return the records of these clauses.

        One question differs from the next in a few clauses, and most projects have none of them.
        """
        world, included = self._world, frozenset(clauses)
        limits: dict[Name, list[Clause]] = {}
        for clause in clauses:
            if clause.kind == "constraint":
                limits.setdefault(clause.required, []).append(clause)

        def counts(clause: Clause) -> bool:
            return clause in included and clause.required not in self._indifferent

        for name, representatives in self._representatives.items():
            key = (included & self._of_project[name], tuple(limits.get(name, ())))
            if self._put.get(name) == key:
                continue
            positions = representatives
            for clause in limits.get(name, ()):
                admitted = {p for declared in declared_in(world, clause) for p in each(world.positions(declared))}
                positions = [p for p in positions if p in admitted]
            for records in world.records(name, positions, counts):
                self._sat.put(records)
            self._put[name] = key
        for records in world.other_records(counts):
            self._sat.put(records)
        return self._sat


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

"""Foresight: take in what the solver will probably choose, before it is asked.

A greedy walk from what was just learned: of each project that it brings in, the best version that everything met so far
admits, the spec's own limits first. Where it is right, which is nearly everywhere, the first answer of the solver needs
nothing that is not known; where it is wrong, the solver has been told something true that it does not need. So it
changes the number of rounds of a solve and never its result, and it goes the same way in every run.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from envsolver.model.errors import EnvsolverError
from envsolver.solve.intervals import complement, intersect

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from envsolver.model.candidate import Name
    from envsolver.solve.clauses import Condition
    from envsolver.solve.intervals import Intervals
    from envsolver.solve.refine import Refinement
    from envsolver.solve.world import Known

__all__ = ["Foresight"]

VERSIONS_A_PROJECT = 3
"""So many versions that could be chosen are taken in of one project at most: what is met later may rule them out."""


class Foresight:
    """What was met so far, by project."""

    def __init__(self, refinement: Refinement) -> None:
        self._refinement = refinement
        self._world = refinement.world
        self._admitted: dict[Name, Intervals] = {}
        self._tried: dict[Name, set[int]] = {}
        self._wanted: dict[Name, None] = {}

    async def begin(self, names: Iterable[Name]) -> None:
        """Walk from the projects that the spec requires."""
        self._wanted |= dict.fromkeys(name for name in names if name in self._world.tables)
        await self._walk()

    async def follow(self, learned: Iterable[tuple[Name, int]]) -> None:
        """Walk from versions of which the metadata was just read."""
        for pick in learned:
            self._meet(*pick)
        await self._walk()

    async def _walk(self) -> None:
        while picks := [pick for name in self._wanted for pick in self._next(name)]:
            self._wanted = {}
            for pick in await self._read(picks):
                self._meet(*pick)

    def _next(self, name: Name) -> Sequence[tuple[Name, int]]:
        """Return what to read of a project; nothing if its best version is known."""
        tried = self._tried.setdefault(name, set())
        best = self._world.tables[name].best(self._limit(name))
        if best is None or best in tried or len(tried) == VERSIONS_A_PROJECT:
            return ()
        if (name, best) in self._world.known:
            tried.add(best)
            return ()
        return self._refinement.batch(name, best)

    async def _read(self, picks: Sequence[tuple[Name, int]]) -> Iterable[tuple[Name, int]]:
        answers = await asyncio.gather(*map(self._refinement.read, picks), return_exceptions=True)
        read: dict[tuple[Name, int], Known | str] = {}
        for pick, answer in zip(picks, answers, strict=True):
            if isinstance(answer, EnvsolverError):
                self._tried[pick[0]].add(pick[1])  # It is met again, and raised, if the solver really comes this way.
            elif isinstance(answer, BaseException):
                raise answer
            else:
                read[pick] = answer
        await self._refinement.take_in(read)
        return read

    def _meet(self, name: Name, position: int) -> None:
        """Take in what a version entails, or that the spec's own limits leave no room for it."""
        world = self._world
        self._wanted.setdefault(name)
        if (name, position) not in world.known:
            return  # It cannot be used, and its table says so.
        conditions = [
            condition
            for extra in ("", *sorted(world.extras.get(name, ())))
            for condition in world.conditions(name, position, extra)
            if condition.required in world.tables and not condition.beside
        ]
        if any(one.brings and not intersect(world.limit(one.required), one.admitted) for one in conditions):
            out = complement(((position, position + 1),), len(world.tables[name].releases))
            self._admitted[name] = intersect(self._limit(name), out)
            return
        self._tried.setdefault(name, set()).add(position)
        for condition in conditions:
            self._narrow(condition)

    def _narrow(self, condition: Condition) -> None:
        both = intersect(self._limit(condition.required), condition.admitted)
        if both:
            self._admitted[condition.required] = both
        if condition.brings:
            self._wanted.setdefault(condition.required)

    def _limit(self, name: Name) -> Intervals:
        return self._admitted.get(name, self._world.limit(name))

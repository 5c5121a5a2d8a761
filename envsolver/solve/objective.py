"""The best solution: the same whatever was fetched first, because one total order decides.

First the spec's requirements in the order written, each project as new as those before it allow; then, breadth first
from them, the projects that these require, in the order in which their metadata names them. Any solution will do as a
start. It is made better project by project: is there one in which this project is newer and all before it stay?
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from envsolver.solve.intervals import each, intersect, size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envsolver.model.candidate import Name
    from envsolver.solve.clauses import Condition
    from envsolver.solve.intervals import Intervals
    from envsolver.solve.refine import Refinement, Solution

__all__ = ["best_solution", "root_order"]


def root_order(refinement: Refinement) -> list[Name]:
    """Return the projects that the spec requires, in the order of their first mention.

    Where versions are to be kept, those that have none come first: what is new, or is to move, comes at its newest and
    may move what it must.
    """
    mentioned = dict.fromkeys(asked.declared.name for asked in refinement.world.roots)
    return sorted(mentioned, key=lambda name: name in refinement.world.problem.preferences)


async def best_solution(refinement: Refinement, solution: Solution, order: Sequence[Name]) -> Solution:
    """Return the best solution, given any.

    Args:
        refinement: its state; the search may learn more.
        solution: any solution of it.
        order: the order of the spec's own requirements, all of them.

    """
    search = _Search(refinement, solution)
    for name in order:
        await search.fix(name)
    for asked in refinement.world.roots:
        search.activate(asked.declared.name, asked.declared.extras)
    while search.queue:
        condition = search.queue.popleft()
        if condition.required not in search.fixed:
            await search.fix(condition.required)
        search.activate(condition.required, condition.extras)
    return search.solution


class _Search:
    """The solution so far, and the projects whose versions are settled."""

    def __init__(self, refinement: Refinement, solution: Solution) -> None:
        self._refinement = refinement
        self._world = refinement.world
        self.solution = solution
        self.fixed: dict[Name, int] = {}
        self.queue: deque[Condition] = deque()
        self._pins: list[str] = []
        self._admitted: dict[Name, Intervals] = {}
        self._beside: list[Condition] = []
        self._extras: set[tuple[Name, str]] = set()
        self._forced: set[Name] = set()

    async def fix(self, name: Name) -> None:
        """Settle a project at the newest version that the settled ones allow."""
        table = self._world.tables[name]
        while self._has_better(name):
            rank = table.rank_of[self.solution.chosen[name]]
            newer = await self._refinement.solve([*self._pins, f"{name} >{rank}"])
            if newer is None:
                break
            self.solution = newer
        position = self.fixed[name] = self.solution.chosen[name]
        self._pins.append(f"{name} =={table.rank_of[position]}")
        self._follow(name, "")

    def activate(self, name: Name, extras: Sequence[str]) -> None:
        """Follow the extras that a requirement asks for of a settled project."""
        for extra in extras:
            if (name, extra) not in self._extras:
                self._extras.add((name, extra))
                self._follow(name, extra)

    def _follow(self, name: Name, extra: str) -> None:
        """Take in what a settled project (with an extra) entails."""
        self.queue += self._narrow(name, self.fixed[name], extra)

    def _narrow(self, name: Name, position: int, extra: str) -> list[Condition]:
        """Take in what a version that has to be there (with an extra) admits of others; return what it brings in."""
        brought = []
        for condition in self._world.effective(name, position, extra):
            required = condition.required
            if required not in self._world.tables:
                continue  # That is the GPU: the solver sees to it.
            if condition.beside:
                self._beside.append(condition)
                continue
            self._admitted[required] = intersect(self._limit(required), condition.admitted)
            if condition.brings:
                brought.append(condition)
                self._narrow_by_forced(required)
        return brought

    def _narrow_by_forced(self, name: Name) -> None:
        """Take in what a project entails of which only one version is left, before its turn to be settled comes."""
        limit = self._limit(name)
        if size(limit) == 1 and limit[0][0] == self.solution.chosen.get(name) and name not in self._forced:
            self._forced.add(name)
            self._narrow(name, limit[0][0], "")

    def _limit(self, name: Name) -> Intervals:
        return self._admitted.get(name, self._world.limit(name))

    def _has_better(self, name: Name) -> bool:
        """Say whether the spec and the settled projects, taken alone, admit a better version than the present one."""
        table = self._world.tables[name]
        rank = table.rank_of[self.solution.chosen[name]]
        limit = self._limit(name)
        for condition in self._beside:
            if condition.required == name and condition.beside and self._is_settled_within(*condition.beside):
                limit = intersect(limit, condition.admitted)
        return any(table.rank_of[p] > rank for p in each(limit) if p in table.enabled)

    def _is_settled_within(self, name: Name, positions: Intervals) -> bool:
        return name in self.fixed and self.fixed[name] in set(each(positions))

"""Optimistic refinement: solve over what is known, learn what the solution needs, solve again.

Every version of every needed project is a record. A record has no dependencies until its metadata is known, so each
problem solved here is a relaxation of the real one: if it has no solution, the real one has none; if all that its
solution contains is known, that is a solution of the real one.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement

from envsolver.model.errors import MetadataUnusableError, UnknownPackageError, UnknownPackagesError
from envsolver.model.resolution import SolveStats
from envsolver.model.values import dataclass
from envsolver.solve.conda import open_conda
from envsolver.solve.foresee import Foresight
from envsolver.solve.requirements import declared_by
from envsolver.solve.sat import Sat
from envsolver.solve.speculate import Speculation
from envsolver.solve.table import python_admitted
from envsolver.solve.world import Known, World, extra_package

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rattler import RepoDataRecord

    from envsolver.model.candidate import Name, Page
    from envsolver.model.ports import CandidateSource, Progress
    from envsolver.solve.problem import Problem
    from envsolver.solve.requirements import Declared
    from envsolver.solve.sat import Answer
    from envsolver.solve.table import Table

__all__ = ["Refinement", "Solution"]

LARGEST_BATCH = 64
"""At most so many lower candidates are read at once when one package is chosen again and again."""


@dataclass(frozen=True, slots=True)
class Solution:
    """A solution: the position chosen of each project, and the extras that are active."""

    chosen: dict[Name, int]
    extras: dict[Name, tuple[str, ...]]
    conda: tuple[RepoDataRecord, ...] = ()


class Refinement:
    """One solve: a world that grows, and the records that follow from it."""

    def __init__(self, problem: Problem, source: CandidateSource, progress: Progress) -> None:
        self.world = World(problem)
        self.source = source
        self.progress = progress
        self.sat = Sat(self.world.conda)
        self.rounds = 0
        self._chosen_unknown: dict[Name, int] = {}
        self._reading: dict[tuple[Name, int], asyncio.Future[Known | str]] = {}
        self._foresight = Foresight(self)
        self._speculation = Speculation(self)

    @property
    def stats(self) -> SolveStats:
        """How far the solve has got."""
        return SolveStats(
            rounds=self.rounds, solves=self.sat.solves, records=self.sat.size, metadata_read=len(self.world.known)
        )

    async def open(self) -> None:
        """Read the pages of the spec's own requirements.

        Raises:
            UnknownPackageError: no index has one of them.
            NetworkError: an index did not answer.
        """
        if self.world.conda is not None:
            await open_conda(self.world.conda)
        roots = [asked.declared for asked in self.world.roots]
        for declared in roots:
            self._speculation.follow(declared)
        direct = {declared.name: declared.url for declared in roots if declared.url}
        await asyncio.gather(*(self._direct(name, url) for name, url in direct.items()))
        await self._need(roots)
        await self._foresight.begin(declared.name for declared in roots)
        await self._link()
        names = dict.fromkeys(declared.name for declared in roots)
        if unknown := [self.world.missing[name] for name in names if name in self.world.missing]:
            raise unknown[0] if len(unknown) == 1 else UnknownPackagesError(unknown)

    async def close(self) -> None:
        """Stop what was begun ahead of need."""
        await self._speculation.close()
        for reading in self._reading.values():
            reading.cancel()
        await asyncio.gather(*self._reading.values(), return_exceptions=True)

    # Reading

    async def _link(self) -> None:
        """Let rules hold for what packages of conda provide, as far as their records are loaded."""
        conda = self.world.conda
        while conda is not None and (names := conda.to_link(self.world.concerned)):
            await asyncio.gather(*map(self.table, names))
            for name in names:
                conda.link(name)

    async def table(self, name: Name) -> Table | None:
        """Return the table of a project, reading its page if need be; None if no index has it."""
        world = self.world
        if name not in world.tables and name not in world.missing:
            page: Page | None = None
            unknown: UnknownPackageError | None = None
            try:
                # Where pip has nothing to do, only rules about what conda provides ask for a project.
                if world.conda is None or world.roots:
                    page = await self.source.page(name)
            except UnknownPackageError as error:
                unknown = error
            if world.conda is not None:
                page = await world.conda.provide(name, page)
            if page is not None:
                world.add_table(name, page)
            else:
                world.missing[name] = unknown or UnknownPackageError(name, indexes=())
        return world.tables.get(name)

    async def _direct(self, name: Name, url: str) -> None:
        self.world.add_table(name, await self.source.direct(name, url))

    async def _need(self, requirements: Sequence[Declared]) -> None:
        """Make sure that everything these requirements speak of has a table and records, extras included."""
        world = self.world
        pending = list(requirements)
        while pending:
            # All pages side by side, in one order, so that the first error is the same in every run.
            names = list(dict.fromkeys(declared.name for declared in pending))
            tables = dict(zip(names, await asyncio.gather(*map(self.table, names)), strict=True))
            fresh: list[Declared] = []
            for declared in pending:
                table = tables[declared.name]
                if table is None:
                    continue
                if table.enable_for(declared.specifier):
                    world.stale.add(declared.name)
                for extra in declared.extras:
                    fresh += world.activate(declared.name, extra)
            pending = fresh

    async def learn(self, picks: Sequence[tuple[Name, int]]) -> None:
        """Read the metadata of these versions side by side, and the pages of what they require."""
        answers = await asyncio.gather(*map(self.read, picks))
        await self.take_in(dict(zip(picks, answers, strict=True)))
        await self._foresight.follow(picks)
        await self._link()

    async def take_in(self, answers: Mapping[tuple[Name, int], Known | str]) -> None:
        """Take in what was read of versions, and read the pages of what they require."""
        needed = [declared for pick, answer in answers.items() for declared in self.world.learn(*pick, answer)]
        await self._need(needed)

    async def read(self, pick: tuple[Name, int]) -> Known | str:
        """Return what is known of a version, or why it cannot be used. Each is read once, also if asked for twice."""
        if pick not in self._reading:
            self._reading[pick] = asyncio.ensure_future(self._read(*pick))
        # Speculation may give up; others wait for the same answer.
        return await asyncio.shield(self._reading[pick])

    async def _read(self, name: Name, position: int) -> Known | str:
        target = self.world.target
        try:
            metadata = await self.source.metadata(self.world.tables[name].file(position))
            declared = declared_by(metadata)
        except MetadataUnusableError as error:
            return error.reason
        except InvalidRequirement as error:
            return f"invalid requirement {error}"
        if metadata.requires_python and not python_admitted(metadata.requires_python, target.python):
            return f"its metadata requires Python {metadata.requires_python}"
        return Known(metadata, declared)

    # Solving

    async def first(self) -> Solution | None:
        """Return a solution, dropping as few soft clauses as it takes, or None if there is none without any.

        Pre-releases come into question where there is none of finals: rather without a bound than with a pre-release.
        """
        while (solution := await self.solve()) is None:
            from envsolver.solve.soften import fewest_to_drop

            dropped = await fewest_to_drop(self.world)
            if dropped is None:
                if self.world.enable_pre_releases():
                    continue
                return None
            if dropped == self.world.dropped:
                raise RuntimeError("the records and the clauses disagree")
            self.world.drop(dropped)
        return solution

    async def solve(self, extra: Sequence[str] = ()) -> Solution | None:
        """Return a solution in which everything is known, or None if there is none.

        Args:
            extra: further match specs over ranks.
        """
        while True:
            specs = [spec for asked in self.world.roots for spec in self.world.specs(asked.declared)]
            specs += [spec for _, spec in self.world.gpu_specs()]
            self._refresh()
            conda = [spec for _, spec in self.world.conda_clauses()]
            answer = await self.sat.solve([*specs, *extra], conda)
            if answer is None:
                return None
            solution = self._read_answer(answer)
            unknown = [pick for pick in solution.chosen.items() if pick not in self.world.known]
            if not unknown:
                if woken := self.world.wake(solution.chosen):
                    await self._need(woken)
                    continue
                return solution
            self.rounds += 1
            self.progress.update(
                f"round {self.rounds}, {len(solution.chosen)} packages, metadata of {len(self.world.known)} files read"
            )
            await self.learn([pick for name, position in unknown for pick in self.batch(name, position)])

    def _refresh(self) -> None:
        """Bring the records up to date with what is known."""
        world = self.world
        # What one project requires can tell versions of another apart that were alike before.
        while world.stale:
            names = sorted(world.stale)
            world.stale.clear()
            for name in names:
                for records in world.records(
                    name, world.representatives(name), lambda clause: clause not in world.dropped
                ):
                    self.sat.put(records)
        for records in world.other_records(lambda clause: clause not in world.dropped):
            self.sat.put(records)

    def batch(self, name: Name, position: int) -> list[tuple[Name, int]]:
        """Return the version to read, with more below it the more often this project came up unknown."""
        times = self._chosen_unknown[name] = self._chosen_unknown.get(name, 0) + 1
        more = min(2 ** (times - 1) - 1, LARGEST_BATCH)
        rank_of = self.world.tables[name].rank_of
        below = [
            lower
            for lower in self.world.choices(name)
            if rank_of[lower] < rank_of[position] and (name, lower) not in self.world.known
        ]
        below.sort(key=rank_of.__getitem__, reverse=True)
        return [(name, position), *((name, lower) for lower in below[:more])]

    def _read_answer(self, answer: Answer) -> Solution:
        chosen: dict[Name, int] = {}
        for name, table in self.world.tables.items():
            if (rank := answer.get(name)) is not None:
                chosen[name] = table.position_of[rank]
        extras = {
            name: active
            for name in chosen
            if (active := tuple(e for e in sorted(self.world.extras.get(name, ())) if extra_package(name, e) in answer))
        }
        return Solution(dict(sorted(chosen.items())), extras, answer.conda)

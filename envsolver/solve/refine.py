"""Optimistic refinement: solve over what is known, learn what the solution needs, solve again.

Every version of every needed project is a record. A record has no dependencies until its metadata is known, so each
problem solved here is a relaxation of the real one: if it has no solution, the real one has none; if all that its
solution contains is known, that is a solution of the real one.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement

from envsolver.model.errors import MetadataUnusableError, UnknownPackageError
from envsolver.model.resolution import SolveStats
from envsolver.solve.intervals import each
from envsolver.solve.requirements import Declared, applying, declared_by, parse
from envsolver.solve.sat import Records, Sat
from envsolver.solve.speculate import Speculation
from envsolver.solve.table import Table, python_admitted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from envsolver.model.candidate import Metadata, Name, Page
    from envsolver.model.ports import CandidateSource, Progress
    from envsolver.model.spec import SpecRequirement
    from envsolver.solve.intervals import Intervals
    from envsolver.solve.problem import Problem

__all__ = ["Asked", "Known", "Refinement", "Solution", "extra_package"]

LARGEST_BATCH = 32
"""At most so many lower candidates are read at once when one package is chosen again and again."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A requirement of the spec that applies on the target."""

    declared: Declared
    written: SpecRequirement


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one version: its metadata and the requirements in it, parsed."""

    metadata: Metadata
    declared: tuple[Declared, ...]


@dataclass(frozen=True, slots=True)
class Solution:
    """A solution: the position chosen of each project, and the extras that are active."""

    chosen: dict[Name, int]
    extras: dict[Name, tuple[str, ...]]


def extra_package(name: str, extra: str) -> str:
    """Return the record name that stands for ``name[extra]``.

    No project name has an underscore in canonical form (PEP 503), so that it can be confused with none.
    """
    return f"{name}_x_{extra}"


class Refinement:
    """The state of one solve: tables, what is known, and the records that follow."""

    def __init__(self, problem: Problem, source: CandidateSource, progress: Progress) -> None:
        """Parse the problem. Nothing is fetched yet.

        Raises:
            packaging.requirements.InvalidRequirement: a requirement of the spec is none (the spec's loader checks).

        """
        self.problem = problem
        self.target = problem.target
        self.source = source
        self.progress = progress
        self.roots = self._asked(problem.requirements)
        self.constraints = self._asked(problem.constraints)
        self.overrides: dict[Name, list[Asked]] = {}
        for asked in (Asked(parse(written.text), written) for written in problem.overrides):
            self.overrides.setdefault(asked.declared.name, []).append(asked)
        self.tables: dict[Name, Table] = {}
        self.missing: dict[Name, UnknownPackageError] = {}
        self.known: dict[tuple[Name, int], Known] = {}
        self.unusable: dict[tuple[Name, int], str] = {}
        self.extras: dict[Name, set[str]] = {}
        self.sat = Sat()
        self.rounds = 0
        self._limits: dict[Name, Intervals] = {}
        self._chosen_unknown: dict[Name, int] = {}
        self._stale: set[Name] = set()
        self._reading: dict[tuple[Name, int], asyncio.Future[Known | str]] = {}
        self._requirements: dict[tuple[Name, int, str], list[Declared]] = {}
        self._speculation = Speculation(self)

    def _asked(self, requirements: Iterable[SpecRequirement]) -> list[Asked]:
        asked = [Asked(parse(written.text), written) for written in requirements]
        return [one for one in asked if one.declared.applies(self.target)]

    @property
    def stats(self) -> SolveStats:
        """How far the solve has got."""
        return SolveStats(
            rounds=self.rounds, solves=self.sat.solves, records=self.sat.size, metadata_read=len(self.known)
        )

    async def open(self) -> None:
        """Read the pages of the spec's own requirements.

        Raises:
            UnknownPackageError: no index has one of them.
            NetworkError: an index did not answer.

        """
        for asked in self.roots:
            self._speculation.follow(asked.declared)
        direct = {asked.declared.name: asked.declared.url for asked in self.roots if asked.declared.url}
        await asyncio.gather(*(self._direct(name, url) for name, url in direct.items()))
        await self._need([asked.declared for asked in self.roots])
        for asked in self.roots:
            if error := self.missing.get(asked.declared.name):
                raise error

    async def close(self) -> None:
        """Stop what was begun ahead of need."""
        await self._speculation.close()
        for reading in self._reading.values():
            reading.cancel()
        await asyncio.gather(*self._reading.values(), return_exceptions=True)

    def limit(self, name: Name) -> Intervals:
        """Return the positions of a project that the spec's own requirements and constraints admit."""
        return self._limits[name]

    # Reading

    async def table(self, name: Name) -> Table | None:
        """Return the table of a project, reading its page if need be; None if no index has it."""
        if name not in self.tables and name not in self.missing:
            try:
                page = await self.source.page(name)
            except UnknownPackageError as error:
                self.missing[name] = error
            else:
                self._add_table(name, page)
        return self.tables.get(name)

    async def _direct(self, name: Name, url: str) -> None:
        self._add_table(name, await self.source.direct(name, url))

    def _add_table(self, name: Name, page: Page) -> None:
        if name in self.tables:
            return
        own = [asked.declared.specifier for asked in (*self.roots, *self.constraints) if asked.declared.name == name]
        specifiers = own + [asked.declared.specifier for asked in self.overrides.get(name, ())]
        table = Table(
            page,
            self.target,
            as_of=self.problem.as_of,
            prefer=self.problem.preferences.get(name),
            pre_releases=any(specifier.prereleases for specifier in specifiers),
        )
        for specifier in specifiers:
            table.enable_for(specifier)
        self.tables[name] = table
        self._limits[name] = table.narrowed(own)
        self._stale.add(name)

    async def _need(self, requirements: Sequence[Declared]) -> None:
        """Make sure that everything these requirements speak of has a table and records, extras included."""
        pending = list(requirements)
        while pending:
            # All pages side by side, in one order, so that the first error is the same in every run.
            names = list(dict.fromkeys(declared.name for declared in pending))
            self.progress.update(f"{len(self.tables) + len(names)} projects")
            tables = dict(zip(names, await asyncio.gather(*map(self.table, names)), strict=True))
            fresh: list[Declared] = []
            for declared in pending:
                table = tables[declared.name]
                if table is None:
                    continue
                if table.enable_for(declared.specifier):
                    self._stale.add(declared.name)
                for extra in declared.extras:
                    fresh += self._activate(declared.name, extra)
            pending = fresh

    def _activate(self, name: Name, extra: str) -> list[Declared]:
        """Give ``name[extra]`` records; return what its known versions require for it."""
        active = self.extras.setdefault(name, set())
        if extra in active:
            return []
        active.add(extra)
        self._stale.add(name)
        return [
            declared
            for (known_name, position), known in list(self.known.items())
            if known_name == name and position in self.tables[name].enabled
            for declared in self.requirements(name, position, extra)
        ]

    async def learn(self, picks: Sequence[tuple[Name, int]]) -> None:
        """Read the metadata of these versions side by side, and the pages of what they require."""
        answers = await asyncio.gather(*(self.read(name, position) for name, position in picks))
        needed: list[Declared] = []
        for (name, position), answer in zip(picks, answers, strict=True):
            self._stale.add(name)
            if isinstance(answer, str):
                self.unusable[name, position] = answer
                self.tables[name].rule_out(position)
                continue
            self.known[name, position] = answer
            for extra in ("", *sorted(self.extras.get(name, ()))):
                needed += self.requirements(name, position, extra)
        await self._need(needed)

    async def read(self, name: Name, position: int) -> Known | str:
        """Return what is known of a version, or why it cannot be used. Each is read once, also if asked for twice."""
        key = (name, position)
        if key not in self._reading:
            self._reading[key] = asyncio.ensure_future(self._read(name, position))
        # Speculation may give up; others wait for the same answer.
        return await asyncio.shield(self._reading[key])

    async def _read(self, name: Name, position: int) -> Known | str:
        try:
            metadata = await self.source.metadata(self.tables[name].file(position))
            declared = declared_by(metadata)
        except MetadataUnusableError as error:
            return error.reason
        except InvalidRequirement as error:
            return f"invalid requirement {error}"
        if metadata.requires_python and not python_admitted(metadata.requires_python, self.target.python):
            return f"its metadata requires Python {metadata.requires_python}"
        return Known(metadata, declared)

    def requirements(self, name: Name, position: int, extra: str = "") -> list[Declared]:
        """Return what a known version requires on the target, overrides applied."""
        key = (name, position, extra)
        if key not in self._requirements:
            self._requirements[key] = [
                applied
                for declared in applying(self.known[name, position].declared, self.target, extra)
                for applied in self.overridden(declared)
            ]
        return self._requirements[key]

    def overridden(self, declared: Declared) -> list[Declared]:
        """Return the requirement, or what the spec puts in its place. The extras that it asks for are kept."""
        if declared.name not in self.overrides:
            return [declared]
        return [
            Declared(
                declared.name,
                tuple(sorted({*declared.extras, *asked.declared.extras})),
                asked.declared.specifier,
                declared.marker,
                asked.declared.url,
                asked.declared.text,
            )
            for asked in self.overrides[declared.name]
            if asked.declared.applies(self.target)
        ]

    # Solving

    async def solve(self, extra: Sequence[str] = ()) -> Solution | None:
        """Return a solution in which everything is known, or None if there is none.

        Args:
            extra: further specs over ranks, as :meth:`spec` gives them.

        """
        while True:
            self._refresh()
            specs = [spec for asked in self.roots for spec in self.specs(asked.declared)]
            answer = await self.sat.solve([*specs, *extra])
            if answer is None:
                return None
            solution = self._read_answer(answer)
            unknown = [
                (name, position) for name, position in solution.chosen.items() if (name, position) not in self.known
            ]
            if not unknown:
                return solution
            self.rounds += 1
            self.progress.update(f"round {self.rounds}, {len(solution.chosen)} packages, {len(self.known)} read")
            await self.learn([pick for name, position in unknown for pick in self._batch(name, position)])

    def _batch(self, name: Name, position: int) -> list[tuple[Name, int]]:
        """Return the version to read, with more below it the more often this project came up unknown."""
        times = self._chosen_unknown[name] = self._chosen_unknown.get(name, 0) + 1
        more = min(2 ** (times - 1) - 1, LARGEST_BATCH)
        table = self.tables[name]
        rank = table.rank_of[position]
        admitted = set(each(self.limit(name)))
        below = [
            lower
            for lower in table.descending()
            if table.rank_of[lower] < rank and lower in admitted and (name, lower) not in self.known
        ]
        return [(name, position), *((name, lower) for lower in below[:more])]

    def _read_answer(self, answer: dict[str, int]) -> Solution:
        chosen: dict[Name, int] = {}
        for name, table in self.tables.items():
            if (rank := answer.get(name)) is not None:
                chosen[name] = table.position_of[rank]
        extras = {
            name: active
            for name in chosen
            if (active := tuple(e for e in sorted(self.extras.get(name, ())) if extra_package(name, e) in answer))
        }
        return Solution(dict(sorted(chosen.items())), extras)

    def spec(self, name: str, specification: str | None) -> str:
        """Return a match spec; no version of the package satisfies it if ``specification`` is None."""
        return f"{name} {specification or '<0'}"

    def specs(self, declared: Declared) -> tuple[str, ...]:
        """Return the match specs over ranks that a requirement stands for."""
        table = self.tables.get(declared.name)
        specification = table.specification(table.positions(declared.specifier)) if table else None
        packages = [extra_package(declared.name, extra) for extra in declared.extras] or [declared.name]
        return tuple(self.spec(package, specification) for package in packages)

    def _refresh(self) -> None:
        """Bring the records up to date with what is known."""
        for name in sorted(self._stale):
            table = self.tables[name]
            admitted = [position for position in each(self.limit(name)) if position in table.enabled]
            self.sat.put(Records(name, {table.rank_of[p]: self._depends(name, p, "") for p in admitted}))
            for extra in self.extras.get(name, ()):
                depends = {
                    table.rank_of[p]: (f"{name} =={table.rank_of[p]}", *self._depends(name, p, extra)) for p in admitted
                }
                self.sat.put(Records(extra_package(name, extra), depends))
        self._stale.clear()

    def _depends(self, name: Name, position: int, extra: str) -> tuple[str, ...]:
        if (name, position) not in self.known:
            return ()
        return tuple(spec for declared in self.requirements(name, position, extra) for spec in self.specs(declared))

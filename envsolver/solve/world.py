"""All that is known at one moment of a solve, and what follows from it: requirements, conditions, records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from envsolver.solve.clauses import Asked, Clause, Condition
from envsolver.solve.intervals import each
from envsolver.solve.requirements import Declared, applying, parse
from envsolver.solve.sat import Needs, Records
from envsolver.solve.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from envsolver.model.candidate import Metadata, Name, Page
    from envsolver.model.errors import UnknownPackageError
    from envsolver.model.spec import SpecRequirement
    from envsolver.solve.intervals import Intervals
    from envsolver.solve.problem import Problem

__all__ = ["Known", "World", "extra_package"]


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one version: its metadata and the requirements in it, parsed."""

    metadata: Metadata
    declared: tuple[Declared, ...]


def extra_package(name: str, extra: str) -> str:
    """Return the record name that stands for ``name[extra]``.

    No project name has an underscore in canonical form (PEP 503), so that it can be confused with none.
    """
    return f"{name}_x_{extra}"


class World:
    """Tables, metadata, and the conditions of each version."""

    def __init__(self, problem: Problem) -> None:
        """Parse the problem.

        Raises:
            packaging.requirements.InvalidRequirement: a requirement of the spec is none (the spec's loader checks).
        """
        self.problem = problem
        self.target = problem.target
        self.roots = self._asked(problem.requirements)
        self.constraints = self._asked(problem.constraints)
        self.overrides: dict[Name, list[Asked]] = {}
        for asked in self._asked(problem.overrides):
            self.overrides.setdefault(asked.declared.name, []).append(asked)
        self.tables: dict[Name, Table] = {}
        self.missing: dict[Name, UnknownPackageError] = {}
        self.known: dict[tuple[Name, int], Known] = {}
        self.unusable: dict[tuple[Name, int], str] = {}
        self.extras: dict[Name, set[str]] = {}
        self.dropped: frozenset[Clause] = frozenset()
        """Soft clauses that had to give way."""
        self.stale: set[Name] = set()
        """Projects whose records no longer say what is known."""
        self._limits: dict[Name, Intervals] = {}
        self._requirements: dict[tuple[Name, int, str], list[Declared]] = {}

    def _asked(self, requirements: Iterable[SpecRequirement]) -> list[Asked]:
        asked = [Asked(parse(written.text), written) for written in requirements]
        return [one for one in asked if one.declared.applies(self.target)]

    def add_table(self, name: Name, page: Page) -> None:
        """Add a project. What the spec itself says of it holds from the start."""
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
        self.stale.add(name)

    def limit(self, name: Name) -> Intervals:
        """Return the positions of a project that the spec's own requirements and constraints admit."""
        return self._limits[name]

    def choices(self, name: Name) -> list[int]:
        """Return the positions of a project that can still be chosen, ascending."""
        enabled = self.tables[name].enabled
        return [position for position in each(self.limit(name)) if position in enabled]

    # What versions require

    def learn(self, name: Name, position: int, known: Known | str) -> list[Declared]:
        """Take in what was read of a version, or why it is unusable; return what it requires."""
        self.stale.add(name)
        if isinstance(known, str):
            self.unusable[name, position] = known
            self.tables[name].rule_out(position)
            return []
        self.known[name, position] = known
        extras = ("", *sorted(self.extras.get(name, ())))
        return [declared for extra in extras for declared in self.requirements(name, position, extra)]

    def activate(self, name: Name, extra: str) -> list[Declared]:
        """Give ``name[extra]`` records; return what its known versions require for it."""
        active = self.extras.setdefault(name, set())
        if extra in active:
            return []
        active.add(extra)
        self.stale.add(name)
        return [
            declared
            for known_name, position in self.known
            if known_name == name and position in self.tables[name].enabled
            for declared in self.requirements(name, position, extra)
        ]

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
        ]

    # What follows from that for the solver

    def conditions(self, name: Name, position: int, extra: str = "") -> list[Condition]:
        """Return what choosing a version (with an extra) entails, each with its reason."""
        if (name, position) not in self.known:
            return []
        return [
            Condition(
                Clause(kind="package", required=declared.name, requirer=name, extra=extra),
                depends=self.specs(declared),
            )
            for declared in self.requirements(name, position, extra)
        ]

    def specs(self, declared: Declared) -> tuple[str, ...]:
        """Return the match specs over ranks that a requirement stands for."""
        table = self.tables.get(declared.name)
        specification = table.specification(table.positions(declared.specifier)) if table else None
        packages = [extra_package(declared.name, extra) for extra in declared.extras] or [declared.name]
        # No version of a package has a rank below 1.
        return tuple(f"{package} {specification or '<0'}" for package in packages)

    def records(self, name: Name, positions: Sequence[int], includes: Callable[[Clause], bool]) -> list[Records]:
        """Return the records of a project and of its active extras, with the conditions whose clause is included."""
        rank_of = self.tables[name].rank_of

        def needs(position: int, extra: str) -> Needs:
            included = [c for c in self.conditions(name, position, extra) if includes(c.clause)]
            own = (f"{name} =={rank_of[position]}",) if extra else ()
            return Needs(
                (*own, *(spec for condition in included for spec in condition.depends)),
                tuple(spec for condition in included for spec in condition.constrains),
            )

        packages = {"": str(name)} | {extra: extra_package(name, extra) for extra in sorted(self.extras.get(name, ()))}
        return [
            Records(package, {rank_of[position]: needs(position, extra) for position in positions})
            for extra, package in packages.items()
        ]

"""All that is known at one moment of a solve, and what follows from it: requirements, conditions, records."""

from __future__ import annotations

from bisect import bisect_right
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from envsolver.model.candidate import Metadata, conda_name
from envsolver.model.values import dataclass
from envsolver.solve.clauses import Asked, Clause, Condition
from envsolver.solve.conda import CondaWorld, package_of
from envsolver.solve.gpu import VARIANT, Gpu, is_gpu_package
from envsolver.solve.horizon import Horizons
from envsolver.solve.intervals import complement, each, intersect, size
from envsolver.solve.requirements import applying, parse
from envsolver.solve.ruled import ruled
from envsolver.solve.sat import Needs, Records
from envsolver.solve.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from envsolver.model.candidate import Name, Page
    from envsolver.model.errors import UnknownPackageError
    from envsolver.model.rule import RuleEffect
    from envsolver.model.spec import SpecRequirement
    from envsolver.solve.conda import Shim
    from envsolver.solve.gpu import Demand
    from envsolver.solve.intervals import Intervals
    from envsolver.solve.problem import Problem
    from envsolver.solve.requirements import Declared
    from envsolver.solve.ruled import Ruled

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
        # macOS has neither CUDA nor ROCm: what the spec says of the GPU is meant for the other platforms.
        applies = problem.gpu is not None and not problem.target.platform.startswith("osx-")
        self.gpu = Gpu(problem.gpu, problem.target) if problem.gpu and applies else None
        self.conda = CondaWorld(problem.conda) if problem.conda else None
        self.tables: dict[Name, Table] = {}
        self.missing: dict[Name, UnknownPackageError] = {}
        self.known: dict[tuple[Name, int], Known] = {}
        self.unusable: dict[tuple[Name, int], str] = {}
        self.extras: dict[Name, set[str]] = {}
        self.dropped: frozenset[Clause] = frozenset()
        """Soft clauses that had to give way."""
        self.stale: set[Name] = set()
        """Projects whose records no longer say what is known."""
        self._pre_releases = False
        self._limits: dict[Name, Intervals] = {}
        self._marks: dict[Name, set[int]] = {}
        self._awaited: dict[Name, set[Name]] = {}
        self._awake: set[RuleEffect] = set()
        self._demanded: dict[tuple[Name, int], list[Demand]] = {}
        self.choices_made: dict[tuple[tuple[str, ...], tuple[str, ...]], str] = {}
        self._ruling: dict[Name, Ruled] = {}
        self._requirements: dict[tuple[Name, int, str], list[Declared]] = {}
        self._horizons = Horizons()
        self._kept: dict[tuple[Name, int, str], list[Condition]] | None = None

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
            lowest=name in self.problem.lowest,
            behind=self.conda.behind(name) if self.conda else None,
        )
        for specifier in specifiers:
            table.enable_for(specifier)
        self.tables[name] = table
        limit = self._limits[name] = table.narrowed(own)
        if self._pre_releases or table.best(limit) is None:
            table.enable_pre_releases()
        for position in range(len(page.releases)):
            if self.shim(name, position):
                # What it requires is between the records of conda.
                self.known[name, position] = Known(Metadata(requires_dist=(), source="metadata-file"), ())
        self.stale |= {name, *self._awaited.pop(name, ())}

    def enable_pre_releases(self) -> bool:
        """Let in the pre-releases of all projects; say whether any came."""
        self._pre_releases = True
        came = {name for name, table in self.tables.items() if table.enable_pre_releases()}
        self.stale |= came
        return bool(came)

    def shim(self, name: Name, position: int) -> Shim | None:
        """Return what of conda a version of a project stands for, None if it is a version with files."""
        if self.conda is None:
            return None
        return self.conda.shims.get((name, self.tables[name].releases[position].version))

    def conda_clauses(self) -> list[tuple[Clause, str]]:
        """Return what the spec asks for of conda: clause and match spec, in the order of the objective."""
        if self.conda is None:
            return []
        return [
            (Clause(kind="conda", required=conda_name(package_of(text)), written=written), text)
            for written, text in self.conda.requirements()
        ]

    def concerned(self, name: Name) -> list[Name]:
        """Return the projects of which rules say something beside this one, itself included where they forbid it."""
        rulings = self.problem.rules.rulings(name, self.target)
        return [name if r.effect.kind == "unusable" else parse(r.effect.requirement).name for r in rulings]

    def limit(self, name: Name) -> Intervals:
        """Return the positions of a project that the spec's own requirements and constraints admit."""
        return self._limits[name]

    def choices(self, name: Name) -> list[int]:
        """Return the positions of a project that can still be chosen, ascending."""
        enabled = self.tables[name].enabled
        return [position for position in each(self.limit(name)) if position in enabled]

    def representatives(self, name: Name) -> list[int]:
        """Return the choices that the solver has to see: all that are known, and the best of those that are alike.

        Versions whose metadata is unknown and between which no specifier met so far and no rule makes a difference are
        alike: the best of them can stand for all.
        """
        rank_of = self.tables[name].rank_of
        marks = sorted(self._marks.get(name, ()))
        kinds = self._rules_of(name).kinds
        best: dict[tuple[int, int], int] = {}
        found = []
        for position in self.choices(name):
            if (name, position) in self.known:
                found.append(position)
                continue
            alike = (bisect_right(marks, position), kinds[position])
            if alike not in best or rank_of[position] > rank_of[best[alike]]:
                best[alike] = position
        return [*found, *best.values()]

    def drop(self, clauses: frozenset[Clause]) -> None:
        """Let soft clauses give way; those dropped before that are not among them hold again."""
        changed = self.dropped ^ clauses
        self.dropped = clauses
        self.stale |= {clause.requirer for clause in changed if clause.requirer is not None}

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
        """Return what a known version requires on the target: by its metadata, by rules, overrides applied."""
        key = (name, position, extra)
        if key not in self._requirements:
            declared = applying(self.known[name, position].declared, self.target, extra)
            self._requirements[key] = [
                applied for one in self._ruled(name, position, declared, extra) for applied in self.overridden(one)
            ]
        return self._requirements[key]

    def _ruled(self, name: Name, position: int, declared: list[Declared], extra: str) -> list[Declared]:
        """Return requirements as rules have them: some in place of what is declared, some in addition."""
        found = list(declared)
        for effect in self.effects(name, position):
            if effect.kind not in {"requires", "replaces"}:
                continue
            by_rule = replace(parse(effect.requirement), rule=effect.rule, soft=not effect.hard)
            if effect.kind == "replaces":
                found = [
                    replace(
                        by_rule,
                        extras=one.extras,
                        marker=one.marker,
                        only_extra=one.only_extra,
                        instead_of=str(one.specifier),
                    )
                    if one.name == by_rule.name and _declares(one, effect.declared)
                    else one
                    for one in found
                ]
            elif not extra and by_rule.applies(self.target) and (not effect.beside or effect in self._awake):
                found.append(by_rule)
        return found

    def wake(self, chosen: Mapping[Name, int]) -> list[Declared]:
        """Let requirements by rule hold whose company a solution has; return those that did not hold before."""
        woken = []
        for name, position in chosen.items():
            for effect in self.effects(name, position):
                if effect.kind == "requires" and effect.beside and effect not in self._awake:
                    company = parse(effect.beside)
                    beside = chosen.get(company.name)
                    if beside is not None and beside in set(each(self.positions(company))):
                        self._awake.add(effect)
                        self.stale.add(name)
                        self._requirements = {key: kept for key, kept in self._requirements.items() if key[0] != name}
                        woken.append(parse(effect.requirement))
        return woken

    def effects(self, name: Name, position: int) -> Sequence[RuleEffect]:
        """Return what rules say of a version."""
        return self._rules_of(name).effects[position]

    def _rules_of(self, name: Name) -> Ruled:
        if name not in self._ruling:
            self._ruling[name] = ruled(self.tables[name], self.problem.rules.rulings(name, self.target))
        return self._ruling[name]

    def overridden(self, declared: Declared) -> list[Declared]:
        """Return the requirement, or what the spec puts in its place. The extras that it asks for are kept."""
        return [
            replace(
                asked.declared,
                extras=tuple(sorted({*declared.extras, *asked.declared.extras})),
                marker=declared.marker,
                only_extra=declared.only_extra,
                instead_of=str(declared.specifier),
            )
            for asked in self.overrides.get(declared.name, ())
        ] or [declared]

    # What follows from that for the solver

    def conditions(self, name: Name, position: int, extra: str = "") -> list[Condition]:
        """Return what choosing a version (with an extra) entails, each with its reason."""
        if self._kept is None:
            return self._conditions(name, position, extra)
        key = (name, position, extra)
        if key not in self._kept:
            self._kept[key] = self._conditions(name, position, extra)
        return self._kept[key]

    @contextmanager
    def at_rest(self) -> Iterator[None]:
        """Find out conditions once only, since nothing is learned meanwhile."""
        self._kept = {}
        try:
            yield
        finally:
            self._kept = None

    def _conditions(self, name: Name, position: int, extra: str) -> list[Condition]:
        found = [] if extra else self._constraints_by_rule(name, position)
        if (name, position) not in self.known:
            return found
        for declared in self.requirements(name, position, extra):
            clause = _clause(name, declared, extra)
            found.append(Condition(clause, declared.name, self.positions(declared), declared.extras))
            if (bounded := self.bounded(name, position, declared)) is not None:
                found.append(Condition(_bound(name, declared.name, extra), declared.name, bounded))
        return found if extra else found + self._demands(name, position)

    def _demands(self, name: Name, position: int) -> list[Condition]:
        """Return what the GPU software for which a version's file is built entails."""
        return [
            Condition(
                Clause(kind="build", required=demand.package, requirer=name),
                demand.package,
                ((demand.rank, demand.rank + 1),),
            )
            for demand in self.demands(name, position)
        ]

    def demands(self, name: Name, position: int) -> list[Demand]:
        """Return what a known version's file asks of the GPU."""
        if self.gpu is None or self.shim(name, position):
            return []
        key = (name, position)
        if key not in self._demanded:
            self._demanded[key] = list(self.gpu.demands(self.tables[name].file(position), self.known[key].metadata))
        return self._demanded[key]

    def gpu_specs(self) -> list[tuple[Clause, str]]:
        """Return what the spec itself says of the GPU: clause and match spec."""
        if self.gpu is None or self.gpu.wanted is None:
            return []
        return [(Clause(kind="gpu", required=VARIANT), f"{VARIANT} =={self.gpu.wanted}")]

    def _constraints_by_rule(self, name: Name, position: int) -> list[Condition]:
        found = []
        for effect in self.effects(name, position):
            if effect.kind == "unusable":
                clause = Clause(kind="rule", required=name, requirer=name, rule=effect.rule, soft=not effect.hard)
                found.append(Condition(clause, name, ()))
                continue
            if effect.kind not in {"constrains", "excludes"}:
                continue
            declared = replace(parse(effect.requirement), rule=effect.rule, soft=not effect.hard)
            company = parse(effect.beside) if effect.beside else None
            waiting = {one.name for one in (declared, company) if one and one.name not in self.tables}
            if waiting:
                # Nobody requires that project so far; if somebody does, these records have to be made again.
                self._awaited.setdefault(min(waiting), set()).add(name)
                continue
            admitted = self.positions(declared)
            if effect.kind == "excludes":
                admitted = complement(admitted, len(self.tables[declared.name].releases))
            beside = (company.name, self.positions(company)) if company else None
            clause = _clause(name, declared, "")
            found.append(Condition(clause, declared.name, admitted, brings=False, beside=beside))
        return found

    def clauses(self, *, soft: bool) -> list[Clause]:
        """Return the soft (or the hard) clauses of all versions that can be chosen, sorted."""
        found = {
            condition.clause
            for name, table in self.tables.items()
            for position in table.enabled
            for extra in ("", *self.extras.get(name, ()))
            for condition in self.conditions(name, position, extra)
            if condition.clause.soft == soft
        }
        return sorted(found, key=lambda clause: clause.key)

    def effective_requirements(self, name: Name, position: int, extra: str = "") -> list[Declared]:
        """Return the requirements of a known version without those that were dropped."""
        return [
            declared
            for declared in self.requirements(name, position, extra)
            if _clause(name, declared, extra) not in self.dropped
        ]

    def effective(self, name: Name, position: int, extra: str = "") -> list[Condition]:
        """Return the conditions of a version that were not dropped."""
        return [c for c in self.conditions(name, position, extra) if c.clause not in self.dropped]

    def positions(self, declared: Declared) -> Intervals:
        """Return the positions that a requirement admits; none if no index has the project."""
        table = self.tables.get(declared.name)
        return table.positions(declared.specifier) if table else ()

    def admitted(self, name: Name, position: int, declared: Declared, extra: str = "") -> Intervals:
        """Return the positions that a requirement of a version admits, bounds that were not dropped included."""
        table = self.tables[declared.name]
        bounded = self.bounded(name, position, declared)
        if bounded is None or _bound(name, declared.name, extra) in self.dropped:
            return table.positions(declared.specifier)
        return bounded

    def bounded(self, name: Name, position: int, declared: Declared) -> Intervals | None:
        """Return the positions that a requirement admits within its horizon.

        None if there is no bound, if it would hold nothing back, or if it would leave nothing to choose.
        """
        table = self.tables.get(declared.name)
        horizon = self.problem.bounds.horizon_for(declared.name)
        uploaded = self.tables[name].releases[position].uploaded
        if table is None or horizon is None or uploaded is None:
            return None
        admitted = table.positions(declared.specifier)
        choices = intersect(admitted, self.limit(declared.name))
        if size(choices) < 2:
            return None
        known = self._horizons.known(table, uploaded + horizon)
        if known is None:
            return None
        bounded = intersect(admitted, known)
        kept = intersect(bounded, choices)
        if size(kept) == size(choices) or not any(p in table.enabled for p in each(kept)):
            return None
        return bounded

    def specs(self, declared: Declared) -> tuple[str, ...]:
        """Return the match specs over ranks that a requirement stands for."""
        return self._specs(declared.name, self.positions(declared), declared.extras)

    def _specs(self, name: Name, admitted: Intervals, extras: Sequence[str] = ()) -> tuple[str, ...]:
        specification = None
        if is_gpu_package(name):
            specification = "|".join(f"=={low}" for low, _ in admitted)
        elif name in self.tables:
            specification = self.tables[name].specification(admitted)
            marks = self._marks.setdefault(name, set())
            ends = {end for interval in admitted for end in interval}
            if not ends <= marks:
                marks |= ends
                self.stale.add(name)
        packages = [extra_package(name, extra) for extra in extras] or [name]
        # No version of a package has a rank below 1.
        return tuple(f"{package} {specification or '<0'}" for package in packages)

    def _choice(self, beside: tuple[Name, Intervals], specs: tuple[str, ...]) -> str:
        """Return a match spec on a record that stands for "the third project is not there, or the specs hold".

        It comes in two versions, of which the solver has to choose one.
        """
        company, positions = beside
        absent = self._specs(company, complement(positions, len(self.tables[company].releases)))
        package = self.choices_made.setdefault((absent, specs), f"choice_x_{len(self.choices_made)}")
        return f"{package} *"

    def other_records(self, includes: Callable[[Clause], bool]) -> list[Records]:
        """Return the records that :meth:`records` made use of beside those of projects."""
        return [
            *(self.gpu.records(includes) if self.gpu else ()),
            *self._choice_records(),
        ]

    def _choice_records(self) -> list[Records]:
        return [
            Records(package, {2: Needs(constrains=absent), 1: Needs(constrains=specs)})
            for (absent, specs), package in self.choices_made.items()
        ]

    def records(self, name: Name, positions: Sequence[int], includes: Callable[[Clause], bool]) -> list[Records]:
        """Return the records of a project and of its active extras, with the conditions whose clause is included."""
        rank_of = self.tables[name].rank_of

        def needs(position: int, extra: str) -> Needs:
            depends = [f"{name} =={rank_of[position]}"] if extra else []
            constrains: list[str] = []
            for condition in self.conditions(name, position, extra):
                if includes(condition.clause):
                    specs = self._specs(condition.required, condition.admitted, condition.extras)
                    if condition.beside:
                        depends.append(self._choice(condition.beside, specs))
                    else:
                        (depends if condition.brings else constrains).extend(specs)
            if self.conda is None or extra:
                return Needs(tuple(depends), tuple(constrains))
            shim = self.shim(name, position)
            if shim is not None:
                return Needs(tuple(depends), tuple(constrains), conda=(shim.spec,))
            return Needs(tuple(depends), tuple(constrains), conda_excluded=self.conda.excluded(name))

        packages = {"": str(name)} | {extra: extra_package(name, extra) for extra in sorted(self.extras.get(name, ()))}
        return [
            Records(package, {rank_of[position]: needs(position, extra) for position in positions})
            for extra, package in packages.items()
        ]


def _declares(declared: Declared, specifier: str) -> bool:
    """Say whether a requirement reads as a rule says that it does; a repaired one still does."""
    return not specifier or specifier.replace(" ", "") in declared.text.replace(" ", "")


def _clause(requirer: Name, declared: Declared, extra: str) -> Clause:
    """Return the clause of a requirement that a package declares or a rule gives it."""
    return Clause(
        kind="rule" if declared.rule else "package",
        required=declared.name,
        requirer=requirer,
        extra=extra,
        rule=declared.rule,
        soft=declared.soft,
    )


def _bound(requirer: Name, required: Name, extra: str) -> Clause:
    return Clause(kind="bound", required=required, requirer=requirer, extra=extra, soft=True)

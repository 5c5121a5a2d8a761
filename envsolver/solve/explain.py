"""Why there is no solution: a minimal set of requirements that cannot hold together, in the user's words.

rattler's own explanation speaks of ranks. Ours is found by asking: a *clause* is one requirement of the spec, one
constraint, or all that the versions of one project require of another. QuickXplain (Junker 2004) finds a set of clauses
that has no solution though each smaller one has.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from envsolver.model.errors import NoSolutionError
from envsolver.solve.intervals import each, intersect
from envsolver.solve.refine import extra_package
from envsolver.solve.sat import Records, Sat
from envsolver.solve.table import RuledOut

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envsolver.model.candidate import Name
    from envsolver.solve.intervals import Intervals
    from envsolver.solve.refine import Asked, Refinement
    from envsolver.solve.requirements import Declared
    from envsolver.solve.table import Table

__all__ = ["Clause", "minimal_conflict", "no_solution"]


@dataclass(frozen=True, slots=True)
class Clause:
    """One reason: a line of the spec (``asked``), or what ``requirer`` (with ``extra``) requires of ``required``."""

    required: Name
    asked: Asked | None = None
    constraint: bool = False
    requirer: Name | None = None
    extra: str = ""


async def no_solution(refinement: Refinement) -> NoSolutionError:
    """Return the error that explains why the refinement found no solution."""
    core = await minimal_conflict(refinement)
    if len(core) == 1 and core[0].asked and not core[0].constraint:
        return _nothing_fits(refinement, core[0].asked)
    reasons = [line for clause in core for line in _describe(refinement, clause, core)]
    reasons += [line for name in _names(core) for line in _ruled_out(refinement, name, core)]
    return NoSolutionError(
        "these requirements cannot hold together:",
        reasons=[f"  {reason}" for reason in reasons],
        hint="loosen or remove one of the lines above that stand in the spec",
    )


# The conflict


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
                for declared in _declared(self._refinement, clause):
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


def _declared(refinement: Refinement, clause: Clause) -> list[Declared]:
    if clause.asked:
        return [clause.asked.declared]
    return [declared for _, declared in _edge_requirements(refinement, clause)]


def _edge_requirements(refinement: Refinement, clause: Clause) -> list[tuple[int, Declared]]:
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


# The words


def _describe(refinement: Refinement, clause: Clause, core: Sequence[Clause]) -> list[str]:
    if clause.asked:
        what = " (constraint)" if clause.constraint else ""
        return [f"{clause.asked.written.origin}: {clause.asked.written.text}{what}"]
    requirer = clause.requirer
    if requirer is None:
        return []
    table = refinement.tables[requirer]
    admitted = set(each(_admitted(refinement, requirer, core)))
    groups: dict[str, list[int]] = {}
    for position, declared in _edge_requirements(refinement, clause):
        if position in admitted:
            groups.setdefault(_requirement_text(declared), []).append(position)
    subject = f"{requirer}[{clause.extra}]" if clause.extra else requirer
    lines = [
        f"{subject} {_versions(table, positions)} require{'s' if len(positions) == 1 else ''} {text}"
        f"{_override_note(refinement, clause.required)}"
        for text, positions in groups.items()
    ]
    return _shortened(lines, f"{subject} … require {clause.required} in {{count}} more ways")


def _requirement_text(declared: Declared) -> str:
    extras = f"[{','.join(declared.extras)}]" if declared.extras else ""
    return f"{declared.name}{extras}{declared.specifier}"


def _override_note(refinement: Refinement, name: Name) -> str:
    places = ", ".join(str(asked.written.origin) for asked in refinement.overrides.get(name, ()))
    return f" (override at {places})" if places else ""


def _shortened(lines: list[str], rest: str, most: int = 4) -> list[str]:
    if len(lines) <= most:
        return lines
    return [*lines[: most - 2], rest.format(count=len(lines) - most + 1), lines[-1]]


def _admitted(refinement: Refinement, name: Name, core: Sequence[Clause]) -> Intervals:
    """Return the positions that the spec lines of the conflict admit."""
    table = refinement.tables[name]
    admitted: Intervals = ((0, len(table.releases)),) if table.releases else ()
    for clause in core:
        if clause.asked and clause.required == name:
            admitted = intersect(admitted, table.positions(clause.asked.declared.specifier))
    return admitted


def _versions(table: Table, positions: list[int]) -> str:
    """Return ``1.0``, ``1.0 and 1.1``, or ``1.0 to 1.9`` where every enabled version between is meant."""
    enabled = sorted(table.enabled)
    place = {position: i for i, position in enumerate(enabled)}
    runs: list[list[int]] = [[positions[0]]]
    for before, position in pairwise(positions):
        if place[position] == place[before] + 1:
            runs[-1].append(position)
        else:
            runs.append([position])
    words = [
        table.version(run[0]) if len(run) == 1 else f"{table.version(run[0])} to {table.version(run[-1])}"
        for run in runs
    ]
    if len(words) > 4:
        words = [*words[:2], "…", words[-1]]
    return ", ".join(words)


def _names(core: Sequence[Clause]) -> list[Name]:
    return list(dict.fromkeys(clause.required for clause in core))


def _ruled_out(refinement: Refinement, name: Name, core: Sequence[Clause]) -> list[str]:
    """Say which versions would meet all that the conflict asks of a project, if the target or the spec let them in."""
    table = refinement.tables.get(name)
    if table is None:
        return [f"{refinement.missing[name]}"]
    wanted = set(range(len(table.releases)))
    for clause in core:
        if clause.required == name:
            admitted = [set(each(table.positions(d.specifier))) for d in _declared(refinement, clause)]
            wanted &= set().union(*admitted)
    if not any(d.specifier for clause in core if clause.required == name for d in _declared(refinement, clause)):
        # Any version will do: the project only takes part by what it requires.
        return []
    lines = []
    for reason, versions in _reasons(table, wanted):
        lines.append(f"{name} {_listing(versions)}: ruled out, {_reason_text(refinement, reason)}")
        if reason is RuledOut.METADATA:
            lines += _metadata_reasons(refinement, name, wanted)
    return lines


def _reasons(table: Table, wanted: set[int]) -> list[tuple[RuledOut, list[str]]]:
    return table.reasons(tuple((position, position + 1) for position in sorted(wanted)))


def _metadata_reasons(refinement: Refinement, name: Name, wanted: set[int]) -> list[str]:
    table = refinement.tables[name]
    return [
        f"  {name} {table.version(position)}: {reason}"
        for (unusable, position), reason in sorted(refinement.unusable.items())
        if unusable == name and position in wanted
    ][:3]


def _listing(versions: list[str]) -> str:
    if len(versions) <= 3:
        return ", ".join(versions)
    return f"{versions[0]} to {versions[-1]} ({len(versions)} versions)"


def _reason_text(refinement: Refinement, reason: RuledOut) -> str:
    from datetime import UTC, datetime

    target = refinement.target
    as_of = refinement.problem.as_of
    return reason.value.format(
        python=target.python,
        platform=target.platform,
        minor=target.python_minor,
        glibc=f" with glibc {target.glibc}" if target.glibc else "",
        as_of=datetime.fromtimestamp(as_of, UTC).isoformat() if as_of is not None else "",
    )


def _nothing_fits(refinement: Refinement, asked: Asked) -> NoSolutionError:
    """Explain a requirement that no version can meet, whatever the others are."""
    name = asked.declared.name
    table = refinement.tables[name]
    wanted = set(each(table.positions(asked.declared.specifier)))
    reasons = []
    for reason, versions in _reasons(table, wanted):
        reasons.append(f"{_listing(versions)}: {_reason_text(refinement, reason)}")
        if reason is RuledOut.METADATA:
            reasons += _metadata_reasons(refinement, name, wanted)
    if not wanted:
        existing = [release.version for release in table.releases]
        reasons.append(f"index {table.page.index!r} has {_listing(existing) if existing else 'no version at all'}")
    usable = table.descending()
    hint = (
        f"the newest version that can be used here is {table.version(usable[0])}"
        if usable
        else f"index {table.page.index!r} has no version for this target"
    )
    return NoSolutionError(
        f"{asked.written.origin}: no version of {name} satisfies {asked.written.text!r}",
        reasons=[f"  {reason}" for reason in reasons],
        hint=hint,
    )

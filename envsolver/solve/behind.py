"""Requirements that ended far behind their newest version, with the alternative that was solved.

The objective follows the order of the spec's requirements, so a requirement that stands late may pay for one that
stands early (``numpy`` before ``numba``). And a constraint on one package may hold back others that need a newer one.
That is what was asked for, but seldom what was meant: so it is said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envsolver.model.origin import Origin
from envsolver.model.spec import SpecRequirement
from envsolver.solve.clauses import Asked, Clause
from envsolver.solve.conflict import Question, hard_clauses
from envsolver.solve.objective import best_solution, root_order
from envsolver.solve.requirements import parse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envsolver.model.candidate import Name
    from envsolver.solve.refine import Refinement, Solution

__all__ = ["FAR_BEHIND", "notes_on_old_requirements"]

FAR_BEHIND = 365 * 24 * 3600
"""Seconds between the uploads of the version chosen and of the newest usable one from which a note is given."""

MANY_RELEASES = 10
"""Where the index has no upload times, so many usable releases in between count as far behind."""


async def notes_on_old_requirements(refinement: Refinement, solution: Solution) -> tuple[str, ...]:
    """Return a note for each requirement of the spec that is far behind and need not be."""
    order = root_order(refinement)
    notes = []
    for name in order:
        if refinement.world.shim(name, solution.chosen[name]):
            continue
        if not _far_behind(refinement, name, solution.chosen[name]):
            continue
        rank = refinement.world.tables[name].rank_of[solution.chosen[name]]
        newer = await refinement.solve([f"{name} >{rank}"])
        if newer is None:
            if constraints := await _constraints_on(refinement, name, solution.chosen[name]):
                notes.append(_constraint_note(refinement, name, solution.chosen[name], constraints))
            continue
        alternative = await best_solution(refinement, newer, [name, *(other for other in order if other != name)])
        notes.append(_note(refinement, name, order, solution, alternative))
    return tuple(notes)


async def _constraints_on(refinement: Refinement, name: Name, position: int) -> list[Asked]:
    """Return the constraints of the spec without which, each alone, a newer version of a requirement resolves.

    Where it takes more than one, all of them; none where constraints are not what holds it back.
    """
    world = refinement.world
    clauses = hard_clauses(world)
    constraints = [clause for clause in clauses if clause.kind == "constraint"]
    if not constraints:
        return []
    public = world.tables[name].version(position).partition("+")[0]
    declared = parse(f"{name}>{public}")
    written = SpecRequirement(text=declared.text, origin=Origin(""))
    newer = Clause(kind="requirement", required=name, asked=Asked(declared, written))
    question = Question(world, [*clauses, newer], refinement)

    async def resolves_without(left_out: Sequence[Clause]) -> bool:
        return await question.solvable([newer, *(clause for clause in clauses if clause not in left_out)])

    if not await resolves_without(constraints):
        return []
    alone = [clause for clause in constraints if await resolves_without([clause])]
    return [clause.asked for clause in alone or constraints if clause.asked]


def _constraint_note(refinement: Refinement, name: Name, position: int, constraints: Sequence[Asked]) -> str:
    table = refinement.world.tables[name]
    best = table.best(refinement.world.limit(name))
    newest = table.version(best) if best is not None else "?"
    places = " and ".join(f"{asked.written.origin}: {asked.written.text}" for asked in constraints)
    return f"{name} {table.version(position)} is far behind {newest}; without {places} it could be newer"


def _far_behind(refinement: Refinement, name: Name, position: int) -> bool:
    table = refinement.world.tables[name]
    best = table.best(refinement.world.limit(name))
    if best is None or best == position:
        return False
    chosen, newest = table.releases[position].uploaded, table.releases[best].uploaded
    if chosen is None or newest is None:
        between = [p for p in table.enabled if table.rank_of[position] < table.rank_of[p] < table.rank_of[best]]
        return len(between) >= MANY_RELEASES
    return newest - chosen >= FAR_BEHIND


def _note(refinement: Refinement, name: Name, order: Sequence[Name], solution: Solution, alternative: Solution) -> str:
    table = refinement.world.tables[name]
    best = table.best(refinement.world.limit(name))
    newest = table.version(best) if best is not None else "?"
    moved = [
        f"{other} {refinement.world.tables[other].version(alternative.chosen[other])}"
        f" instead of {refinement.world.tables[other].version(solution.chosen[other])}"
        for other in order
        if alternative.chosen[other] != solution.chosen[other]
    ]
    return (
        f"{name} {table.version(solution.chosen[name])} is far behind {newest}, since requirements before it come"
        f" first; with {name} first: {', '.join(moved)}"
    )

"""Requirements that ended far behind their newest version, with the alternative that was solved.

The objective follows the order of the spec's requirements, so a requirement that stands late may pay for one that
stands early (``numpy`` before ``numba``). That is what was asked for, but seldom what was meant: so it is said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envsolver.solve.objective import best_solution, root_order

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
        if not _far_behind(refinement, name, solution.chosen[name]):
            continue
        rank = refinement.world.tables[name].rank_of[solution.chosen[name]]
        newer = await refinement.solve([f"{name} >{rank}"])
        if newer is None:
            continue
        alternative = await best_solution(refinement, newer, [name, *(other for other in order if other != name)])
        notes.append(_note(refinement, name, order, solution, alternative))
    return tuple(notes)


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

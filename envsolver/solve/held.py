"""What soft clauses did to a solution: which held a package back, and which gave way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envsolver.model.resolution import GivenUp, HeldBack
from envsolver.solve.intervals import each, intersect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envsolver.model.candidate import Name
    from envsolver.solve.refine import Solution
    from envsolver.solve.requirements import Declared
    from envsolver.solve.world import World

__all__ = ["given_up", "held_back"]


def held_back(world: World, solution: Solution) -> tuple[HeldBack, ...]:
    """Return the implied bounds without which a package could be newer, as far as its requirer goes."""
    found = {
        held
        for requirer, position in solution.chosen.items()
        for extra in ("", *solution.extras.get(requirer, ()))
        for declared in world.effective_requirements(requirer, position, extra)
        for held in _held_by(world, solution, requirer, declared, extra)
    }
    return tuple(sorted(found, key=lambda held: (held.name, held.declared, held.requirer)))


def _held_by(world: World, solution: Solution, requirer: Name, declared: Declared, extra: str) -> Iterator[HeldBack]:
    position = solution.chosen[requirer]
    if world.shim(declared.name, solution.chosen[declared.name]):
        return
    release = world.tables[requirer].releases[position]
    table = world.tables[declared.name]
    chosen = solution.chosen[declared.name]
    # By version, not by rank: a version that was preferred because an old lock has it ranks above all that are newer.
    pre_releases = table.versions[chosen].is_prerelease
    within = set(each(world.admitted(requirer, position, declared, extra)))
    beyond = [
        p
        for p in each(intersect(world.positions(declared), world.limit(declared.name)))
        if p > chosen
        and p not in within
        and p in table.enabled
        and (pre_releases or not table.versions[p].is_prerelease)
    ]
    first = table.releases[min(beyond)] if beyond else None
    if first is not None and first.uploaded is not None and release.uploaded is not None:
        yield HeldBack(
            name=declared.name,
            requirer=requirer,
            version=release.version,
            declared=release.uploaded,
            beyond=first.version,
            uploaded=first.uploaded,
        )


def given_up(world: World) -> tuple[GivenUp, ...]:
    """Return the soft clauses that gave way."""
    return tuple(
        GivenUp(name=clause.required, requirer=clause.requirer, rule=clause.rule or None)
        for clause in sorted(world.dropped, key=lambda clause: clause.key)
        if clause.requirer is not None
    )

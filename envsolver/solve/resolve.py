"""The solver's entry: a problem and a source of candidates become a resolution.

Any solution is found first (``refine``), then made the best one (``objective``); where there is none, ``explain`` says
why.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envsolver.model.ports import NullProgress
from envsolver.model.resolution import Edge, Resolution, ResolvedPackage, Root
from envsolver.solve.behind import notes_on_old_requirements
from envsolver.solve.held import given_up, held_back
from envsolver.solve.notes import notes_on_extras
from envsolver.solve.objective import best_solution, root_order
from envsolver.solve.refine import Refinement

if TYPE_CHECKING:
    from envsolver.model.ports import CandidateSource, Progress
    from envsolver.solve.problem import Problem
    from envsolver.solve.refine import Solution
    from envsolver.solve.requirements import Declared

__all__ = ["resolve"]


async def resolve(problem: Problem, source: CandidateSource, progress: Progress | None = None) -> Resolution:
    """Solve a problem.

    Raises:
        NoSolutionError: the requirements cannot hold together; the error says which, and where they stand.
        UnknownPackageError: no index has a project that the spec requires.
        NetworkError: an index did not answer.

    """
    refinement = Refinement(problem, source, progress or NullProgress())
    refinement.progress.stage("solving")
    try:
        await refinement.open()
        first = await refinement.first()
        if first is None:
            from envsolver.solve.explain import no_solution

            raise await no_solution(refinement)
        best = await best_solution(refinement, first, root_order(refinement))
        notes = (*notes_on_extras(refinement.world, best), *await notes_on_old_requirements(refinement, best))
    finally:
        await refinement.close()
    return _resolution(refinement, best, notes)


def _resolution(refinement: Refinement, solution: Solution, notes: tuple[str, ...]) -> Resolution:
    world = refinement.world
    packages = []
    for name, position in solution.chosen.items():
        extras = solution.extras.get(name, ())
        known = world.known[name, position]
        edges = {
            _edge(declared, extra)
            for extra in ("", *extras)
            for declared in world.effective_requirements(name, position, extra)
        }
        packages.append(
            ResolvedPackage(
                name=name,
                version=world.tables[name].version(position),
                file=world.tables[name].file(position),
                extras=extras,
                edges=tuple(
                    sorted(edges, key=lambda e: (e.name, e.extras, e.specifier, e.extra or "", e.marker or ""))
                ),
                metadata_source=known.metadata.source,
            )
        )
    roots = tuple(
        Root(
            name=asked.declared.name,
            extras=asked.declared.extras,
            specifier=str(asked.declared.specifier),
            group=asked.written.group,
            text=asked.written.text,
            origin=asked.written.origin,
        )
        for asked in world.roots
    )
    return Resolution(
        target=world.target,
        roots=roots,
        packages=tuple(packages),
        stats=refinement.stats,
        notes=notes,
        held=held_back(world, solution),
        given_up=given_up(world),
    )


def _edge(declared: Declared, extra: str) -> Edge:
    return Edge(
        name=declared.name,
        extras=declared.extras,
        specifier=str(declared.specifier),
        marker=str(declared.marker) if declared.marker else None,
        extra=extra or None,
        overridden=declared.instead_of,
        rule=declared.rule or None,
    )

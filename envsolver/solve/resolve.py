"""The solver's entry: a problem and a source of candidates become a resolution.

Any solution is found first (``refine``), then made the best one (``objective``); where there is none, ``explain`` says
why.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envsolver.model.ports import NullProgress
from envsolver.model.resolution import Edge, Provided, Resolution, ResolvedPackage, Root
from envsolver.solve.behind import notes_on_old_requirements
from envsolver.solve.conda import conda_packages
from envsolver.solve.held import given_up, held_back
from envsolver.solve.notes import notes_on_extras
from envsolver.solve.objective import best_solution, root_order
from envsolver.solve.refine import Refinement

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envsolver.model.candidate import Name
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
    providers = world.conda.providers(solution.conda) if world.conda else {}
    provided = {name: providers[name] for name, at in solution.chosen.items() if world.shim(name, at)}
    for name, position in solution.chosen.items():
        if name in provided:
            continue
        extras = solution.extras.get(name, ())
        known = world.known[name, position]
        edges = {
            _edge(declared, extra, provided)
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
    if world.conda is not None:
        by_rule = {
            package: {
                _edge(declared, "", provided)
                for declared in world.effective_requirements(name, solution.chosen[name])
                if provided.get(declared.name) != package
            }
            for name, package in provided.items()
        }
        packages += conda_packages(world.conda, solution.conda, by_rule)
        packages.sort(key=lambda package: package.name)
    roots = tuple(
        Root(
            name=provided.get(asked.declared.name, asked.declared.name),
            extras=() if asked.declared.name in provided else asked.declared.extras,
            specifier=str(asked.declared.specifier),
            group=asked.written.group,
            text=asked.written.text,
            origin=asked.written.origin,
            project=asked.declared.name if asked.declared.name in provided else None,
        )
        for asked in world.roots
    )
    roots += tuple(
        Root(
            name=clause.required,
            extras=(),
            specifier="",
            group=clause.written.group,
            text=clause.written.text,
            origin=clause.written.origin,
        )
        for clause, _ in world.conda_clauses()
        if clause.written
    )
    return Resolution(
        target=world.target,
        roots=roots,
        packages=tuple(packages),
        stats=refinement.stats,
        notes=notes,
        provided=tuple(sorted(Provided(project=name, package=package) for name, package in provided.items())),
        held=held_back(world, solution),
        given_up=given_up(world),
    )


def _edge(declared: Declared, extra: str, provided: Mapping[Name, Name]) -> Edge:
    package = provided.get(declared.name)
    return Edge(
        name=package or declared.name,
        extras=() if package else declared.extras,
        specifier=str(declared.specifier),
        marker=str(declared.marker) if declared.marker else None,
        extra=extra or None,
        overridden=declared.instead_of,
        rule=declared.rule or None,
        project=declared.name if package else None,
    )

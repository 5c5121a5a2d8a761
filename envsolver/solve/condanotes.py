"""What the packages of conda add to a conflict: what they require of each other, and of the projects they provide."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envsolver.knowledge.conda import of_gpu_builds
from envsolver.model.candidate import CONDA_PREFIX
from envsolver.model.conflict import Reason
from envsolver.solve.conda import project_version
from envsolver.solve.condaexplain import explain_conda
from envsolver.solve.conflict import declared_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envsolver.solve.clauses import Clause
    from envsolver.solve.conda import CondaWorld
    from envsolver.solve.world import World

__all__ = ["conda_notes"]


async def conda_notes(world: World, core: Sequence[Clause]) -> list[Reason]:
    """Say what the lines of the spec about conda do not: what its packages require, and what they provide.

    Args:
        world: that has no solution.
        core: the members of a minimal conflict.
    """
    conda = world.conda
    asked = [clause for clause in core if clause.kind == "conda"]
    if conda is None or not asked:
        return []
    demanded = list(_demanded(world, conda, core))
    lines = []
    if demanded or len(asked) == len(core):
        written = [spec for clause, spec in world.conda_clauses() if clause in core]
        told = await explain_conda(conda, [*written, *demanded])
        # Where lines leave no build of a package, they themselves say all there is to say.
        lines += [line for line in told if not any(text in line for text in demanded)]
    projects = {clause.required for clause in core} | {clause.requirer for clause in core if clause.requirer}
    provided = {name: conda.packages_for(name) for name in sorted(projects)}
    lines += [f"{' and '.join(found)} of conda provides {name}" for name, found in provided.items() if found]
    if world.gpu and any(of_gpu_builds(clause.required.removeprefix(CONDA_PREFIX)) for clause in asked):
        place = world.gpu.needs.spec.place("backend")
        lines.append(f"builds of conda that are for other nodes are left out: {place}: gpu")
    return [Reason(kind="note", lines=(line,), project=asked[0].required) for line in lines]


def _demanded(world: World, conda: CondaWorld, core: Sequence[Clause]) -> Iterator[str]:
    """Yield match specs of what the other members want of projects that packages of conda provide.

    A package stands for the versions that its records have and that every member admits by one of its requirements.
    Where there is none, nothing in conda can be the cause, and nothing is yielded.
    """
    for project in dict.fromkeys(clause.required for clause in core if clause.kind != "conda"):
        wanted = [
            [declared.specifier for declared in declared_in(world, clause)]
            for clause in core
            if clause.required == project and clause.kind in {"requirement", "constraint", "package"}
        ]
        for package in conda.all_packages_for(project):
            there = dict.fromkeys(str(record.version) for record in conda.records_of(package))
            admitted = [
                text
                for text in there
                if (version := project_version(text)) is not None
                and all(any(one.contains(version, prereleases=True) for one in ways) for ways in wanted)
            ]
            if admitted and len(admitted) < len(there):
                yield f"{package} {'|'.join(f'=={text}' for text in sorted(admitted))}"

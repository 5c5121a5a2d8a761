"""From a spec to a lock: one problem for each platform and choice of exclusive groups, solved and put together."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Any

from envsolver.app.bases import frozen_lines, frozen_python, locked_bases, moved_files, refuse_moved, started_from
from envsolver.app.commits import kept_commits
from envsolver.app.condaside import (
    channel_indexes,
    conda_needs,
    conda_python,
    kept_records,
    likely_python,
    locked_python,
    preferring_shims,
)
from envsolver.app.knowledge import Knowledge, with_rule_uses, without_dates
from envsolver.app.notes import notes_on_spec
from envsolver.app.timing import TimedSource
from envsolver.lock.build import build_lock
from envsolver.model.candidate import normalize_name
from envsolver.model.errors import (
    EnvsolverError,
    NoSolutionError,
    SpecError,
    UnknownPackageError,
    UnknownPackagesError,
    UsageError,
)
from envsolver.model.errors import Problem as SpecProblem
from envsolver.model.pep508 import parse_requirement
from envsolver.model.values import dataclass
from envsolver.solve.gpu import GpuNeeds
from envsolver.solve.problem import Problem
from envsolver.solve.resolve import resolve

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable, Mapping, Sequence
    from pathlib import Path

    from envsolver.app.bases import Base
    from envsolver.app.timing import Stopwatch
    from envsolver.lock.model import Lock
    from envsolver.model.candidate import File, Name
    from envsolver.model.ports import CandidateSource, Progress
    from envsolver.model.resolution import Resolution, SolveStats
    from envsolver.model.spec import Spec, SpecRequirement
    from envsolver.model.target import Target
    from envsolver.sources.open import Session

__all__ = ["Solved", "resolve_environment", "solve_environment"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Solved:
    """A lock and what is to be told about how it came to be.

    Attributes:
        notes: of all solutions, each once.
        stats: by name of the target.
    """

    lock: Lock
    notes: tuple[str, ...]
    stats: tuple[tuple[str, SolveStats], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fork:
    """One solution that the lock needs."""

    target: Target
    choice: tuple[str, ...]


async def solve_environment(
    spec: Spec,
    *,
    digest: str,
    project_root: Path,
    session: Session,
    keep: Lock | None,
    moving: frozenset[Name],
    extra_constraints: Sequence[SpecRequirement],
    stopwatch: Stopwatch,
    progress: Progress,
    knowledge: Knowledge | None = None,
) -> Solved:
    """Solve every platform of a spec and merge the solutions into a lock.

    Everything but ``digest``, that of the spec's inputs, is as :func:`resolve_environment` has it.

    Raises:
        EnvsolverError: as :func:`resolve_environment` does.
    """
    known = knowledge or Knowledge()
    solutions = await resolve_environment(
        spec,
        project_root=project_root,
        session=session,
        keep=keep,
        moving=moving,
        extra_constraints=extra_constraints,
        stopwatch=stopwatch,
        progress=progress,
        knowledge=known,
    )
    resolutions = tuple(solutions.values())
    lock = build_lock(
        name=spec.name,
        inputs_digest=digest,
        python=resolutions[0].target.python,
        targets=[replace(spec.target(platform), python=resolutions[0].target.python) for platform in spec.platforms],
        groups=spec.groups,
        exclusive=spec.exclusive,
        indexes=(*spec.indexes, *channel_indexes(spec)),
        resolutions=resolutions,
        knowledge=known.version,
        titles=known.titles,
        ignored_rules=spec.ignored_rules,
    )
    lock = replace(lock, bases=locked_bases(known.bases))
    refuse_moved(known.bases, lock)
    notes = [note for resolution in resolutions for note in resolution.notes]
    notes += moved_files(known.bases, lock)
    return Solved(
        lock=lock,
        notes=tuple(dict.fromkeys([*notes, *without_dates(resolutions, known.bounds), *notes_on_spec(spec, lock)])),
        stats=tuple((label, resolution.stats) for label, resolution in solutions.items()),
    )


async def resolve_environment(
    spec: Spec,
    *,
    project_root: Path,
    session: Session,
    keep: Lock | None,
    moving: frozenset[Name],
    extra_constraints: Sequence[SpecRequirement],
    stopwatch: Stopwatch,
    progress: Progress,
    knowledge: Knowledge,
    digests: bool = True,
    builds: bool = True,
    lowest: frozenset[Name] = frozenset(),
) -> Mapping[str, Resolution]:
    """Solve every platform of a spec; return the solutions by name of their target, the leading one first.

    The first platform is solved alone; the others, side by side, then prefer its versions.

    Args:
        spec: after ``extends``.
        project_root: against which the spec's paths are resolved.
        session: shared by all environments of a run.
        keep: the old lock, whose versions stay where they can.
        moving: packages whose old versions need not stay.
        extra_constraints: of the command line.
        stopwatch: gets the time of each stage.
        progress: is told what goes on.
        knowledge: implied bounds and rules.
        digests: read the bytes of files for which the index gives no sha256, as a lock needs them.
        builds: build source archives that do not say what they require in another way.
        lowest: projects of which the lowest version that fits is wanted.

    Raises:
        EnvsolverError: as :func:`~envsolver.solve.resolve.resolve` does; of several platforms, the first one's.
            Packages that no index has are told of all platforms.
    """
    forks = _forks(spec)
    if spec.conda is not None and spec.conda.mapping is not None:
        names = await session.conda_names(spec, project_root)
        spec = replace(spec, conda=replace(spec.conda, names=names))
    commits = kept_commits(spec, keep, moving)
    sources: dict[str, CandidateSource] = {
        platform: TimedSource(
            session.source_for(spec, platform, project_root, commits=commits, builds=builds), stopwatch
        )
        for platform in spec.platforms
    }

    async def solve(fork: _Fork, first: Resolution | None, python: str | None = None) -> Resolution:
        python = python or (first.target.python if first else None)
        conda = conda_needs(
            spec,
            fork.target,
            session,
            project_root,
            python=python,
            as_of=_as_of(spec),
            keep=frozenset().union(
                *(
                    kept_records(lock, moving, fork.target.platform)
                    for lock in (keep, *(base.lock for base in knowledge.bases))
                )
            ),
        )
        release = python or frozen_python(knowledge.bases, spec) or locked_python(spec, keep)
        if conda is not None and release is None:
            release = await likely_python(conda)
        problem = Problem(
            target=replace(fork.target, python=release) if release else fork.target,
            requirements=_requirements(spec, fork.choice),
            constraints=(
                *spec.constraints,
                *frozen_lines(knowledge.bases, fork.target, fork.choice),
                *extra_constraints,
            ),
            overrides=spec.overrides,
            as_of=_as_of(spec),
            as_of_origin=spec.as_of_origin,
            preferences=preferring_shims(
                spec,
                _with_bases(knowledge.bases, keep, moving, fork, _preferences(keep, moving, forks[0], first, fork)),
                moving,
            ),
            bounds=knowledge.bounds,
            rules=knowledge.rules,
            titles=knowledge.titles,
            gpu=_gpu(spec),
            lowest=lowest,
            conda=conda,
        )
        source = sources[fork.target.platform]
        with stopwatch.stage("solve"):
            try:
                resolution = await resolve(problem, source, progress)
            except UnknownPackageError as error:
                raise _placed(error, problem) from error.__cause__
            except NoSolutionError as error:
                if len(forks) > 1:
                    error.args = (f"for {_label(fork)}: {error}",)
                raise
        if (interpreter := conda_python(resolution)) not in {None, problem.target.python}:
            # Markers see the whole version; which one conda has is known only now.
            return await solve(fork, first, interpreter)
        if digests:
            resolution = await _with_digests(resolution, source)
        return with_rule_uses(resolution, knowledge.rules)

    first = await _answered(solve(forks[0], None))
    if isinstance(first, EnvsolverError) and not isinstance(first, UnknownPackageError):
        raise first
    leader = None if isinstance(first, EnvsolverError) else first
    # All answers are awaited even if one fails: which error is reported must not depend on which came first.
    others = await asyncio.gather(*(_answered(solve(fork, leader)) for fork in forks[1:]))
    return _all_solved(dict(zip(map(_label, forks), [first, *others], strict=True)))


async def _answered(solution: Coroutine[Any, Any, Resolution]) -> Resolution | EnvsolverError:
    """Return a solution, or why there is none."""
    try:
        return await solution
    except EnvsolverError as error:
        return error


def _all_solved(answers: Mapping[str, Resolution | EnvsolverError]) -> dict[str, Resolution]:
    """Return the solutions by target.

    Raises:
        UnknownPackageError: on some targets there are packages that no index has; all of them are told.
        EnvsolverError: the first, if there is another one.
    """
    unknown = {label: answer for label, answer in answers.items() if isinstance(answer, UnknownPackageError)}
    if unknown:
        raise _unknown_anywhere(unknown, len(answers)) from next(iter(unknown.values())).__cause__
    solved: dict[str, Resolution] = {}
    for label, answer in answers.items():
        if isinstance(answer, EnvsolverError):
            raise answer
        solved[label] = answer
    return solved


def _unknown_anywhere(found: Mapping[str, UnknownPackageError], forks: int) -> UnknownPackageError:
    """Return what is unknown on any target as one error: each package once, with its targets where they are not all."""
    labels: dict[Name, list[str]] = {}
    errors: dict[Name, UnknownPackageError] = {}
    for label, error in found.items():
        for one in error.errors if isinstance(error, UnknownPackagesError) else (error,):
            name = normalize_name(one.name)
            errors.setdefault(name, one)
            labels.setdefault(name, []).append(label)
    for name, error in errors.items():
        if len(labels[name]) < forks:
            error.args = (f"for {', '.join(labels[name])}: {error}",)
    return next(iter(errors.values())) if len(errors) == 1 else UnknownPackagesError(tuple(errors.values()))


def _placed(error: UnknownPackageError, problem: Problem) -> UnknownPackageError:
    """Return the error with the place in the spec that asks for the package, if that is where it comes from."""
    if isinstance(error, UnknownPackagesError):
        return UnknownPackagesError([_placed(one, problem) for one in error.errors])
    if error.required_by is not None:
        return error
    places = (
        str(requirement.origin)
        for requirement in problem.requirements
        if normalize_name(parse_requirement(requirement.text).name) == error.name
    )
    return UnknownPackageError(error.name, indexes=error.indexes, required_by=next(places, None), hint=error.hint)


def _forks(spec: Spec) -> list[_Fork]:
    """Return what has to be solved: each platform, times each choice of one group from every exclusive set."""
    choices = [tuple(dict.fromkeys(choice)) for choice in product(*spec.exclusive)]
    allowed = [choice for choice in choices if all(len(set(choice) & set(members)) <= 1 for members in spec.exclusive)]
    if not allowed:
        raise SpecError([SpecProblem("no choice of groups satisfies the exclusive sets", spec.origin)])
    return [
        _Fork(target=spec.target(platform), choice=choice)
        for platform in spec.platforms
        for choice in dict.fromkeys(allowed)
    ]


def _label(fork: _Fork) -> str:
    return f"{fork.target.platform}:{'+'.join(fork.choice)}" if fork.choice else fork.target.platform


def _requirements(spec: Spec, choice: Iterable[str]) -> tuple[SpecRequirement, ...]:
    left_out = {group for members in spec.exclusive for group in members} - set(choice)
    return tuple(requirement for requirement in spec.requirements if requirement.group not in left_out)


def _gpu(spec: Spec) -> GpuNeeds | None:
    return GpuNeeds(spec=spec.gpu, index_urls={index.alias: index.url for index in spec.indexes}) if spec.gpu else None


def _as_of(spec: Spec) -> int | None:
    if spec.as_of is None:
        return None
    from datetime import UTC, datetime

    instant = datetime.fromisoformat(spec.as_of)
    return int((instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp())


def _preferences(
    keep: Lock | None, moving: frozenset[Name], leader: _Fork, first: Resolution | None, fork: _Fork
) -> Mapping[Name, str]:
    """Return the versions that a solution keeps where it can.

    The first solution keeps those of the old lock. The others keep theirs too, unless the first one's version moved:
    then they follow it, so that one release serves all platforms again.
    """
    old = _old_versions(keep, moving, fork)
    if first is None:
        return old
    old_first = _old_versions(keep, moving, leader)
    new_first = {package.name: package.version for package in first.packages}
    stayed = {name for name, version in old_first.items() if new_first.get(name) == version}
    return {**new_first, **{name: version for name, version in old.items() if name in stayed or name not in new_first}}


def _with_bases(
    bases: Sequence[Base], keep: Lock | None, moving: frozenset[Name], fork: _Fork, known: Mapping[Name, str]
) -> Mapping[Name, str]:
    """Return the versions to keep, with those of the environments that the spec builds on top of."""
    before: dict[Name, str] = {}
    after: dict[Name, str] = {}
    for base, leads in started_from(bases, keep):
        packages = base.platform(fork.target, fork.choice) or {}
        versions = {name: package.version for name, package in packages.items() if name not in moving}
        (after if leads else before).update(versions)
    return {**before, **known, **after} if bases else known


def _old_versions(keep: Lock | None, moving: frozenset[Name], fork: _Fork) -> dict[Name, str]:
    if keep is None:
        return {}
    try:
        target = keep.target(fork.target.platform, [group for group in fork.choice if group in keep.groups])
    except UsageError:  # the old lock had not this platform, or these groups excluded each other there
        return {}
    return {name: package.version for name, package in keep.packages_on(target.name).items() if name not in moving}


async def _with_digests(resolution: Resolution, source: CandidateSource) -> Resolution:
    """Read the bytes of files for which the index gives no sha256, so that every file in the lock has one."""
    bare = [package for package in resolution.packages if package.file.sha256 is None and _has_bytes(package.file)]
    if not bare:
        return resolution
    digests = await asyncio.gather(*(source.digest(package.file) for package in bare))
    filed = {
        package.name: replace(package, file=replace(package.file, sha256=sha256, size=size))
        for package, (sha256, size) in zip(bare, digests, strict=True)
    }
    return replace(resolution, packages=tuple(filed.get(package.name, package) for package in resolution.packages))


def _has_bytes(file: File) -> bool:
    # The commit identifies a VCS checkout: there is no archive to hash. A package of conda has its md5 at least.
    return file.kind != "conda" and not file.url.startswith(("git+", "hg+", "svn+", "bzr+"))

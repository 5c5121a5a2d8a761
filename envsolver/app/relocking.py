"""Solving the environments of a run side by side, with one session and one event loop, and writing what comes out."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypedDict

from envsolver.app.files import write_together
from envsolver.app.fixing import find_fixes
from envsolver.app.holding import held_back
from envsolver.app.knowledge import load_knowledge, overdue
from envsolver.app.lockfile import lock_text, requirements_text
from envsolver.app.locking import package_counts
from envsolver.app.solving import resolve_environment, solve_environment
from envsolver.lock.diff import diff_locks
from envsolver.lock.reader import loads
from envsolver.model.candidate import normalize_name
from envsolver.model.errors import EnvsolverError, LockError, NoSolutionError, UnknownPackageError, UsageError
from envsolver.model.origin import Origin
from envsolver.model.spec import SpecRequirement
from envsolver.sources.open import SourceSettings, open_session

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from envsolver.app.knowledge import Knowledge
    from envsolver.app.locking import LockJob, LockOptions, LockOutcome
    from envsolver.app.timing import Stopwatch
    from envsolver.lock.model import Lock
    from envsolver.model.candidate import Name
    from envsolver.model.ports import Progress
    from envsolver.model.spec import Spec
    from envsolver.sources.open import Session

__all__ = ["relock"]

AT_ONCE = 4
"""Environments solved side by side: enough that one computes while the others wait for the network."""


class _Upgrades:
    """What ``--upgrade`` and ``--upgrade-package`` ask for."""

    def __init__(self, options: LockOptions) -> None:
        """Parse the options.

        Raises:
            UsageError: one is neither ``X`` nor ``X==V``.
        """
        from packaging.requirements import InvalidRequirement, Requirement

        self.everything = options.upgrade
        self.constraints: list[SpecRequirement] = []
        moving: set[Name] = set()
        for text in options.upgrade_packages:
            try:
                requirement = Requirement(text)
            except InvalidRequirement as error:
                raise UsageError(
                    f"--upgrade-package {text!r} is no requirement: {error}", hint="write X or X==VERSION"
                ) from None
            moving.add(normalize_name(requirement.name))
            if requirement.specifier:
                self.constraints.append(
                    SpecRequirement(
                        text=f"{requirement.name}{requirement.specifier}", origin=Origin("--upgrade-package")
                    )
                )
        self.moving = frozenset(moving)


async def relock(
    jobs: Sequence[tuple[LockJob, Spec]], options: LockOptions, progress: Progress
) -> dict[str, LockOutcome]:
    """Solve the jobs and write each lock as soon as it is known; return the outcomes by environment.

    Raises:
        UsageError: the options make no sense.
        FileError: the user's configuration cannot be read.
    """
    upgrades = _Upgrades(options)
    turns = asyncio.Semaphore(AT_ONCE)
    if len(jobs) > 1:
        progress.stage(f"locking {len(jobs)} environments")
    async with open_session(SourceSettings(offline=options.offline, refresh=options.refresh), progress) as session:

        async def run(job: LockJob, spec: Spec) -> LockOutcome:
            async with turns:
                named = _NamedProgress(progress, spec.name if len(jobs) > 1 else "")
                try:
                    return await _relock_one(job, spec, upgrades, session, named)
                except EnvsolverError as error:
                    return job.outcome("failed", reasons=job.state.reasons, error=error)

        outcomes = await asyncio.gather(*(run(job, spec) for job, spec in jobs))
    return {outcome.name: outcome for outcome in outcomes}


async def _relock_one(
    job: LockJob, spec: Spec, upgrades: _Upgrades, session: Session, progress: Progress
) -> LockOutcome:
    project, name = job.project, job.environment.name
    old = _old_lock(job, upgrades)
    with job.stopwatch.stage("knowledge"):
        knowledge = load_knowledge(project, spec)
    circumstances = _Circumstances(
        project_root=project.root,
        session=session,
        keep=None if upgrades.everything else old,
        moving=upgrades.moving,
        extra_constraints=upgrades.constraints,
        stopwatch=job.stopwatch,
        knowledge=knowledge,
    )
    try:
        solved = await solve_environment(spec, digest=job.state.digest, progress=progress, **circumstances)
    except UnknownPackageError:
        raise
    except NoSolutionError as error:
        progress.stage("looking for fixes")
        with job.stopwatch.stage("fixes"):
            error.fixes = await find_fixes(spec, error, _Trials(circumstances, progress))
        raise
    with job.stopwatch.stage("write"):
        text = lock_text(solved.lock)
        # The lock comes last: if only the first file gets written, it does not belong to the old lock, and the next
        # run sees that.
        written = write_together(
            {
                project.requirements_path(name): requirements_text(solved.lock, text).encode(),
                project.lock_path(name): text.encode(),
            }
        )
    return job.outcome(
        "written" if written else "unchanged",
        reasons=job.state.reasons,
        written=written,
        packages=package_counts(solved.lock),
        diff=diff_locks(old, solved.lock) if old is not None else None,
        notes=(*solved.notes, *overdue(spec, datetime.now(UTC).date().isoformat())),
        stats=solved.stats,
        held=held_back(solved.lock),
    )


class _Circumstances(TypedDict):
    """What a solve depends on beside the spec, as :func:`resolve_environment` has it."""

    project_root: Path
    session: Session
    keep: Lock | None
    moving: frozenset[Name]
    extra_constraints: Sequence[SpecRequirement]
    stopwatch: Stopwatch
    knowledge: Knowledge


class _Trials:
    """Solves a spec that was changed a little, in the same circumstances."""

    def __init__(self, circumstances: _Circumstances, progress: Progress) -> None:
        self._circumstances = circumstances
        self._progress = _Hushed(progress)
        self._made = 0

    async def __call__(self, changed: Spec) -> Mapping[Name, str]:
        """Return the versions of a solution; where platforms differ, those of the first.

        Raises:
            NoSolutionError: there is none, or it cannot be found out.
        """
        self._made += 1
        self._progress.told(f"attempt {self._made}")
        try:
            solutions = await resolve_environment(
                changed, progress=self._progress, digests=False, **self._circumstances
            )
        except NoSolutionError:
            raise
        except EnvsolverError as error:  # offline, it needs what the cache has not
            raise NoSolutionError(str(error)) from error
        versions: dict[Name, str] = {}
        for resolution in solutions.values():
            versions = {package.name: package.version for package in resolution.packages} | versions
        return versions


def _old_lock(job: LockJob, upgrades: _Upgrades) -> Lock | None:
    """Return the lock that is being replaced, None if there is none.

    Raises:
        LockError: it makes no sense. To start afresh would move every version, which is what ``--upgrade`` is for.
    """
    if job.state.text is None:
        return None
    try:
        return loads(job.state.text, job.project.relative(job.project.lock_path(job.environment.name)))
    except LockError:
        if upgrades.everything:
            return None
        raise


class _Hushed:
    """Keeps to itself what a trial has to say, but how far it has got."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._trial = ""

    def told(self, trial: str) -> None:
        """Begin a trial."""
        self._trial = trial
        self._progress.update(trial)

    def stage(self, name: str) -> None:
        """Ignore it: the stage is the search."""

    def update(self, text: str) -> None:
        """Pass it on."""
        self._progress.update(f"{self._trial}, {text}")

    def note(self, text: str) -> None:
        """Ignore it: it is about a spec that nobody wrote."""


class _NamedProgress:
    """Says of which environment it speaks, where there are several; their stages are one: they run side by side."""

    def __init__(self, progress: Progress, name: str) -> None:
        self._progress = progress
        self._name = name

    def stage(self, name: str) -> None:
        """Pass it on."""
        if not self._name:
            self._progress.stage(name)

    def update(self, text: str) -> None:
        """Pass it on."""
        self._progress.update(f"{self._name}: {text}" if self._name else text)

    def note(self, text: str) -> None:
        """Pass it on."""
        self._progress.note(f"{self._name}: {text}" if self._name else text)

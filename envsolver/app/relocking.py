"""Solving the environments of a run side by side, with one session and one event loop, and writing what comes out."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from envsolver.app.files import write_together
from envsolver.app.lockfile import lock_text, requirements_text
from envsolver.app.locking import package_counts
from envsolver.app.solving import solve_environment
from envsolver.lock.diff import diff_locks
from envsolver.lock.reader import loads
from envsolver.model.candidate import normalize_name
from envsolver.model.errors import EnvsolverError, LockError, UsageError
from envsolver.model.origin import Origin
from envsolver.model.spec import SpecRequirement
from envsolver.sources.open import SourceSettings, open_session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envsolver.app.locking import LockJob, LockOptions, LockOutcome
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
    solved = await solve_environment(
        spec,
        digest=job.state.digest,
        project_root=project.root,
        session=session,
        keep=None if upgrades.everything else old,
        moving=upgrades.moving,
        extra_constraints=upgrades.constraints,
        stopwatch=job.stopwatch,
        progress=progress,
    )
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
        notes=solved.notes,
        stats=solved.stats,
    )


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

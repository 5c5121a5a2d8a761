"""Solving the environments of a run side by side, with one session and one event loop, and writing what comes out."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from envsolver.app.files import write_together
from envsolver.app.holding import held_back
from envsolver.app.knowledge import load_knowledge, overdue, unreasoned
from envsolver.app.lockfile import lock_text, requirements_text
from envsolver.app.locking import package_counts
from envsolver.app.solving import solve_environment
from envsolver.app.trials import Circumstances, Trials
from envsolver.app.upgrading import Upgrades, requiring, vanished
from envsolver.knowledge.rules import shipped_replacement
from envsolver.lock.reader import loads
from envsolver.lock.trees import keep_proofs
from envsolver.model.errors import EnvsolverError, LockError, NoSolutionError, UnknownPackageError
from envsolver.model.values import dataclass
from envsolver.sources.open import SourceSettings, open_session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envsolver.app.locking import LockJob, LockOptions, LockOutcome
    from envsolver.app.project import Project
    from envsolver.app.solving import Solved
    from envsolver.app.startpoint import StartingPoint
    from envsolver.lock.diff import LockDiff
    from envsolver.lock.model import Lock
    from envsolver.model.candidate import Name
    from envsolver.model.ports import Progress
    from envsolver.model.spec import Spec
    from envsolver.sources.open import Session

__all__ = ["Made", "finish", "relock"]

AT_ONCE = 4
"""Environments solved side by side: enough that one computes while the others wait for the network."""


async def relock(
    jobs: Sequence[tuple[LockJob, Spec]], options: LockOptions, progress: Progress
) -> dict[str, LockOutcome | Made]:
    """Solve the jobs and write each lock as soon as it is known; return the outcomes by environment.

    A lock with source archives of which it is not known what they are built with is not written yet: that is found out
    afterwards (:func:`finish`), since build backends run where an interrupt reaches them, beside no event loop.

    Raises:
        UsageError: the options make no sense.
        FileError: the user's configuration cannot be read.
    """
    upgrades = Upgrades(options)
    turns = asyncio.Semaphore(AT_ONCE)
    if len(jobs) > 1:
        progress.stage(f"locking {len(jobs)} environments")
    settings = SourceSettings(
        offline=options.offline,
        refresh=options.refresh,
        packages=lambda: _known_packages(jobs[0][0].project),
        known=shipped_replacement,
    )
    async with open_session(settings, progress) as session:
        if session.default_index.ignored:
            progress.note(_passed_over(session.default_index.ignored))

        async def run(job: LockJob, spec: Spec) -> LockOutcome | Made:
            async with turns:
                named = _NamedProgress(progress, spec.name if len(jobs) > 1 else "")
                try:
                    made = await _make(job, spec, upgrades, session, named)
                    # Whether a package that is to move concerns any environment is known when all are solved.
                    return made if upgrades.moving or _is_open(made, options) else _write(made)
                except EnvsolverError as error:
                    return job.outcome("failed", reasons=job.state.reasons, error=error)

        results = await asyncio.gather(*(run(job, spec) for job, spec in jobs))
    made = [result for result in results if isinstance(result, Made)]
    if len(made) == len(jobs):
        upgrades.refuse_unknown(lock for one in made for lock in (one.old, one.solved.lock))
    outcomes = [
        _write_late(result) if isinstance(result, Made) and not _is_open(result, options) else result
        for result in results
    ]
    return {job.environment.name: outcome for (job, _), outcome in zip(jobs, outcomes, strict=True)}


def finish(made: Made, options: LockOptions, progress: Progress) -> LockOutcome:
    """Find out what the source archives of a lock are built with, and write it."""
    from envsolver.app.closures import lock_builds

    job, solved = made.job, made.solved
    try:
        with job.stopwatch.stage("builds"):
            lock, notes = lock_builds(
                job.project,
                job.environment,
                made.spec,
                solved.lock,
                made.old,
                offline=options.offline,
                refresh=options.refresh,
                progress=progress,
            )
    except EnvsolverError as error:
        return job.outcome("failed", reasons=job.state.reasons, error=error)
    return _write_late(replace(made, solved=replace(solved, lock=lock, notes=(*solved.notes, *notes))))


def _is_open(made: Made, options: LockOptions) -> bool:
    if not options.builds or all(
        file.kind != "sdist" for package in made.solved.lock.packages for file in package.files
    ):
        return False
    from envsolver.app.closures import lacks_builds

    return lacks_builds(made.solved.lock)


def _known_packages(project: Project) -> frozenset[Name]:
    from envsolver.app.suggesting import known_packages

    return known_packages(project)


def _passed_over(ignored: Sequence[str]) -> str:
    """Say what of the user's configuration is not used: pip would mix these sources by version."""
    return f"not used of your configuration, for it would mix sources by version: {'; '.join(ignored)} (see `indexes:`)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A lock that was solved and is not written yet."""

    job: LockJob
    spec: Spec
    old: Lock | None
    solved: Solved
    start: StartingPoint | None = None


async def _make(job: LockJob, spec: Spec, upgrades: Upgrades, session: Session, progress: Progress) -> Made:
    """Solve one environment.

    Raises:
        NoSolutionError: there is none, or none with a version that ``--upgrade-package`` asks for.
        EnvsolverError: whatever else is in the way.
    """
    project = job.project
    old = _old_lock(job, upgrades)
    start = _starting_point(upgrades, spec)
    with job.stopwatch.stage("knowledge"):
        knowledge = load_knowledge(project, spec)
        if upgrades.everything:
            knowledge = replace(knowledge, bases=tuple(replace(base, suggests=False) for base in knowledge.bases))
    circumstances = Circumstances(
        project_root=project.root,
        session=session,
        keep=None if upgrades.everything else start.lock if start is not None else old,
        moving=upgrades.moving,
        extra_constraints=upgrades.constraints,
        stopwatch=job.stopwatch,
        knowledge=knowledge,
    )
    trials = Trials(project, spec, circumstances, progress)
    try:
        solved = await solve_environment(spec, digest=job.state.digest, progress=progress, **circumstances)
    except UnknownPackageError:
        raise
    except NoSolutionError as failed:
        from envsolver.app.fixing import find_fixes
        from envsolver.app.frozenfiles import frozen_files
        from envsolver.app.proposals import Hints

        error = await _explained(failed, spec, upgrades, old, trials)
        progress.stage("looking for fixes")
        with job.stopwatch.stage("fixes"):
            hints = Hints(symptoms=knowledge.symptoms, frozen=frozen_files(project, spec))
            found = await find_fixes(spec, error, trials, hints=hints)
        error.fixes, error.untried = found.fixes, found.untried
        raise error from failed.__cause__
    if missing := upgrades.missing_from(solved.lock, old):
        # To leave a package out is no way to move it. Solved once more with it required, for the reason why not.
        await trials(requiring(spec, missing))
        raise vanished(missing)
    if start is not None:
        start = await start.explained(solved.lock, spec, session, project.root)
    # What was built, and comes out the same, keeps what was recorded of it.
    solved = replace(solved, lock=keep_proofs(old, solved.lock))
    return Made(job=job, spec=spec, old=old, solved=solved, start=start)


async def _explained(
    error: NoSolutionError, spec: Spec, upgrades: Upgrades, old: Lock | None, solve: Trials
) -> NoSolutionError:
    """Return the error that there is if what is to move is required: it says which versions there are."""
    asked = upgrades.asked_of(old)
    if asked:
        try:
            await solve(requiring(spec, asked))
        except UnknownPackageError:
            return error
        except NoSolutionError as clearer:
            return clearer
    return error


def _write_late(made: Made) -> LockOutcome:
    try:
        return _write(made)
    except EnvsolverError as error:
        return made.job.outcome("failed", reasons=made.job.state.reasons, error=error)


def _write(made: Made) -> LockOutcome:
    """Write both files of a lock.

    Raises:
        FileError: they cannot be written; the old ones are still there.
    """
    job, solved = made.job, made.solved
    project, name = job.project, job.environment.name
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
        diff=made.start.diff(solved.lock) if made.start is not None else _moved(made.old, solved.lock),
        notes=(*solved.notes, *overdue(made.spec, datetime.now(UTC).date().isoformat()), *unreasoned(made.spec)),
        stats=solved.stats,
        held=held_back(solved.lock),
    )


def _moved(old: Lock | None, new: Lock) -> LockDiff | None:
    if old is None:
        return None
    from envsolver.lock.diff import diff_locks

    return diff_locks(old, new)


def _starting_point(upgrades: Upgrades, spec: Spec) -> StartingPoint | None:
    if upgrades.start is None:
        return None
    from envsolver.app.startpoint import read_starting_point

    return read_starting_point(upgrades.start, spec)


def _old_lock(job: LockJob, upgrades: Upgrades) -> Lock | None:
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

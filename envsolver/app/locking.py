"""The use case ``lock``: find out what has to be done, solve what has changed, write both files of each lock."""

from __future__ import annotations

from dataclasses import field, replace
from typing import TYPE_CHECKING, Literal

from envsolver.app.files import read_text, write_together
from envsolver.app.freshness import LockState, current_digest, lock_state, remember, state_beside
from envsolver.app.lockfile import requirements_text
from envsolver.app.timing import Stopwatch
from envsolver.model.errors import EnvsolverError, LockError
from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from envsolver.app.holding import HeldReport
    from envsolver.app.project import Environment, Project
    from envsolver.lock.diff import LockDiff
    from envsolver.lock.model import Lock
    from envsolver.model.fix import Fix
    from envsolver.model.ports import Progress
    from envsolver.model.resolution import SolveStats
    from envsolver.model.spec import Spec

__all__ = [
    "LockJob",
    "LockOptions",
    "LockOutcome",
    "check",
    "failure",
    "left_out",
    "lock",
    "locked_counts",
    "package_counts",
]

Status = Literal["written", "unchanged", "up-to-date", "stale", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LockOptions:
    """What the user asks of a run of ``lock``.

    Attributes:
        offline: use the cache and local files only.
        refresh: ask the indexes even where the cache is fresh, and solve even if the spec has not changed.
        upgrade: keep no version of the old lock.
        upgrade_packages: packages (``X`` or ``X==V``) whose version may move.
        start: a lock of another tool; its versions stay where they can, in place of those of the old lock.
        builds: find out what source archives are built with.
    """

    offline: bool = False
    refresh: bool = False
    upgrade: bool = False
    upgrade_packages: tuple[str, ...] = ()
    start: Path | None = None
    builds: bool = True

    @property
    def solve_anyway(self) -> bool:
        """Whether to solve although nothing has changed."""
        return self.refresh or self.upgrade or bool(self.upgrade_packages) or self.start is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class LockOutcome:
    """What became of one environment.

    Attributes:
        status: ``unchanged``: solved, and the files have these bytes already. ``up-to-date``: nothing had to be
            solved. ``stale``: it would have to be, but was only checked.
        lock_path: absolute.
        requirements_path: absolute.
        reasons: why it was, or would have to be, made again.
        written: the files written, absolute.
        packages: number of packages by target.
        diff: against the old lock; None if there was none or nothing was solved.
        notes: of the solver, for the user.
        stats: of the solver, by target.
        timings: seconds by stage; stages that run side by side overlap.
        error: what went wrong, with status ``failed``.
        held: what implied bounds and rules do to the lock that was made; None if nothing was solved.
        applied: the fix that was written into the spec before, if one was.
    """

    name: str
    status: Status
    lock_path: Path
    requirements_path: Path
    reasons: tuple[str, ...] = ()
    written: tuple[Path, ...] = ()
    packages: tuple[tuple[str, int], ...] = ()
    diff: LockDiff | None = None
    notes: tuple[str, ...] = ()
    stats: tuple[tuple[str, SolveStats], ...] = ()
    timings: tuple[tuple[str, float], ...] = ()
    error: EnvsolverError | None = None
    held: HeldReport | None = None
    applied: Fix | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LockJob:
    """One environment in a run: what is known of it before anything is solved."""

    project: Project
    environment: Environment
    state: LockState
    stopwatch: Stopwatch = field(default_factory=Stopwatch)

    def outcome(
        self,
        status: Status,
        *,
        reasons: tuple[str, ...] = (),
        written: tuple[Path, ...] = (),
        packages: tuple[tuple[str, int], ...] = (),
        diff: LockDiff | None = None,
        notes: tuple[str, ...] = (),
        stats: tuple[tuple[str, SolveStats], ...] = (),
        error: EnvsolverError | None = None,
        held: HeldReport | None = None,
    ) -> LockOutcome:
        """Return what became of it, with the time that it took."""
        return LockOutcome(
            name=self.environment.name,
            status=status,
            lock_path=self.project.lock_path(self.environment.name),
            requirements_path=self.project.requirements_path(self.environment.name),
            reasons=reasons,
            written=written,
            packages=packages,
            diff=diff,
            notes=notes,
            stats=stats,
            timings=self.stopwatch.seconds(),
            error=error,
            held=held,
        )


def check(project: Project, environments: Sequence[Environment]) -> tuple[LockOutcome, ...]:
    """Say of each environment whether ``lock`` would change its files. Nothing is solved or written."""
    return tuple(_check_one(project, environment) for environment in environments)


def _check_one(project: Project, environment: Environment) -> LockOutcome:
    stopwatch = Stopwatch()
    try:
        with stopwatch.stage("spec"):
            state = lock_state(project, environment)
            if state.solve:
                from envsolver.app.rulefiles import load_rules

                # `lock` would refuse a bad spec or rule, so that must be said instead.
                load_rules(project, project.spec(environment))
            if not state.reasons:
                remember(project, environment)
    except EnvsolverError as error:
        return failure(project, environment, error)
    job = LockJob(project=project, environment=environment, state=state, stopwatch=stopwatch)
    return job.outcome("stale" if state.reasons else "up-to-date", reasons=state.reasons)


def lock(
    project: Project, environments: Sequence[Environment], options: LockOptions, progress: Progress
) -> tuple[LockOutcome, ...]:
    """Bring the locks of some environments up to date; return their outcomes in the same order.

    One that fails does not keep the others from being written.

    Raises:
        UsageError: the options make no sense.
    """
    outcomes: dict[str, LockOutcome] = {}
    jobs: list[tuple[LockJob, Spec]] = []
    for environment in environments:
        stopwatch = Stopwatch()
        try:
            with stopwatch.stage("spec"):
                certain = options.solve_anyway or not project.lock_path(environment.name).exists()
                known = project.spec(environment) if certain else None
                state = _state(project, environment, options, known)
                if certain or state.solve:
                    spec = known or project.spec(environment)
                    # Of the spec as it is read now: it may have been saved again a moment ago.
                    state = replace(state, digest=current_digest(project, spec))
                    job = LockJob(project=project, environment=environment, state=state, stopwatch=stopwatch)
                    jobs.append((job, spec))
                    continue
                job = LockJob(project=project, environment=environment, state=state, stopwatch=stopwatch)
            if state.render:
                outcomes[environment.name] = _render(job)
            else:
                remember(project, environment)
                outcomes[environment.name] = job.outcome("up-to-date")
        except EnvsolverError as error:
            outcomes[environment.name] = failure(project, environment, error)
    if jobs:
        import asyncio

        from envsolver.app.relocking import Made, finish, relock

        for name, result in asyncio.run(relock(jobs, options, progress)).items():
            outcomes[name] = finish(result, options, progress) if isinstance(result, Made) else result
    return tuple(outcomes[environment.name] for environment in environments)


def locked_counts(project: Project, environment: str) -> tuple[tuple[str, int], ...]:
    """Return the number of packages of each target of a lock on disk; none of one that cannot be read."""
    from envsolver.lock.reader import loads

    path = project.lock_path(environment)
    try:
        return package_counts(loads(read_text(path) or "", project.relative(path)))
    except EnvsolverError:
        return ()


def left_out(project: Project) -> tuple[str, ...]:
    """Return the environments that ``--all`` leaves out, and remember that for the next run to begin with."""
    from envsolver.app.stamps import stamp_left_out

    names = project.left_out()
    for name in names:
        stamp_left_out(project.root, project.find(name).path.name)
    return names


def package_counts(locked: Lock) -> tuple[tuple[str, int], ...]:
    """Return the number of packages of each target."""
    return tuple((target.name, len(locked.packages_on(target.name))) for target in locked.targets)


def failure(project: Project, environment: Environment, error: EnvsolverError) -> LockOutcome:
    """Return the outcome of an environment of which not even the state could be found out."""
    return LockOutcome(
        name=environment.name,
        status="failed",
        lock_path=project.lock_path(environment.name),
        requirements_path=project.requirements_path(environment.name),
        error=error,
    )


def _state(project: Project, environment: Environment, options: LockOptions, spec: Spec | None) -> LockState:
    try:
        return lock_state(project, environment) if spec is None else state_beside(project, environment, spec)
    except LockError as error:
        if not options.upgrade:
            raise
        # Nothing of the old lock is wanted, so that it may as well be unreadable.
        digest = current_digest(project, spec or project.spec(environment))
        return LockState(digest=digest, text=None, solve=(str(error),))


def _render(job: LockJob) -> LockOutcome:
    """Write the requirements file of a lock that is as it should be."""
    from envsolver.lock.reader import loads

    text = job.state.text or ""
    name = job.environment.name
    with job.stopwatch.stage("write"):
        locked = loads(text, job.project.relative(job.project.lock_path(name)))
        written = write_together({job.project.requirements_path(name): requirements_text(locked, text).encode()})
    return job.outcome(
        "written" if written else "unchanged",
        reasons=job.state.render,
        written=written,
        packages=package_counts(locked),
    )

"""What ``check`` asks the indexes: fixes for what it has found, and what they say of a lock today."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from envsolver.app.checking import book_of, subjects_in
from envsolver.model.errors import EnvsolverError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from envsolver.app.checking import CheckOutcome
    from envsolver.app.foreign import Circumstances
    from envsolver.app.project import Environment, Project
    from envsolver.findings.model import Finding
    from envsolver.findings.subject import Subject
    from envsolver.lock.model import Lock
    from envsolver.model.ports import Progress
    from envsolver.model.spec import Spec

__all__ = ["file_with_fixes", "with_fixes", "with_newer"]


def with_fixes(
    project: Project,
    environments: Sequence[Environment],
    outcomes: Sequence[CheckOutcome],
    *,
    offline: bool,
    progress: Progress,
) -> tuple[CheckOutcome, ...]:
    """Return the outcomes of :func:`check` with fixes, each solved, where some are found.

    Args:
        project: of the environments.
        environments: that were checked, in the order of the outcomes.
        outcomes: of the check.
        offline: use the cache and local files only.
        progress: is told how far it has got.
    """
    return tuple(
        _with_fixes(project, environment, outcome, offline=offline, progress=progress)
        for environment, outcome in zip(environments, outcomes, strict=True)
    )


def _with_fixes(
    project: Project, environment: Environment, outcome: CheckOutcome, *, offline: bool, progress: Progress
) -> CheckOutcome:
    from envsolver.app.freshness import lock_state
    from envsolver.app.mending import Case, mended, needs_mending
    from envsolver.findings.judge import judge
    from envsolver.knowledge.version import knowledge_version
    from envsolver.lock.reader import loads

    if outcome.standing not in {"up-to-date", "stale"} or not any(map(needs_mending, outcome.findings)):
        return outcome
    spec = project.spec(environment)
    state = lock_state(project, environment)
    old = loads(state.text or "", project.relative(project.lock_path(environment.name)))
    book = book_of(project, spec)
    case = Case(
        project=project,
        spec=spec,
        judge=lambda lock: judge(_subjects(lock, spec), book, knowledge=knowledge_version()),
        versions={package.name: package.version for package in reversed(old.packages)},
        command=f"envsolver lock {environment.name}",
        stale=bool(state.solve),
        digest=state.digest,
        keep=old,
        pins={},
    )
    return replace(outcome, findings=mended(outcome.findings, case, offline=offline, progress=progress))


def with_newer(
    project: Project,
    environments: Sequence[Environment],
    outcomes: Sequence[CheckOutcome],
    *,
    offline: bool,
    progress: Progress,
) -> tuple[CheckOutcome, ...]:
    """Return the outcomes of :func:`check` with what the indexes say today: newer releases, yanked and vanished files.

    Arguments as :func:`with_fixes`.
    """
    return tuple(
        _with_newer(project, environment, outcome, offline=offline, progress=progress)
        for environment, outcome in zip(environments, outcomes, strict=True)
    )


def _with_newer(
    project: Project, environment: Environment, outcome: CheckOutcome, *, offline: bool, progress: Progress
) -> CheckOutcome:
    from envsolver.app.files import read_text
    from envsolver.app.newer import today
    from envsolver.findings.judge import ordered
    from envsolver.lock.reader import loads

    if outcome.standing not in {"up-to-date", "stale"}:
        return outcome
    path = project.lock_path(environment.name)
    text = read_text(path) or ""
    try:
        spec = project.spec(environment)
        lock = loads(text, project.relative(path))
        subjects = subjects_in(project, environment, spec, text)
        found = today(lock, subjects, spec, project.root, offline=offline, progress=progress)
    except EnvsolverError as error:
        return replace(outcome, error=error)
    return replace(
        outcome,
        findings=ordered((*outcome.findings, *found.findings)),
        newer=found.newer,
        unread=(*outcome.unread, *found.unread),
        unanswered=found.unanswered,
    )


def _subjects(lock: Lock, spec: Spec) -> tuple[Subject, ...]:
    """Return what is to be judged of a lock that was made and not written."""
    from envsolver.findings.subject import subjects_of

    return subjects_of(lock, path="", text="", roots={}, gpu=spec.gpu, base_image=spec.base_image)


def file_with_fixes(
    path: Path, circumstances: Circumstances, outcome: CheckOutcome, *, offline: bool, progress: Progress
) -> CheckOutcome:
    """Return the outcome of :func:`check_file` with fixes, each solved, where some are found.

    Args:
        path: of the file.
        circumstances: for what it was judged.
        outcome: of the check.
        offline: use the cache and local files only.
        progress: is told how far it has got.

    Raises:
        FileError: the file cannot be read any more.
    """
    from envsolver.app.foreign import read_foreign
    from envsolver.app.mending import case_of_file, mended
    from envsolver.findings.judge import judge
    from envsolver.knowledge.rules import load_rulebook
    from envsolver.knowledge.version import knowledge_version

    _, subject = read_foreign(path, circumstances)
    book = load_rulebook()

    def judged(lock: Lock) -> Sequence[Finding]:
        from envsolver.findings.subject import subjects_of

        found = subjects_of(lock, path="", text="", roots={}, gpu=subject.gpu, base_image=circumstances.base_image)
        return judge(found, book, knowledge=knowledge_version())

    case = case_of_file(subject, judged)
    if case is None:
        return outcome
    return replace(outcome, findings=mended(outcome.findings, case, offline=offline, progress=progress))

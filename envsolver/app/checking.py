"""The use case ``check``: is the lock up to date, and what is wrong, or worth knowing, about it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from envsolver.app.checked import Seen, recall
from envsolver.app.condaside import conda_requirements
from envsolver.app.exceptions import exceptions
from envsolver.app.project import Environment, Project
from envsolver.app.stamps import SPECS, environment_files, nearest_project
from envsolver.findings.model import Finding
from envsolver.model.errors import EnvsolverError, SpecError, UsageError
from envsolver.model.origin import Origin
from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from envsolver.app.filelists import FileLists
    from envsolver.app.foreign import Circumstances
    from envsolver.app.freshness import LockState
    from envsolver.app.newer import NewerRelease
    from envsolver.findings.subject import Subject
    from envsolver.knowledge.rules import RuleBook
    from envsolver.model.ports import Progress
    from envsolver.model.spec import Spec

__all__ = [
    "CheckOutcome",
    "Finding",
    "ListReader",
    "LockStanding",
    "book_of",
    "check",
    "check_file",
    "list_reader",
    "select",
    "subjects_in",
]

ListReader = Callable[["Sequence[Subject]", "Spec | None"], "FileLists"]
"""Reads the file lists of what some subjects install, from the indexes of a spec or from the default one."""

LockStanding = Literal["up-to-date", "stale", "missing", "foreign"]

_MANY = 24
"""So many locks are worth starting processes for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOutcome:
    """What was found about one environment, or about a file of another tool.

    Attributes:
        name: of the environment, or the file.
        standing: how the lock stands to its spec; None if that could not be found out.
        findings: the worst first.
        packages: number of packages that were judged, over all targets.
        unpinned: lines of a foreign file that pin nothing, so that they could not be judged.
        unread: wheels whose file lists, and projects whose pages could not be read, and why.
        newer: packages of which there are newer releases; empty unless the indexes were asked.
        unanswered: why nothing is known of what is newer, though the indexes were asked, or None.
        error: why nothing could be judged, or None.
        spec: path of the spec, relative to the project; empty for a file of another tool.
    """

    name: str
    standing: LockStanding | None
    findings: tuple[Finding, ...] = ()
    packages: int = 0
    unpinned: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    newer: tuple[NewerRelease, ...] = ()
    unanswered: EnvsolverError | None = None
    error: EnvsolverError | None = None
    spec: str = ""


def check(
    project: Project, environments: Sequence[Environment], *, reader: ListReader | None = None
) -> tuple[CheckOutcome, ...]:
    """Judge the locks of some environments; return the outcomes in the same order.

    Nothing is solved. What was found about a lock is remembered until it, its spec, the knowledge or envsolver change.

    Args:
        project: of the environments.
        environments: whose locks are judged.
        reader: reads the file lists of wheels; None: those that the cache has are used.
    """
    found: dict[str, CheckOutcome] = {}
    for environment in environments:
        known = recall(project, environment) if reader is None else None
        if known is not None:
            findings, packages = known
            found[environment.name] = CheckOutcome(
                name=environment.name, standing="up-to-date", findings=findings, packages=packages
            )
    left = [environment for environment in environments if environment.name not in found]
    for outcome in _judged(project, left, reader):
        found[outcome.name] = outcome
    return tuple(found[environment.name] for environment in environments)


def select(folder: Path | None, names: Sequence[str], *, every: bool) -> tuple[Project, tuple[Environment, ...]]:
    """Return a project and the environments of it that are meant, without a look at their specs where that will do.

    Args:
        folder: of the project; None: the nearest from the current folder upwards.
        names: names, aliases or paths of specs.
        every: all of the project's.

    Raises:
        UsageError: there is no such project, or nothing or both was asked for.
        UnknownEnvironmentError: one is unknown.
        SpecError: two specs have one name.
    """
    root = nearest_project(Path.cwd()) if folder is None else folder.resolve()
    files = environment_files(root) if root is not None else None
    if root is not None and files and every != bool(names):
        by_name = {name.rpartition(".")[0]: name for name in files}
        wanted = sorted(by_name) if every else list(dict.fromkeys(names))
        # Aliases, paths and mistakes go the long way, which reads all specs.
        if len(by_name) == len(files) and all(name in by_name for name in wanted):
            specs = (root / SPECS).resolve()
            return Project(root=root), tuple(Environment(name=name, path=specs / by_name[name]) for name in wanted)
    from envsolver.app.project import locate_environment, open_project

    if every or not names:
        project = open_project(folder)
        return project, project.select(names, every=every)
    # Those that envsolver ships may be named too, though not in one breath with the project's own.
    found = [locate_environment(folder, name) for name in names]
    project = found[0][0]
    for other, environment in found:
        if other.root != project.root:
            shipped = environment if other.shipped else found[0][1]
            raise UsageError(f"{shipped.name} is shipped with envsolver, others are the project's: check them apart")
    return project, tuple({environment.name: environment for _, environment in found}.values())


def _judged(project: Project, environments: Sequence[Environment], reader: ListReader | None) -> Sequence[CheckOutcome]:
    workers = min(_processors(), 8)
    if reader is not None or len(environments) < _MANY or workers < 2:
        return [_judge_one(project, environment, reader) for environment in environments]
    from concurrent.futures import ProcessPoolExecutor
    from functools import partial

    with ProcessPoolExecutor(max_workers=workers) as pool:
        chunk = max(1, len(environments) // (4 * workers))
        found = list(pool.map(partial(_judged_apart, project), environments, chunksize=chunk))
    # Errors are not made to travel between processes: who has one is judged here once more.
    return [
        outcome or _judge_one(project, environment, None)
        for environment, outcome in zip(environments, found, strict=True)
    ]


def _judged_apart(project: Project, environment: Environment) -> CheckOutcome | None:
    outcome = _judge_one(project, environment, None)
    return outcome if outcome.error is None else None


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _judge_one(project: Project, environment: Environment, reader: ListReader | None) -> CheckOutcome:
    try:
        return _judge(project, environment, reader)
    except EnvsolverError as error:
        return CheckOutcome(name=environment.name, standing=None, error=error, spec=project.relative(environment.path))


def _judge(project: Project, environment: Environment, reader: ListReader | None) -> CheckOutcome:
    from envsolver.app.filelists import cached_lists
    from envsolver.app.freshness import state_beside
    from envsolver.findings.judge import judge, ordered
    from envsolver.knowledge.version import knowledge_version

    try:
        spec = project.spec(environment, validate=False)
    except SpecError:
        project.spec(environment)  # raises with the problems of the requirements as well
        raise
    today = datetime.now(UTC).date().isoformat()
    seen = Seen(project, environment, spec, today)
    state = state_beside(project, environment, spec)
    if state.solve:
        spec = project.spec(environment)  # of an unchanged lock the requirements were parsed when it was made
    book = book_of(project, spec)
    if state.text is None:
        missing = _about_lock(project, environment, "LCK002", state.solve)
        if spec.status in {"deprecated", "removed"}:  # `lock --all` leaves them out
            missing = replace(missing, severity="note")
        return CheckOutcome(name=environment.name, standing="missing", findings=(missing,))
    subjects = subjects_in(project, environment, spec, state.text)
    read = cached_lists(subjects) if reader is None else reader(subjects, spec)
    judged = judge([read.into(one) for one in subjects], book, knowledge=knowledge_version())
    packages = sum(len(subject.parts) for subject in subjects)
    judged = ordered((*judged, *_moved_bases(environment, state), *_expired(environment, spec, today)))
    if state.reasons:
        frozen = {why for base, why in state.moved if base.frozen}
        others = [reason for reason in state.reasons if reason not in frozen]
        stale = [_about_lock(project, environment, "LCK001", others)] if others else []
        return CheckOutcome(
            name=environment.name,
            standing="stale",
            findings=ordered((*stale, *judged)),
            packages=packages,
            unread=read.unread,
        )
    if reader is None:
        seen.keep(judged, packages)
    return CheckOutcome(
        name=environment.name, standing="up-to-date", findings=judged, packages=packages, unread=read.unread
    )


_books: dict[tuple[object, ...], RuleBook] = {}


def book_of(project: Project, spec: Spec) -> RuleBook:
    """Return the rules that hold for an environment; most of a catalogue share a book.

    Raises:
        SpecError: a rule file of the project is wrong, or the spec ignores a rule that does not exist.
        FileError: a rule file cannot be read.
    """
    from envsolver.app.rulefiles import load_rules, rule_texts

    key = (rule_texts(project), tuple((ignored.id, ignored.reason) for ignored in spec.ignored_rules))
    if key not in _books:
        _books[key] = load_rules(project, spec)
    return _books[key]


def subjects_in(project: Project, environment: Environment, spec: Spec, text: str) -> tuple[Subject, ...]:
    """Return what is to be judged of the lock of an environment.

    Raises:
        LockError: it makes no sense.
    """
    from envsolver.findings.subject import subjects_of
    from envsolver.lock.reader import loads

    path = project.relative(project.lock_path(environment.name))
    written = (*spec.requirements, *conda_requirements(spec))
    places: Mapping[tuple[str, str], Origin] = {(one.origin.path, one.text): one.origin for one in written}
    return subjects_of(loads(text, path), path=path, text=text, roots=places, gpu=spec.gpu, base_image=spec.base_image)


def _about_lock(project: Project, environment: Environment, code: str, reasons: Sequence[str]) -> Finding:
    return Finding(
        code=code,
        severity="error",
        message="; ".join(reasons),
        environment=environment.name,
        packages=(),
        place=Origin(project.relative(environment.path), 1),
        hint=f"run `envsolver lock {environment.name}`",
    )


def _expired(environment: Environment, spec: Spec, today: str) -> Iterator[Finding]:
    """Yield overrides and ignored rules that were to be looked at again by now."""
    for one in exceptions(spec):
        if one.until > today:
            continue
        there_for = f", which is there for {one.advisory}" if one.advisory is not None else ""
        yield Finding(
            code="LCK005",
            severity="warning",
            message=f"the {one.what}{there_for} was to be looked at again on {one.until}"
            + (f": {' '.join(one.reason.split())}" if one.reason else ""),
            environment=environment.name,
            packages=(),
            place=one.origin,
            hint="take it out if `envsolver lock` does without, else write another `until`",
        )


def _moved_bases(environment: Environment, state: LockState) -> Iterator[Finding]:
    for base, why in state.moved:
        follow = "" if base.frozen else " --refresh"
        yield Finding(
            code="LCK003",
            severity="error" if base.frozen else "warning",
            message=why,
            environment=environment.name,
            packages=(),
            place=base.origin,
            hint=f"`envsolver lock {environment.name}{follow}` follows it; `envsolver diff` then shows what that moves",
        )


def check_file(path: Path, circumstances: Circumstances, *, reader: ListReader | None = None) -> CheckOutcome:
    """Judge a lock that another tool made, by the shipped rules.

    Args:
        path: of the file.
        circumstances: for what it is judged.
        reader: reads the file lists of wheels; None: those that the cache has are used.

    Raises:
        FileError: it cannot be read.
        ForeignLockError: it is none, or not of a kind that is known.
        UsageError: the circumstances make no sense.
    """
    from envsolver.app.filelists import cached_lists
    from envsolver.app.foreign import read_foreign
    from envsolver.findings.judge import judge
    from envsolver.knowledge.rules import load_rulebook
    from envsolver.knowledge.version import knowledge_version

    lock, subject = read_foreign(path, circumstances)
    read = cached_lists([subject]) if reader is None else reader([subject], None)
    findings = judge([read.into(subject)], load_rulebook(), knowledge=knowledge_version())
    return CheckOutcome(
        name=subject.environment,
        standing="foreign",
        findings=findings,
        packages=len(subject.parts),
        unpinned=lock.unpinned,
        unread=read.unread,
    )


def list_reader(root: Path, *, offline: bool, progress: Progress) -> ListReader:
    """Return what reads the file lists of wheels from their indexes, or offline from the cache.

    Args:
        root: of the project.
        offline: use the cache and local files only.
        progress: is told how far it has got.
    """
    from functools import partial

    from envsolver.app.filelists import read_lists

    return partial(read_lists, root=root, offline=offline, progress=progress)

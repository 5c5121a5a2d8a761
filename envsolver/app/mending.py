"""Fixes for findings: solved to the end, judged anew, and only then told.

A lock of the project is made again with what is known now, keeping its versions where they can stay; where the spec has
no solution then, changes of it are looked for as ``lock`` does. A lock of another tool is solved from the requirements
that lead to all others, with its pins kept but for those that the findings speak of; then without keeping any.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from envsolver.app.frozenfiles import frozen_files
from envsolver.app.knowledge import load_knowledge
from envsolver.app.project import Project
from envsolver.app.proposals import Hints
from envsolver.app.solving import solve_environment
from envsolver.app.timing import Stopwatch
from envsolver.app.trials import Circumstances, Trials
from envsolver.findings.model import Mending
from envsolver.knowledge.rules import shipped_replacement
from envsolver.model.candidate import DEFAULT_INDEX, normalize_name
from envsolver.model.errors import EnvsolverError, NoSolutionError
from envsolver.model.spec import IndexSpec, Spec, SpecRequirement, SystemSpec
from envsolver.model.values import dataclass
from envsolver.sources.open import SourceSettings, open_session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from envsolver.findings.model import Finding
    from envsolver.findings.subject import Subject
    from envsolver.lock.model import Lock
    from envsolver.model.candidate import Name
    from envsolver.model.ports import Progress
    from envsolver.sources.open import Session

    Judge = Callable[[Lock], Sequence[Finding]]

__all__ = ["Case", "case_of_file", "mended", "needs_mending"]

_SHOWN = 5
_ENFORCED = ("GPU", "RUL001", "RUL002", "ABI001", "ABI002", "ABI003", "DUP001", "DUP002", "SEC001")
"""Codes of what holds in every solution, so that a spec that has one again has them no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is to be mended.

    Attributes:
        project: against which paths of the spec are resolved.
        spec: to solve; for a lock of another tool one that asks for its roots.
        judge: judges a lock of the spec.
        versions: project → version as it is locked.
        command: that makes the lock; None for a lock of another tool.
        stale: the lock is out of date, so that the command makes it again without being told to.
        digest: of the spec.
        keep: the old lock of the project, or None.
        pins: of a lock of another tool, by project: those that are not roots.
    """

    project: Project
    spec: Spec
    judge: Judge
    versions: Mapping[Name, str]
    command: str | None
    stale: bool = False
    digest: str = "0" * 64
    keep: Lock | None = None
    pins: Mapping[Name, SpecRequirement]


def needs_mending(finding: Finding) -> bool:
    """Say whether a fix is looked for."""
    return finding.allowed is None and (finding.severity == "error" or finding.since_locked)


def mended(findings: Sequence[Finding], case: Case, *, offline: bool, progress: Progress) -> tuple[Finding, ...]:
    """Return the findings, with a fix where one was found.

    Args:
        findings: of the lock.
        case: how to solve it, and how to judge what comes of it.
        offline: use the cache and local files only.
        progress: is told how far it has got.
    """
    wanted = [finding for finding in findings if needs_mending(finding)]
    if not wanted:
        return tuple(findings)
    progress.stage("looking for fixes")
    try:
        fixes = asyncio.run(_fixes(wanted, case, offline=offline, progress=progress))
    except EnvsolverError as error:  # an index that does not answer: what was found stays found
        progress.note(f"fixes could not be looked for: {error}")
        return tuple(findings)
    return tuple(replace(one, fix=fixes[_key(one)]) if _key(one) in fixes else one for one in findings)


def _key(finding: Finding) -> tuple[str, str | None, frozenset[str]]:
    """Return what a finding is about, whatever the versions."""
    return finding.code, finding.rule, frozenset(package.partition(" ")[0] for package in finding.packages)


_Fixes = dict[tuple[str, "str | None", frozenset[str]], Mending]


async def _fixes(wanted: Sequence[Finding], case: Case, *, offline: bool, progress: Progress) -> _Fixes:
    settings = SourceSettings(offline=offline, known=shipped_replacement)
    async with open_session(settings, progress) as session:
        search = _Search(case, session, progress)
        fixes: _Fixes = {}
        for attempt in search.attempts(wanted):
            try:
                found = await search.solve(attempt)
            except NoSolutionError as error:
                if attempt.last and (mending := await search.changed_spec(error)) is not None:
                    enforced = (_key(one) for one in wanted if one.code.startswith(_ENFORCED))
                    fixes = dict.fromkeys(enforced, mending) | fixes
                continue
            if not attempt.last and _falls(case, found):
                continue
            remaining = {_key(finding) for finding in case.judge(found) if finding.allowed is None}
            mending = _mending(case, attempt, found)
            mends = {_key(one): mending for one in wanted if _key(one) not in remaining}
            if len(mends) == len({_key(one) for one in wanted}):
                return mends
            fixes = mends | fixes
        return fixes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attempt:
    """One solve: what may move, what is held, and the words for it; ``last``: nothing else is left to try."""

    title: str
    moving: frozenset[Name] = frozenset()
    held: tuple[SpecRequirement, ...] = ()
    last: bool = False


class _Search:
    def __init__(self, case: Case, session: Session, progress: Progress) -> None:
        self._case = case
        self._progress = progress
        self._circumstances = Circumstances(
            project_root=case.project.root,
            session=session,
            keep=case.keep,
            moving=frozenset(),
            extra_constraints=(),
            stopwatch=Stopwatch(),
            knowledge=load_knowledge(case.project, case.spec),
        )

    def attempts(self, wanted: Sequence[Finding]) -> Sequence[_Attempt]:
        """Return what to try, what moves least first. One that mends everything ends the search."""
        concerned = {normalize_name(name) for finding in wanted for name in _key(finding)[2]}
        if self._case.command:
            return self._of_project(concerned)
        # A rule is about its first package, and says what the others have to be.
        ruled = {normalize_name(package.partition(" ")[0]) for finding in wanted for package in finding.packages[1:]}
        held = (self._held(ruled), *([self._held(concerned)] if concerned - ruled else []), ())
        return tuple(
            _Attempt(title="", held=pins, last=number == len(held)) for number, pins in enumerate(held, start=1)
        )

    def _held(self, free: set[Name]) -> tuple[SpecRequirement, ...]:
        return tuple(pin for name, pin in self._case.pins.items() if name not in free)

    def _of_project(self, concerned: set[Name]) -> Sequence[_Attempt]:
        command = self._case.command or ""
        again = f"`{command}`" if self._case.stale else f"`{command} --refresh`"
        moved = sorted(name for name in concerned if name in self._case.versions)
        if not moved:
            return (_Attempt(title=again, last=True),)
        upgrades = " ".join(f"--upgrade-package {name}" for name in moved)
        return (
            _Attempt(title=again),
            _Attempt(title=f"`{command} {upgrades}`", moving=frozenset(moved), last=True),
        )

    async def solve(self, attempt: _Attempt) -> Lock:
        """Return the lock that comes of an attempt.

        Raises:
            NoSolutionError: there is none.
            EnvsolverError: whatever else is in the way.
        """
        circumstances = self._circumstances.copy()
        circumstances["moving"] = attempt.moving
        circumstances["extra_constraints"] = attempt.held
        solved = await solve_environment(
            self._case.spec, digest=self._case.digest, progress=self._progress, **circumstances
        )
        return solved.lock

    async def changed_spec(self, error: NoSolutionError) -> Mending | None:
        """Return the smallest change after which the spec has a solution, or None."""
        from envsolver.app.fixing import find_fixes

        case = self._case
        trials = Trials(case.project, case.spec, self._circumstances, self._progress)
        hints = Hints(symptoms=self._circumstances["knowledge"].symptoms, frozen=frozen_files(case.project, case.spec))
        found = await find_fixes(case.spec, error, trials, hints=hints)
        # To ignore the rule that has found it is no fix of a finding.
        fix = next((one for one in found.fixes if one.kind != "ignore-rule"), None)
        return None if fix is None else Mending(title=fix.title, outcome=fix.outcome)


def _falls(case: Case, found: Lock) -> bool:
    """Say whether a project fell back to its beginnings: where too much is held, only what requires nothing is left."""
    return any(
        package.version.startswith("0.") and not case.versions.get(package.name, "0.").startswith("0.")
        for package in found.packages
    )


def _mending(case: Case, attempt: _Attempt, found: Lock) -> Mending:
    """Say what an attempt comes to: the projects whose versions move, and new ones."""
    versions = {package.name: package.version for package in reversed(found.packages)}
    moved = {
        name: f"{name} {case.versions[name]} to {version}"
        for name, version in versions.items()
        if name in case.versions and case.versions[name] != version
    }
    added = {name: f"{name} {version} comes" for name, version in versions.items() if name not in case.versions}
    gone = {name: f"{name} goes" for name in case.versions if name not in versions}
    outcome = _listed([*moved.values(), *added.values(), *gone.values()])
    if attempt.title:
        return Mending(title=attempt.title, outcome=outcome or "the same versions")
    changes = [f"{name}=={versions[name]} instead of {case.versions[name]}" for name in sorted(moved)]
    changes += [f"{name}=={versions[name]} as well" for name in sorted(added)]
    changes += [f"without {name}" for name in sorted(gone)]
    return Mending(title=_listed(changes), outcome=f"{len(versions)} packages")


def _listed(texts: Sequence[str]) -> str:
    more = len(texts) - _SHOWN
    return ", ".join(texts[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def case_of_file(subject: Subject, judge: Judge) -> Case | None:
    """Return how to mend a lock of another tool; None if conda has a part in it, which is not solved.

    Args:
        subject: what was judged.
        judge: judges a lock of the same environment.
    """
    if subject.other or not subject.roots:
        return None
    place = subject.roots[0].origin
    platform = subject.target.platform
    roots = dict.fromkeys(root.name for root in subject.roots if root.name in subject.parts)
    pins = {
        name: SpecRequirement(text=f"{name}=={part.version}", origin=part.origin)
        for name, part in subject.parts.items()
        if part.filename != "checkout"
    }
    if any(name not in pins for name in roots):
        return None
    spec = Spec(
        name="foreign",
        origin=place,
        python=subject.target.python,
        python_origin=place,
        platforms=(platform,),
        requirements=tuple(pins[name] for name in roots),
        systems=(SystemSpec(glibc=subject.target.glibc),) if subject.target.glibc else (),
        gpu=subject.gpu,
        indexes=tuple(_indexes(subject)),
        files=(place.path,),
    )
    return Case(
        # A file of another tool knows no rules of a project.
        project=Project(root=Path(place.path).absolute().parent / ".no-project"),
        spec=spec,
        judge=judge,
        versions={name: part.version for name, part in subject.parts.items()},
        command=None,
        pins={name: pin for name, pin in pins.items() if name not in roots},
    )


def _indexes(subject: Subject) -> Iterable[IndexSpec]:
    """Yield the indexes that the file names beside the default one, with what comes from each."""
    bound: dict[str, list[str]] = {}
    for part in subject.parts.values():
        if part.index != DEFAULT_INDEX and part.index_url is not None:
            bound.setdefault(part.index_url, []).append(part.name)
    for number, (url, names) in enumerate(sorted(bound.items()), start=1):
        origin = subject.parts[normalize_name(names[0])].origin
        yield IndexSpec(alias=f"index{number}", url=url, origin=origin, packages=tuple(sorted(names)))

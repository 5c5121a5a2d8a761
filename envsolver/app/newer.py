"""What the indexes say of a lock today: newer releases and what holds them back; files that were yanked or are gone."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal

from envsolver.app.holding import facts_about
from envsolver.findings.model import Finding
from envsolver.lock.specifiers import admission
from envsolver.model.candidate import DIRECT_INDEX, normalize_name
from envsolver.model.errors import NetworkError, UnknownPackageError
from envsolver.model.pep508 import parse_requirement
from envsolver.model.values import dataclass
from envsolver.sources.open import SourceSettings, open_session

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from envsolver.findings.subject import Subject
    from envsolver.lock.model import Lock, LockedPackage
    from envsolver.model.candidate import Page, Release
    from envsolver.model.ports import CandidateSource, Progress
    from envsolver.model.spec import Spec
    from envsolver.model.target import Target

__all__ = ["NewerRelease", "Today", "today"]

Holder = Literal["requirement", "rule", "bound"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewerRelease:
    """A package of which there is a newer release that the target could install.

    Attributes:
        held: what keeps it out; None if nothing does, so that an upgrade would take it.
        why: that in words; empty if nothing does.
    """

    package: str
    version: str
    newest: str
    held: Holder | None
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Today:
    """What the indexes say of a lock.

    Attributes:
        newer: sorted by package.
        findings: yanked and vanished files.
        unread: projects whose pages could not be read, and why.
        unanswered: why nothing is known of any package, or None.
    """

    newer: tuple[NewerRelease, ...]
    findings: tuple[Finding, ...]
    unread: tuple[str, ...] = ()
    unanswered: NetworkError | None = None


def today(
    lock: Lock, subjects: Sequence[Subject], spec: Spec, root: Path, *, offline: bool, progress: Progress
) -> Today:
    """Ask the indexes of a spec about all that its lock installs.

    Args:
        lock: of the spec.
        subjects: of the lock, one for each target.
        spec: whose indexes are asked.
        root: of the project.
        offline: use what the cache has of their pages only.
        progress: is told how far it has got.

    Raises:
        FileError: a frozen index of the spec cannot be read.
    """
    return asyncio.run(_today(lock, subjects, spec, root, offline=offline, progress=progress))


async def _today(
    lock: Lock, subjects: Sequence[Subject], spec: Spec, root: Path, *, offline: bool, progress: Progress
) -> Today:
    progress.stage("reading indexes")
    newer: dict[tuple[str, str], NewerRelease] = {}
    findings: dict[tuple[str, str], Finding] = {}
    unread: dict[str, NetworkError] = {}
    asked: set[str] = set()
    async with open_session(SourceSettings(offline=offline), progress) as session:
        for subject in subjects:
            source = session.source_for(spec, subject.target.platform, root)
            packages = [
                package
                for package in lock.packages_on(subject.label).values()
                if package.file(subject.label).index != DIRECT_INDEX
            ]
            pages = await asyncio.gather(*(_page(source, package) for package in packages))
            for package, page in zip(packages, pages, strict=True):
                asked.add(package.name)
                if isinstance(page, NetworkError):
                    unread.setdefault(package.name, page)
                    continue
                for finding in _gone(subject, package, page):
                    findings.setdefault((finding.code, finding.message), finding)
                found = None if page is None else _newer(lock, package, page, subject)
                if found is not None:
                    newer.setdefault((found.package, found.version), found)
    return Today(
        newer=tuple(newer[key] for key in sorted(newer)),
        findings=tuple(findings.values()),
        unread=tuple(f"{name}: {unread[name]}" for name in sorted(unread)),
        unanswered=_silence(unread, asked),
    )


def _silence(unread: Mapping[str, NetworkError], asked: Collection[str]) -> NetworkError | None:
    """Return what there is to say if no page at all could be read: that nothing is newer must not be heard then."""
    if not unread or len(unread) < len(asked):
        return None
    first = unread[min(unread)]
    return NetworkError(
        f"nothing is known of what is newer: none of {len(asked)} index pages could be read: {first}",
        hint=first.hint,
    )


async def _page(source: CandidateSource, package: LockedPackage) -> Page | NetworkError | None:
    """Return the page of a project; None if no index has it any more, the error if that cannot be told."""
    try:
        return await source.page(package.name)
    except UnknownPackageError:
        return None
    except NetworkError as error:
        return error


def _gone(subject: Subject, package: LockedPackage, page: Page | None) -> Iterator[Finding]:
    """Yield what has become of the file that is locked."""
    locked = package.file(subject.label)
    known = page is not None and any(release.version == package.version for release in page.releases)
    files = page.files(package.version) if page is not None and known else ()
    same = [file for file in files if file.filename == locked.filename and file.sha256 in {locked.sha256, None}]
    if not same:
        other = any(file.filename == locked.filename for file in files)
        what = "another file under its name" if other else "it no longer"
        message = f"{locked.filename}: index {locked.index!r} has {what}"
        yield _finding(subject, package, "SEC004", "error", message)
    elif all(file.yanked is not None for file in same):
        reason = next((file.yanked for file in same if file.yanked), "")
        yield _finding(
            subject, package, "SEC003", "warning", f"{locked.filename} was yanked{f': {reason}' if reason else ''}"
        )


def _finding(
    subject: Subject, package: LockedPackage, code: str, severity: Literal["error", "warning"], message: str
) -> Finding:
    root, way = subject.way_to(package.name)
    here = subject.parts[package.name].origin
    place = root.origin if root is not None else here
    return Finding(
        code=code,
        severity=severity,
        message=message,
        environment=subject.environment,
        packages=(f"{package.name} {package.version}",),
        path=(root.text, *(str(subject.parts[name]) for name in way)) if root is not None else (),
        place=place,
        lock_place=here if here != place else None,
    )


def _newer(lock: Lock, package: LockedPackage, page: Page, subject: Subject) -> NewerRelease | None:
    from packaging.version import InvalidVersion, Version

    try:
        current = Version(package.version)
    except InvalidVersion:
        return None
    for release in reversed(page.releases):
        version = Version(release.version)
        if version <= current:
            return None
        if (version.is_prerelease and not current.is_prerelease) or not _usable(page, release, subject.target):
            continue
        held, why = next(_holders(lock, package, release.version, subject), (None, ""))
        return NewerRelease(package=package.name, version=package.version, newest=release.version, held=held, why=why)
    return None


def _usable(page: Page, release: Release, target: Target) -> bool:
    """Say whether the target can install a release, as far as the index tells."""
    return any(
        not shape.yanked
        and (not shape.tags or target.wheel_rank(shape.tags) is not None)
        and (not shape.requires_python or admission(shape.requires_python)(target.python))
        for shape in (page.shapes[number] for number in release.shapes)
    )


def _holders(lock: Lock, package: LockedPackage, newest: str, subject: Subject) -> Iterator[tuple[Holder, str]]:
    """Yield what keeps a version out, the firmest first."""
    yield from (("requirement", why) for why in _requirements(lock, package, newest, subject))
    facts = facts_about(lock, package)
    for rule in facts.rules:
        if rule.kind == "excludes" or not admission(str(parse_requirement(rule.requirement).specifier))(newest):
            yield "rule", rule.sentence
    yield from (("bound", bound.sentence) for bound in facts.bounds)


def _requirements(lock: Lock, package: LockedPackage, newest: str, subject: Subject) -> Iterable[str]:
    for root in subject.roots:
        if root.name == package.name and not admission(str(parse_requirement(root.text).specifier))(newest):
            yield f"{root.origin}: {root.text}"
    for requirer in lock.packages_on(subject.label).values():
        for edge in requirer.edges(subject.label):
            named = edge.rule is None and normalize_name(edge.name) == package.name
            if named and edge.specifier and not admission(edge.specifier)(newest):
                yield f"{requirer.name} {requirer.version} requires {edge.name}{edge.specifier}"

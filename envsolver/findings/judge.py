"""All detectors over all targets of a lock, with the way through the graph that leads to what they found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envsolver.findings.builds import prebuilt, source_builds, unhashed
from envsolver.findings.codes import codes
from envsolver.findings.gpu import architectures, drivers, floors, variants, without_gpu
from envsolver.findings.model import SEVERITIES, Finding
from envsolver.findings.names import mistaken_names
from envsolver.findings.owners import conda_beside_pip, shared_files
from envsolver.findings.rules import broken_rules
from envsolver.model.origin import Origin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from envsolver.findings.draft import Draft
    from envsolver.findings.model import Severity
    from envsolver.findings.subject import Subject
    from envsolver.knowledge.rules import RuleBook

__all__ = ["DETECTORS", "judge", "ordered"]

DETECTORS: tuple[Callable[[Subject], Iterator[Draft]], ...] = (
    variants,
    without_gpu,
    drivers,
    architectures,
    floors,
    prebuilt,
    source_builds,
    shared_files,
    conda_beside_pip,
    unhashed,
)
"""Those that need nothing but the packages."""

_NEWER = "known since the lock was made"


def judge(subjects: Sequence[Subject], book: RuleBook, *, knowledge: str) -> tuple[Finding, ...]:
    """Return what is wrong with a lock, the worst first.

    Args:
        subjects: one for each target of the lock.
        book: the rules that hold.
        knowledge: version of the knowledge that they belong to. In a lock that was made with another version, rules are
            warnings at worst: newer knowledge never fails an older lock.
    """
    found: dict[tuple[str, str, str | None], tuple[Finding, list[str]]] = {}
    for subject in subjects:
        for draft in _drafts(subject, book):
            finding = _finding(subject, draft, knowledge)
            key = (finding.code, finding.message, finding.allowed)
            found.setdefault(key, (finding, []))[1].append(subject.label)
    return ordered(
        finding if len(labels) == len(subjects) else _on(finding, labels) for finding, labels in found.values()
    )


def ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings with the worst first, those that the spec accepts last, else by code and message."""
    return tuple(
        sorted(
            findings,
            key=lambda one: (
                one.allowed is not None,
                SEVERITIES.index(one.severity),
                one.code,
                one.message,
                one.targets,
            ),
        )
    )


def _drafts(subject: Subject, book: RuleBook) -> Iterator[Draft]:
    for detector in DETECTORS:
        yield from detector(subject)
    yield from broken_rules(subject, book)
    yield from mistaken_names(subject, {rule_id: one.reason for rule_id, one in book.ignored.items()})


def _on(finding: Finding, labels: Sequence[str]) -> Finding:
    from dataclasses import replace

    return replace(finding, targets=tuple(labels))


def _finding(subject: Subject, draft: Draft, knowledge: str) -> Finding:
    severity: Severity = draft.severity or codes()[draft.code].severity
    message = draft.message
    since_locked = draft.newer and severity == "error" and subject.knowledge not in {None, knowledge}
    if since_locked:
        severity, message = "warning", f"{message} ({_NEWER})"
    first = draft.parts[0] if draft.parts else None
    beyond = draft.parts[1].name if len(draft.parts) == 2 else None
    root, way = subject.way_to(first.name, beyond) if first is not None else (None, ())
    here = first.origin if first is not None else Origin(subject.environment)
    place = draft.place or (root.origin if root is not None else here)
    return Finding(
        code=draft.code,
        severity=severity,
        message=message,
        environment=subject.environment,
        packages=tuple(str(part) for part in draft.parts),
        path=(root.text, *(str(subject.parts[name]) for name in way)) if root is not None else (),
        place=place,
        lock_place=here if here != place else None,
        hint=draft.hint,
        rule=draft.rule,
        allowed=draft.allowed,
        since_locked=since_locked,
    )

"""Detectors: the rules of the knowledge, held against a lock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envsolver.findings.codes import code_of_rule
from envsolver.findings.draft import Draft
from envsolver.knowledge.rules import Conflicts, Constrains, Finding, Requires, Unusable, admits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envsolver.findings.model import Severity
    from envsolver.findings.subject import Part, Subject
    from envsolver.knowledge.rules import Condition, Effect, Rule, RuleBook

__all__ = ["broken_rules", "severity_of"]


def broken_rules(subject: Subject, book: RuleBook) -> Iterator[Draft]:
    """Yield the rules that do not hold, and what rules have to say to a person."""
    from envsolver.knowledge.rules import RuleBook

    ignored = {rule_id: one.reason for rule_id, one in book.ignored.items()}
    switched_off = RuleBook([one.rule for one in book.ignored.values()])
    for part in subject.parts.values():
        for rule in (*book.for_package(part.name), *switched_off.for_package(part.name)):
            yield from _broken(subject, part, rule, ignored.get(rule.id))


def severity_of(rule: Rule) -> Severity:
    """Return how bad it is that a rule does not hold.

    What breaks an environment is an error where the failure is proven (the rule is hard), else a warning. What is
    merely not supported is a warning.
    """
    if rule.severity == "info":
        return "note"
    return "error" if rule.hard and rule.severity != "unsupported" else "warning"


def _broken(subject: Subject, part: Part, rule: Rule, allowed: str | None) -> Iterator[Draft]:
    if not _concerns(rule, part, subject) or (rule.severity == "build-failure" and part.is_wheel):
        return
    if rule.beside is not None and not _has(subject, rule.beside):
        return
    for effect in rule.effects_on(part.name):
        said = _said(subject, part, rule, effect)
        if said is None:
            continue
        message, severity, parts = said
        yield Draft(
            code=code_of_rule(rule, effect),
            message=message,
            parts=parts,
            severity=severity,
            hint=_hint(rule),
            rule=rule.id,
            allowed=allowed,
            newer=True,
        )


def _concerns(rule: Rule, part: Part, subject: Subject) -> bool:
    from packaging.version import InvalidVersion

    try:
        return rule.applies(part.name, part.version, subject.target)
    except InvalidVersion:  # conda has versions that PEP 440 has not
        return False


def _has(subject: Subject, condition: Condition) -> bool:
    other = subject.parts.get(condition.name)
    return other is not None and _admits(condition.specifier, other)


def _admits(specifier: str, part: Part) -> bool:
    from packaging.version import InvalidVersion

    try:
        return admits(specifier, part.version)
    except InvalidVersion:
        return True


def _said(subject: Subject, part: Part, rule: Rule, effect: Effect) -> tuple[str, Severity, tuple[Part, ...]] | None:
    """Return what to say of an effect that does not hold, how bad it is, and of which packages; None if it holds."""
    match effect:
        case Constrains() | Requires():
            return _misses(subject, part, rule, effect)
        case Conflicts():
            return _clashes(subject, part, rule, effect)
        case Unusable(instead):
            return f"{rule.title}: {part}; {instead} can be used", severity_of(rule), (part,)
        case Finding(advice):
            return f"{rule.title}: {part}. {advice.removesuffix('.')}", "warning" if rule.beside else "note", (part,)
        case _:  # a requirement that was written wrongly is read rightly where a lock is made, and not again
            return None


def _misses(
    subject: Subject, part: Part, rule: Rule, effect: Constrains | Requires
) -> tuple[str, Severity, tuple[Part, ...]] | None:
    other = subject.parts.get(effect.project)
    wanted = f"{effect.project}{effect.specifier}"
    if other is not None:
        if _admits(effect.specifier, other):
            return None
        return f"{rule.title}: {part} beside {other}, not {wanted}", severity_of(rule), (part, other)
    if isinstance(effect, Constrains):
        return None
    return f"{rule.title}: {part} needs {wanted}, which is not there", severity_of(rule), (part,)


def _clashes(
    subject: Subject, part: Part, rule: Rule, effect: Conflicts
) -> tuple[str, Severity, tuple[Part, ...]] | None:
    other = subject.parts.get(effect.project)
    if other is None or not _admits(effect.specifier, other):
        return None
    # Of two that exclude each other, one says it.
    if other.name < part.name and any(one.name == other.name and _admits(one.specifier, other) for one in rule.when):
        return None
    return f"{rule.title}: {part} beside {other}", severity_of(rule), (part, other)


def _hint(rule: Rule) -> str:
    return f"expect: {rule.symptom}" if rule.symptom and not isinstance(rule.effects[0], Finding) else ""

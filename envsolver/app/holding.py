"""What implied bounds and rules do to the packages of a lock, for ``why`` and ``lock``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envsolver.app.holders import Holder, strongest
from envsolver.lock.sentences import bound_sentence, effect_sentence
from envsolver.model.candidate import normalize_name
from envsolver.model.pep508 import parse_requirement
from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envsolver.lock.knowledge import LockedBound, LockedEffect
    from envsolver.lock.model import Lock, LockedPackage
    from envsolver.model.candidate import Name

__all__ = ["BoundFact", "GaveWay", "HeldPackage", "HeldReport", "IgnoredFact", "RuleFact", "facts_about", "held_back"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundFact:
    """An implied bound on a package.

    Attributes:
        below: the first version left out that is newer than the one locked.
        released: when that was uploaded; RFC 3339 UTC instant.
        requirer: the package whose requirement is bounded.
        version: of the requirer.
        uploaded: when that was uploaded.
        sentence: all that in words.
        targets: where it is so; empty for everywhere.
    """

    below: str
    released: str
    requirer: str
    version: str
    uploaded: str
    sentence: str
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleFact:
    """What a rule wants of a package.

    Attributes:
        rule: its id.
        title: what is wrong, in one line.
        package: the other package, whose version the rule is about.
        requirement: what it wants; ``kind`` says how, see :class:`~envsolver.model.rule.RuleEffect`.
        sentence: all that in words.
        targets: where it is so; empty for everywhere.
    """

    rule: str
    title: str
    package: str
    kind: str
    requirement: str
    sentence: str
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GaveWay:
    """A bound or (with ``rule``) a rule that does not hold because nothing resolves with it."""

    package: str
    requirer: str
    rule: str | None
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPackage:
    """A version that could be newer: the bounds on it, the one that came first first, and the rules."""

    package: str
    version: str
    bounds: tuple[BoundFact, ...] = ()
    rules: tuple[RuleFact, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class IgnoredFact:
    """A rule that the spec ignores."""

    rule: str
    title: str
    reason: str
    until: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldReport:
    """What knowledge did to a lock.

    Attributes:
        knowledge: version of it, or None.
        bounded: number of packages that implied bounds hold back.
        held: the packages that bounds or rules hold back, sorted.
    """

    environment: str
    knowledge: str | None
    bounded: int
    held: tuple[HeldPackage, ...]
    gave_way: tuple[GaveWay, ...]
    ignored: tuple[IgnoredFact, ...]


def held_back(lock: Lock) -> HeldReport:
    """Return what implied bounds and rules hold back, what gave way, and what the spec ignores."""
    facts = [facts_about(lock, package) for package in lock.packages]
    return HeldReport(
        environment=lock.name,
        knowledge=lock.knowledge,
        bounded=len({held.package for held in facts if held.bounds}),
        held=tuple(held for held in facts if held.bounds or held.rules),
        gave_way=tuple(gave_way(lock)),
        ignored=tuple(
            IgnoredFact(rule=rule.id, title=rule.title, reason=rule.ignored, until=rule.until)
            for rule in lock.rules
            if rule.ignored is not None
        ),
    )


def facts_about(lock: Lock, package: LockedPackage) -> HeldPackage:
    """Return what keeps newer versions of a package out beside requirements."""
    bounds = [fact for bound in lock.bounds for fact in _bound(lock, bound, package)]
    return HeldPackage(
        package=package.name,
        version=package.version,
        bounds=tuple(sorted(bounds, key=lambda fact: (fact.released, fact.requirer))),
        rules=tuple(_rules(lock, package)),
    )


def gave_way(lock: Lock) -> Iterator[GaveWay]:
    """Yield the bounds and rules that do not hold because nothing resolves with them."""
    for bound in lock.bounds:
        if bound.gave_way:
            yield GaveWay(
                package=bound.package, requirer=bound.requirer, rule=None, sentence=bound_sentence(lock, bound)
            )
    for rule in lock.rules:
        for effect in rule.effects:
            if effect.gave_way:
                yield GaveWay(
                    package=_about(effect) or effect.package,
                    requirer=effect.package,
                    rule=rule.id,
                    sentence=effect_sentence(lock, rule, effect),
                )


def _bound(lock: Lock, bound: LockedBound, package: LockedPackage) -> Iterator[BoundFact]:
    if bound.package != package.name or bound.below is None or not _meets(bound.targets, package.targets):
        return
    yield BoundFact(
        below=bound.below,
        released=bound.released or "",
        requirer=bound.requirer,
        version=bound.version,
        uploaded=bound.uploaded or "",
        sentence=bound_sentence(lock, bound),
        targets=bound.targets,
    )


def _rules(lock: Lock, package: LockedPackage) -> Iterator[RuleFact]:
    for rule in lock.rules:
        for effect in rule.effects:
            about = _about(effect) == package.name and _meets(effect.targets, package.targets)
            if about and not effect.gave_way and _keeps_out(effect, package.version):
                yield RuleFact(
                    rule=rule.id,
                    title=rule.title,
                    package=effect.package,
                    kind=effect.kind,
                    requirement=effect.requirement,
                    sentence=effect_sentence(lock, rule, effect),
                    targets=effect.targets,
                )


def _meets(targets: tuple[str, ...], others: tuple[str, ...]) -> bool:
    return not targets or not others or not set(targets).isdisjoint(others)


def _about(effect: LockedEffect) -> Name | None:
    """Return the project that a rule wants something of; None where it is about a version itself."""
    if effect.kind == "unusable":
        return None
    from packaging.requirements import InvalidRequirement

    try:
        return normalize_name(parse_requirement(effect.requirement).name)
    except InvalidRequirement:  # a lock that somebody wrote by hand
        return None


def _keeps_out(effect: LockedEffect, version: str) -> bool:
    """Say whether a rule keeps out something newer than a version: ``<2`` does, and so may ``!=1.24.*``."""
    specifier = str(parse_requirement(effect.requirement).specifier)
    return effect.kind == "excludes" or bool(strongest([Holder(text="", admits=specifier)], version))

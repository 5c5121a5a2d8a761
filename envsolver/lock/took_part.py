"""Which implied bounds and rules took part in the solutions that a lock is made of."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from envsolver.lock.canonical import bound_key, effect_key, merged
from envsolver.lock.instants import instant
from envsolver.lock.knowledge import LockedBound, LockedEffect, LockedRule
from envsolver.lock.specifiers import upper_bounds

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from envsolver.model.resolution import Edge, Resolution
    from envsolver.model.rule import RuleEffectKind
    from envsolver.model.spec import IgnoredRule

__all__ = ["locked_bounds", "locked_rules"]


def locked_bounds(solved: Mapping[str, Resolution]) -> tuple[LockedBound, ...]:
    """Return the bounds without which a package could be newer, and those that gave way, of all targets."""
    found = [
        (bound, target)
        for target, resolution in solved.items()
        for bound in (*_holding(resolution), *_gave_way(resolution))
    ]
    return tuple(replace(bound, targets=where) for bound, where in merged(found, identity=bound_key, among=solved))


def _holding(resolution: Resolution) -> Iterator[LockedBound]:
    declared: dict[str, list[str]] = {}
    for package in resolution.packages:
        for edge in package.edges:
            if edge.rule is None and edge.specifier:
                declared.setdefault(edge.name, []).append(edge.specifier)
    for held in resolution.held:
        uploaded, released = instant(held.declared), instant(held.uploaded)
        # Where somebody declares as much, nothing is implied.
        if uploaded and released and not any(_excludes(text, held.beyond) for text in declared.get(held.name, ())):
            yield LockedBound(
                package=held.name,
                requirer=held.requirer,
                version=held.version,
                uploaded=uploaded,
                below=held.beyond,
                released=released,
            )


def _excludes(specifier: str, version: str) -> bool:
    return any(not one.contains(version, prereleases=True) for one in upper_bounds(specifier))


def _gave_way(resolution: Resolution) -> Iterator[LockedBound]:
    versions = {package.name: package.version for package in resolution.packages}
    for given in resolution.given_up:
        if given.rule is None and given.name in versions and given.requirer in versions:
            yield LockedBound(
                package=given.name, requirer=given.requirer, version=versions[given.requirer], gave_way=True
            )


def locked_rules(
    solved: Mapping[str, Resolution], *, titles: Mapping[str, str], ignored: Sequence[IgnoredRule]
) -> tuple[LockedRule, ...]:
    """Return the rules that took part on any target, and those that the spec ignores.

    Args:
        solved: solution of each target.
        titles: id of a rule → what it says, in one line.
        ignored: those that the spec ignores.
    """
    found: dict[str, list[tuple[LockedEffect, str]]] = {}
    for target, resolution in solved.items():
        for rule, effect in _effects(resolution):
            found.setdefault(rule, []).append((effect, target))
    took_part = [
        LockedRule(
            id=rule,
            title=titles.get(rule, ""),
            effects=tuple(
                replace(effect, targets=where) for effect, where in merged(effects, identity=effect_key, among=solved)
            ),
        )
        for rule, effects in found.items()
    ]
    switched_off = [
        LockedRule(id=rule.id, title=titles.get(rule.id, ""), ignored=rule.reason, until=rule.until) for rule in ignored
    ]
    return (*took_part, *switched_off)


def _effects(resolution: Resolution) -> Iterator[tuple[str, LockedEffect]]:
    for use in resolution.rules:
        yield (
            use.rule,
            LockedEffect(package=use.name, kind=use.kind, requirement=use.requirement, gave_way=use.gave_way),
        )
    for package in resolution.packages:
        for edge in package.edges:
            if edge.rule is not None:
                kind: RuleEffectKind = "requires" if edge.overridden is None else "replaces"
                yield edge.rule, LockedEffect(package=package.name, kind=kind, requirement=_requirement(edge))


def _requirement(edge: Edge) -> str:
    extras = f"[{','.join(edge.extras)}]" if edge.extras else ""
    return f"{edge.name}{extras}{edge.specifier}"

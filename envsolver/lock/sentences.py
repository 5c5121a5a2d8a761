"""Bounds and rules of a lock in words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envsolver.lock.specifiers import upper_bounds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envsolver.lock.knowledge import LockedBound, LockedEffect, LockedRule
    from envsolver.lock.model import Lock

__all__ = ["bound_sentence", "effect_sentence", "short_version"]

_VERBS = {"constrains": "with", "excludes": "without", "requires": "requires", "replaces": "requires"}


def bound_sentence(lock: Lock, bound: LockedBound) -> str:
    """Say why an implied bound holds a package back, or that it gave way."""
    who = f"{bound.requirer} {bound.version}"
    if bound.below is None or bound.released is None or bound.uploaded is None:
        return f"the implied bound of {who} on {bound.package} gave way: nothing resolves with it"
    says = next(_upper_bounds(lock, bound), "declares no upper bound")
    came = f"{bound.package} {bound.below} came {bound.released[:7]}"
    return f"below {short_version(bound.below)}: {who} ({bound.uploaded[:7]}) {says}, and {came}"


def _upper_bounds(lock: Lock, bound: LockedBound) -> Iterator[str]:
    for package in lock.packages:
        if (package.name, package.version) == (bound.requirer, bound.version):
            for edge in package.dependencies:
                if edge.name == bound.package and (upper := upper_bounds(edge.specifier)):
                    yield f"admits {edge.name}{','.join(map(str, upper))}"


def short_version(version: str) -> str:
    """Return a version as people say it in "below 2": without zeros at its end, which mean nothing (PEP 440)."""
    return re.sub(r"(?:\.0)+$", "", version)


def effect_sentence(lock: Lock, rule: LockedRule, effect: LockedEffect) -> str:
    """Say what a rule does to a package, or that it gave way."""
    versions = {package.version: None for package in lock.packages if package.name == effect.package}
    who = f"{effect.package} {' or '.join(versions)}"
    what = f"{who} {_VERBS[effect.kind]} {effect.requirement}" if effect.kind != "unusable" else f"{who} is unusable"
    title = f"rule {rule.id}: {rule.title}" if rule.title else f"rule {rule.id}"
    return f"{title} ({what}; gave way: nothing resolves with it)" if effect.gave_way else f"{title} ({what})"

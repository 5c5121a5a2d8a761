"""Which packages a choice of groups reaches on a target.

A walk over (package, extra) pairs, because a smaller choice of groups may want fewer extras of the same package. Plain
sets: this runs on every ``lock`` and ``export``, where networkx would cost more than all the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envsolver.lock.model import BASE_GROUP
from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Collection

    from envsolver.lock.model import Lock
    from envsolver.model.candidate import Name

__all__ = ["Reached", "reach", "reached"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """How a package comes to be on a target.

    Attributes:
        extras: those that somebody requests of it, sorted.
        groups: those that bring it, sorted; empty if the base does.
    """

    extras: tuple[str, ...]
    groups: tuple[str, ...]


def reach(lock: Lock, target: str, groups: Collection[str]) -> dict[Name, set[str]]:
    """Return the packages that the requirements of some groups reach, each with the extras that are active.

    Args:
        lock: whose references all resolve on the target.
        target: name of the target.
        groups: names of groups; :data:`~envsolver.lock.model.BASE_GROUP` is one of them only if given.
    """
    packages = lock.packages_on(target)
    reached: dict[Name, set[str]] = {}
    waiting: list[tuple[Name, str | None]] = []

    def want(name: Name, extras: Collection[str]) -> None:
        if name not in reached:
            reached[name] = set()
            waiting.append((name, None))
        fresh = set(extras) - reached[name]
        reached[name] |= fresh
        waiting.extend((name, extra) for extra in fresh)

    for root in lock.roots:
        if root.group in groups and (not root.targets or target in root.targets):
            want(root.name, root.extras)
    while waiting:
        name, extra = waiting.pop()
        for edge in packages[name].edges(target):
            if edge.extra == extra:
                want(edge.name, edge.extras)
    return reached


def reached(lock: Lock, target: str) -> dict[Name, Reached]:
    """Return the packages that the base and all groups reach on a target, and which of them bring each.

    Raises:
        KeyError: something requires a package that the target has not.
    """
    base = reach(lock, target, {BASE_GROUP})
    extras = {name: set(active) for name, active in base.items()}
    groups: dict[Name, set[str]] = {}
    for group in lock.groups:
        for name, active in reach(lock, target, {group}).items():
            extras.setdefault(name, set()).update(active)
            if name not in base:
                groups.setdefault(name, set()).add(group)
    return {
        name: Reached(extras=tuple(sorted(active)), groups=tuple(sorted(groups.get(name, ()))))
        for name, active in extras.items()
    }

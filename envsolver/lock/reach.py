"""Which packages a choice of groups reaches on a target.

A walk over (package, extra) pairs, because a smaller choice of groups may want fewer extras of the same package. Plain
sets: this runs on every ``lock`` and ``export``, where networkx would cost more than all the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from envsolver.lock.model import Lock
    from envsolver.model.candidate import Name

__all__ = ["reach"]


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

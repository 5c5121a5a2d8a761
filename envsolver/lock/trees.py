"""Digests of built environments: which one is recorded, and what of a build stays when a lock is made again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from envsolver.lock.builds import installed, keep_builds
from envsolver.lock.canonical import canonical
from envsolver.lock.condapins import conda_pins, file_key
from envsolver.model.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envsolver.lock.model import Lock, LockedTree

__all__ = ["keep_proofs", "recorded_tree", "with_tree"]


def recorded_tree(lock: Lock, target: str, groups: Sequence[str], *, bytecode: bool) -> str | None:
    """Return the digest that an environment of a lock must have, or None if none was recorded."""
    wanted = tuple(sorted(set(groups)))
    for tree in lock.trees:
        if (tree.target, tree.groups, tree.bytecode) == (target, wanted, bytecode):
            return tree.digest
    return None


def with_tree(lock: Lock, tree: LockedTree) -> Lock:
    """Return the lock with one more digest; it takes the place of the one for the same way to build."""
    way = (tree.target, tree.groups, tree.bytecode)
    others = (one for one in lock.trees if (one.target, one.groups, one.bytecode) != way)
    return canonical(replace(lock, trees=(*others, tree)))


def keep_proofs(old: Lock | None, new: Lock) -> Lock:
    """Return a lock that was made again with what the old one says of how it was built, as far as that still holds.

    That is: builds of source archives that it still needs, and digests of environments that are the same in both.
    """
    if old is None:
        return new
    if old.builds:
        new = keep_builds(old, new)
    if not old.trees:
        return new
    return canonical(replace(new, trees=tuple(tree for tree in old.trees if _same(old, new, tree))))


def _same(old: Lock, new: Lock, tree: LockedTree) -> bool:
    if old.python.split(".")[:2] != new.python.split(".")[:2]:
        return False
    try:
        before, after = (_content(lock, tree) for lock in (old, new))
    except (UsageError, StopIteration):
        return False  # a platform or a group is gone
    return before == after


def _content(lock: Lock, tree: LockedTree) -> list[tuple[str, str | None, str | None]]:
    target = next(target for target in lock.targets if target.name == tree.target)
    if lock.target(target.platform, tree.groups) != target:
        raise StopIteration
    pins = installed(lock, lock.select(target.platform, tree.groups), target.platform)
    conda = [(pin.package.name, file_key(pin.file), None) for pin in conda_pins(lock, target.name)]
    return [*((pin.package.name, pin.file.sha256, pin.file.reference) for pin in pins), *conda]

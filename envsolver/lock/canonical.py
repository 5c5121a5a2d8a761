"""The one order in which a lock is written. Equal content has equal values, so text, digest and diff can rely on it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from envsolver.lock.knowledge import LockedBound, LockedEffect, LockedRule
    from envsolver.lock.model import Dependency, Lock, LockedFile, LockedPackage, LockedRoot, LockedTarget

__all__ = ["bound_key", "canonical", "edge_key", "effect_key", "file_key", "merged", "root_key", "scope"]

_T = TypeVar("_T")


def canonical(lock: Lock) -> Lock:
    """Return the lock with everything sorted, and with ``targets`` left out where they are all of what encloses them.

    Solved twice is sorted once: ``canonical(canonical(lock)) == canonical(lock)``.
    """
    order = {group: at for at, group in enumerate(group for members in lock.exclusive for group in members)}

    def target_key(target: LockedTarget) -> tuple[str, list[int], str]:
        return target.platform, sorted(order.get(group, -1) for group in target.choice), target.name

    targets = tuple(sorted(lock.targets, key=target_key))
    names = tuple(target.name for target in targets)
    roots = (replace(root, targets=scope(root.targets, names)) for root in lock.roots)
    packages = (_package(package, names) for package in lock.packages)
    return replace(
        lock,
        targets=targets,
        roots=tuple(sorted(roots, key=root_key)),
        packages=tuple(sorted(packages, key=lambda package: (package.name, package.version))),
        groups=tuple(sorted(lock.groups)),
        bases=tuple(sorted(lock.bases, key=lambda base: base.name)),
        indexes=tuple(sorted(lock.indexes, key=lambda index: (index.alias, index.url))),
        bounds=tuple(
            sorted((replace(bound, targets=scope(bound.targets, names)) for bound in lock.bounds), key=bound_key)
        ),
        rules=tuple(sorted((_rule(rule, names) for rule in lock.rules), key=lambda rule: rule.id)),
        builds=tuple(
            sorted(
                (replace(one, files=tuple(sorted(one.files, key=lambda file: file.name))) for one in lock.builds),
                key=lambda one: (one.name, one.version, one.platform, one.source),
            )
        ),
        trees=tuple(
            sorted(
                (replace(tree, groups=tuple(sorted(tree.groups))) for tree in lock.trees),
                key=lambda tree: (tree.target, tree.groups, not tree.bytecode),
            )
        ),
    )


def scope(where: Iterable[str], names: tuple[str, ...]) -> tuple[str, ...]:
    """Return some of the names in the order of all, or nothing where it is all of them. What is unknown comes last."""
    mine = set(where)
    if mine == set(names):
        return ()
    return (*(name for name in names if name in mine), *sorted(mine.difference(names)))


def merged(
    found: Iterable[tuple[_T, str]], *, identity: Callable[[_T], tuple[str, ...]], among: Iterable[str]
) -> list[tuple[_T, tuple[str, ...]]]:
    """Return equal values once, each with the targets that have it.

    Args:
        found: values, each with the name of a target.
        identity: what makes two values equal.
        among: names of all targets; a value that all of them have gets none.
    """
    values: dict[tuple[str, ...], _T] = {}
    where: dict[tuple[str, ...], set[str]] = {}
    for value, target in found:
        key = identity(value)
        values.setdefault(key, value)
        where.setdefault(key, set()).add(target)
    names = tuple(among)
    return [(values[key], scope(where[key], names)) for key in values]


def root_key(root: LockedRoot) -> tuple[str, ...]:
    """Return what roots are sorted by: the base first, then the groups by name."""
    return (root.group, root.name, root.text, root.spec, root.project or "", *root.extras)


def edge_key(edge: Dependency) -> tuple[str, ...]:
    """Return the identity of a dependency, whatever its targets."""
    return (
        edge.name,
        edge.extra or "",
        edge.specifier,
        edge.marker or "",
        edge.declared or "",
        edge.rule or "",
        edge.project or "",
        *edge.extras,
    )


def file_key(file: LockedFile) -> tuple[str, ...]:
    """Return the identity of a file, whatever its targets. Size, path and upload time add nothing to its digest."""
    source = (file.index, file.url or "", file.commit or "")
    return (file.filename, file.subdir or "", *source, file.sha256 or "", file.provenance, file.requirements)


def bound_key(bound: LockedBound) -> tuple[str, ...]:
    """Return the identity of a bound, whatever its targets."""
    times = (bound.uploaded or "", bound.released or "")
    return (bound.package, bound.requirer, bound.version, bound.below or "", *times, str(bound.gave_way))


def effect_key(effect: LockedEffect) -> tuple[str, ...]:
    """Return the identity of what a rule said, whatever its targets."""
    return (effect.package, effect.requirement, effect.kind, str(effect.gave_way))


def _rule(rule: LockedRule, names: tuple[str, ...]) -> LockedRule:
    effects = (replace(effect, targets=scope(effect.targets, names)) for effect in rule.effects)
    return replace(rule, effects=tuple(sorted(effects, key=effect_key)))


def _package(package: LockedPackage, names: tuple[str, ...]) -> LockedPackage:
    mine = scope(package.targets, names)
    inner = mine or names
    edges = (replace(edge, targets=scope(edge.targets, inner)) for edge in package.dependencies)
    files = (replace(file, targets=scope(file.targets, inner)) for file in package.files)
    return replace(
        package,
        extras=tuple(sorted(package.extras)),
        groups=tuple(sorted(package.groups)),
        targets=mine,
        dependencies=tuple(sorted(edges, key=edge_key)),
        files=tuple(sorted(files, key=file_key)),
    )

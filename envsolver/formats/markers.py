"""Markers that say for which platforms and groups of a lock an entry is."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from envsolver.model.target import KNOWN_PLATFORMS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from envsolver.lock.model import Lock

__all__ = ["all_of", "any_of", "choice_marker", "group_marker", "platform_marker", "platforms_of"]


_ANY_PYTHON = "3.11.0"


def platform_marker(platforms: Iterable[str]) -> str:
    """Return a PEP 508 marker that holds on exactly these of the known platforms."""
    facts = (KNOWN_PLATFORMS[platform] for platform in sorted(set(platforms)))
    clauses = [
        all_of([f'sys_platform == "{fact.sys_platform}"', f'platform_machine == "{fact.platform_machine}"'])
        for fact in facts
    ]
    return any_of(clauses)


def platforms_of(marker: str) -> tuple[str, ...]:
    """Return the known platforms on which a marker holds that speaks of platforms alone."""
    from packaging.markers import Marker

    from envsolver.model.target import Target

    parsed = Marker(marker)
    targets = (Target(platform=platform, python=_ANY_PYTHON) for platform in KNOWN_PLATFORMS)
    return tuple(one.platform for one in targets if parsed.evaluate(dict(one.marker_environment)))


def group_marker(groups: Iterable[str]) -> str:
    """Return a marker that holds if any of the dependency groups is installed (PEP 751)."""
    return any_of([f'"{group}" in dependency_groups' for group in groups])


def choice_marker(lock: Lock, platform: str, choices: Iterable[Sequence[str]]) -> str | None:
    """Return a marker on the exclusive groups under which a platform is served by one of some solutions.

    Args:
        lock: that has the exclusive sets.
        platform: of the solutions.
        choices: of the solutions; None is returned if they are all that the platform has.
    """
    mine = {tuple(choice) for choice in choices}
    if all(target.choice in mine for target in lock.targets if target.platform == platform):
        return None
    clauses = []
    for chosen in product(*((None, *members) for members in lock.exclusive)):
        wanted = {group for group in chosen if group is not None}
        if any(len(wanted.intersection(members)) > 1 for members in lock.exclusive):
            continue
        if lock.target(platform, wanted).choice in mine:
            every = dict.fromkeys(group for members in lock.exclusive for group in members)
            clauses.append(all_of([f'"{g}" {"in" if g in wanted else "not in"} dependency_groups' for g in every]))
    return any_of(list(dict.fromkeys(clauses)))


def any_of(clauses: Sequence[str]) -> str:
    """Join clauses with ``or``; those that hold an ``or`` themselves need no parentheses for it."""
    return " or ".join(clauses)


def all_of(clauses: Sequence[str]) -> str:
    """Join clauses with ``and``, in parentheses where they hold an ``or``."""
    if len(clauses) == 1:
        return clauses[0]
    return " and ".join(f"({clause})" if " or " in clause else clause for clause in clauses)

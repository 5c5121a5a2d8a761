"""Which commits of the old lock stay: a branch moves, and what stands on it is locked until it is asked for anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envsolver.model.candidate import normalize_name
from envsolver.model.pep508 import parse_requirement

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envsolver.lock.model import Lock
    from envsolver.model.candidate import Name
    from envsolver.model.spec import Spec

__all__ = ["kept_commits"]

_GIT = " @ git+"


def kept_commits(spec: Spec, keep: Lock | None, moving: frozenset[Name]) -> Mapping[tuple[Name, str], str]:
    """Return the commits that the spec's references to git repositories keep.

    One stays if the spec still asks for it in the same words (repository, branch or tag, subdirectory).

    Args:
        spec: after ``extends``.
        keep: the old lock, None if nothing of it is kept.
        moving: packages that keep nothing.

    Returns:
        Project and URL, as the spec has it, to the full name of a commit.
    """
    wanted = [each for each in (*spec.requirements, *spec.overrides) if _GIT in each.text]
    if keep is None or not wanted:
        return {}
    from envsolver.lock.urls import public_url

    locked = {(root.name, parse_requirement(root.text).url) for root in keep.roots if _GIT in root.text}
    kept = {}
    for each in wanted:
        requirement = parse_requirement(each.text)
        name, url = normalize_name(requirement.name), requirement.url or ""
        if name not in moving and (name, public_url(url)) in locked:
            commits = (file.commit for package in keep.versions(name) for file in package.files if file.commit)
            if (commit := next(commits, None)) is not None:
                kept[name, url] = commit
    return kept

"""The graph of a lock as people ask for it: as a tree, and why a package is in it, at this version."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from envsolver.app.holding import facts_about, gave_way
from envsolver.lock.graph import tree as tree_lines
from envsolver.lock.graph import why as why_on
from envsolver.lock.model import BASE_GROUP
from envsolver.model.candidate import normalize_name
from envsolver.model.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from envsolver.app.holding import BoundFact, GaveWay, RuleFact
    from envsolver.lock.graph import TreeLine, Way, Why
    from envsolver.lock.model import Dependency, Lock, LockedFile, LockedPackage, LockedRoot
    from envsolver.model.spec import Spec

__all__ = ["Artefact", "Hop", "Reason", "Tree", "TreeRow", "WhyReport", "tree_of", "why"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeRow:
    """One line of a tree.

    Attributes:
        depth: 0 at the top.
        requirement: by which it hangs from the line above (inverted: by which it requires that line), such as
            ``numpy>=1.21``; empty at the top, and where it asks for no version or extra.
        extra: the extra of the requiring package that brings it, or None.
        groups: the groups that bring the package where the base does not.
        repeated: it stands with its branches further up.
        last: no line of the same depth follows below the same package.
    """

    depth: int
    name: str
    version: str
    requirement: str = ""
    extra: str | None = None
    groups: tuple[str, ...] = ()
    repeated: bool = False
    last: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """The lines of a tree, top down; the platform that it is of, and the others of the lock."""

    environment: str
    platform: str
    other_platforms: tuple[str, ...]
    rows: tuple[TreeRow, ...]


def tree_of(
    lock: Lock,
    *,
    package: str | None = None,
    platform: str | None = None,
    groups: Sequence[str] = (),
    depth: int | None = None,
    invert: bool = False,
) -> Tree:
    """Return the packages of one platform as a tree.

    Args:
        lock: of the environment.
        package: begin at this package instead of at the requirements of the spec.
        platform: the first of the lock if None.
        groups: those to draw beside the base; all that were solved together if empty.
        depth: how many levels to draw below the top; all if None.
        invert: draw below each package who requires it.

    Raises:
        UsageError: there is no such platform, group or package.
    """
    chosen = platform or lock.platforms[0]
    lines = tree_lines(lock, chosen, groups or None, package=package, depth=depth, invert=invert)
    return Tree(
        environment=lock.name,
        platform=chosen,
        other_platforms=tuple(other for other in lock.platforms if other != chosen),
        rows=tuple(_row(line) for line in lines),
    )


def _row(line: TreeLine) -> TreeRow:
    extras = {edge.extra for edge in line.by}
    return TreeRow(
        depth=line.depth,
        name=line.package.name,
        version=line.package.version,
        requirement=", ".join(dict.fromkeys(_requirement(edge) for edge in line.by if edge.specifier or edge.extras)),
        extra=next(iter(extras)) if len(extras) == 1 else None,
        groups=line.package.groups,
        repeated=line.repeated,
        last=line.last,
    )


def _requirement(edge: Dependency) -> str:
    extras = f"[{','.join(edge.extras)}]" if edge.extras else ""
    return f"{edge.name}{extras}{edge.specifier}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One step on the way from the spec to a package: who requires what, and by which extra of his."""

    name: str
    version: str
    requires: str
    extra: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One way in which the spec brings a package.

    Attributes:
        requirement: of the spec, as written.
        place: ``file:line`` of it, or the file alone where the spec has changed since.
        group: in which it stands; empty for the base.
        hops: the shortest way from it to the package; empty if it names the package itself.
        targets: where it does so.
    """

    requirement: str
    place: str
    group: str
    hops: tuple[Hop, ...]
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Artefact:
    """Where the bytes of a package come from. ``source`` is the index or, for a direct reference, its URL.

    Attributes:
        filename: empty for a VCS checkout.
        uploaded: RFC 3339 UTC instant, or None.
        provenance: ``seen``, or how a frozen index came to know of the file.
        requirements: how well its requirements are known.
        targets: which it serves.
    """

    source: str
    filename: str
    sha256: str | None
    size: int | None
    uploaded: str | None
    provenance: str
    requirements: str
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyReport:
    """Why one version of a package is in a lock.

    Attributes:
        targets: where it is.
        reasons: the ways that lead to it, shortest first.
        required_by: all packages that require it, with their requirements.
        held_by: what admits no arbitrarily new version of it; empty if nothing does.
        bounds: the implied bounds among that.
        rules: the rules among that.
        gave_way: bounds and rules that do not hold because nothing resolves with them.
    """

    name: str
    version: str
    extras: tuple[str, ...]
    targets: tuple[str, ...]
    artefacts: tuple[Artefact, ...]
    reasons: tuple[Reason, ...]
    required_by: tuple[str, ...]
    held_by: tuple[str, ...]
    bounds: tuple[BoundFact, ...] = ()
    rules: tuple[RuleFact, ...] = ()
    gave_way: tuple[GaveWay, ...] = ()


def why(lock: Lock, spec: Spec, package: str) -> tuple[WhyReport, ...]:
    """Return why a package is locked: one report for each version of it.

    Raises:
        UsageError: the lock has no such package.
    """
    if not lock.versions(package):
        why_on(lock, package, lock.platforms[0])  # raises with the nearest names
        raise UsageError(f"the lock of {lock.name} has no package {package!r}")
    places = {(item.text, item.group, item.origin.path): str(item.origin) for item in spec.requirements}
    return tuple(_report(lock, spec, locked, places) for locked in lock.versions(package))


def _report(lock: Lock, spec: Spec, locked: LockedPackage, places: Mapping[tuple[str, str, str], str]) -> WhyReport:
    targets = tuple(target for target in lock.targets if locked.on(target.name))
    ways: dict[tuple[str, str, str, tuple[Hop, ...]], list[str]] = {}
    required_by: dict[str, None] = {}
    held_by: dict[str, None] = {}
    for target in targets:
        # With all groups of the target: one that is excluded there brings nothing to it.
        groups = [group for group in lock.groups if group in target.choice or not _is_exclusive(lock, group)]
        found = why_on(lock, locked.name, target.platform, groups)
        for way in found.ways:
            key = (way.root.text, _place(way.root, places), way.root.group, tuple(_hops(way)))
            ways.setdefault(key, []).append(target.name)
        for text, holds in _demands(lock, found, places):
            required_by[text] = None
            if holds:
                held_by[text] = None
    knowledge = facts_about(lock, locked)
    # What a rule requires or replaces is a requirement, which has been told already.
    held_by |= dict.fromkeys(rule.sentence for rule in knowledge.rules if rule.kind in {"constrains", "excludes"})
    held_by |= dict.fromkeys(bound.sentence for bound in knowledge.bounds)
    held_by |= dict.fromkeys(_bounds_of_spec(spec, locked))
    return WhyReport(
        name=locked.name,
        version=locked.version,
        extras=locked.extras,
        targets=tuple(target.name for target in targets),
        artefacts=tuple(_artefact(file, locked) for file in locked.files),
        reasons=tuple(
            Reason(requirement=text, place=place, group=group, hops=hops, targets=tuple(where))
            for (text, place, group, hops), where in ways.items()
        ),
        required_by=tuple(required_by),
        held_by=tuple(held_by),
        bounds=knowledge.bounds,
        rules=knowledge.rules,
        gave_way=tuple(given for given in gave_way(lock) if locked.name in {given.package, given.requirer}),
    )


def _is_exclusive(lock: Lock, group: str) -> bool:
    return any(group in members for members in lock.exclusive)


def _place(root: LockedRoot, places: Mapping[tuple[str, str, str], str]) -> str:
    return places.get((root.text, root.group, root.spec), root.spec)


def _hops(way: Way) -> Iterator[Hop]:
    for step in way.steps:
        package = step.package
        yield Hop(name=package.name, version=package.version, requires=_requirement(step.by), extra=step.by.extra)


def _demands(lock: Lock, found: Why, places: Mapping[tuple[str, str, str], str]) -> Iterator[tuple[str, bool]]:
    """Yield each direct requirement on a package in words, and whether it keeps newer versions out."""
    for way in found.ways:
        if not way.steps:
            group = f" (group {way.root.group})" if way.root.group != BASE_GROUP else ""
            yield f"{_place(way.root, places)} requires {way.root.text}{group}", _bounded(way.root.text)
    for parent in found.parents:
        for edge in parent.by:
            text = f"{parent.package.name} {parent.package.version} requires {_requirement(edge)}"
            yield f"{text}{_remark(lock, edge)}", _bounded(_requirement(edge))


def _remark(lock: Lock, edge: Dependency) -> str:
    """Say where a requirement comes from that the package does not declare like this."""
    declared = "" if edge.declared is None else f"declared: {edge.declared or 'any version'}"
    if edge.rule is None:
        return f" (overridden; {declared})" if declared else ""
    title = next((rule.title for rule in lock.rules if rule.id == edge.rule), "")
    by_rule = f"rule {edge.rule}: {title}" if title else f"rule {edge.rule}"
    return f" ({by_rule}; {declared})" if declared else f" ({by_rule})"


def _bounds_of_spec(spec: Spec, locked: LockedPackage) -> Iterator[str]:
    for constraint in spec.constraints:
        if _project(constraint.text) == locked.name:
            because = f": {constraint.reason}" if constraint.reason else ""
            yield f"{constraint.origin} constrains {constraint.text}{because}"
    if spec.as_of is not None:
        yield f"{spec.origin} takes no files uploaded after {spec.as_of} (as-of)"


def _project(requirement: str) -> str:
    from packaging.requirements import Requirement

    return normalize_name(Requirement(requirement).name)


def _bounded(requirement: str) -> bool:
    """Say whether a requirement has an upper bound, or names one file: newer releases may not satisfy it."""
    from packaging.requirements import Requirement

    parsed = Requirement(requirement)
    upper = {"==", "===", "~=", "<", "<="}
    return parsed.url is not None or any(specifier.operator in upper for specifier in parsed.specifier)


def _artefact(file: LockedFile, locked: LockedPackage) -> Artefact:
    return Artefact(
        source=file.reference or file.index,
        filename=file.filename,
        sha256=file.sha256,
        size=file.size,
        uploaded=file.uploaded,
        provenance=file.provenance,
        requirements=file.requirements,
        targets=file.targets or locked.targets,
    )

"""Why a package is in a lock, and at this version: the ways that lead to it, who requires it, what holds it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envsolver.app.bases import frozen_lines
from envsolver.app.condaside import conda_requirements
from envsolver.app.holders import Holder, strongest
from envsolver.app.holding import facts_about, gave_way
from envsolver.lock.graph import why as why_on
from envsolver.lock.model import BASE_GROUP
from envsolver.lock.specifiers import requirement_text, versions_of
from envsolver.model.candidate import is_conda, normalize_name
from envsolver.model.errors import UsageError
from envsolver.model.origin import Origin
from envsolver.model.pep508 import parse_requirement
from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from envsolver.app.bases import Base
    from envsolver.app.holding import BoundFact, GaveWay, HeldPackage, RuleFact
    from envsolver.lock.graph import Way, Why
    from envsolver.lock.model import Dependency, Lock, LockedFile, LockedPackage, LockedRoot, LockedTarget
    from envsolver.model.spec import Spec
    from envsolver.model.target import Target

    Places = Mapping[tuple[str, str, str], Origin]

__all__ = ["Artefact", "Hop", "Reason", "WhyReport", "why"]


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
        reasons: the ways that lead to it, shortest first, those of one length as they stand in the spec.
        required_by: all that require it, the spec first, with their requirements; with the targets where it is not so
            on all of them.
        held_by: what admits no arbitrarily new version of it, without what something else makes superfluous; empty if
            nothing does. Targets as above.
        bounds: the implied bounds on it.
        rules: the rules about it.
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


def why(lock: Lock, spec: Spec, package: str, bases: Sequence[Base] = ()) -> tuple[WhyReport, ...]:
    """Return why a package is locked: one report for each version of it.

    Args:
        lock: the lock.
        spec: that was locked.
        package: its name.
        bases: the environments that it builds on top of, as they were when it was locked.

    Raises:
        UsageError: the lock has no such package.
    """
    if not lock.versions(package):
        why_on(lock, package, lock.platforms[0])  # raises with the nearest names
        raise UsageError(f"the lock of {lock.name} has no package {package!r}")
    written = (*spec.requirements, *conda_requirements(spec))
    places = {(item.text, item.group, item.origin.path): item.origin for item in written}
    return tuple(_report(lock, spec, locked, places, bases) for locked in lock.versions(package))


def _report(lock: Lock, spec: Spec, locked: LockedPackage, places: Places, bases: Sequence[Base]) -> WhyReport:
    targets = tuple(target for target in lock.targets if locked.on(target.name))
    knowledge = facts_about(lock, locked)
    reasons: dict[tuple[str, Origin, str, tuple[Hop, ...]], list[str]] = {}
    required_by: dict[str, list[str]] = {}
    held_by: dict[str, list[str]] = {}
    for target in targets:
        # With all groups of the target: one that is excluded there brings nothing to it.
        groups = [group for group in lock.groups if group in target.choice or not _is_exclusive(lock, group)]
        found = why_on(lock, locked.name, target.platform, groups)
        for way in found.ways:
            key = (way.root.text, _place(way.root, places), way.root.group, tuple(_hops(way)))
            reasons.setdefault(key, []).append(target.name)
        demands = list(_demands(lock, found, places))
        for demand in demands:
            required_by.setdefault(demand.text, []).append(target.name)
        frozen = _frozen(bases, locked, target.to_target(lock.python), target.choice)
        holders = [*demands, *_known(knowledge, target), *_constraints(spec, locked, target), *frozen]
        held = strongest(holders, locked.version)
        for holder in held or _as_of(spec):
            held_by.setdefault(holder.text, []).append(target.name)
    names = tuple(target.name for target in targets)
    return WhyReport(
        name=locked.name,
        version=locked.version,
        extras=locked.extras,
        targets=names,
        artefacts=tuple(_artefact(file, locked) for file in locked.files),
        reasons=tuple(
            Reason(requirement=text, place=str(place), group=group, hops=hops, targets=tuple(where))
            for (text, place, group, hops), where in sorted(
                reasons.items(), key=lambda item: (len(item[0][3]), item[0][1], item[0][0], item[0][2])
            )
        ),
        required_by=tuple(_where(required_by, names)),
        held_by=tuple(_where(held_by, names)),
        bounds=knowledge.bounds,
        rules=knowledge.rules,
        gave_way=tuple(given for given in gave_way(lock) if locked.name in {given.package, given.requirer}),
    )


def _where(said: Mapping[str, list[str]], everywhere: tuple[str, ...]) -> Iterator[str]:
    """Yield sentences, with the targets behind those that do not hold on all of them."""
    for text, targets in said.items():
        yield text if len(targets) == len(everywhere) else f"{text} (on {', '.join(targets)})"


def _is_exclusive(lock: Lock, group: str) -> bool:
    return any(group in members for members in lock.exclusive)


def _place(root: LockedRoot, places: Places) -> Origin:
    return places.get((root.text, root.group, root.spec), Origin(root.spec))


def _hops(way: Way) -> Iterator[Hop]:
    for step in way.steps:
        package = step.package
        yield Hop(name=package.name, version=package.version, requires=requirement_text(step.by), extra=step.by.extra)


def _demands(lock: Lock, found: Why, places: Places) -> Iterator[Holder]:
    """Yield each direct requirement on a package, those of the spec in its order, then those of packages by name."""
    direct = [(_place(way.root, places), way.root) for way in found.ways if not way.steps]
    for place, root in sorted(direct, key=lambda item: (item[0], item[1].group, item[1].text)):
        group = f" (group {root.group})" if root.group != BASE_GROUP else ""
        yield Holder(text=f"{place} requires {root.text}{group}", admits=_admitted(root))
    for parent in found.parents:
        for edge in parent.by:
            text = f"{parent.package.name} {parent.package.version} requires {requirement_text(edge)}"
            of_conda = is_conda(edge.name) and edge.project is None
            admits = versions_of(edge.specifier) if of_conda else edge.specifier
            yield Holder(text=f"{text}{_remark(lock, edge)}", admits=admits)


def _admitted(root: LockedRoot) -> str | None:
    """Return the specifier of the versions that a requirement of the spec admits, None for a direct reference."""
    if is_conda(root.name) and root.project is None:
        return versions_of(root.text)
    parsed = parse_requirement(root.text)
    return None if parsed.url else str(parsed.specifier)


def _remark(lock: Lock, edge: Dependency) -> str:
    """Say where a requirement comes from that the package does not declare like this."""
    declared = "" if edge.declared is None else f"declared: {edge.declared or 'any version'}"
    if edge.rule is None:
        return f" (overridden; {declared})" if declared else ""
    title = next((rule.title for rule in lock.rules if rule.id == edge.rule), "")
    by_rule = f"rule {edge.rule}: {title}" if title else f"rule {edge.rule}"
    return f" ({by_rule}; {declared})" if declared else f" ({by_rule})"


def _known(knowledge: HeldPackage, target: LockedTarget) -> Iterator[Holder]:
    """Yield what rules and implied bounds hold on a target."""
    for rule in knowledge.rules:
        # What a rule requires or replaces is a requirement, which has been told already.
        if rule.kind == "constrains" and _holds_on(rule.targets, target):
            yield Holder(text=rule.sentence, admits=str(parse_requirement(rule.requirement).specifier))
        elif rule.kind == "excludes" and _holds_on(rule.targets, target):
            yield Holder(text=rule.sentence, excludes=str(parse_requirement(rule.requirement).specifier))
    for bound in knowledge.bounds:
        if _holds_on(bound.targets, target):
            yield Holder(text=bound.sentence, admits=f"<{bound.below}")


def _holds_on(targets: tuple[str, ...], target: LockedTarget) -> bool:
    return not targets or target.name in targets


def _constraints(spec: Spec, locked: LockedPackage, target: LockedTarget) -> Iterator[Holder]:
    """Yield the constraints of the spec on a package that apply on a target."""
    for constraint in spec.constraints:
        parsed = parse_requirement(constraint.text)
        if normalize_name(parsed.name) != locked.name:
            continue
        # A platform that the spec has dropped since has no markers to evaluate.
        known = target.platform in spec.platforms
        if parsed.marker and known and not parsed.marker.evaluate(spec.target(target.platform).marker_environment):
            continue
        because = f": {constraint.reason}" if constraint.reason else ""
        yield Holder(text=f"{constraint.origin} constrains {constraint.text}{because}", admits=str(parsed.specifier))


def _frozen(bases: Sequence[Base], locked: LockedPackage, target: Target, choice: Iterable[str]) -> Iterator[Holder]:
    """Yield what frozen bases say of a package: its version there may not move."""
    for line in frozen_lines(bases, target, choice) if bases else ():
        name, _, version = line.text.partition("==")
        if name == locked.name:
            text = f"{line.origin} has {line.text} (frozen: the base {line.base} has this version)"
            yield Holder(text=text, admits=f"=={version}")


def _as_of(spec: Spec) -> Iterable[Holder]:
    """Return the moment of the spec from which on files do not exist: what else could have come is not in a lock."""
    if spec.as_of is None:
        return []
    moment = spec.as_of.removesuffix("T00:00:00Z")
    place = spec.as_of_origin or spec.origin
    return [Holder(text=f"{place} takes no files uploaded after as-of {moment}, and nothing else bounds it", admits="")]


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

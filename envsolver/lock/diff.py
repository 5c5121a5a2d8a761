"""What differs between two locks, as values and in words."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal, TypedDict

from envsolver.lock.diffparts import BuildChange, SizeChange, build_changes, size_changes
from envsolver.lock.sentences import bound_sentence, effect_sentence
from envsolver.lock.specifiers import admission
from envsolver.model.candidate import normalize_name
from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from envsolver.lock.knowledge import LockedBound, LockedEffect
    from envsolver.lock.model import Dependency, Lock, LockedFile, LockedPackage
    from envsolver.model.candidate import Name

__all__ = ["BuildChange", "Change", "ChangeKind", "LockDiff", "Setting", "SizeChange", "diff_locks"]

ChangeKind = Literal["added", "removed", "upgraded", "downgraded", "rehashed", "reindexed", "refiled", "rewired"]
"""``rehashed``: an index serves other bytes under the same file name. ``reindexed``: the file is from another index.
``refiled``: another file of the same version. ``rewired``: the same file, but its dependencies, extras or groups
changed."""

_FEW = 3
"""Reasons that are named of many: a package may be required by fifty others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A fact of the lock as a whole: its old and its new value, None where it was or is not there."""

    what: str
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A project that is not what it was.

    Attributes:
        name: of the project.
        kind: the most important thing that happened.
        old: version, None if added.
        new: version, None if removed.
        targets: names of the targets on which it changed so; empty for all that both locks have.
        details: what else there is to say of the change, a line each.
        reasons: who made it move, as far as the two locks tell, a line each.
        direct: whether the spec itself requires it, now or before.
        old_size: bytes of its file, None if added or not known.
        new_size: the same, None if removed or not known.
        old_license: that its wheel declares; None unless that was asked for, or where it is not known.
        new_license: the same of the new one.
    """

    name: Name
    kind: ChangeKind
    old: str | None
    new: str | None
    targets: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    direct: bool = False
    old_size: int | None = None
    new_size: int | None = None
    old_license: str | None = None
    new_license: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LockDiff:
    """All that differs in meaning between two locks; false if nothing does.

    Attributes:
        name: of the environment, in the new lock.
        settings: Python, targets, groups, indexes and requirements of the spec, and the environments that it builds on.
        changes: packages on targets that both locks have, in the order in which they are best looked at: other bytes
            under an old name and other indexes, then what went back, what the spec requires, what else moved, what is
            new and what is gone, and last what only has other dependencies.
        builds: what source archives are built with.
        sizes: what is downloaded for a target, where that changed.
    """

    name: str
    settings: tuple[Setting, ...]
    changes: tuple[Change, ...]
    builds: tuple[BuildChange, ...] = ()
    sizes: tuple[SizeChange, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.settings or self.changes or self.builds)


def diff_locks(old: Lock, new: Lock) -> LockDiff:
    """Compare two locks. Hints, such as the paths on a mirror, do not count."""
    before = {target.name for target in old.targets}
    common = [target.name for target in new.targets if target.name in before]
    found: dict[Change, list[str]] = {}
    reasons: dict[Change, dict[str, None]] = {}
    for target in common:
        for change in _changes(old, new, target):
            # One change on several targets, though not everywhere for the same reasons.
            key = replace(change, reasons=())
            found.setdefault(key, []).append(target)
            reasons.setdefault(key, {}).update(dict.fromkeys(change.reasons))
    changes = (
        replace(
            change, targets=() if len(where) == len(common) else tuple(where), reasons=tuple(reasons[change])[:_FEW]
        )
        for change, where in found.items()
    )
    return LockDiff(
        name=new.name,
        settings=tuple(_settings(old, new)),
        changes=tuple(sorted(changes, key=_order)),
        builds=build_changes(old, new),
        sizes=tuple(size_changes(old, new, common)),
    )


_RANKS: dict[ChangeKind, int] = {
    "rehashed": 0,
    "reindexed": 1,
    "downgraded": 2,
    "upgraded": 3,
    "added": 5,
    "removed": 6,
    "refiled": 7,
    "rewired": 8,
}


def _order(change: Change) -> tuple[int, bool, str, str, str]:
    return _RANKS[change.kind], not change.direct, change.name, change.old or "", change.new or ""


# --- Settings -------------------------------------------------------------------------------------------------------


def _settings(old: Lock, new: Lock) -> Iterator[Setting]:
    if old.python != new.python:
        yield Setting(what="Python", old=old.python, new=new.python)
    yield from _pairs("target", {t.name: _system(t.glibc, t.macos) for t in old.targets}, _systems(new))
    yield from _pairs("group", dict.fromkeys(old.groups, ""), dict.fromkeys(new.groups, ""))
    yield from _pairs("index", {i.alias: i.url for i in old.indexes}, {i.alias: i.url for i in new.indexes})
    yield from _pairs("requirement", _requirements(old), _requirements(new))
    yield from _pairs("ignored rule", _ignored(old), _ignored(new))
    yield from _pairs("base", _bases(old), _bases(new))
    if old.knowledge != new.knowledge:
        yield Setting(what="knowledge", old=old.knowledge, new=new.knowledge)


def _ignored(lock: Lock) -> dict[str, str]:
    return {rule.id: rule.ignored for rule in lock.rules if rule.ignored is not None}


def _bases(lock: Lock) -> dict[str, str]:
    return {base.name: f"{base.digest[:19]}…{' (frozen)' if base.frozen else ''}" for base in lock.bases}


def _systems(lock: Lock) -> dict[str, str]:
    return {target.name: _system(target.glibc, target.macos) for target in lock.targets}


def _system(glibc: str | None, macos: str | None) -> str:
    return f"glibc {glibc}" if glibc else f"macOS {macos}" if macos else ""


def _pairs(what: str, old: dict[str, str], new: dict[str, str]) -> Iterator[Setting]:
    """Yield what is new, gone, or has another value; an empty value says nothing beyond its key."""
    for key in sorted(old.keys() | new.keys()):
        was, now = old.get(key), new.get(key)
        if was != now:
            yield Setting(what=f"{what} {key}", old=_spoken(was), new=_spoken(now))


def _spoken(value: str | None) -> str | None:
    return value if value is None else value or "present"


def _requirements(lock: Lock) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for root in lock.roots:
        found.setdefault(f"{root.name} ({root.group})" if root.group else root.name, []).append(root.text)
    return {key: ", ".join(dict.fromkeys(texts)) for key, texts in found.items()}


# --- Packages -------------------------------------------------------------------------------------------------------


def _changes(old: Lock, new: Lock, target: str) -> Iterator[Change]:
    before, after = old.packages_on(target), new.packages_on(target)
    for name in sorted(before.keys() | after.keys()):
        was, now = before.get(name), after.get(name)
        facts = _facts(old, new, name, was, now, target)
        if now is None:
            gone = was.version if was else None
            reasons: tuple[str, ...] = ("nothing requires it any more",)
            yield Change(name=name, kind="removed", old=gone, new=None, reasons=reasons, **facts)
        elif was is None:
            reasons = tuple(who for who, _ in _demands(new, name, target))
            yield Change(name=name, kind="added", old=None, new=now.version, reasons=reasons, **facts)
        elif was.version != now.version:
            details = tuple(_file_details(old, new, was.file(target), now.file(target), moved=True))
            reasons = _why_moved(old, new, was, now, target)
            kind = _direction(was.version, now.version)
            yield Change(
                name=name, kind=kind, old=was.version, new=now.version, details=details, reasons=reasons, **facts
            )
        elif details := (
            *_file_details(old, new, was.file(target), now.file(target), moved=False),
            *_graph_details(was, now, target),
        ):
            kind = _same_version(old, new, was.file(target), now.file(target))
            yield Change(name=name, kind=kind, old=was.version, new=now.version, details=details, **facts)


class _Facts(TypedDict):
    direct: bool
    old_size: int | None
    new_size: int | None


def _facts(
    old: Lock, new: Lock, name: Name, was: LockedPackage | None, now: LockedPackage | None, target: str
) -> _Facts:
    return {
        "direct": any(root.name == name for lock in (old, new) for root in lock.roots),
        "old_size": was.file(target).size if was is not None else None,
        "new_size": now.file(target).size if now is not None else None,
    }


def _direction(old: str, new: str) -> ChangeKind:
    from packaging.version import InvalidVersion, Version

    try:
        return "upgraded" if Version(new) > Version(old) else "downgraded"
    except InvalidVersion:  # a lock that somebody wrote by hand
        return "upgraded" if new > old else "downgraded"


def _same_version(old: Lock, new: Lock, was: LockedFile, now: LockedFile) -> ChangeKind:
    if _source(old, was) != _source(new, now):
        return "reindexed"
    if was.filename != now.filename:
        return "refiled"
    return "rewired" if (was.sha256, was.commit) == (now.sha256, now.commit) else "rehashed"


def _source(lock: Lock, file: LockedFile) -> str:
    return file.url or lock.index_url(file.index) or file.index


def _file_details(old: Lock, new: Lock, was: LockedFile, now: LockedFile, *, moved: bool) -> Iterator[str]:
    """Yield how the file differs; of another version its name and digest differ anyway."""
    if _source(old, was) != _source(new, now):
        yield f"from {_source(old, was)} to {_source(new, now)}"
    if was.kind != now.kind:
        yield f"{was.kind} becomes {now.kind}"
    if moved:
        return
    if was.filename != now.filename:
        yield f"file {was.filename} becomes {now.filename}"
    if was.sha256 != now.sha256:
        yield f"sha256 {was.sha256} becomes {now.sha256}"
    if was.commit != now.commit:
        yield f"commit {was.commit} becomes {now.commit}"


def _graph_details(was: LockedPackage, now: LockedPackage, target: str) -> Iterator[str]:
    old_edges = {_edge(edge) for edge in was.edges(target)}
    new_edges = {_edge(edge) for edge in now.edges(target)}
    yield from (f"requires {edge}" for edge in sorted(new_edges - old_edges))
    yield from (f"no longer requires {edge}" for edge in sorted(old_edges - new_edges))
    if was.extras != now.extras:
        yield f"extras {_listed(was.extras)} become {_listed(now.extras)}"
    if was.groups != now.groups:
        yield f"groups {_listed(was.groups)} become {_listed(now.groups)}"


def _listed(names: Sequence[str]) -> str:
    return f"[{', '.join(names)}]"


def _edge(edge: Dependency) -> str:
    extras = f"[{','.join(edge.extras)}]" if edge.extras else ""
    marker = f" ; {edge.marker}" if edge.marker else ""
    notes = [f"extra {edge.extra}"] if edge.extra else []
    if edge.rule is not None:
        notes.append(f"rule {edge.rule}")
    if edge.declared is not None:
        notes.append(f"overrides {edge.declared or 'any version'}")
    remark = f" ({', '.join(notes)})" if notes else ""
    return f"{edge.name}{extras}{edge.specifier}{marker}{remark}"


def _why_moved(old: Lock, new: Lock, was: LockedPackage, now: LockedPackage, target: str) -> tuple[str, ...]:
    forcing = [who for who, admits in _limits(new, now.name, target) if not admits(was.version)]
    if forcing:
        return tuple(forcing)
    held = tuple(f"no longer held: {who}" for who, admits in _limits(old, was.name, target) if not admits(now.version))
    return held or _came_later(old, was.file(target), now.file(target))


def _came_later(old: Lock, was: LockedFile, now: LockedFile) -> tuple[str, ...]:
    """Say that a release is one that the older lock could not have known: nothing else kept it out."""
    if now.uploaded is None or was.uploaded is None or now.uploaded <= was.uploaded:
        return ()
    known = max((file.uploaded or "" for package in old.packages for file in package.files), default="")
    later = ", after everything in the older lock" if now.uploaded > known else ""
    return (f"uploaded {now.uploaded[:10]}{later}",)


def _limits(lock: Lock, name: Name, target: str) -> Iterator[tuple[str, Callable[[str], bool]]]:
    """Yield all that keeps versions of a project out on a target, in words, and which versions that admits."""
    yield from _demands(lock, name, target)
    for rule in lock.rules:
        for effect in rule.effects:
            # What a rule requires or replaces is an edge of the graph.
            if effect.kind == "constrains" and not effect.gave_way and _on(effect, target):
                project, specifier = _parsed(effect.requirement)
                if lock.known_as(project) == name:  # it may be a package of conda that provides the project
                    yield effect_sentence(lock, rule, effect), admission(specifier)
    for bound in lock.bounds:
        if bound.package == name and bound.below is not None and _on(bound, target):
            # Later fixes of an older series are in as well, but it is not for them that anything moves.
            yield bound_sentence(lock, bound), admission(f"<{bound.below}")


def _on(scoped: LockedBound | LockedEffect, target: str) -> bool:
    return not scoped.targets or target in scoped.targets


def _demands(lock: Lock, name: Name, target: str) -> Iterator[tuple[str, Callable[[str], bool]]]:
    """Yield who requires a project on a target, in words, and which versions that admits."""
    for root in lock.roots:
        if root.name == name and (not root.targets or target in root.targets):
            yield f"{root.spec} requires {root.text}", admission(_parsed(root.text)[1])
    for parent in lock.packages_on(target).values():
        for edge in parent.edges(target):
            if edge.name == name and parent.name != name:
                yield f"{parent.name} {parent.version} requires {_edge(edge)}", admission(edge.specifier)


def _parsed(requirement: str) -> tuple[str, str]:
    """Return project and specifier of a requirement; nothing where somebody wrote it by hand and wrongly."""
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        parsed = Requirement(requirement)
    except InvalidRequirement:
        return "", ""
    return normalize_name(parsed.name), str(parsed.specifier)

"""What a requirements or constraints file says of a lock, line by line, whatever its syntax of comments and hashes."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from envsolver.formats.markers import platform_marker
from envsolver.lock.model import BASE_GROUP
from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envsolver.lock.model import Lock, LockedIndex, LockedTarget, Pin

__all__ = ["PinLine", "Selection", "select"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PinLine:
    """One pin.

    Attributes:
        name: of the project.
        extras: that are active.
        version: that is pinned; None if ``url`` is.
        url: of a direct reference.
        marker: where it holds; None for every platform of the file.
        digests: sha256 of its files, sorted.
        via: who requires it, sorted: packages first, then requirements of the spec.
    """

    name: str
    extras: tuple[str, ...]
    version: str | None
    url: str | None
    marker: str | None
    digests: tuple[str, ...]
    via: tuple[str, ...]

    def requirement(self, *, extras: bool) -> str:
        """Return it as PEP 508 text."""
        name = f"{self.name}[{','.join(self.extras)}]" if extras and self.extras else self.name
        if self.url is not None:
            # The blank before the semicolon is part of the syntax: without it the marker belongs to the URL.
            return f"{name} @ {self.url}{f' ; {self.marker}' if self.marker else ''}"
        return f"{name}=={self.version}{f' ; {self.marker}' if self.marker else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What is exported of a lock.

    Attributes:
        targets: one for each platform.
        groups: beside the base, sorted.
        lines: sorted by name and version.
        indexes: named indexes that a file comes from, sorted by alias.
        overridden: whether a requirement of a package was replaced, so that its own metadata contradicts the pins.
    """

    targets: tuple[LockedTarget, ...]
    groups: tuple[str, ...]
    lines: tuple[PinLine, ...]
    indexes: tuple[LockedIndex, ...]
    overridden: bool


@dataclass(slots=True)
class _Found:
    platforms: list[str] = field(default_factory=list)
    digests: set[str] = field(default_factory=set)
    parents: set[str] = field(default_factory=set)
    roots: set[str] = field(default_factory=set)


def select(lock: Lock, platform: str | None = None, groups: Iterable[str] = ()) -> Selection:
    """Return the pins of the base and of some groups, on one platform or on all of the lock.

    Raises:
        UsageError: the lock has no such platform or group, or the groups exclude each other.
    """
    wanted = tuple(sorted(lock.check_groups(groups)))
    platforms = (platform,) if platform is not None else lock.platforms
    targets = tuple(lock.target(name, wanted) for name in platforms)
    found: dict[tuple[str, str, str, tuple[str, ...]], _Found] = {}
    aliases: set[str] = set()
    overridden = False
    for target in targets:
        pins = lock.select(target.platform, wanted)
        parents, replaced = _parents(pins, target.name)
        overridden = overridden or replaced
        for pin in pins:
            key = (pin.package.name, pin.package.version, pin.file.reference or "", pin.extras)
            line = found.setdefault(key, _Found())
            line.platforms.append(target.platform)
            if pin.file.sha256 is not None:
                line.digests.add(pin.file.sha256)
            line.parents |= parents.get(pin.package.name, set())
            line.roots |= _roots(lock, pin, target.name, wanted)
            aliases.add(pin.file.index)
    lines = tuple(
        PinLine(
            name=name,
            extras=extras,
            version=None if url else version,
            url=url or None,
            marker=platform_marker(mine.platforms) if len(mine.platforms) < len(targets) else None,
            digests=tuple(sorted(mine.digests)),
            via=(*sorted(mine.parents), *sorted(mine.roots)),
        )
        for (name, version, url, extras), mine in sorted(found.items())
    )
    return Selection(
        targets=targets,
        groups=wanted,
        lines=lines,
        indexes=tuple(index for index in lock.indexes if index.alias in aliases),
        overridden=overridden,
    )


def _parents(pins: Iterable[Pin], target: str) -> tuple[dict[str, set[str]], bool]:
    """Return who requires each package, and whether an override is among the requirements."""
    parents: dict[str, set[str]] = {}
    overridden = False
    for pin in pins:
        for edge in pin.package.edges(target):
            if edge.extra is None or edge.extra in pin.extras:
                overridden = overridden or edge.declared is not None
                if edge.name != pin.package.name:
                    parents.setdefault(edge.name, set()).add(pin.package.name)
    return parents, overridden


def _roots(lock: Lock, pin: Pin, target: str, groups: Iterable[str]) -> set[str]:
    named = {BASE_GROUP, *groups}
    return {
        f"{lock.name}:{root.group} ({root.spec})" if root.group else f"{lock.name} ({root.spec})"
        for root in lock.roots
        if root.name == pin.package.name and root.group in named and (not root.targets or target in root.targets)
    }

"""Builds of source archives in a lock: which one is meant, and the wheels that stand for the archives then."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from envsolver.lock.canonical import canonical
from envsolver.lock.model import LockedFile, LockedPackage, Pin

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from envsolver.lock.model import BuildFile, Lock, LockedBuild, LockedIndex

__all__ = ["BUILT", "build_pins", "find_build", "installed", "keep_builds", "locked_beside", "with_builds"]

BUILT = "built"
"""In place of the alias of an index: the wheel was built here."""


def find_build(lock: Lock, source: str | None, platform: str) -> LockedBuild | None:
    """Return how a source archive (its sha256) is built on a platform, or None if that is not locked."""
    return next((one for one in lock.builds if (one.source, one.platform) == (source, platform)), None)


def installed(lock: Lock, pins: Iterable[Pin], platform: str) -> tuple[Pin, ...]:
    """Return what is installed for some pins: in place of source archives the wheels that are built of them.

    A source archive of which the lock does not say yet what comes of it stays.
    """
    found = []
    for pin in pins:
        build = None if pin.file.kind == "wheel" else find_build(lock, pin.file.sha256, platform)
        if build is not None and build.is_built:
            wheel = LockedFile(index=BUILT, filename=build.wheel, sha256=build.sha256)
            found.append(Pin(package=pin.package, file=wheel, extras=pin.extras))
        else:
            found.append(pin)
    return tuple(found)


def build_pins(files: Sequence[BuildFile]) -> tuple[Pin, ...]:
    """Return the packages of a build environment as an installation has them."""
    return tuple(
        Pin(package=LockedPackage(name=one.name, version=one.version, files=(one.file,)), file=one.file, extras=())
        for one in files
    )


def with_builds(lock: Lock, builds: Iterable[LockedBuild], indexes: Iterable[LockedIndex]) -> Lock:
    """Return the lock with some builds, which take the place of others of the same archives.

    Args:
        lock: to add to.
        builds: to add.
        indexes: named by the spec, that files of them come from.
    """
    by_source = {(one.source, one.platform): one for one in (*lock.builds, *builds)}
    by_alias = {index.alias: index for index in (*indexes, *lock.indexes)}
    return canonical(replace(lock, builds=tuple(by_source.values()), indexes=tuple(by_alias.values())))


def locked_beside(lock: Lock, pins: Iterable[str], platform: str) -> set[str]:
    """Return ``name==version`` as a lock has it, for each project of some such texts."""
    names = {pin.partition("==")[0] for pin in pins}
    targets = [target.name for target in lock.targets if target.platform == platform]
    return {
        f"{package.name}=={package.version}"
        for package in lock.packages
        if package.name in names and any(package.on(target) for target in targets)
    }


def keep_builds(old: Lock, new: Lock) -> Lock:
    """Return a lock that was made again with those builds of the old one whose archives it still needs."""
    if old.python.split(".")[:2] != new.python.split(".")[:2]:
        return new
    wanted = {file.sha256 for package in new.packages for file in package.files}
    kept: dict[tuple[str, str], LockedBuild] = {}
    waiting = [one for one in old.builds if one.source in wanted]
    while waiting:
        build = waiting.pop()
        if build.platform not in new.platforms or (build.source, build.platform) in kept:
            continue
        if not set(build.beside) <= locked_beside(new, build.beside, build.platform):
            continue  # what it was built against is another one now
        kept[build.source, build.platform] = build
        inner = {one.file.sha256 for one in build.files}
        waiting += [one for one in old.builds if one.source in inner]
    used = {one.file.index for build in kept.values() for one in build.files}
    return with_builds(new, kept.values(), (index for index in old.indexes if index.alias in used))

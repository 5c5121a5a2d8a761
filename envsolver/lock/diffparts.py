"""What differs between two locks beside versions: what archives are built with, and what has to be downloaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from envsolver.lock.model import Lock, LockedBuild
    from envsolver.model.candidate import Name

__all__ = ["BuildChange", "SizeChange", "build_changes", "size_changes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildChange:
    """A source archive that is built with something else, or that becomes another wheel.

    Attributes:
        name: of the project.
        platform: that it is built on.
        details: what changed, a line each.
    """

    name: Name
    platform: str
    details: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeChange:
    """Bytes that are downloaded for a target; ``whole`` is whether the size of every file is known."""

    target: str
    old: int
    new: int
    whole: bool


def build_changes(old: Lock, new: Lock) -> tuple[BuildChange, ...]:
    """Return the builds that changed, by project and platform; those of projects that only one lock has are no change.

    A build closure is locked like the environment: what moves in it makes another wheel of the same archive.
    """
    before, after = _builds(old), _builds(new)
    found = []
    for key in sorted(before.keys() & after.keys()):
        details = tuple(_details(before[key], after[key]))
        if details:
            found.append(BuildChange(name=key[0], platform=key[1], details=details))
    had = {package.name for package in old.packages}
    found += [
        BuildChange(name=name, platform=platform, details=("what it is built with is locked now",))
        for name, platform in after.keys() - before.keys()
        if name in had
    ]
    return tuple(sorted(found, key=lambda change: (change.name, change.platform)))


def size_changes(old: Lock, new: Lock, targets: Sequence[str]) -> Iterator[SizeChange]:
    """Yield the targets for which another number of bytes is downloaded."""
    for target in targets:
        before, after = (
            [package.file(target).size for package in lock.packages_on(target).values()] for lock in (old, new)
        )
        sums = [sum(size or 0 for size in sizes) for sizes in (before, after)]
        if sums[0] != sums[1]:
            yield SizeChange(target=target, old=sums[0], new=sums[1], whole=None not in {*before, *after})


def _builds(lock: Lock) -> Mapping[tuple[Name, str], LockedBuild]:
    # Of several archives of one project (an environment and the builds of others may have two) the last counts.
    return {(build.name, build.platform): build for build in lock.builds}


def _details(was: LockedBuild, now: LockedBuild) -> Iterator[str]:
    before = {file.name: file.version for file in was.files}
    after = {file.name: file.version for file in now.files}
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            yield f"built with {name} {_pair(before.get(name), after.get(name))}"
    for what, old, new in (
        ("asks for", was.requires, now.requires),
        ("beside", was.beside, now.beside),
        ("variable", was.environment, now.environment),
        ("tool", was.needs, now.needs),
    ):
        yield from (f"{what} {text}" for text in sorted(set(new) - set(old)))
        yield from (f"no longer {what} {text}" for text in sorted(set(old) - set(new)))
    if (
        (was.version, was.source) == (now.version, now.source)
        and was.sha256
        and now.sha256
        and was.sha256 != now.sha256
    ):
        yield f"another wheel of the same archive: sha256 {was.sha256} becomes {now.sha256}"


def _pair(old: str | None, new: str | None) -> str:
    if old is None:
        return f"{new}, which is new"
    return f"{old} → {new}" if new is not None else f"{old} no longer"

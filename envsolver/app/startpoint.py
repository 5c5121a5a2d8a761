"""A lock of another tool as where ours starts from: its versions stay where they can, as those of an old lock do."""

from __future__ import annotations

from dataclasses import field, replace
from typing import TYPE_CHECKING

from envsolver.app.files import read_text
from envsolver.app.foreign import load_foreign
from envsolver.formats.foreign import ForeignLockError, conda_place
from envsolver.lock.canonical import canonical
from envsolver.lock.diff import diff_locks
from envsolver.lock.model import DEFAULT_INDEX, Lock, LockedFile, LockedPackage, LockedTarget
from envsolver.lock.reader import loads
from envsolver.model.candidate import CONDA_PREFIX, conda_name, is_conda
from envsolver.model.pep440 import parse_version
from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from envsolver.formats.foreign import ForeignPackage
    from envsolver.lock.diff import LockDiff
    from envsolver.model.candidate import Name
    from envsolver.model.spec import Spec
    from envsolver.sources.open import Session

__all__ = ["StartingPoint", "read_starting_point"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StartingPoint:
    """What another lock says of the platforms of a spec.

    Attributes:
        lock: that, as a lock of ours of which little is known.
        why: package of conda → why it is not what it was, where the channels tell.
    """

    lock: Lock
    why: Mapping[Name, str] = field(default_factory=dict)

    async def explained(self, new: Lock, spec: Spec, session: Session, project_root: Path) -> StartingPoint:
        """Return it with what the channels say of the packages of conda that did not stay.

        Raises:
            NetworkError: a channel did not answer.
        """
        return replace(self, why=await _why_records_moved(self.lock, new, spec, session, project_root))

    def diff(self, new: Lock) -> LockDiff:
        """Return what moved, and why, as far as both locks and the channels tell."""
        found = diff_locks(_as_it_was(self.lock, new), new)
        changes = (
            replace(change, reasons=(*change.reasons, self.why[change.name])) if change.name in self.why else change
            for change in found.changes
        )
        return replace(found, changes=tuple(changes))


def read_starting_point(path: Path, spec: Spec) -> StartingPoint:
    """Read a lock of another tool.

    Raises:
        FileError: it cannot be read.
        ForeignLockError: it is no lock, or for none of the platforms.
        UsageError: it is of a kind that is read otherwise.
    """
    if path.name.endswith(".lock.toml"):
        return StartingPoint(lock=loads(read_text(path) or "", path.name))
    found: dict[tuple[Name, str], dict[LockedFile, list[str]]] = {}
    targets: list[LockedTarget] = []
    python, refused = spec.python, None
    for platform in spec.platforms:
        target = spec.target(platform)
        try:
            foreign = load_foreign(path, target)
        except ForeignLockError as error:
            refused = refused or error
            continue
        targets.append(LockedTarget(platform=platform, glibc=target.glibc, macos=target.macos))
        for package in foreign.packages:
            name, file = _identity(package)
            found.setdefault((name, _version(package)), {}).setdefault(file, []).append(platform)
            if name == conda_name("python"):
                python = package.version
    if not targets and refused is not None:
        raise refused
    packages = tuple(
        LockedPackage(
            name=name,
            version=version,
            files=tuple(replace(file, targets=tuple(where)) for file, where in files.items()),
            targets=tuple(dict.fromkeys(one for where in files.values() for one in where)),
        )
        for (name, version), files in found.items()
    )
    bare = Lock(name=spec.name, inputs_digest="", python=python, targets=tuple(targets), roots=(), packages=packages)
    return StartingPoint(lock=canonical(bare))


def _as_it_was(start: Lock, new: Lock) -> Lock:
    """Return a starting point as far as it can be compared with the lock that came of it.

    A lock of another tool says of a package which one it is. What it does not say (who required it, from where it was
    asked for) is taken to be as it is now, so that a comparison tells what moved, and nothing else.
    """
    targets = tuple(target for target in new.targets if any(one.name == target.name for one in start.targets))
    packages = []
    for target in (one.name for one in targets):
        after = new.packages_on(target)
        for name, was in start.packages_on(target).items():
            now = after.get(name)
            stayed = now is not None and now.version == was.version and _same_file(was, now, target)
            packages.append(replace(now if now is not None and stayed else was, targets=(target,)))
    python = start.python if start.python.count(".") >= 2 else new.python
    return replace(new, python=python, targets=targets, packages=tuple(packages), trees=())


async def _why_records_moved(
    start: Lock, new: Lock, spec: Spec, session: Session, project_root: Path
) -> Mapping[Name, str]:
    """Return package of conda → why its build did not stay, for those that no channel has as they were."""
    if spec.conda is None:
        return {}
    why: dict[Name, str] = {}
    for target in (one for one in new.targets if any(other.name == one.name for other in start.targets)):
        after = new.packages_on(target.name)
        moved = {
            name: package.file(target.name).filename
            for name, package in start.packages_on(target.name).items()
            if is_conda(name) and name in after and not _same_file(package, after[name], target.name)
        }
        if not moved:
            continue
        channels = session.channels_for(spec.conda, target.platform, project_root)
        answers = await channels.load([name.removeprefix(CONDA_PREFIX) for name in moved])
        there = {record.file_name for records in answers for record in records}
        why |= {name: f"no channel has {file} any more" for name, file in moved.items() if file not in there}
    return why


def _identity(package: ForeignPackage) -> tuple[Name, LockedFile]:
    """Return the name of a package as locks have it, and its file as far as it is told."""
    if package.manager == "conda":
        place = conda_place(package)
        file = LockedFile(
            index=place.channel, filename=place.filename, sha256=package.sha256, subdir=place.subdir or "noarch"
        )
        return conda_name(place.name), file
    return package.name, LockedFile(index=DEFAULT_INDEX, filename=package.filename, sha256=package.sha256)


def _version(package: ForeignPackage) -> str:
    from packaging.version import InvalidVersion

    try:
        return package.version if package.manager == "conda" else str(parse_version(package.version))
    except InvalidVersion:
        return package.version


def _same_file(was: LockedPackage, now: LockedPackage, target: str) -> bool:
    """Say whether it is the same file, as far as the other lock says which one it was."""
    old, new = was.file(target), now.file(target)
    if is_conda(was.name):
        return old.filename in {"", new.filename}
    return old.sha256 in {None, new.sha256}

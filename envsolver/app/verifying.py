"""The use case ``verify``: whether an environment still is what its lock says, file by file."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from envsolver.app.building import chosen_target, contents_of
from envsolver.app.lockfile import read_lock
from envsolver.build.assemble import Way, plan
from envsolver.build.compare import compare, scan
from envsolver.build.manifest import read_manifest, tree_digest
from envsolver.build.places import read_places
from envsolver.build.shelves import look
from envsolver.build.store import Store
from envsolver.lock.builds import BUILT, installed
from envsolver.lock.condapins import conda_pins, file_key
from envsolver.lock.model import LockedFile, Pin
from envsolver.lock.trees import recorded_tree
from envsolver.model.errors import FileError, UsageError
from envsolver.model.values import dataclass
from envsolver.sources.cache import default_cache_root

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envsolver.app.project import Environment, Project
    from envsolver.build.compare import Difference
    from envsolver.build.manifest import Entry, Manifest
    from envsolver.lock.model import Lock, LockedTarget
    from envsolver.model.ports import Progress

__all__ = ["Moved", "Verified", "verify"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A package of which the environment has another version, or another file, than the lock; None: it has none."""

    name: str
    built: str | None
    locked: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What was found out about an environment.

    Attributes:
        prefix: absolute.
        tree: digest of what is there.
        recorded: digest that the lock records for it, or None.
        wanted: digest of what should be there.
        entries: what is there.
        moved: packages that the lock has otherwise.
        differences: files that are not as they should be.
        notes: for the user.
    """

    prefix: Path
    tree: str
    recorded: str | None
    wanted: str
    entries: tuple[Entry, ...]
    moved: tuple[Moved, ...]
    differences: tuple[Difference, ...]
    notes: tuple[str, ...]

    @property
    def files(self) -> int:
        """How many were read."""
        return len(self.entries)

    @property
    def sound(self) -> bool:
        """Whether the environment is what the lock says."""
        return not self.moved and not self.differences and self.tree == (self.recorded or self.wanted)


def verify(
    project: Project, environment: Environment, prefix: Path, groups: Sequence[str] | None, progress: Progress
) -> Verified:
    """Read every file of an environment and hold it against the lock.

    What should be there is what the store says that the wheels of the lock are made of; where the store has not got
    them all, what the environment's own manifest says, which the digest in the lock, if one is recorded, confirms.

    Args:
        project: of the environment.
        environment: whose lock it is.
        prefix: where it lies.
        groups: that it should have; None: those that it was built with.
        progress: is told what goes on.

    Raises:
        UsageError: envsolver did not build it, or not for this environment.
        FileError: there is no lock, or a file cannot be read.
    """
    prefix = prefix.absolute()
    lock = read_lock(project, environment)
    built = read_manifest(prefix)
    if built is None and not prefix.is_dir():
        raise UsageError(
            f"there is no environment at {prefix}", hint=f"`envsolver build {lock.name} --prefix {prefix}` builds it"
        )
    if built is None:
        raise UsageError(
            f"{prefix} has no manifest that can be read, so there is nothing to compare it with",
            hint=f"`envsolver build {lock.name} --prefix {prefix}` builds it",
        )
    if built.environment != lock.name:
        raise UsageError(f"{prefix} was built from the lock of {built.environment}, not of {lock.name}")
    wanted_groups = built.groups if groups is None else tuple(sorted(set(groups)))
    target = chosen_target(lock, None, wanted_groups)
    pins = installed(lock, lock.select(target.platform, wanted_groups), target.platform)
    pins, unrecorded = _as_built(pins + conda_pins(lock, target.name), built)
    moved = _moved(built, pins)
    # Of an environment that another lock was built into, what can be said is what has changed since.
    expected, notes, originals = (built, (), {}) if moved else _expected(lock, target, pins, built)
    notes += unrecorded
    home, moved_away = _home(prefix)
    notes += moved_away
    progress.stage("reading files")
    try:
        found = scan(prefix, lies_at=home)
    except OSError as error:
        raise FileError(f"{os.fsdecode(error.filename or prefix)}: {(error.strerror or str(error)).lower()}") from error
    if not (prefix / "bin" / "python").exists():
        notes = (*notes, "its interpreter is gone: bin/python leads nowhere")
    recorded = recorded_tree(lock, target.name, wanted_groups, bytecode=built.bytecode)
    return Verified(
        prefix=prefix,
        tree=tree_digest(found),
        recorded=recorded,
        wanted=expected.digest,
        entries=found,
        moved=moved,
        differences=compare(prefix, found, expected, originals),
        notes=notes,
    )


def _as_built(pins: Sequence[Pin], built: Manifest) -> tuple[tuple[Pin, ...], tuple[str, ...]]:
    """Return pins in which wheels take the place of source archives of which the lock does not record a wheel; notes.

    Nobody but the environment knows what came of these.
    """
    there = {part.name: part for part in built.parts}
    found, names = [], []
    for pin in pins:
        part = there.get(str(pin.package.name))
        if pin.file.kind == "sdist" and part is not None and part.version == pin.package.version:
            names.append(f"{part.name} {part.version}")
            wheel = LockedFile(index=BUILT, filename=f"{part.name}.whl", sha256=part.sha256)
            found.append(Pin(package=pin.package, file=wheel, extras=pin.extras))
        else:
            found.append(pin)
    if not names:
        return tuple(found), ()
    note = (
        f"the lock records no wheel of {', '.join(names)} yet; what this environment has is taken for right "
        f"(`envsolver wheel {built.environment}` records it)"
    )
    return tuple(found), (note,)


def _home(prefix: Path) -> tuple[Path, tuple[str, ...]]:
    """Return where an environment lies by what its files carry, and a note where it was moved away from there."""
    places = read_places(prefix)
    if places is None or places.prefix == str(prefix):
        return prefix, ()
    with suppress(OSError):
        if Path(places.prefix).samefile(prefix):
            return Path(places.prefix), ()  # it was asked for by another path
    files = sorted(places.files)
    shown = f"{', '.join(files[:2])}{', …' if len(files) > 2 else ''}"
    return prefix, (f"it was built for {places.prefix}, which {len(files)} of its files carry ({shown})",)


def _expected(
    lock: Lock, target: LockedTarget, pins: Sequence[Pin], built: Manifest
) -> tuple[Manifest, tuple[str, ...], dict[str, Path]]:
    """Return what should be there, from the best witness that there is, notes, and the files that are at hand."""
    tag = "cp" + built.python.replace(".", "")
    store = Store(default_cache_root(os.environ, Path.home()), f"{tag}-{target.platform}")
    wheels = [pin for pin in pins if pin.file.kind == "wheel"]
    shelves = look(store, wheels, bytecode=built.bytecode)
    if len(wheels) == len(pins) and all(pin.file.sha256 in shelves for pin in pins):
        way = Way(
            environment=lock.name,
            platform=target.platform,
            python=built.python,
            groups=tuple(built.groups),
            bytecode=built.bytecode,
        )
        planned = plan(contents_of(pins, shelves), way)
        return planned.manifest, (), {one.path: folder / one.path for _, folder, own in planned.trees for one in own}
    recorded = recorded_tree(lock, target.name, built.groups, bytecode=built.bytecode)
    if recorded is None:
        note = (
            "compared with its own manifest alone: the store has not all of its wheels, and the lock records no digest"
        )
        return built, (note,), {}
    return built, (), {}


def _moved(built: Manifest, pins: Sequence[Pin]) -> tuple[Moved, ...]:
    there = {part.name: part for part in built.parts if part.name}
    locked = {str(pin.package.name): pin for pin in pins}
    moved = []
    for name in sorted(there.keys() | locked.keys()):
        part, pin = there.get(name), locked.get(name)
        if part is not None and pin is not None and part.sha256 == file_key(pin.file):
            continue
        moved.append(
            Moved(
                name=name,
                built=part.version if part else None,
                locked=pin.package.version if pin else None,
            )
        )
    return tuple(moved)

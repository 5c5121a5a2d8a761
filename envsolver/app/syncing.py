"""The use case ``sync``: an environment that is there, whoever made it, brought to its lock by the smallest change."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal, TypeAlias

from envsolver.app.building import choose_interpreter, chosen_target, refuse_sources
from envsolver.app.caching import writable_cache
from envsolver.app.lockfile import read_lock
from envsolver.app.works import Works
from envsolver.build.assemble import Way
from envsolver.build.compare import compare, scan
from envsolver.build.interpreter import probe
from envsolver.build.layout import OWN_FOLDER
from envsolver.build.manifest import read_manifest
from envsolver.build.scratch import scratch, sweep
from envsolver.build.syncing import INTERPRETER_FILES, apply_changes, distributions_of, find_changes
from envsolver.lock.builds import find_build, installed
from envsolver.lock.trees import recorded_tree
from envsolver.model.errors import CheckFailedError, FileError, InterpreterError, UsageError
from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from envsolver.app.project import Environment, Project
    from envsolver.build.compare import Difference
    from envsolver.build.interpreter import Interpreter
    from envsolver.build.manifest import Entry, Manifest
    from envsolver.build.syncing import Found
    from envsolver.lock.model import Lock, LockedTarget, Pin
    from envsolver.model.ports import Progress

__all__ = ["Action", "Step", "SyncOptions", "SyncPlan", "Synced", "plan_sync"]

Action: TypeAlias = Literal["add", "change", "repair", "rewrite", "remove", "keep"]
"""What happens to a package.

``change``: another version, or another file of the same. ``repair``: files of it are not as they were installed.
``rewrite``: another installer has put it there, or it is to have bytecode, or none. ``keep``: it is not in the lock,
and stays.
"""

_WORK = "work-"


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncOptions:
    """What the user asks for.

    Attributes:
        prefix: of the environment.
        groups: beside the base; None: those that it was built with.
        python: interpreter to use; None: the one that it has, else one that is looked for.
        bytecode: whether to compile; None: as it was built, else yes.
        keep: let what is not of the lock stay.
        offline: use the store, the cache and local files only.
    """

    prefix: Path
    groups: tuple[str, ...] | None = None
    python: Path | None = None
    bytecode: bool | None = None
    keep: bool = False
    offline: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What happens to one package: the versions before and after, None for none."""

    name: str
    action: Action
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Synced:
    """What was done: how many files were written and removed, how many stay though they are not of the lock."""

    manifest: Manifest
    written: int
    removed: int
    kept: int
    received: int


@dataclass(frozen=True, kw_only=True)
class SyncPlan:
    """What has to be done to an environment. Nothing is fetched to find that out.

    Attributes:
        prefix: absolute.
        interpreter: that it will run on.
        moves: whether that, or how it is built (groups, bytecode), is another one than before.
        steps: packages to which something happens, sorted by name.
        strays: files of no package that go.
        options: that it was made for.
    """

    project: Project
    environment: Environment
    options: SyncOptions
    prefix: Path
    lock: Lock
    target: LockedTarget
    way: Way
    interpreter: Interpreter
    moves: bool
    steps: tuple[Step, ...]
    strays: int
    found: tuple[Entry, ...]
    others: Mapping[str, Found]

    @property
    def is_empty(self) -> bool:
        """Whether the environment is as it should be."""
        return not self.moves and not self.strays and all(step.action == "keep" for step in self.steps)

    def tidy(self) -> None:
        """Delete what a run has left that was killed when all but this was done."""
        sweep(self.prefix / OWN_FOLDER, _WORK)

    def run(self, progress: Progress) -> Synced:
        """Do it.

        Raises:
            ArtefactError: a file is not what the lock says, or two packages cannot lie beside each other.
            NetworkError: a file cannot be had.
            CheckFailedError: what would come of it is not the tree that the lock records.
            FileError: something cannot be written; the next run goes on where this one stopped.
        """
        with writable_cache(self.prefix.parent, progress):
            return self._run(progress)

    def _run(self, progress: Progress) -> Synced:
        own = self.prefix / OWN_FOLDER
        try:
            own.mkdir(exist_ok=True)
            self.tidy()
            with scratch(own, _WORK) as folder:
                stage = folder / "tree"
                stage.mkdir()
                works = Works(
                    self.project,
                    self.environment,
                    self.lock,
                    self.target,
                    self.interpreter,
                    progress,
                    self.options.offline,
                )
                manifest = works.fill(stage, self.lock.select(self.target.platform, self.way.groups), self.way)
                self._check(manifest)
                again = INTERPRETER_FILES if self.moves else ()
                changes = find_changes(
                    self.prefix, self.found, manifest, self.others, again=again, keep=self.options.keep
                )
                progress.stage("changing files")
                apply_changes(self.prefix, stage, changes)
        except OSError as error:
            name = os.fsdecode(error.filename) if error.filename else str(self.prefix)
            raise FileError(
                f"{name}: {(error.strerror or str(error)).lower()}", hint="run it again: it goes on where it stopped"
            ) from error
        return Synced(
            manifest=manifest,
            written=len(changes.write),
            removed=len(changes.remove),
            kept=len(changes.kept),
            received=works.received,
        )

    def _check(self, manifest: Manifest) -> None:
        recorded = recorded_tree(self.lock, self.target.name, self.way.groups, bytecode=self.way.bytecode)
        if recorded is not None and recorded != manifest.digest:
            raise CheckFailedError(
                f"this would make tree {manifest.digest}, and the lock records {recorded}; nothing was changed",
                hint="`envsolver build` with --record, at another --prefix, records the new one",
            )


def plan_sync(project: Project, environment: Environment, options: SyncOptions, progress: Progress) -> SyncPlan:
    """Find out what has to be done to bring an environment to its lock. Every file of it is read.

    Raises:
        UsageError: there is no environment, or one that this is not for.
        InterpreterError: there is no interpreter for the lock.
        FileError: there is no lock, or a file cannot be read.
    """
    prefix = options.prefix.absolute()
    lock = read_lock(project, environment)
    built = read_manifest(prefix)
    _refuse(prefix, lock, built)
    groups = options.groups if options.groups is not None else built.groups if built is not None else ()
    target = chosen_target(lock, None, groups)
    if lock.conda(target.name):
        raise UsageError(
            f"the lock of {lock.name} has packages of conda, which are not changed in place",
            hint=f"`envsolver build {lock.name} --prefix DIR` builds an environment of them",
        )
    pins = lock.select(target.platform, groups)
    refuse_sources(lock, [pin for pin in pins if find_build(lock, pin.file.sha256, target.platform) is None])
    interpreter = _interpreter(lock, prefix, options.python)
    progress.stage("reading files")
    try:
        found = scan(prefix)
        others = distributions_of(prefix)
        differences = () if built is None else compare(prefix, found, built)
    except OSError as error:
        raise FileError(f"{os.fsdecode(error.filename or prefix)}: {(error.strerror or str(error)).lower()}") from error
    bytecode = options.bytecode if options.bytecode is not None else built is None or built.bytecode
    way = Way(
        environment=lock.name,
        platform=target.platform,
        python=interpreter.minor,
        groups=tuple(sorted(set(groups))),
        bytecode=bytecode,
    )
    names = {str(pin.package.name) for pin in pins}
    foreign = {name: one for name, one in others.items() if name not in names}
    wanted = {entry.path for part in built.parts for entry in part.entries} if built is not None else set()
    # What lies where nobody put it does not make a package a damaged one: it is counted, and goes.
    damaged = {one.package for one in differences if one.path in wanted}
    extra = [one for one in differences if one.path not in wanted]
    steps = _steps(
        built,
        installed(lock, pins, target.platform),
        others,
        damaged,
        bytecode=bytecode,
        keep=options.keep,
    )
    return SyncPlan(
        project=project,
        environment=environment,
        options=options,
        prefix=prefix,
        lock=lock,
        target=target,
        way=way,
        interpreter=interpreter,
        moves=_base(prefix) != interpreter.path or "" in damaged or (built is not None and _renamed(built, way)),
        steps=tuple(steps),
        strays=_strays(extra, foreign, keep=options.keep),
        found=found,
        others=others,
    )


def _refuse(prefix: Path, lock: Lock, built: Manifest | None) -> None:
    if not prefix.is_dir() or not any(prefix.iterdir()):
        raise UsageError(
            f"there is no environment at {prefix}",
            hint=f"`envsolver build {lock.name} --prefix {prefix}` builds it",
        )
    if (prefix / "conda-meta").exists():
        raise UsageError(f"{prefix} is an environment of conda, which is not changed in place")
    if (prefix / OWN_FOLDER).is_symlink():
        raise UsageError(f"{prefix / OWN_FOLDER} is a link, which envsolver never makes", hint="remove it")
    if built is None and not (prefix / "pyvenv.cfg").is_file():
        raise UsageError(
            f"{prefix} is no virtual environment: it has no pyvenv.cfg",
            hint="name the folder of the environment itself; other folders are not touched",
        )


def _base(prefix: Path) -> Path | None:
    """Return the interpreter that an environment runs on, None if it does not run."""
    try:
        return probe(prefix / "bin" / "python", "the environment").path
    except InterpreterError:
        return None


def _interpreter(lock: Lock, prefix: Path, python: Path | None) -> Interpreter:
    """Return the interpreter to use: the one that an environment has, if it is one for the lock."""
    if python is None:
        try:
            found = probe(prefix / "bin" / "python", "the environment")
        except InterpreterError:
            pass
        else:
            if found.minor == ".".join(lock.python.split(".")[:2]):
                return found
    return choose_interpreter(lock, python)


def _renamed(built: Manifest, way: Way) -> bool:
    before = (built.environment, built.platform, built.python, built.groups, built.bytecode)
    return before != (way.environment, way.platform, way.python, way.groups, way.bytecode)


def _steps(
    built: Manifest | None,
    pins: Sequence[Pin],
    others: Mapping[str, Found],
    damaged: Collection[str],
    *,
    bytecode: bool,
    keep: bool,
) -> Iterator[Step]:
    parts = {part.name: part for part in built.parts if part.name} if built is not None else {}
    before = {name: part.version for name, part in parts.items()} | {name: one.version for name, one in others.items()}
    locked = {str(pin.package.name): pin for pin in pins}
    for name in sorted(before.keys() | locked.keys()):
        pin, part, was = locked.get(name), parts.get(name), before.get(name)
        now = pin.package.version if pin is not None else None
        action: Action | None
        if pin is None:
            action = "keep" if keep and part is None else "remove"
        elif was is None:
            action = "add"
        elif part is None:
            action = "rewrite" if was == now else "change"
        elif part.sha256 != pin.file.sha256:
            action = "change"
        elif name in damaged:
            action = "repair"
        elif built is not None and built.bytecode is not bytecode:
            action = "rewrite"
        else:
            action = None
        if action is not None:
            yield Step(name=name, action=action, before=was, after=now)


def _strays(extra: Iterable[Difference], foreign: Mapping[str, Found], *, keep: bool) -> int:
    """Count files that nobody put there, beside those of packages that the plan names."""
    named = {path for one in foreign.values() for path in one.paths}
    return sum(one.path not in named and (bool(one.package) or not keep) for one in extra)

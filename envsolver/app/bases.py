"""Environments that others build on top of: what their locks fix or suggest, and when they have moved.

A spec may extend an environment that has a lock of its own. Frozen, its versions are constraints, each with its line in
that lock, so that a conflict names both sides. Otherwise they are preferred where nothing else is known.
"""

from __future__ import annotations

import re
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING

from envsolver.app.files import NotTextError, read_text
from envsolver.lock.digest import content_digest
from envsolver.lock.model import LockedBase
from envsolver.lock.reader import loads
from envsolver.model.candidate import is_conda
from envsolver.model.errors import FileError, LockError, NoSolutionError, Problem, SpecError, UsageError
from envsolver.model.origin import Origin
from envsolver.model.spec import SpecRequirement
from envsolver.model.values import dataclass
from envsolver.spec.curated import PREFIX, located

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from envsolver.app.project import Project
    from envsolver.lock.model import Lock, LockedPackage
    from envsolver.model.candidate import Name
    from envsolver.model.spec import BaseSpec, Spec
    from envsolver.model.target import Target

__all__ = [
    "Base",
    "base_lock_files",
    "bases_as_recorded",
    "frozen_lines",
    "frozen_python",
    "load_bases",
    "locked_bases",
    "moved",
    "moved_files",
    "refuse_moved",
    "started_from",
]

_PACKAGE = re.compile(r'\[\[package\]\]\r?\nname = "([^"\n]+)"\r?\nversion = "([^"\n]+)"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """An environment that a spec extends, with its lock.

    Attributes:
        written: what the spec says of it.
        path: of its lock, as messages name it.
        lock: the lock.
        digest: of what it installs.
        lines: (name, version) → line in the lock.
        suggests: whether its versions are preferred; they are not where everything is to be upgraded.
    """

    written: BaseSpec
    path: str
    lock: Lock
    digest: str
    lines: Mapping[tuple[str, str], int]
    suggests: bool = True

    def platform(self, target: Target, choice: Iterable[str]) -> Mapping[Name, LockedPackage] | None:
        """Return what the lock has for a platform and a choice of exclusive groups, None if it does not hold for it."""
        try:
            found = self.lock.target(target.platform, [group for group in choice if group in self.lock.groups])
        except UsageError:
            return None
        return self.lock.packages_on(found.name)


def load_bases(project: Project, spec: Spec) -> tuple[Base, ...]:
    """Return the environments that a spec extends and that have a lock, in the order written.

    Raises:
        SpecError: one is to be frozen, and has no lock, or none for a platform of the spec.
        LockError: a lock makes no sense.
        FileError: a lock cannot be read.
    """
    found, problems = [], []
    for written in spec.bases:
        shown = _lock_path(written)
        base = _read(written, shown, located(shown, project.root))
        if base is not None:
            found.append(base)
        if written.frozen:
            problems += _not_frozen(written, shown, base, spec)
    if problems:
        raise SpecError(problems)
    return tuple(found)


def base_lock_files(project: Project, spec: Spec) -> list[Path]:
    """Return the locks of the environments that a spec extends, those that there are."""
    paths = (located(_lock_path(written), project.root) for written in spec.bases)
    return [path for path in paths if path.is_file()]


def frozen_lines(bases: Iterable[Base], target: Target, choice: Iterable[str]) -> tuple[SpecRequirement, ...]:
    """Return the versions of frozen bases as constraints, each with its line in the base's lock."""
    chosen = tuple(choice)
    return tuple(
        SpecRequirement(
            text=f"{name}=={package.version}",
            origin=Origin(base.path, base.lines.get((name, package.version), 0)),
            base=base.written.name,
        )
        for base in bases
        if base.written.frozen
        for name, package in (base.platform(target, chosen) or {}).items()
        if not is_conda(name)
    )


def frozen_python(bases: Iterable[Base], spec: Spec) -> str | None:
    """Return the full version of Python of a frozen base, if it is one that the spec means."""
    for base in bases:
        if base.written.frozen and f"{base.lock.python}.".startswith(f"{spec.python}."):
            return base.lock.python
    return None


def started_from(bases: Iterable[Base], keep: Lock | None) -> Iterator[tuple[Base, bool]]:
    """Yield the bases whose versions are preferred, and whether they go before those of the old lock.

    They do where the base has moved since that lock was made: what is built on top follows it.
    """
    known = {base.name: base.digest for base in keep.bases} if keep is not None else {}
    for base in bases:
        if base.suggests:
            yield base, known.get(base.written.name) != base.digest


def locked_bases(bases: Iterable[Base]) -> tuple[LockedBase, ...]:
    """Return what the lock of a spec says of its bases."""
    found = (LockedBase(name=one.written.name, digest=one.digest, frozen=one.written.frozen) for one in bases)
    return tuple(sorted(found, key=lambda base: base.name))


def bases_as_recorded(project: Project, spec: Spec, lock: Lock) -> tuple[Base, ...]:
    """Return the environments that a lock builds on top of, those that are what they were: others explain nothing."""
    recorded = {base.name: base.digest for base in lock.bases}
    found = []
    for written in spec.bases if recorded else ():
        shown = _lock_path(written)
        with suppress(LockError, FileError):
            base = _read(written, shown, located(shown, project.root))
            if base is not None and recorded.get(written.name) == base.digest:
                found.append(base)
    return tuple(found)


def moved(project: Project, spec: Spec, text: str, path: str) -> tuple[tuple[BaseSpec, str], ...]:
    """Return the bases that are not what they were when a lock was made, each with a sentence that says so.

    Args:
        project: of the spec.
        spec: that was locked.
        text: of its lock.
        path: of its lock, for messages.

    Raises:
        LockError: a lock makes no sense.
        FileError: a lock cannot be read.
    """
    if not spec.bases:
        return ()
    from envsolver.lock.bases import read_bases

    recorded = {base.name: base for base in read_bases(text, path)}
    found = []
    for written in spec.bases:
        shown = _lock_path(written)
        then = recorded.get(written.name)
        base = _read(written, shown, located(shown, project.root))
        if then is None or (base is not None and base.digest == then.digest):
            continue
        why = f"has moved since: {shown} installs something else now" if base else f"has no lock any more: {shown}"
        found.append((written, f"the base {written.name} {why}"))
    return tuple(found)


def refuse_moved(bases: Iterable[Base], lock: Lock) -> None:
    """Refuse a lock in which packages of conda of a frozen base are not what they were.

    The solver keeps records where it can, and has no constraint that would hold them.

    Raises:
        NoSolutionError: with the packages.
    """
    for base in bases:
        changed: dict[Name, str] = {}
        for target in lock.targets if base.written.frozen else ():
            mine = lock.packages_on(target.name)
            there = base.lock.target(target.platform, _shared(base, target.choice)).name
            for package in base.lock.conda(there):
                own = mine.get(package.name)
                if own is not None and own.file(target.name).filename != package.file(there).filename:
                    was, now = package.file(there).filename, own.file(target.name).filename
                    changed[package.name] = f"  {base.path}: {was} would become {now}"
        if changed:
            raise NoSolutionError(
                "\n".join(
                    [f"packages of conda of the frozen base {base.written.name} cannot stay:", *changed.values()]
                ),
                hint=f"loosen what the spec adds, or leave `frozen` out ({base.written.origin})",
            )


def moved_files(bases: Iterable[Base], lock: Lock) -> tuple[str, ...]:
    """Return a note for each package of a frozen base that came out of another file, which an index may do."""
    notes = {}
    for base in bases:
        if not base.written.frozen:
            continue
        for target in lock.targets:
            mine = lock.packages_on(target.name)
            for name, package in (base.platform(target.to_target(lock.python), target.choice) or {}).items():
                own = mine.get(name)
                if own is None or own.version != package.version:
                    continue  # what a child replaces on purpose is no longer there
                there = package.file(base.lock.target(target.platform, _shared(base, target.choice)).name)
                here = own.file(target.name)
                if there.sha256 != here.sha256:
                    notes[name] = (
                        f"{name} {own.version} is {here.filename} here and {there.filename} in the base"
                        f" {base.written.name}: the index offers another file of that version now"
                    )
    return tuple(notes.values())


def _shared(base: Base, choice: Iterable[str]) -> list[str]:
    return [group for group in choice if group in base.lock.groups]


def _lock_path(written: BaseSpec) -> str:
    prefix = PREFIX if written.path.startswith(PREFIX) else ""
    return f"{prefix}locks/{written.name}.lock.toml"


def _read(written: BaseSpec, shown: str, path: Path) -> Base | None:
    try:
        text = read_text(path)
    except NotTextError as error:
        raise LockError(shown, "is not UTF-8") from error
    if text is None:
        return None
    lock, digest, lines = _parsed(text, shown)
    return Base(written=written, path=shown, lock=lock, digest=digest, lines=lines)


@lru_cache(maxsize=8)
def _parsed(text: str, shown: str) -> tuple[Lock, str, Mapping[tuple[str, str], int]]:
    """Read a lock; a catalogue may have hundreds of environments on top of one."""
    lock = loads(text, shown)
    lines: dict[tuple[str, str], int] = {}
    line = at = 0
    for match in _PACKAGE.finditer(text):
        line += text.count("\n", at, match.start())
        at = match.start()
        lines[match[1], match[2]] = line + 2
    return lock, content_digest(lock), lines


def _not_frozen(written: BaseSpec, shown: str, base: Base | None, spec: Spec) -> list[Problem]:
    if base is None:
        message = f"extends: {written.name} cannot be frozen: there is no {shown}"
        return [Problem(message, written.origin, f"`envsolver lock {written.name}` makes it, or leave `frozen` out")]
    missing = [platform for platform in spec.platforms if platform not in base.lock.platforms]
    if not missing:
        return []
    message = f"extends: {written.name} cannot be frozen for {', '.join(missing)}: {shown} does not hold there"
    hint = f"it holds for {', '.join(base.lock.platforms)}; narrow `platforms` with `replace: [platforms]`"
    return [Problem(message, written.origin, hint)]

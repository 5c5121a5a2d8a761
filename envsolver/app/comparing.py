"""What differs between two states of a lock: the one on disk and an older one, from a file or from git."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from envsolver.app.files import read_text
from envsolver.app.lockfile import read_lock
from envsolver.lock.diff import LockDiff, diff_locks
from envsolver.lock.difftext import diff_data, diff_markdown, diff_text
from envsolver.lock.reader import loads
from envsolver.model.candidate import normalize_name
from envsolver.model.errors import FileError, SpecError, UsageError
from envsolver.model.ports import NullProgress

if TYPE_CHECKING:
    from envsolver.app.project import Environment, Project
    from envsolver.lock.model import Lock
    from envsolver.model.candidate import Name
    from envsolver.model.ports import Progress

__all__ = ["LockDiff", "compare", "diff_data", "diff_markdown", "diff_text"]

_SILENT = NullProgress()


def compare(
    project: Project,
    environment: Environment,
    origin: str,
    *,
    licenses: bool = False,
    offline: bool = False,
    progress: Progress = _SILENT,
) -> LockDiff:
    """Return what differs between an older state of a lock and the one on disk.

    Args:
        project: of the environment.
        environment: whose lock is meant.
        origin: a lock file, else a revision of the git repository that the project lies in.
        licenses: read from the indexes which licenses the wheels of what moved declare.
        offline: read them from the cache and local files only.
        progress: is told of reading them.

    Raises:
        SpecError: licenses are asked for, and the spec cannot be used.
        FileError: one of the two is not there or cannot be read.
        LockError: one of the two makes no sense.
        UsageError: ``origin`` is neither a file nor a revision.
    """
    old, new = _older(project, environment, origin), read_lock(project, environment)
    found = diff_locks(old, new)
    if licenses and found.changes:
        from envsolver.app.licenses import with_licenses

        found = with_licenses(project, environment, found, old, new, offline=offline, progress=progress)
    overrides = _overrides(project, environment)
    if not overrides:
        return found
    return replace(
        found,
        changes=tuple(
            replace(change, reasons=(*change.reasons, *overrides.get(change.name, ()))) for change in found.changes
        ),
    )


def _overrides(project: Project, environment: Environment) -> dict[Name, list[str]]:
    """Return project → what the spec's overrides on it are there for: the lock has the versions, not the reasons."""
    from envsolver.model.pep508 import parse_requirement

    try:
        spec = project.spec(environment)
    except SpecError:  # locks can be compared all the same
        return {}
    found: dict[Name, list[str]] = {}
    for one in spec.overrides:
        notes = [" ".join((one.reason or "").split()), one.advisory or "", f"until {one.until}" if one.until else ""]
        said = ", ".join(note for note in notes if note)
        if said:
            name = normalize_name(parse_requirement(one.text).name)
            found.setdefault(name, []).append(f"{one.origin}: override {one.text}: {said}")
    return found


def _older(project: Project, environment: Environment, origin: str) -> Lock:
    path = Path(origin)
    if path.is_file():
        return loads(read_text(path) or "", origin)
    relative = project.relative(project.lock_path(environment.name))
    return loads(_at_revision(project, relative, origin), f"{relative} at {origin}")


def _at_revision(project: Project, relative: str, revision: str) -> str:
    try:
        # A revision never begins with a dash (git-check-ref-format); an option of git's would.
        known = (
            not revision.startswith("-")
            and _git(project, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")[0]
        )
    except FileError as error:
        if revision == "HEAD":
            raise
        raise FileError(f"there is no file {revision}, and {error}", hint=error.hint) from None
    if not known:
        if revision == "HEAD":
            raise FileError("there is no commit yet to compare with", hint="--from FILE compares with a file")
        raise UsageError(
            f"{revision!r} is neither a file nor a revision of git", hint="--from takes a lock file, a commit or a tag"
        )
    found, content = _git(project, "cat-file", "blob", f"{revision}:./{relative}")
    if not found:
        raise FileError(f"{revision} has no {relative}", hint="--from names another revision or a file")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FileError(f"{relative} at {revision} is not UTF-8 (byte {error.start})") from error


def _git(project: Project, *arguments: str) -> tuple[bool, bytes]:
    """Run git in the project; return whether it succeeded, and its output.

    Raises:
        FileError: there is no git, or no repository.
    """
    command = ["git", "-C", str(project.root)]
    try:
        inside = subprocess.run([*command, "rev-parse", "--is-inside-work-tree"], capture_output=True, check=False)
        if inside.returncode != 0:
            raise FileError(f"{project.root} lies in no git repository", hint="--from FILE compares with a file")
        done = subprocess.run([*command, *arguments], capture_output=True, check=False)
    except OSError as error:
        raise FileError("git cannot be run", hint="--from FILE compares with a file") from error
    return done.returncode == 0, done.stdout

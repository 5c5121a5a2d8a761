"""The use case ``update``: locks made anew within their specs, audited before and after, as the text of a pull request.

The new locks are made in a scratch folder, so that nothing of the project is touched until all is known; then they are
put in place, or with a dry run thrown away.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from envsolver.app import locking
from envsolver.app.auditing import AuditOptions, audit
from envsolver.app.comparing import diff_markdown
from envsolver.app.files import write_together
from envsolver.app.project import Project
from envsolver.model.errors import EnvsolverError
from envsolver.model.values import dataclass
from envsolver.model.wording import markdown_cell

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envsolver.app.auditing import AuditOutcome
    from envsolver.app.locking import LockOutcome
    from envsolver.app.project import Environment
    from envsolver.catalog.audit import Vulnerability
    from envsolver.model.ports import Progress

__all__ = ["Update", "UpdateOptions", "Updated", "pull_request", "update"]


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateOptions:
    """What the user asks of a run of ``update``.

    Attributes:
        dry_run: write nothing.
        audit: compare with advisories.
        advisories: where those are, as ``audit`` takes it.
        builds: find out what source archives are built with.
        offline: use the cache and local files only.
    """

    dry_run: bool = False
    audit: bool = True
    advisories: str | None = None
    builds: bool = True
    offline: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """What became of one environment.

    Attributes:
        locked: how the lock was made; its paths are those of the project.
        before: known flaws of the old lock; None if that was not audited or there was none.
        after: known flaws of the new lock; None if that was not audited.
    """

    locked: LockOutcome
    before: AuditOutcome | None = None
    after: AuditOutcome | None = None

    @property
    def resolved(self) -> tuple[Vulnerability, ...]:
        """Flaws that the old lock has and the new one has not."""
        if self.before is None or self.after is None:
            return ()
        left = {(one.component.project, name) for one in self.after.open for name in one.names}
        return tuple(
            one for one in self.before.open if not any((one.component.project, name) in left for name in one.names)
        )

    @property
    def open(self) -> tuple[Vulnerability, ...]:
        """Flaws of the new lock that the spec does not accept."""
        return self.after.open if self.after is not None else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Updated:
    """What became of a run.

    Attributes:
        each: one for each environment, in the order asked for.
        written: the files written, absolute.
        unaudited: why nothing was audited, or None.
    """

    each: tuple[Update, ...]
    written: tuple[Path, ...] = ()
    unaudited: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scratch(Project):
    """A project whose locks lie elsewhere, while all that it reads is where it was.

    Attributes:
        locks: the folder of the locks.
    """

    locks: Path

    def lock_path(self, name: str) -> Path:
        """Return where the lock of an environment lies."""
        return self.locks / f"{name}.lock.toml"

    def requirements_path(self, name: str) -> Path:
        """Return where the requirements file beside the lock lies."""
        return self.locks / f"{name}.requirements.txt"

    def relative(self, path: Path) -> str:
        """Return a path as messages have it; locks are called as in the project."""
        if path.is_relative_to(self.locks):
            return f"locks/{path.relative_to(self.locks).as_posix()}"
        return Project(root=self.root).relative(path)


def update(
    project: Project, environments: Sequence[Environment], options: UpdateOptions, progress: Progress
) -> Updated:
    """Take the newest versions that the specs allow.

    One environment that fails keeps its lock, and keeps no other from being updated.

    Raises:
        UsageError: ``options.advisories`` cannot be.
        FileError: the advisories named cannot be read, or a lock cannot be written.
        NetworkError: the service of advisories that was named does not answer.
    """
    with tempfile.TemporaryDirectory(prefix="envsolver-update-") as folder:
        scratch = _Scratch(root=project.root, locks=Path(folder))
        for environment in project.all():
            for old in (project.lock_path(environment.name), project.requirements_path(environment.name)):
                if old.is_file():
                    shutil.copyfile(old, scratch.locks / old.name)
        wanted = locking.LockOptions(offline=options.offline, upgrade=True, builds=options.builds)
        before, unaudited = _audited(scratch, environments, options, progress)
        outcomes = locking.lock(scratch, environments, wanted, progress)
        changed = [
            environment for environment, outcome in zip(environments, outcomes, strict=True) if outcome.error is None
        ]
        after = _audited(scratch, changed, options, progress)[0] if unaudited is None else {}
        written = () if options.dry_run else _put_in_place(project, scratch, changed)
    return Updated(
        each=tuple(
            Update(locked=outcome, before=before.get(outcome.name), after=after.get(outcome.name))
            for outcome in outcomes
        ),
        written=written,
        unaudited=unaudited,
    )


def _audited(
    project: Project, environments: Sequence[Environment], options: UpdateOptions, progress: Progress
) -> tuple[dict[str, AuditOutcome], str | None]:
    if not options.audit:
        return {}, "it was not asked for"
    locked = [environment for environment in environments if project.lock_path(environment.name).is_file()]
    try:
        found = audit(
            project,
            locked,
            AuditOptions(advisories=options.advisories, fixes=False, offline=options.offline),
            progress,
        )
    except EnvsolverError as error:
        # The service that nobody named may be out of reach; that is no reason to update nothing.
        if options.advisories is not None:
            raise
        return {}, str(error)
    return {outcome.name: outcome for outcome in found.outcomes if outcome.error is None}, None


def _put_in_place(project: Project, scratch: Project, environments: Sequence[Environment]) -> tuple[Path, ...]:
    contents = {}
    for environment in environments:
        name = environment.name
        # The lock comes last: a requirements file alone does not belong to the old one, and the next run sees that.
        contents[project.requirements_path(name)] = scratch.requirements_path(name).read_bytes()
        contents[project.lock_path(name)] = scratch.lock_path(name).read_bytes()
    return write_together(contents) if contents else ()


def pull_request(updated: Updated) -> str:
    """Return the text of a pull request in Markdown: what moved in which environment, and what advisories say."""
    moved = [one for one in updated.each if one.locked.diff]
    failed = [one for one in updated.each if one.locked.error is not None]
    if moved:
        title = f"Update {_named(moved)}"
    elif len(failed) == len(updated.each) > 0:
        title = f"Nothing could be updated: {_named(failed)}"
    elif failed:
        title = f"Nothing moved; not updated: {_named(failed)}"
    else:
        title = "Locks are as new as their specs allow"
    lines = [f"# {title}", ""]
    lines += ["| environment | packages moved | flaws resolved | flaws left |", "| --- | --- | --- | --- |"]
    lines += [f"| {' | '.join(_row(one))} |" for one in updated.each]
    if updated.unaudited is not None:
        lines += ["", f"Not compared with advisories: {markdown_cell(updated.unaudited)}."]
    for one in updated.each:
        lines += _section(one)
    return "\n".join(lines).rstrip() + "\n"


def _named(updates: Sequence[Update]) -> str:
    names = ", ".join(markdown_cell(one.locked.name) for one in updates[:3])
    return f"{names} and {len(updates) - 3} more" if len(updates) > 3 else names


def _row(one: Update) -> tuple[str, str, str, str]:
    name = markdown_cell(one.locked.name)
    if one.locked.error is not None:
        return name, "failed", "", ""
    changes = str(len(one.locked.diff.changes)) if one.locked.diff is not None else "new"
    resolved = str(len(one.resolved)) if one.before is not None and one.after is not None else ""
    return name, changes, resolved, str(len(one.open)) if one.after is not None else ""


def _section(one: Update) -> Iterator[str]:
    locked = one.locked
    if locked.error is not None:
        yield from ("", f"## {markdown_cell(locked.name)}", "", "Not updated:", "")
        # As it stands, in a block that nothing in it can end.
        yield from (f"    {line}" for line in str(locked.error).splitlines())
        return
    if not locked.diff and not one.open and not locked.notes:
        return
    yield from ("", f"## {markdown_cell(locked.name)}", "")
    if locked.diff:
        # The heading of the difference names the environment, as this one does.
        yield from diff_markdown(locked.diff).split("\n")[2:]
    for title, flaws in (("Resolved", one.resolved), ("Still open", one.open)):
        if flaws:
            yield from (f"{title}:", "", *map(_flaw, flaws), "")
    yield from (f"> {markdown_cell(note)}" for note in locked.notes)


def _flaw(one: Vulnerability) -> str:
    fixed = f"; fixed in {', '.join(one.fixed)}" if one.fixed else "; no version fixes it"
    package = f"{one.component.name} {one.component.version}"
    summary = markdown_cell(one.summary)
    return (
        f"- {markdown_cell(package)}: [{markdown_cell(one.id)}]({one.url}) "
        f"({one.level or 'unrated'}{markdown_cell(fixed)}): {summary}"
    )

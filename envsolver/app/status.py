"""How a catalogue ages: locks, base images, support dates, receipts, exceptions; and what of it is to be done.

Dates come from here, the edge: today from the clock, that of a lock from git, which knows when it was last committed.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from envsolver.app.overview import environments
from envsolver.app.project import projects
from envsolver.model.errors import EnvsolverError
from envsolver.model.spec import status_on
from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from envsolver.app.overview import EnvironmentRow
    from envsolver.app.project import Environment, Project
    from envsolver.catalog.audit import Vulnerability
    from envsolver.model.ports import Progress
    from envsolver.model.spec import Status

__all__ = [
    "CatalogueStatus",
    "EnvironmentStatus",
    "OpenAdvisories",
    "ReceiptLine",
    "catalogue_status",
    "image_date",
    "retirement",
    "with_advisories",
]

MAX_AGE = 30
"""Days. Curated images are made again every two weeks, and have no known vulnerability older than this."""

_TAG_DATE = re.compile(r"(?<!\d)(20\d\d)(0[1-9]|1[0-2])(?:([0-2]\d|3[01])(?!\d)|\.([1-9])(?!\d))?(?!\d)")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptLine:
    """A receipt: where it ran, when, with what outcome, and whether it is of the lock as it is."""

    device: str
    time: str
    verdict: str
    current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAdvisories:
    """The known flaws of what is locked that the spec does not accept.

    Attributes:
        count: of all of them.
        fixable: of those of which a fixed version is known.
        oldest: day on which the first of the fixable ones was published, None if that is not known.
        age: days since then.
    """

    count: int
    fixable: int
    oldest: str | None = None
    age: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentStatus:
    """How one environment stands today.

    Attributes:
        row: what lists say of it.
        status: what it is today, by its spec and the dates in it.
        locked: day of the last change of its lock, by git; by the file where that is not committed. None: not known.
        age: days since then.
        image: day that the tag of the base image names, None if it names none.
        image_age: days since then.
        receipts: the newest first.
        advisories: None unless they were asked for, or where nothing could be audited.
        due: what is to be done, a sentence each.
    """

    row: EnvironmentRow
    status: Status
    locked: str | None = None
    age: int | None = None
    image: str | None = None
    image_age: int | None = None
    receipts: tuple[ReceiptLine, ...] = ()
    advisories: OpenAdvisories | None = None
    due: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueStatus:
    """All environments of a catalogue on a day; ``shipped`` is whether it is that of envsolver itself."""

    root: Path
    shipped: bool
    today: str
    environments: tuple[EnvironmentStatus, ...]


def catalogue_status(
    folder: Path | None, names: Sequence[str] = (), *, max_age: int = MAX_AGE, today: str | None = None
) -> CatalogueStatus:
    """Return how the environments of a project stand; without a project, those that envsolver ships.

    Args:
        folder: of the project; None: the nearest from the current folder upwards.
        names: of environments; none: all.
        max_age: days after which a supported environment is to be locked again, and its base image renewed.
        today: ``2027-03-01``; None: what the clock says.

    Raises:
        UsageError: ``folder`` is no project, or there are no environments at all.
        UnknownEnvironmentError: a name is unknown.
    """
    own, shipped = projects(folder)
    project = own or shipped
    if project is None:  # one of the two is there, or `projects` has said so
        raise AssertionError(folder)
    day = date.fromisoformat(today) if today is not None else datetime.now(UTC).date()
    changed = {} if project.shipped else _changed(project)
    receipts = (project.root / "locks" / "receipts").is_dir()
    wanted = {project.find(name).name for name in names}
    found = []
    for row in environments(project):
        if wanted and row.head.name not in wanted:
            continue
        lines = _receipts(project, row.head.name) if receipts else ()
        found.append(_status(row, day, changed.get(f"{row.head.name}.lock.toml"), lines, max_age))
    return CatalogueStatus(root=project.root, shipped=project.shipped, today=day.isoformat(), environments=tuple(found))


def with_advisories(
    found: CatalogueStatus, advisories: str, *, max_age: int = MAX_AGE, offline: bool, progress: Progress
) -> CatalogueStatus:
    """Return the same with the open advisories of supported environments.

    Args:
        found: as :func:`catalogue_status` returned it.
        advisories: folder, zip or URL of a service in OSV format.
        max_age: days after which a flaw that can be fixed is due.
        offline: use the cache and local files only.
        progress: is told what goes on.

    Raises:
        UsageError: ``advisories`` is neither a folder nor a file nor a URL.
        FileError: it cannot be read.
        NetworkError: the service does not answer.
    """
    from envsolver.app.auditing import AuditOptions, audit
    from envsolver.app.project import Project

    project = Project(root=found.root, shipped=found.shipped)
    alive = [
        one.row.head.name
        for one in found.environments
        if one.status in {"supported", "preview"} and one.row.lock in {"current", "stale"}
    ]
    options = AuditOptions(advisories=advisories, fixes=False, offline=offline, today=found.today)
    outcomes = audit(project, [project.find(name) for name in alive], options, progress).outcomes
    counts = {one.name: _open(one.open, found.today) for one in outcomes if one.error is None}
    return replace(
        found, environments=tuple(_with_open(one, counts.get(one.row.head.name), max_age) for one in found.environments)
    )


def _open(flaws: Sequence[Vulnerability], today: str) -> OpenAdvisories:
    fixable = [flaw for flaw in flaws if flaw.fixed]
    oldest = min((flaw.published[:10] for flaw in fixable if flaw.published), default=None)
    return OpenAdvisories(
        count=len(flaws), fixable=len(fixable), oldest=oldest, age=_days(oldest, date.fromisoformat(today))
    )


def _with_open(one: EnvironmentStatus, counted: OpenAdvisories | None, max_age: int) -> EnvironmentStatus:
    if counted is None or counted.age is None or counted.age <= max_age:
        return replace(one, advisories=counted)
    said = (
        f"{counted.fixable} of {counted.count} open advisories can be fixed, the oldest of {counted.oldest},"
        f" {counted.age} days ago, more than {max_age}: `envsolver audit {one.row.head.name}`"
    )
    return replace(one, advisories=counted, due=(*one.due, said))


def retirement(project: Project, environment: Environment) -> str | None:
    """Return a warning about an environment that is deprecated or removed, by its spec or a date in it; else None.

    What is wrong with a spec is for others to say.
    """
    try:
        spec = project.spec(environment, validate=False)
    except EnvsolverError:
        return None
    status = status_on(spec.status, spec.support, datetime.now(UTC).date().isoformat())
    if status == "deprecated":
        removed = spec.support.removed if spec.support is not None else None
        until = f" and will be removed on {removed}" if removed is not None else ""
        return f"{spec.name} is deprecated{until}: choose another one for what is new (`envsolver list`)"
    if status == "removed":
        return f"{spec.name} has been removed from support: what its lock needs may be gone, and nobody looks after it"
    return None


def image_date(image: str) -> str | None:
    """Return the day that the tag of an image names: ``202303.2``, ``202303``, ``20220411``; None if it names none.

    Of ``YYYYMM.N``, as of images made every two weeks, the first is that of the 1st, the others of the 15th.
    """
    _, _, tag = image.rpartition("/")[2].partition(":")
    found = _TAG_DATE.search(tag)
    if found is None:
        return None
    year, month, day, number = found.groups()
    try:
        return date(int(year), int(month), int(day) if day else 15 if number and number != "1" else 1).isoformat()
    except ValueError:
        return None


def _status(
    row: EnvironmentRow, today: date, locked: str | None, receipts: tuple[ReceiptLine, ...], max_age: int
) -> EnvironmentStatus:
    status = status_on(row.head.status, row.support, today.isoformat())
    image = image_date(row.base_image) if row.base_image is not None else None
    age, image_age = _days(locked, today), _days(image, today)
    due = list(_due(row, status, today.isoformat()))
    if status in {"supported", "preview"}:
        if age is not None and age > max_age and row.lock in {"current", "stale"}:
            due.append(f"locked {age} days ago, more than {max_age}: `envsolver lock {row.head.name} --upgrade`")
        if image_age is not None and image_age > max_age:
            due.append(f"the base image is of {image}, {image_age} days old, more than {max_age}")
    return EnvironmentStatus(
        row=row,
        status=status,
        locked=locked,
        age=age,
        image=image,
        image_age=image_age,
        receipts=receipts,
        due=tuple(due),
    )


def _due(row: EnvironmentRow, status: Status, today: str) -> Iterator[str]:
    if not row.usable:
        yield "the spec cannot be used: `envsolver list` says why"
        return
    if status != row.head.status:
        yield f"{status} by its dates, but `status` says {row.head.status}"
    if status not in {"deprecated", "removed"}:
        if row.lock == "missing":
            yield f"not locked: `envsolver lock {row.head.name}`"
        elif row.lock in {"stale", "unreadable"}:
            yield f"the lock is {row.lock}: {'; '.join(row.reasons)}"
    if row.lock == "current":
        yield from row.moved
    for one in row.passing:
        if one.until <= today:
            yield f"{one.origin}: the {one.what} was to be looked at again on {one.until}"


def _days(day: str | None, today: date) -> int | None:
    return (today - date.fromisoformat(day)).days if day is not None else None


def _receipts(project: Project, name: str) -> tuple[ReceiptLine, ...]:
    from envsolver.app.gpu_receipts import receipts_of

    return tuple(
        ReceiptLine(
            device=", ".join(proof.receipt.architectures) or "cpu",
            time=proof.receipt.time,
            verdict=proof.receipt.verdict,
            current=proof.current,
        )
        for proof in receipts_of(project, name)
    )


def _changed(project: Project) -> dict[str, str]:
    """Return name of a lock file → the day of its last change, by git; by the file itself where that is newer."""
    found: dict[str, str] = {}
    committed = _git(project, ["log", "--format=%x00%cs", "--name-only", "--no-renames", "--", "locks"])
    day = ""
    for line in committed:
        if line.startswith("\0"):
            day = line[1:]
        elif line.endswith(".lock.toml"):
            found.setdefault(line.rpartition("/")[2], day)
    # What is not committed has no other day than that of its file.
    for line in _git(project, ["status", "--porcelain", "--no-renames", "--", "locks"]):
        name = line.rpartition("/")[2].strip('"')
        path = project.root / "locks" / name
        if name.endswith(".lock.toml") and path.is_file():
            found[name] = datetime.fromtimestamp(path.stat().st_mtime, UTC).date().isoformat()
    if not committed:
        for path in (project.root / "locks").glob("*.lock.toml"):
            found.setdefault(path.name, datetime.fromtimestamp(path.stat().st_mtime, UTC).date().isoformat())
    return found


def _git(project: Project, arguments: Sequence[str]) -> list[str]:
    try:
        command = ["git", "-C", str(project.root), *arguments]
        done = subprocess.run(command, capture_output=True, check=False)
    except OSError:  # there is no git
        return []
    return done.stdout.decode("utf-8", "replace").splitlines() if done.returncode == 0 else []

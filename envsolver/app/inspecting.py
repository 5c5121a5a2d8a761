"""What is known of the environments of a project, for ``list`` and ``show``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envsolver.app.lockfile import read_lock
from envsolver.app.locking import package_counts
from envsolver.app.overview import EnvironmentRow, Freshness, environments, standing
from envsolver.app.project import projects
from envsolver.model.errors import LockError
from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from pathlib import Path

    from envsolver.app.project import Environment, Project
    from envsolver.model.spec import Spec

__all__ = ["EnvironmentRow", "Freshness", "Listing", "Summary", "environments", "listing", "summary"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What there is to choose from.

    Attributes:
        root: of the project, None where there is none.
        own: the project's environments, sorted by name.
        shipped: those of the catalogue that envsolver ships and the project has no own ones in place of.
    """

    root: Path | None
    own: tuple[EnvironmentRow, ...]
    shipped: tuple[EnvironmentRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """All that is known of one environment.

    Attributes:
        freshness: how the lock stands to the spec.
        reasons: why it is stale or unreadable.
        counts: number of packages by target; empty if there is none that can be read.
    """

    spec: Spec
    path: str
    freshness: Freshness
    reasons: tuple[str, ...]
    lock_path: str
    counts: tuple[tuple[str, int], ...]


def listing(folder: Path | None) -> Listing:
    """Return the environments of a project and those that envsolver ships.

    Args:
        folder: of the project; None: the nearest from the current folder upwards, or none at all.

    Raises:
        UsageError: ``folder`` is no project, or there are no environments at all.
    """
    project, shipped = projects(folder)
    own = environments(project) if project is not None else ()
    names = {row.head.name for row in own}
    rows = environments(shipped) if shipped is not None else ()
    return Listing(
        root=project.root if project is not None else None,
        own=own,
        shipped=tuple(row for row in rows if row.head.name not in names),
    )


def summary(project: Project, environment: Environment) -> Summary:
    """Return all that is known of one environment.

    Raises:
        SpecError: its spec cannot be used.
    """
    spec = project.spec(environment)
    freshness, reasons = standing(project, environment)
    counts: tuple[tuple[str, int], ...] = ()
    if freshness in {"current", "stale"}:
        try:
            counts = package_counts(read_lock(project, environment))
        except LockError as error:
            freshness, reasons = "unreadable", (str(error),)
    return Summary(
        spec=spec,
        path=project.relative(environment.path),
        freshness=freshness,
        reasons=reasons,
        lock_path=project.relative(project.lock_path(environment.name)),
        counts=counts,
    )

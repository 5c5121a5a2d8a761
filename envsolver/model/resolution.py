"""The answer of the solver for one target: which file of each package, and why it is there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from envsolver.model.candidate import File, MetadataSource, Name
    from envsolver.model.origin import Origin
    from envsolver.model.target import Target

__all__ = ["Edge", "Resolution", "ResolvedPackage", "Root", "SolveStats"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """A requirement of one package on another that applies on the target.

    Attributes:
        name: canonical name of the package required.
        extras: extras requested of it, sorted.
        specifier: as declared (or as an override has it), canonical text, empty for any.
        marker: the PEP 508 marker under which it was declared, without the ``extra`` part, or None.
        extra: the extra of the *requiring* package that brings it, or None.
        overridden: the specifier that was declared before an override of the spec replaced it, or None.
    """

    name: Name
    extras: tuple[str, ...] = ()
    specifier: str = ""
    marker: str | None = None
    extra: str | None = None
    overridden: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedPackage:
    """One package of the solution.

    ``extras`` are those that somebody requests, ``edges`` the requirements that apply with them, sorted.
    """

    name: Name
    version: str
    file: File
    extras: tuple[str, ...]
    edges: tuple[Edge, ...]
    metadata_source: MetadataSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """A requirement of the spec that applies on the target, and what it became."""

    name: Name
    extras: tuple[str, ...]
    specifier: str
    group: str
    text: str
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class SolveStats:
    """How the solution came about; printed by ``--verbose``, never written to a lock."""

    rounds: int
    solves: int
    records: int
    metadata_read: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """A solution for one target.

    ``packages`` are sorted by name; ``notes`` are for the user (requirements far behind their newest version).
    """

    target: Target
    roots: tuple[Root, ...]
    packages: tuple[ResolvedPackage, ...]
    stats: SolveStats
    notes: tuple[str, ...] = ()

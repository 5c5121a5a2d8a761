"""The answer of the solver for one target: which file of each package, and why it is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from envsolver.model.candidate import File, MetadataSource, Name
    from envsolver.model.origin import Origin
    from envsolver.model.rule import RuleEffectKind
    from envsolver.model.target import Target

__all__ = ["Edge", "GivenUp", "HeldBack", "Provided", "Resolution", "ResolvedPackage", "Root", "RuleUse", "SolveStats"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """A requirement of one package on another that applies on the target.

    Attributes:
        name: canonical name of the package required.
        extras: extras requested of it, sorted.
        specifier: as declared (or as an override has it), canonical text, empty for any.
        marker: the PEP 508 marker under which it was declared, without the ``extra`` part, or None.
        extra: the extra of the *requiring* package that brings it, or None.
        overridden: the specifier that was declared before an override of the spec or a rule replaced it, or None.
        rule: the id of the rule that brought or replaced it, or None.
        project: the project that is required, where a package of conda (``name``) provides it.
    """

    name: Name
    extras: tuple[str, ...] = ()
    specifier: str = ""
    marker: str | None = None
    extra: str | None = None
    overridden: str | None = None
    rule: str | None = None
    project: Name | None = None


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
    """A requirement of the spec that applies on the target, and what it became.

    ``project`` is the project that it asks for, where a package of conda (``name``) provides that.
    """

    name: Name
    extras: tuple[str, ...]
    specifier: str
    group: str
    text: str
    origin: Origin
    project: Name | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SolveStats:
    """How the solution came about; printed by ``--verbose``, never written to a lock."""

    rounds: int
    solves: int
    records: int
    metadata_read: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldBack:
    """An implied bound that keeps a package below a version that its requirements would admit.

    Attributes:
        name: the package held back.
        requirer: the package whose requirement is bounded.
        version: the version of the requirer.
        declared: when that was uploaded, in seconds since 1970 UTC.
        beyond: the first version left out that is newer than the one chosen.
        uploaded: when that was uploaded.
    """

    name: Name
    requirer: Name
    version: str
    declared: int
    beyond: str
    uploaded: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenUp:
    """A soft clause that had to give way: nothing resolves with it."""

    name: Name
    requirer: Name
    rule: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class RuleUse:
    """What a rule says of a package of the solution, with regard to another one of it.

    Attributes:
        rule: its id.
        name: the package whose version it is about.
        kind: see :class:`~envsolver.model.rule.RuleEffect`.
        requirement: on the other package; of ``unusable``, what can be used instead.
        gave_way: nothing resolved with it, so that it does not hold.
    """

    rule: str
    name: Name
    kind: RuleEffectKind
    requirement: str
    gave_way: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Provided:
    """A project that something in the solution requires, and the package of conda that provides it."""

    project: Name
    package: Name


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """A solution for one target.

    Attributes:
        roots: the spec's requirements that apply.
        packages: sorted by name.
        stats: how it came about.
        notes: for the user (requirements far behind their newest version).
        held: the implied bounds at work, sorted.
        given_up: those that gave way, sorted.
        rules: what rules had to say, sorted. The solver leaves that to whoever knows the rules.
        provided: the projects that packages of conda provide to those that require them, sorted.
    """

    target: Target
    roots: tuple[Root, ...]
    packages: tuple[ResolvedPackage, ...]
    stats: SolveStats
    notes: tuple[str, ...] = ()
    held: tuple[HeldBack, ...] = ()
    given_up: tuple[GivenUp, ...] = ()
    rules: tuple[RuleUse, ...] = ()
    provided: tuple[Provided, ...] = ()

"""What a lock records of what no package declares: the implied bounds and the rules that took part."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from envsolver.model.candidate import Name
    from envsolver.model.rule import RuleEffectKind

__all__ = ["LockedBound", "LockedEffect", "LockedRule"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedBound:
    """An implied bound: versions that came long after the package that requires them were left out.

    Attributes:
        package: the project that it holds back.
        requirer: the project whose requirement is bounded.
        version: of the requirer.
        uploaded: when that was uploaded; RFC 3339 UTC instant with seconds. None if it gave way.
        below: the first version left out that is newer than the one locked. None if it gave way.
        released: when that was uploaded. None if it gave way.
        gave_way: nothing resolved with it, so that it does not hold.
        targets: the lock's targets on which it is so.
    """

    package: Name
    requirer: Name
    version: str
    uploaded: str | None = None
    below: str | None = None
    released: str | None = None
    gave_way: bool = False
    targets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedEffect:
    """What a rule said of one package of the lock.

    Attributes:
        package: the project whose version the rule is about.
        kind: what the rule does to it, see :class:`~envsolver.model.rule.RuleEffect`.
        requirement: on another project; of ``unusable``, what can be used instead.
        gave_way: nothing resolved with it, so that it does not hold.
        targets: the lock's targets on which it is so.
    """

    package: Name
    kind: RuleEffectKind
    requirement: str
    gave_way: bool = False
    targets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedRule:
    """A rule that took part, or that the spec switched off.

    Attributes:
        id: of the rule.
        title: what is wrong, in one line.
        effects: sorted by package and requirement; none where it is ignored.
        ignored: the spec's reason for ignoring it, or None.
        until: the day from which on the exception is to be looked at again, ``2027-03-01``, or None.
    """

    id: str
    title: str = ""
    effects: tuple[LockedEffect, ...] = ()
    ignored: str | None = None
    until: str | None = None

"""What a spec says against packages and rules for a while: overrides and ignored rules that have an end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envsolver.model.origin import Origin
    from envsolver.model.spec import Spec

__all__ = ["Passing", "exceptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Passing:
    """Something in a spec that is to be looked at again on a day.

    Attributes:
        what: ``override numpy==1.23.5``, ``ignored rule TORCH-NUMPY2``.
        until: the day.
        reason: as the spec has it, or None.
        advisory: that it is there for, or None.
    """

    what: str
    until: str
    origin: Origin
    reason: str | None = None
    advisory: str | None = None


def exceptions(spec: Spec) -> Iterator[Passing]:
    """Yield what has an end, in the order of the spec."""
    for one in spec.overrides:
        if one.until is not None:
            yield Passing(
                what=f"override {one.text}",
                until=one.until,
                origin=one.origin,
                reason=one.reason,
                advisory=one.advisory,
            )
    for rule in spec.ignored_rules:
        if rule.until is not None:
            yield Passing(
                what=f"ignored rule {rule.id}",
                until=rule.until,
                origin=rule.origin,
                reason=rule.reason,
                advisory=rule.advisory,
            )

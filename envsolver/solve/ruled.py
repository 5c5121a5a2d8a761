"""What rules say of the versions of a project, by position."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envsolver.model.pep440 import parse_specifier
from envsolver.model.values import dataclass
from envsolver.solve.intervals import each, union

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envsolver.model.rule import RuleEffect, Ruling
    from envsolver.solve.intervals import Intervals
    from envsolver.solve.table import Table

__all__ = ["Ruled", "ruled"]


@dataclass(frozen=True, slots=True)
class Ruled:
    """What rules say of the versions of one project, by position.

    Attributes:
        kinds: the same number for versions of which rules say the same.
    """

    effects: list[tuple[RuleEffect, ...]]
    kinds: list[int]


def ruled(table: Table, rulings: Sequence[Ruling]) -> Ruled:
    """Find out what rules say of each version of a project."""
    found: list[tuple[RuleEffect, ...]] = [()] * len(table.releases)
    for ruling in rulings:
        concerned: Intervals = ()
        for specifier in ruling.versions:
            concerned = union(concerned, table.positions(parse_specifier(specifier)))
        for position in each(concerned):
            found[position] = (*found[position], ruling.effect)
    numbers: dict[tuple[RuleEffect, ...], int] = {}
    return Ruled(found, [numbers.setdefault(effects, len(numbers)) for effects in found])

"""The rule book as the solver asks it: effects as requirements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envsolver.knowledge.rules import Conflicts, Constrains, Replaces, Requires, Unusable
from envsolver.model.rule import RuleEffect, Ruling

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envsolver.knowledge.rules import Effect, Rule, RuleBook, Severity
    from envsolver.model.candidate import Name
    from envsolver.model.target import Target

__all__ = ["SolverRules"]

MERELY_TOLD: frozenset[Severity] = frozenset({"unsupported", "info"})


class SolverRules:
    """A :class:`~envsolver.model.rule.Rules` made of a rule book.

    A preference against what is merely not tested or supported takes no part: it would trade versions that work for old
    ones. Such rules are findings.
    """

    def __init__(self, book: RuleBook) -> None:
        self._book = book

    def rulings(self, name: Name, target: Target) -> Sequence[Ruling]:
        """Return what the rules say of a project on a target, ordered by rule."""
        return tuple(
            Ruling(tuple(one.specifier for one in rule.when if one.name == name), effect)
            for rule in self._book.for_package(name)
            if (rule.hard or rule.severity not in MERELY_TOLD) and rule.applies_on(target)
            for of_rule in rule.effects_on(name)
            if (effect := _effect(rule, of_rule)) is not None
        )


def _effect(rule: Rule, effect: Effect) -> RuleEffect | None:
    beside = str(rule.beside) if rule.beside else ""
    match effect:
        case Constrains(project, specifier):
            return RuleEffect(
                rule=rule.id, kind="constrains", requirement=f"{project}{specifier}", hard=rule.hard, beside=beside
            )
        case Conflicts(project, specifier):
            return RuleEffect(
                rule=rule.id, kind="excludes", requirement=f"{project}{specifier}", hard=rule.hard, beside=beside
            )
        case Requires(project, specifier):
            return RuleEffect(
                rule=rule.id, kind="requires", requirement=f"{project}{specifier}", hard=rule.hard, beside=beside
            )
        case Replaces(project, declared, specifier):
            return RuleEffect(
                rule=rule.id, kind="replaces", requirement=f"{project}{specifier}", hard=rule.hard, declared=declared
            )
        case Unusable(instead):
            return RuleEffect(rule=rule.id, kind="unusable", requirement=instead, hard=rule.hard)
        case _:
            return None

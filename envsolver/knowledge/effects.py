"""The rule book as the solver asks it: effects as requirements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envsolver.knowledge.rules import Conflicts, Constrains, Replaces, Requires, Unusable
from envsolver.model.rule import RuleEffect

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envsolver.knowledge.rules import Effect, Rule, RuleBook
    from envsolver.model.candidate import Name
    from envsolver.model.target import Target

__all__ = ["SolverRules"]


class SolverRules:
    """A :class:`~envsolver.model.rule.Rules` made of a rule book."""

    def __init__(self, book: RuleBook) -> None:
        self._book = book

    def effects(self, name: Name, version: str, target: Target) -> Sequence[RuleEffect]:
        """Return what the rules say of a version, ordered by rule."""
        if not self._book.for_package(name):
            return ()
        return tuple(
            effect
            for rule, of_rule in self._book.effects(name, version, target)
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

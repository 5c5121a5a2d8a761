"""What rules say to the solver: the effect of choosing one version, in terms of requirements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envsolver.model.candidate import Name
    from envsolver.model.target import Target

__all__ = ["NoRules", "RuleEffect", "RuleEffectKind", "Rules"]

RuleEffectKind = Literal["constrains", "excludes", "requires", "replaces", "unusable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleEffect:
    """What a rule adds to one version of a project.

    Attributes:
        rule: the id of the rule.
        kind: ``constrains``: if the other project is in the solution, it has to satisfy the requirement.
            ``excludes``: if it is, it must not. ``requires``: the requirement is added. ``replaces``: it takes the
            place of what the version declares of that project. ``unusable``: the version itself cannot be used.
        requirement: PEP 508; of ``unusable``, in words, what can be used instead.
        hard: whether it always holds; if not, it gives way when nothing else resolves.
        declared: for ``replaces``, the specifier as the metadata has it: no other is replaced.
        beside: PEP 508; the effect holds only if the solution has this, too.
    """

    rule: str
    kind: RuleEffectKind
    requirement: str
    hard: bool
    declared: str = ""
    beside: str = ""


class Rules(Protocol):
    """A set of rules, as the solver asks it."""

    def effects(self, name: Name, version: str, target: Target) -> Sequence[RuleEffect]:
        """Return what the rules say of a version, in a fixed order. Asked once for each version in a solve."""
        ...


class NoRules:
    """No rules at all."""

    def effects(self, name: Name, version: str, target: Target) -> Sequence[RuleEffect]:  # noqa: ARG002
        """Return nothing."""
        return ()

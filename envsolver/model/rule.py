"""What rules say to the solver: the effect of choosing one version, in terms of requirements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

from envsolver.model.pep440 import parse_specifier
from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envsolver.model.candidate import Name
    from envsolver.model.target import Target

__all__ = ["NoRules", "RuleEffect", "RuleEffectKind", "Rules", "Ruling", "effects_on"]

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


@dataclass(frozen=True, slots=True)
class Ruling:
    """An effect, and the versions of a project that have it.

    Attributes:
        versions: specifiers of PEP 440; the effect holds for what any of them admits, pre-releases included. Their
            versions have no local part, so that a build of a version is treated as that version.
    """

    versions: tuple[str, ...]
    effect: RuleEffect

    def concerns(self, version: str) -> bool:
        """Say whether a version has the effect."""
        return any(parse_specifier(text).contains(version, prereleases=True) for text in self.versions)


class Rules(Protocol):
    """A set of rules, as the solver asks it."""

    def rulings(self, name: Name, target: Target) -> Sequence[Ruling]:
        """Return what the rules say of a project on a target, in a fixed order."""
        ...


class NoRules:
    """No rules at all."""

    def rulings(self, name: Name, target: Target) -> Sequence[Ruling]:  # noqa: ARG002
        """Return nothing."""
        return ()


def effects_on(rules: Rules, name: Name, version: str, target: Target) -> tuple[RuleEffect, ...]:
    """Return what rules say of one version, in their order."""
    return tuple(ruling.effect for ruling in rules.rulings(name, target) if ruling.concerns(version))

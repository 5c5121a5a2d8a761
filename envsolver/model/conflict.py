"""What an explanation is made of: the reasons that cannot hold together, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from envsolver.model.candidate import Name
    from envsolver.model.origin import Origin

__all__ = ["Reason", "ReasonKind"]

ReasonKind = Literal["requirement", "constraint", "package", "rule", "gpu", "ruled-out"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One member of a conflict.

    Attributes:
        kind: ``requirement`` and ``constraint`` stand in the spec; ``package``: what versions of a project require;
            ``rule``: what the knowledge base adds; ``gpu``: what builds the target can run; ``ruled-out``: versions
            that would do but cannot be chosen, told for information.
        lines: the words for it.
        project: the project that it restricts.
        requirer: for ``package`` and ``rule``, the project that brings it.
        origin: where it stands, if in a file of the user's.
        text: the requirement as written there.
        rule: the id of the rule.
    """

    kind: ReasonKind
    lines: tuple[str, ...]
    project: Name
    requirer: Name | None = None
    origin: Origin | None = None
    text: str | None = None
    rule: str | None = None

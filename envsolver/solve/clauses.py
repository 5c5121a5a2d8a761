"""Clauses: the reasons a solution is made of, each of which an explanation can name and a question can leave out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from envsolver.model.candidate import Name
    from envsolver.model.spec import SpecRequirement
    from envsolver.solve.intervals import Intervals
    from envsolver.solve.requirements import Declared

__all__ = ["Asked", "Clause", "ClauseKind", "Condition"]

ClauseKind = Literal["requirement", "constraint", "package", "bound", "rule", "gpu", "build", "conda"]


@dataclass(frozen=True, slots=True)
class Asked:
    """A requirement of the spec that applies on the target."""

    declared: Declared
    written: SpecRequirement


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """One reason.

    Attributes:
        kind: ``requirement`` and ``constraint``: a line of the spec. ``package``: what all versions of ``requirer``
            (with ``extra``) require of ``required``. ``bound``: that ``requirer`` cannot have known the versions of
            ``required`` that came long after it. ``rule``: what a rule says. ``gpu``: what the spec says of the GPU.
            ``build``: for which GPU software the files of ``requirer`` are built. ``conda``: a line of the spec about a
            package of conda.
        soft: whether it may be dropped when nothing else resolves.
    """

    kind: ClauseKind
    required: Name
    asked: Asked | None = None
    requirer: Name | None = None
    extra: str = ""
    rule: str = ""
    soft: bool = False
    written: SpecRequirement | None = None
    """The line, of ``conda``."""

    def __hash__(self) -> int:
        # Sets of thousands are made for each question; what is left out hardly ever tells clauses apart.
        return hash((self.kind, self.required, self.requirer, self.extra, self.rule))

    @property
    def key(self) -> tuple[str, str, str, str, str]:
        """A key to sort by; the clauses of the spec keep the order in which they are written instead."""
        return (self.requirer or "", self.extra, self.required, self.kind, self.rule)


@dataclass(frozen=True, slots=True)
class Condition:
    """What choosing one version entails for another project, because of one clause.

    Attributes:
        required: the other project.
        admitted: its positions that may be chosen beside; empty if none may (or no index has it).
        extras: extras of it that become active.
        brings: whether the other project becomes part of the solution; if not, the condition holds if it is.
        beside: a third project and its positions: the condition holds only if one of these is chosen, too.
    """

    clause: Clause
    required: Name
    admitted: Intervals
    extras: tuple[str, ...] = ()
    brings: bool = True
    beside: tuple[Name, Intervals] | None = None

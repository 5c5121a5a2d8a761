"""A change of a spec that was solved before it is suggested."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from envsolver.model.origin import Origin

__all__ = ["Edit", "Fix"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One change in a file of the project.

    Attributes:
        origin: the line.
        old: the text on it that is replaced.
        new: what takes its place; None takes the whole entry out.
    """

    origin: Origin
    old: str
    new: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """A change after which the spec resolves.

    Attributes:
        title: what to change, in one line.
        outcome: what the projects that take part became.
        edits: the change; all of them belong together.
    """

    title: str
    outcome: str
    edits: tuple[Edit, ...]

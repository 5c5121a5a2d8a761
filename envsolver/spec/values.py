"""What reading a spec yields: values with their places, and the problems found on the way."""

from __future__ import annotations

from dataclasses import field
from enum import Enum
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from envsolver.model.errors import Problem
from envsolver.model.origin import Origin
from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from envsolver.spec.kinds import Field
    from envsolver.spec.nodes import Node

__all__ = ["Complaint", "Located", "Merge", "Part", "Reading", "nearest"]

T = TypeVar("T")


def nearest(word: str, known: Iterable[str], *, count: int = 1) -> list[str]:
    """Return the known words that look most like a mistyped one, best first."""
    from difflib import get_close_matches

    folded = {name.lower(): name for name in known}
    return [folded[match] for match in get_close_matches(word.lower(), list(folded), n=count, cutoff=0.6)]


class Complaint(NamedTuple):
    """Why a text is refused, and what to write instead."""

    message: str
    hint: str | None = None


class Merge(Enum):
    """What becomes of a key that a base spec and the one that extends it both have.

    The value is the word that the reference has for it, ``meaning`` the explanation.
    """

    OWN = "own"
    NEAREST = "nearest"
    AGREE = "agree"
    ADD = "add"
    DEEP = "deep"
    INTO_PIP = "into pip"

    @property
    def meaning(self) -> str:
        """What the word means, in a sentence."""
        return _MEANINGS[self]


_MEANINGS = {
    Merge.OWN: "belongs to the file that it stands in and is not inherited",
    Merge.NEAREST: "the child's stands in place of the base's",
    Merge.AGREE: "base and child must say the same, unless the child names the key under `replace`",
    Merge.ADD: "the base's come first, then the child's",
    Merge.DEEP: "key by key, each as its own row says",
    Merge.INTO_PIP: "the requirements that it brings in are inherited like those under `pip`",
}


@dataclass(frozen=True, slots=True)
class Located(Generic[T]):
    """A value and where it was written."""

    value: T
    origin: Origin


@dataclass(slots=True)
class Reading:
    """One file being read: where problems go.

    Attributes:
        path: the file, as messages name it.
        validate: also run the checks that need heavy imports (PEP 508).
    """

    path: str
    problems: list[Problem]
    validate: bool = True

    def origin(self, node: Node) -> Origin:
        """Return the place of a node."""
        return Origin(self.path, node.line)

    def report(self, message: str, node: Node, hint: str | None = None) -> None:
        """Note a problem at a node."""
        self.problems.append(Problem(message, self.origin(node), hint))


@dataclass(frozen=True, slots=True)
class Part:
    """A record as read.

    Attributes:
        values: of those keys that were given and can be used.
        given: all keys that were given, also those whose value had to be refused.
    """

    origin: Origin
    values: Mapping[str, Any] = field(default_factory=dict)
    given: frozenset[str] = frozenset()

    def get(self, wanted: Field[T]) -> T | None:
        """Return the value of a key, or None."""
        found: T | None = self.values.get(wanted.key)
        return found

    def with_value(self, changed: Field[T], value: T | None) -> Part:
        """Return the same record with another value for one key; None takes the key away."""
        if value is None:
            values = {key: old for key, old in self.values.items() if key != changed.key}
            return Part(self.origin, values, self.given - {changed.key})
        return Part(self.origin, {**self.values, changed.key: value}, self.given | {changed.key})

"""Where a value was written, for messages."""

from __future__ import annotations

from envsolver.model.values import dataclass

__all__ = ["Origin"]


@dataclass(frozen=True, slots=True, order=True)
class Origin:
    """A place in an input file.

    Attributes:
        path: the file, relative to the project where it lies in it, with ``/``.
        line: 1-based line; 0 where the whole file is meant.
    """

    path: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.path}:{self.line}" if self.line else self.path

"""One parse of a requirement for everybody: reading metadata checks it, solving uses it, and parsing is dear."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from packaging.requirements import Requirement

__all__ = ["parse_requirement"]


@lru_cache(maxsize=32768)
def parse_requirement(text: str) -> Requirement:
    """Parse a PEP 508 requirement. The result is shared: it must not be changed.

    Raises:
        packaging.requirements.InvalidRequirement: if it is none.
    """
    from packaging.requirements import Requirement

    return Requirement(text)

"""The knowledge that implied bounds need: on what they are never put."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from envsolver.knowledge._toml import read_shipped
from envsolver.knowledge.tables import parse_table
from envsolver.model.candidate import normalize_name

if TYPE_CHECKING:
    from envsolver.knowledge._toml import Row
    from envsolver.model.candidate import Name

__all__ = ["exemptions"]


@lru_cache(maxsize=1)
def exemptions() -> dict[Name, str]:
    """Return the projects that are exempt from implied bounds → the reason."""
    rows = parse_table(read_shipped("data", "exempt"), "envsolver/knowledge/data/exempt.toml", exempt=_exempt)["exempt"]
    return {normalize_name(row[0]): row[1] for row in rows if isinstance(row, tuple)}


def _exempt(row: Row) -> tuple[str, str]:
    return row.text("package"), row.text("reason")

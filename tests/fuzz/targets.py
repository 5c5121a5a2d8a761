"""All targets, by name, and the inputs that were kept."""

from __future__ import annotations

from pathlib import Path

from tests.fuzz.archives import ARCHIVES
from tests.fuzz.texts import TEXTS

__all__ = ["KEPT", "TARGETS", "kept"]

TARGETS = {target.name: target for target in (*TEXTS, *ARCHIVES)}
KEPT = Path(__file__).parents[1] / "data" / "fuzz"
"""``TARGET/NAME``: inputs that a parser did not withstand once."""


def kept() -> list[tuple[str, Path]]:
    """Return target and file of each kept input."""
    return [(path.parent.name, path) for path in sorted(KEPT.glob("*/*"))]

"""How long an index page may be used without asking again (RFC 9111, as far as a private cache of pages needs it)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["UNSAID_SECONDS", "is_fresh", "lifetime"]

UNSAID_SECONDS = 600.0
"""For servers that say nothing at all, as many mirrors do: a second run right after the first stays quick."""


def lifetime(headers: Mapping[str, str]) -> float:
    """Return for how many seconds an answer is fresh.

    ``max-age`` counts, less the ``Age`` that the answer already has. ``no-cache`` and ``no-store`` mean: ask every
    time (what was read is kept all the same, for ``--offline``). With a validator and no ``max-age`` it is asked every
    time too, which is cheap. With neither, :data:`UNSAID_SECONDS`.

    Args:
        headers: by lower-case name.
    """
    control = headers.get("cache-control", "").lower()
    directives = {part.strip() for part in control.split(",")}
    if directives & {"no-cache", "no-store"}:
        return 0.0
    if match := re.search(r"(?:^|[\s,])max-age=\"?([0-9]{1,10})", control):
        age = headers.get("age", "")
        return max(0.0, float(match[1]) - (float(age) if age.isascii() and age.isdigit() else 0.0))
    if "etag" in headers or "last-modified" in headers:
        return 0.0
    return UNSAID_SECONDS


def is_fresh(fetched: float, fresh_for: float, now: float) -> bool:
    """Tell whether an answer fetched at a time is still fresh. One from the future (a clock was set back) is not."""
    return 0.0 <= now - fetched < fresh_for

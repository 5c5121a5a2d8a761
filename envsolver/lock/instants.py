"""Moments as a lock writes them."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["instant", "milliseconds"]

_YEAR_10000 = 253_402_300_800


def instant(seconds: int | None) -> str | None:
    """Return seconds since 1970 as RFC 3339; None for what TOML cannot write (an index may say anything)."""
    if seconds is None or not 0 <= seconds < _YEAR_10000:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def milliseconds(text: str) -> int:
    """Return an RFC 3339 instant as milliseconds since 1970."""
    return int(datetime.fromisoformat(text).timestamp()) * 1000

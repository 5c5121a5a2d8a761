"""Versions, parsed once: projects have many in common, and environments nearly all."""

from __future__ import annotations

from functools import lru_cache

from packaging.version import Version

__all__ = ["parse_version"]


@lru_cache(maxsize=65536)
def parse_version(text: str) -> Version:
    """Parse a version.

    Raises:
        packaging.version.InvalidVersion: it is none.
    """
    return Version(text)

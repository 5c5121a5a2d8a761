"""The cache on disk, as the user looks after it."""

from __future__ import annotations

import os
from pathlib import Path

from envsolver.sources.cache import Cache, default_cache_root

__all__ = ["cache_folder", "cache_size", "clean_cache"]


def cache_folder() -> Path:
    """Return where the cache lies; it need not exist."""
    return default_cache_root(os.environ, Path.home())


def cache_size() -> int:
    """Return how many bytes the cache holds."""
    return Cache(cache_folder()).size()


def clean_cache() -> int:
    """Delete all entries and return how many bytes that freed.

    Raises:
        CacheError: something could not be deleted.
    """
    return Cache(cache_folder()).clean()

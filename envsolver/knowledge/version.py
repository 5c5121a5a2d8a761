"""What a lock records as the version of the knowledge that took part in it."""

from __future__ import annotations

import hashlib
from functools import lru_cache

from envsolver.knowledge._toml import SHIPPED, read_shipped

__all__ = ["knowledge_version"]

_SEMANTICS = 1
"""Raised when the same data comes to mean something else."""


@lru_cache(maxsize=1)
def knowledge_version() -> str:
    """Return ``1-`` and twelve hex digits: the meaning of the data, and a digest over all rules and tables.

    The same data has the same version wherever and whenever it was installed.
    """
    digest = hashlib.sha256()
    for folder, names in SHIPPED.items():
        for name in names:
            digest.update(f"{folder}/{name}\0".encode())
            digest.update(read_shipped(folder, name).encode())
            digest.update(b"\0")
    return f"{_SEMANTICS}-{digest.hexdigest()[:12]}"

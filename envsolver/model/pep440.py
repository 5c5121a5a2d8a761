"""Versions and specifiers, parsed once: projects have many in common, and environments nearly all."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet
    from packaging.version import Version

__all__ = ["parse_specifier", "parse_version"]


@lru_cache(maxsize=65536)
def parse_version(text: str) -> Version:
    """Parse a version.

    Raises:
        packaging.version.InvalidVersion: it is none.
    """
    from packaging.version import Version

    return Version(text)


@lru_cache(maxsize=4096)
def parse_specifier(text: str) -> SpecifierSet:
    """Parse a specifier. The result is shared: it must not be changed.

    Raises:
        packaging.specifiers.InvalidSpecifier: it is none.
    """
    from packaging.specifiers import SpecifierSet

    return SpecifierSet(text)

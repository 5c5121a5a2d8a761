"""Versions as wheels, libraries and drivers write them."""

from __future__ import annotations

import re

__all__ = ["numbers", "same_version", "texts"]


def numbers(text: str) -> tuple[int, ...]:
    """Return the numbers at the beginning of a version: ``(8, 5, 0, 96)``; none of what is no version."""
    found = re.match(r"\d+(?:\.\d+)*", text.strip())
    return tuple(int(part) for part in found[0].split(".")) if found else ()


def texts(value: object) -> list[str]:
    """Return the texts of a list; of anything else, which a report may hold in its place, none."""
    return [one for one in value if isinstance(one, str)] if isinstance(value, list | tuple) else []


def same_version(there: str, wanted: str, *, loose: bool = False) -> bool:
    """Say whether a version is the one that is wanted.

    Args:
        there: as it was found.
        wanted: as it is locked. A local version (``+cu117``) that stands in one of the two only does not count: what a
            wheel calls itself inside and in its metadata differs in that.
        loose: compare the numbers that both have: a library that calls itself 8.5.0 is the one of wheel 8.5.0.96.
    """
    if loose:
        one, other = numbers(there), numbers(wanted)
        shared = min(len(one), len(other))
        return bool(shared) and one[:shared] == other[:shared]
    from packaging.version import InvalidVersion, Version

    try:
        one_version, other_version = Version(there), Version(wanted)
    except InvalidVersion:
        return there == wanted
    if one_version.local and other_version.local:
        return one_version == other_version
    return Version(one_version.public) == Version(other_version.public)

"""Names of distribution files: which version of a project a file is, and for which tags.

The answers are those of ``packaging.utils``, which takes tens of microseconds a name; a page has thousands of names but
few different versions and tags, so each of these is parsed once.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from packaging.version import Version

    from envsolver.model.candidate import Name

__all__ = ["FilenameParser", "ParsedName", "is_distribution", "project_of"]

_SDIST_SUFFIXES = (".tar.gz", ".zip", ".tar.bz2")
_OTHER_SUFFIXES = (".egg", ".exe", ".msi", ".rpm", ".deb", ".dmg", ".tgz", ".tar.xz", ".tar.Z", ".tar")


class ParsedName(NamedTuple):
    """What a file name says. ``tags`` is the compressed tag set of a wheel, empty for an sdist."""

    version: Version
    tags: str


def is_distribution(filename: str) -> bool:
    """Tell whether a name looks like a distribution file, of a kind that is used here or one that no longer is."""
    return filename.endswith((".whl", *_SDIST_SUFFIXES, *_OTHER_SUFFIXES))


def project_of(filename: str) -> str | None:
    """Return the project's name as a file spells it, where that can be told from the file name alone."""
    if filename.endswith(".whl"):
        return filename.partition("-")[0] or None
    for suffix in _SDIST_SUFFIXES:
        if filename.endswith(suffix):
            return filename.removesuffix(suffix).rpartition("-")[0] or None
    return None


class FilenameParser:
    """Parses the names of the files of one project."""

    def __init__(self, name: Name) -> None:
        from packaging.version import InvalidVersion, Version

        self._version = Version
        self._invalid = InvalidVersion
        # The spellings that PEP 503 makes equal. An sdist's version may have hyphens (1.0-1) and so may its name: where
        # one ends and the other begins is known only because the project is.
        pattern = re.escape(name).replace(r"\-", "[-_.]+")
        self._sdist_name = re.compile(f"{pattern}-", re.IGNORECASE | re.ASCII)
        self._wheel_name = re.compile(pattern, re.IGNORECASE | re.ASCII)
        self._versions: dict[str, Version | None] = {}
        self._wheel_names: dict[str, bool] = {}

    def parse(self, filename: str) -> ParsedName | None:
        """Return what the name says, or None if this is no wheel or sdist of the project."""
        if filename.endswith(".whl"):
            return self._wheel(filename)
        for suffix in _SDIST_SUFFIXES:
            if filename.endswith(suffix):
                found = self._sdist_name.match(filename)
                if found is None:
                    return None
                version = self.version(filename[found.end() : -len(suffix)])
                return None if version is None else ParsedName(version, "")
        return None

    def version(self, text: str) -> Version | None:
        """Return the version that a text denotes (PEP 440), or None."""
        try:
            return self._versions[text]
        except KeyError:
            try:
                version = self._version(text)
            except self._invalid:
                version = None
            self._versions[text] = version
            return version

    def _wheel(self, filename: str) -> ParsedName | None:
        parts = filename[:-4].split("-")
        count = len(parts)
        if count != 5 and (count != 6 or not parts[2][:1].isdecimal()):
            return None
        written = parts[0]
        known = self._wheel_names.get(written)
        if known is None:
            # The binary distribution format forbids runs of underscores in an escaped name.
            known = self._wheel_name.fullmatch(written) is not None and "__" not in written
            self._wheel_names[written] = known
        if not known:
            return None
        version = self.version(parts[1])
        tags = "-".join(parts[-3:])
        return ParsedName(version, tags) if version is not None and _valid_tags(tags) else None


@lru_cache(maxsize=8192)
def _valid_tags(tags: str) -> bool:
    from packaging.tags import parse_tag

    try:
        return bool(parse_tag(tags))
    except ValueError:
        return False

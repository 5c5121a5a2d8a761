"""What an sdist says about its requirements, gathered from its members, and what that is worth.

An sdist's PKG-INFO was written on its author's machine; the wheel that is built elsewhere may say otherwise. Only
Metadata-Version 2.2 or later promises that what it does not call dynamic holds for every wheel (PEP 643), and so does
a ``[project]`` table (PEP 621). All else is a claim, marked as one.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from envsolver.model.candidate import normalize_name
from envsolver.model.errors import MetadataUnusableError
from envsolver.sources.metadata.core import IdentityError, declared_requirements, parse_core_metadata
from envsolver.sources.metadata.ports import known_of_none
from envsolver.sources.metadata.project_table import read_toml, static_project
from envsolver.sources.metadata.requires_txt import parse_requires_txt

if TYPE_CHECKING:
    from envsolver.model.candidate import Name
    from envsolver.sources.metadata.core import Declared
    from envsolver.sources.metadata.ports import Known

__all__ = ["Evidence"]

_STATIC_SINCE = (2, 2)
_PROMISED = frozenset({"requires-dist", "requires-python", "provides-extra"})
_DEEPEST_EGG_INFO = 3
"""``NAME-1.0/src/NAME.egg-info`` has three parts; what lies deeper are the project's test data."""


class Evidence:
    """Takes the members of one sdist, in any order, until :meth:`verdict` has an answer.

    Args:
        filename: of the sdist, for messages.
        name: canonical name that it must have.
        version: version that it must have, or None if any will do.
        known: how requirements that cannot be repaired are to be read.
    """

    def __init__(self, filename: str, name: Name, version: str | None, known: Known = known_of_none) -> None:
        self._filename = filename
        self._name = name
        self._version = version
        self._known = known
        self._pkg_info: Declared | None = None
        self._pyproject: dict[str, Any] | None = None
        self._requires_txt: bytes | None = None
        self._egg_info = False
        self._foreign = False
        self._listed: bool | None = None

    def wants(self, path: str) -> bool:
        """Tell whether a member, by its path in the archive, says anything."""
        return self._kind(path) is not None

    def add(self, path: str, content: bytes) -> None:
        """Take a member. What cannot be read says nothing: then other members, or a build, have to."""
        match self._kind(path):
            case "PKG-INFO" if self._pkg_info is None:
                self._pkg_info = self._parsed(content)
            case "pyproject.toml" if self._pyproject is None:
                self._pyproject = read_toml(content)
            case "requires.txt" if self._requires_txt is None:
                self._requires_txt = content
            case "SOURCES.txt" if self._listed is None:
                lines = content.decode("utf-8", "replace").splitlines()
                self._listed = any(line.strip().endswith(".egg-info/requires.txt") for line in lines)
        if self._in_own_egg_info(path):
            self._egg_info = True

    def verdict(self, *, complete: bool) -> Declared | None:
        """Return what is declared, or None if more has to be read (or, when all has been, if a build has to tell).

        Raises:
            MetadataUnusableError: a requirement cannot be read.
        """
        found = self._pkg_info
        if self._foreign:
            return None
        if found is not None and found.metadata_version >= _STATIC_SINCE and not found.dynamic & _PROMISED:
            return replace(found, metadata=replace(found.metadata, source="sdist-static"))
        if found is not None and found.metadata.requires_dist:
            return found
        if self._pyproject is not None:
            version = self._version or (found.version if found else None)
            static = static_project(
                self._pyproject, filename=self._filename, name=self._name, version=version, known=self._known
            )
            if static is not None:
                return static
        if found is None:
            return None
        if self._requires_txt is not None:
            return self._claimed(found, self._requires_txt)
        # setuptools lists requires.txt in SOURCES.txt, which comes before it, if it writes one at all.
        if self._listed is False or (complete and self._egg_info):
            return found
        return None

    def _kind(self, path: str) -> str | None:
        folder, _, name = path.rpartition("/")
        if name in {"PKG-INFO", "pyproject.toml"} and folder and "/" not in folder:
            return name
        return name if name in {"PKG-INFO", "requires.txt", "SOURCES.txt"} and self._in_own_egg_info(path) else None

    def _in_own_egg_info(self, path: str) -> bool:
        parts = path.split("/")[:-1]
        if not parts or len(parts) > _DEEPEST_EGG_INFO or not parts[-1].endswith(".egg-info"):
            return False
        return normalize_name(parts[-1].removesuffix(".egg-info")) == self._name

    def _parsed(self, content: bytes) -> Declared | None:
        try:
            return parse_core_metadata(
                content,
                filename=self._filename,
                source="sdist-claim",
                name=self._name,
                version=self._version,
                known=self._known,
            )
        except IdentityError:
            # Not the project or version that the file name says: only its backend can tell which it is.
            self._foreign = True
        except MetadataUnusableError:
            pass
        return None

    def _claimed(self, found: Declared, requires_txt: bytes) -> Declared | None:
        try:
            lines, extras = parse_requires_txt(requires_txt.decode("utf-8"))
        except ValueError:
            return None
        requires_dist, repaired = declared_requirements(
            lines, self._filename, partial(self._known, self._name, found.version)
        )
        metadata = replace(
            found.metadata,
            requires_dist=requires_dist,
            provides_extra=tuple(dict.fromkeys([*found.metadata.provides_extra, *map(normalize_name, extras)])),
            repaired=(*found.metadata.repaired, *repaired),
        )
        return replace(found, metadata=metadata)

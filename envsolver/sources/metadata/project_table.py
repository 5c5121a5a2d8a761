"""The ``[project]`` table of a pyproject.toml, where it fixes the requirements (PEP 621)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from envsolver.model.candidate import Metadata, normalize_name
from envsolver.sources.metadata.core import Declared, declared_requirements
from envsolver.sources.metadata.ports import known_of_none
from envsolver.sources.metadata.requires_txt import with_condition

if TYPE_CHECKING:
    from envsolver.model.candidate import Name
    from envsolver.sources.metadata.ports import Known

__all__ = ["read_toml", "static_project"]

_DECISIVE = frozenset({"dependencies", "optional-dependencies", "requires-python"})


def read_toml(content: bytes) -> dict[str, Any] | None:
    """Return a TOML document, or None if it is none."""
    import tomllib

    try:
        return tomllib.loads(content.decode("utf-8"))
    except (ValueError, RecursionError):
        return None


def static_project(
    pyproject: dict[str, Any], *, filename: str, name: Name, version: str | None, known: Known = known_of_none
) -> Declared | None:
    """Return the metadata that any wheel of the project will have; None if its backend may make up others.

    Args:
        pyproject: the parsed file.
        filename: of the sdist, for messages.
        name: canonical name that the table must have.
        version: version that the file name or a PKG-INFO tells; then the table need not have one. None if it must.
        known: how requirements that cannot be repaired are to be read.

    Raises:
        MetadataUnusableError: a requirement cannot be read.
    """
    project = pyproject.get("project")
    tool = pyproject.get("tool")
    if not isinstance(project, dict):
        return None
    if "dependencies" not in project and isinstance(tool, dict) and "poetry" in tool:
        return None  # poetry-core 1 reads its own table, and takes no notice of [project]
    try:
        lines, extras, requires_python = _fields(project, name)
        found = _version(project, version)
    except (TypeError, ValueError):
        return None
    if found is None:
        return None
    requires_dist, repaired = declared_requirements(lines, filename, partial(known, name, found))
    metadata = Metadata(
        requires_dist=requires_dist,
        source="sdist-static",
        requires_python=requires_python,
        provides_extra=tuple(dict.fromkeys(map(normalize_name, extras))),
        repaired=tuple(repaired),
    )
    return Declared(version=found, metadata_version=(0, 0), dynamic=frozenset(), metadata=metadata)


def _fields(project: dict[str, Any], name: Name) -> tuple[list[str], list[str], str | None]:
    """Return requirements, extras and Requires-Python of a table that fixes all three.

    Raises:
        ValueError: one of them is dynamic, or the table is another project's.
        TypeError: a value is of the wrong kind.
    """
    from packaging.specifiers import SpecifierSet

    if _DECISIVE & set(_strings(project.get("dynamic", []))):
        raise ValueError("dynamic")
    if normalize_name(project.get("name", "")) != name:
        raise ValueError("another project")
    lines = _strings(project.get("dependencies", []))
    extras = project.get("optional-dependencies", {})
    if not isinstance(extras, dict):
        raise TypeError("optional-dependencies")
    of_extras = [with_condition(line, extra=extra) for extra, group in extras.items() for line in _strings(group)]
    requires_python = project.get("requires-python")
    if requires_python is not None:
        SpecifierSet(requires_python)
    return [*lines, *of_extras], list(extras), requires_python


def _version(project: dict[str, Any], expected: str | None) -> str | None:
    """Return the version that the table has, else the expected one.

    Raises:
        ValueError: it is another one than expected, or no version.
    """
    from packaging.version import Version

    found = project.get("version")
    if found is None:
        return expected
    if expected is not None and Version(found) != Version(expected):
        raise ValueError("another version")
    return str(Version(found))


def _strings(values: Any) -> list[str]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise TypeError("not a list of strings")
    return values

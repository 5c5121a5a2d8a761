"""What can be read of the build requirements of a source archive, before anything of it is run."""

from __future__ import annotations

import ast
import re
import tomllib
from typing import TYPE_CHECKING

from envsolver.model.errors import ArtefactError
from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["UNREAD", "StaticRequirements", "added_by_backend", "static_requirements"]

_SETUPTOOLS = "setuptools.build_meta"
_SILENT = frozenset({"flit_core.buildapi", "poetry.core.masonry.api"})


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticRequirements:
    """What can be read of the build requirements of a source archive, before anything of it is run.

    Attributes:
        requires: what ``pyproject.toml`` requires, and setuptools where it says nothing (PEP 518); with what
            ``setup.py`` requires, if that can be read.
        backend: the backend, if it asks for nothing of the project beyond these; empty if it has to be asked.
    """

    requires: tuple[str, ...]
    backend: str = ""


UNREAD = StaticRequirements(requires=("setuptools >= 40.8.0",), backend=_SETUPTOOLS)
"""Of a source archive without a ``pyproject.toml``, in the words of the library that reads the others."""


def static_requirements(source: Path, filename: str) -> StaticRequirements:
    """Read what a project requires for a build, and whether its backend may ask for more.

    The hook of setuptools gives back ``setup_requires``: nothing, where no file beside ``setup.py`` has that word.
    The hooks of flit and poetry give back nothing, ever.

    Raises:
        ArtefactError: ``pyproject.toml`` cannot be read.
    """
    from build import BuildException, ProjectBuilder

    try:
        requires = tuple(sorted(ProjectBuilder(source).build_system_requires))
    except BuildException as error:
        raise ArtefactError(filename, f"its pyproject.toml cannot be used: {error}") from error
    system = _build_system(source)
    backend = str(system.get("build-backend", _SETUPTOOLS)).partition(":")[0]
    more = () if backend in _SILENT else _setup_requires(source) if backend == _SETUPTOOLS else None
    # With a path, the backend is the project's own, or wrapped by it.
    if more is None or "backend-path" in system:
        return StaticRequirements(requires=requires)
    return StaticRequirements(requires=tuple(sorted({*requires, *more})), backend=backend)


def added_by_backend(static: StaticRequirements, versions: Mapping[str, str]) -> tuple[str, ...]:
    """Return what a backend that depends on nothing in the project asks for: setuptools before 70.1 wants wheel.

    Args:
        static: of the project.
        versions: by name, of what is in the build environment.
    """
    from packaging.version import Version

    if static.backend != _SETUPTOOLS or Version(versions.get("setuptools", "0")) >= Version("70.1"):
        return ()
    return ("wheel",)


def _build_system(source: Path) -> Mapping[str, object]:
    path = source / "pyproject.toml"
    # ProjectBuilder has read it: it is well formed.
    table = tomllib.loads(path.read_text(encoding="utf-8")).get("build-system", {}) if path.is_file() else {}
    return table if isinstance(table, dict) else {}


def _setup_requires(source: Path) -> tuple[str, ...] | None:
    """Return the ``setup_requires`` of a project of setuptools; None if only running it can tell."""
    files = [*source.glob("*.py"), source / "setup.cfg"]
    mentions = [path for path in files if path.is_file() for _ in re.finditer(rb"setup[_-]requires", path.read_bytes())]
    if not mentions:
        return ()
    return _literal_setup_requires(source / "setup.py") if mentions == [source / "setup.py"] else None


def _literal_setup_requires(path: Path) -> tuple[str, ...] | None:
    """Return what is written out after ``setup_requires=`` in a call; None if it is computed."""
    try:
        tree = ast.parse(path.read_bytes())
        written = [
            ast.literal_eval(keyword.value)
            for call in ast.walk(tree)
            if isinstance(call, ast.Call)
            for keyword in call.keywords
            if keyword.arg == "setup_requires"
        ]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    if len(written) != 1 or not isinstance(written[0], (list, tuple)):
        return None
    return tuple(written[0]) if all(isinstance(one, str) for one in written[0]) else None

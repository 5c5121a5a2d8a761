"""The first spec of a project."""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from envsolver.app.files import write_atomic
from envsolver.app.project import Environment, Project
from envsolver.formats.spectext import scalar
from envsolver.model.errors import SpecError, UsageError
from envsolver.model.target import LATEST_PATCH
from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Started", "check_spec", "default_python", "new_spec_path", "start"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A new spec: its environment's name, and its file (absolute)."""

    name: str
    path: Path


def default_python() -> str:
    """Return the Python of a new spec where the user names none: the running one, if a lock can be made for it."""
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    return running if running in LATEST_PATCH else "3.12"


def start(folder: Path, name: str, *, python: str, platforms: Sequence[str], requirements: Sequence[str]) -> Started:
    """Write the first spec of a new project, or one more of an old one.

    Args:
        folder: of the project; it need not have ``specs/``.
        name: of the environment.
        python: minor or full version.
        platforms: at least one.
        requirements: PEP 508.

    Raises:
        UsageError: there is such a spec already, or what was asked for makes no valid one.
        FileError: it cannot be written.
    """
    path = new_spec_path(folder, name)
    text = _text(name, python, platforms, requirements)
    try:
        check_spec(path.name, text)
    except UsageError as error:
        raise UsageError(_as_typed(str(error))) from None
    write_atomic(path, text.encode())
    return Started(name=name, path=path)


def _as_typed(message: str) -> str:
    """Return problems of a spec that nobody has written as those of the command line that it was made of."""
    typed = {"pip": "", "python": "--python: ", "platforms": "--platform: "}
    pattern = re.compile(r"^(pip|python|platforms)(\[\d+\])?: ", re.MULTILINE)
    return pattern.sub(lambda place: typed[place[1]], message)


def new_spec_path(folder: Path, name: str) -> Path:
    """Return where the spec of a new environment goes.

    Args:
        folder: of the project.
        name: of the environment.

    Raises:
        UsageError: it is no name, or there is such a spec already.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        hint = "letters, digits, '.', '-' and '_'; a letter or digit first"
        raise UsageError(f"{name!r} is no name for an environment", hint=hint)
    path = folder.resolve() / "specs" / f"{name}.yaml"
    if path.exists() or path.with_suffix(".yml").exists():
        raise UsageError(f"there is a spec {name!r} already", hint=f"edit specs/{path.name}, or choose another name")
    return path


def check_spec(filename: str, text: str, beside: Mapping[str, bytes] | None = None) -> None:
    """Load a spec before it is written: what would be refused later is refused now.

    Args:
        filename: that it will have.
        text: of the spec.
        beside: other files of the project that it refers to, by their path in it.

    Raises:
        UsageError: it would be refused.
    """
    with tempfile.TemporaryDirectory() as folder:
        trial = Path(folder).resolve()
        (trial / "specs").mkdir()
        path = trial / "specs" / filename
        try:
            for name, data in (beside or {}).items():
                (trial / name).parent.mkdir(parents=True, exist_ok=True)
                (trial / name).write_bytes(data)
            path.write_text(text, encoding="utf-8")
            Project(root=trial).spec(Environment(name=path.stem, path=path))
        except SpecError as error:
            messages = [problem.message + (f" ({problem.hint})" if problem.hint else "") for problem in error.problems]
            raise UsageError("\n".join(messages)) from None


def _text(name: str, python: str, platforms: Sequence[str], requirements: Sequence[str]) -> str:
    lines = [
        f"# An environment. `envsolver lock {name}` resolves it and writes its lock beside this folder, into locks/.",
        "# `envsolver schema` has all keys: groups, constraints, overrides, indexes, gpu, extends and more.",
        f"python: {scalar(python)}",
        f"platforms: [{', '.join(scalar(platform) for platform in platforms)}]",
        "",
        "# One requirement (PEP 508) a line. Their order matters: each is as new as those before it allow.",
    ]
    if requirements:
        lines += ["pip:", *(f"  - {scalar(requirement)}" for requirement in requirements)]
    else:
        lines += ["pip: []"]
    return "\n".join(lines) + "\n"

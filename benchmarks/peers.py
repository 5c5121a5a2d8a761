"""The other tools that lock, each in an environment of its own: pip, pip-tools, PDM, Poetry.

They lock for the interpreter that they are run with, or that they are told of. What each of them does by itself with a
lock that is already there is what is measured; where a tool has a command that only checks a lock, that is its no-op.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import Requirement

from benchmarks.tools import clean_environment, interpreter, run_process

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.tools import Finished, InputSet

__all__ = ["PEERS", "WITHOUT", "Peer"]

WITHOUT = {"conda-lock": "needs conda, mamba or micromamba, also where all packages come from PyPI"}
"""Tools that PyPI offers and that are not run, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a tool is installed and asked.

    Attributes:
        name: what it is called, and the project that holds its version.
        install: what pip installs.
        output: the lock that it writes.
        lock: its arguments, program first; ``{index}`` and ``{python}`` are filled in.
        check: its arguments where nothing has changed; empty: as ``lock``.
        environment: variables; ``{cache}`` is filled in.
        file: what the requirements are written into, and how.
    """

    name: str
    install: tuple[str, ...]
    output: str
    lock: tuple[str, ...]
    check: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...]
    file: str


_REQUIREMENTS = "requirements.in"
_PROJECT = "pyproject.toml"
PEERS = (
    Recipe(
        name="pip",
        install=("pip",),
        output="pylock.toml",
        lock=("pip", "lock", "--quiet", "-r", _REQUIREMENTS, "-o", "pylock.toml"),
        environment=(("PIP_CACHE_DIR", "{cache}"), ("PIP_INDEX_URL", "{index}")),
        file=_REQUIREMENTS,
    ),
    Recipe(
        name="pip-tools",
        install=("pip-tools",),
        output="requirements.txt",
        lock=(
            *("pip-compile", "--quiet", "--generate-hashes", "--no-emit-index-url", "--cache-dir", "{cache}"),
            *("-o", "requirements.txt", _REQUIREMENTS),
        ),
        environment=(("PIP_CACHE_DIR", "{cache}"), ("PIP_INDEX_URL", "{index}")),
        file=_REQUIREMENTS,
    ),
    Recipe(
        name="pdm",
        # Its dependencies as it was tested with them: it does not bound hishel, whose 2.0 has not what it imports.
        install=("pdm[locked]",),
        output="pdm.lock",
        lock=("pdm", "lock", "--quiet", "--python", "=={python}.*", "--platform", "linux"),
        check=("pdm", "lock", "--quiet", "--check"),
        environment=(("PDM_CACHE_DIR", "{cache}"), ("PDM_CHECK_UPDATE", "0")),
        file=_PROJECT,
    ),
    Recipe(
        name="poetry",
        install=("poetry",),
        output="poetry.lock",
        lock=("poetry", "lock", "--quiet", "--no-interaction"),
        check=("poetry", "check", "--quiet", "--lock", "--no-interaction"),
        environment=(("POETRY_CACHE_DIR", "{cache}"), ("POETRY_VIRTUALENVS_CREATE", "false")),
        file=_PROJECT,
    ),
)


class Peer:
    """A tool, installed, with a cache and a project of its own."""

    def __init__(self, recipe: Recipe, scratch: Path, *, index: str, limit: float) -> None:
        self.recipe = recipe
        self.name = recipe.name
        self._home = scratch / "peers" / recipe.name
        self._project = scratch / f"project-{recipe.name}"
        self._project.mkdir(parents=True, exist_ok=True)
        self._cache = scratch / f"cache-{recipe.name}"
        self._index = index
        self._limit = limit

    def install(self, python: str) -> str:
        """Install it, unless it is there, from the user's index; return its version.

        Raises:
            RuntimeError: that cannot be done.
        """
        from uv import find_uv_bin

        path = interpreter(python)
        if path is None:
            raise RuntimeError(f"there is no interpreter of Python {python}")
        inside = str(self._home / "bin" / "python")
        if not Path(inside).exists():
            self._setup(find_uv_bin(), "venv", "--quiet", "--seed", "--python", path, str(self._home))
            self._setup(find_uv_bin(), "pip", "install", "--quiet", "--python", inside, *self.recipe.install)
        asked = f"import importlib.metadata as m; print(m.version({self.name!r}))"
        return self._setup(inside, "-c", asked).strip()

    def _setup(self, *command: str) -> str:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        if done.returncode:
            raise RuntimeError(f"{self.name} cannot be installed: {done.stderr.strip()[-500:]}")
        return done.stdout

    def forget(self) -> None:
        """Empty the cache and remove the lock."""
        shutil.rmtree(self._cache, ignore_errors=True)
        self.forget_lock()

    def forget_lock(self) -> None:
        """Remove the lock."""
        (self._project / self.recipe.output).unlink(missing_ok=True)

    def lock(self, inputs: InputSet, *, unchanged: bool = False) -> Finished:
        """Lock a set; with ``unchanged``, do what is done when nothing has changed."""
        written = _project_file(inputs, self._index, self.recipe.name)
        text = written if self.recipe.file == _PROJECT else "".join(f"{line}\n" for line in inputs.requirements)
        path = self._project / self.recipe.file
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
        known = {"index": self._index, "python": inputs.python, "cache": str(self._cache)}
        program, *arguments = _filled((unchanged and self.recipe.check) or self.recipe.lock, known)
        environment = {key: value.format_map(known) for key, value in self.recipe.environment}
        return run_process(
            [str(self._home / "bin" / program), *arguments],
            self._project,
            clean_environment(environment),
            limit=self._limit,
        )


def _filled(arguments: Sequence[str], known: Mapping[str, str]) -> list[str]:
    return [argument.format_map(known) for argument in arguments]


def _project_file(inputs: InputSet, index: str, tool: str) -> str:
    """Return a ``pyproject.toml`` (PEP 621) with the index as the tool wants it."""
    lines = [
        "[project]",
        'name = "measured"',
        'version = "1"',
        # Poetry wants a lock to hold for all Pythons that the project allows.
        f'requires-python = "=={inputs.python}.*"',
        f"dependencies = {json.dumps([_as_pep508(text) for text in inputs.requirements])}",
    ]
    if tool == "poetry":
        lines += ["[tool.poetry]", "package-mode = false", "[[tool.poetry.source]]", 'priority = "primary"']
    else:
        lines += ["[tool.pdm]", "distribution = false", "[[tool.pdm.source]]"]
    # PDM asks an index of this name in place of its own.
    name = "recorded" if tool == "poetry" else "pypi"
    return "\n".join([*lines, f'name = "{name}"', f'url = "{index}"', ""])


def _as_pep508(text: str) -> str:
    return str(Requirement(text))

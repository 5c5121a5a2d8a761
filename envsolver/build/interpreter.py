"""The interpreter of an environment: found on this machine by its exact minor version, and asked who it is."""

from __future__ import annotations

import json
import os
import re
import subprocess
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from envsolver.model.errors import InterpreterError
from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Interpreter", "find_interpreter", "machine_platform", "probe"]

_QUESTION = """
import json, platform, sys, sysconfig
print(json.dumps({
    "version": platform.python_version(),
    "implementation": sys.implementation.name,
    "cache_tag": sys.implementation.cache_tag,
    "machine": platform.machine(),
    "executable": getattr(sys, "_base_executable", None) or sys.executable,
    "base": sys.base_prefix,
    "virtual": sys.prefix != sys.base_prefix,
    "gil": not sysconfig.get_config_var("Py_GIL_DISABLED"),
}))
"""
_SECONDS = 30
_MACHINES = {"x86_64": "64", "amd64": "64", "aarch64": "aarch64", "arm64": "arm64"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """A CPython of this machine.

    Attributes:
        path: absolute, of the interpreter itself, not of a virtual environment's link to it.
        version: full, ``3.8.18``.
        origin: how it was found, for messages.
    """

    path: Path
    version: str
    origin: str

    @property
    def minor(self) -> str:
        """``3.8``."""
        return ".".join(self.version.split(".")[:2])

    @property
    def tag(self) -> str:
        """``cp38``."""
        return "cp" + self.minor.replace(".", "")


def machine_platform() -> str:
    """Return the platform of this machine as locks name it, ``linux-64``; others get a like name."""
    import platform

    system = {"Linux": "linux", "Darwin": "osx", "Windows": "win"}.get(platform.system(), platform.system().lower())
    machine = platform.machine().lower()
    return f"{system}-{_MACHINES.get(machine, machine)}"


def find_interpreter(version: str, environ: Mapping[str, str], home: Path) -> Interpreter:
    """Return the interpreter for a lock.

    uv's, pyenv's and those on the PATH are looked at, in this order; one with the very version of the lock comes before
    one that only shares its minor version, and a newer one before an older one.

    Args:
        version: full version of the lock.
        environ: environment variables.
        home: the user's home folder.

    Raises:
        InterpreterError: there is none of this minor version.
    """
    minor = ".".join(version.split(".")[:2])
    refused: list[str] = []
    best: tuple[tuple[bool, tuple[int, ...]], Interpreter] | None = None
    seen: set[Path] = set()
    for path, origin in _candidates(minor, environ, home):
        if (named := _version_in(path)) == version or best is None or named is None:
            try:
                found = probe(path, origin)
            except InterpreterError as error:
                refused.append(str(error))
                continue
            if found.path in seen:
                continue
            seen.add(found.path)
            if found.minor != minor:
                refused.append(f"{path} is CPython {found.version}")
                continue
            if found.version == version:
                return found
            rank = (False, _numbers(found.version))
            if best is None or rank > best[0]:
                best = rank, found
    if best is not None:
        return best[1]
    raise InterpreterError(
        f"there is no CPython {minor} on this machine"
        + "".join(f"\n  {reason}" for reason in refused)
        + ("" if refused else " (looked for uv's, pyenv's, and on the PATH)"),
        hint=f"`uv python install {version}` or `pyenv install {minor}` gets one; --python PATH names one",
    )


def probe(path: Path, origin: str) -> Interpreter:
    """Ask an interpreter who it is.

    Raises:
        InterpreterError: it does not start, or is of a kind that locks are not for.
    """
    try:
        done = subprocess.run(
            [path, "-I", "-S", "-c", _QUESTION],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=True,
        )
        facts = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise InterpreterError(f"{path} does not work as a Python interpreter ({_reason(error)})") from error
    if facts["implementation"] != "cpython" or not facts["gil"]:
        kind = facts["implementation"] if facts["gil"] else "a free-threaded build"
        raise InterpreterError(f"{path} is {kind}; locks are for CPython with its global lock")
    base = Path(facts["executable"])
    if facts["virtual"] and _is_virtual(base):
        # CPython before 3.11 gives the link itself where a virtual environment was made of another one.
        base = Path(facts["base"]) / "bin" / f"python{'.'.join(facts['version'].split('.')[:2])}"
    return Interpreter(path=base.absolute(), version=facts["version"], origin=origin)


def _candidates(minor: str, environ: Mapping[str, str], home: Path) -> Iterator[tuple[Path, str]]:
    name = f"python{minor}"
    data = Path(environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    uv = Path(environ.get("UV_PYTHON_INSTALL_DIR") or data / "uv" / "python")
    pyenv = Path(environ.get("PYENV_ROOT") or home / ".pyenv") / "versions"
    for folder, pattern, origin in ((uv, f"cpython-{minor}.*", "uv"), (pyenv, f"{minor}.*", "pyenv")):
        # Links such as cpython-3.8 stand for one of the others.
        found = [path for path in folder.glob(pattern) if (path / "bin" / name).exists() and not path.is_symlink()]
        for path in sorted(found, key=lambda path: _numbers(_version_in(path) or ""), reverse=True):
            yield path / "bin" / name, origin
    for entry in environ.get("PATH", os.defpath).split(os.pathsep):
        # pyenv's shims stand for what pyenv has, which was looked at above, and fail where none is chosen.
        if entry and Path(entry).name != "shims" and os.access(Path(entry) / name, os.X_OK):
            yield Path(entry) / name, "the PATH"


def _version_in(path: Path) -> str | None:
    found = re.search(r"(?:^|[/-])(\d+\.\d+\.\d+)(?=[/-]|$)", path.as_posix())
    return found[1] if found else None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version))


def _is_virtual(path: Path) -> bool:
    return (path.parent.parent / "pyvenv.cfg").exists()


def _reason(error: Exception) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        lines = (error.stderr or "").strip().splitlines()
        # Not every program that is no Python is short about it.
        return textwrap.shorten(lines[-1], 120, placeholder=" …") if lines else f"status {error.returncode}"
    if isinstance(error, OSError):
        return (error.strerror or str(error)).lower()
    return "no answer" if isinstance(error, subprocess.TimeoutExpired) else "no sensible answer"

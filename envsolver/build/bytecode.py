"""Bytecode that is the same wherever, whenever and by whomever it is compiled."""

from __future__ import annotations

import errno
import os
import subprocess
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from envsolver.build.layout import FILE_TIME
from envsolver.build.manifest import Entry
from envsolver.model.errors import FileError

if TYPE_CHECKING:
    from envsolver.build.interpreter import Interpreter

__all__ = ["RECIPE", "compile_tree"]

RECIPE = 1
"""Version of the way in which bytecode is made; stores keep what each makes apart."""
_PROGRAM = Path(__file__).parent / "inside" / "compile.py"
_KEPT = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""What some interpreters need to start at all; it has no part in what they compile."""


def compile_tree(interpreter: Interpreter, sources: Path, target: Path) -> tuple[Entry, ...]:
    """Compile the modules of a wheel, in a process of their own, so that the result depends on this wheel alone.

    Args:
        interpreter: that the environment will have.
        sources: the unpacked wheel.
        target: an empty folder; gets ``…/__pycache__/….pyc`` as they lie below a prefix.

    Returns:
        The files, sorted. Modules that do not compile have none.

    Raises:
        FileError: the interpreter failed.
        FileNotFoundError: the store was emptied meanwhile.
    """
    environ = {"PATH": os.defpath, "PYTHONHASHSEED": "0"}
    environ |= {name: os.environ[name] for name in _KEPT if name in os.environ}
    done = subprocess.run(
        [interpreter.path, "-B", "-S", "-s", _PROGRAM, sources, target],
        env=environ,
        cwd=target,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
        if last.startswith("FileNotFoundError"):
            raise FileNotFoundError(errno.ENOENT, "gone from the store", str(sources))
        raise FileError(f"{interpreter.path} cannot compile {sources}: {last}")
    return tuple(sorted(_finish(target)))


def _finish(target: Path) -> list[Entry]:
    entries = []
    for folder, _, names in os.walk(target):
        for name in names:
            path = os.path.join(folder, name)  # noqa: PTH118 - thousands of files
            with open(path, "rb") as file:  # noqa: PTH123 - as above
                data = file.read()
                os.fchmod(file.fileno(), 0o644)
            os.utime(path, (FILE_TIME, FILE_TIME))
            shown = os.path.relpath(path, target).replace(os.sep, "/")
            entries.append(Entry(shown, "644", sha256(data).hexdigest(), len(data)))
    return entries

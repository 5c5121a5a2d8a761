"""The smoke test of an environment, run by that environment's own interpreter (CPython 3.7 or newer, no network).

``python -m smoke RESULTS CHECK …``: one line of JSON is appended to RESULTS when a check begins and one when it ends,
so that a crash of the interpreter is told from a check that never ran. Each check does the least that people use its
package for; nothing is downloaded, and all tensors and files are made here.
"""

from __future__ import annotations

import importlib
import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CHECKS", "batches", "check", "command", "has", "hold", "load", "same"]

CHECKS: dict[str, Callable[[], None]] = {}
"""By name, with hyphens."""


def check(function: Callable[[], None]) -> Callable[[], None]:
    """Offer a function as a check, under its name with hyphens."""
    CHECKS[function.__name__.replace("_", "-")] = function
    return function


def load(name: str) -> Any:
    """Import a module that only the tested environment has."""
    return importlib.import_module(name)


def hold(truth: object, message: str = "the answer is wrong") -> None:
    """Fail unless something is true."""
    if not truth:
        raise AssertionError(message)


def same(found: object, wanted: object) -> None:
    """Fail unless two things are equal."""
    hold(found == wanted, f"{found!r} instead of {wanted!r}")


def has(name: str) -> bool:
    """Return whether a top-level module is installed, without importing it."""
    return importlib.util.find_spec(name) is not None


def command(*arguments: str) -> None:
    """Run a script of the environment; it has to end with 0."""
    program = Path(sys.executable).with_name(arguments[0])
    done = subprocess.run(
        [str(program), *arguments[1:]], check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120
    )
    if done.returncode != 0:
        lines = done.stdout.decode("utf-8", "replace").strip().splitlines() or [""]
        raise RuntimeError(f"{' '.join(arguments)} ended with {done.returncode}: {lines[-1]}")


def batches(torch: Any) -> Any:
    """Return a loader of two batches of four rows."""
    data = torch.utils.data
    return data.DataLoader(data.TensorDataset(torch.randn(8, 4), torch.randn(8, 1)), batch_size=4)

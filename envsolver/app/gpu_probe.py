"""The probe, run by the interpreter of an environment, or by envsolver's own for the node alone."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from envsolver.app.files import read_text
from envsolver.gpu import probe
from envsolver.gpu.codec import dumps, load_node, load_report
from envsolver.model.errors import FileError, InterpreterError, UsageError
from envsolver.model.wording import system_reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from envsolver.gpu.model import Expectations, Node, Report
    from envsolver.model.ports import Progress

__all__ = ["PROGRAM", "look_at_node", "program_text", "read_report", "run_probe"]

_T = TypeVar("_T")

PROGRAM = Path(probe.__file__)
"""The probe's file."""


def program_text() -> str:
    """Return the text of the probe, for a node that has no envsolver."""
    return PROGRAM.read_text(encoding="utf-8")


def run_probe(
    python: Path, expected: Expectations, progress: Progress, *, only: Sequence[str] = (), timeout: float | None = None
) -> Report:
    """Run the probe inside an environment.

    Args:
        python: interpreter of the environment.
        expected: what its lock expects; checks that it has not are not run.
        progress: is told which check is run.
        only: names of checks to run, empty for all.
        timeout: seconds for each check, None for its own.

    Raises:
        InterpreterError: the interpreter does not start, or the probe wrote no report.
    """
    with _scratch() as folder:
        plan, output = folder / "expect.json", folder / "report.json"
        plan.write_text(dumps(expected), encoding="utf-8")
        options = ["--expect", str(plan), "--output", str(output), "--progress"]
        options += [argument for name in only for argument in ("--only", name)]
        options += ["--timeout", f"{timeout:g}"] if timeout is not None else []
        progress.stage("probing")
        _run(python, options, progress)
        return _written(output, python, load_report)


def look_at_node() -> tuple[Node, dict[str, Any]]:
    """Return what the node offers: its GPUs, and the rest of it. No environment is needed.

    Raises:
        InterpreterError: the probe wrote no report.
    """
    with _scratch() as folder:
        output = folder / "node.json"
        _run(Path(sys.executable), ["--node", "--output", str(output)], None)
        return _written(output, Path(sys.executable), load_node)


def _written(output: Path, python: Path, load: Callable[[bytes], _T]) -> _T:
    """Return what a probe wrote.

    Raises:
        InterpreterError: it cannot be read.
    """
    try:
        return load(output.read_bytes())
    except (OSError, ValueError) as error:
        raise InterpreterError(f"what the probe wrote in {python} cannot be read: {error}") from error


def read_report(path: Path) -> Report:
    """Read a report that a probe wrote elsewhere.

    Raises:
        FileError: it cannot be read.
        UsageError: it is no report.
    """
    text = read_text(path)
    if text is None:
        raise FileError(f"there is no file {path}")
    try:
        return load_report(text.encode())
    except ValueError as error:
        raise UsageError(
            f"{path} is no report of a probe: {error}",
            hint="`envsolver gpu probe -o probe.py` writes the probe, `DIR/bin/python probe.py -h` says how it is used",
        ) from error


@contextmanager
def _scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="envsolver-gpu-") as folder:
        yield Path(folder)


def _run(python: Path, options: Sequence[str], progress: Progress | None) -> None:
    """Run the probe to its end; its checks have their own time limits.

    Raises:
        InterpreterError: it wrote no report.
    """
    told: list[str] = []
    try:
        with subprocess.Popen(
            [python, "-I", "-B", PROGRAM, *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        ) as process:
            for line in process.stderr or ():
                told.append(line.rstrip())
                if progress is not None:
                    progress.update(line.rstrip())
    except OSError as error:
        raise InterpreterError(f"{python} cannot be started: {system_reason(error)}") from error
    if process.returncode != 0:
        last = f": {told[-1]}" if told else ""
        raise InterpreterError(f"the probe ended with status {process.returncode} in {python}{last}")

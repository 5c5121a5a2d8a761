"""Look for inputs that a parser does not withstand: ``python -m tests.fuzz --seconds 600``.

Each target gets an equal share of the time, in a process of its own with a bound on its memory. What is found is
written to a folder, as small as hypothesis can make it, and the command ends with status 1. ``--engine atheris`` lets
libFuzzer follow the branches of envsolver instead (Linux, the dependency group ``fuzz``).
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tests.fuzz.targets import TARGETS

if TYPE_CHECKING:
    from tests.fuzz.guard import Target

_GRACE = 120.0
"""Seconds beyond its share after which a target counts as hung: shrinking takes its time."""
_LINES = 12
"""What is shown of what a process said that ended badly."""


@click.command()
@click.option("--seconds", type=click.FloatRange(min=1), default=600.0, show_default=True, help="For all targets.")
@click.option("--target", "names", multiple=True, type=click.Choice(sorted(TARGETS)), help="Only this one.")
@click.option("--engine", type=click.Choice(["hypothesis", "atheris"]), default="hypothesis", show_default=True)
@click.option(
    "--found", type=click.Path(path_type=Path, file_okay=False), default=Path("fuzz-found"), show_default=True
)
@click.option("--one", is_flag=True, hidden=True)
def main(seconds: float, names: tuple[str, ...], engine: str, found: Path, one: bool) -> None:
    """Feed every parser with hostile input, and say what did not end in a value or a clean error."""
    chosen = names or tuple(TARGETS)
    if one:
        sys.exit(_run_here(TARGETS[chosen[0]], seconds, engine, found))
    broken = []
    for name in chosen:
        begun = time.monotonic()
        share = seconds / len(chosen)
        command = [sys.executable, "-m", "tests.fuzz", "--one", "--target", name, "--engine", engine]
        command += ["--seconds", str(share), "--found", str(found)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=share + _GRACE, check=False)
            said, status = done.stdout + done.stderr, done.returncode
        except subprocess.TimeoutExpired:
            said, status = "it did not come to an end", 1
        last = "BROKEN" if status else next((line for line in reversed(said.splitlines()) if line), "")
        click.echo(f"{name:22} {time.monotonic() - begun:6.1f} s  {last}")
        if status:
            broken.append(name)
            told = [f"    {line}\n" for line in said.splitlines() if line.strip()]
            click.echo("".join(told[-_LINES:]), nl=False)
    sys.exit(1 if broken else 0)


def _run_here(target: Target, seconds: float, engine: str, found: Path) -> int:
    # What the machine is configured for must not matter, and no parser has any business with a network.
    os.environ["RATTLER_CACHE_DIR"] = os.environ["ENVSOLVER_CACHE_DIR"] = "/nonexistent/cache"
    if engine == "atheris":
        from tests.fuzz.guided import explore
    else:
        from tests.fuzz.drawn import explore
    return explore(target, seconds, found)


if __name__ == "__main__":
    main()

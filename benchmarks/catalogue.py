"""What it costs to look at many locks: ``python -m benchmarks.catalogue [--locks 500]``.

The environments of this repository are multiplied in a scratch project, each copy with a lock of its own. Then
``envsolver check --all``, ``list`` and ``status`` run as processes, each twice: with nothing in the cache, and with
what the first run left there.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from envsolver.app.freshness import current_digest
from envsolver.app.lockfile import lock_text, requirements_text
from envsolver.app.project import Environment, Project
from envsolver.lock.reader import loads

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
SUFFIX = ".lock.toml"


def multiply(source: Path, target: Path, count: int) -> Project:
    """Make a project with so many copies of the locked environments of another one.

    Raises:
        ValueError: it has no locks.
    """
    locks = {path.name.removesuffix(SUFFIX): path for path in sorted((source / "locks").glob(f"*{SUFFIX}"))}
    if not locks:
        raise ValueError(f"{source} has no locks")
    (target / "locks").mkdir(parents=True)
    shutil.copytree(source / "specs", target / "specs")
    project = Project(root=target.resolve())
    names = list(locks)
    for number in range(count):
        base = names[number % len(names)]
        text = (source / "specs" / f"{base}.yaml").read_text(encoding="utf-8")
        # Two environments cannot share an alias.
        text = re.sub(r"^aliases:\n(?:  - .*\n)+", "", text, flags=re.MULTILINE)
        _copy(project, f"{base}-{number:04}", text, base, locks[base])
    # Bases stay; the environments themselves have given way to their copies.
    for path in (source / "specs").glob("*.yaml"):
        if not path.name.startswith("_"):
            (target / "specs" / path.name).unlink()
    return project


def _copy(project: Project, name: str, spec_text: str, base: str, lock: Path) -> None:
    path = project.root / "specs" / f"{name}.yaml"
    path.write_text(spec_text, encoding="utf-8")
    spec = project.spec(Environment(name=name, path=path), validate=False)
    locked = loads(lock.read_text(encoding="utf-8"), lock.name)
    copy = replace(
        locked,
        name=name,
        inputs_digest=current_digest(project, spec),
        roots=tuple(replace(root, spec=root.spec.replace(f"/{base}.", f"/{name}.")) for root in locked.roots),
    )
    text = lock_text(copy)
    project.lock_path(name).write_text(text, encoding="utf-8")
    project.requirements_path(name).write_text(requirements_text(copy, text), encoding="utf-8")


def measured(project: Project, cache: Path, *command: str) -> tuple[float, float]:
    """Run ``check --all``, or another command, and return the seconds that it took, by the clock and of processors.

    Raises:
        RuntimeError: it found an error.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "envsolver", *(command or ("check", "--all")), "--project", str(project.root)],
        env={**os.environ, "XDG_CACHE_HOME": str(cache)},
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise RuntimeError(done.stdout[-2000:] + done.stderr[-2000:])
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, used


def measure(count: int) -> Iterator[tuple[str, str, float, float]]:
    """Yield a command, what was there before, and the seconds that it took, by the clock and of processors."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        project = multiply(ROOT, root / "project", count)
        for command in (("check", "--all"), ("list",), ("status",)):
            for state in ("nothing cached", "run before"):
                yield (" ".join(command), state, *measured(project, root / "-".join(("cache", *command)), *command))


def main(arguments: list[str] | None = None) -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--locks", type=int, default=500, metavar="N")
    count = parser.parse_args(arguments).locks
    for command, state, seconds, used in measure(count):
        what = f"{count} locks, {command}, {state}"
        print(f"{what}: {seconds:.2f} s, {used:.2f} s of processors ({os.cpu_count()} cores)")


if __name__ == "__main__":
    main()

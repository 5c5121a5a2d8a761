"""Proof that a build is what it claims: read back, held against the lock, made a second time elsewhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from envsolver.app.lockfile import read_lock
from envsolver.app.recording import write_lock
from envsolver.build.compare import compare, scan
from envsolver.lock.model import LockedTree
from envsolver.lock.trees import recorded_tree, with_tree
from envsolver.model.errors import CheckFailedError, FileError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from envsolver.app.building import Maker
    from envsolver.app.project import Environment, Project
    from envsolver.build.compare import Difference
    from envsolver.build.manifest import Manifest
    from envsolver.lock.model import Lock, LockedTarget

__all__ = ["prove", "record_tree"]

_SHOWN = 10
_ELSEWHERE = "a-second-place-with-a-longer-name"
_OTHER_SURROUNDINGS = {
    "TZ": "Pacific/Kiritimati",
    "LANG": "tr_TR.UTF-8",
    "LC_ALL": "tr_TR.UTF-8",
    "PYTHONHASHSEED": "4242",
    "SOURCE_DATE_EPOCH": "1000000000",
}
"""What an environment must not depend on. Turkish has other capitals for ``i``, which upsets careless code."""
_OTHER_UMASK = 0o077


def prove(maker: Maker, folder: Path, manifest: Manifest) -> None:
    """Hold an environment, before it is put into place, against whatever the user wants it held against.

    Args:
        maker: that made it.
        folder: in which it lies, as ``tree``; the second one is built beside it.
        manifest: of it.

    Raises:
        CheckFailedError: it differs from what the lock records, or from the second one.
        FileError: what was written is not what was meant to be written.
    """
    options = maker.options
    if options.record or options.twice:
        with maker.stopwatch.stage("read back"):
            maker.progress.stage("reading back")
            if wrong := compare(folder / "tree", scan(folder / "tree", lies_at=options.prefix.absolute()), manifest):
                raise FileError(
                    f"what was written is not what was meant to be:{_listed(wrong)}",
                    hint="`envsolver cache clean` empties the store, which may be damaged",
                )
    recorded = recorded_tree(maker.lock, maker.target.name, options.groups, bytecode=options.bytecode)
    if recorded is not None and recorded != manifest.digest and not options.record:
        raise CheckFailedError(
            f"the build made tree {manifest.digest}, and the lock records {recorded}",
            hint="`envsolver verify` says what differs in one built before; --record records the new tree",
        )
    if options.twice:
        with maker.stopwatch.stage("second build"):
            _again(maker, folder, manifest)


def _again(maker: Maker, folder: Path, manifest: Manifest) -> None:
    """Build in another process, at another path, from an empty store, in other surroundings."""
    maker.progress.stage("building a second time")
    options = maker.options
    other = folder / _ELSEWHERE / "tree"
    other.parent.mkdir()
    command = [sys.executable, "-m", "envsolver", "--project", str(maker.project.root), "build", maker.lock.name]
    command += ["--prefix", str(other), "--copy", "--json"]
    if maker.conda is None:
        command += ["--python", str(maker.interpreter.path)]
    command += [word for group in options.groups for word in ("--group", group)]
    command += ["--no-bytecode"] * (not options.bytecode) + ["--offline"] * options.offline
    if options.bundle is not None:
        command += ["--bundle", str(options.bundle.absolute())]
    done = subprocess.run(
        command,
        env={**os.environ, **_OTHER_SURROUNDINGS, "ENVSOLVER_CACHE_DIR": str(folder / "cache")},
        cwd=other.parent,
        umask=_OTHER_UMASK,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if not other.is_dir():
        raise CheckFailedError(f"the second build failed: {_message(done.stdout) or done.stderr.strip()}")
    if differences := compare(other, scan(other), manifest):
        raise CheckFailedError(f"the second build made another tree:{_listed(differences)}")


def _message(text: str) -> str:
    try:
        return str(json.loads(text)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return ""


def _listed(differences: Sequence[Difference]) -> str:
    lines = [
        f"\n  {one.path} ({one.cause}{f', of {one.package}' if one.package else ''})" for one in differences[:_SHOWN]
    ]
    more = len(differences) - _SHOWN
    return "".join(lines) + (f"\n  and {more} more" if more > 0 else "")


def record_tree(
    project: Project, environment: Environment, lock: Lock, target: LockedTarget, manifest: Manifest
) -> tuple[tuple[Path, ...], str | None]:
    """Write the digest of an environment into its lock.

    Returns:
        The files written, and the other digest that stood there before, if one did.

    Raises:
        FileError: they cannot be written, or the lock has changed while the environment was built.
    """
    tree = LockedTree(target=target.name, digest=manifest.digest, groups=manifest.groups, bytecode=manifest.bytecode)
    before = recorded_tree(lock, tree.target, tree.groups, bytecode=tree.bytecode)
    now = read_lock(project, environment)
    if replace(now, trees=lock.trees) != lock:
        raise FileError(f"the lock of {lock.name} has changed while the environment was built", hint="build it again")
    written = write_lock(project, environment, with_tree(now, tree))
    return written, before if before != tree.digest else None

"""Packages of conda of a lock, and whether they can be installed here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envsolver.build.interpreter import Interpreter
from envsolver.lock.condapins import conda_pins
from envsolver.model.candidate import CONDA_PREFIX, is_conda
from envsolver.model.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from envsolver.build.conda import CondaSet
    from envsolver.lock.model import Lock, LockedTarget

__all__ = ["check_conda", "conda_interpreter", "conda_set"]


def check_conda(lock: Lock, target: LockedTarget, *, interpreter: Path | None) -> None:
    """Refuse what of conda cannot be installed here.

    Args:
        lock: that is built.
        target: of it.
        interpreter: that the user names.

    Raises:
        UsageError: the platform is none that this can be done on, or there are two interpreters.
    """
    pins = conda_pins(lock, target.name)
    if not pins:
        return
    if not target.platform.startswith("linux-"):
        # On macOS the prefix in a binary changes its signature, and no digest would be the same at two places.
        raise UsageError(
            f"environments with packages of conda are built on Linux, and this is {target.platform}",
            hint=f"`envsolver export {lock.name} --format explicit` has what conda makes one of",
        )
    if interpreter is not None:
        raise UsageError(
            f"the lock of {lock.name} has its interpreter from conda, so --python {interpreter} has no use"
        )


def conda_interpreter(lock: Lock, prefix: Path) -> Interpreter:
    """Return the interpreter that conda brings into an environment at ``prefix``."""
    minor = ".".join(lock.python.split(".")[:2])
    return Interpreter(path=prefix / "bin" / f"python{minor}", version=lock.python, origin="conda")


def conda_set(lock: Lock, target: LockedTarget) -> CondaSet | None:
    """Return the packages of conda of a target, None if it has none."""
    pins = conda_pins(lock, target.name)
    if not pins:
        return None
    from envsolver.build.conda import CondaSet

    requested: dict[str, list[str]] = {}
    for root in lock.roots:
        if is_conda(root.name) and root.project is None and (not root.targets or target.name in root.targets):
            requested.setdefault(root.name.removeprefix(CONDA_PREFIX), []).append(root.text)
    return CondaSet(
        pins=pins,
        channels={pin.file.index: lock.index_url(pin.file.index) or "" for pin in pins},
        requested=requested,
    )

"""What the store has of the wheels of an environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envsolver.build.store import Store, Stored
    from envsolver.lock.model import Pin

__all__ = ["Shelf", "Stocked", "digest_of", "look"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """What the store has of one wheel.

    Attributes:
        wheel: the wheel, unpacked.
        bytecode: of its modules; None where none is wanted.
    """

    wheel: Stored
    bytecode: Stored | None


@dataclass(slots=True, kw_only=True)
class Stocked:
    """What had to be done.

    Attributes:
        received: bytes downloaded.
        unpacked: wheels unpacked.
        compiled: wheels compiled.
    """

    received: int = 0
    unpacked: int = 0
    compiled: int = 0


def look(store: Store, pins: Sequence[Pin], *, bytecode: bool) -> dict[str, Shelf]:
    """Return what the store has of some wheels, whole, by their sha256."""
    found = {}
    for pin in pins:
        digest = digest_of(pin)
        wheel = store.get("wheels", digest)
        compiled = store.get("bytecode", digest) if bytecode and wheel else None
        if wheel is not None and (compiled is not None or not bytecode):
            found[digest] = Shelf(wheel=wheel, bytecode=compiled)
    return found


def digest_of(pin: Pin) -> str:
    """Return the sha256 of the file of a pin.

    Raises:
        ValueError: it has none, as a checkout.
    """
    if pin.file.sha256 is None:
        raise ValueError(f"{pin.requirement} has no sha256")
    return pin.file.sha256

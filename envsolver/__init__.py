"""Locks for GPU environments that run, run the same everywhere, and prove it."""

from __future__ import annotations

from typing import TYPE_CHECKING

__version__ = "0.1.0"

__all__ = ["__version__", "load_lock"]

if TYPE_CHECKING:
    from envsolver.app.api import load_lock


def __getattr__(name: str) -> object:
    # The public functions live behind PEP 562 so that `envsolver --version` imports none of them.
    if name == "load_lock":
        from envsolver.app.api import load_lock

        return load_lock
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__

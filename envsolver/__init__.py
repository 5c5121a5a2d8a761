"""Locks for GPU environments that run, run the same everywhere, and prove it.

What stands in ``__all__`` is for other programs and stays as it is within a major version; the modules below are not.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

__all__ = [
    "EnvsolverError",
    "Expectations",
    "Lock",
    "Spec",
    "__version__",
    "expectations",
    "export",
    "load_lock",
    "load_spec",
    "lock",
]

if TYPE_CHECKING:
    from envsolver.app.api import (
        EnvsolverError,
        Expectations,
        Lock,
        Spec,
        expectations,
        export,
        load_lock,
        load_spec,
        lock,
    )


def __getattr__(name: str) -> Any:
    # The public functions live behind PEP 562 so that `envsolver --version` imports none of them.
    if name == "lock":
        from importlib import import_module

        return import_module("envsolver.lock")
    if name in __all__:
        from envsolver.app import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class _Callable(ModuleType):
    """The package ``envsolver.lock``, which is a public function as well.

    Python sets a package as an attribute of its parent when it is first imported, in place of whatever was there: so
    that ``envsolver.lock("train")`` works whatever has been imported, the package itself has to be what is called.
    """

    def __call__(self, *args: Any, **options: Any) -> Lock:
        """Lock an environment; see :func:`envsolver.app.api.lock`."""
        from envsolver.app import api

        return api.lock(*args, **options)


def _callable_as_lock(package: str) -> None:
    sys.modules[package].__class__ = _Callable


def __dir__() -> list[str]:
    return __all__

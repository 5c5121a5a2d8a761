"""The spec file: its keys, loading with positions, ``extends``, the catalogue, and the digest of what a lock needs.

The names below are loaded when they are first asked for (PEP 562): who only compares digests pays for nothing else.
None has the name of a module here: importing that module would put it in the function's place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from envsolver.spec.catalogue import environment_names, find_project, find_spec, spec_heads
    from envsolver.spec.digest import inputs_digest
    from envsolver.spec.load import load_spec
    from envsolver.spec.reference import reference_markdown, schema

__all__ = [
    "environment_names",
    "find_project",
    "find_spec",
    "inputs_digest",
    "load_spec",
    "reference_markdown",
    "schema",
    "spec_heads",
]

_MODULES = {
    "environment_names": "catalogue",
    "find_project": "catalogue",
    "find_spec": "catalogue",
    "inputs_digest": "digest",
    "load_spec": "load",
    "reference_markdown": "reference",
    "schema": "reference",
    "spec_heads": "catalogue",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__

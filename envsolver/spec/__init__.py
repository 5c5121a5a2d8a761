"""The spec file: its keys, loading with positions, ``extends``, the catalogue, and the digest of what a lock needs."""

from envsolver.spec.catalogue import catalogue, environment_names, find_project, find_spec
from envsolver.spec.digest import inputs_digest
from envsolver.spec.load import load_spec
from envsolver.spec.reference import reference_markdown, schema

__all__ = [
    "catalogue",
    "environment_names",
    "find_project",
    "find_spec",
    "inputs_digest",
    "load_spec",
    "reference_markdown",
    "schema",
]

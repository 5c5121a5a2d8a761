"""The knowledge that builds from source need: who compiles against torch, and with which gcc a system comes."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from envsolver.knowledge._toml import read_shipped
from envsolver.knowledge.rules import admits
from envsolver.knowledge.tables import parse_table
from envsolver.model.candidate import normalize_name
from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from envsolver.knowledge._toml import Row
    from envsolver.model.candidate import Name

__all__ = ["Compiled", "Compilers", "Standard", "System", "compilers", "gcc_for_headers"]

_KEYS = {
    "compiled": frozenset({"package", "exact", "source"}),
    "standard": frozenset({"torch", "gcc", "source"}),
    "system": frozenset({"name", "gcc", "source"}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """A project that compiles CUDA code against torch when it is built, or when it first runs.

    Attributes:
        exact: its build refuses an nvcc of another minor version than the one for which torch was built.
    """

    package: Name
    exact: bool
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Standard:
    """The oldest major version of gcc that compiles the headers of some versions of torch."""

    torch: str
    gcc: int
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """A system of base images, as their tags name it (``ubuntu2004``), and the major version of its package gcc."""

    name: str
    gcc: int
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Compilers:
    """All of compilers.toml: projects and systems by name."""

    compiled: dict[Name, Compiled]
    standards: tuple[Standard, ...]
    systems: dict[str, System]


@lru_cache(maxsize=1)
def compilers() -> Compilers:
    """Return what is known of builds from source."""
    found = parse_table(
        read_shipped("data", "compilers"),
        "envsolver/knowledge/data/compilers.toml",
        compiled=_compiled,
        standard=_standard,
        system=_system,
    )
    return Compilers(
        compiled={row.package: row for row in found["compiled"] if isinstance(row, Compiled)},
        standards=tuple(row for row in found["standard"] if isinstance(row, Standard)),
        systems={row.name: row for row in found["system"] if isinstance(row, System)},
    )


def gcc_for_headers(torch: str) -> int:
    """Return the oldest gcc for the headers of a version of torch, 0 if none is known to be too old."""
    return max((row.gcc for row in compilers().standards if admits(row.torch, torch)), default=0)


def _compiled(row: Row) -> Compiled:
    row.only(_KEYS["compiled"])
    return Compiled(package=normalize_name(row.text("package")), exact=row.flag("exact"), source=row.text("source"))


def _standard(row: Row) -> Standard:
    row.only(_KEYS["standard"])
    return Standard(torch=row.text("torch"), gcc=row.number_of("gcc"), source=row.text("source"))


def _system(row: Row) -> System:
    row.only(_KEYS["system"])
    return System(name=row.text("name"), gcc=row.number_of("gcc"), source=row.text("source"))

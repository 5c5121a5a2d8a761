"""What is read of a lock that another tool made: packages, who requires whom, and where each stands in the file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from envsolver.model.errors import EnvsolverError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envsolver.model.candidate import Name
    from envsolver.model.target import Target

__all__ = ["ForeignLock", "ForeignLockError", "ForeignPackage", "ForeignRoot", "best_file", "mapping", "rows"]

ForeignKind = Literal["requirements", "pylock", "uv", "conda-lock", "explicit", "environment"]


class ForeignLockError(EnvsolverError):
    """A file of another tool cannot be read: the message says where and why."""

    exit_code = 2
    code = "bad-foreign-lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignRoot:
    """A requirement that a person wrote, as far as the file tells."""

    name: Name
    text: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignPackage:
    """One package.

    Attributes:
        name: canonical; of a package of conda, its own name.
        version: as written.
        line: where it stands, from 1; 0 where that cannot be told.
        filename: of the file that the target would get; empty where the lock does not say.
        sha256: of that file, or None.
        digests: sha256 of all files that the lock admits, where it does not say which one the target gets.
        url: of that file, or None.
        index_url: of the index, or None.
        needs: names of what it requires.
        hashed: whether the file ties it to its bytes.
        manager: who installs it.
        build_string: of a package of conda.
    """

    name: Name
    version: str
    line: int = 0
    filename: str = ""
    sha256: str | None = None
    digests: tuple[str, ...] = ()
    url: str | None = None
    index_url: str | None = None
    needs: tuple[Name, ...] = ()
    hashed: bool = False
    manager: Literal["pip", "conda"] = "pip"
    build_string: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignLock:
    """The packages of one target.

    Attributes:
        packages: in the order of the file.
        roots: empty where the file does not say who asked for what.
        unpinned: what the file leaves open, so that it cannot be judged.
    """

    kind: ForeignKind
    packages: tuple[ForeignPackage, ...]
    roots: tuple[ForeignRoot, ...] = ()
    unpinned: tuple[str, ...] = ()


def mapping(value: Any) -> dict[str, Any]:
    """Return a table that was parsed; an empty one for anything else: what a stranger wrote is of any type."""
    return value if isinstance(value, dict) else {}


def rows(value: Any) -> list[dict[str, Any]]:
    """Return the tables of a list that was parsed; none for anything else."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def best_file(filenames: Iterable[str], target: Target) -> str | None:
    """Return the file that an installer would take on a target: the best wheel, else a source archive, else None."""
    names = list(filenames)
    ranked = [
        (rank, name)
        for name in names
        if name.endswith(".whl")
        and name.count("-") >= 4
        and (rank := target.wheel_rank("-".join(name.removesuffix(".whl").rsplit("-", 3)[1:]))) is not None
    ]
    if ranked:
        return min(ranked)[1]
    return next((name for name in names if name.endswith((".tar.gz", ".zip", ".tar.bz2"))), None)

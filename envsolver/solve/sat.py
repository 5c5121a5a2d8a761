"""The one place that speaks to resolvo, through py-rattler. No other module of the solver knows rattler's types.

A record is a name, a rank and what it needs; a need is a name and a conda version spec over ranks. resolvo prefers
higher versions, hence higher ranks.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from rattler import BuildString, Gateway, MatchSpec, PackageRecord, RepoDataRecord, solve
from rattler.exceptions import SolverError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rattler import PackageName, Subdir

__all__ = ["Needs", "Records", "Sat"]

_SUBDIR: Final = "noarch"
_CHANNEL = "https://records.invalid"
_BUILD = BuildString("0")


class Needs(NamedTuple):
    """What one record needs: ``depends`` of packages that it brings in, ``constrains`` of those that others bring."""

    depends: tuple[str, ...] = ()
    constrains: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Records:
    """The records of one package: rank → what each needs."""

    name: str
    needs: Mapping[int, Needs]


class Sat:
    """A set of records that can be changed package by package and solved again.

    Records that did not change are kept: making one costs more than solving over it.
    """

    def __init__(self) -> None:
        self._made: dict[str, dict[int, tuple[Needs, RepoDataRecord]]] = {}
        self._records: dict[str, list[RepoDataRecord]] = {}
        self._checked: set[str] = set()
        self.solves = 0

    @property
    def size(self) -> int:
        """The number of records."""
        return sum(len(records) for records in self._records.values())

    def put(self, records: Records) -> None:
        """Set the records of a package.

        Raises:
            rattler.exceptions.InvalidMatchSpecError: a spec does not parse. rattler itself would drop the record and
                say nothing.

        """
        made = self._made.setdefault(records.name, {})
        for rank, needs in records.needs.items():
            if rank not in made or made[rank][0] != needs:
                self._check(needs.depends)
                self._check(needs.constrains)
                made[rank] = (needs, _record(records.name, rank, needs))
        for rank in made.keys() - records.needs.keys():
            del made[rank]
        self._records[records.name] = [made[rank][1] for rank in sorted(made, reverse=True)]

    def _check(self, specs: Iterable[str]) -> None:
        for spec in specs:
            if spec not in self._checked:
                MatchSpec(spec, strict=True)
                self._checked.add(spec)

    async def solve(self, specs: Sequence[str]) -> dict[str, int] | None:
        """Return package → rank of a solution in which nothing is superfluous, or None if there is none."""
        self._check(specs)
        self.solves += 1
        try:
            solution = await solve(
                [self],
                [MatchSpec(spec, strict=True) for spec in specs],
                gateway=_gateway(),
                platforms=[_SUBDIR],
                virtual_packages=[],
            )
        except SolverError as error:
            if str(error).startswith("Cannot solve the request"):
                return None
            raise
        return {record.name.normalized: int(str(record.version)) for record in solution}

    async def fetch_package_records(self, platform: Subdir, name: PackageName) -> list[RepoDataRecord]:
        """Serve records to rattler (its ``RepoDataSource`` protocol)."""
        return self._records.get(name.normalized, []) if str(platform) == _SUBDIR else []

    def package_names(self, platform: Subdir) -> list[str]:
        """Name all packages to rattler (its ``RepoDataSource`` protocol)."""
        return sorted(self._records) if str(platform) == _SUBDIR else []


@lru_cache(maxsize=1)
def _gateway() -> Gateway:
    # It asks its sources anew at each solve; only setting it up is dear (8 ms).
    return Gateway()


def _record(name: str, rank: int, needs: Needs) -> RepoDataRecord:
    record = PackageRecord(
        name, str(rank), _BUILD, 0, _SUBDIR, depends=list(needs.depends), constrains=list(needs.constrains)
    )
    filename = f"{name}-{rank}-0.conda"
    return RepoDataRecord(record, filename, f"{_CHANNEL}/{_SUBDIR}/{filename}", _CHANNEL)

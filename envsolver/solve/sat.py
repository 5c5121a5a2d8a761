"""The one place that speaks to resolvo, through py-rattler. No other module of the solver knows rattler's types.

A record is a name, a rank and what it needs; a need is a name and a conda version spec over ranks. resolvo prefers
higher versions, hence higher ranks.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from rattler import BuildString, ChannelPriority, Gateway, MatchSpec, PackageRecord, RepoDataRecord, solve

from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rattler import PackageName, Subdir

    from envsolver.solve.conda import CondaWorld

__all__ = ["Answer", "Needs", "Records", "Sat", "own_name"]

_SUBDIR: Final = "noarch"
_CHANNEL = "https://records.invalid"
_BUILD = BuildString("0")
_OWN: Final = "x_pypi_x_"
"""Before the names of our own records where those of conda stand beside them. No package of conda is called so."""


_QUESTION: Final = "x_question_x"
"""The record that needs all that is asked for. No project has underscores in its normalized name."""


def own_name(name: str) -> str:
    """Return the name of one of our own records where those of conda stand beside them."""
    return f"{_OWN}{name}"


class Needs(NamedTuple):
    """What one record needs: ``depends`` of packages that it brings in, ``constrains`` of those that others bring."""

    depends: tuple[str, ...] = ()
    constrains: tuple[str, ...] = ()
    conda: tuple[str, ...] = ()
    """Match specs of packages of conda that it brings in."""
    conda_excluded: tuple[str, ...] = ()
    """Match specs that packages of conda have to meet if they are there."""


class Answer(dict[str, int]):
    """A solution: package → rank, and beside that the records of conda in it."""

    conda: tuple[RepoDataRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class Records:
    """The records of one package: rank → what each needs."""

    name: str
    needs: Mapping[int, Needs]


class Sat:
    """A set of records that can be changed package by package and solved again.

    Records that did not change are kept: making one costs more than solving over it.
    """

    def __init__(self, conda: CondaWorld | None = None) -> None:
        self._conda = conda
        self._prefix = _OWN if conda else ""
        self._made: dict[str, dict[int, tuple[Needs, RepoDataRecord]]] = {}
        self._records: dict[str, list[RepoDataRecord]] = {}
        self._checked: set[str] = set()
        self._kept: dict[tuple[str, int, Needs], RepoDataRecord] = {}  # questions go back and forth between some
        self.solves = 0

    @property
    def size(self) -> int:
        """The number of records, that of the question left aside."""
        return sum(len(records) for name, records in self._made.items() if name != _QUESTION)

    def put(self, records: Records) -> None:
        """Set the records of a package.

        Raises:
            rattler.exceptions.InvalidMatchSpecError: a spec does not parse. rattler itself would drop the record and
                say nothing.

        """
        made = self._made.setdefault(records.name, {})
        for rank, needs in records.needs.items():
            if rank not in made or made[rank][0] != needs:
                key = (records.name, rank, needs)
                if key not in self._kept:
                    self._check(needs.depends)
                    self._check(needs.constrains)
                    self._kept[key] = self._record(*key)
                made[rank] = (needs, self._kept[key])
        for rank in made.keys() - records.needs.keys():
            del made[rank]
        self._records[f"{self._prefix}{records.name}"] = [made[rank][1] for rank in sorted(made, reverse=True)]

    def _check(self, specs: Iterable[str]) -> None:
        for spec in specs:
            if spec not in self._checked:
                MatchSpec(spec, strict=True)
                self._checked.add(spec)

    async def solve(self, specs: Sequence[str], conda: Sequence[str] = ()) -> Answer | None:
        """Return a solution in which nothing is superfluous, or None if there is none.

        Args:
            specs: over our own records.
            conda: match specs of packages of conda.
        """
        self._check(specs)
        self.solves += 1
        # resolvo takes the first only if all that it needs can be had; the second needs nothing. So no problem is ever
        # without a solution: of those that are, it writes a text, and where packages need each other in a circle it
        # writes without an end, until the memory is full (resolvo 0.10, ``DisplayUnsat::fmt_graph``).
        of_conda = tuple(spec.partition("::")[2] or spec for spec in conda)  # their channels are seen to by the records
        self.put(Records(_QUESTION, {1: Needs(tuple(specs), conda=of_conda), 0: Needs()}))
        solution = await self._solve([MatchSpec(f"{self._prefix}{_QUESTION}", strict=True)])
        answer = Answer(
            (record.name.normalized.removeprefix(self._prefix), int(str(record.version)))
            for record in solution
            if record.name.normalized.startswith(self._prefix)
        )
        if not answer.pop(_QUESTION):
            return None
        if self._prefix:
            answer.conda = tuple(r for r in solution if not r.name.normalized.startswith(self._prefix))
        return answer

    async def _solve(self, wanted: list[MatchSpec]) -> list[RepoDataRecord]:
        # One source and one subdir, whatever the channels are: rattler asks each source for each subdir of each package
        # anew, and to answer takes longer than to solve. Which channel a package comes from is settled already.
        return await solve(
            [self],
            wanted,
            gateway=_gateway(),
            platforms=[_SUBDIR],
            virtual_packages=self._conda.virtual_packages() if self._conda else [],
            locked_packages=self._conda.locked() if self._conda else None,
            channel_priority=ChannelPriority.Disabled,
        )

    def _record(self, name: str, rank: int, needs: Needs) -> RepoDataRecord:
        depends = [*(f"{self._prefix}{spec}" for spec in needs.depends), *needs.conda]
        constrains = [*(f"{self._prefix}{spec}" for spec in needs.constrains), *needs.conda_excluded]
        full = f"{self._prefix}{name}"
        record = PackageRecord(full, str(rank), _BUILD, 0, _SUBDIR, depends=depends, constrains=constrains)
        filename = f"{full}-{rank}-0.conda"
        return RepoDataRecord(record, filename, f"{_CHANNEL}/{_SUBDIR}/{filename}", _CHANNEL)

    async def fetch_package_records(self, platform: Subdir, name: PackageName) -> list[RepoDataRecord]:
        """Serve records to rattler (its ``RepoDataSource`` protocol)."""
        if str(platform) != _SUBDIR:
            return []
        asked = name.normalized
        own = self._records.get(asked)
        if own is None and self._conda is not None:
            return self._conda.records_of(asked)
        return own or []

    def package_names(self, platform: Subdir) -> list[str]:
        """Name all packages to rattler (its ``RepoDataSource`` protocol)."""
        if str(platform) != _SUBDIR:
            return []
        return sorted({*self._records, *(self._conda.package_names() if self._conda else ())})


@lru_cache(maxsize=1)
def _gateway() -> Gateway:
    # It asks its sources anew at each solve; only setting it up is dear (8 ms).
    return Gateway()

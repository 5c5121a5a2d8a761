"""Why packages of conda cannot be together: a minimal set of what they require of each other.

What the spec asks for is given. What packages require of one another (``depends``) and of what else is there
(``constrains``) is left out piece by piece, until each piece that is left is needed. The question is asked over few
records: builds that require the same and meet the same requirements are one. Pieces near to what the spec asks for
come first, and those farther away only if the nearer ones do not explain it.

Dependencies that hold on a condition are taken to ask for nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from rattler import MatchSpec, PackageRecord

from envsolver.solve.conflict import quick_explain
from envsolver.solve.intervals import runs
from envsolver.solve.sat import Needs, Records, Sat

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from envsolver.solve.conda import CondaWorld

__all__ = ["Link", "Need", "Reachable", "minimal_links"]

_NEVER = "x_never_x <0"
"""What nothing meets."""


class Link(NamedTuple):
    """One piece: what all builds of a package require of another one."""

    package: str
    required: str
    kind: Literal["depends", "constrains"]


class Need(NamedTuple):
    """What one build requires, as it says it, and the piece that it is of."""

    link: Link
    text: str


async def minimal_links(reachable: Reachable) -> list[Link]:
    """Return a minimal set of pieces that do not go together with the lines; none if the lines alone do not, or all do.

    The pieces come in the order of :meth:`Reachable.links`.
    """
    question = _Question(reachable)
    while await question.solvable(reachable.links()):
        if not reachable.open():
            return []
        question = _Question(reachable)
    if not await question.solvable([]):
        return []
    links = reachable.links()
    return sorted(await quick_explain(question, [], links), key=links.index)


class Reachable:
    """The builds that lines about conda lead to, opened up step by step.

    Args:
        world: that has the records.
        lines: match specs. That all of them hold is given.
    """

    def __init__(self, world: CondaWorld, lines: Sequence[str]) -> None:
        self._world = world
        self._specs: dict[str, MatchSpec] = {}
        self._virtual = {
            package.name.normalized: PackageRecord(
                package.name.normalized, str(package.version), package.build_string, 0, "noarch"
            )
            for package in world.virtual_packages()
        }
        self.lines: dict[str, list[str]] = {}
        """Package → what the lines say of it, their channels left aside: those are seen to by the records."""
        for line in lines:
            text = line.partition("::")[2] or line
            self.lines.setdefault(self.named(text), []).append(text)
        self._builds: dict[str, list[PackageRecord]] = {}
        self._matched: dict[str, frozenset[int]] = {}
        self.needs: dict[str, list[tuple[Need, ...]]] = {}
        """Package → of each of its builds, what it requires; those that were opened, the nearest to the lines first."""
        for name in self.lines:
            self.builds(name)

    def _spec(self, text: str) -> MatchSpec:
        if text not in self._specs:
            self._specs[text] = MatchSpec(text)
        return self._specs[text]

    def named(self, text: str) -> str:
        """Return the package that a match spec names."""
        return self._spec(text).name.normalized

    def builds(self, name: str) -> Sequence[PackageRecord]:
        """Return the builds of a package that meet the lines; of a virtual package, what the nodes offer."""
        if name not in self._builds:
            there = [self._virtual[name]] if name in self._virtual else self._world.records_of(name)
            self._builds[name] = [
                one for one in there if all(self.admits(text, one) for text in self.lines.get(name, ()))
            ]
        return self._builds[name]

    def admits(self, text: str, build: PackageRecord) -> bool:
        """Say whether a match spec admits a build."""
        return self._spec(text).matches(build)

    def matched(self, text: str) -> frozenset[int]:
        """Return the numbers of the builds that a match spec admits."""
        if text not in self._matched:
            builds = self.builds(self.named(text))
            self._matched[text] = frozenset(n for n, build in enumerate(builds) if self.admits(text, build))
        return self._matched[text]

    def open(self) -> bool:
        """Take in what those packages require that were reached so far; say whether there was one."""
        fresh = [name for name in self._builds if name not in self.needs]
        for name in fresh:
            self.needs[name] = [tuple(dict.fromkeys(self._read(name, build))) for build in self._builds[name]]
        for name in fresh:
            for link in sorted({need.link for needs in self.needs[name] for need in needs}):
                if link.kind == "depends":
                    self.builds(link.required)
        return bool(fresh)

    def _read(self, name: str, build: PackageRecord) -> Iterable[Need]:
        for text in build.depends:
            if self._counts(text):
                yield Need(Link(name, self.named(text), "depends"), text)
        for text in build.constrains:
            if self._counts(text):
                yield Need(Link(name, self.named(text), "constrains"), text)

    def _counts(self, text: str) -> bool:
        return self._spec(text).condition is None and not self._world.is_own(self.named(text))

    def links(self) -> list[Link]:
        """Return the pieces that are known so far, those of packages near to the lines first."""
        return [
            link
            for needs in self.needs.values()
            for link in sorted({need.link for of_build in needs for need in of_build})
            if link.required in self._builds
        ]

    def reached(self) -> list[str]:
        """Return the packages that were reached so far."""
        return list(self._builds)


class _Question:
    """Solves subsets of the pieces."""

    def __init__(self, reachable: Reachable) -> None:
        self._reachable = reachable
        self._number = {name: f"p{number}" for number, name in enumerate(reachable.reached())}
        self._sat = Sat()
        texts: dict[str, dict[str, None]] = {}
        for needs in reachable.needs.values():
            for need in dict.fromkeys(need for of_build in needs for need in of_build):
                texts.setdefault(need.link.required, {})[need.text] = None
        self._ranks: dict[str, dict[int, int]] = {}
        """Package → number of a build → rank of the class that it is of."""
        self._classes: dict[str, list[tuple[Need, ...]]] = {}
        """Package → what the builds of each class require."""
        for name in self._number:
            self._sort_into_classes(name, tuple(texts.get(name, ())))

    def _sort_into_classes(self, name: str, texts: Sequence[str]) -> None:
        opened = self._reachable.needs.get(name)
        meets: dict[int, list[int]] = {}
        for number, text in enumerate(texts):
            for build in self._reachable.matched(text):
                meets.setdefault(build, []).append(number)
        classes: dict[tuple[object, ...], int] = {}
        ranks, needed = {}, []
        for build in range(len(self._reachable.builds(name))):
            needs = opened[build] if opened else ()
            key = (needs, tuple(meets.get(build, ())))
            if key not in classes:
                classes[key] = len(classes) + 1
                needed.append(needs)
            ranks[build] = classes[key]
        self._ranks[name], self._classes[name] = ranks, needed

    async def solvable(self, clauses: Sequence[Link]) -> bool:
        """Say whether the lines and these pieces have a solution."""
        included = frozenset(clauses)
        for name, number in self._number.items():
            needs = {rank: self._needs(of, included) for rank, of in enumerate(self._classes[name], 1)}
            self._sat.put(Records(number, needs))
        asked = [f"{self._number[name]} *" if self._classes[name] else _NEVER for name in self._reachable.lines]
        return await self._sat.solve(asked) is not None

    def _needs(self, needs: Sequence[Need], included: frozenset[Link]) -> Needs:
        depends = [self._encoded(need) for need in needs if need.link.kind == "depends" and need.link in included]
        constrains = [self._encoded(need) for need in needs if need.link.kind == "constrains" and need.link in included]
        return Needs(tuple(depends), tuple(constrains))

    def _encoded(self, need: Need) -> str:
        """Return a requirement as one over ranks of classes."""
        ranks = self._ranks[need.link.required]
        admitted = sorted({ranks[build] for build in self._reachable.matched(need.text)})
        if len(admitted) == len(self._classes[need.link.required]) and admitted:
            specification = "*"
        else:
            specification = "|".join(f">={low},<{high}" for low, high in runs(admitted)) or "<0"
        return f"{self._number[need.link.required]} {specification}"

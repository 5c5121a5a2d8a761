"""Fixes for a spec without a solution: each one solved to the end before it is suggested.

First the lines of the spec that take part in the conflict are moved, one at a time, each as little as it takes; then
what else may help is tried: another index, another build, another GPU setting, groups apart, a rule ignored. Where no
single change helps, two lines are moved together, or a line is left out; where there are several conflicts, each gets
its change. What is printed is what was tried: the spec with exactly that change.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import field
from itertools import combinations, product
from typing import TYPE_CHECKING, Protocol

from envsolver.app import proposals
from envsolver.app.loosening import (
    directions,
    distance,
    is_pin,
    loosened_edit,
    project_of,
    remoteness,
    title,
    turned,
)
from envsolver.app.specedits import edited
from envsolver.model.candidate import normalize_name
from envsolver.model.errors import BuildNeededError, NoSolutionError
from envsolver.model.fix import Edit, Fix
from envsolver.model.pep508 import parse_requirement
from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from envsolver.app.loosening import Direction
    from envsolver.app.proposals import Hints, Proposal
    from envsolver.model.candidate import Name
    from envsolver.model.conflict import Reason
    from envsolver.model.fix import Addition, FixKind, Removal
    from envsolver.model.spec import Spec

    Versions = Mapping[Name, str]

__all__ = ["MOST_FIXES", "MOST_SOLVES", "Found", "Solve", "UntriedError", "find_fixes"]

MOST_FIXES = 5
"""So many are suggested at most; a person reads the first three."""
MOST_SOLVES = 30
"""So often is a spec solved at most: somebody waits for the explanation."""
MOST_CONFLICTS = 2
"""So many conflicts behind the first one are resolved along with it."""
MOST_WAYS = 2
"""So many ways to resolve each of them are followed."""
MOST_TRIED_IN_PAIRS = 12
"""So many of them are spent on moving two lines together."""

_SIZES: dict[FixKind, int] = {
    "loosen": 0,
    "move": 1,
    "index": 2,
    "rename": 2,
    "gpu": 3,
    "exclusive": 3,
    "drop": 4,
    "ignore-rule": 5,
}
"""Smaller is suggested first."""


class UntriedError(NoSolutionError):
    """A change could not be tried: what it needs cannot be had now."""


class Solve(Protocol):
    """Solves a spec to the end."""

    async def __call__(self, spec: Spec, lowest: frozenset[Name] = frozenset(), /) -> Versions:
        """Return versions by project.

        Args:
            spec: to solve.
            lowest: projects of which the lowest version is wanted.

        Raises:
            NoSolutionError: there is none.
            UntriedError: that cannot be found out.
        """
        ...


@dataclass(frozen=True, slots=True)
class Found:
    """What came of a search.

    Attributes:
        fixes: the smallest first.
        untried: changes that might help and could not be tried, with the reason.
    """

    fixes: tuple[Fix, ...]
    untried: tuple[str, ...] = ()


class _SpentError(Exception):
    """All solves that were granted have been made."""


async def find_fixes(
    spec: Spec, error: NoSolutionError, solve: Solve, *, hints: Hints | None = None, most_solves: int = MOST_SOLVES
) -> Found:
    """Return changes that make the spec resolve.

    Args:
        spec: the one without a solution.
        error: why; only what it names is changed.
        solve: solves a spec to the end.
        hints: what is known beside the spec.
        most_solves: so often it is called at most; what was found until then is returned.
    """
    search = _Search(spec, error.conflict, solve, hints or proposals.Hints(), most_solves)
    with suppress(_SpentError):
        await search.run()
    trials = sorted(search.trials, key=lambda trial: (trial.remote, trial.size))
    if search.helped:  # then nobody wants a version of years ago
        trials = [trial for trial in trials if not trial.remote]
    return Found(tuple(trial.fix for trial in trials[:MOST_FIXES]), tuple(search.untried))


@dataclass(frozen=True, slots=True)
class _Trial:
    """A fix with how much it changes (smaller is better), and what came of it.

    Attributes:
        far: of its versions, the farthest from what the spec asks for.
        remote: that is so far that a person would rather do something else.
    """

    fix: Fix
    size: tuple[int, ...]
    versions: Versions
    far: tuple[int, int]
    remote: bool


@dataclass(frozen=True, slots=True)
class _WithLowest:
    """A :class:`Solve` that wants the lowest version of some projects, whatever else it is asked."""

    solve: Solve
    names: frozenset[Name]

    async def __call__(self, spec: Spec, lowest: frozenset[Name] = frozenset(), /) -> Versions:
        """Solve a spec."""
        return await self.solve(spec, lowest | self.names)


@dataclass(frozen=True, slots=True)
class _Passed:
    """A line that was turned round so that its conflict is gone, and the next conflict, which it takes no part in."""

    line: Reason
    spec: Spec
    lowest: frozenset[Name]
    conflict: Sequence[Reason]


@dataclass(slots=True)
class _Search:
    spec: Spec
    conflict: Sequence[Reason]
    solve: Solve
    hints: Hints
    left: int
    trials: list[_Trial] = field(default_factory=list)
    untried: list[str] = field(default_factory=list)
    blind: bool = False
    depth: int = 0
    passed: list[_Passed] = field(default_factory=list)
    refusal: NoSolutionError | None = None

    async def run(self) -> None:
        """Try what there is, the likeliest first.

        Raises:
            _SpentError: no more may be tried.
        """
        spec, conflict = self.spec, self.conflict
        lines = [reason for reason in conflict if self._stands_in_spec(reason)]
        for reason in lines:
            for direction in directions(reason.text or ""):
                await self._move(((reason, direction),))
        await self._first_of(proposals.other_index(spec, conflict, self.hints))
        await self._first_of_each(proposals.other_name(spec, conflict))
        await self._first_of_each(proposals.other_gpu(spec, conflict))
        await self._first_of(proposals.other_build(spec, conflict, self.hints))
        for proposal in proposals.groups_apart(spec, conflict):
            await self._propose(proposal)
        harmless = self.helped
        for proposal in proposals.ignored_rules(spec, conflict, self.hints):
            await self._propose(proposal)
        if not harmless:
            await self._move_pairs(lines)
            await self._chain()
        # To leave a line out is for when nothing else helps, which only what was tried can tell.
        if not self.blind and not self.helped:
            requirements = [line for line in lines if line.kind == "requirement"]
            for proposal in proposals.drops(requirements if len(requirements) > 1 else ()):
                await self._propose(proposal)

    @property
    def helped(self) -> bool:
        """Whether there is a change that somebody would make: no rule ignored, nothing left out, none of years ago."""
        return any(not trial.remote and trial.fix.kind not in {"ignore-rule", "drop"} for trial in self.trials)

    def _stands_in_spec(self, reason: Reason) -> bool:
        """Say whether a reason is a line of the spec: an option of the command line is not."""
        return reason.kind in {"requirement", "constraint"} and any(
            (line.origin, line.text) == (reason.origin, reason.text)
            for line in (*self.spec.requirements, *self.spec.constraints)
        )

    async def _try(self, spec: Spec, lowest: frozenset[Name] = frozenset()) -> Versions | None:
        """Return a solution, or None."""
        if self.left == 0:
            raise _SpentError
        self.left -= 1
        try:
            return await self.solve(spec, lowest)
        except UntriedError as error:
            # What only a build can tell will not be told by another run either.
            self.blind |= not isinstance(error.__cause__, BuildNeededError)
            raise
        except NoSolutionError as error:
            self.refusal = error
            return None

    async def _first_of(self, candidates: Iterable[Proposal]) -> None:
        """Try proposals until one helps. An index that cannot be reached is not asked twice."""
        unreached: set[str | None] = set()
        for proposal in candidates:
            told = len(self.untried)
            if proposal.needs not in unreached and await self._propose(proposal):
                return
            if len(self.untried) > told:
                unreached.add(proposal.needs)

    async def _first_of_each(self, candidates: Iterable[Proposal]) -> None:
        """Try proposals until one helps, for each place in the spec."""
        helped: set[object] = set()
        for proposal in candidates:
            place = [(edit.origin, getattr(edit, "old", None)) for edit in proposal.edits]
            if str(place) not in helped and await self._propose(proposal):
                helped.add(str(place))

    async def _propose(self, proposal: Proposal) -> bool:
        """Try a proposal; say whether it helps."""
        try:
            versions = await self._try(edited(self.spec, proposal.edits))
        except UntriedError as error:
            if proposal.needs is not None:
                self.untried.append(f"{proposal.title}: {error}")
            return False
        if versions is None:
            return False
        line = [] if proposal.line is None else [proposal.line]
        self._keep(proposal.kind, proposal.title, proposal.edits, versions, first=line, warning=proposal.warning)
        return True

    async def _move(self, chosen: Sequence[tuple[Reason, Direction]]) -> bool:
        """Move lines, see what comes of it, and write that down as narrowly as it can be; say whether it helps.

        What moves to versions of years ago is kept for when nothing else helps.
        """
        spec, lowest = turned(self.spec, chosen)
        with suppress(UntriedError):
            versions = await self._try(spec, lowest)
            if versions is None and len(chosen) == 1 and self.refusal is not None:
                self._pass(chosen[0][0], spec, lowest, self.refusal.conflict)
            if versions is None or any(reason.project not in versions for reason, _ in chosen):
                return False
            found = [versions[reason.project] for reason, _ in chosen]
            edits = [loosened_edit(reason, version) for (reason, _), version in zip(chosen, found, strict=True)]
            versions = await self._try(edited(self.spec, edits))
            if versions is None:
                return False
            moved = [reason for reason, _ in chosen]
            far = max(distance(reason, version) for reason, version in zip(moved, found, strict=True))
            years = [words for one in zip(moved, found, strict=True) if (words := remoteness(*one))]
            warnings = [*years, *([unspoken] if (unspoken := self._unspoken_of(chosen)) else [])]
            self._keep(
                "move" if any(is_pin(reason.text or "") for reason in moved) else "loosen",
                " and ".join(title(edit, reason) for edit, reason in zip(edits, moved, strict=True)),
                edits,
                versions,
                far=far,
                remote=bool(years),
                first=moved,
                warning="; ".join(warnings) or None,
            )
            return not years
        return False

    def _unspoken_of(self, chosen: Sequence[tuple[Reason, Direction]]) -> str | None:
        """Warn of versions older than those of a rule: where it begins, often only its evidence does."""
        rules = {reason.requirer: reason.rule for reason in self.conflict if reason.kind == "rule"}
        older = [rules[reason.project] for reason, way in chosen if way.side == "below" and reason.project in rules]
        return f"rule {' and '.join(filter(None, older))} says nothing of versions that old" if older else None

    def _pass(self, line: Reason, spec: Spec, lowest: frozenset[Name], conflict: Sequence[Reason]) -> None:
        """Remember a line that is in the way of this conflict only, where another conflict stands behind it."""
        if conflict and not any((one.origin, one.project) == (line.origin, line.project) for one in conflict):
            self.passed.append(_Passed(line, spec, lowest, conflict))

    async def _chain(self) -> None:
        """Where there are more conflicts than this one: change a line for this one, and what the others need."""
        for passed in self.passed[:MOST_WAYS] if self.depth < MOST_CONFLICTS else ():
            with_lowest = _WithLowest(self.solve, passed.lowest)
            further = _Search(passed.spec, passed.conflict, with_lowest, self.hints, self.left, depth=self.depth + 1)
            with suppress(_SpentError):
                await further.run()
            self.left = further.left
            for trial in sorted(further.trials, key=lambda trial: (trial.remote, trial.size))[:MOST_WAYS]:
                await self._join(passed, trial)
            if self.helped:
                return

    async def _join(self, passed: _Passed, trial: _Trial) -> None:
        """Try the change of a line together with what resolves the conflict behind it."""
        line, version = passed.line, trial.versions.get(passed.line.project)
        touched = {(edit.origin, edit.old) for edit in trial.fix.edits if isinstance(edit, Edit)}
        written = {(one.origin, one.text) for one in (*passed.spec.requirements, *passed.spec.constraints)}
        own = {(one.origin, one.text) for one in (*self.spec.requirements, *self.spec.constraints)}
        if version is None or touched & (written - own):
            return
        edit = loosened_edit(line, version)
        with suppress(UntriedError):
            versions = await self._try(edited(self.spec, (edit, *trial.fix.edits)))
            if versions is not None:
                kind: FixKind = "move" if is_pin(line.text or "") else "loosen"
                years = remoteness(line, version)
                warnings = [one for one in (years, trial.fix.warning) if one]
                self._keep(
                    max(kind, trial.fix.kind, key=_SIZES.__getitem__),
                    f"{title(edit, line)} and {trial.fix.title}",
                    (edit, *trial.fix.edits),
                    versions,
                    far=max(distance(line, version), trial.far),
                    remote=trial.remote or years is not None,
                    first=[line],
                    warning="; ".join(warnings) or None,
                )

    async def _move_pairs(self, lines: Sequence[Reason]) -> None:
        """Move two lines together, each to either side, until one way helps for these two."""
        kept, self.left = self.left, min(self.left, MOST_TRIED_IN_PAIRS)
        rest = kept - self.left
        with suppress(_SpentError):
            for two in combinations(lines, 2):
                sides = [list(directions(reason.text or "")) for reason in two]
                # To the same side first: what belongs together has grown together.
                ways = sorted(product(*sides), key=lambda way: way[0].side != way[1].side)
                for way in ways:
                    if await self._move(list(zip(two, way, strict=True))):
                        break
        self.left += rest

    def _keep(
        self,
        kind: FixKind,
        words: str,
        edits: Sequence[Edit | Addition | Removal],
        versions: Versions,
        *,
        far: tuple[int, int] = (0, 0),
        remote: bool = False,
        first: Sequence[Reason] = (),
        warning: str | None = None,
    ) -> None:
        outcome = _outcome((*_renamed(edits), *self._spoken_of(first)), versions)
        fix = Fix(kind=kind, title=words, outcome=outcome, edits=tuple(edits), warning=warning)
        if fix.edits not in [trial.fix.edits for trial in self.trials]:
            # What stands first in the spec matters most: of equal changes the one that stands last is the smallest.
            place = -max((self._place(reason) for reason in first), default=0)
            size = (_SIZES[kind], len(edits), *far, place, len(self.trials))
            self.trials.append(_Trial(fix, size, versions, far, remote))

    def _place(self, reason: Reason) -> int:
        lines = (*self.spec.requirements, *self.spec.constraints)
        places = [
            place for place, line in enumerate(lines) if line.origin == reason.origin and line.text == reason.text
        ]
        return places[0] if places else 0

    def _spoken_of(self, first: Iterable[Reason]) -> Iterator[Name]:
        """Yield the projects that a change, the conflict and the spec's own lines speak of."""
        for reason in (*first, *self.conflict):
            yield from (reason.project, *([reason.requirer] if reason.requirer else []))
        yield from map(project_of, self.spec.requirements)


def _renamed(edits: Iterable[Edit | Addition | Removal]) -> Iterator[Name]:
    """Yield the projects that edits of requirements speak of."""
    from packaging.requirements import InvalidRequirement

    for edit in edits:
        with suppress(InvalidRequirement):
            if isinstance(edit, Edit) and edit.new is not None:
                yield normalize_name(parse_requirement(edit.new).name)


def _outcome(names: Iterable[Name], versions: Versions) -> str:
    """Say what became of projects."""
    shown = [f"{name} {versions[name]}" for name in dict.fromkeys(names) if name in versions]
    return ", ".join(shown[:6]) + (", …" if len(shown) > 6 else "")

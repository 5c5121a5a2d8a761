"""Fixes for a spec without a solution: each one solved to the end before it is suggested.

The lines of the spec that take part in the conflict are loosened one at a time; where no single one helps, two at a
time. What a loosened line resolves to is written as the smallest change of that line, and the spec with exactly that
change is solved again: so what is printed is what was tried.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING

from envsolver.model.candidate import normalize_name
from envsolver.model.errors import NoSolutionError
from envsolver.model.fix import Edit, Fix

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from packaging.requirements import Requirement

    from envsolver.model.candidate import Name
    from envsolver.model.conflict import Reason
    from envsolver.model.spec import Spec, SpecRequirement

    Versions = Mapping[Name, str]
    Solve = Callable[[Spec], Awaitable[Versions]]

__all__ = ["MOST_FIXES", "MOST_SOLVES", "edited", "find_fixes"]

MOST_FIXES = 5
"""So many are found at most; a person reads the first three."""
MOST_SOLVES = 12
"""So often is a spec solved at most: somebody waits for the explanation."""


@dataclass(frozen=True, slots=True)
class _Trial:
    """A fix with how much it changes: smaller is better."""

    fix: Fix
    size: tuple[int, ...]


class _SpentError(Exception):
    """All solves that were granted have been made."""


async def find_fixes(
    spec: Spec, error: NoSolutionError, solve: Solve, *, most_solves: int = MOST_SOLVES
) -> tuple[Fix, ...]:
    """Return changes that make the spec resolve, the smallest first.

    Args:
        spec: the one without a solution.
        error: why; only lines of the spec that it names are changed.
        solve: solves a spec to the end; returns versions by project.
        most_solves: so often it is called at most; what was found until then is returned.
    """
    left = most_solves

    async def counted(changed: Spec) -> Versions:
        nonlocal left
        if left == 0:
            raise _SpentError
        left -= 1
        return await solve(changed)

    lines = [reason for reason in _lines(error) if _stands_in(spec, reason)]
    for together in (1, 2):
        trials: list[_Trial] = []
        with suppress(_SpentError):
            for place, chosen in enumerate(combinations(lines, together)):
                trial = await _loosen(spec, chosen, counted)
                if trial is not None:
                    trials.append(_Trial(trial.fix, (*trial.size, place)))
        if trials:
            return tuple(trial.fix for trial in sorted(trials, key=lambda trial: trial.size)[:MOST_FIXES])
    return ()


def _stands_in(spec: Spec, reason: Reason) -> bool:
    """Say whether a line is one of the spec: an option of the command line is not."""
    return any(
        (line.origin, line.text) == (reason.origin, reason.text) for line in (*spec.requirements, *spec.constraints)
    )


def edited(spec: Spec, edits: Iterable[Edit]) -> Spec:
    """Return the spec as it would be loaded after the edits."""
    for edit in edits:
        spec = replace(
            spec,
            requirements=_edited(spec.requirements, edit),
            constraints=_edited(spec.constraints, edit),
            overrides=_edited(spec.overrides, edit),
        )
    return spec


def _edited(requirements: tuple[SpecRequirement, ...], edit: Edit) -> tuple[SpecRequirement, ...]:
    return tuple(
        replace(requirement, text=edit.new) if _is(requirement, edit) and edit.new is not None else requirement
        for requirement in requirements
        if not (_is(requirement, edit) and edit.new is None)
    )


def _is(requirement: SpecRequirement, edit: Edit) -> bool:
    return requirement.origin == edit.origin and requirement.text == edit.old


def _lines(error: NoSolutionError) -> list[Reason]:
    """Return the lines of the spec in a conflict that have something to loosen."""
    return [
        reason
        for reason in error.conflict
        if reason.kind in {"requirement", "constraint"}
        and reason.origin is not None
        and reason.text is not None
        and (reason.kind == "constraint" or _parse(reason.text).specifier)
    ]


def _parse(text: str) -> Requirement:
    from packaging.requirements import Requirement

    return Requirement(text)


async def _loosen(spec: Spec, reasons: Sequence[Reason], solve: Solve) -> _Trial | None:
    """Loosen some lines altogether, see what comes of it, and write that down as narrowly as it can be."""
    free = [_edit(reason, _with_specifier(reason.text or "", "")) for reason in reasons]
    try:
        versions = await solve(edited(spec, free))
    except NoSolutionError:
        return None
    edits = [_edit(reason, _narrowed(reason, versions)) for reason in reasons]
    try:
        versions = await solve(edited(spec, edits))
    except NoSolutionError:
        return None
    return _Trial(
        Fix(
            title=" and ".join(_title(edit, reason) for edit, reason in zip(edits, reasons, strict=True)),
            outcome=_outcome(spec, reasons, versions),
            edits=tuple(edits),
        ),
        _size(reasons, versions),
    )


def _edit(reason: Reason, new: str | None) -> Edit:
    if reason.origin is None or reason.text is None:
        raise ValueError(reason)
    return Edit(origin=reason.origin, old=reason.text, new=None if reason.kind == "constraint" and new is None else new)


def _with_specifier(text: str, specifier: str) -> str:
    """Return the requirement with another specifier; extras and marker stay."""
    requirement = _parse(text)
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    marker = f"; {requirement.marker}" if requirement.marker else ""
    return f"{requirement.name}{extras}{specifier}{marker}"


def _narrowed(reason: Reason, versions: Versions) -> str | None:
    """Return the line as it has to be for the version found; None if a constraint is best dropped.

    A pin stays a pin. A range is opened on the side on which the version lies.
    """
    from packaging.version import Version

    version = versions.get(reason.project)
    if version is None:
        return None
    text = reason.text or ""
    # A pin of a local version (1.12.1+cu116) would bind the line to one index: the public version says what is meant.
    public = Version(version).public
    specifiers = list(_parse(text).specifier)
    if any(specifier.operator in {"==", "===", "~="} for specifier in specifiers):
        return _with_specifier(text, f"=={public}")
    kept = [str(specifier) for specifier in specifiers if specifier.contains(version, prereleases=True)]
    lower = [specifier for specifier in specifiers if specifier.operator in {">", ">="}]
    broken_below = any(not specifier.contains(version, prereleases=True) for specifier in lower)
    opened = f">={public}" if broken_below else f"<={public}"
    return _with_specifier(text, ",".join(sorted([*kept, opened])))


def _title(edit: Edit, reason: Reason) -> str:
    if edit.new is None:
        return f"{edit.origin}: drop the constraint {edit.old}"
    what = "constraint " if reason.kind == "constraint" else ""
    return f"{edit.origin}: {what}{edit.new} instead of {edit.old}"


def _outcome(spec: Spec, reasons: Sequence[Reason], versions: Versions) -> str:
    """Say what became of the projects that the conflict and the spec's own lines speak of."""
    names = dict.fromkeys(reason.project for reason in reasons)
    names |= dict.fromkeys(normalize_name(_parse(requirement.text).name) for requirement in spec.requirements)
    shown = [f"{name} {versions[name]}" for name in names if name in versions]
    return ", ".join(shown[:6]) + (", …" if len(shown) > 6 else "")


def _size(reasons: Sequence[Reason], versions: Versions) -> tuple[int, ...]:
    """Return how far the versions move: by the first part of the version that changes, and how far it does."""
    from packaging.version import Version

    worst = (0, 0)
    for reason in reasons:
        version = versions.get(reason.project)
        if version is None:
            worst = max(worst, (9, 0))
            continue
        release = Version(version).release
        for specifier in _parse(reason.text or "").specifier:
            asked = Version(specifier.version.removesuffix(".*")).release
            for part, (old, new) in enumerate(zip(asked, release, strict=False)):
                if old != new:
                    worst = max(worst, (8 - part, abs(old - new)))
                    break
    return worst

"""Solving a spec that was changed a little, in the circumstances of the one that the user wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from envsolver.app.knowledge import load_knowledge
from envsolver.app.solving import resolve_environment
from envsolver.model.errors import EnvsolverError, NoSolutionError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from envsolver.app.knowledge import Knowledge
    from envsolver.app.project import Project
    from envsolver.app.timing import Stopwatch
    from envsolver.lock.model import Lock
    from envsolver.model.candidate import Name
    from envsolver.model.ports import Progress
    from envsolver.model.spec import Spec, SpecRequirement
    from envsolver.sources.open import Session

__all__ = ["Circumstances", "Trials"]


class Circumstances(TypedDict):
    """What a solve depends on beside the spec, as :func:`resolve_environment` has it."""

    project_root: Path
    session: Session
    keep: Lock | None
    moving: frozenset[Name]
    extra_constraints: Sequence[SpecRequirement]
    stopwatch: Stopwatch
    knowledge: Knowledge


class Trials:
    """Solves changed specs, one call each."""

    def __init__(self, project: Project, spec: Spec, circumstances: Circumstances, progress: Progress) -> None:
        self._project = project
        self._ignored = spec.ignored_rules
        self._circumstances = circumstances
        self._progress = _Hushed(progress)
        self._made = 0

    async def __call__(self, changed: Spec, lowest: frozenset[Name] = frozenset(), /) -> Mapping[Name, str]:
        """Return the versions of a solution; where platforms differ, those of the first.

        Raises:
            NoSolutionError: there is none.
            UntriedError: it cannot be found out.
        """
        self._made += 1
        self._progress.told(f"attempt {self._made}")
        circumstances = self._circumstances.copy()
        # Where the old lock is does not matter then: the nearest version to what the spec asks for is wanted.
        circumstances["moving"] |= lowest
        try:
            if changed.ignored_rules != self._ignored:
                circumstances["knowledge"] = load_knowledge(self._project, changed)
            solutions = await resolve_environment(
                changed, progress=self._progress, digests=False, builds=False, lowest=lowest, **circumstances
            )
        except NoSolutionError:
            raise
        except EnvsolverError as error:  # it needs a build, or offline what the cache has not
            from envsolver.app.fixing import UntriedError

            raise UntriedError(str(error)) from error
        versions: dict[Name, str] = {}
        for resolution in solutions.values():
            versions = {package.name: package.version for package in resolution.packages} | versions
        return versions


class _Hushed:
    """Keeps to itself what a trial has to say, but how far it has got."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._trial = ""

    def told(self, trial: str) -> None:
        """Begin a trial."""
        self._trial = trial
        self._progress.update(trial)

    def stage(self, name: str) -> None:
        """Ignore it: the stage is the search."""

    def update(self, text: str) -> None:
        """Pass it on."""
        self._progress.update(f"{self._trial}, {text}")

    def note(self, text: str) -> None:
        """Ignore it: it is about a spec that nobody wrote."""

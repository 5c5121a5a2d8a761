"""Upgrades that get rid of known flaws: the smallest ones, each solved to the end before it is told.

For each package the nearest window of versions that no advisory is about is tried first, and of it the lowest version
with which everything else goes; all other packages stay where they are if they can. Where the spec stands in the way,
the smallest change of it is looked for, as ``lock`` does. In the end all upgrades are solved together, as one command.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envsolver.app.fixing import UntriedError, find_fixes
from envsolver.app.knowledge import load_knowledge
from envsolver.app.lockfile import read_lock
from envsolver.app.timing import Stopwatch
from envsolver.app.trials import Circumstances, Trials
from envsolver.catalog.audit import Component, Vulnerability, vulnerabilities, windows_of
from envsolver.catalog.ranges import public_version
from envsolver.model.candidate import CONDA_PREFIX, Name, is_conda
from envsolver.model.errors import NoSolutionError
from envsolver.model.origin import Origin
from envsolver.model.spec import SpecRequirement
from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from envsolver.app.project import Environment, Project
    from envsolver.catalog.ranges import Window
    from envsolver.model.advisory import AdvisorySource
    from envsolver.model.fix import Fix
    from envsolver.model.ports import Progress
    from envsolver.model.spec import Spec
    from envsolver.sources.open import Session

__all__ = ["Patch", "Patches", "Patching", "Together", "Vulnerability"]

_ORIGIN = "the advisories on it"
_MOST_SOLVES = 12
"""So often a changed spec is solved for one package."""
_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """What gets rid of the flaws of one package.

    Attributes:
        package: its name in the lock.
        resolves: ids of the advisories.
        version: that it gets, without local part; None if there is no way.
        command: that makes it so, where the spec allows it.
        change: of the spec, where it does not.
        outcome: what moves then, in words.
        why_not: why there is no way; empty if there is one.
    """

    package: str
    resolves: tuple[str, ...]
    version: str | None = None
    command: str | None = None
    change: str | None = None
    outcome: str = ""
    why_not: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Together:
    """All upgrades that need no change of the spec, solved as one.

    Attributes:
        command: that makes them.
        outcome: what moves, in words.
        left: what then still has a known flaw: ``name version (ids)``.
    """

    command: str
    outcome: str
    left: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Patches:
    """What was found for an environment; ``together`` is None where there is nothing to put together."""

    each: tuple[Patch, ...]
    together: Together | None = None


class Patching:
    """Looks for upgrades of one environment.

    Args:
        project: of the environment.
        environment: whose lock is to be mended.
        spec: of it.
        session: to ask the indexes with.
        progress: is told how far it has got.

    Raises:
        EnvsolverError: lock or rules cannot be read.
    """

    def __init__(
        self, project: Project, environment: Environment, spec: Spec, session: Session, progress: Progress
    ) -> None:
        self._project = project
        self._name = environment.name
        self._spec = spec
        self._progress = progress
        lock = read_lock(project, environment)
        self._versions: Mapping[Name, str] = {package.name: package.version for package in reversed(lock.packages)}
        self._circumstances = Circumstances(
            project_root=project.root,
            session=session,
            keep=lock,
            moving=frozenset(),
            extra_constraints=(),
            stopwatch=Stopwatch(),
            knowledge=load_knowledge(project, spec),
        )

    async def patches(
        self, found: Sequence[Vulnerability], source: AdvisorySource, accepted: Mapping[str, str]
    ) -> Patches:
        """Return an upgrade for each package that has flaws, and all of them together.

        Args:
            found: the flaws to get rid of.
            source: says what is known of the versions that come of it.
            accepted: id of an advisory → why the spec accepts it today.

        Raises:
            EnvsolverError: an index does not answer, or the advisories cannot be had.
        """
        by_package: dict[Name, list[Vulnerability]] = {}
        for one in found:
            by_package.setdefault(one.component.name, []).append(one)
        each = [await self._patch(name, flaws) for name, flaws in by_package.items()]
        wanted = {Name(one.package): one.version for one in each if one.command is not None and one.version}
        return Patches(each=tuple(each), together=await self._together(wanted, source, accepted))

    async def _patch(self, name: Name, flaws: Sequence[Vulnerability]) -> Patch:
        """Return what gets rid of all flaws of a package, or else at least of the worst one."""
        if is_conda(name):
            nearest = windows_of(flaws)
            known = f": {name.removeprefix(CONDA_PREFIX)} {nearest[0].specifier} has it no more" if nearest else ""
            why_not = f"packages of conda are moved in the spec, by hand{known}"
            return Patch(package=name, resolves=_ids(flaws), why_not=why_not)
        patch = await self._without(name, flaws)
        if patch.why_not and len(flaws) > 1:
            less = await self._without(name, flaws[:1])
            return patch if less.why_not else less
        return patch

    async def _without(self, name: Name, flaws: Sequence[Vulnerability]) -> Patch:
        windows = windows_of(flaws)
        refusal: tuple[NoSolutionError, Window] | None = None
        for window in windows:
            try:
                versions = await self._trials([f"{name}{window.specifier}"], {name})(self._spec, frozenset({name}))
            except UntriedError as error:
                return Patch(package=name, resolves=_ids(flaws), why_not=f"it could not be tried: {error}")
            except NoSolutionError as error:
                refusal = refusal or (error, window)
                continue
            if name in versions:
                version = _public(versions[name])
                return Patch(
                    package=name,
                    resolves=_ids(flaws),
                    version=version,
                    command=self._command({name: version}),
                    outcome=self._moves(versions),
                )
        if not windows:
            return Patch(package=name, resolves=_ids(flaws), why_not="no version is known that has none of them")
        fix = await self._changed_spec(name, *refusal) if refusal is not None else None
        if fix is None:
            return Patch(
                package=name, resolves=_ids(flaws), why_not=f"nothing resolves with {name}{windows[0].specifier}"
            )
        return Patch(package=name, resolves=_ids(flaws), change=fix.title, outcome=fix.outcome)

    async def _changed_spec(self, name: Name, error: NoSolutionError, window: Window) -> Fix | None:
        """Return the smallest change of the spec with which a package is in a window."""
        from envsolver.app.frozenfiles import frozen_files
        from envsolver.app.proposals import Hints

        trials = self._trials([f"{name}{window.specifier}"], {name})
        hints = Hints(
            symptoms=self._circumstances["knowledge"].symptoms, frozen=frozen_files(self._project, self._spec)
        )
        found = await find_fixes(self._spec, error, trials, hints=hints, most_solves=_MOST_SOLVES)
        # What gets rid of a flaw by giving up the package, or what is known of it, is no upgrade.
        return next((fix for fix in found.fixes if fix.kind in {"loosen", "move", "index", "gpu"}), None)

    async def _together(
        self, wanted: Mapping[Name, str], source: AdvisorySource, accepted: Mapping[str, str]
    ) -> Together | None:
        if not wanted:
            return None
        try:
            pins = [f"{name}=={version}" for name, version in wanted.items()]
            versions = await self._trials(pins, wanted)(self._spec)
        except NoSolutionError:
            return None
        return Together(
            command=self._command(wanted),
            outcome=self._moves(versions),
            left=await self._left(versions, source, accepted),
        )

    async def _left(
        self, versions: Mapping[Name, str], source: AdvisorySource, accepted: Mapping[str, str]
    ) -> tuple[str, ...]:
        """Return what of a solution has known flaws, beside packages of conda."""
        components = [
            Component(name=name, project=name, version=version, public=public)
            for name, version in versions.items()
            if not is_conda(name) and (public := public_version(version)) is not None
        ]
        known = await source.about({one.project: (str(one.public),) for one in components})
        left: dict[str, list[str]] = {}
        for flaw in vulnerabilities(components, known.found, accepted):
            if flaw.accepted is None:
                left.setdefault(f"{flaw.component.name} {flaw.component.version}", []).append(flaw.id)
        return tuple(f"{package} ({', '.join(ids)})" for package, ids in sorted(left.items()))

    def _trials(self, constraints: Iterable[str], moving: Iterable[Name]) -> Trials:
        circumstances = self._circumstances.copy()
        circumstances["moving"] = frozenset(moving)
        circumstances["extra_constraints"] = [
            SpecRequirement(text=text, origin=Origin(_ORIGIN)) for text in constraints
        ]
        return Trials(self._project, self._spec, circumstances, self._progress)

    def _command(self, wanted: Mapping[Name, str]) -> str:
        moves = " ".join(f"--upgrade-package {name}=={version}" for name, version in sorted(wanted.items()))
        return f"envsolver lock {self._name} {moves}"

    def _moves(self, versions: Mapping[Name, str]) -> str:
        old = self._versions
        moved = [f"{name} {old[name]} to {new}" for name, new in versions.items() if old.get(name, new) != new]
        come = [f"{name} {new} comes" for name, new in versions.items() if name not in old]
        gone = [f"{name} goes" for name in old if name not in versions]
        texts = [*sorted(moved), *sorted(come), *sorted(gone)]
        more = len(texts) - _SHOWN
        return ", ".join(texts[:_SHOWN]) + (f" and {more} more" if more > 0 else "") or "the same versions"


def _ids(flaws: Sequence[Vulnerability]) -> tuple[str, ...]:
    return tuple(one.id for one in flaws)


def _public(version: str) -> str:
    public = public_version(version)
    return version if public is None else str(public)

"""What of a lock advisories are about, and what they cannot be about."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, get_args

from envsolver.catalog.ranges import affects, public_version, unaffected_above
from envsolver.knowledge.conda import project_of
from envsolver.model.advisory import Level
from envsolver.model.candidate import CONDA_PREFIX, is_conda
from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

    from packaging.version import Version

    from envsolver.catalog.ranges import Window
    from envsolver.lock.model import Lock, LockedPackage
    from envsolver.model.advisory import Advisory, Affected
    from envsolver.model.candidate import Name

__all__ = ["Component", "Inventory", "Uncovered", "Vulnerability", "inventory", "vulnerabilities", "windows_of"]

_CONDA_PYTHON = frozenset({"conda:python", "conda:python_abi"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """A package of a lock that advisories may be about.

    Attributes:
        name: in the lock.
        project: under which advisories have it.
        version: in the lock, local part included.
        public: without the local part.
        targets: names of the targets that have it; empty for all.
        builds: the source archives (``horovod 0.28.1``) that are built with it, of a package that nothing installs.
    """

    name: Name
    project: Name
    version: str
    public: Version
    targets: tuple[str, ...] = ()
    builds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncovered:
    """A package of a lock that no advisory can be matched with, and why."""

    name: str
    version: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """The packages of a lock, in the lock's order.

    Attributes:
        components: what is installed.
        uncovered: what no advisory can be matched with.
        builders: what source archives are built with, beyond what is installed in the same version; sorted.
    """

    components: tuple[Component, ...]
    uncovered: tuple[Uncovered, ...] = ()
    builders: tuple[Component, ...] = ()

    def asked(self) -> Mapping[Name, tuple[str, ...]]:
        """Return the public versions by project."""
        found: dict[Name, set[str]] = {}
        for one in (*self.components, *self.builders):
            found.setdefault(one.project, set()).add(str(one.public))
        return {project: tuple(sorted(versions)) for project, versions in sorted(found.items())}


@dataclass(frozen=True, slots=True, kw_only=True)
class Vulnerability:
    """One flaw of one package of a lock.

    Attributes:
        component: that has it.
        id: of the advisory that says most.
        aliases: all other names of the flaw, sorted.
        summary: one line; may be empty.
        level: the worst that an advisory says, or None.
        published: when the first advisory was (RFC 3339), or None.
        url: to read more.
        fixed: the first versions that have it no more, lowest first; empty if none is known.
        entries: what the advisories say of the project.
        accepted: the reason for which the spec accepts it, or None.
    """

    component: Component
    id: str
    aliases: tuple[str, ...]
    summary: str
    level: Level | None
    published: str | None
    url: str
    fixed: tuple[str, ...]
    entries: tuple[Affected, ...] = field(repr=False)
    accepted: str | None = None

    @property
    def names(self) -> frozenset[str]:
        """All names of the flaw."""
        return frozenset((self.id, *self.aliases))


def inventory(lock: Lock, conda_names: Mapping[str, str]) -> Inventory:
    """Return what of a lock can be matched with advisories.

    Args:
        lock: of the environment.
        conda_names: package of conda → project, as the spec has it.
    """
    components, uncovered = [], []
    for package in lock.packages:
        shown = package.name.removeprefix(CONDA_PREFIX)
        project = _project(package, conda_names)
        public = public_version(package.version)
        if project is None or public is None:
            reason = "a package of conda without a Python project" if project is None else "no version that PEP 440 has"
            uncovered.append(Uncovered(name=shown, version=package.version, reason=reason))
        else:
            components.append(
                Component(
                    name=package.name,
                    project=project,
                    version=package.version,
                    public=public,
                    targets=package.targets,
                )
            )
    return Inventory(
        components=tuple(components),
        uncovered=tuple(uncovered),
        builders=_builders(lock, {(one.project, one.version) for one in components}),
    )


def _builders(lock: Lock, installed: Container[tuple[Name, str]]) -> tuple[Component, ...]:
    found: dict[tuple[Name, str], dict[str, None]] = {}
    for build in lock.builds:
        for file in build.files:
            if (file.name, file.version) not in installed:
                found.setdefault((file.name, file.version), {})[f"{build.name} {build.version}"] = None
    return tuple(
        Component(name=name, project=name, version=version, public=public, builds=tuple(archives))
        for (name, version), archives in sorted(found.items())
        if (public := public_version(version)) is not None
    )


def _project(package: LockedPackage, conda_names: Mapping[str, str]) -> Name | None:
    if not is_conda(package.name):
        return package.name
    plain = package.name.removeprefix(CONDA_PREFIX)
    # A library in C has no advisories in the Python ecosystem, though a project may have its name.
    if plain not in conda_names and not any(edge.name in _CONDA_PYTHON for edge in package.dependencies):
        return None
    return project_of(plain, conda_names)


def vulnerabilities(
    components: Iterable[Component], advisories: Iterable[Advisory], accepted: Mapping[str, str]
) -> tuple[Vulnerability, ...]:
    """Return what advisories say about packages, each flaw once, the worst first and what is accepted last.

    Args:
        components: of a lock.
        advisories: the withdrawn ones are left out already.
        accepted: id or alias of an advisory → why the spec accepts it.
    """
    by_project: dict[Name, list[Advisory]] = {}
    for advisory in advisories:
        for project in {entry.project for entry in advisory.affected}:
            by_project.setdefault(project, []).append(advisory)
    found = [
        vulnerability
        for component in components
        for vulnerability in _of_component(component, by_project.get(component.project, ()), accepted)
    ]
    levels: tuple[Level | None, ...] = (*get_args(Level), None)
    return tuple(
        sorted(
            found,
            key=lambda one: (one.accepted is not None, levels.index(one.level), one.component.name, one.id),
        )
    )


def _of_component(
    component: Component, advisories: Iterable[Advisory], accepted: Mapping[str, str]
) -> Iterator[Vulnerability]:
    hits: list[tuple[Advisory, tuple[Affected, ...]]] = []
    for advisory in advisories:
        entries = tuple(entry for entry in advisory.affected if entry.project == component.project)
        if any(affects(entry, component.public) for entry in entries):
            hits.append((advisory, entries))
    for flaw in _flaws(hits):
        first = min((advisory for advisory, _ in flaw), key=_says_most)
        names = {name for advisory, _ in flaw for name in advisory.names}
        entries = tuple(entry for _, some in flaw for entry in some)
        levels = [advisory.level for advisory, _ in flaw if advisory.level is not None]
        dates = sorted(advisory.published for advisory, _ in flaw if advisory.published is not None)
        windows = unaffected_above(entries, component.public)
        yield Vulnerability(
            component=component,
            id=first.id,
            aliases=tuple(sorted(names - {first.id})),
            summary=first.summary,
            level=min(levels, key=get_args(Level).index, default=None),
            published=dates[0] if dates else None,
            url=first.url,
            fixed=tuple(window.first for window in windows if window.inclusive),
            entries=entries,
            accepted=next((accepted[name] for name in sorted(names) if name in accepted), None),
        )


def _flaws(
    hits: Iterable[tuple[Advisory, tuple[Affected, ...]]],
) -> list[list[tuple[Advisory, tuple[Affected, ...]]]]:
    """Put the advisories together that speak of one flaw: those that share a name, over any number of steps."""
    flaws: list[tuple[set[str], list[tuple[Advisory, tuple[Affected, ...]]]]] = []
    for hit in hits:
        names = set(hit[0].names)
        same = [flaw for flaw in flaws if flaw[0] & names]
        joined = [one for flaw in same for one in flaw[1]]
        flaws = [flaw for flaw in flaws if flaw not in same]
        flaws.append((names.union(*(flaw[0] for flaw in same)), [*joined, hit]))
    return [members for _, members in flaws]


def _says_most(advisory: Advisory) -> tuple[bool, bool, str]:
    # Those of GitHub are reviewed, with a title and a level; PyPA's often have neither.
    return advisory.level is None, not advisory.id.startswith("GHSA-"), advisory.id


def windows_of(found: Sequence[Vulnerability]) -> tuple[Window, ...]:
    """Return the versions above the locked one that have none of some flaws, all of one package; nearest first."""
    entries = [entry for one in found for entry in one.entries]
    return unaffected_above(entries, found[0].component.public)

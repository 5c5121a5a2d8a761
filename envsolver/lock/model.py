"""The values of a lock: what is installed where, from which bytes, and who asked for it.

Every tuple is in canonical order (see :func:`envsolver.lock.build.build_lock`), so two locks with one meaning are equal
and print the same text.

One dimension decides what differs inside a lock: its *targets*. A target is a platform or, where the spec has groups
that exclude each other, a platform together with the groups that were chosen from them. Wherever a value has
``targets``, the empty tuple means "all targets of what encloses it".
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Literal

from envsolver.model.candidate import DEFAULT_INDEX, DIRECT_INDEX, Name, conda_name, is_conda, normalize_name
from envsolver.model.errors import UsageError
from envsolver.model.spec import BASE_GROUP
from envsolver.model.target import Target
from envsolver.model.values import dataclass
from envsolver.model.wording import did_you_mean, there_are

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from networkx import DiGraph

    import envsolver
    from envsolver.lock.knowledge import LockedBound, LockedRule
    from envsolver.model.candidate import CondaFacts, FileKind

__all__ = [
    "BASE_GROUP",
    "DEFAULT_INDEX",
    "DIRECT_INDEX",
    "BuildFile",
    "Dependency",
    "Lock",
    "LockedBase",
    "LockedBuild",
    "LockedFile",
    "LockedIndex",
    "LockedPackage",
    "LockedRoot",
    "LockedTarget",
    "LockedTree",
    "MetadataClaim",
    "Pin",
]

MetadataClaim = Literal["seen", "claimed", "recorded", "built"]
"""How well the requirements of a file are known.

``seen``: they were read out of the file, or stand beside it on the index. ``claimed``: an sdist says so, which is what
its author's machine computed. ``recorded``: a frozen index says so. ``built``: its build backend was run.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedTarget:
    """One platform (and choice of exclusive groups) that was solved.

    Attributes:
        platform: such as ``linux-64``.
        glibc: lowest glibc of the nodes (linux only), ``2.31``.
        macos: lowest macOS of the nodes (osx only), ``11.0``.
        choice: the exclusive groups that this solution serves, sorted.
    """

    platform: str
    glibc: str | None = None
    macos: str | None = None
    choice: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The platform, with ``:GROUP`` (``:GROUP+GROUP``) behind it where groups exclude each other."""
        return f"{self.platform}:{'+'.join(self.choice)}" if self.choice else self.platform

    def to_target(self, python: str) -> Target:
        """Return the target with its markers and wheel tags. ``python`` is the full version."""
        return Target(platform=self.platform, python=python, glibc=self.glibc, macos=self.macos)


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedIndex:
    """An index that the spec names and that some file came from. The default index has no entry: the reader has one."""

    alias: str
    url: str
    kind: Literal["simple", "find-links", "conda"] = "simple"


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedRoot:
    """A requirement of the spec.

    Attributes:
        name: canonical name of the project.
        text: the PEP 508 requirement as written, without credentials.
        extras: canonical, sorted.
        group: the group it stands in; :data:`BASE_GROUP` for the base.
        spec: the spec file that it was written in, relative to the project.
        targets: where its marker holds.
        project: the project that it asks for, where a package of conda provides that; ``name`` is then that package.
    """

    name: Name
    text: str
    spec: str
    extras: tuple[str, ...] = ()
    group: str = BASE_GROUP
    targets: tuple[str, ...] = ()
    project: Name | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedFile:
    """One artefact.

    Attributes:
        index: alias of the index, :data:`DEFAULT_INDEX` or :data:`DIRECT_INDEX`.
        filename: a plain file name; empty for a VCS checkout.
        sha256: lower-case hex; None only for a VCS checkout, whose identity is the commit, and for a package of conda
            whose channel gives an md5 alone.
        size: bytes, or None where the index does not say.
        uploaded: RFC 3339 UTC instant with seconds, or None. A hint: mirrors differ in it.
        path: path of its URL on the index's host, percent-encoded, or None. A hint that spares reading index pages.
        url: of a direct reference, without credentials; None for files of an index.
        commit: of a VCS checkout.
        provenance: ``seen``, or how a frozen index came to know of the file.
        requirements: how well its requirements are known.
        targets: those of the package's targets that it serves.
        md5: of a package of conda, where its channel says so; older tools ask for it.
        subdir: of a package of conda: the part of the channel that it lies in.
        conda: what else its record says; None if that is nothing, or if the lock is of before it was kept.
    """

    index: str
    filename: str
    sha256: str | None
    size: int | None = None
    uploaded: str | None = None
    path: str | None = None
    url: str | None = None
    commit: str | None = None
    provenance: str = "seen"
    requirements: MetadataClaim = "seen"
    targets: tuple[str, ...] = ()
    md5: str | None = None
    subdir: str | None = None
    conda: CondaFacts | None = None

    @property
    def kind(self) -> FileKind:
        """``wheel``, ``conda``, or ``sdist`` for whatever has to be built."""
        if self.subdir is not None:
            return "conda"
        return "wheel" if self.filename.endswith(".whl") else "sdist"

    @property
    def reference(self) -> str | None:
        """The URL of a direct reference as pip takes it, pinned to the commit; None for files of an index."""
        if self.url is None or self.commit is None:
            return self.url
        repository, mark, fragment = self.url.partition("#")
        return f"{repository}@{self.commit}{mark}{fragment}"

    def hinted_url(self, base: str) -> str | None:
        """Return where the file probably lies on the host of ``base``, or None if the lock does not know.

        Only the host of ``base`` counts, so the answer never leaves the index that the reader configured.
        """
        if self.path is None:
            return None
        from urllib.parse import urlsplit

        parts = urlsplit(base)
        return f"{parts.scheme}://{parts.netloc}{self.path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependency:
    """A requirement of a package on another one of the lock.

    Attributes:
        name: canonical name of the package required.
        extras: requested of it, sorted.
        specifier: as it was applied; empty for any version.
        marker: under which it was declared, without ``extra``; None for always.
        extra: the extra of the requiring package that brings it, or None.
        declared: the specifier that an override of the spec or a rule replaced, or None.
        rule: the id of the rule that brought or replaced it, or None.
        project: the project that is required, where a package of conda provides it; ``name`` is that package.
        targets: those of the package's targets on which it applies.
    """

    name: Name
    extras: tuple[str, ...] = ()
    specifier: str = ""
    marker: str | None = None
    extra: str | None = None
    declared: str | None = None
    rule: str | None = None
    project: Name | None = None
    targets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedPackage:
    """One version of one project.

    Attributes:
        name: canonical name.
        version: PEP 440 normal form, local part included.
        extras: those that somebody requests of it somewhere, sorted.
        groups: the groups that bring it where the base does not, sorted; empty if the base brings it everywhere.
        targets: the lock's targets that have it.
        dependencies: its edges in the graph, sorted.
        files: one for each target, equal ones once.
    """

    name: Name
    version: str
    files: tuple[LockedFile, ...]
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    dependencies: tuple[Dependency, ...] = ()

    def on(self, target: str) -> bool:
        """Whether the target has this version."""
        return not self.targets or target in self.targets

    def file(self, target: str) -> LockedFile:
        """Return the file that serves a target that has this version."""
        return next(file for file in self.files if not file.targets or target in file.targets)

    def edges(self, target: str) -> Iterator[Dependency]:
        """Yield the dependencies that apply on a target, whatever extras are wanted."""
        return (edge for edge in self.dependencies if not edge.targets or target in edge.targets)


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildFile:
    """A package of a build environment, with its file. One that is a source archive has a build of its own."""

    name: Name
    version: str
    file: LockedFile


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedBuild:
    """How a source archive becomes a wheel on a platform, and which wheel it must become.

    Attributes:
        name: of the project.
        version: PEP 440 normal form.
        source: sha256 of the archive.
        platform: that the wheel is built on.
        requires: what the archive and its backend ask for (PEP 508), sorted.
        files: the packages of the build environment, sorted by name; the whole of them.
        wheel: file name of the wheel; empty before the first build.
        sha256: of the wheel; empty likewise.
        tools: compiler and C library, where the wheel is not pure; a hint why another machine makes another wheel.
        beside: packages of the environment (``torch==1.13.1``) that were to be among ``files``, sorted.
        environment: variables of the build, ``NAME=value``, sorted; ``{env}`` stands for the build environment.
        path: folders in which tools are looked for first.
        needs: programs that must be found, sorted.
    """

    name: Name
    version: str
    source: str
    platform: str
    wheel: str
    sha256: str
    requires: tuple[str, ...] = ()
    files: tuple[BuildFile, ...] = ()
    tools: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    path: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()

    @property
    def is_built(self) -> bool:
        """Whether the lock says which wheel comes of it; else it says what it is built with, and no more."""
        return bool(self.sha256)


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedBase:
    """An environment that the spec builds on top of, as it was when the lock was made.

    Attributes:
        name: of the environment.
        digest: ``sha256:…`` of what its lock installed.
        frozen: whether its versions had to stay.
    """

    name: str
    digest: str
    frozen: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedTree:
    """The digest of an environment that was built, which every further build has to yield.

    Attributes:
        target: name of the target that it is of.
        digest: ``sha256:…`` of its files.
        groups: those installed beside the base, sorted.
        bytecode: whether modules are compiled in it.
    """

    target: str
    digest: str
    groups: tuple[str, ...] = ()
    bytecode: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One line of an installation: the package, the file for the target, the extras that are active."""

    package: LockedPackage
    file: LockedFile
    extras: tuple[str, ...]

    @property
    def requirement(self) -> str:
        """``name==version``, or ``name @ url`` for a direct reference."""
        if (reference := self.file.reference) is not None:
            return f"{self.package.name} @ {reference}"
        return f"{self.package.name}=={self.package.version}"


@dataclass(frozen=True, kw_only=True)
class Lock:
    """A lock: one solution for each target, with the bytes of every package and the graph between them.

    Attributes:
        name: of the environment.
        inputs_digest: digest of what the spec says; equal digests mean that nothing has to be solved.
        python: full version for which the markers were evaluated.
        targets: sorted by platform, then in the order in which the spec declares exclusive groups.
        groups: names of all groups beside the base, sorted.
        exclusive: sets of groups of which at most one can be installed, as declared.
        roots: requirements of the spec, sorted by group, name and text.
        indexes: sorted by alias; the default index has no entry unless the spec names its URL.
        packages: sorted by name and version.
        knowledge: version of the knowledge that the rules came from, or None.
        bounds: implied bounds that hold something back or gave way, sorted.
        rules: those that took part and those that the spec ignores, sorted by id.
        builds: of source archives, sorted by name, version and platform.
        trees: digests of environments that were built, sorted; at most one for each way to build.
        bases: the environments that it builds on top of and that have a lock, sorted by name.
    """

    name: str
    inputs_digest: str
    python: str
    targets: tuple[LockedTarget, ...]
    roots: tuple[LockedRoot, ...]
    packages: tuple[LockedPackage, ...]
    groups: tuple[str, ...] = ()
    exclusive: tuple[tuple[str, ...], ...] = ()
    indexes: tuple[LockedIndex, ...] = ()
    knowledge: str | None = None
    bounds: tuple[LockedBound, ...] = ()
    rules: tuple[LockedRule, ...] = ()
    builds: tuple[LockedBuild, ...] = ()
    trees: tuple[LockedTree, ...] = ()
    bases: tuple[LockedBase, ...] = ()

    @property
    def platforms(self) -> tuple[str, ...]:
        """The platforms it holds for, sorted."""
        return tuple(dict.fromkeys(target.platform for target in self.targets))

    @cached_property
    def _by_target(self) -> Mapping[str, Mapping[Name, LockedPackage]]:
        return {
            target.name: {package.name: package for package in self.packages if package.on(target.name)}
            for target in self.targets
        }

    def packages_on(self, target: str) -> Mapping[Name, LockedPackage]:
        """Return the packages of one target (its *name*) by project name, whatever groups bring them."""
        return self._by_target[target]

    def versions(self, name: str) -> tuple[LockedPackage, ...]:
        """Return the packages of a project, empty if there is none. Any spelling of the name will do (PEP 503)."""
        wanted = self.known_as(name)
        return tuple(package for package in self.packages if package.name == wanted)

    def known_as(self, name: str) -> Name:
        """Return the name under which the lock has what a user calls like this.

        That is a project in any spelling, else a package of conda with or without ``conda:`` before it, else the
        package of conda that provides the project. If the lock has none of them, it is the canonical name of a project.
        """
        project = normalize_name(name)
        names = {package.name for package in self.packages}
        spelled = (project, Name(name.lower()), conda_name(name.lower()), *self._providers.get(project, ()))
        return next((one for one in spelled if one in names), project)

    @cached_property
    def _providers(self) -> Mapping[Name, tuple[Name, ...]]:
        return {
            edge.project: (edge.name,)
            for package in self.packages
            for edge in package.dependencies
            if edge.project is not None
        }

    def package(self, name: str, platform: str | None = None, groups: Iterable[str] = ()) -> LockedPackage:
        """Return one package.

        Args:
            name: of the project, in any spelling.
            platform: may be left out if the lock has one platform only.
            groups: decides between solutions where groups exclude each other.

        Raises:
            UsageError: there is no such package, platform or group.
        """
        found = self._by_target[self.target(platform, groups).name].get(self.known_as(name))
        if found is None:
            known = {package.name for package in self.packages}
            raise UsageError(f"the lock of {self.name} has no package {name!r}", hint=_nearest(name, known))
        return found

    def target(self, platform: str | None = None, groups: Iterable[str] = ()) -> LockedTarget:
        """Return the target that serves a platform with the groups wanted.

        Raises:
            UsageError: the platform or a group is not in the lock, groups exclude each other, or ``platform`` was left
                out and the lock has several.
        """
        wanted = self.check_groups(groups)
        if platform is None:
            if len(self.platforms) != 1:
                raise UsageError(
                    f"the lock of {self.name} holds for several platforms",
                    hint=f"name one of {_listed(self.platforms)}",
                )
            platform = self.platforms[0]
        candidates = [target for target in self.targets if target.platform == platform]
        if not candidates:
            raise UsageError(
                f"the lock of {self.name} does not hold for platform {platform!r}",
                hint=f"it holds for {_listed(self.platforms)}",
            )
        # A group that brings nothing on this platform has no solution of its own, and where nothing is chosen from an
        # exclusive set any solution holds the base: the one that serves most and brings least besides is taken.
        return max(
            candidates,
            key=lambda target: (len(wanted.intersection(target.choice)), -len(set(target.choice) - wanted)),
        )

    def check_groups(self, groups: Iterable[str]) -> frozenset[str]:
        """Return the groups as a set.

        Raises:
            UsageError: one is unknown, or two exclude each other.
        """
        wanted = frozenset(groups) - {BASE_GROUP}
        for group in sorted(wanted.difference(self.groups)):
            raise UsageError(f"the lock of {self.name} has no group {group!r}", hint=_nearest(group, self.groups))
        for exclusive in self.exclusive:
            clash = [group for group in exclusive if group in wanted]
            if len(clash) > 1:
                raise UsageError(
                    f"groups {_listed(clash)} of {self.name} exclude each other", hint="choose at most one of them"
                )
        return wanted

    def select(self, platform: str | None = None, groups: Iterable[str] = ()) -> tuple[Pin, ...]:
        """Return what the base and the groups wanted install on a platform beside packages of conda, sorted by name.

        Raises:
            UsageError: as :meth:`target`.
        """
        from envsolver.lock.reach import reach

        wanted = self.check_groups(groups)
        target = self.target(platform, wanted).name
        packages = self._by_target[target]
        extras = reach(self, target, wanted | {BASE_GROUP})
        return tuple(
            Pin(package=packages[name], file=packages[name].file(target), extras=tuple(sorted(extras[name])))
            for name in sorted(extras)
            if not is_conda(name)
        )

    def conda(self, target: str) -> tuple[LockedPackage, ...]:
        """Return the packages of conda of a target, sorted by name."""
        return tuple(package for name, package in self._by_target[target].items() if is_conda(name))

    def requirements(self, platform: str | None = None, groups: Iterable[str] = ()) -> tuple[str, ...]:
        """Return the pins (``name==version`` or ``name @ url``) of a platform and groups, sorted by name.

        Raises:
            UsageError: as :meth:`target`.
        """
        return tuple(pin.requirement for pin in self.select(platform, groups))

    def graph(self, platform: str | None = None, groups: Iterable[str] | None = None) -> DiGraph[Name | LockedRoot]:
        """Return who requires whom, as a graph of networkx; see :func:`envsolver.lock.graph.lock_graph`.

        Args:
            platform: may be left out if the lock has one platform only.
            groups: to take beside the base; None for all that the target holds.

        Raises:
            UsageError: as :meth:`target`.
        """
        from envsolver.lock.graph import lock_graph

        return lock_graph(self, self.target(platform, groups or ()).name, groups)

    def expectations(self, platform: str | None = None, groups: Iterable[str] = ()) -> envsolver.Expectations:
        """Return what it expects of a GPU node: driver, architectures, libraries, checks.

        The nodes that the spec names are not in the lock; :func:`envsolver.expectations` takes them from a spec.

        Raises:
            UsageError: as :meth:`target`.
        """
        import envsolver

        return envsolver.expectations(self, platform=platform, groups=groups)

    def index_url(self, alias: str) -> str | None:
        """Return the URL of an index that the spec names, or None: the reader's own configuration decides."""
        return next((index.url for index in self.indexes if index.alias == alias), None)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)


def _nearest(name: str, known: Iterable[str]) -> str | None:
    from difflib import get_close_matches

    names = sorted(known)
    if close := get_close_matches(name, names, n=3, cutoff=0.5):
        return did_you_mean(close)
    return there_are(names) if 0 < len(names) <= 10 else None

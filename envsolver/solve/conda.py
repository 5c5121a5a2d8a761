"""The packages of conda in a problem: their records as the channels have them, and what they provide of projects.

Records of conda go to the solver as they are, so that conda's own order holds among them. A project that one of them
provides gets *shims*: further versions in its table, each of which needs exactly that version of the conda package.
Each real file of the project, in turn, shuts the package out. So a requirement of a wheel can be met by conda, and no
solution has one project twice.
"""

from __future__ import annotations

import asyncio
from dataclasses import field, replace
from typing import TYPE_CHECKING, Protocol

from packaging.version import InvalidVersion, Version
from rattler import BuildString, GenericVirtualPackage, MatchSpec, PackageName
from rattler import Version as CondaVersion
from rattler.exceptions import InvalidMatchSpecError

from envsolver.knowledge.conda import conda_candidates, fits_gpu, project_of
from envsolver.model.candidate import File, Page, Release, Shape, conda_name
from envsolver.model.errors import NoSolutionError
from envsolver.model.resolution import Edge, ResolvedPackage
from envsolver.model.values import dataclass
from envsolver.solve.sat import own_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from rattler import RepoDataRecord
    from rattler.platform import SubdirLiteral

    from envsolver.model.candidate import Name
    from envsolver.model.spec import CondaSpec, GpuSpec, SpecRequirement

__all__ = [
    "CondaNeeds",
    "CondaRecords",
    "CondaWorld",
    "Shim",
    "conda_packages",
    "is_shim",
    "open_conda",
    "package_of",
    "project_version",
    "shim_of",
]

_LOCAL = "conda"
"""Local part of a shim's version. ``==1.12.1`` admits it, ``==1.12.1+cu116`` does not (PEP 440)."""

_UNUSABLE = "builds have to fit python, gpu and platform of the spec"

_SHIM_SHAPE = Shape(kind="wheel", tags="py3-none-any", requires_python="", yanked=False)


class CondaRecords(Protocol):
    """Where records come from."""

    @property
    def subdirs(self) -> tuple[SubdirLiteral, ...]:
        """The parts of a channel that serve the platform, ``noarch`` last."""
        ...

    async def load(self, names: Sequence[str]) -> Sequence[Sequence[RepoDataRecord]]:
        """Return, channel by channel, the records of some packages.

        Raises:
            NetworkError: a channel did not answer, or with something that is no repodata.
        """
        ...

    def file(self, record: RepoDataRecord) -> File:
        """Return the file of a record, as locks have it."""
        ...

    async def nearest(self, name: str) -> tuple[str, ...]:
        """Return names that some channel has and that look like this one."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CondaNeeds:
    """What a problem says of conda.

    Attributes:
        spec: requirements, priority, preferences, names.
        python: match spec for the interpreter, with the place of the line that asks for it.
        records: of the channels.
        virtual: name → version and build of the virtual packages: what the nodes offer, not this machine.
        exact: full version of the interpreter, where that is settled.
        gpu: what builds have to be for; None: any.
        as_of: seconds since 1970; records of this moment or later do not exist. None: no limit.
        keep: file names of records that stay where they can.
    """

    spec: CondaSpec
    python: SpecRequirement
    records: CondaRecords
    virtual: Mapping[str, tuple[str, str]]
    exact: str | None = None
    gpu: GpuSpec | None = None
    as_of: int | None = None
    keep: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, order=True)
class Shim:
    """A version of a project that a package of conda provides."""

    package: str
    version: str

    @property
    def spec(self) -> str:
        """The match spec of all builds of it."""
        return f"{self.package} =={self.version}"


def package_of(spec: str) -> str:
    """Return the package that a match spec names."""
    return MatchSpec(spec).name.normalized


def shim_of(package: str, version: str, names: Mapping[str, str]) -> tuple[Name, str] | None:
    """Return the project that a package provides if it holds Python code, and the version of the shim for it.

    Args:
        package: of conda.
        version: of it, as conda has it.
        names: what the user says of names.
    """
    project, parsed = project_of(package, names), project_version(version)
    candidates = conda_candidates(project, names) if project is not None else ()
    if project is None or parsed is None or package not in candidates:
        return None
    return project, _shim_version(parsed, candidates.index(package))


def _shim_version(version: str, number: int) -> str:
    """Return the version of a shim; ``number`` tells packages apart that provide one project."""
    return f"{version}+{_LOCAL}{f'.{number}' if number else ''}"


def is_shim(version: str) -> bool:
    """Say whether a version is that of a package of conda which stands among the versions of a project."""
    return version.partition("+")[2].startswith(_LOCAL)


@dataclass(slots=True)
class _Channel:
    """The records of one channel."""

    by_name: dict[tuple[str, str], list[RepoDataRecord]] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    """Packages that come from another channel: from an earlier one that has them, or from that which the spec names."""


class CondaWorld:
    """The records loaded so far that can be used, and the shims that follow from them."""

    def __init__(self, needs: CondaNeeds) -> None:
        self.needs = needs
        self.strict = needs.spec.strict
        self.channels: list[_Channel] = []
        self._served: dict[str, list[RepoDataRecord]] = {}
        self.left_out: dict[str, str] = {}
        """File name → why the record cannot be used, for those that a user should hear of."""
        self.shims: dict[tuple[Name, str], Shim] = {}
        self._provided_by: dict[Name, list[str]] = {}
        self._linked: set[str] = set()
        self._linked_projects: set[Name] = set()
        self._loading = asyncio.Lock()
        self._asked: set[str] = set()
        self._bound = _bound(one.text for one in needs.spec.requirements)
        self._seen: set[tuple[int, str, str]] = set()
        self._parsed: dict[str, str | None] = {}
        self._pythons: dict[str, bool] = {}
        self._files: dict[str, RepoDataRecord] = {}

    @property
    def subdirs(self) -> tuple[SubdirLiteral, ...]:
        """The parts of a channel that serve the platform."""
        return self.needs.records.subdirs

    @property
    def python(self) -> str:
        """The match spec for the interpreter."""
        return f"python =={self.needs.exact}" if self.needs.exact else self.needs.python.text

    def requirements(self) -> list[tuple[SpecRequirement, str]]:
        """Return what the spec asks for of conda with the match spec of each, the interpreter last."""
        asked = [(written, written.text) for written in self.needs.spec.requirements]
        return [*asked, (self.needs.python, self.python)]

    def virtual_packages(self) -> list[GenericVirtualPackage]:
        """Return what the nodes offer."""
        return [
            GenericVirtualPackage(PackageName(name), CondaVersion(version), BuildString(build))
            for name, (version, build) in sorted(self.needs.virtual.items())
        ]

    def locked(self) -> list[RepoDataRecord]:
        """Return the records that stay where they can."""
        return [self._files[name] for name in sorted(self.needs.keep) if name in self._files]

    async def open(self) -> list[str]:
        """Load what the spec asks for; return the packages of which no channel has a build that can be used."""
        await self.load(["python"])
        wanted = [package_of(text) for _, text in self.requirements()]
        await self.load(wanted)
        return [name for name in dict.fromkeys(wanted) if not any(self.records_of(name))]

    async def load(self, names: Iterable[str]) -> None:
        """Load the records of some packages, and of all that these can lead to."""
        async with self._loading:  # who asks for the same must not go on before it is there
            fresh = [name for name in dict.fromkeys(names) if name not in self._asked]
            while fresh:
                self._asked.update(fresh)
                required = self._take_in_all(await self.needs.records.load(fresh))
                fresh = sorted(required - self._asked)

    def _take_in_all(self, answers: Sequence[Sequence[RepoDataRecord]]) -> set[str]:
        """Take in records, channel by channel; return the packages that those of use require."""
        required: set[str] = set()
        for number, records in enumerate(answers):
            if number == len(self.channels):
                self.channels.append(_Channel())
            for record in records:
                if self._take_in(number, record):
                    required |= {self._named(text) or "" for text in record.depends}
        self._served.clear()
        before: set[str] = set()
        for channel, spec in zip(self.channels, self.needs.spec.channels, strict=False):
            there = {name for _, name in channel.by_name}
            channel.hidden = {name for name, urls in self._bound.items() if urls != {spec.url}}
            if self.strict:
                # By the records that can be used: what an earlier channel has for others alone hides nothing.
                channel.hidden |= (there & before) - self._bound.keys()
            before |= there
        return {name for name in required if name and not name.startswith("__")}

    async def provide(self, name: Name, page: Page | None) -> Page | None:
        """Return the page of a project with its shims; None if neither an index nor a channel has the project."""
        packages = conda_candidates(name, self.needs.spec.names)
        await self.load(packages)
        found: dict[str, tuple[Shim, int | None]] = {}
        for number, package in enumerate(packages):
            records = self.records_of(package)
            if not any(text.split(" ", 1)[0] == "python" for one in records for text in one.depends):
                # Without Python in any build it is another thing of the same name.
                continue
            listed = self._provided_by.setdefault(name, [])
            if package not in listed:
                listed.append(package)
            for record in records:
                version = project_version(str(record.version))
                if version is None:
                    continue
                moment = int(record.timestamp.timestamp()) if record.timestamp else None
                key = _shim_version(version, number)
                earlier = found.get(key)
                if earlier is None or (moment is not None and (earlier[1] is None or moment < earlier[1])):
                    found[key] = (Shim(package, str(record.version)), moment)
        self.shims |= {(name, version): shim for version, (shim, _) in found.items()}
        if not found:
            return page
        return _with_shims(page or Page(name=name, index="conda", shapes=(), releases=()), found)

    def excluded(self, name: Name) -> tuple[str, ...]:
        """Return what a real file of a project demands of the packages of conda that provide it: not to be there."""
        return tuple(f"{package} >1,<1" for package in self._provided_by.get(name, ()))

    def behind(self, name: Name) -> Callable[[str], bool]:
        """Return what says of a version that it comes after all others: that of a shim, or that of a file."""
        prefer = self.needs.spec.prefer
        conda_first = prefer.get(name, prefer.get("*", "pip")) == "conda"
        return lambda version: is_shim(version) is not conda_first

    def to_link(self, concerned: Callable[[Name], Iterable[Name]]) -> list[Name]:
        """Return the projects that rules speak of and loaded records may hold, as far as they are not linked yet.

        Where conda provides one of them, it is to be there as a project too, even if nothing of pip's requires it: what
        rules say is said of projects.

        Args:
            concerned: returns the projects of which rules say something beside a project.
        """
        held = {
            project for name in self.package_names() if (project := project_of(name, self.needs.spec.names)) is not None
        }
        wanted: set[Name] = set()
        for project in held:
            if others := list(concerned(project)):
                wanted |= {project, *others}
        fresh = (wanted & held) - self._linked_projects
        self._linked_projects |= fresh
        return sorted(fresh)

    def link(self, name: Name) -> None:
        """Make each record that provides a project require its shim, which carries what rules say of the version."""
        for package in self._provided_by.get(name, ()):
            for record in self.records_of(package):
                if record.file_name not in self._linked and project_version(str(record.version)) is not None:
                    self._linked.add(record.file_name)
                    record.depends = [*record.depends, f"{own_name(name)} *"]

    def providers(self, records: Iterable[RepoDataRecord]) -> dict[Name, Name]:
        """Return project → package (as locks name it) of what the records of a solution provide."""
        found = {}
        for record in records:
            package = record.name.normalized
            for name, packages in self._provided_by.items():
                if package in packages:
                    found[name] = conda_name(package)
        return found

    def packages_for(self, name: Name) -> tuple[str, ...]:
        """Return the packages that provide a project under another name than its own."""
        return tuple(package for package in self.all_packages_for(name) if package != name)

    def all_packages_for(self, name: Name) -> tuple[str, ...]:
        """Return the packages that provide a project, one of its own name included."""
        return tuple(self._provided_by.get(name, ()))

    def is_own(self, name: str) -> bool:
        """Say whether a package is one of our own records, not of conda."""
        return name.startswith(own_name(""))

    def records_of(self, name: str) -> list[RepoDataRecord]:
        """Return the usable records of a package, those that the priority of channels rules out left aside."""
        if name not in self._served:
            self._served[name] = [
                record
                for channel in self.channels
                if name not in channel.hidden
                for subdir in self.subdirs
                for record in channel.by_name.get((subdir, name), ())
            ]
        return self._served[name]

    def package_names(self) -> set[str]:
        """Return the packages of which records are loaded."""
        return {name for channel in self.channels for _, name in channel.by_name}

    def _named(self, spec: str) -> str | None:
        """Return the package that a match spec of a record names, None if it is no match spec."""
        if spec not in self._parsed:
            try:
                self._parsed[spec] = package_of(spec)
            except InvalidMatchSpecError:
                self._parsed[spec] = None
        return self._parsed[spec]

    def _take_in(self, number: int, record: RepoDataRecord) -> bool:
        """Take in a record; say whether it is new and can be used."""
        key = (number, str(record.subdir), record.file_name)
        if key in self._seen:
            return False
        self._seen.add(key)
        name = record.name.normalized
        listed = self.channels[number].by_name.setdefault((str(record.subdir), name), [])
        if (why := self.why_broken(record)) is not None:
            self.left_out[record.file_name] = why
            return False
        if self.why_unfit(name, record) is not None:
            return False
        self._files[record.file_name] = record
        listed.append(record)
        return True

    def why_broken(self, record: RepoDataRecord) -> str | None:
        """Return why nobody can use a record, None if somebody can."""
        if str(record.subdir) not in self.subdirs:
            return f"it is for {record.subdir}"
        if record.sha256 is None and record.md5 is None:
            return "its channel gives no digest of it"
        for text in (*record.depends, *record.constrains):
            # rattler drops a record with such a string and says nothing.
            if self._named(text) is None:
                return f"it requires {text!r}, which is no match spec"
        return None

    def why_unfit(self, name: str, record: RepoDataRecord) -> str | None:
        """Return why a record is not for this spec, None if it is."""
        as_of = self.needs.as_of
        if as_of is not None and record.timestamp is not None and record.timestamp.timestamp() >= as_of:
            return "as-of is before it"
        if name == "python":
            return None if MatchSpec(self.python).matches(record) else f"the spec asks for {self.python}"
        if not fits_gpu(name, str(record.version), str(record.build), self.needs.gpu):
            return "it is built for other nodes than gpu says"
        unmet = (text for text in record.depends if text.startswith("python") and not self._admits_python(text))
        return next((f"it requires {text}" for text in unmet), None)

    def _admits_python(self, text: str) -> bool:
        """Say whether a record that requires this of Python could ever be chosen: most of a channel could not."""
        if text.split(" ", 1)[0] != "python":
            return True
        if text not in self._pythons:
            spec = MatchSpec(text)
            self._pythons[text] = any(spec.matches(python) for python in self.records_of("python"))
        return self._pythons[text]


async def open_conda(world: CondaWorld) -> None:
    """Load what the spec asks for.

    Raises:
        NoSolutionError: no channel has a package, or none has an interpreter as the spec asks for it.
        NetworkError: a channel did not answer.
    """
    missing = await world.open()
    for requirement, text in world.requirements():
        package = package_of(text)
        if package not in missing:
            continue
        channels = ", ".join(
            channel.name + (f" as recorded in {channel.frozen}" if channel.frozen else "")
            for channel in world.needs.spec.channels
        )
        if package == "python":
            raise NoSolutionError(
                f"{world.needs.python.origin}: no channel has {world.python}", hint=f"channels: {channels}"
            )
        near = await world.needs.records.nearest(package)
        if package not in near:
            listed = ", ".join(near)
            raise NoSolutionError(
                f"{requirement.origin}: no channel has a package {package!r} (asked: {channels})",
                hint=f"did you mean {listed}?" if listed else None,
            )
        why = [f"\n  {file}: {why}" for file, why in sorted(world.left_out.items()) if file.startswith(f"{package}-")]
        raise NoSolutionError(
            f"{requirement.origin}: no channel has a build of {package!r} that can be used{''.join(why[:3])}",
            hint=_UNUSABLE,
        )


def conda_packages(
    world: CondaWorld, records: Sequence[RepoDataRecord], by_rule: Mapping[Name, Iterable[Edge]]
) -> list[ResolvedPackage]:
    """Return the packages of conda of a solution, with what they require of each other.

    Args:
        world: that they come from.
        records: of the solution.
        by_rule: what rules add to a package.
    """
    found = {record.name.normalized for record in records}
    packages = []
    for record in records:
        file = world.needs.records.file(record)
        edges = {
            Edge(name=conda_name(name), specifier=text.partition(" ")[2].strip())
            for text in record.depends
            if (name := package_of(text)) in found
        } | set(by_rule.get(file.name, ()))
        packages.append(
            ResolvedPackage(
                name=file.name,
                version=file.version,
                file=file,
                extras=(),
                edges=tuple(sorted(edges, key=lambda edge: (edge.name, edge.specifier, edge.rule or ""))),
                metadata_source="metadata-file",
            )
        )
    return packages


def _bound(specs: Iterable[str]) -> dict[str, set[str]]:
    """Return package → URLs of the channels that match specs name for it.

    rattler looks at the channel of a match spec only where a user asks for it, not where a record does.
    """
    bound: dict[str, set[str]] = {}
    for spec in map(MatchSpec, specs):
        if spec.channel is not None and spec.name is not None:
            bound.setdefault(spec.name.normalized, set()).add(spec.channel.base_url.rstrip("/"))
    return bound


def project_version(version: str) -> str | None:
    """Return the version as PEP 440 has it, None if it is none there."""
    try:
        parsed = Version(version.replace("_", "."))
    except InvalidVersion:
        return None
    return None if parsed.local else str(parsed)


def _with_shims(page: Page, found: Mapping[str, tuple[Shim, int | None]]) -> Page:
    """Return a page that has the shims beside its own releases."""
    uploaded = {release.version: release.uploaded for release in page.releases}
    shape = len(page.shapes)
    shims = [
        Release(version=version, shapes=(shape,), uploaded=uploaded.get(version.partition("+")[0]) or moment)
        for version, (_, moment) in found.items()
    ]
    load = page.load_files

    def files(version: str) -> tuple[File, ...]:
        if version not in found:
            return load(version)
        filename = f"{page.name.replace('-', '_')}-{version}-py3-none-any.whl"
        return (File(name=page.name, version=version, kind="wheel", filename=filename, index="conda", url=""),)

    return replace(
        page,
        shapes=(*page.shapes, _SHIM_SHAPE),
        releases=tuple(sorted((*page.releases, *shims), key=lambda release: Version(release.version))),
        load_files=files,
    )

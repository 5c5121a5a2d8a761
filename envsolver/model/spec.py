"""The spec of one environment, after ``extends`` has been applied: what the user asked for."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Literal

from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envsolver.model.errors import Problem
    from envsolver.model.origin import Origin
    from envsolver.model.target import Target

__all__ = [
    "BASE_GROUP",
    "AcceptedAdvisory",
    "BaseSpec",
    "ChannelSpec",
    "CondaSpec",
    "GpuAllow",
    "GpuSpec",
    "GroupSpec",
    "Horizon",
    "IgnoredRule",
    "ImpliedBoundsSpec",
    "ImportCheck",
    "IndexSpec",
    "Note",
    "Spec",
    "SpecHead",
    "SpecRequirement",
    "SupportDates",
    "SystemSpec",
    "status_on",
]

BASE_GROUP = ""
"""The group of the requirements that stand under ``pip:`` itself."""

Status = Literal["supported", "preview", "deprecated", "removed"]
Backend = Literal["cuda", "rocm", "cpu"]
Horizon = int | Literal["off"]
"""Days for which a release may be newer than what requires it; ``off``: any release may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecRequirement:
    """One PEP 508 requirement as the user wrote it (validated, not rewritten)."""

    text: str
    origin: Origin
    group: str = BASE_GROUP
    reason: str | None = None
    """Why it stands there, where the spec says so (constraints and overrides usually do)."""
    base: str | None = None
    """Name of the environment whose lock fixes it, where no spec says it."""
    until: str | None = None
    """Of an override: the day (``2027-03-01``) from which on it is to be looked at again."""
    advisory: str | None = None
    """Of an override: the advisory (``CVE-2024-5480``) that it is there for."""
    platforms: tuple[str, ...] = ()
    """Of a match spec of conda: platforms on which it is asked for; empty means all. Others have markers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexSpec:
    """An index that the spec names.

    Attributes:
        alias: the name by which the lock refers to it.
        url: its base URL (simple API), or the page itself for ``kind == "find-links"``; ``http``, ``https``,
            ``file``, or the path of a folder relative to the project. Never with credentials.
        packages: canonical names (or ``prefix-*`` patterns) bound to it: they come from no other index.
        frozen: path of a frozen index file, relative to the spec's folder, that serves in place of the network.
        platforms: platforms on which the binding applies; empty means all.
    """

    alias: str
    url: str
    origin: Origin
    packages: tuple[str, ...] = ()
    frozen: str | None = None
    kind: Literal["simple", "find-links", "conda"] = "simple"
    platforms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelSpec:
    """A channel of conda.

    Attributes:
        name: as written: a name (``conda-forge``), or a URL.
        url: the canonical URL, without a slash at its end and without credentials.
        frozen: path of a folder with recorded repodata, relative to the spec's folder, that serves in its place.
    """

    name: str
    url: str
    origin: Origin
    frozen: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CondaSpec:
    """What the spec says about packages of conda.

    Attributes:
        requirements: match specs, in the order written.
        channels: in the order of their priority.
        strict: whether a package comes from the first channel that has it, whatever versions others have.
        prefer: canonical project name (``*`` for all others) → who provides it where both could.
        names: package of conda → the project that it provides, empty for none; beside what envsolver knows.
        mapping: where a public mapping of such names is: a path beside the spec that names it, or a URL.
        mapping_origin: where that is written.
    """

    requirements: tuple[SpecRequirement, ...]
    channels: tuple[ChannelSpec, ...]
    strict: bool = True
    prefer: dict[str, Literal["conda", "pip"]] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    mapping: str | None = None
    mapping_origin: Origin | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuAllow:
    """A documented exception: this package may be built for another CUDA."""

    package: str
    cuda: str
    reason: str
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuSpec:
    """What the GPU nodes of the environment offer.

    Attributes:
        backend: cuda, rocm or cpu.
        version: toolkit version that the stack is for, e.g. ``11.7`` (CUDA) or ``6.4`` (ROCm).
        driver: lowest driver version on the nodes, e.g. ``515.43.04``.
        architectures: compute capabilities of the nodes, e.g. ``("7.0", "8.0")``.
        origins: where single parts stand: ``cuda``, ``rocm``, ``driver``, or an architecture such as ``9.0``.
    """

    backend: Backend
    origin: Origin
    version: str | None = None
    driver: str | None = None
    architectures: tuple[str, ...] = ()
    allow: tuple[GpuAllow, ...] = ()
    origins: dict[str, Origin] = field(default_factory=dict, compare=False)

    def place(self, part: str) -> Origin:
        """Return where a part of it was written, as far as that is known."""
        return self.origins.get(part, self.origin)


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemSpec:
    """The operating system of the nodes: decides which wheels can be installed (PEP 600)."""

    os: str | None = None
    glibc: str | None = None
    macos: str | None = None
    platforms: tuple[str, ...] = ()
    """Platforms to which this entry applies; empty means all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupSpec:
    """What the spec says about a group beside its requirements.

    Attributes:
        name: canonical (PEP 503).
        build_notes: what it takes to build the group's source archives, in words.
    """

    name: str
    origin: Origin
    description: str | None = None
    build_notes: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportCheck:
    """A module that must be importable in the built environment."""

    module: str
    group: str = BASE_GROUP


@dataclass(frozen=True, slots=True, kw_only=True)
class ImpliedBoundsSpec:
    """What the spec says of the versions that came long after the packages that require them.

    Attributes:
        horizon: for all packages; None: the default.
        packages: canonical name of a required project → the horizon for requirements on it.
    """

    horizon: Horizon | None = None
    packages: dict[str, Horizon] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class IgnoredRule:
    """A rule that is switched off.

    Attributes:
        id: of the rule; whether there is one is not known here.
        until: the day (``2027-03-01``) from which on the exception is to be looked at again, or None.
        advisory: that it is ignored for, or None.
    """

    id: str
    reason: str
    origin: Origin
    until: str | None = None
    advisory: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportDates:
    """The days (``2027-03-01``) from which on an environment is supported, deprecated, removed; None: not said."""

    supported: str | None = None
    deprecated: str | None = None
    removed: str | None = None


def status_on(status: Status, support: SupportDates | None, day: str) -> Status:
    """Return what an environment is on a day: what its spec says, unless a date that has passed says more."""
    if support is None or status == "removed":
        return status
    if support.removed is not None and support.removed <= day:
        return "removed"
    if status == "deprecated" or (support.deprecated is not None and support.deprecated <= day):
        return "deprecated"
    return "preview" if support.supported is not None and day < support.supported else status


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedAdvisory:
    """A security advisory that is accepted.

    Attributes:
        id: of the advisory, or an alias.
        until: the day (``2027-03-01``) from which on it is reported again, or None.
    """

    id: str
    reason: str
    origin: Origin
    until: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildSpec:
    """What the build of a source archive needs that the archive does not say.

    Attributes:
        package: canonical name.
        requires: further build requirements.
        beside: packages of the environment that must be there, in their locked versions.
        environment: variables; ``{env}`` in a value stands for the folder of the build environment.
        path: absolute folders with tools.
        tools: programs that must be found.
    """

    package: str
    origin: Origin
    requires: tuple[SpecRequirement, ...] = ()
    beside: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    path: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseSpec:
    """An environment that the spec builds on top of; a spec whose name begins with ``_`` is none.

    Attributes:
        path: of its spec, as messages name it.
        frozen: whether the versions of its lock are to stay.
    """

    name: str
    path: str
    origin: Origin
    frozen: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Something a reader must know that is not a requirement, such as a part that cannot be had from an index."""

    subject: str
    text: str
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """One environment.

    ``requirements`` holds base and groups, in the order that is the solver's objective: those of the base spec before
    the child's, each in the order written.
    """

    name: str
    origin: Origin
    python: str
    """Minor (``3.9``) or full (``3.9.18``) version as written."""
    python_origin: Origin
    platforms: tuple[str, ...]
    requirements: tuple[SpecRequirement, ...]
    aliases: tuple[str, ...] = ()
    title: str | None = None
    description: str | None = None
    status: Status = "supported"
    support: SupportDates | None = None
    systems: tuple[SystemSpec, ...] = ()
    """Those of single platforms first, complete; the one for all others last. See :meth:`system_for`."""
    gpu: GpuSpec | None = None
    indexes: tuple[IndexSpec, ...] = ()
    conda: CondaSpec | None = None
    constraints: tuple[SpecRequirement, ...] = ()
    overrides: tuple[SpecRequirement, ...] = ()
    groups: tuple[str, ...] = ()
    """Names of the groups beside the base, in the order written."""
    group_specs: tuple[GroupSpec, ...] = ()
    """One for each name in ``groups``, in the same order."""
    exclusive: tuple[tuple[str, ...], ...] = ()
    """Sets of groups of which at most one can be installed: they are solved apart."""
    as_of: str | None = None
    """RFC 3339 UTC instant; files uploaded at or after it do not exist for the solver."""
    as_of_origin: Origin | None = None
    implied_bounds: ImpliedBoundsSpec = field(default_factory=ImpliedBoundsSpec)
    ignored_rules: tuple[IgnoredRule, ...] = ()
    accepted_advisories: tuple[AcceptedAdvisory, ...] = ()
    builds: tuple[BuildSpec, ...] = ()
    """Sorted by package. They count when wheels are built, not when the lock is solved."""
    base_image: str | None = None
    imports: tuple[ImportCheck, ...] = ()
    notes: tuple[Note, ...] = ()
    bases: tuple[BaseSpec, ...] = ()
    """The environments that it extends, itself or through a base that is none, in the order written."""
    files: tuple[str, ...] = ()
    """Every file that took part (specs, and what ``from:`` names), base first, as paths relative to the project."""
    extra: dict[str, str] = field(default_factory=dict)
    """Free ``labels:`` that tables and reports may show."""

    def system_for(self, platform: str) -> SystemSpec:
        """Return what the spec says about the operating system of one platform; empty where it says nothing."""
        for system in self.systems:
            if not system.platforms or platform in system.platforms:
                return system
        return SystemSpec()

    def target(self, platform: str) -> Target:
        """Return what a lock of this environment holds for on one platform.

        Raises:
            KeyError: for a Python series that :data:`envsolver.model.target.LATEST_PATCH` does not know.
        """
        from envsolver.model.target import Target, full_python_version

        system = self.system_for(platform)
        return Target(
            platform=platform,
            python=full_python_version(self.python),
            glibc=system.glibc if platform.startswith("linux-") else None,
            macos=system.macos if platform.startswith("osx-") else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecHead:
    """What a catalogue shows of one spec file without applying ``extends``.

    Attributes:
        path: relative to the project, with ``/``.
        extends: names of its bases.
        problems: why the file cannot be used, as far as a look at the file alone tells. A head with problems still
            has a name, from the file.
    """

    name: str
    path: str
    aliases: tuple[str, ...] = ()
    title: str | None = None
    description: str | None = None
    status: Status = "supported"
    extends: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()

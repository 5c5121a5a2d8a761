"""What the use cases tell the solver about conda: channels, what the nodes offer, what may stay."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from envsolver.model.candidate import CONDA_PREFIX, conda_name, is_conda, normalize_name
from envsolver.model.spec import IndexSpec, SpecRequirement
from envsolver.model.target import DEFAULT_GLIBC, DEFAULT_MACOS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from envsolver.lock.model import Lock
    from envsolver.model.candidate import Name
    from envsolver.model.resolution import Resolution
    from envsolver.model.spec import Spec
    from envsolver.model.target import Target
    from envsolver.solve.conda import CondaNeeds
    from envsolver.sources.open import Session

__all__ = [
    "channel_indexes",
    "conda_needs",
    "conda_python",
    "conda_requirements",
    "kept_records",
    "likely_python",
    "locked_python",
    "preferring_shims",
    "virtual_packages",
]

LINUX = "5.10"
"""Version of ``__linux`` in a lock: that of a kernel with long-term support. Builds hardly ever ask for one."""

_ARCHITECTURES = {"linux-64": "x86_64", "osx-64": "x86_64", "win-64": "x86_64", "linux-aarch64": "aarch64"}


def conda_needs(
    spec: Spec,
    target: Target,
    session: Session,
    project_root: Path,
    *,
    python: str | None = None,
    as_of: int | None = None,
    keep: frozenset[str] = frozenset(),
) -> CondaNeeds | None:
    """Return what the solver has to know about conda; None if the spec asks for nothing of it.

    Args:
        spec: after ``extends``.
        target: of the solve.
        session: has the channels.
        project_root: against which the spec's paths are resolved.
        python: full version that was settled already.
        as_of: seconds since 1970; later records do not exist.
        keep: file names of records that stay where they can.
    """
    if spec.conda is None:
        return None
    from envsolver.solve.conda import CondaNeeds

    asked = tuple(one for one in spec.conda.requirements if not one.platforms or target.platform in one.platforms)
    return CondaNeeds(
        spec=replace(spec.conda, requirements=asked),
        python=conda_requirements(spec)[-1],
        exact=python,
        records=session.channels_for(spec.conda, target.platform, project_root),
        virtual=virtual_packages(spec, target),
        gpu=None if target.platform.startswith("osx-") else spec.gpu,
        as_of=as_of,
        keep=keep,
    )


def conda_requirements(spec: Spec) -> tuple[SpecRequirement, ...]:
    """Return what the spec asks for of conda, the interpreter last; nothing if it asks for no package of conda."""
    if spec.conda is None:
        return ()
    text = f"python =={spec.python}" if spec.python.count(".") >= 2 else f"python {spec.python}.*"
    return (*spec.conda.requirements, SpecRequirement(text=text, origin=spec.python_origin))


def virtual_packages(spec: Spec, target: Target) -> dict[str, tuple[str, str]]:
    """Return what the nodes offer as conda's virtual packages (CEP 30): name → version and build.

    All of it comes from the spec; the machine that locks has no say.
    """
    platform = target.platform
    found = {"__archspec": ("1", _ARCHITECTURES.get(platform, "m1"))}
    if platform.startswith("linux-"):
        found |= {"__unix": ("0", "0"), "__linux": (LINUX, "0"), "__glibc": (target.glibc or DEFAULT_GLIBC, "0")}
    elif platform.startswith("osx-"):
        found |= {"__unix": ("0", "0"), "__osx": (target.macos or DEFAULT_MACOS[platform], "0")}
    else:
        found["__win"] = ("0", "0")
    if spec.gpu is not None and spec.gpu.backend == "cuda" and not platform.startswith("osx-"):
        from envsolver.knowledge.gpu import highest_cuda

        shown = highest_cuda(spec.gpu.driver, platform=platform) if spec.gpu.driver else None
        # Within a major version a driver runs newer toolkits than its own.
        versions = [version for version in (shown, spec.gpu.version) if version]
        if versions:
            found["__cuda"] = (max(versions, key=lambda text: [int(part) for part in text.split(".")]), "0")
    return found


def conda_python(resolution: Resolution) -> str | None:
    """Return the version of conda's interpreter, None if there is none in the solution."""
    wanted = conda_name("python")
    return next((package.version for package in resolution.packages if package.name == wanted), None)


def locked_python(spec: Spec, keep: Lock | None) -> str | None:
    """Return the version of conda's interpreter in an old lock, as a guess for the markers of the new one."""
    if spec.conda is None or keep is None or not keep.conda(keep.targets[0].name):
        return None
    return keep.python if f"{keep.python}.".startswith(f"{spec.python}.") else None


async def likely_python(needs: CondaNeeds) -> str | None:
    """Return the newest release of conda's interpreter that a spec admits, as a guess for the markers of a first lock.

    Where another one is chosen all has to be solved again.

    Raises:
        NetworkError: a channel did not answer, or with something that is no repodata.
    """
    from rattler import MatchSpec

    spec, as_of = MatchSpec(needs.python.text), needs.as_of
    versions = [
        record.version
        for records in await needs.records.load(["python"])
        for record in records
        if spec.matches(record) and (as_of is None or record.timestamp is None or record.timestamp.timestamp() < as_of)
    ]
    return str(max(versions)) if versions else None


def channel_indexes(spec: Spec) -> tuple[IndexSpec, ...]:
    """Return the channels as locks name them among the indexes."""
    if spec.conda is None:
        return ()
    from envsolver.sources.conda import channel_alias

    return tuple(
        IndexSpec(alias=channel_alias(channel), url=channel.url, origin=channel.origin, kind="conda")
        for channel in spec.conda.channels
    )


def preferring_shims(spec: Spec, preferences: Mapping[Name, str], moving: frozenset[Name]) -> Mapping[Name, str]:
    """Return preferences that hold for packages of conda also where something of pip's asks for what they provide.

    Args:
        spec: after ``extends``.
        preferences: versions to keep, those of packages of conda among them.
        moving: packages and projects whose versions need not stay.
    """
    if spec.conda is None:
        return preferences
    from envsolver.solve.conda import shim_of

    shims = {}
    for name, version in preferences.items():
        package = name.removeprefix(CONDA_PREFIX)
        shim = shim_of(package, version, spec.conda.names) if is_conda(name) else None
        if shim is not None and not {shim[0], normalize_name(package)} & moving:
            shims[shim[0]] = shim[1]
    return {**shims, **preferences}


def kept_records(keep: Lock | None, moving: frozenset[Name], platform: str) -> frozenset[str]:
    """Return the file names of the records of an old lock that stay where they can."""
    if keep is None:
        return frozenset()
    return frozenset(
        file.filename
        for target in keep.targets
        if target.platform == platform
        for name, package in keep.packages_on(target.name).items()
        if is_conda(name) and normalize_name(name.removeprefix(CONDA_PREFIX)) not in moving
        for file in (package.file(target.name),)
    )

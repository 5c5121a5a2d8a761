"""What could be changed in a spec without a solution: candidates for fixes, none of them tried yet.

Each answers to one kind of reason in the conflict: a line of the spec, a build for other GPU software, a rule, groups.
"""

from __future__ import annotations

import re
from dataclasses import field
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from envsolver.knowledge.gpu import driver_supports
from envsolver.knowledge.torch_index import (
    PYTORCH_INDEXES,
    cuda_versions,
    first_torch_for,
    serves_by_default,
    torch_index,
    torch_releases_on,
)
from envsolver.knowledge.variants import SAME_VARIANT_FAMILY
from envsolver.model.candidate import normalize_name
from envsolver.model.fix import REASON_TO_WRITE, Addition, Edit, Removal
from envsolver.model.origin import Origin
from envsolver.model.pep508 import parse_requirement
from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from envsolver.model.candidate import Name
    from envsolver.model.conflict import Reason
    from envsolver.model.fix import FixKind
    from envsolver.model.spec import Spec, SpecRequirement

__all__ = [
    "Hints",
    "Proposal",
    "drops",
    "groups_apart",
    "ignored_rules",
    "other_build",
    "other_gpu",
    "other_index",
    "other_name",
]

LONGEST_SYMPTOM = 120
"""Characters of a symptom that are shown with a fix."""

MOST_CUDA_VERSIONS = 3
"""So many other CUDA versions are tried at most, the nearest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hints:
    """What is known beside the spec.

    Attributes:
        symptoms: id of a rule → what users see when it is broken.
        frozen: URL of an index → a file of the project, relative to the folder of the specs, that has recorded it.
    """

    symptoms: Mapping[str, str] = field(default_factory=dict)
    frozen: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A change that may help."""

    kind: FixKind
    title: str
    edits: tuple[Edit | Addition | Removal, ...]
    warning: str | None = None
    needs: str | None = None
    """The index without which it cannot be tried."""
    line: Reason | None = None
    """The line of the spec that it is about."""


def _here(spec: Spec) -> Origin:
    return Origin(spec.origin.path)


def _name(text: str) -> Name:
    return normalize_name(parse_requirement(text).name)


def ignored_rules(spec: Spec, conflict: Sequence[Reason], hints: Hints) -> Iterator[Proposal]:
    """Propose to ignore each rule of a conflict."""
    for rule in dict.fromkeys(reason.rule for reason in conflict if reason.rule):
        symptom = shorten(hints.symptoms.get(rule, ""), LONGEST_SYMPTOM, placeholder=" …")
        yield Proposal(
            kind="ignore-rule",
            title=f"{spec.origin.path}: ignore rule {rule} (write the reason yourself)",
            edits=(
                Addition(origin=_here(spec), content={"rules": {"ignore": [{"id": rule, "reason": REASON_TO_WRITE}]}}),
            ),
            warning=f"then expect: {symptom}" if symptom else None,
        )


def groups_apart(spec: Spec, conflict: Sequence[Reason]) -> Iterator[Proposal]:
    """Propose to solve the groups of a conflict apart."""
    groups = list(dict.fromkeys(reason.group for reason in conflict if reason.group))
    if len(groups) > 1:
        yield Proposal(
            kind="exclusive",
            title=f"{spec.origin.path}: exclusive: [[{', '.join(groups)}]]: these groups are solved apart",
            edits=(Addition(origin=_here(spec), content={"exclusive": [groups]}),),
            warning="they can then not be installed together",
        )


def drops(lines: Sequence[Reason]) -> Iterator[Proposal]:
    """Propose to do without one of the spec's lines."""
    for line in lines:
        if line.origin is not None and line.text is not None and not line.origin.path.endswith(".toml"):
            yield Proposal(
                kind="drop",
                title=f"{line.origin}: do without {line.text}",
                edits=(Edit(origin=line.origin, old=line.text, new=None),),
                line=line,
            )


# Builds


def _family(spec: Spec, conflict: Sequence[Reason]) -> list[list[Name]]:
    """Return which packages of the torch family could be bound: those that are spoken of; then all of them."""
    spoken = [_name(requirement.text) for requirement in spec.requirements]
    spoken += [reason.requirer for reason in conflict if reason.requirer]
    bound = {package for index in spec.indexes for package in index.packages}
    most = [normalize_name(name) for name in ("torch", "torchvision", "torchaudio")]
    few = [name for name in dict.fromkeys(spoken) if name in SAME_VARIANT_FAMILY]
    choices = [[name for name in names if name not in bound] for names in (few, most)]
    return [names for number, names in enumerate(choices) if names and names not in choices[:number]]


def _alias(spec: Spec, label: str, url: str) -> str | None:
    """Return under which alias an index is, or can be, in a spec; None if the name is taken."""
    for index in spec.indexes:
        if index.url.rstrip("/") == url:
            return index.alias
    alias = f"pytorch-{label}"
    return None if any(index.alias == alias for index in spec.indexes) else alias


def other_index(spec: Spec, conflict: Sequence[Reason], hints: Hints) -> Iterator[Proposal]:
    """Propose to take torch, and what is built with it, from the index that has builds for the wanted software."""
    gpu = spec.gpu
    wanted = any(reason.setting in {"cuda", "rocm", "backend"} for reason in conflict)
    if gpu is None or not wanted or not any(r.kind == "build" and r.requirer in SAME_VARIANT_FAMILY for r in conflict):
        return
    label = torch_index(gpu.backend, gpu.version)
    if label is None or not _serves(spec, torch_releases_on(label)):
        return
    url = f"{PYTORCH_INDEXES}/{label}"
    alias = _alias(spec, label, url)
    if alias is None:
        return
    frozen = hints.frozen.get(url)
    known = any(index.alias == alias for index in spec.indexes)
    for packages in _family(spec, conflict):
        entry: dict[str, Any] = {"packages": [str(name) for name in packages]}
        if not known:
            entry = {"url": url, **entry, **({"frozen": frozen} if frozen else {})}
        yield Proposal(
            kind="index",
            title=f"{spec.origin.path}: take {' and '.join(packages)} from {url}",
            edits=(Addition(origin=_here(spec), content={"indexes": {alias: entry}}),),
            needs=url,
        )


def other_build(spec: Spec, conflict: Sequence[Reason], hints: Hints) -> Iterator[Proposal]:
    """Propose the first release of torch that has code for all the nodes, in the build that has it."""
    gpu = spec.gpu
    pin = next((line for line in spec.requirements if _name(line.text) == "torch"), None)
    lacking = any(r.kind == "build" and r.requirer == "torch" and r.setting == "architectures" for r in conflict)
    if gpu is None or gpu.version is None or pin is None or not lacking:
        return
    pinned = next((one.version for one in parse_requirement(pin.text).specifier if one.operator == "=="), None)
    if pinned is None or pinned.endswith(".*"):
        return
    for only_default in (False, True):
        found = first_torch_for(gpu.architectures, pinned, wanted=gpu.version, only_default=only_default)
        if found is None or (gpu.driver is not None and not driver_supports(found[1], gpu.driver).runs):
            continue
        release, cuda = found
        rebound = _rebound(spec, release, cuda, hints)
        if rebound is None:
            continue
        changes, where, needs = rebound
        new = str(parse_requirement(pin.text)).replace(f"=={pinned}", f"=={release}")
        edits: list[Edit | Addition | Removal] = [Edit(origin=pin.origin, old=pin.text, new=new)]
        if cuda != gpu.version:
            edits.append(Edit(origin=gpu.place("cuda"), old=gpu.version, new=cuda))
        yield Proposal(
            kind="gpu",
            title=f"{pin.origin}: {new} instead of {pin.text}, with gpu.cuda: {cuda}, {where}",
            edits=(*edits, *changes),
            needs=needs,
        )


def _rebound(
    spec: Spec, release: str, cuda: str, hints: Hints
) -> tuple[list[Addition | Removal], str, str | None] | None:
    """Return what makes torch come from the index that has a build, in words as well, and which index that is.

    None if that takes more than to add or to take out an index.
    """
    bound = [index for index in spec.indexes if "torch" in index.packages]
    packages = list(dict.fromkeys(package for index in bound for package in index.packages)) or ["torch"]
    if any(index.origin.path != spec.origin.path for index in bound) or not set(packages) <= SAME_VARIANT_FAMILY:
        return None
    changes: list[Addition | Removal] = [Removal(origin=index.origin, keys=("indexes", index.alias)) for index in bound]
    if serves_by_default(release, cuda):
        return changes, "from the default index", None
    label = torch_index("cuda", cuda)
    url = f"{PYTORCH_INDEXES}/{label}"
    if label is None or any(index.alias == f"pytorch-{label}" for index in spec.indexes):
        return None
    frozen = {"frozen": hints.frozen[url]} if url in hints.frozen else {}
    entry = {"url": url, "packages": packages, **frozen}
    changes.append(Addition(origin=_here(spec), content={"indexes": {f"pytorch-{label}": entry}}))
    return changes, f"from {url}", url


def _serves(spec: Spec, releases: Sequence[str]) -> bool:
    """Say whether an index has a release of torch that the spec's own lines admit."""
    lines = [parse_requirement(one.text) for one in (*spec.requirements, *spec.constraints)]
    specifiers = [line.specifier for line in lines if normalize_name(line.name) == "torch"]
    return any(
        all(
            specifier.contains(f"{release}+cu0", prereleases=True) or specifier.contains(release, prereleases=True)
            for specifier in specifiers
        )
        for release in releases
    )


_CUDA_NAME = re.compile(r"(?P<stem>.+-(?:cuda|cu))(?P<digits>\d{2,3})(?P<x>x?)")


def other_name(spec: Spec, conflict: Sequence[Reason]) -> Iterator[Proposal]:
    """Propose the distribution of the same project that is built for the wanted CUDA (cupy-cuda12x, nvidia-…-cu12)."""
    if spec.gpu is None or spec.gpu.backend != "cuda" or spec.gpu.version is None:
        return
    built = {reason.requirer for reason in conflict if reason.kind == "build"}
    for line in spec.requirements:
        found = _CUDA_NAME.fullmatch(_name(line.text))
        if found is None or _name(line.text) not in built:
            continue
        major, _, minor = spec.gpu.version.partition(".")
        digits = major + (minor if len(found["digits"]) == 3 else "")
        names = dict.fromkeys([f"{found['stem']}{digits}{found['x']}", f"{found['stem']}{major}x"])
        for name in names:
            for text in _renamed(line, name):
                yield Proposal(
                    kind="rename",
                    title=f"{line.origin}: {text} instead of {line.text}",
                    edits=(Edit(origin=line.origin, old=line.text, new=text),),
                )


def _renamed(line: SpecRequirement, name: str) -> list[str]:
    """Return the requirement on another project: of the same versions, or of any."""
    requirement = parse_requirement(line.text)
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    marker = f"; {requirement.marker}" if requirement.marker else ""
    return list(dict.fromkeys(f"{name}{extras}{specifier}{marker}" for specifier in (requirement.specifier, "")))


def other_gpu(spec: Spec, conflict: Sequence[Reason]) -> Iterator[Proposal]:
    """Propose to change what the spec says of the GPU, where that takes part in the conflict."""
    gpu = spec.gpu
    if gpu is None:
        return
    for reason in conflict:
        if reason.kind != "gpu" or reason.origin is None or reason.text is None:
            continue
        if reason.setting == "cuda":
            for version in _other_cuda(spec, conflict):
                yield Proposal(
                    kind="gpu",
                    title=f"{reason.origin}: gpu.cuda: {version} instead of {reason.text}",
                    edits=(Edit(origin=reason.origin, old=reason.text, new=version),),
                )
        elif reason.setting == "driver" and (driver := _needed_driver(spec, conflict)):
            yield Proposal(
                kind="gpu",
                title=f"{reason.origin}: gpu.driver: {driver} instead of {reason.text}",
                edits=(Edit(origin=reason.origin, old=reason.text, new=driver),),
                warning="if every node has that driver, or gets it",
            )
        elif reason.setting == "architectures" and len(gpu.architectures) > 1:
            yield Proposal(
                kind="gpu",
                title=f"{reason.origin}: gpu.architectures: without {reason.text}",
                edits=(Edit(origin=reason.origin, old=reason.text, new=None),),
                warning=f"the environment is then not for nodes with architecture {reason.text}",
            )


def _other_cuda(spec: Spec, conflict: Sequence[Reason]) -> list[str]:
    """Return CUDA versions for which there are builds and which the driver runs, the nearest to the spec's first."""
    gpu = spec.gpu
    if gpu is None or gpu.version is None:
        return []
    built = [version for reason in conflict if reason.kind == "build" for version in reason.builds if version]
    exact = [version for version in built if "." in version]
    known = exact or [
        version
        for version in cuda_versions()
        if not built or version.partition(".")[0] in {b.partition(".")[0] for b in built}
    ]
    asked = tuple(map(int, gpu.version.split(".")))[:2]

    def distance(version: str) -> tuple[int, int]:
        major, minor = map(int, version.split(".")[:2])
        # Versions of another major are as far away as their number of minor versions, newest first below.
        return abs(major - asked[0]), abs(minor - asked[1]) if major == asked[0] else -minor if major < asked[
            0
        ] else minor

    fitting = [
        version
        for version in dict.fromkeys(known)
        if version != gpu.version and (gpu.driver is None or driver_supports(version, gpu.driver).runs)
    ]
    return sorted(fitting, key=distance)[:MOST_CUDA_VERSIONS]


def _needed_driver(spec: Spec, conflict: Sequence[Reason]) -> str | None:
    """Return the oldest driver that runs what is wanted: the spec's CUDA, or else one of the builds in the conflict."""
    gpu = spec.gpu
    if gpu is None:
        return None
    wanted = [gpu.version] if gpu.version else [v for reason in conflict for v in reason.builds if v]
    drivers = [driver_supports(version, "0").minimum for version in wanted]
    found = [driver for driver in drivers if driver is not None]
    return min(found, key=lambda driver: tuple(map(int, driver.split("."))), default=None)

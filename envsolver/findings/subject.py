"""What is judged: the packages of one target, with who requires whom and what the nodes offer."""

from __future__ import annotations

from dataclasses import field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from envsolver.knowledge.conda import project_of
from envsolver.knowledge.variants import variant_of
from envsolver.lock.specifiers import versions_of
from envsolver.model.candidate import CONDA_PREFIX, DEFAULT_INDEX, Name, conda_name, is_conda
from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from envsolver.knowledge.variants import Variant
    from envsolver.lock.model import Dependency, Lock
    from envsolver.model.origin import Origin
    from envsolver.model.spec import GpuSpec
    from envsolver.model.target import Target

__all__ = ["PYPI_NAMES", "Need", "Part", "Subject", "TopLevel", "subjects_of"]

Need = tuple[Name, str]
"""A requirement on another package: its name, and the specifier where that is known."""

PYPI_NAMES = {
    "pytorch": "torch",
    "pytorch-cpu": "torch",
    "pytorch-gpu": "torch",
    "libtorch": "torch",
    "opencv": "opencv-python",
    "py-opencv": "opencv-python",
    "tensorflow-base": "tensorflow",
    "tensorflow-gpu": "tensorflow",
    "protobuf": "protobuf",
}
"""Packages of conda that carry a project of another name."""

_WHEEL_TAGS = {
    "linux-64": "manylinux2014_x86_64",
    "linux-aarch64": "manylinux2014_aarch64",
    "osx-64": "macosx_11_0_x86_64",
    "osx-arm64": "macosx_11_0_arm64",
    "win-64": "win_amd64",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TopLevel:
    """A requirement that a person wrote."""

    name: Name
    text: str
    origin: Origin


@dataclass(frozen=True, kw_only=True)
class Part:
    """One package of an environment.

    Attributes:
        name: canonical name of the project.
        version: as locked, local part included.
        origin: where it stands in the lock.
        filename: of the wheel or source archive; empty where the lock does not say.
        index: alias of the index; the default one where the lock does not say.
        index_url: URL of the index, if the lock names it.
        needs: what it requires.
        hashed: whether the lock ties it to its bytes.
        digests: sha256 of all files that the lock admits, where it does not say which one the target gets.
        manager: who installs it.
        build_string: of a package of conda.
    """

    name: Name
    version: str
    origin: Origin
    filename: str = ""
    index: str = DEFAULT_INDEX
    index_url: str | None = None
    needs: tuple[Need, ...] = ()
    hashed: bool = True
    digests: tuple[str, ...] = ()
    manager: Literal["pip", "conda"] = "pip"
    build_string: str | None = None

    def __str__(self) -> str:
        return f"{self.name} {self.version}"

    @property
    def is_wheel(self) -> bool:
        """Whether it is known to be installed from a wheel, or by conda."""
        return self.filename.endswith(".whl") or self.manager == "conda"

    @property
    def is_source(self) -> bool:
        """Whether it is known to be built where it is installed."""
        return self.manager == "pip" and bool(self.filename) and not self.is_wheel


@dataclass(frozen=True, kw_only=True)
class Subject:
    """The packages of one target.

    Attributes:
        environment: its name, or the file that was judged.
        label: name of the target.
        target: platform and interpreter.
        parts: by project name. Where pip and conda both bring a project, the one that pip brings.
        doubled: packages of conda whose project pip brings too.
        other: packages of conda that are no projects of Python, by name.
        roots: what a person asked for; may be empty where the lock does not say.
        gpu: what the nodes offer, or None.
        base_image: on which it is built, or None.
        knowledge: the version of the knowledge that made the lock, or None.
        file_lists: sha256 of a wheel → its members, ``path → (size, CRC-32)``; only of those that were read.
        digests: project → sha256 of its file, as far as known.
    """

    environment: str
    label: str
    target: Target
    parts: Mapping[Name, Part]
    doubled: tuple[Part, ...] = ()
    other: Mapping[str, Part] = field(default_factory=dict)
    roots: tuple[TopLevel, ...] = ()
    gpu: GpuSpec | None = None
    base_image: str | None = None
    knowledge: str | None = None
    file_lists: Mapping[str, Mapping[str, tuple[int, int]]] = field(default_factory=dict)
    digests: Mapping[Name, str] = field(default_factory=dict)

    @cached_property
    def variants(self) -> Mapping[Name, Variant]:
        """For which GPU software each package was built, for those that were built for any."""
        found = {part.name: variant for part in self.parts.values() if (variant := self._variant(part)) is not None}
        return dict(sorted(found.items()))

    def _variant(self, part: Part) -> Variant | None:
        # Where the lock names no file, what the index has for the platform is meant.
        filename = part.filename or f"x-{part.version}-py3-none-{_WHEEL_TAGS[self.target.platform]}.whl"
        from packaging.version import InvalidVersion

        try:
            return self._variant_of(part, filename)
        except InvalidVersion:  # conda has versions that PEP 440 has not
            return None

    def _variant_of(self, part: Part, filename: str) -> Variant | None:
        return variant_of(
            name=part.name,
            version=part.version,
            filename=filename,
            index_url=part.index_url,
            requires_dist=[f"{name}{specifier or self._locked(name)}" for name, specifier in part.needs],
            build_string=part.build_string,
        )

    def _locked(self, name: Name) -> str:
        return f"=={part.version}" if (part := self.parts.get(name)) is not None else ""

    def way_to(self, name: Name, beyond: Name | None = None) -> tuple[TopLevel | None, tuple[Name, ...]]:
        """Return the requirement from which the shortest way leads to a package, and the packages on that way.

        Args:
            name: of the package.
            beyond: another package, to which the way goes on where the first one leads to it.
        """
        root, way = self._ways.get(name, (None, ()))
        if root is not None and beyond is not None and beyond != name:
            way = (*way, *self._steps({name: ()}).get(beyond, ()))
        return root, way

    @cached_property
    def _ways(self) -> Mapping[Name, tuple[TopLevel, tuple[Name, ...]]]:
        roots = {root.name: root for root in reversed(self.roots) if root.name in self.parts}
        ways = self._steps({root.name: (root.name,) for root in self.roots if root.name in self.parts})
        return {name: (roots[way[0]], way) for name, way in ways.items()}

    def _steps(self, starts: Mapping[Name, tuple[Name, ...]]) -> dict[Name, tuple[Name, ...]]:
        """Return the shortest ways from some packages to all that they lead to, breadth first."""
        found = dict(starts)
        waiting = list(found)
        for name in waiting:  # grows while it is walked
            for below, _ in self.parts[name].needs:
                if below in self.parts and below not in found:
                    found[below] = (*found[name], below)
                    waiting.append(below)
        return found


def subjects_of(
    lock: Lock,
    *,
    path: str,
    text: str,
    roots: Mapping[tuple[str, str], Origin],
    gpu: GpuSpec | None = None,
    base_image: str | None = None,
) -> tuple[Subject, ...]:
    """Return what is to be judged of a lock of envsolver: one subject for each target.

    Args:
        lock: of the environment.
        path: of its file, relative to the project.
        text: of its file, for the lines.
        roots: (spec file, text) of a requirement → where it stands; those of a spec that has changed may be missing.
        gpu: what the spec says of the nodes.
        base_image: likewise.
    """
    from envsolver.lock.places import block_lines
    from envsolver.model.origin import Origin

    places = {key: Origin(path, number) for key, number in block_lines(text).items()}
    nowhere = Origin(path)
    found = []
    for target in lock.targets:
        parts: dict[Name, Part] = {}
        other: dict[str, Part] = {}
        digests: dict[Name, str] = {}
        names = _names(lock, target.name)
        for locked, package in lock.packages_on(target.name).items():
            file, name = package.file(target.name), names[locked]
            parts[name] = Part(
                name=name,
                version=package.version,
                origin=places.get((locked, package.version), nowhere),
                filename=file.filename or "checkout",
                index=file.index,
                index_url=lock.index_url(file.index),
                # Extras that nobody asks for bring no edges into a lock.
                needs=tuple(dict.fromkeys(_need(edge, names) for edge in package.edges(target.name))),
                hashed=file.sha256 is not None or file.commit is not None or file.md5 is not None,
                manager="conda" if is_conda(locked) else "pip",
                build_string=_build_string(file.filename) if is_conda(locked) else None,
            )
            if is_conda(name):
                other[name.removeprefix(CONDA_PREFIX)] = parts[name]
            if file.sha256 is not None:
                digests[name] = file.sha256
        found.append(
            Subject(
                environment=lock.name,
                label=target.name,
                target=target.to_target(lock.python),
                parts=parts,
                other=other,
                roots=tuple(_roots(lock, target.name, roots, names)),
                gpu=gpu,
                base_image=base_image,
                knowledge=lock.knowledge,
                digests=digests,
            )
        )
    return tuple(found)


def _build_string(filename: str) -> str:
    return filename.removesuffix(".conda").removesuffix(".tar.bz2").rpartition("-")[2]


def _names(lock: Lock, target: str) -> dict[Name, Name]:
    """Return the project as which each package of a target is judged: rules speak of projects."""
    python = conda_name("python")
    taken = set(lock.packages_on(target))
    names: dict[Name, Name] = {}
    for name, package in lock.packages_on(target).items():
        names[name] = name
        if is_conda(name) and any(edge.name == python for edge in package.edges(target)):
            project = project_of(name.removeprefix(CONDA_PREFIX), {})
            if project is not None and project not in taken:
                taken.add(project)
                names[name] = project
    return names


def _need(edge: Dependency, names: Mapping[Name, Name]) -> tuple[Name, str]:
    of_conda = is_conda(edge.name) and edge.project is None
    return names[edge.name], versions_of(edge.specifier) if of_conda else edge.specifier


def _roots(
    lock: Lock, target: str, places: Mapping[tuple[str, str], Origin], names: Mapping[Name, Name]
) -> Iterable[TopLevel]:
    from envsolver.model.origin import Origin

    for root in lock.roots:
        if not root.targets or target in root.targets:
            origin = places.get((root.spec, root.text)) or Origin(root.spec)
            yield TopLevel(name=names[root.name], text=root.text, origin=origin)

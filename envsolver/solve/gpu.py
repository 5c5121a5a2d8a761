"""The GPU as part of the problem: builds that do not fit the nodes, or each other, are never chosen.

Packages that no index has stand for what all share: one for the exact GPU software of the torch family, one for its
major version, which everything else that carries GPU code has to share; their versions are values such as ``CUDA
11.6``. A file demands one of them; the spec demands one, too. Each part of what the spec says is a clause of its own,
so that an explanation can name it and a question can leave it out.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from envsolver.knowledge.gpu import architectures_covered, driver_supports, torch_architectures
from envsolver.knowledge.variants import SAME_VARIANT_FAMILY, Variant, variant_of
from envsolver.model.candidate import DEFAULT_INDEX, Name, normalize_name
from envsolver.model.values import dataclass
from envsolver.solve.clauses import Clause
from envsolver.solve.sat import Needs, Records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from envsolver.model.candidate import File, Metadata
    from envsolver.model.spec import GpuSpec
    from envsolver.model.target import Target

__all__ = ["DRIVER", "MAJOR", "VARIANT", "Demand", "Gpu", "GpuNeeds", "is_gpu_package"]

_PREFIX = "gpu_x_"
"""No project name has an underscore in canonical form (PEP 503)."""

VARIANT = Name(f"{_PREFIX}variant")
"""The exact GPU software for which torch and what is compiled against it are built."""

MAJOR = Name(f"{_PREFIX}major")
"""Its major version, which all others have to share: within one, CUDA keeps its binary interface."""

DRIVER = Name(f"{_PREFIX}driver")
"""Nothing demands it: it names what the driver of the nodes keeps out."""

_KERNELS = f"{_PREFIX}kernels_"
"""With an architecture behind it: demanded by a build without code for that; has no version if the nodes have it."""


def is_gpu_package(name: str) -> bool:
    """Say whether a name is one of those above, which no index has."""
    return name.startswith(_PREFIX)


def _kernels(architecture: str) -> Name:
    return Name(_KERNELS + architecture.replace(".", "_"))


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuNeeds:
    """What the spec says of the GPU, and of the indexes that serve builds for it.

    Attributes:
        index_urls: alias → URL of the named indexes, which may tell the variant of what they serve.
    """

    spec: GpuSpec
    index_urls: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Demand:
    """What a file asks of one of the packages above.

    Attributes:
        text: the words for it, without subject and verb.
        variant: for what the file is built.
    """

    package: Name
    rank: int
    text: str
    variant: Variant


class Gpu:
    """The values met so far, and what files demand."""

    def __init__(self, needs: GpuNeeds, target: Target) -> None:
        self.needs = needs
        self._target = target
        self._ranks: dict[str, int] = {}
        self._majors: dict[str, int] = {}
        self._variants: dict[str, Variant] = {}
        self._of_major: dict[str, Variant] = {}
        spec = needs.spec
        wanted = Variant(spec.backend, spec.version)
        self.wanted = self._rank(wanted) if spec.version or spec.backend == "cpu" else None

    def _rank(self, variant: Variant) -> int:
        value = str(variant)
        self._variants.setdefault(value, variant)
        self._major(variant)
        return self._ranks.setdefault(value, len(self._ranks) + 1)

    def _major(self, variant: Variant) -> int:
        key = f"{variant.backend} {variant.major}"
        self._of_major.setdefault(key, Variant(variant.backend, variant.major))
        return self._majors.setdefault(key, len(self._majors) + 1)

    def clauses(self) -> list[Clause]:
        """Return what the spec says: the software that it wants, its driver, its architectures."""
        spec = self.needs.spec
        said = [VARIANT] if self.wanted is not None else []
        said += [DRIVER] if spec.driver is not None and spec.backend == "cuda" else []
        said += [_kernels(architecture) for architecture in spec.architectures if spec.backend == "cuda"]
        return [Clause(kind="gpu", required=name) for name in said]

    def part(self, clause: Clause) -> tuple[str, str]:
        """Return which part of the spec a clause stands for, as ``GpuSpec.place`` knows it, and what stands there."""
        spec = self.needs.spec
        if clause.required == VARIANT:
            return ("backend", "cpu") if spec.backend == "cpu" else (spec.backend, spec.version or "")
        if clause.required == DRIVER:
            return "driver", spec.driver or ""
        architecture = next(one for one in spec.architectures if _kernels(one) == clause.required)
        return architecture, architecture

    def needed_driver(self, variant: Variant) -> str | None:
        """Return the oldest driver that runs a build, None if any of the nodes does or nothing is known."""
        if variant.version is None or self._runs(variant):
            return None
        return driver_supports(variant.version, "0", platform=self._target.platform).minimum

    def _runs(self, variant: Variant) -> bool:
        driver = self.needs.spec.driver
        if driver is None or variant.backend != "cuda" or variant.version is None:
            return True
        return driver_supports(variant.version, driver, platform=self._target.platform).runs

    def records(self, includes: Callable[[Clause], bool]) -> Iterator[Records]:
        """Yield the records of the values, as far as the clauses that are included let them be chosen."""
        driver = includes(Clause(kind="gpu", required=DRIVER))
        yield Records(
            VARIANT,
            {
                rank: Needs(depends=(f"{MAJOR} =={self._major(self._variants[value])}",))
                for value, rank in self._ranks.items()
                if not driver or self._runs(self._variants[value])
            },
        )
        yield Records(
            MAJOR,
            {rank: Needs() for key, rank in self._majors.items() if not driver or self._runs(self._of_major[key])},
        )
        for architecture in self.needs.spec.architectures:
            name = _kernels(architecture)
            yield Records(name, {} if includes(Clause(kind="gpu", required=name)) else {1: Needs()})

    def demands(self, file: File, metadata: Metadata) -> Iterator[Demand]:
        """Yield what a file asks for."""
        variant = variant_of(
            name=file.name,
            version=file.version,
            filename=file.filename,
            index_url=self.needs.index_urls.get(file.index),
            requires_dist=metadata.requires_dist,
        )
        if variant is None or variant.optional or self._is_allowed(file.name, variant):
            return
        text = f"built for {variant} ({variant.origin})"
        if file.name in SAME_VARIANT_FAMILY and variant.exact:
            yield Demand(VARIANT, self._rank(variant), text, variant)
        else:
            yield Demand(MAJOR, self._major(variant), text, variant)
        yield from self._missing_kernels(file, variant)

    def _is_allowed(self, name: Name, variant: Variant) -> bool:
        return any(
            normalize_name(allowed.package) == name and allowed.cuda == variant.version
            for allowed in self.needs.spec.allow
        )

    def _missing_kernels(self, file: File, variant: Variant) -> Iterator[Demand]:
        if file.name != "torch" or variant.backend != "cuda" or variant.version is None:
            return
        built = torch_architectures(file.version, variant.version, from_pypi=file.index == DEFAULT_INDEX)
        for capability in self.needs.spec.architectures if built else ():
            if architectures_covered(built or (), capability).kind == "none":
                text = f"built for architectures {', '.join(built or ())}: nothing of it runs on {capability}"
                yield Demand(_kernels(capability), 1, text, variant)

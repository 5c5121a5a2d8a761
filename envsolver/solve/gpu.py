"""The GPU as part of the problem: builds that do not fit the nodes, or each other, are never chosen.

Two packages that no index has stand for what all share: one for the exact GPU software of the torch family, one for
its major version, which everything else that carries GPU code has to share. Their versions are values such as ``CUDA
11.6``. A file demands one of them; the spec demands one, too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from envsolver.knowledge.gpu import architectures_covered, driver_supports, torch_architectures
from envsolver.knowledge.variants import SAME_VARIANT_FAMILY, Variant, variant_of
from envsolver.model.candidate import DEFAULT_INDEX, Name, normalize_name
from envsolver.solve.sat import Needs, Records

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envsolver.model.candidate import File, Metadata
    from envsolver.model.spec import GpuSpec
    from envsolver.model.target import Target

__all__ = ["GPU_PACKAGES", "VARIANT", "Demand", "Gpu", "GpuNeeds"]

VARIANT = Name("gpu_x_variant")
"""The exact GPU software for which torch and what is compiled against it are built."""

MAJOR = Name("gpu_x_major")
"""Its major version, which all others have to share: within one, CUDA keeps its binary interface."""

KERNELS = Name("gpu_x_kernels")
"""Has no version: demanded by a build that has no code for an architecture of the nodes."""

GPU_PACKAGES = frozenset({VARIANT, MAJOR, KERNELS})


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
    """What a file asks of one of the packages above, with the words for it. Rank 0 is a version that there is not."""

    package: Name
    rank: int
    text: str


class Gpu:
    """The values met so far, and what files demand."""

    def __init__(self, needs: GpuNeeds, target: Target) -> None:
        self.needs = needs
        self._target = target
        self._ranks: dict[str, int] = {}
        self._majors: dict[str, int] = {}
        self._variants: dict[str, Variant] = {}
        spec = needs.spec
        wanted = Variant(spec.backend, spec.version)
        self.wanted = self._rank(wanted) if spec.version or spec.backend == "cpu" else None

    def _rank(self, variant: Variant) -> int:
        value = str(variant)
        self._variants.setdefault(value, variant)
        self._major(variant)
        return self._ranks.setdefault(value, len(self._ranks) + 1)

    def _major(self, variant: Variant) -> int:
        return self._majors.setdefault(f"{variant.backend} {variant.major}", len(self._majors) + 1)

    def text(self) -> str:
        """Return what the spec says, in words."""
        spec = self.needs.spec
        said = f"gpu: {Variant(spec.backend, spec.version)}"
        if spec.version and not self._runs(Variant(spec.backend, spec.version)):
            verdict = driver_supports(spec.version, spec.driver or "0", platform=self._target.platform)
            return f"{said} needs driver {verdict.minimum} or newer; the nodes have {spec.driver}"
        return said

    def _runs(self, variant: Variant) -> bool:
        driver = self.needs.spec.driver
        if driver is None or variant.backend != "cuda" or variant.version is None:
            return True
        return driver_supports(variant.version, driver, platform=self._target.platform).runs

    def records(self) -> Iterator[Records]:
        """Yield the records of the values. Those that the driver cannot run have none."""
        yield Records(
            VARIANT,
            {
                rank: Needs(depends=(f"{MAJOR} =={self._major(self._variants[value])}",))
                for value, rank in self._ranks.items()
                if self._runs(self._variants[value])
            },
        )
        yield Records(MAJOR, dict.fromkeys(self._majors.values(), Needs()))

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
        text = f"is a {variant} build ({variant.origin})"
        if file.name in SAME_VARIANT_FAMILY and variant.exact:
            yield Demand(VARIANT, self._rank(variant), text)
        else:
            yield Demand(MAJOR, self._major(variant), text)
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
                yield Demand(
                    KERNELS, 0, f"has no code for architecture {capability}, only for {', '.join(built or ())}"
                )

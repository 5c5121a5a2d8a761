"""Detectors: builds against what the nodes offer, and against each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envsolver.findings.draft import Draft
from envsolver.knowledge.gpu import architectures_covered, driver_supports, torch_architectures
from envsolver.knowledge.rules import admits
from envsolver.knowledge.tables import torch_tables
from envsolver.knowledge.variants import SAME_VARIANT_FAMILY, Variant, carried_cuda
from envsolver.model.candidate import DEFAULT_INDEX, Name, normalize_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from envsolver.findings.subject import Part, Subject
    from envsolver.model.spec import GpuSpec

__all__ = ["architectures", "drivers", "floors", "variants", "without_gpu"]

_TORCH = Name("torch")
_FEW = 4

_SIBLINGS = {
    "faiss-cpu": "faiss-gpu-cu12",
    "intel-tensorflow": "tensorflow",
    "onnxruntime": "onnxruntime-gpu",
    "onnxruntime-training-cpu": "onnxruntime-training",
    "paddlepaddle": "paddlepaddle-gpu",
    "tensorflow-cpu": "tensorflow",
    "xgboost-cpu": "xgboost",
}
"""Project without any code for GPUs → the one that has it."""


def variants(subject: Subject) -> Iterator[Draft]:
    """Yield what was built for another GPU software than the spec asks for, or than torch."""
    groups: dict[tuple[str, str, str, str | None], list[Part]] = {}
    for name, variant in subject.variants.items():
        if variant.optional or subject.target.platform.startswith("osx-"):
            continue
        found = _against_spec(subject, name, variant) or _against_torch(subject, name, variant)
        if found is not None:
            code, other = found
            allowed = _allowed(subject.gpu, name, variant)
            groups.setdefault((code, str(variant), other, allowed), []).append(subject.parts[name])
    for (code, variant_text, other, allowed), parts in groups.items():
        what = f"is a {variant_text} build" if len(parts) == 1 else f"are {variant_text} builds"
        message = f"{_names(parts)} {what}; {other}"
        yield Draft(code=code, message=message, parts=tuple(parts), allowed=allowed)
    yield from _carried(subject)
    yield from _majors(subject)


def _majors(subject: Subject) -> Iterator[Draft]:
    """Yield the packages of a second major version of CUDA where neither the spec nor torch says which one is meant."""
    if _TORCH in subject.variants or (subject.gpu is not None and subject.gpu.version is not None):
        return
    majors: dict[str, list[Part]] = {}
    for name, variant in subject.variants.items():
        if variant.backend == "cuda" and variant.major is not None and not variant.optional:
            majors.setdefault(variant.major, []).append(subject.parts[name])
    if len(majors) < 2:
        return
    # The one that more packages have is what the environment is for; of two with as many, the newer.
    main = max(majors, key=lambda major: (len(majors[major]), int(major)))
    for major, parts in sorted(majors.items()):
        if major != main:
            verb = "was" if len(parts) == 1 else "were"
            yield Draft(
                code="GPU003",
                message=f"{_names(parts)} {verb} built for CUDA {major}, {_names(majors[main])} for CUDA {main}",
                parts=tuple(parts),
            )


def _against_spec(subject: Subject, name: Name, variant: Variant) -> tuple[str, str] | None:
    gpu = subject.gpu
    if gpu is None:
        return None
    wanted = Variant(gpu.backend, gpu.version)
    asked = f"asked for is {wanted}"
    if variant.backend == "cpu":
        return None if wanted.backend == "cpu" else ("GPU005", asked)
    if name in SAME_VARIANT_FAMILY and (variant.backend != wanted.backend or _differs(variant, wanted)):
        return "GPU001", asked
    if variant.backend != wanted.backend or (wanted.version and variant.major != wanted.major):
        return "GPU003", asked
    if _differs(variant, wanted):
        return "GPU004", asked
    return None


def _against_torch(subject: Subject, name: Name, variant: Variant) -> tuple[str, str] | None:
    reference = subject.variants.get(_TORCH)
    if reference is None or name == _TORCH:
        return None
    beside = f"{subject.parts[_TORCH]} is a {reference} build"
    if name in SAME_VARIANT_FAMILY:
        return ("GPU002", beside) if variant.backend != reference.backend or _differs(variant, reference) else None
    if reference.backend == "cpu" or variant.backend == "cpu":
        return None
    if variant.backend != reference.backend or variant.major != reference.major:
        return "GPU003", beside
    return ("GPU004", beside) if _differs(variant, reference) else None


def _differs(one: Variant, other: Variant) -> bool:
    """Whether two variants of one backend are not the same as far as both are known exactly."""
    if one.version is None or other.version is None:
        return False
    return one.version != other.version if one.exact and other.exact else one.major != other.major


def _allowed(gpu: GpuSpec | None, name: Name, variant: Variant) -> str | None:
    for allowed in gpu.allow if gpu is not None else ():
        if normalize_name(allowed.package) == name and allowed.cuda in {variant.version, variant.major}:
            return allowed.reason
    return None


def _carried(subject: Subject) -> Iterator[Draft]:
    reference = subject.variants.get(_TORCH)
    if reference is None or reference.backend != "cuda" or reference.version is None:
        return
    for part in subject.parts.values():
        carried = carried_cuda(part.name, part.version)
        if carried and reference.exact and reference.version not in carried:
            yield Draft(
                code="GPU010",
                message=f"{part} has no code for CUDA {reference.version}, which {subject.parts[_TORCH]} uses; "
                f"it has code for {', '.join(carried)}",
                parts=(part,),
            )


def without_gpu(subject: Subject) -> Iterator[Draft]:
    """Yield projects that hold no code for GPUs, where a GPU was asked for, and that have a sibling that does."""
    gpu = subject.gpu
    if gpu is None or gpu.backend == "cpu" or subject.target.platform.startswith("osx-"):
        return
    for name, sibling in _SIBLINGS.items():
        part = subject.parts.get(Name(name))
        if part is not None and Name(sibling) not in subject.parts:
            yield Draft(
                code="GPU011",
                message=f"{part} has no code for GPUs; asked for is {Variant(gpu.backend, gpu.version)}",
                parts=(part,),
                severity="note",
                hint=f"{sibling} has",
            )
    jaxlib = subject.parts.get(Name("jaxlib"))
    if jaxlib is None or jaxlib.name in subject.variants:
        return
    # Newer releases have the code for GPUs in plugins; older ones had builds with a local version, which tells it.
    if not any(name.startswith(("jax-cuda", "jax-rocm")) for name in subject.parts):
        yield Draft(
            code="GPU011",
            message=f"{jaxlib} has no code for GPUs without a plugin; asked for is {Variant(gpu.backend, gpu.version)}",
            parts=(jaxlib,),
            hint="jax[cuda12] and jax[cuda13] bring one",
        )


def drivers(subject: Subject) -> Iterator[Draft]:
    """Yield what the oldest driver of the nodes does not run, or runs short of some features."""
    gpu = subject.gpu
    if gpu is None or gpu.driver is None:
        return
    groups: dict[str, list[Part]] = {}
    for name, variant in subject.variants.items():
        if variant.backend == "cuda" and variant.version is not None and not variant.optional:
            groups.setdefault(variant.version, []).append(subject.parts[name])
    for version, parts in sorted(groups.items()):
        verdict = driver_supports(version, gpu.driver, platform=subject.target.platform)
        if not verdict.runs:
            built = f"for which {_names(parts)} {'was' if len(parts) == 1 else 'were'} built"
            yield Draft(
                code="GPU006",
                message=f"CUDA {version}, {built}, needs driver {verdict.minimum} or newer; "
                f"the nodes have {gpu.driver}",
                parts=tuple(parts),
            )
        elif verdict.level == "minor-version" and "." in version:
            yield Draft(
                code="GPU007",
                message=f"driver {gpu.driver} runs CUDA {version} by minor version compatibility only; "
                f"{verdict.packaged} came with it",
                parts=tuple(parts),
            )


def architectures(subject: Subject) -> Iterator[Draft]:
    """Yield the architectures of the nodes for which torch has no code."""
    built = _torch_code(subject)
    for capability in subject.gpu.architectures if subject.gpu is not None and built else ():
        if architectures_covered(built, capability).kind == "none":
            torch = subject.parts[_TORCH]
            yield Draft(
                code="GPU008",
                message=f"{torch} has no code for devices of compute capability {capability}, "
                f"only for {', '.join(built)}",
                parts=(torch,),
            )


def floors(subject: Subject) -> Iterator[Draft]:
    """Yield the architectures of the nodes that a newer torch of the default index no longer serves."""
    built = _torch_code(subject)
    if not built or subject.gpu is None or subject.parts[_TORCH].index != DEFAULT_INDEX:
        return
    torch = subject.parts[_TORCH]
    root = next((root for root in subject.roots if root.name == _TORCH), None)
    specifier = _specifier(root.text) if root is not None else ""
    newer = [
        release for release in torch_tables().releases if admits(f">{torch.version.partition('+')[0]}", release.version)
    ]
    for capability in subject.gpu.architectures:
        if architectures_covered(built, capability).kind == "none":
            continue
        lost = [
            release.version
            for release in newer
            if admits(specifier, release.version)
            and architectures_covered(release.architectures, capability).kind == "none"
        ]
        if lost:
            yield Draft(
                code="GPU009",
                message=f"{torch} has code for compute capability {capability}, torch {lost[0]} of the default index "
                "has not, and the requirement admits it",
                parts=(torch,),
                hint=f"torch<{lost[0]} keeps an upgrade from moving there",
            )


def _torch_code(subject: Subject) -> tuple[str, ...]:
    variant = subject.variants.get(_TORCH)
    if variant is None or variant.backend != "cuda" or variant.version is None or subject.target.platform != "linux-64":
        return ()
    torch = subject.parts[_TORCH]
    from_pypi = torch.index == DEFAULT_INDEX and "+" not in torch.version
    return torch_architectures(torch.version, variant.version, from_pypi=from_pypi) or ()


def _specifier(text: str) -> str:
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        return str(Requirement(text).specifier)
    except InvalidRequirement:
        return ""


def _names(parts: Iterable[Part]) -> str:
    texts = [str(part) for part in parts]
    if len(texts) > _FEW:
        return f"{', '.join(texts[:_FEW])} and {len(texts) - _FEW} more"
    return " and ".join([", ".join(texts[:-1]), texts[-1]]) if len(texts) > 1 else texts[0]

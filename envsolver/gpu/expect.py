"""What a lock expects of a GPU node: derived from its packages, the tables, and what is known of them to fail."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from envsolver.gpu.model import (
    BuiltFor,
    Coverage,
    DriverNeed,
    Expectations,
    ExpectedFailure,
    ExpectedLibrary,
    Feature,
    PlannedCheck,
    Providers,
)
from envsolver.gpu.probe import CHECKS, IMPORT
from envsolver.knowledge.gpu import architectures_covered, driver_supports, gcc_for, torch_architectures
from envsolver.knowledge.tables import torch_tables
from envsolver.lock.builds import find_build
from envsolver.lock.digest import content_digest
from envsolver.model.candidate import DEFAULT_INDEX, Name
from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from envsolver.gpu.probe import Check
    from envsolver.knowledge.variants import Backend, Variant
    from envsolver.lock.model import Lock, LockedTarget, Pin
    from envsolver.model.spec import GpuSpec

__all__ = ["KNOWN_FAILURES", "Known", "expect"]

KNOWN_FAILURES = {
    "LIGHTNING-NUMPY2": "lightning",
    "LIGHTNING15-TORCH2": "lightning",
    "LIGHTNING18-TORCH2": "lightning",
    "TORCH-HISTOGRAM-NUMPY124": "tensorboard",
    "TORCH-NUMPY2": "numpy",
    "TORCH-ORT-CONFIGURE": "ortmodule",
}
"""Rule → the check that fails where the rule is broken, or where nobody has done what it asks for."""

_TORCH = Name("torch")
_RUNTIMES = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-rocm", "onnxruntime-training")
_WHEELS = {"libcublas": "cublas", "libcudart": "cuda-runtime", "libcudnn": "cudnn", "libnccl": "nccl"}
"""Runtime library → the middle of the name of the project that brings it: ``nvidia-cudnn-cu12``, ``nvidia-cublas``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known about a lock beside its packages.

    Attributes:
        variants: name → what it was built for.
        imports: modules that the spec wants to be importable.
        broken: rule → why it is reported about this lock.
        gpu: what the spec says of the nodes.
        conda: project → version of those that packages of conda provide.
    """

    variants: Mapping[Name, Variant]
    imports: Sequence[str] = ()
    broken: Mapping[str, str]
    gpu: GpuSpec | None = None
    conda: Mapping[Name, str] = field(default_factory=dict)


def expect(lock: Lock, target: LockedTarget, groups: Iterable[str], known: Known) -> Expectations:
    """Return what a lock expects of a node of one target.

    Args:
        lock: of the environment.
        target: of the lock.
        groups: that are installed beside the base.
        known: what is known beside.

    Raises:
        UsageError: the lock has no such group.
    """
    wanted = tuple(sorted(set(groups)))
    pins = {pin.package.name: pin for pin in lock.select(target.platform, wanted)}
    have = {**known.conda, **{name: pin.package.version for name, pin in pins.items()}}
    have = dict(sorted(have.items()))
    variants = {name: variant for name, variant in known.variants.items() if name in have}
    backend, toolkit = _main(variants, known.gpu)
    nodes = known.gpu.architectures if known.gpu is not None else ()
    code = _code(pins, variants, target.platform)
    imports = tuple(dict.fromkeys([*known.imports, *(["torch"] if _TORCH in have else [])]))
    checks = tuple(_checks(have, imports, backend))
    names = {one.check for one in checks}
    return Expectations(
        environment=lock.name,
        lock=content_digest(lock),
        platform=target.platform,
        python=lock.python,
        glibc=target.glibc,
        groups=wanted,
        backend=backend,
        toolkit=toolkit,
        packages={str(name): version for name, version in have.items()},
        built_for=tuple(
            BuiltFor(
                package=name,
                version=have[name],
                backend=variant.backend,
                toolkit=variant.version,
                optional=variant.optional,
                source=variant.origin,
            )
            for name, variant in variants.items()
        ),
        driver=_driver(have, variants, known.gpu, target.platform),
        architectures=nodes,
        code=code,
        coverage=tuple(_coverage(code, nodes)) if backend == "cuda" else (),
        libraries=tuple(_libraries(have, variants)),
        providers=tuple(_providers(have, variants)),
        imports=imports,
        features=(
            *_of_devices(have, backend, nodes),
            *_of_compilers(lock, have, pins, backend, toolkit, target.platform),
        ),
        checks=checks,
        expected_failures=tuple(
            ExpectedFailure(check=check, reason=known.broken[rule], rule=rule)
            for rule, check in KNOWN_FAILURES.items()
            if rule in known.broken and check in names
        ),
    )


def _main(variants: Mapping[Name, Variant], gpu: GpuSpec | None) -> tuple[Backend | None, str | None]:
    """Return backend and toolkit that count: torch's, else those of the spec, else of the first part that needs one."""
    torch = variants.get(_TORCH)
    if torch is not None:
        return torch.backend, torch.version
    if gpu is not None:
        return gpu.backend, gpu.version
    needed = [variant for variant in variants.values() if variant.backend != "cpu" and not variant.optional]
    return (needed[0].backend, needed[0].version) if needed else (None, None)


def _driver(
    have: Mapping[Name, str], variants: Mapping[Name, Variant], gpu: GpuSpec | None, platform: str
) -> DriverNeed | None:
    by_toolkit: dict[str, list[str]] = {}
    for name, variant in variants.items():
        if variant.backend == "cuda" and variant.version is not None and not variant.optional:
            by_toolkit.setdefault(variant.version, []).append(f"{name} {have[name]}")
    if not by_toolkit:
        return None
    # A major alone ("12", of nvidia-cudnn-cu12) asks for less than any of its minors.
    newest = max(by_toolkit, key=lambda text: tuple(map(int, text.split("."))))
    verdict = driver_supports(newest, "0", platform=platform)
    return DriverNeed(
        minimum=verdict.minimum,
        packaged=verdict.packaged if "." in newest else None,
        nodes=gpu.driver if gpu is not None else None,
        toolkit=newest,
        packages=tuple(by_toolkit[newest]),
    )


def _code(pins: Mapping[Name, Pin], variants: Mapping[Name, Variant], platform: str) -> dict[str, tuple[str, ...]]:
    torch, variant = pins.get(_TORCH), variants.get(_TORCH)
    if torch is None or variant is None or variant.backend != "cuda" or variant.version is None:
        return {}
    if platform != "linux-64":
        return {}
    version = torch.package.version
    from_pypi = torch.file.index == DEFAULT_INDEX and "+" not in version
    found = torch_architectures(version, variant.version, from_pypi=from_pypi)
    return {"torch": found} if found else {}


def _coverage(code: Mapping[str, tuple[str, ...]], nodes: Sequence[str]) -> Iterator[Coverage]:
    for package, architectures in code.items():
        for capability in nodes:
            found = architectures_covered(architectures, capability)
            yield Coverage(package=package, capability=capability, kind=found.kind, by=found.by)


def _libraries(have: Mapping[Name, str], variants: Mapping[Name, Variant]) -> Iterator[ExpectedLibrary]:
    torch = variants.get(_TORCH)
    if torch is None or torch.backend != "cuda" or torch.version is None:
        return
    release = torch_tables().release(have[_TORCH])
    from_pypi = release is not None and release.cuda == torch.version
    inside = {
        "libcudart": torch.version if torch.exact else None,
        "libcublas": None,  # counts otherwise than its toolkit
        "libcudnn": release.cudnn if release is not None and from_pypi else None,
        "libnccl": release.nccl if release is not None and from_pypi else None,
    }
    for library, middle in _WHEELS.items():
        wheel = next(
            (name for name in have if name in {f"nvidia-{middle}", f"nvidia-{middle}-cu{torch.major}"}),
            None,
        )
        version = have[wheel] if wheel is not None else inside[library]
        major = {"libnccl": "2", "libcudnn": version.partition(".")[0] if version else None}.get(library, torch.major)
        yield ExpectedLibrary(
            library=library,
            major=major,
            version=version,
            package=wheel if wheel is not None else _TORCH,
            # torch holds NCCL itself where no wheel brings it: there is no file of it to be mapped then.
            required=library != "libnccl" or wheel is not None,
        )


def _providers(have: Mapping[Name, str], variants: Mapping[Name, Variant]) -> Iterator[Providers]:
    for name in map(Name, _RUNTIMES):
        if name in have:
            variant = variants.get(name)
            gpu = {"cuda": ("CUDAExecutionProvider",), "rocm": ("ROCMExecutionProvider",)}
            first = gpu.get(variant.backend, ()) if variant is not None else ()
            yield Providers(package=name, providers=(*first, "CPUExecutionProvider"))


def _checks(have: Mapping[Name, str], imports: Sequence[str], backend: str | None) -> Iterator[PlannedCheck]:
    for module in imports:
        yield PlannedCheck(check=f"{IMPORT}{module}", device="any", title=f"import {module}")
    for check in CHECKS.values():
        if not _in(check, have) or (check.device == "gpu" and backend in {None, "cpu"}):
            continue
        yield PlannedCheck(check=check.name, device="gpu" if check.device == "gpu" else "any", title=check.title)


def _in(check: Check, have: Mapping[Name, str]) -> bool:
    """Whether the lock has the packages that a check needs."""
    return all(
        any(
            part in have or (part.endswith("*") and any(name.startswith(part[:-1]) for name in have))
            for part in alternatives.split("|")
        )
        for alternatives in check.packages
    )


def _of_devices(have: Mapping[Name, str], backend: str | None, nodes: Sequence[str]) -> Iterator[Feature]:
    """Yield the number formats that devices of NVIDIA have or have not."""
    if _TORCH in have and backend == "cuda":
        yield _from("fp16", nodes, (5, 3))
        yield _from("tf32", nodes, (8, 0))
        yield _from("bf16", nodes, (8, 0))
        if _modern(have):
            yield _from("fp8", nodes, (8, 9))


def _of_compilers(
    lock: Lock,
    have: Mapping[Name, str],
    pins: Mapping[Name, Pin],
    backend: str | None,
    toolkit: str | None,
    platform: str,
) -> Iterator[Feature]:
    """Yield what is built in, or compiled on the node."""
    if _TORCH not in have or backend not in {"cuda", "rocm"}:
        return
    modern = _modern(have)
    absent = "torch 2 brought it"
    yield Feature(
        feature="attention",
        state="yes" if modern else "no",
        detail="flash kernels from compute capability 8.0 on" if modern else absent,
    )
    yield Feature(
        feature="torch.compile",
        state="jit" if modern else "no",
        detail="triton compiles on the node, from compute capability 7.0 on" if modern else absent,
    )
    deepspeed = pins.get(Name("deepspeed"))
    if deepspeed is not None:
        build = find_build(lock, deepspeed.file.sha256, platform)
        wanted = [
            text.partition("=")[0]
            for text in (build.environment if build else ())
            if text.startswith("DS_BUILD_") and text.endswith("=1")
        ]
        detail = f"built in: {', '.join(wanted)}" if wanted else f"compiled on the node: {_compilers(backend, toolkit)}"
        yield Feature(feature="deepspeed-ops", state="yes" if wanted else "jit", detail=detail)


def _modern(have: Mapping[Name, str]) -> bool:
    return int(have[_TORCH].partition(".")[0]) >= 2


def _compilers(backend: str, toolkit: str | None) -> str:
    if backend == "rocm":
        return f"needs hipcc of ROCm {toolkit}"
    if toolkit is None:
        return "needs nvcc of torch's CUDA"
    gcc = gcc_for(toolkit) if "." in toolkit else None
    host = f" and gcc {gcc.at_least} to {gcc.below - 1}" if gcc else ""
    return f"needs ninja, nvcc of CUDA {toolkit.partition('.')[0]}{host}"


def _from(feature: str, nodes: Sequence[str], least: tuple[int, int]) -> Feature:
    """Return a feature that devices have from a compute capability on."""
    bound = f"compute capability {least[0]}.{least[1]} and newer"
    have = [tuple(map(int, one.split("."))) >= least for one in nodes]
    if not have or (any(have) and not all(have)):
        return Feature(feature=feature, state="device", detail=bound)
    return Feature(feature=feature, state="yes" if all(have) else "no", detail=bound)

"""The values of GPU checks: what a lock expects, what a probe reports, what both together say, and the receipt of that.

All four are JSON at the edge, with exactly these fields; ``docs/gpu.md`` describes them. Fields are added, never
changed.
"""

from __future__ import annotations

from dataclasses import field
from typing import Any, Literal

from envsolver.model.values import dataclass

__all__ = [
    "BuiltFor",
    "Coverage",
    "Device",
    "DriverNeed",
    "Expectations",
    "ExpectedFailure",
    "ExpectedLibrary",
    "Feature",
    "Node",
    "PlannedCheck",
    "ProbeCheck",
    "ProbeError",
    "Providers",
    "Receipt",
    "Report",
    "Result",
    "Verdict",
]

SCHEMA: Literal[1] = 1
"""Of all four documents."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltFor:
    """A package of the lock that carries, or links, code for GPUs.

    Attributes:
        package: canonical name.
        version: as locked.
        backend: cuda, rocm or cpu.
        toolkit: version of CUDA or ROCm, its major alone where no more is known; None for cpu.
        optional: whether the package works without it.
        source: what said so.
    """

    package: str
    version: str
    backend: str
    toolkit: str | None
    optional: bool
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverNeed:
    """The drivers that can run the lock.

    Attributes:
        minimum: the oldest that runs it at all, for CUDA 11 and later by minor version compatibility; None if unknown.
        packaged: the one that the newest toolkit among the parts came with, from which on nothing is missing.
        nodes: the oldest that the nodes have, as the spec says; None if it does not.
        toolkit: the CUDA version that asks for most.
        packages: ``name version`` of those built for it.
    """

    minimum: str | None
    packaged: str | None
    nodes: str | None
    toolkit: str
    packages: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """Whether a package has code for a device.

    Attributes:
        package: whose code it is.
        capability: of the device: ``8.6``.
        kind: ``binary``: machine code; ``ptx``: code that the driver compiles; ``none``.
        by: the architecture that serves it, or None.
    """

    package: str
    capability: str
    kind: Literal["binary", "ptx", "none"]
    by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedLibrary:
    """A runtime library that a process has when everything is imported.

    Attributes:
        library: ``libcudart``, without version.
        major: of its file name (``11`` for ``libcudart.so.11.0``), None if unknown.
        version: that it must have, as far as it is known: ``8.5.0``.
        package: that brings it.
        copies: how many files of it may be mapped, those that a wheel keeps under a private name not counted.
        required: whether it must be mapped once everything is imported.
    """

    library: str
    major: str | None
    version: str | None
    package: str
    copies: int = 1
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Providers:
    """The execution providers that an ONNX Runtime must have."""

    package: str
    providers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """What can be used, or what it takes.

    Attributes:
        feature: ``tf32``, ``bf16``, ``fp16``, ``fp8``, ``torch.compile``, ``attention``, ``deepspeed-ops``.
        state: ``yes``; ``no``; ``device``: on some devices; ``jit``: compiled on the node.
        detail: on which, or with what.
    """

    feature: str
    state: Literal["yes", "no", "device", "jit"]
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCheck:
    """A check that the probe is to run.

    Attributes:
        check: its name; ``import:MODULE`` imports one module.
        device: ``gpu`` if it can only be run on one.
        title: what is tried.
    """

    check: str
    device: Literal["any", "gpu"]
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedFailure:
    """A check that is known to fail, and why.

    Attributes:
        check: its name.
        reason: in a sentence.
        rule: the rule that knows it.
    """

    check: str
    reason: str
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectations:
    """What a lock expects of a node; derived from the lock, never typed.

    Attributes:
        environment: its name.
        lock: digest of what the lock installs.
        platform: ``linux-64``.
        python: full version.
        glibc: the oldest of the nodes, None where the platform has none.
        groups: beside the base, sorted.
        backend: what torch, or else the spec, is for; None where nothing is for GPUs.
        toolkit: version of CUDA or ROCm, likewise.
        packages: name → version of all that is installed.
        built_for: the parts with code for GPUs, sorted by name.
        driver: what it takes, None without CUDA.
        architectures: compute capabilities of the nodes, as the spec has them.
        code: package → the architectures for which it holds code, as far as that is known.
        coverage: for each of ``architectures``.
        libraries: sorted.
        providers: of ONNX Runtime.
        imports: modules that must be importable.
        features: what can be used.
        checks: what the probe is to run, in order.
        expected_failures: among them.
    """

    environment: str
    lock: str
    platform: str
    python: str
    glibc: str | None
    groups: tuple[str, ...]
    backend: Literal["cuda", "rocm", "cpu"] | None
    toolkit: str | None
    packages: dict[str, str]
    built_for: tuple[BuiltFor, ...]
    driver: DriverNeed | None
    architectures: tuple[str, ...]
    code: dict[str, tuple[str, ...]]
    coverage: tuple[Coverage, ...]
    libraries: tuple[ExpectedLibrary, ...]
    providers: tuple[Providers, ...]
    imports: tuple[str, ...]
    features: tuple[Feature, ...]
    checks: tuple[PlannedCheck, ...]
    expected_failures: tuple[ExpectedFailure, ...]
    schema: Literal[1] = SCHEMA

    @property
    def wants_gpu(self) -> bool:
        """Whether anything in it is meant for a GPU."""
        return self.backend in {"cuda", "rocm"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A GPU: its name, compute capability (``9.0``; of AMD's ``gfx90a``) and memory in bytes."""

    name: str
    capability: str
    memory: int = 0

    @property
    def architecture(self) -> str:
        """``sm_90`` or ``gfx90a``."""
        return self.capability if self.capability.startswith("gfx") else f"sm_{self.capability.replace('.', '')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """What a node offers, as the probe found it.

    Attributes:
        devices: the GPUs that the driver shows.
        backend: cuda or rocm, None without a driver.
        driver: its version, None if there is none or it does not say.
        driver_cuda: the newest CUDA that the driver knows.
        source: who told: ``nvml``, ``nvidia-smi``, ``libcuda``, ``kfd``.
        hardware: ``nvidia`` or ``amd`` for each such device on the PCI bus, whether a driver shows it or not.
        kernel_module: version of the driver's part in the kernel.
        device_files: such as ``/dev/nvidia0``.
        problems: why no driver could be asked.
        containers: what there is to run containers with.
    """

    devices: tuple[Device, ...] = ()
    backend: Literal["cuda", "rocm"] | None = None
    driver: str | None = None
    driver_cuda: str | None = None
    source: str | None = None
    hardware: tuple[str, ...] = ()
    kernel_module: str | None = None
    device_files: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    containers: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeError:
    """What a check raised: type, message, innermost place in the environment, the last lines of the traceback."""

    type: str
    message: str
    place: str | None = None
    trace: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeCheck:
    """What came of one check.

    Attributes:
        check: its name.
        status: ``pass``; ``fail``: it raised; ``crash``: its process ended early; ``timeout``; ``not-run``.
        seconds: that it took.
        facts: what it found out.
        error: what it raised.
        reason: why it was not run, or how its process ended.
        signal: that ended it, ``SIGSEGV``.
        output: the last lines that it printed, where it did not pass.
    """

    check: str
    status: Literal["pass", "fail", "crash", "timeout", "not-run"]
    seconds: float = 0.0
    facts: dict[str, Any] = field(default_factory=dict)
    error: ProbeError | None = None
    reason: str | None = None
    signal: str | None = None
    output: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a probe reports.

    Attributes:
        probe: version of the probe.
        time: when it began, RFC 3339 in UTC.
        seconds: that all of it took.
        python: full version.
        device: ``cuda`` where there was a GPU, else ``cpu``.
        system: the node apart from its GPUs.
        node: its GPUs.
        packages: name → version of what is installed.
        checks: in the order in which they were run.
        origin: in tests: how the report came about, where no probe wrote it.
    """

    probe: str
    time: str
    python: str
    node: Node
    packages: dict[str, str]
    checks: tuple[ProbeCheck, ...]
    seconds: float = 0.0
    device: str = "cpu"
    system: dict[str, Any] = field(default_factory=dict)
    schema: Literal[1] = SCHEMA
    origin: str | None = None

    def check(self, name: str) -> ProbeCheck | None:
        """Return what came of a check, None if the report has nothing of it."""
        return next((one for one in self.checks if one.check == name), None)


Status = Literal["pass", "fail", "not-run", "expected"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One line of a verdict.

    Attributes:
        check: name of the check.
        status: ``expected``: it failed as it was expected to.
        message: what was found; why it was not run.
        code: of the finding, where it failed.
        fix: what to do about it, where that is more than the document of the code says.
        seconds: that it took.
    """

    check: str
    status: Status
    message: str = ""
    code: str | None = None
    fix: str | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Expectations held against a report.

    Attributes:
        environment: its name.
        results: in the order of the checks, those about the node first.
        gpu: whether the checks that need a GPU had one.
    """

    environment: str
    results: tuple[Result, ...]
    gpu: bool

    @property
    def failed(self) -> tuple[Result, ...]:
        """The results that fail it."""
        return tuple(one for one in self.results if one.status == "fail")

    def count(self, status: Status) -> int:
        """Return the number of results with a status."""
        return sum(one.status == status for one in self.results)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The proof that a lock was tried on a node.

    Attributes:
        environment: its name.
        lock: digest of what the lock installs.
        tree: digest of the files that were tried, None if envsolver did not build them.
        sound: whether these were the files that the lock stands for; None if nobody looked.
        platform: ``linux-64``.
        python: full version of the interpreter.
        groups: beside the base.
        time: RFC 3339 in UTC.
        devices: of the node.
        architectures: theirs, sorted, each once: ``sm_90``.
        driver: its version.
        verdict: ``pass``, or ``fail``.
        counts: number of results by status.
        results: all of them.
        envsolver: its version.
        probe: version of the probe.
        kernel: of the node, for the record.
    """

    environment: str
    lock: str
    tree: str | None
    sound: bool | None
    platform: str
    python: str
    groups: tuple[str, ...]
    time: str
    devices: tuple[Device, ...]
    architectures: tuple[str, ...]
    driver: str | None
    verdict: Literal["pass", "fail"]
    counts: dict[str, int]
    results: tuple[Result, ...]
    envsolver: str
    probe: str
    kernel: str | None = None
    schema: Literal[1] = SCHEMA

    @property
    def place(self) -> str:
        """What it was proved on, for file names: ``sm_90``, ``sm_80+sm_90``, ``cpu``."""
        return "+".join(self.architectures) or "cpu"

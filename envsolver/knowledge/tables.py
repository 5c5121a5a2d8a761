"""The tables: toolkits and drivers, devices, releases of torch, companions, builds of other wheels.

Each is read when it is first asked for, and once. Version numbers are strings as their makers write them, compute
capabilities are ``8.6``, CUDA versions ``11.7``.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from envsolver.knowledge._toml import Document, read_shipped
from envsolver.model.candidate import normalize_name
from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable

    from envsolver.knowledge._toml import Row
    from envsolver.model.candidate import Name

__all__ = [
    "Build",
    "Carried",
    "Companions",
    "CudaTables",
    "Device",
    "DriverFloor",
    "GccBounds",
    "Image",
    "TestedTorch",
    "Toolkit",
    "ToolkitTargets",
    "TorchRelease",
    "TorchTables",
    "TorchVariant",
    "acpt_images",
    "builds",
    "capability_of",
    "carried",
    "companions",
    "cuda_tables",
    "devices",
    "lightning_tested",
    "parse_table",
    "torch_tables",
]


@dataclass(frozen=True, slots=True)
class Toolkit:
    """A release of the CUDA toolkit and the driver that it comes with.

    Attributes:
        version: ``12.4``.
        update: 0 for the first release of the minor version.
        linux: driver version for Linux x86_64.
        windows: driver version for Windows, None where it brings none.
    """

    version: str
    update: int
    linux: str
    windows: str | None


@dataclass(frozen=True, slots=True)
class DriverFloor:
    """The oldest drivers that run any minor of a toolkit's major version (minor version compatibility)."""

    versions: str
    linux: str
    windows: str


@dataclass(frozen=True, slots=True)
class ToolkitTargets:
    """The architectures for which the toolkits of some versions can make code: ``80``, ``90a``, ``120f``."""

    versions: str
    sm: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GccBounds:
    """The major versions of gcc that nvcc accepts: from ``at_least``, below ``below``."""

    versions: str
    at_least: int
    below: int


@dataclass(frozen=True, slots=True)
class CudaTables:
    """All of cuda.toml."""

    toolkits: tuple[Toolkit, ...]
    floors: tuple[DriverFloor, ...]
    targets: tuple[ToolkitTargets, ...]
    gcc: tuple[GccBounds, ...]


@dataclass(frozen=True, slots=True)
class Device:
    """A GPU and its compute capability."""

    name: str
    capability: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TorchRelease:
    """A release of torch on PyPI.

    Attributes:
        version: public version.
        cuda: of the wheel for linux x86_64; the wheels for Windows and macOS are CPU builds.
        aarch64: CUDA of the wheel for linux aarch64, or ``cpu``.
        architectures: compute capabilities for which the linux x86_64 wheel holds machine code.
        cxx11_abi: whether it was compiled with the C++11 ABI of libstdc++.
        cudnn: version that it pins, None where it holds one inside.
        nccl: likewise.
        triton: likewise.
        indexes: names of the indexes of PyTorch that have other builds of it, such as ``cu118``; not all of them.
    """

    version: str
    cuda: str
    aarch64: str
    architectures: tuple[str, ...]
    cxx11_abi: bool
    cudnn: str | None
    nccl: str | None
    triton: str | None
    indexes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TorchVariant:
    """What the wheels of some versions with a local version such as ``cu118`` hold."""

    versions: str
    local: tuple[str, ...]
    architectures: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TorchTables:
    """All of torch.toml."""

    releases: tuple[TorchRelease, ...]
    variants: tuple[TorchVariant, ...]

    def release(self, version: str) -> TorchRelease | None:
        """Return a release by its version; a local version counts as its public version."""
        public = version.partition("+")[0]
        return next((release for release in self.releases if release.version == public), None)


@dataclass(frozen=True, slots=True)
class Companions:
    """The releases of other projects that pin a release of torch, ascending."""

    torch: str
    torchvision: tuple[str, ...]
    torchaudio: tuple[str, ...]
    torchtext: tuple[str, ...]
    xformers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TestedTorch:
    """The torch versions with which a minor release of Lightning was tested, both included."""

    __test__ = False  # pytest collects classes by their name

    lightning: str
    torch_min: str
    torch_tested: str


@dataclass(frozen=True, slots=True)
class Image:
    """A published image of the Azure Container for PyTorch: versions that were shipped together."""

    torch: str
    onnxruntime_training: str
    torch_ort: str
    deepspeed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """For which CUDA the PyPI wheels of some versions were built.

    Attributes:
        package: canonical project name.
        versions: specifier.
        cuda: toolkit version.
        platforms: on which it holds.
        otherwise: ``cpu`` if the wheels for all other platforms are CPU builds, None if that is not known.
        optional: whether the package works without CUDA too.
        verified: ``wheel-source`` or ``documentation``.
        source: where it stands.
    """

    package: Name
    versions: str
    cuda: str
    platforms: tuple[str, ...]
    otherwise: str | None
    optional: bool
    verified: str
    source: str


@dataclass(frozen=True, slots=True)
class Carried:
    """The toolkits for which one wheel holds code; at run time it takes the one that torch uses."""

    package: Name
    versions: str
    cuda: tuple[str, ...]


def parse_table(text: str, path: str, **readers: Callable[[Row], object]) -> dict[str, tuple[object, ...]]:
    """Return the rows of a data file by their header.

    Raises:
        SpecError: with all problems, if the file is not what its readers expect.
    """
    document = Document(text, path)
    document.only(*readers)
    found = {header: tuple(reader(row) for row in document.rows(header)) for header, reader in readers.items()}
    document.raise_problems()
    return found


def _table(name: str, **readers: Callable[[Row], object]) -> dict[str, tuple[object, ...]]:
    return parse_table(read_shipped("data", name), f"envsolver/knowledge/data/{name}.toml", **readers)


@lru_cache(maxsize=1)
def cuda_tables() -> CudaTables:
    """Return what is known of CUDA toolkits and drivers."""
    toolkits = _table("cuda", toolkit=_toolkit, compatible=_floor, architectures=_targets, gcc=_gcc)
    return CudaTables(
        tuple(row for row in toolkits["toolkit"] if isinstance(row, Toolkit)),
        tuple(row for row in toolkits["compatible"] if isinstance(row, DriverFloor)),
        tuple(row for row in toolkits["architectures"] if isinstance(row, ToolkitTargets)),
        tuple(row for row in toolkits["gcc"] if isinstance(row, GccBounds)),
    )


def _toolkit(row: Row) -> Toolkit:
    windows = row.text("windows", "") or None
    return Toolkit(row.text("version"), row.number_of("update", 0), row.text("linux"), windows)


def _floor(row: Row) -> DriverFloor:
    return DriverFloor(row.text("versions"), row.text("linux"), row.text("windows"))


def _targets(row: Row) -> ToolkitTargets:
    row.text("source")
    return ToolkitTargets(row.text("versions"), row.texts("sm", required=True))


def _gcc(row: Row) -> GccBounds:
    row.text("source")
    return GccBounds(row.text("versions"), row.number_of("min"), row.number_of("below"))


@lru_cache(maxsize=1)
def devices() -> dict[str, str]:
    """Return name → compute capability of the devices that are known."""
    rows = _table("gpus", gpu=_device)["gpu"]
    return {row.name: row.capability for row in rows if isinstance(row, Device)}


def _device(row: Row) -> Device:
    return Device(row.text("name"), row.text("capability"))


def capability_of(device: str) -> str | None:
    """Return the compute capability of a device by its name, case and blanks aside; None if it is not known."""
    wanted = "".join(device.lower().split())
    return next((capability for name, capability in devices().items() if "".join(name.lower().split()) == wanted), None)


@lru_cache(maxsize=1)
def torch_tables() -> TorchTables:
    """Return what is known of the releases of torch."""
    found = _table("torch", release=_torch_release, variant=_torch_variant)
    return TorchTables(
        tuple(row for row in found["release"] if isinstance(row, TorchRelease)),
        tuple(row for row in found["variant"] if isinstance(row, TorchVariant)),
    )


def _torch_release(row: Row) -> TorchRelease:
    return TorchRelease(
        version=row.text("version"),
        cuda=row.text("cuda"),
        aarch64=row.text("aarch64"),
        architectures=row.texts("architectures", required=True),
        cxx11_abi=row.number_of("abi") == 1,
        cudnn=row.text("cudnn", "") or None,
        nccl=row.text("nccl", "") or None,
        triton=row.text("triton", "") or None,
        indexes=row.texts("indexes"),
    )


def _torch_variant(row: Row) -> TorchVariant:
    return TorchVariant(
        row.text("versions"), row.texts("local", required=True), row.texts("architectures", required=True)
    )


@lru_cache(maxsize=1)
def _companion_tables() -> dict[str, tuple[object, ...]]:
    return _table("companions", torch=_companions, lightning=_tested, acpt=_image)


def companions() -> tuple[Companions, ...]:
    """Return which releases of other projects pin which release of torch, ascending."""
    return tuple(row for row in _companion_tables()["torch"] if isinstance(row, Companions))


def lightning_tested() -> tuple[TestedTorch, ...]:
    """Return with which torch each minor release of Lightning was tested."""
    return tuple(row for row in _companion_tables()["lightning"] if isinstance(row, TestedTorch))


def acpt_images() -> tuple[Image, ...]:
    """Return which versions the published ACPT images shipped together."""
    return tuple(row for row in _companion_tables()["acpt"] if isinstance(row, Image))


def _companions(row: Row) -> Companions:
    return Companions(
        row.text("version"),
        row.texts("torchvision"),
        row.texts("torchaudio"),
        row.texts("torchtext"),
        row.texts("xformers"),
    )


def _tested(row: Row) -> TestedTorch:
    return TestedTorch(row.text("version"), row.text("torch_min"), row.text("torch_tested"))


def _image(row: Row) -> Image:
    return Image(row.text("torch"), row.text("onnxruntime_training"), row.text("torch_ort"), row.text("deepspeed"))


@lru_cache(maxsize=1)
def _build_tables() -> dict[str, tuple[object, ...]]:
    return _table("builds", build=_build, carries=_carried)


@lru_cache(maxsize=256)
def builds(package: Name) -> tuple[Build, ...]:
    """Return for which CUDA the PyPI wheels of a project were built; torch itself is in :func:`torch_tables`."""
    return tuple(row for row in _build_tables()["build"] if isinstance(row, Build) and row.package == package)


@lru_cache(maxsize=256)
def carried(package: Name) -> tuple[Carried, ...]:
    """Return the toolkits for which the wheels of a project hold code, where they hold code for several."""
    return tuple(row for row in _build_tables()["carries"] if isinstance(row, Carried) and row.package == package)


def _build(row: Row) -> Build:
    return Build(
        package=normalize_name(row.text("package")),
        versions=row.text("versions"),
        cuda=row.text("cuda"),
        platforms=row.texts("platforms", required=True),
        otherwise=row.text("otherwise", "") or None,
        optional=row.flag("optional"),
        verified=row.choice("verified", ("wheel-source", "documentation")),
        source=row.text("source"),
    )


def _carried(row: Row) -> Carried:
    return Carried(normalize_name(row.text("package")), row.text("versions"), row.texts("cuda", required=True))

"""Variants: for which GPU software a file was built, told from all that names it.

Version numbers do not tell: torch 1.12.1 is a CUDA 10.2 build on PyPI, a CUDA 11.6 build as ``1.12.1+cu116`` on an
index of PyTorch, and a CPU build on PyPI for Windows. The first of these that says something is believed: the local
version, the project's name, the index, the tables, the requirements; of a conda package its build string.
"""

from __future__ import annotations

import re
from dataclasses import field
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from envsolver.knowledge.rules import admits
from envsolver.knowledge.tables import builds, carried, torch_tables
from envsolver.model.candidate import CONDA_PREFIX, normalize_name
from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envsolver.model.candidate import Name

__all__ = ["SAME_VARIANT_FAMILY", "Backend", "Variant", "carried_cuda", "cuda_of_tag", "platform_of", "variant_of"]

Backend = Literal["cuda", "rocm", "cpu"]

SAME_VARIANT_FAMILY = frozenset(normalize_name(name) for name in ("torch", "torchvision", "torchaudio", "torchtext"))
"""Compiled against each other: they must share the exact variant. Everything else must share the CUDA major."""

_INDEXED = SAME_VARIANT_FAMILY | {normalize_name(name) for name in ("xformers", "torchcodec", "fbgemm-gpu", "torchrec")}
"""Projects of which an index of PyTorch serves one build per variant; it also mirrors pure and unrelated wheels."""

_NUMBERED = frozenset(
    normalize_name(name)
    for name in (
        "cuda-bindings",
        "cuda-toolkit",
        "nvidia-cublas",
        "nvidia-cuda-cupti",
        "nvidia-cuda-nvcc",
        "nvidia-cuda-nvrtc",
        "nvidia-cuda-runtime",
        "nvidia-nvjitlink",
        "nvidia-nvtx",
    )
)
"""From CUDA 13 on NVIDIA's projects have no suffix; the first number of these is the toolkit's (read in the metadata of
cuda-toolkit 13.0 and the file lists of the wheels, which lie under nvidia/cu13)."""

_TAG = re.compile(r"(?:^|[^a-z])(?:cu|cuda)-?(\d{2,3})(?:x|v\d+)?(?![a-z0-9])")
_LOCAL = re.compile(r"(?:^|[^a-z]|t\d{2,3})(?:cu|cuda)(\d{2,3})")
_ROCM = re.compile(r"rocm-?(\d+(?:[.-]\d+)*)")
_CONDA = re.compile(r"cuda(\d+)(?:\.(\d+))?")
_CONDA_TAG = re.compile(r"(?:^|_)cu(\d{2,3})(?:_|$)")
_TOOLKITS = frozenset({"cuda-toolkit", "cuda-version", "cudatoolkit", "pytorch-cuda"})
"""Packages of conda whose version is that of CUDA."""
_NVIDIA = re.compile(r"nvidia-[a-z0-9-]+-cu(\d{2})")


@dataclass(frozen=True, slots=True)
class Variant:
    """What a file was built for.

    Attributes:
        backend: cuda, rocm or cpu.
        version: toolkit version, ``11.7``, or its major alone where no more is known; None for cpu.
        optional: whether the package works without that too.
        origin: what said so, for explanations.
    """

    backend: Backend
    version: str | None = None
    optional: bool = field(default=False, compare=False)
    origin: str = field(default="", compare=False)

    @property
    def major(self) -> str | None:
        """The toolkit's major version."""
        return self.version.partition(".")[0] if self.version else None

    @property
    def exact(self) -> bool:
        """Whether the minor version is known."""
        return self.version is None or "." in self.version

    def __str__(self) -> str:
        return {"cuda": "CUDA", "rocm": "ROCm", "cpu": "CPU"}[self.backend] + (
            f" {self.version}" if self.version else ""
        )


def variant_of(
    *,
    name: Name,
    version: str,
    filename: str,
    index_url: str | None = None,
    requires_dist: Sequence[str] | None = None,
    build_string: str | None = None,
) -> Variant | None:
    """Return what a file was built for, None if nothing says so or it holds no such code.

    Args:
        name: of the project.
        version: with its local part.
        filename: of the wheel; a source archive has no variant, whatever it becomes when it is built.
        index_url: of the index that serves it; its last path segments count (``/whl/cu118``).
        requires_dist: the file's requirements, if they are known already.
        build_string: of a conda package.
    """
    if build_string is not None:
        return _of_toolkit(name.removeprefix(CONDA_PREFIX), version) or _of_build_string(build_string)
    if not filename.endswith(".whl"):
        return None
    if _of_no_variant(name, version):
        return None
    found = (
        _of_local_version(version.partition("+")[2]) or _of_name(name, version) or _of_index(name, filename, index_url)
    )
    if found is None and "+" not in version:  # the tables know what PyPI serves, where no version has a local part
        found = _of_tables(name, version, platform_of(filename))
    if found is None and requires_dist:
        found = _of_requirements(tuple(requires_dist), platform_of(filename))
    return found


def carried_cuda(name: Name, version: str) -> tuple[str, ...]:
    """Return the CUDA versions for which a wheel holds code, where it holds code for several; else nothing."""
    return next((row.cuda for row in carried(name) if admits(row.versions, version)), ())


@lru_cache(maxsize=4096)
def platform_of(filename: str) -> str | None:
    """Return the platform of a wheel by its tag (PEP 425), None for a pure one or one that is not known."""
    tag = filename.removesuffix(".whl").rpartition("-")[2]
    for platform, needles in (
        ("linux-64", ("linux", "x86_64")),
        ("linux-aarch64", ("linux", "aarch64")),
        ("win-64", ("win_amd64",)),
        ("osx-arm64", ("macosx", "arm64")),
        ("osx-64", ("macosx",)),
    ):
        if all(needle in tag for needle in needles):
            return platform
    return None


def cuda_of_tag(digits: str) -> str:
    """Return the CUDA version that ``116`` (11.6), ``12`` (any 12) or ``92`` (9.2) stands for."""
    if len(digits) == 3 or int(digits) >= 80:
        return f"{digits[:-1]}.{digits[-1]}"
    return digits


def _of_no_variant(name: Name, version: str) -> bool:
    """Whether a project holds no GPU code in spite of its label.

    torchtext's wheels say ``+cpu`` and are all that there is: they run beside every build of torch (its version.py has
    no CUDA in any release). torchaudio has CUDA code since 0.10.
    """
    return name == "torchtext" or (name == "torchaudio" and admits("<0.10", version))


@lru_cache(maxsize=1024)
def _of_local_version(local: str) -> Variant | None:
    if not local:
        return None
    origin = f"local version +{local}"
    if found := _ROCM.search(local):
        return Variant("rocm", found[1].replace("-", "."), origin=origin)
    if found := _LOCAL.search(local):
        return Variant("cuda", cuda_of_tag(found[1]), origin=origin)
    if re.search(r"(?:^|[^a-z])cpu(?![a-z])", local):
        return Variant("cpu", origin=origin)
    return None


@lru_cache(maxsize=4096)
def _of_name(name: Name, version: str) -> Variant | None:
    if found := _ROCM.search(name):
        return Variant("rocm", found[1].replace("-", "."), origin="by its name")
    if found := _TAG.search(name):
        return Variant("cuda", cuda_of_tag(found[1]), origin="by its name")
    if name in _NUMBERED and admits(">=12", version):
        return Variant("cuda", version.partition(".")[0], origin=f"version {version} of {name}")
    return None


def _of_toolkit(package: str, version: str) -> Variant | None:
    found = re.match(r"\d+\.\d+", version) if package in _TOOLKITS else None
    return Variant("cuda", found[0], origin=f"version {version}") if found else None


@lru_cache(maxsize=1024)
def _of_build_string(build: str) -> Variant | None:
    """Read ``py3.9_cuda11.6_cudnn8.3.2_0`` and ``py39_cu116`` (channel pytorch), ``cuda112py39h...``, ``cpu_py39...``.

    conda-forge writes the oldest version of CUDA that will do: only the major version says something.
    """
    origin = f"build {build}"
    if found := _CONDA.search(build):
        version = f"{found[1]}.{found[2]}" if found[2] else cuda_of_tag(found[1]).partition(".")[0]
        return Variant("cuda", version, origin=origin)
    if found := _CONDA_TAG.search(build):
        return Variant("cuda", cuda_of_tag(found[1]), origin=origin)
    if found := _ROCM.search(build):
        return Variant("rocm", found[1], origin=origin)
    return Variant("cpu", origin=origin) if re.search(r"(?:^|_)cpu", build) else None


def _of_index(name: Name, filename: str, url: str | None) -> Variant | None:
    if url is None or name not in _INDEXED or platform_of(filename) is None:
        return None
    path = url.partition("://")[2].partition("/")[2]
    for segment in reversed([part for part in re.split(r"[/_]", path.removesuffix(".html")) if part]):
        if re.fullmatch(r"cu\d{2,3}", segment):
            return Variant("cuda", cuda_of_tag(segment[2:]), origin=f"index {segment}")
        if found := re.fullmatch(_ROCM, segment):
            return Variant("rocm", found[1], origin=f"index {segment}")
        if segment == "cpu":
            return Variant("cpu", origin=f"index {segment}")
    return None


@lru_cache(maxsize=4096)
def _of_tables(name: Name, version: str, platform: str | None) -> Variant | None:
    if platform is None:
        return None
    if name == "torch":
        return _of_torch(version, platform)
    for row in builds(name):
        if not admits(row.versions, version):
            continue
        origin = f"on PyPI: {row.source}"
        if platform in row.platforms:
            return Variant("cuda", row.cuda, optional=row.optional, origin=origin)
        return Variant("cpu", origin=origin) if row.otherwise == "cpu" else None
    return None


def _of_torch(version: str, platform: str) -> Variant | None:
    release = torch_tables().release(version)
    if release is None:
        return None
    cuda = {"linux-64": release.cuda, "linux-aarch64": release.aarch64}.get(platform, "cpu")
    origin = "on PyPI: torch/version.py in the wheel"
    return Variant("cpu", origin=origin) if cuda == "cpu" else Variant("cuda", cuda, origin=origin)


@lru_cache(maxsize=1024)
def _of_requirements(requires_dist: tuple[str, ...], platform: str | None) -> Variant | None:
    """Read what the requirements that apply without an extra name: the toolkit, else its major.

    From torch 2.11 on ``cuda-toolkit==13.0.*`` or the like; before, ``nvidia-cuda-runtime-cu12==12.1.105``, whose
    version begins with the toolkit's.
    """
    major: Variant | None = None
    for text in requires_dist:
        name = normalize_name(re.split(r"[^A-Za-z0-9._-]", text.strip(), maxsplit=1)[0])
        found = _NVIDIA.fullmatch(name)
        if (found is None and name != "cuda-toolkit") or not _applies(text, platform):
            continue
        pinned = re.search(r"==\s*(\d+\.\d+)", text.partition(";")[0])
        origin = f"its requirement {text.partition(';')[0].strip()}"
        if pinned and (name == "cuda-toolkit" or name.startswith("nvidia-cuda-runtime-")):
            return Variant("cuda", pinned[1], origin=origin)
        if found and major is None:
            major = Variant("cuda", found[1], origin=origin)
    return major


def _applies(text: str, platform: str | None) -> bool:
    """Whether a requirement applies on a platform without any extra."""
    from packaging.markers import InvalidMarker, Marker

    from envsolver.model.target import KNOWN_PLATFORMS, Target

    marker = text.partition(";")[2].strip()
    if not marker:
        return True
    target = Target(platform=platform if platform in KNOWN_PLATFORMS else "linux-64", python="3.11.0")
    try:
        return Marker(marker).evaluate({**target.marker_environment, "extra": ""})
    except InvalidMarker:
        return False

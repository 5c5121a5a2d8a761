"""Which project a package of conda provides, where the names differ; and which packages come in builds for a GPU.

The names that matter to GPU environments and their surroundings, each compared with the public mapping of conda-forge
(parselmouth). A package that is not listed provides the project of its own name, if any of its builds needs Python.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

from envsolver.knowledge.variants import variant_of
from envsolver.model.candidate import Name, normalize_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envsolver.model.spec import GpuSpec

__all__ = ["NAMES", "NameTable", "conda_candidates", "fits_gpu", "of_gpu_builds", "project_of"]

NAMES: Final[Mapping[str, str]] = {
    "build": "",
    "cmake": "",
    "cudatoolkit": "",
    "dask-core": "dask",
    "faiss-cpu": "faiss",
    "faiss-gpu": "faiss",
    "ffmpeg": "",
    "git": "",
    "graphviz": "",
    "ignite": "pytorch-ignite",
    "matplotlib-base": "matplotlib",
    "mkl": "",
    "msgpack-python": "msgpack",
    "ninja": "",
    "nodejs": "",
    "openssl": "",
    "py-opencv": "opencv-python",
    "py-xgboost": "xgboost",
    "pytables": "tables",
    "python-build": "build",
    "python-flatbuffers": "flatbuffers",
    "python-graphviz": "graphviz",
    "pytorch": "torch",
    "pytorch-cpu": "",
    "pytorch-cuda": "",
    "pytorch-gpu": "",
    "pytorch-mutex": "",
    "seaborn-base": "seaborn",
    "snappy": "",
    "tensorflow-base": "tensorflow",
    "torchtriton": "triton",
    "zstd": "",
}
"""Package of conda → project; empty for none."""

_GPU_BUILDS: Final = frozenset(
    {
        *("pytorch", "torchvision", "torchaudio", "torchtext", "pytorch-mutex", "torchtriton"),
        *("tensorflow", "tensorflow-base", "jaxlib", "libtorch", "onnxruntime", "faiss", "libfaiss", "xgboost"),
        *("libxgboost", "py-xgboost", "lightgbm", "cupy", "magma", "dgl"),
    }
)
"""Packages of which builds for CPUs and for GPUs stand side by side under one name."""


class NameTable(dict[str, str]):
    """Package of conda → project, as users and public mappings have it, with the way back: they are long."""

    @cached_property
    def by_project(self) -> Mapping[str, tuple[str, ...]]:
        """Project → the packages that provide it."""
        found: dict[str, list[str]] = {}
        for package, project in self.items():
            found.setdefault(project, []).append(package)
        return {project: tuple(packages) for project, packages in found.items()}


def project_of(package: str, names: Mapping[str, str]) -> Name | None:
    """Return the project that a package of conda provides if it holds Python code, None if it is known to hold none.

    Args:
        package: its name.
        names: what the user says, which goes before what is known here.
    """
    found = names.get(package, NAMES.get(package, package))
    return Name(normalize_name(found)) if found else None


def conda_candidates(project: Name, names: Mapping[str, str]) -> tuple[str, ...]:
    """Return the packages of conda that may provide a project, sorted.

    conda does not normalise names: ``typing_extensions`` and ``typing-extensions`` are two packages.
    """
    table = names if isinstance(names, NameTable) else NameTable(names)
    listed = {package for package, provided in NAMES.items() if provided == project}
    listed.update(table.by_project.get(project, ()))
    spelled = {str(project), project.replace("-", "_"), project.replace("-", ".")}
    if "-" in project:
        head, _, rest = project.partition("-")
        spelled |= {f"{head}.{rest}", f"{head}.{rest.replace('-', '_')}"}
    return tuple(sorted(package for package in listed | spelled if project_of(package, names) == project))


def of_gpu_builds(package: str) -> bool:
    """Say whether builds of a package for CPUs and for GPUs stand side by side under its name."""
    return package in _GPU_BUILDS


def fits_gpu(package: str, version: str, build: str, gpu: GpuSpec | None) -> bool:
    """Say whether a build is one for what the nodes compute on.

    Repodata lets a solver fall back to a CPU build without a word; a spec that asks for a GPU does not. A build for
    another CUDA than the spec names is none for it either.
    """
    if gpu is None or package not in _GPU_BUILDS:
        return True
    if package == "pytorch-mutex":
        return (build == "cpu") is (gpu.backend == "cpu")
    variant = variant_of(name=Name(package), version=version, filename="", build_string=build)
    if variant is None:
        return True
    if variant.backend != gpu.backend:
        return False
    if variant.backend == "cpu" or gpu.version is None or variant.version is None:
        return True
    # The channel pytorch writes the minor version (cuda11.6, cu116) and pairs it with a toolkit of that version.
    # conda-forge writes the oldest one that will do (cuda112): within a major version CUDA keeps its binary interface.
    if "." in variant.version:
        return variant.version == gpu.version
    return variant.major == gpu.version.partition(".")[0]

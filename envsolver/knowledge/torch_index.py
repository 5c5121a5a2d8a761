"""The indexes of PyTorch: which one has builds for some GPU software, and of which releases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envsolver.knowledge.gpu import architectures_covered, torch_architectures
from envsolver.knowledge.tables import torch_tables
from envsolver.knowledge.variants import cuda_of_tag

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envsolver.knowledge.variants import Backend

__all__ = [
    "PYTORCH_INDEXES",
    "cuda_versions",
    "first_torch_for",
    "serves_by_default",
    "torch_index",
    "torch_releases_on",
]

PYTORCH_INDEXES = "https://download.pytorch.org/whl"
"""Below it lies one index for each variant, called as the local version of its wheels (``cu116``)."""


def torch_index(backend: Backend, version: str | None) -> str | None:
    """Return the name of the index of a variant (``cu116``, ``rocm5.2``, ``cpu``); None where no version says which."""
    if backend == "cpu":
        return "cpu"
    if version is None or "." not in version:
        return None
    return f"rocm{version}" if backend == "rocm" else f"cu{''.join(version.split('.')[:2])}"


def torch_releases_on(index: str) -> tuple[str, ...]:
    """Return the releases of torch that an index is known to have; all that are known, of the one for CPUs."""
    return tuple(release.version for release in torch_tables().releases if index == "cpu" or index in release.indexes)


def cuda_versions() -> tuple[str, ...]:
    """Return the CUDA versions for which there are builds of torch, ascending."""
    found = {release.cuda for release in torch_tables().releases}
    for release in torch_tables().releases:
        found |= {cuda_of_tag(index.removeprefix("cu")) for index in release.indexes if index.startswith("cu")}
    return tuple(sorted(found, key=lambda version: tuple(map(int, version.split(".")))))


def serves_by_default(release: str, cuda: str) -> bool:
    """Say whether the linux x86_64 wheel of a release on the default index is built for a CUDA version."""
    found = torch_tables().release(release)
    return found is not None and found.cuda == cuda


def first_torch_for(
    capabilities: Sequence[str], above: str, *, wanted: str | None = None, only_default: bool = False
) -> tuple[str, str] | None:
    """Return the oldest release of torch above a version that has a build for all of some devices.

    Args:
        capabilities: of the devices, ``8.0``.
        above: a version of torch; its local part does not count.
        wanted: the CUDA version to prefer.
        only_default: consider only the builds on the default index.

    Returns:
        The release, and the CUDA that is wanted, or else the oldest for which there is such a build of it; None if none
        is known.
    """
    from packaging.version import Version

    floor = Version(Version(above).public)
    for release in sorted(torch_tables().releases, key=lambda one: Version(one.version)):
        if Version(release.version) <= floor:
            continue
        built = {release.cuda: release.architectures}
        for index in () if only_default else release.indexes:
            cuda = cuda_of_tag(index.removeprefix("cu")) if index.startswith("cu") else None
            if cuda and (architectures := torch_architectures(release.version, cuda)):
                built[cuda] = architectures
        fitting = [
            cuda
            for cuda, architectures in built.items()
            if all(architectures_covered(architectures, one).kind != "none" for one in capabilities)
        ]
        if wanted is not None and wanted in fitting:
            return release.version, wanted
        if fitting:
            return release.version, min(fitting, key=lambda cuda: tuple(map(int, cuda.split("."))))
    return None

"""Whether this machine has the tools that a build needs, asked before anything is fetched or compiled for it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from envsolver.build.toolchain import TOOL_PATH, find_tool, nvcc_release, try_nvcc
from envsolver.model.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envsolver.lock.model import LockedBuild
    from envsolver.model.spec import GpuSpec

__all__ = ["check_tools"]

_PACKAGES = {"cc": "gcc", "c++": "g++", "ninja": "ninja-build", "nvcc": "nvidia-cuda-toolkit"}
"""Debian's and Ubuntu's packages of programs that are called otherwise."""


def check_tools(build: LockedBuild, gpu: GpuSpec | None) -> None:
    """Refuse to begin a build for which a tool is missing, or the CUDA toolkit is the wrong one or does not work.

    Args:
        build: with the tools that it needs and the folders in which they are looked for.
        gpu: what the environment is for.

    Raises:
        UsageError: so it is.
    """
    name = f"{build.name} {build.version}"
    cuda = gpu.version if gpu is not None and gpu.backend == "cuda" else None
    if missing := [tool for tool in build.needs if find_tool(tool, build.path) is None]:
        where = ", ".join([*build.path, *TOOL_PATH.split(os.pathsep)])
        raise UsageError(
            f"the build of {name} needs {', '.join(missing)}, not to be found in {where}",
            hint=f"{_providers(missing, cuda)}; a folder that is not searched is named under 'path' of the build",
        )
    if "nvcc" in build.needs:
        _check_toolkit(build, name, cuda)


def _check_toolkit(build: LockedBuild, name: str, cuda: str | None) -> None:
    release, program = nvcc_release(build.path), find_tool("nvcc", build.path)
    if cuda is not None and (release or "").partition(".")[0] != cuda.partition(".")[0]:
        raise UsageError(
            f"the build of {name} would use CUDA {release or 'of no version'} ({program}), and the environment is for "
            f"CUDA {cuda}",
            hint=f"name the folder with the nvcc of {_toolkit(cuda)} under 'path' of the build in the spec",
        )
    wrong = try_nvcc(build.path, dict(one.split("=", 1) for one in build.environment))
    if wrong is not None:
        raise UsageError(
            f"the build of {name} needs a CUDA toolkit that works, and {program} cannot compile an empty program: "
            f"{wrong}",
            hint=_host_compiler(release),
        )


def _providers(missing: Iterable[str], cuda: str | None) -> str:
    packages = " ".join(sorted(_PACKAGES.get(tool, tool) for tool in missing))
    told = f"on Debian and Ubuntu `apt install {packages}` brings what has the name"
    return told if "nvcc" not in missing else f"nvcc is part of {_toolkit(cuda)}; {told}"


def _toolkit(cuda: str | None) -> str:
    """Say what a toolkit is had from."""
    if cuda is None:
        return "a CUDA toolkit (NVIDIA's packages, or its images nvidia/cuda:…-devel)"
    package = f"cuda-toolkit-{'-'.join(cuda.split('.')[:2])}"
    major = cuda.partition(".")[0]
    return f"a CUDA {major} toolkit (NVIDIA's package {package}, or an image nvidia/cuda:{cuda}…-devel)"


def _host_compiler(release: str | None) -> str:
    from envsolver.knowledge.gpu import gcc_for

    bounds = None if release is None else gcc_for(release)
    if bounds is None:
        return "it needs its headers, libcudart, and a host compiler that it accepts (CUDAHOSTCXX)"
    return (
        f"it needs its headers, libcudart, and a g++ from {bounds.at_least} to {bounds.below - 1} as host compiler; "
        "CUDAHOSTCXX under 'environment' of the build names one"
    )

"""The GPU in the solver: no build that the nodes cannot run, no two that cannot share a process."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from envsolver.model.errors import NoSolutionError
from envsolver.model.origin import Origin
from envsolver.model.spec import GpuAllow, GpuSpec
from envsolver.solve.gpu import GpuNeeds
from envsolver.solve.resolve import resolve
from tests.support.memory import MemorySource, problem

if TYPE_CHECKING:
    from envsolver.model.resolution import Resolution
    from envsolver.solve.problem import Problem

LINUX = "cp39-cp39-manylinux2014_x86_64"
HERE = Origin("specs/x.yaml", 3)


@pytest.fixture
def source() -> MemorySource:
    """What the default index has of torch 1.12 and 1.13 and of onnxruntime-training, by name and tag."""
    source = MemorySource()
    source.add("torch", "1.12.1", tags=LINUX)
    source.add("torch", "1.13.1", tags=LINUX)
    source.add("torchvision", "0.13.1", ["torch==1.12.1"], tags=LINUX)
    source.add("torchvision", "0.14.1", ["torch==1.13.1"], tags=LINUX)
    source.add("onnxruntime-training", "1.12.0", tags=LINUX)
    source.add("onnxruntime-training", "1.14.0", tags=LINUX)
    source.add("click", "8.0")
    return source


def gpu(**facts: Any) -> GpuSpec:
    return GpuSpec(**{"backend": "cuda", "origin": HERE, **facts})


def asked(spec: GpuSpec, *texts: str, platform: str = "linux-64", **urls: str) -> Problem:
    return replace(problem(*texts, platform=platform), gpu=GpuNeeds(spec=spec, index_urls=urls))


def run(question: Problem, source: MemorySource) -> Resolution:
    return asyncio.run(resolve(question, source))


def pins(question: Problem, source: MemorySource) -> dict[str, str]:
    return {package.name: package.version for package in run(question, source).packages}


def failure(question: Problem, source: MemorySource) -> list[str]:
    with pytest.raises(NoSolutionError) as caught:
        run(question, source)
    return [line.strip() for line in str(caught.value).splitlines()[1:]]


def test_the_version_is_chosen_whose_build_fits(source: MemorySource) -> None:
    assert pins(asked(gpu(version="11.7"), "torch"), source) == {"torch": "1.13.1"}
    assert pins(asked(gpu(version="10.2"), "torch", "click"), source) == {"click": "8.0", "torch": "1.12.1"}


def test_a_build_for_another_cuda_is_refused_with_its_origin(source: MemorySource) -> None:
    lines = failure(asked(gpu(version="11.6"), "torch==1.12.1"), source)
    assert lines[:2] == ["specs/x.yaml:5: torch==1.12.1", "specs/x.yaml:3: gpu.cuda: 11.6"]
    assert lines[2] == "torch 1.12.1 is built for CUDA 10.2 (on PyPI: torch/version.py in the wheel)"


def test_a_local_version_names_the_build(source: MemorySource) -> None:
    source.add("torch", "1.12.1+cu116", tags=LINUX, index="pytorch-cu116")
    assert pins(asked(gpu(version="11.6"), "torch==1.12.1"), source) == {"torch": "1.12.1+cu116"}


def test_an_index_names_the_build() -> None:
    source = MemorySource()
    source.add("torch", "2.9.0", tags="cp39-cp39-manylinux_2_28_x86_64", index="ours")
    ours = {"ours": "https://mirror.example/whl/cu126"}
    assert pins(asked(gpu(version="12.6"), "torch", **ours), source) == {"torch": "2.9.0"}
    assert "is built for CUDA 12.6 (index cu126)" in failure(asked(gpu(version="12.8"), "torch", **ours), source)[-1]


def test_others_share_the_major_version_only(source: MemorySource) -> None:
    question = asked(gpu(version="11.7"), "torch", "onnxruntime-training==1.14.0")
    assert pins(question, source) == {"onnxruntime-training": "1.14.0", "torch": "1.13.1"}
    lines = failure(asked(gpu(version="11.7"), "torch", "onnxruntime-training==1.12.0"), source)
    assert any(line.startswith("onnxruntime-training 1.12.0 is built for CUDA 10.2 ") for line in lines)


def test_an_exception_has_to_be_written_down(source: MemorySource) -> None:
    allowed = GpuAllow(package="onnxruntime_training", cuda="10.2", reason="used on its own", origin=HERE)
    question = asked(gpu(version="11.7", allow=(allowed,)), "torch", "onnxruntime-training==1.12.0")
    assert pins(question, source) == {"onnxruntime-training": "1.12.0", "torch": "1.13.1"}


def test_a_cuda_that_the_driver_cannot_run_is_said_without_any_package(source: MemorySource) -> None:
    assert failure(asked(gpu(version="12.1", driver="510.47.03"), "click"), source) == [
        "specs/x.yaml:3: gpu.cuda: 12.1",
        "specs/x.yaml:3: gpu.driver: 510.47.03 (CUDA 12.1 needs 525.60.13 or newer)",
    ]


def test_a_driver_that_no_build_can_run_on_names_the_builds(source: MemorySource) -> None:
    assert failure(asked(gpu(driver="430.14"), "torch==1.13.1"), source) == [
        "specs/x.yaml:5: torch==1.13.1",
        "specs/x.yaml:3: gpu.driver: 430.14 (CUDA 11.7 needs 450.80.02 or newer)",
        "torch 1.13.1 is built for CUDA 11.7 (on PyPI: torch/version.py in the wheel)",
    ]


def test_two_builds_that_nobody_chose_are_told_why_they_clash(source: MemorySource) -> None:
    source.add("cupy-cuda12x", "12.0.0", tags=LINUX)
    assert failure(asked(gpu(), "torch", "cupy-cuda12x"), source) == [
        "specs/x.yaml:5: torch",
        "specs/x.yaml:6: cupy-cuda12x",
        "cupy-cuda12x 12.0.0 is built for CUDA 12 (by its name)",
        "torch 1.12.1 is built for CUDA 10.2 (on PyPI: torch/version.py in the wheel)",
        "torch 1.13.1 is built for CUDA 11.7 (on PyPI: torch/version.py in the wheel)",
        "what runs in one process has to be built for the same major version",
    ]


def test_a_driver_keeps_out_what_only_says_its_major_version(source: MemorySource) -> None:
    source.add("cupy-cuda12x", "12.0.0", tags=LINUX)
    assert failure(asked(gpu(driver="510.47.03"), "cupy-cuda12x"), source)[1] == (
        "specs/x.yaml:3: gpu.driver: 510.47.03 (CUDA 12 needs 525.60.13 or newer)"
    )
    assert pins(asked(gpu(driver="525.60.13"), "cupy-cuda12x"), source) == {"cupy-cuda12x": "12.0.0"}


def test_without_a_version_the_driver_decides(source: MemorySource) -> None:
    assert pins(asked(gpu(driver="440.33"), "torch"), source) == {"torch": "1.12.1"}
    assert pins(asked(gpu(driver="470.82.01"), "torch"), source) == {"torch": "1.13.1"}


def test_an_architecture_without_code_in_the_build_is_refused(source: MemorySource) -> None:
    question = asked(gpu(version="11.7", architectures=("7.0", "9.0")), "torch==1.13.1")
    assert failure(question, source)[1:] == [
        "specs/x.yaml:3: gpu.architectures: 9.0",
        "torch 1.13.1 is built for architectures 3.7, 5.0, 6.0, 7.0, 7.5, 8.0, 8.6: nothing of it runs on 9.0",
        "torch 2.0.0 for CUDA 11.8 is the first release since then with a build that runs on 7.0 and 9.0",
    ]
    assert pins(asked(gpu(version="11.7", architectures=("7.0", "8.6")), "torch"), source) == {"torch": "1.13.1"}


def test_cpu_means_cpu(source: MemorySource) -> None:
    lines = failure(asked(gpu(backend="cpu"), "torch==1.13.1"), source)
    assert "specs/x.yaml:3: gpu.backend: cpu" in lines
    source.add("torch", "1.13.1+cpu", tags=LINUX)
    assert pins(asked(gpu(backend="cpu"), "torch"), source) == {"torch": "1.13.1+cpu"}


def test_rocm_is_told_by_the_local_version(source: MemorySource) -> None:
    source.add("torch", "1.13.1+rocm5.2", tags=LINUX)
    assert pins(asked(gpu(backend="rocm", version="5.2"), "torch"), source) == {"torch": "1.13.1+rocm5.2"}


def test_macos_has_no_gpu_to_speak_of() -> None:
    source = MemorySource()
    source.add("torch", "1.13.1", tags="cp39-cp39-macosx_11_0_arm64")
    assert pins(asked(gpu(version="11.7"), "torch", platform="osx-arm64"), source) == {"torch": "1.13.1"}


def test_nobody_asked_nothing_is_refused(source: MemorySource) -> None:
    assert pins(problem("torch==1.12.1", "onnxruntime-training==1.14.0"), source)["torch"] == "1.12.1"

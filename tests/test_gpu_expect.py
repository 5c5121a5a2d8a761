"""What the locks of the project expect of a node."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from envsolver.app.gpu import expectations
from envsolver.app.gpu_report import as_json, describe
from envsolver.app.project import Project
from envsolver.gpu.probe import CHECKS

if TYPE_CHECKING:
    from pathlib import Path

    from envsolver.gpu.model import Expectations

NAMES = ("acpt-1.12-py39", "acpt-1.12-py39-conda", "acpt-1.13-py38", "torch-1.13-rocm5.1.1-py310", "torch-cpu-py311")


@pytest.fixture
def expected(request: pytest.FixtureRequest, repository: Path) -> Expectations:
    """Return the expectations of the lock that the test names."""
    project = Project(root=repository)
    return expectations(project, project.find(request.param), platform="linux-64")


@pytest.mark.parametrize("expected", ["acpt-1.13-py38"], indirect=True)
def test_acpt_113(expected: Expectations) -> None:
    assert (expected.backend, expected.toolkit, expected.glibc) == ("cuda", "11.7", "2.31")
    assert expected.driver is not None
    assert (expected.driver.minimum, expected.driver.packaged) == ("450.80.02", "515.43.04")
    assert "torch 1.13.1" in expected.driver.packages
    built = {one.package: one.toolkit for one in expected.built_for}
    assert built["onnxruntime-training"] == "11.6"
    assert built["torchvision"] == "11.7"
    assert expected.code == {"torch": ("3.7", "5.0", "6.0", "7.0", "7.5", "8.0", "8.6")}
    assert [(one.capability, one.kind) for one in expected.coverage] == [
        (capability, "binary") for capability in ("7.0", "7.5", "8.0", "8.6")
    ]
    libraries = {one.library: (one.version, one.package, one.copies) for one in expected.libraries}
    assert libraries["libcudnn"] == ("8.5.0.96", "nvidia-cudnn-cu11", 1)
    assert libraries["libnccl"] == (None, "torch", 1)
    assert [one.providers for one in expected.providers] == [("CUDAExecutionProvider", "CPUExecutionProvider")]
    features = {one.feature: one for one in expected.features}
    assert features["bf16"].state == "device"
    assert features["torch.compile"].state == "no"
    assert features["deepspeed-ops"].state == "jit"
    assert "nvcc of CUDA 11 and gcc 6 to 11" in features["deepspeed-ops"].detail
    assert [(one.check, one.rule) for one in expected.expected_failures] == [("ortmodule", "TORCH-ORT-CONFIGURE")]
    # A group that is not installed brings nothing that is tried.
    assert "horovod" not in {one.check for one in expected.checks}


def test_groups_bring_their_checks(repository: Path) -> None:
    project = Project(root=repository)
    found = expectations(project, project.find("acpt-1.13-py38"), platform="linux-64", groups=["horovod"])
    assert {"horovod", "import:horovod.torch"} <= {one.check for one in found.checks}


@pytest.mark.parametrize("expected", ["torch-2.9-cu128-py312"], indirect=True)
def test_new_torch(expected: Expectations) -> None:
    assert expected.toolkit == "12.8"
    libraries = {one.library: one.version for one in expected.libraries}
    assert (libraries["libcudnn"], libraries["libnccl"]) == ("9.10.2.21", "2.27.5")
    assert [(one.capability, one.by) for one in expected.coverage if one.capability == "9.0"] == [("9.0", "9.0")]
    assert {one.feature: one.state for one in expected.features}["torch.compile"] == "jit"
    assert not expected.expected_failures


@pytest.mark.parametrize("expected", ["torch-1.13-rocm5.1.1-py310"], indirect=True)
def test_rocm(expected: Expectations) -> None:
    assert (expected.backend, expected.toolkit, expected.driver) == ("rocm", "5.1.1", None)
    assert expected.libraries == ()
    assert {"matmul", "nccl"} <= {one.check for one in expected.checks}


@pytest.mark.parametrize("expected", ["torch-cpu-py311"], indirect=True)
def test_what_is_for_the_cpu_needs_no_gpu(expected: Expectations) -> None:
    assert not expected.wants_gpu
    assert expected.driver is None
    assert {one.device for one in expected.checks} == {"any"}


@pytest.mark.parametrize("expected", ["acpt-1.12-py39-conda"], indirect=True)
def test_conda_provides_projects(expected: Expectations) -> None:
    assert expected.packages["torch"] == "1.12.1"
    assert (expected.backend, expected.toolkit) == ("cuda", "11.6")


@pytest.mark.parametrize("expected", NAMES, indirect=True)
def test_the_document_is_whole_and_the_same_every_time(expected: Expectations, repository: Path) -> None:
    import msgspec

    project = Project(root=repository)
    again = expectations(project, project.find(expected.environment), platform="linux-64")
    text = as_json(expected)
    assert as_json(again) == text
    assert msgspec.json.decode(text.encode(), type=type(expected)) == expected
    assert json.loads(text)["schema"] == 1
    assert {one.check for one in expected.checks if not one.check.startswith("import:")} <= set(CHECKS)
    assert all(section.lines for section in describe(expected))

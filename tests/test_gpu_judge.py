"""Reports held against expectations: recorded ones, and those that are derived from them (tests/data/probes)."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envsolver.app.gpu import expectations
from envsolver.app.project import Project
from envsolver.findings.codes import codes
from envsolver.gpu.codec import load_report
from envsolver.gpu.errors import explain_error
from envsolver.gpu.judge import judge
from envsolver.gpu.junit import junit
from envsolver.gpu.libraries import judge_libraries
from envsolver.gpu.model import Device, Node, ProbeCheck, ProbeError, Report, Result, Verdict
from envsolver.gpu.node import fits, judge_node
from envsolver.gpu.text import same_version
from tests.support.probes import FOLDER, derived, expected_then, recorded, report

if TYPE_CHECKING:
    from envsolver.gpu.model import Expectations

ROOT = Path(__file__).resolve().parent.parent


@cache
def expected(name: str) -> Expectations:
    if name == "acpt-1.13-py38":
        return expected_then(name)
    project = Project(root=ROOT)
    return expectations(project, project.find(name), platform="linux-64")


def judged(name: str, of: str, **options: Any) -> dict[str, Result]:
    return {one.check: one for one in judge(expected(of), report(name), **options).results}


def test_derived_reports_are_what_their_edits_make() -> None:
    for name, text in derived().items():
        assert (FOLDER / f"{name}.json").read_text(encoding="utf-8") == text, "python -m tests.support.probes"
        assert (report(name).origin or "").startswith("derived from ")
    files = {path.stem for path in FOLDER.glob("*.json")} - {"edits", "expect-acpt-1.13-py38"}
    assert files == {*derived(), *recorded()}


def test_a_recorded_report_of_a_machine_without_a_gpu() -> None:
    found = judged("recorded-cpu-acpt-1.13-py38", "acpt-1.13-py38")
    assert {one.status for one in found.values()} == {"pass", "not-run", "expected"}
    assert found["torch-build"].message == "torch 1.13.1+cu117 is a build for CUDA 11.7, cuDNN 8.5.0, NCCL 2.14.3"
    assert found["packages"].message == "74 as locked"
    assert found["matmul"].message == "there is no GPU"
    assert found["ortmodule"].status == "expected"
    # ONNX Runtime opens every libcudart of the machine to name its version; nobody links that one.
    assert "opened and linked by nobody" in found["libraries"].message


def test_a_gpu_that_is_required() -> None:
    found = judged("recorded-cpu-acpt-1.13-py38", "acpt-1.13-py38", require_gpu=True)
    assert (found["gpu"].status, found["gpu"].code) == ("fail", "RUN006")
    assert "libcuda.so.1" in found["gpu"].message
    assert "gpu" not in judged("recorded-cpu-acpt-1.13-py38", "torch-cpu-py311", require_gpu=True)


def test_a_driver_that_is_missing_beside_a_device() -> None:
    found = judged("derived-driver-missing", "acpt-1.13-py38")
    assert (found["gpu"].status, found["gpu"].code) == ("fail", "RUN006")


def test_no_kernel_image() -> None:
    found = judged("derived-h100-torch-1.12.1-cu116", "acpt-1.12-py39")
    assert found["architecture"].code == "RUN008"
    assert "NVIDIA H100 80GB HBM3 (sm_90)" in found["architecture"].message
    assert found["torch-device"].code == "RUN008"
    assert found["driver"].status == "pass"
    assert found["torch-build"].status == "pass"


def test_the_same_device_with_a_build_that_covers_it() -> None:
    found = judged("derived-h100-torch-2.9-cu128", "torch-2.9-cu128-py312")
    assert found["architecture"].message == "sm_90 by sm_90"
    for name in ("gpu", "driver", "architecture", "torch-build", "torch-device"):
        assert found[name].status == "pass", name


def test_drivers_at_the_edge_of_minor_version_compatibility() -> None:
    enough = judged("derived-a100-driver-450.80.02", "acpt-1.12-py39")
    assert enough["driver"].status == "pass"
    assert "minor version compatibility" in enough["driver"].message
    assert enough["torch-device"].status == "pass"
    older = judged("derived-a100-driver-450.36.06", "acpt-1.12-py39")
    assert older["driver"].code == "RUN007"
    assert "needs 450.80.02" in older["driver"].message
    assert older["torch-device"].code == "RUN007"


def test_two_cuda_majors() -> None:
    found = judged("derived-two-cuda-majors", "acpt-1.13-py38")
    assert found["libraries"].code == "RUN009"
    assert "libcudart.so.12 (for _kernels.abi3.so)" in found["libraries"].message


def test_rocm() -> None:
    found = judged("derived-mi250", "torch-1.13-rocm5.1.1-py310")
    assert found["architecture"].status == "pass"
    assert found["torch-build"].status == "pass"
    assert judged("derived-mi250", "acpt-1.13-py38")["gpu"].code == "RUN019"
    assert judged("derived-h100-torch-2.9-cu128", "torch-1.13-rocm5.1.1-py310")["gpu"].code == "RUN019"


def test_what_is_installed_is_what_is_locked() -> None:
    lock, found = expected("acpt-1.13-py38"), report("recorded-cpu-acpt-1.13-py38")
    packages = {**found.packages, "deepspeed": "0.9.0"}
    packages.pop("six")
    results = {one.check: one for one in judge(lock, replace(found, packages=packages)).results}
    assert results["packages"].code == "RUN003"
    assert results["packages"].message == "deepspeed 0.9.0 in place of 0.8.0, six is missing"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"cuda": None, "version": "1.13.1+cpu"}, "RUN004"),
        ({"cuda": "11.6"}, "RUN005"),
        ({"cudnn": "8.9.2"}, "RUN012"),
        ({"cudnn": "8.5.0", "cudnn_compiled": "7.6.5"}, "RUN012"),
        ({}, None),
    ],
)
def test_builds_of_torch(change: dict[str, Any], code: str | None) -> None:
    found = with_facts("torch-build", change)
    assert found["torch-build"].code == code


BOTH = ["CUDAExecutionProvider", "CPUExecutionProvider"]


@pytest.mark.parametrize(("providers", "code"), [(BOTH[1:], "RUN013"), (BOTH, None)])
def test_providers(providers: list[str], code: str | None) -> None:
    assert with_facts("onnxruntime-providers", {"providers": providers})["onnxruntime-providers"].code == code


def with_facts(name: str, change: dict[str, Any]) -> dict[str, Result]:
    found = report("recorded-cpu-acpt-1.13-py38")
    checks = tuple(replace(one, facts={**one.facts, **change}) if one.check == name else one for one in found.checks)
    return {one.check: one for one in judge(expected("acpt-1.13-py38"), replace(found, checks=checks)).results}


def library(file: str, **facts: Any) -> dict[str, Any]:
    name = re.match(r".*?(lib[a-zA-Z]+)", file.rsplit("/", 1)[-1])
    assert name
    usual = {"inside": True, "private": False, "major": "11", "version": None, "needed_by": ["libtorch_cuda.so"]}
    return {"library": name[1], "file": file, **usual, **facts}


COMPLETE = [
    library("torch/lib/libcudart.so.11.0"),
    library("nvidia/libcublas.so.11"),
    library("nvidia/libcudnn.so.8", major="8"),
]


@pytest.mark.parametrize(
    ("mapped", "code"),
    [
        (COMPLETE, None),
        ([*COMPLETE, library("torchvision.libs/libcudart.60cfec8e.so.11.0", private=True)], None),
        ([*COMPLETE, library("torchvision.libs/libcudart.60cfec8e.so.12", private=True, major="12")], "RUN009"),
        ([*COMPLETE, library("other/libcudart.so.11.0")], "RUN009"),
        ([*COMPLETE, library("/usr/local/cuda/lib64/libcufft.so.10", inside=False)], "RUN018"),
        ([*COMPLETE, library("/usr/local/cuda/lib64/libcudart.so.13", inside=False, major="13", needed_by=[])], None),
        ([COMPLETE[0], COMPLETE[1], library("nvidia/libcudnn.so.9", major="9")], "RUN012"),
        ([COMPLETE[0], COMPLETE[1], library("nvidia/libcudnn.so.8", major="8", version="8.9.2")], "RUN012"),
        (COMPLETE[:2], "RUN016"),
        ([], None),
    ],
)
def test_libraries(mapped: list[dict[str, Any]], code: str | None) -> None:
    check = ProbeCheck(check="libraries", status="pass", facts={"mapped": mapped})
    found = judge_libraries(expected("acpt-1.13-py38"), check)
    assert found.code == code, found.message


LISTED = "CUDAExecutionProvider is listed, and the session runs on CPUExecutionProvider"


@pytest.mark.parametrize(
    ("check", "error", "code"),
    [
        ("import:x", ("KeyError", "'x'"), "RUN002"),
        ("matmul", ("RuntimeError", "no"), "RUN017"),
        ("matmul", ("WrongResultError", "off"), "RUN015"),
        ("import:x", ("ImportError", "x.so: undefined symbol: _ZN2at"), "RUN014"),
        ("torchvision-nms", ("RuntimeError", "operator torchvision::nms does not exist"), "RUN014"),
        ("torch-device", ("RuntimeError", "Found no NVIDIA driver on your system."), "RUN006"),
        ("torch-device", ("RuntimeError", "Error 804: forward compatibility was attempted"), "RUN007"),
        ("onnxruntime-gpu", ("RuntimeError", LISTED), "RUN013"),
    ],
)
def test_errors(check: str, error: tuple[str, str], code: str) -> None:
    raised = ProbeError(type=error[0], message=error[1])
    found, message, _ = explain_error(ProbeCheck(check=check, status="fail", error=raised))
    assert found == code
    assert error[1] in message


def test_ends_of_processes() -> None:
    crash = ProbeCheck(check="import:x", status="crash", reason="ended by SIGSEGV", signal="SIGSEGV")
    assert explain_error(crash)[0] == "RUN010"
    lost = ProbeCheck(check="import:x", status="crash", output="libx.so.1: cannot open shared object file")
    assert explain_error(lost)[0] == "RUN016"
    hung = ProbeCheck(check="import:x", status="timeout", reason="no end within 180 s")
    assert explain_error(hung)[:2] == ("RUN011", "no end within 180 s")


def test_a_crash_and_a_hang_name_their_line() -> None:
    output = 'Fatal Python error: Segmentation fault\n  File "/env/lib/site-packages/bad/__init__.py", line 7 in load\n'
    check = ProbeCheck(check="import:bad", status="crash", reason="ended by SIGSEGV", output=output)
    assert explain_error(check)[1] == "the interpreter crashed: ended by SIGSEGV, in load (bad/__init__.py:7)"


def test_ptx_needs_a_driver_of_the_toolkit() -> None:
    base = expected("acpt-1.12-py39")
    for driver, status in (("510.39.01", "pass"), ("450.80.02", "fail")):
        node = Node(devices=(Device(name="H100", capability="9.0"),), backend="cuda", driver=driver)
        results = {one.check: one for one in fits(base, node, ["sm_86", "compute_86"])}
        assert results["architecture"].status == status


def test_a_driver_that_tells_its_cuda_only() -> None:
    base = expected("acpt-1.12-py39")
    for cuda, status in (("11.0", "pass"), ("12.4", "pass"), ("10.2", "fail"), (None, "not-run")):
        node = Node(devices=(Device(name="A100", capability="8.0"),), backend="cuda", driver_cuda=cuda)
        assert {one.check: one.status for one in fits(base, node)}["driver"] == status


def test_nothing_is_said_of_gpus_where_nothing_is_for_them() -> None:
    empty = Report(probe="1", time="2026-01-01T00:00:00Z", python="3.11.9", node=Node(), packages={}, checks=())
    assert list(judge_node(expected("torch-cpu-py311"), empty, require_gpu=True)) == []


@pytest.mark.parametrize(
    ("there", "wanted", "loose", "same"),
    [
        ("8.5.0", "8.5.0.96", True, True),
        ("8.9.2", "8.5.0.96", True, False),
        ("11.7", "11.7.99", True, True),
        ("12", "12.1", True, True),
        ("", "12.1", True, False),
        ("1.13.1+cu117", "1.13.1", False, True),
        ("1.12.1+cu113", "1.12.1+cu116", False, False),
        ("1.0.0", "1.0", False, True),
        ("odd", "odd", False, True),
    ],
)
def test_versions(there: str, wanted: str, loose: bool, same: bool) -> None:
    assert same_version(there, wanted, loose=loose) is same


def test_junit() -> None:
    results = (
        Result(check="a", status="pass", seconds=1.5),
        Result(check="b", status="fail", code="RUN017", message="bad \x00 <thing>", fix="mend it"),
        Result(check="c", status="not-run", message="there is no GPU"),
        Result(check="d", status="expected", message="known"),
    )
    text = junit(Verdict(environment="x", results=results, gpu=False), "2026-01-01T00:00:00Z")
    root = ET.fromstring(text)  # noqa: S314 - written above
    assert [root.get(key) for key in ("tests", "failures", "skipped")] == ["4", "1", "2"]
    failure = root.find("testcase[@name='b']/failure")
    assert failure is not None
    assert failure.get("message") == "RUN017: bad  <thing>"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
KEYS = ("mapped", "architectures", "providers", "prebuilt", "cuda", "hip", "cudnn", "cudnn_compiled", "nccl", "version")
ROWS = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("library", "file", "inside", "private", "major", "version", "needed_by"), JSON)
)


@settings(max_examples=50)
@given(facts=st.dictionaries(st.sampled_from(KEYS), JSON | st.lists(ROWS, max_size=3)), gpu=st.booleans())
def test_a_report_may_hold_anything(facts: dict[str, Any], gpu: bool) -> None:
    """What a file says of a node is judged or left out; it raises nothing."""
    base = report("derived-h100-torch-2.9-cu128" if gpu else "recorded-cpu-acpt-1.13-py38")
    checks = tuple(replace(one, status="pass", facts=facts, error=None) for one in base.checks)
    verdict = judge(expected("acpt-1.13-py38"), replace(base, checks=checks))
    assert junit(verdict, base.time)


def test_a_capability_that_is_none() -> None:
    text = (FOLDER / "derived-h100-torch-2.9-cu128.json").read_bytes()
    with pytest.raises(ValueError, match="'new' is no compute capability"):
        load_report(text.replace(b'"9.0"', b'"new"'))


def test_every_code_of_the_package_has_a_document_and_a_use() -> None:
    used: set[str] = set()
    for path in [*(ROOT / "envsolver" / "gpu").glob("*.py"), *(ROOT / "envsolver" / "app").glob("gpu*.py")]:
        used |= set(re.findall(r'"(RUN\d{3})"', path.read_text(encoding="utf-8")))
    assert used == {name for name in codes() if name.startswith("RUN")}

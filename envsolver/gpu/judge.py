"""Expectations held against what a probe reports: one result for each check, with the code of the finding."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envsolver.gpu.errors import explain_error
from envsolver.gpu.libraries import judge_libraries
from envsolver.gpu.model import Result, Verdict
from envsolver.gpu.node import judge_node
from envsolver.gpu.text import same_version, texts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envsolver.gpu.model import Expectations, PlannedCheck, ProbeCheck, Report

__all__ = ["judge"]

_FEW = 4


def judge(
    expected: Expectations, report: Report, *, require_gpu: bool = False, only: frozenset[str] = frozenset()
) -> Verdict:
    """Return what expectations and report say together.

    Args:
        expected: of the lock.
        report: of a probe, wherever it was run.
        require_gpu: whether it is a failure that there is no GPU.
        only: names of checks; nothing else is judged. Empty for all.
    """
    results = [*judge_node(expected, report, require_gpu=require_gpu), *_packages(expected, report)]
    reasons = {one.check: one for one in expected.expected_failures}
    for planned in expected.checks:
        result = _judge_check(expected, report, planned)
        known = reasons.get(planned.check)
        if known is not None and result.status == "fail":
            message = f"as expected, by rule {known.rule}: {known.reason}"
            result = Result(check=result.check, status="expected", message=message, seconds=result.seconds)
        results.append(result)
    chosen = tuple(one for one in results if not only or one.check in only)
    return Verdict(environment=expected.environment, results=chosen, gpu=bool(report.node.devices))


def _packages(expected: Expectations, report: Report) -> Iterator[Result]:
    """Yield whether what is installed is what is locked; a local version (``+cu117``) that the lock names counts."""
    wrong = []
    for name, version in expected.packages.items():
        there = report.packages.get(name)
        if there is None:
            wrong.append(f"{name} is missing")
        elif not same_version(there, version):
            wrong.append(f"{name} {there} in place of {version}")
    if wrong:
        more = f", and {len(wrong) - _FEW} more" if len(wrong) > _FEW else ""
        message = f"{', '.join(wrong[:_FEW])}{more}"
        yield Result(check="packages", status="fail", code="RUN003", message=message)
    else:
        yield Result(check="packages", status="pass", message=f"{len(expected.packages)} as locked")


def _judge_check(expected: Expectations, report: Report, planned: PlannedCheck) -> Result:
    name = planned.check
    found = report.check(name)
    if found is None:
        return Result(check=name, status="not-run", message="the report has nothing of it")
    if found.status == "not-run":
        return Result(check=name, status="not-run", message=found.reason or "no reason is given")
    if found.status != "pass":
        code, message, fix = explain_error(found)
        return Result(check=name, status="fail", code=code, message=message, fix=fix, seconds=found.seconds)
    result = _JUDGES.get(name, _passed)(expected, found)
    return Result(
        check=name,
        status=result.status,
        code=result.code,
        message=result.message,
        fix=result.fix,
        seconds=found.seconds,
    )


def _passed(_expected: Expectations, found: ProbeCheck) -> Result:
    return Result(check=found.check, status="pass", message=_summary(found.facts))


def _summary(facts: dict[str, object]) -> str:
    """Return the facts that a line has room for: single values, and numbers by name."""
    parts = []
    for name, value in facts.items():
        label = name.replace("_", " ")
        if isinstance(value, dict) and value and all(isinstance(one, int | float) for one in value.values()):
            parts.append(f"{label} {', '.join(f'{key} {_number(one)}' for key, one in value.items())}")
        elif isinstance(value, str | int | float) and value != "":
            parts.append(f"{label} {_number(value)}")
    return "; ".join(parts)


def _number(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.1e}" if isinstance(value, float) else str(value)


def _torch_build(expected: Expectations, found: ProbeCheck) -> Result:
    """Judge what torch was built for."""
    facts = found.facts
    cuda, hip = facts.get("cuda"), facts.get("hip")
    has = f"CUDA {cuda}" if cuda else f"ROCm {hip}" if hip else "the CPU"
    backend = "cuda" if cuda else "rocm" if hip else "cpu"
    said = f"torch {facts.get('version')} is a build for {has}"
    if expected.backend in {"cuda", "rocm"}:
        wanted = (
            f"{'CUDA' if expected.backend == 'cuda' else 'ROCm'}{f' {expected.toolkit}' if expected.toolkit else ''}"
        )
        if backend == "cpu":
            return Result(
                check=found.check, status="fail", code="RUN004", message=f"{said}; the lock has one for {wanted}"
            )
        # HIP counts patches otherwise than ROCm: 5.1.20531 is the one of ROCm 5.1.1.
        version = str(cuda or ".".join(str(hip).split(".")[:2]))
        if backend != expected.backend or (
            expected.toolkit and not same_version(version, expected.toolkit, loose=True)
        ):
            return Result(
                check=found.check, status="fail", code="RUN005", message=f"{said}; the lock has one for {wanted}"
            )
    for library, fact in (("libcudnn", "cudnn"), ("libnccl", "nccl")):
        wished = next((one.version for one in expected.libraries if one.library == library), None)
        there = facts.get(fact)
        if wished and there and not same_version(str(there), wished, loose=True):
            message = f"torch runs with {fact} {there}; the lock has {wished}"
            return Result(check=found.check, status="fail", code="RUN012", message=message)
    compiled = facts.get("cudnn_compiled")
    if compiled and facts.get("cudnn") and str(compiled).split(".")[0] != str(facts["cudnn"]).split(".")[0]:
        message = f"torch was compiled for cuDNN {compiled} and runs with {facts['cudnn']}"
        return Result(check=found.check, status="fail", code="RUN012", message=message)
    beside = [f"{label} {facts[fact]}" for label, fact in (("cuDNN", "cudnn"), ("NCCL", "nccl")) if facts.get(fact)]
    return Result(check=found.check, status="pass", message=", ".join([said, *beside]))


def _providers(expected: Expectations, found: ProbeCheck) -> Result:
    listed = texts(found.facts.get("providers"))
    for one in expected.providers:
        missing = [provider for provider in one.providers if provider not in listed]
        if missing:
            message = f"{one.package} has {', '.join(listed)}, and not {', '.join(missing)}"
            return Result(check=found.check, status="fail", code="RUN013", message=message)
    return Result(check=found.check, status="pass", message=", ".join(listed))


def _operators(expected: Expectations, found: ProbeCheck) -> Result:
    """Say what compiling DeepSpeed's operators takes; that it may not be possible here is no failure of the lock."""
    feature = next((one for one in expected.features if one.feature == "deepspeed-ops"), None)
    built = texts(found.facts.get("prebuilt"))
    lacks = [name for name in ("nvcc", "ninja") if not found.facts.get(name)]
    parts = [f"built in: {', '.join(built)}" if built else "none is built in"]
    if not built and feature is not None and feature.state == "jit":
        parts.append(feature.detail)
        if lacks:
            parts.append(f"here is no {' and no '.join(lacks)}")
    return Result(check=found.check, status="pass", message="; ".join(parts))


_JUDGES = {
    "torch-build": _torch_build,
    "libraries": judge_libraries,
    "onnxruntime-providers": _providers,
    "deepspeed-ops": _operators,
}
"""Checks that pass as far as the probe can tell, and are judged by what they found."""

"""What a node offers, held against what a lock expects: driver, devices, architectures."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envsolver.gpu.model import Result
from envsolver.gpu.text import numbers, texts
from envsolver.knowledge.gpu import architectures_covered, driver_supports

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envsolver.gpu.model import Device, Expectations, Node, Report

__all__ = ["fits", "judge_node", "no_gpu"]

_ARCHITECTURE = r"(?:sm|compute)_\d{2,3}[af]?|gfx[0-9a-f]{3,5}(?::[a-z]+[+-])*"
_VENDORS = {"cuda": "nvidia", "rocm": "amd"}
_NAMES = {"cuda": "an NVIDIA GPU", "rocm": "an AMD GPU"}


def judge_node(expected: Expectations, report: Report, *, require_gpu: bool) -> Iterator[Result]:
    """Yield what driver and devices say; nothing where nothing is meant for a GPU."""
    if not expected.wants_gpu:
        return
    node = report.node
    yield _present(expected, node, require_gpu=require_gpu)
    if not node.devices:
        reason = no_gpu(node)
        yield Result(check="driver", status="not-run", message=reason)
        yield Result(check="architecture", status="not-run", message=reason)
        return
    build = report.check("torch-build")
    named = texts(build.facts.get("architectures")) if build is not None else []
    built = tuple(one for one in named if re.fullmatch(_ARCHITECTURE, one))
    yield from fits(expected, node, built)


def fits(expected: Expectations, node: Node, built: Sequence[str] = ()) -> Iterator[Result]:
    """Yield whether driver and devices of a node run a lock.

    Args:
        expected: of the lock.
        node: with at least one device.
        built: architectures of the torch that is installed, where that is known; else those that the lock's build has
            by the tables count.
    """
    driver = _driver(expected, node)
    yield driver
    yield _architecture(expected, node, built)


def no_gpu(node: Node) -> str:
    """Say why there is no GPU to run on."""
    for vendor in ("nvidia", "amd"):
        if vendor in node.hardware:
            name = "NVIDIA" if vendor == "nvidia" else "AMD"
            return f"there is an {name} device, and no driver that works" + (
                f" ({'; '.join(node.problems)})" if node.problems else ""
            )
    return "there is no GPU"


def _present(expected: Expectations, node: Node, *, require_gpu: bool) -> Result:
    wanted = _NAMES[expected.backend or "cuda"]
    if node.devices:
        if node.backend is not None and node.backend != expected.backend:
            message = f"{wanted} is expected; here is {node.devices[0].name}"
            return Result(check="gpu", status="fail", code="RUN019", message=message)
        return Result(check="gpu", status="pass", message=_devices(node.devices))
    reason = no_gpu(node)
    if _VENDORS[expected.backend or "cuda"] in node.hardware:
        fix = "Install the driver; in a container, start it with the GPUs (`docker run --gpus all`)"
        return Result(check="gpu", status="fail", code="RUN006", message=reason, fix=fix)
    if require_gpu:
        why = f" ({'; '.join(node.problems)})" if node.problems else ""
        return Result(check="gpu", status="fail", code="RUN006", message=f"{wanted} is required: {reason}{why}")
    return Result(check="gpu", status="not-run", message=reason)


def _devices(devices: Sequence[Device]) -> str:
    counted: dict[str, int] = {}
    for one in devices:
        name = f"{one.name} ({one.architecture})"
        counted[name] = counted.get(name, 0) + 1
    return ", ".join(f"{number} times {name}" if number > 1 else name for name, number in counted.items())


def _driver(expected: Expectations, node: Node) -> Result:
    need = expected.driver
    if need is None or expected.backend != "cuda":
        return Result(check="driver", status="pass", message=f"{node.driver or 'of unknown version'}")
    if not numbers(node.driver or ""):
        return _by_cuda(expected, node)
    verdict = driver_supports(need.toolkit, ".".join(map(str, numbers(node.driver or ""))), platform=expected.platform)
    what = f"CUDA {need.toolkit} ({', '.join(need.packages)})"
    if not verdict.runs:
        message = f"driver {node.driver} is too old for {what}, which needs {verdict.minimum}"
        fix = f"Update the driver to {verdict.packaged or verdict.minimum} or newer, or lock a build for an older CUDA"
        return Result(check="driver", status="fail", code="RUN007", message=message, fix=fix)
    if verdict.level == "minor-version" and "." in need.toolkit:
        message = (
            f"driver {node.driver} runs {what} by minor version compatibility; {verdict.packaged} came with it: no PTX"
            " is compiled on the node, and features that need the newer driver are missing"
        )
        return Result(check="driver", status="pass", message=message)
    return Result(check="driver", status="pass", message=f"{node.driver} runs {what}")


def _by_cuda(expected: Expectations, node: Node) -> Result:
    """Judge a driver that tells the newest CUDA that it knows, and not its version."""
    need = expected.driver
    if need is None or node.driver_cuda is None:
        return Result(check="driver", status="not-run", message="the driver does not tell its version")
    have, wanted = numbers(node.driver_cuda), numbers(need.toolkit)
    # Minor version compatibility begins with CUDA 11.
    enough = have[:1] >= wanted[:1] if wanted[0] >= 11 else have >= wanted
    if enough:
        return Result(check="driver", status="pass", message=f"of CUDA {node.driver_cuda}, its version is not known")
    message = f"the driver is one of CUDA {node.driver_cuda}; {', '.join(need.packages)} needs CUDA {need.toolkit}"
    return Result(check="driver", status="fail", code="RUN007", message=message)


def _architecture(expected: Expectations, node: Node, built: Sequence[str]) -> Result:
    code = tuple(built) or expected.code.get("torch", ())
    if not code:
        return Result(check="architecture", status="not-run", message="which architectures torch covers is not known")
    jit = _compiles_ptx(expected, node)
    served = []
    for device in node.devices:
        if device.capability.startswith("gfx"):
            kind, by = ("binary", device.capability) if _has_gfx(code, device.capability) else ("none", None)
        else:
            found = architectures_covered(code, device.capability, jit=jit)
            kind, by = found.kind, found.by
        what = f"{device.name} ({device.architecture})"
        if kind == "none":
            beside = "" if jit else f", and driver {node.driver} compiles no newer PTX"
            message = f"torch has no code for {what}, only for {', '.join(code)}{beside}"
            fix = "Lock a build of torch that covers the device: `envsolver explain GPU008` names ways"
            return Result(check="architecture", status="fail", code="RUN008", message=message, fix=fix)
        served.append(f"{device.architecture} by {by}{', compiled by the driver' if kind == 'ptx' else ''}")
    return Result(check="architecture", status="pass", message=", ".join(dict.fromkeys(served)))


def _has_gfx(code: Sequence[str], device: str) -> bool:
    # Builds name features behind a colon: gfx90a:sramecc+:xnack-.
    return device.partition(":")[0] in {one.partition(":")[0] for one in code}


def _compiles_ptx(expected: Expectations, node: Node) -> bool:
    need = expected.driver
    if need is None or "." not in need.toolkit or not numbers(node.driver or ""):
        return True
    driver = ".".join(map(str, numbers(node.driver or "")))
    return driver_supports(need.toolkit, driver, platform=expected.platform).level == "packaged"

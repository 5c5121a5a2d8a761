"""The use case ``gpu doctor``: what a node offers, and which environments of the catalogue can run there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from envsolver.app.gpu import expectations
from envsolver.app.gpu_probe import look_at_node
from envsolver.build.interpreter import find_interpreter, machine_platform
from envsolver.gpu.model import Result
from envsolver.gpu.node import fits, no_gpu
from envsolver.gpu.text import numbers
from envsolver.model.errors import EnvsolverError, InterpreterError
from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from envsolver.app.project import Environment, Project
    from envsolver.gpu.model import Expectations, Node

__all__ = ["Diagnosis", "Examined", "doctor"]

_RUNTIMES = ("docker", "podman", "nerdctl", "apptainer", "singularity", "enroot")


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What is to be said about one environment on this node.

    Attributes:
        name: of the environment.
        standing: ``runs``; ``cpu``: all but its GPU part runs, for there is no GPU; ``lacks``: something is missing;
            ``unknown``: it cannot be told, such as without a lock.
        results: what was looked at.
        error: why it cannot be told, or None.
    """

    name: str
    standing: Literal["runs", "cpu", "lacks", "unknown"]
    results: tuple[Result, ...] = ()
    error: EnvsolverError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What a node offers, and what that is enough for.

    Attributes:
        node: its GPUs.
        system: the rest of it.
        remarks: what is to be said about the node alone.
        examined: one for each environment.
    """

    node: Node
    system: dict[str, Any]
    remarks: tuple[Result, ...]
    examined: tuple[Examined, ...]


def doctor(environments: Iterable[tuple[Project, Environment]]) -> Diagnosis:
    """Look at this node; nothing is built or installed.

    Args:
        environments: that are held against it, with the projects that they are of.

    Raises:
        InterpreterError: the probe does not run.
    """
    node, system = look_at_node()
    return Diagnosis(
        node=node,
        system=system,
        remarks=tuple(_remarks(node)),
        examined=tuple(_examine(project, one, node, system) for project, one in environments),
    )


def _remarks(node: Node) -> Iterator[Result]:
    if node.devices:
        names = ", ".join(dict.fromkeys(f"{one.name} ({one.architecture})" for one in node.devices))
        yield Result(check="device", status="pass", message=f"{len(node.devices)}: {names}")
        cuda = f", CUDA {node.driver_cuda}" if node.driver_cuda else ""
        yield Result(check="driver", status="pass", message=f"{node.driver or 'of unknown version'}{cuda}")
    else:
        hidden = bool(node.hardware)
        fix = "Install the driver; in a container, start it with the GPUs (`docker run --gpus all`)" if hidden else None
        yield Result(
            check="device",
            status="fail" if hidden else "not-run",
            code="RUN006" if hidden else None,
            message=no_gpu(node),
            fix=fix,
        )
    if node.kernel_module and node.driver and numbers(node.kernel_module) != numbers(node.driver):
        message = f"the kernel has driver {node.kernel_module}, the libraries are of {node.driver}"
        fix = "Restart the node after an update of the driver; in a container, leave the image's own libcuda out"
        yield Result(check="driver", status="fail", code="RUN007", message=message, fix=fix)
    yield _containers(node)


def _containers(node: Node) -> Result:
    facts = node.containers
    programs = [str(one) for one in facts.get("programs", ())]
    runtimes = [one for one in programs if one in _RUNTIMES]
    if facts.get("inside"):
        return Result(check="containers", status="pass", message="this is a container")
    if not runtimes:
        return Result(check="containers", status="not-run", message="there is no container runtime")
    toolkit = [one for one in programs if one.startswith("nvidia-")]
    if node.backend == "cuda" and not (toolkit or facts.get("cdi") or facts.get("docker_runtime")):
        fix = "Install the NVIDIA Container Toolkit; without it containers see no GPU"
        message = f"{', '.join(runtimes)} without the NVIDIA Container Toolkit"
        return Result(check="containers", status="fail", code="RUN006", message=message, fix=fix)
    return Result(check="containers", status="pass", message=", ".join([*runtimes, *toolkit]))


def _examine(project: Project, environment: Environment, node: Node, system: dict[str, Any]) -> Examined:
    try:
        expected = expectations(project, environment)
    except EnvsolverError as error:
        return Examined(name=environment.name, standing="unknown", error=error)
    results = tuple(_results(expected, node, system))
    if any(one.status == "fail" for one in results):
        return Examined(name=environment.name, standing="lacks", results=results)
    without = expected.wants_gpu and not node.devices
    return Examined(name=environment.name, standing="cpu" if without else "runs", results=results)


def _results(expected: Expectations, node: Node, system: dict[str, Any]) -> Iterator[Result]:
    yield from _of_machine(expected, system)
    if not expected.wants_gpu:
        return
    if not node.devices:
        yield Result(check="gpu", status="not-run", message=no_gpu(node))
        return
    if node.backend != expected.backend:
        wanted = "NVIDIA" if expected.backend == "cuda" else "AMD"
        message = f"a GPU of {wanted} is expected; here is {node.devices[0].name}"
        yield Result(check="gpu", status="fail", code="RUN019", message=message)
        return
    yield from fits(expected, node)
    yield from _compilers(expected, system)


def _of_machine(expected: Expectations, system: dict[str, Any]) -> Iterator[Result]:
    machine = machine_platform()
    if machine != expected.platform:
        message = f"the lock holds for {expected.platform}; this is {machine}"
        yield Result(check="platform", status="fail", message=message, fix="Take a node of that platform")
    libc = str(system.get("libc") or "")
    if expected.glibc and libc.startswith("glibc"):
        there = libc.removeprefix("glibc").strip()
        fine = numbers(there) >= numbers(expected.glibc)
        message = f"{there} is {'enough' if fine else 'too old'}: the lock asks for {expected.glibc}"
        fix = None if fine else "Take a node with a newer system, or lower `system.glibc` in the spec and lock again"
        yield Result(check="glibc", status="pass" if fine else "fail", message=message, fix=fix)
    try:
        found = find_interpreter(expected.python, os.environ, Path.home())
    except InterpreterError as error:
        yield Result(check="python", status="fail", message=str(error).splitlines()[0], fix=error.hint)
    else:
        yield Result(check="python", status="pass", message=f"CPython {found.version} ({found.origin})")


def _compilers(expected: Expectations, system: dict[str, Any]) -> Iterator[Result]:
    """Yield whether what is compiled on the node can be; that is no failure: all else runs."""
    jit = [one for one in expected.features if one.feature == "deepspeed-ops" and one.state == "jit"]
    if not jit or expected.backend != "cuda":
        return
    line = str(system.get("tools", {}).get("nvcc") or "")
    there = line.partition("release ")[2].partition(",")[0]
    wanted = (expected.toolkit or "").partition(".")[0]
    if not there:
        message = f"there is no nvcc; {jit[0].detail}"
    elif numbers(there)[:1] != numbers(wanted)[:1]:
        message = f"nvcc is of CUDA {there}; {jit[0].detail}"
    else:
        yield Result(check="compilers", status="pass", message=f"nvcc of CUDA {there}")
        return
    yield Result(check="compilers", status="not-run", message=message)

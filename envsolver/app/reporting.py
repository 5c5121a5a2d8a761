"""The use case ``report``: all that is known of a lock, gathered for one page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envsolver.app import checking
from envsolver.app.gpu import expectations_of
from envsolver.app.gpu_receipts import receipts_of
from envsolver.app.history import previous_state
from envsolver.app.holding import held_back
from envsolver.app.lockfile import read_lock
from envsolver.catalog.report import Fact, PackageRow, Report, render
from envsolver.formats.graphs import drawn
from envsolver.lock.digest import content_digest
from envsolver.lock.graph import lock_graph
from envsolver.lock.layout import layout
from envsolver.lock.model import LockedRoot
from envsolver.model.candidate import DEFAULT_INDEX

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from networkx import DiGraph

    from envsolver.app.checking import CheckOutcome
    from envsolver.app.project import Environment, Project
    from envsolver.gpu.model import Expectations
    from envsolver.lock.graph import Node
    from envsolver.lock.model import Lock, LockedPackage, LockedTarget
    from envsolver.model.spec import Spec

__all__ = ["report_page"]


def report_page(project: Project, environment: Environment, *, platform: str | None, groups: Sequence[str]) -> str:
    """Return the report of an environment as a page of HTML.

    Args:
        project: of the environment.
        environment: whose lock is meant.
        platform: the first of the lock by default.
        groups: beside the base; all that the solution holds by default.

    Raises:
        SpecError: the spec cannot be used.
        FileError: there is no lock.
        LockError: the lock makes no sense.
        UsageError: the lock has no such platform or group.
    """
    spec = project.spec(environment)
    lock = read_lock(project, environment)
    target = lock.target(platform or lock.platforms[0], groups)
    chosen = tuple(groups) or tuple(group for group in lock.groups if _goes_with(lock, group, target))
    expected = expectations_of(lock, spec, platform=target.platform, groups=chosen)
    (outcome,) = checking.check(project, [environment])
    graph = lock_graph(lock, target.name, chosen)
    drawing = layout(graph)
    packages = [graph.nodes[name]["package"] for name in graph if not isinstance(name, LockedRoot)]
    sizes = {package.name: package.file(target.name).size for package in packages}
    held = held_back(lock)
    previous = previous_state(project, environment)
    diff = None if isinstance(previous, str) else previous[1]
    return render(
        Report(
            name=environment.name,
            title=spec.title,
            description=spec.description,
            status=spec.status,
            facts=tuple(_facts(spec, lock, target, expected, outcome)),
            cuda=tuple(_sentences(expected)),
            built_for=expected.built_for,
            notes=spec.notes,
            findings=outcome.findings,
            findings_error=None if outcome.error is None else str(outcome.error),
            drawing=drawing,
            elements=drawn(drawing),
            packages=tuple(_rows(graph, packages, target)),
            total=_size(sum(size for size in sizes.values() if size is not None)),
            unsized=sum(size is None for size in sizes.values()),
            held=held.held,
            gave_way=held.gave_way,
            ignored=held.ignored,
            builds=tuple(one for one in lock.builds if one.platform == target.platform),
            previous=None if isinstance(previous, str) else previous[0],
            no_previous=previous if isinstance(previous, str) else "",
            settings=diff.settings if diff is not None else (),
            changes=diff.changes if diff is not None else (),
            receipts=receipts_of(project, environment.name),
            digest=content_digest(lock),
        )
    )


def _goes_with(lock: Lock, group: str, target: LockedTarget) -> bool:
    """Say whether a group is in the solution: those that exclude each other are solved apart."""
    return group in target.choice or not any(group in members for members in lock.exclusive)


def _facts(
    spec: Spec, lock: Lock, target: LockedTarget, expected: Expectations, outcome: CheckOutcome
) -> Iterator[Fact]:
    standing = {"up-to-date": ("up to date", "good"), "stale": ("not up to date", "error")}
    value, kind = standing.get(outcome.standing or "", ("unknown", "error"))
    yield Fact(label="Lock", value=value, kind=kind)
    yield Fact(label="Python", value=lock.python)
    others = f" (of {', '.join(lock.platforms)})" if len(lock.platforms) > 1 else ""
    yield Fact(label="Platform", value=f"{target.name}{others}")
    if target.glibc is not None:
        yield Fact(label="glibc of the nodes", value=f"{target.glibc} or newer")
    if expected.backend is not None:
        names = {"cuda": "CUDA", "rocm": "ROCm", "cpu": "CPU only"}
        yield Fact(label="Compute", value=f"{names[expected.backend]} {expected.toolkit or ''}".strip())
    if expected.driver is not None and expected.driver.minimum is not None:
        yield Fact(label="Oldest driver", value=expected.driver.minimum)
    if expected.architectures:
        yield Fact(label="Compute capabilities", value=", ".join(expected.architectures))
    if spec.base_image is not None:
        yield Fact(label="Base image", value=spec.base_image)
    if expected.groups:
        yield Fact(label="Groups", value=", ".join(expected.groups))
    if lock.knowledge is not None:
        yield Fact(label="Knowledge", value=lock.knowledge)


def _sentences(expected: Expectations) -> Iterator[str]:
    """Yield what the lock asks of a GPU and its driver."""
    driver = expected.driver
    if driver is not None:
        built = f"CUDA {driver.toolkit} asks for most ({', '.join(driver.packages)})"
        if driver.minimum is not None:
            built += f": drivers from {driver.minimum} on run it"
        if driver.packaged is not None and driver.packaged != driver.minimum:
            built += f"; from {driver.packaged} on, with which the toolkit came, nothing is missing"
        yield f"{built}."
        if driver.nodes is not None:
            yield f"The nodes have at least driver {driver.nodes}."
    kinds = {"binary": "has machine code", "ptx": "has code that the driver compiles", "none": "has no code"}
    served: dict[tuple[str, str], list[str]] = {}
    for cover in expected.coverage:
        served.setdefault((cover.package, kinds[cover.kind]), []).append(cover.capability)
    for (package, has), capabilities in served.items():
        yield f"{package} {has} for compute capability {', '.join(capabilities)}."


def _rows(graph: DiGraph[Node], packages: Sequence[LockedPackage], target: LockedTarget) -> Iterator[PackageRow]:
    files = {package.name: package.file(target.name) for package in packages}
    largest = max((file.size or 0 for file in files.values()), default=0)
    for package in packages:
        file = files[package.name]
        above = sorted(graph.predecessors(package.name), key=str)
        asked = tuple(one.text for one in above if isinstance(one, LockedRoot))
        parents = tuple(one for one in above if not isinstance(one, LockedRoot) and one != package.name)
        yield PackageRow(
            name=package.name,
            version=package.version,
            size="unknown" if file.size is None else _size(file.size),
            share=round(1000 * file.size / largest) if file.size and largest else 0,
            kind=file.kind,
            index="" if file.index == DEFAULT_INDEX else file.index,
            groups=package.groups,
            asked=asked,
            parents=parents,
            search=" ".join((package.name, package.version, file.kind, file.index, *package.groups)).lower(),
        )


def _size(number: int) -> str:
    value = float(number)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.2f} GB"

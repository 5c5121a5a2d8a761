"""Locks for tests: a small universe of packages, solved without a solver."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from packaging.requirements import Requirement

from envsolver.lock.build import build_lock
from envsolver.model.candidate import DEFAULT_INDEX, DIRECT_INDEX, File, normalize_name
from envsolver.model.origin import Origin
from envsolver.model.resolution import Edge, Resolution, ResolvedPackage, Root, SolveStats
from envsolver.model.spec import IndexSpec
from envsolver.model.target import Target

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from envsolver.lock.model import Lock
    from envsolver.model.candidate import Name

__all__ = ["CU116", "SPEC", "a_file", "an_index", "example", "locked", "resolution"]

CU116 = "https://download.pytorch.org/whl/cu116"
SPEC = "specs/demo.yaml"
_STATS = SolveStats(rounds=1, solves=1, records=1, metadata_read=1)


def an_index(alias: str = "cu116", url: str = CU116) -> IndexSpec:
    """Return an index that a spec names."""
    return IndexSpec(alias=alias, url=url, origin=Origin(SPEC, 3))


def a_file(name: str, version: str, filename: str | None = None, **facts: object) -> File:
    """Return a file with a digest of its own; ``facts`` are attributes of :class:`File` to set."""
    filename = filename or f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    known: dict[str, object] = {
        "index": DEFAULT_INDEX,
        "url": f"https://files.invalid/packages/{name[0]}/{filename.replace('+', '%2B')}",
        "sha256": hashlib.sha256(f"{facts.get('index')}/{filename}".encode()).hexdigest(),
        "size": 1000 + len(filename),
        "uploaded": 1_670_000_000,
    }
    return File(
        name=normalize_name(name),
        version=version,
        kind="wheel" if filename.endswith(".whl") else "sdist",
        filename=filename,
        **{**known, **facts},  # type: ignore[arg-type] # a test that misspells one fails at once
    )


def resolution(
    packages: Mapping[str, Sequence[str]],
    roots: Mapping[str, Sequence[str]],
    *,
    platform: str = "linux-64",
    python: str = "3.8.20",
    files: Iterable[File] = (),
    shuffle: bool = False,
) -> Resolution:
    """Return what a solver would, of a universe with one version of each project.

    Args:
        packages: ``name==version`` → its requirements (PEP 508).
        roots: group (empty for the base) → requirements of the spec.
        platform: decides which markers hold.
        python: full version.
        files: to use in place of made-up wheels.
        shuffle: turn every order around.
    """
    target = Target(platform=platform, python=python, glibc="2.31" if platform.startswith("linux") else None)
    special = {(file.name, file.version): file for file in files}
    universe: dict[Name, tuple[str, list[Requirement]]] = {}
    for key, requirements in packages.items():
        name, _, version = key.partition("==")
        universe[normalize_name(name)] = (version, [Requirement(text) for text in requirements])
    wanted: dict[Name, set[str]] = {}
    edges: dict[Name, set[Edge]] = {}
    found_roots = []
    waiting: list[tuple[Name, set[str]]] = []
    for group, texts in roots.items():
        for line, text in enumerate(texts, 5):
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({**target.marker_environment, "extra": ""}):
                name = normalize_name(requirement.name)
                extras = tuple(sorted(requirement.extras))
                found_roots.append(
                    Root(
                        name=name,
                        extras=extras,
                        specifier=str(requirement.specifier),
                        group=group,
                        text=text,
                        origin=Origin(SPEC, line),
                    )
                )
                waiting.append((name, set(extras)))
    while waiting:
        name, extras_wanted = waiting.pop()
        if name in wanted and extras_wanted <= wanted[name]:
            continue
        wanted.setdefault(name, set()).update(extras_wanted)
        for edge in _edges(universe[name][1], target, wanted[name]):
            edges.setdefault(name, set()).add(edge)
            waiting.append((edge.name, set(edge.extras)))
    solved = [
        ResolvedPackage(
            name=name,
            version=universe[name][0],
            file=special.get((name, universe[name][0])) or a_file(name, universe[name][0]),
            extras=tuple(sorted(wanted[name])),
            edges=tuple(sorted(edges.get(name, ()), key=repr, reverse=shuffle)),
            metadata_source="wheel",
        )
        for name in sorted(wanted, reverse=shuffle)
    ]
    return Resolution(
        target=target,
        roots=tuple(reversed(found_roots) if shuffle else found_roots),
        packages=tuple(solved),
        stats=_STATS,
    )


def _edges(requirements: Sequence[Requirement], target: Target, extras: set[str]) -> Iterable[Edge]:
    for requirement in requirements:
        for extra in ("", *sorted(extras)):
            marker = requirement.marker
            text = str(marker) if marker else ""
            if (extra and "extra" not in text) or (
                marker and not marker.evaluate({**target.marker_environment, "extra": extra})
            ):
                continue
            yield Edge(
                name=normalize_name(requirement.name),
                extras=tuple(sorted(requirement.extras)),
                specifier=str(requirement.specifier),
                marker=None if "extra" in text else text or None,
                extra=extra or None,
            )


def locked(
    *resolutions: Resolution,
    name: str = "demo",
    groups: Sequence[str] = (),
    exclusive: Sequence[Sequence[str]] = (),
    indexes: Sequence[IndexSpec] = (),
) -> Lock:
    """Return the lock of some solutions."""
    return build_lock(
        name=name,
        inputs_digest="sha256:" + "0" * 64,
        python=resolutions[0].target.python,
        targets=list(dict.fromkeys(one.target for one in resolutions)),
        groups=groups,
        exclusive=exclusive,
        indexes=indexes,
        resolutions=resolutions,
    )


def example() -> Lock:
    """Return a lock for two platforms with what a lock can have: a named index, a direct URL, a group, extras."""
    universe = {
        "demo-app==1.0": ["numpy>=1.16", "colorama ; sys_platform == 'win32'", "uvicorn[standard]>=0.20"],
        "uvicorn==0.22.0": ["click>=7.0", "httptools>=0.5.0 ; extra == 'standard'"],
        "click==8.1.7": ["colorama ; platform_system == 'Windows'"],
        "httptools==0.6.1": [],
        "colorama==0.4.6": [],
        "numpy==1.24.4": [],
        "torch==1.12.1+cu116": ["typing-extensions"],
        "typing-extensions==4.12.2": [],
        "horovod==0.28.1": ["torch", "cloudpickle"],
        "cloudpickle==3.1.1": [],
        "tool==2.0": [],
    }
    torch = "torch-1.12.1+cu116-cp38-cp38-linux_x86_64.whl"
    files = [
        a_file("torch", "1.12.1+cu116", torch, index="cu116", url=f"{CU116}/{torch.replace('+', '%2B')}", size=None),
        a_file("horovod", "0.28.1", "horovod-0.28.1.tar.gz"),
        a_file("tool", "2.0", index=DIRECT_INDEX, url="https://example.com/dl/tool-2.0-py3-none-any.whl?v=1"),
    ]
    roots = {
        "": ["demo-app==1.0", "torch==1.12.1+cu116 ; sys_platform == 'linux'", "tool @ https://example.com/dl/tool-2.0-py3-none-any.whl?v=1"],
        "horovod": ["horovod ; sys_platform == 'linux'"],
    }  # fmt: skip
    windows = {**universe, "numpy==1.24.3": []}
    del windows["numpy==1.24.4"]
    return locked(
        resolution(universe, roots, files=files),
        resolution(windows, roots, platform="win-64", files=files),
        groups=["horovod"],
        indexes=[an_index()],
    )

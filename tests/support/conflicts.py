"""Conflicts of real packages, over what their index had in November 2026 (tests/data/conflicts).

``index.json`` holds, of the projects that these conflicts lead to, the files that fit the targets, with upload times as
the index has them, and the requirements of those versions whose metadata a run asked for. ``python -m
tests.support.record_conflicts`` records it again from the index that the user's pip or uv configuration names.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from shutil import copyfile
from typing import TYPE_CHECKING, Any

from packaging.version import Version

from envsolver.app.knowledge import load_knowledge
from envsolver.app.project import open_project
from envsolver.app.solving import resolve_environment
from envsolver.app.specedits import edited
from envsolver.app.timing import Stopwatch
from envsolver.model.fix import Edit
from envsolver.model.origin import Origin
from envsolver.model.ports import NullProgress
from envsolver.model.spec import GpuAllow, IgnoredRule, SpecRequirement
from envsolver.sources.open import SourceSettings, open_session
from tests.support.index_pages import StoredFile
from tests.support.packages import make_sdist, metadata_text, sha256

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envsolver.model.candidate import Name
    from envsolver.model.conflict import Reason
    from envsolver.model.spec import Spec
    from tests.support.index_server import IndexServer

__all__ = ["FOLDER", "FROZEN", "NAMES", "publish_recorded", "read_project", "solve", "spec_of", "without"]

FOLDER = Path(__file__).resolve().parent.parent / "data" / "conflicts"
FROZEN = (
    Path(__file__).resolve().parents[2] / "specs" / "indexes" / "pytorch-cu116.json",
    FOLDER / "pytorch-cu118.json",
)
NAMES = tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


def read_project(root: Path, name: str) -> Path:
    """Write a project with the spec of a conflict and frozen indexes of PyTorch; return the spec's path."""
    (root / "specs" / "indexes").mkdir(parents=True, exist_ok=True)
    for frozen in FROZEN:
        copyfile(frozen, root / "specs" / "indexes" / frozen.name)
    spec = root / "specs" / f"{name}.yaml"
    copyfile(FOLDER / f"{name}.yaml", spec)
    return spec


# The index


@cache
def _recorded() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / "index.json").read_text(encoding="utf-8"))
    return found


@cache
def _stored() -> tuple[StoredFile, ...]:
    return tuple(_stored_file(row) for row in _recorded()["files"])


def _stored_file(row: Mapping[str, Any]) -> StoredFile:
    filename, name, version = row["filename"], row["name"], row["version"]
    declared = _declared(name, version)
    requires = declared["requires_dist"]
    wheel = filename.endswith(".whl")
    extras = "".join(f"Provides-Extra: {extra}\n" for extra in declared.get("provides_extra", ()))
    text = metadata_text(name, version, requires=requires, requires_python=declared.get("requires_python"))
    return StoredFile(
        filename=filename,
        data=b"" if wheel else make_sdist(name, version, requires=requires, static=True),
        requires_python=row.get("requires_python"),
        yanked=row.get("yanked", False),
        upload_time=datetime.fromtimestamp(row["uploaded"], UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        hashes={"sha256": sha256(filename.encode())} if wheel else {},
        metadata=text.replace("\n\n", f"\n{extras}\n", 1).encode() if wheel else None,
    )


@cache
def _versions(name: str) -> dict[Version, Mapping[str, Any]]:
    return {Version(row["version"]): row for row in _recorded()["metadata"] if row["name"] == name}


def _declared(name: str, version: str) -> Mapping[str, Any]:
    """Return what a version declares; where that was not recorded, what the next older one does, or else the next."""
    known = _versions(name)
    wanted = Version(version)
    older = [one for one in known if one <= wanted]
    nearest = max(older) if older else min(known, default=None)
    return {"requires_dist": ()} if nearest is None else known[nearest]


def publish_recorded(server: IndexServer) -> None:
    """Put all that was recorded on a loopback index."""
    index = server.index()
    index.files |= {file.filename: file for file in _stored()}


# One member of a conflict less


def spec_of(root: Path, name: str) -> Spec:
    """Return the spec of an environment."""
    project = open_project(root)
    return project.spec(project.find(name))


def without(spec: Spec, reason: Reason) -> Spec:
    """Return the spec without one of the reasons why it has no solution."""
    here = Origin("a test")
    if reason.kind in {"requirement", "constraint"}:
        assert reason.origin is not None
        assert reason.text is not None
        return edited(spec, [Edit(origin=reason.origin, old=reason.text, new=None)])
    if reason.kind == "rule":
        assert reason.rule is not None
        return replace(spec, ignored_rules=(*spec.ignored_rules, IgnoredRule(id=reason.rule, reason="-", origin=here)))
    if reason.kind == "package":
        assert reason.requirer is not None
        return replace(spec, overrides=(*spec.overrides, SpecRequirement(text=reason.project, origin=here)))
    assert spec.gpu is not None
    if reason.kind == "build":
        assert reason.requirer is not None
        allowed = [GpuAllow(package=reason.requirer, cuda=cuda, reason="-", origin=here) for cuda in reason.builds]
        return replace(spec, gpu=replace(spec.gpu, allow=(*spec.gpu.allow, *allowed)))
    assert reason.kind == "gpu"
    if reason.setting == "architectures":
        kept = tuple(one for one in spec.gpu.architectures if one != reason.text)
        return replace(spec, gpu=replace(spec.gpu, architectures=kept))
    if reason.setting == "driver":
        return replace(spec, gpu=replace(spec.gpu, driver=None))
    return replace(spec, gpu=replace(spec.gpu, version=None))


def solve(root: Path, spec: Spec) -> dict[Name, str]:
    """Solve a spec to the end; return versions by project.

    Raises:
        NoSolutionError: there is none.
    """
    project = open_project(root)

    async def run() -> dict[Name, str]:
        async with open_session(SourceSettings(), NullProgress()) as session:
            solutions = await resolve_environment(
                spec,
                project_root=project.root,
                session=session,
                keep=None,
                moving=frozenset(),
                extra_constraints=(),
                stopwatch=Stopwatch(),
                progress=NullProgress(),
                knowledge=load_knowledge(project, spec),
                digests=False,
            )
        return {package.name: package.version for one in solutions.values() for package in one.packages}

    return asyncio.run(run())

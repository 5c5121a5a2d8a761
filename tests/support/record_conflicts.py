"""Records again what the conflicts of tests/data/conflicts need of the index.

``python -m tests.support.record_conflicts`` asks the index that the user's pip or uv configuration names. It solves
what the tests solve: each conflict, each fix of it, and each conflict without one of its members. Of projects that no
spec names only the versions are kept whose metadata was read.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from packaging.requirements import Requirement
from packaging.version import Version

from envsolver.cli.main import main
from envsolver.model.candidate import DEFAULT_INDEX, normalize_name
from envsolver.model.conflict import Reason
from envsolver.model.errors import NoSolutionError
from envsolver.model.origin import Origin
from envsolver.sources.indexes import IndexSet
from tests.support.conflicts import FOLDER, NAMES, read_project, solve, spec_of, without

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envsolver.model.candidate import File, Metadata, Name, Page
    from envsolver.model.target import Target


class _Recorder:
    """What was asked of the default index."""

    def __init__(self) -> None:
        self.pages: dict[Name, Page] = {}
        self.declared: dict[tuple[Name, str], Metadata] = {}
        self.targets: set[Target] = set()
        self.named: set[Name] = set()

    def patched(self) -> contextlib.ExitStack:
        """Return a context in which every index is recorded."""
        page_of, metadata_of = IndexSet.page, IndexSet.metadata
        recorder = self

        async def page(self: IndexSet, name: Name) -> Page:
            found = await page_of(self, name)
            if found.index == DEFAULT_INDEX:
                recorder.pages[name] = found
            return found

        async def metadata(self: IndexSet, file: File) -> Metadata:
            found = await metadata_of(self, file)
            if file.index == DEFAULT_INDEX:
                recorder.declared[file.name, file.version] = found
            return found

        stack = contextlib.ExitStack()
        stack.enter_context(patch.object(IndexSet, "page", page))
        stack.enter_context(patch.object(IndexSet, "metadata", metadata))
        return stack

    def files(self) -> Iterable[dict[str, Any]]:
        """Yield a row for each file that fits a target: wheels, and a source archive where a version has none."""
        for name, page in sorted(self.pages.items()):
            for release in page.releases:
                if name not in self.named and (name, release.version) not in self.declared:
                    continue
                files = page.files(release.version)
                fitting = [
                    f
                    for f in files
                    if f.kind == "wheel" and any(t.wheel_rank(f.tags) is not None for t in self.targets)
                ]
                for file in fitting or [f for f in files if f.kind == "sdist" and f.filename.endswith(".tar.gz")]:
                    row = {"name": name, "version": file.version, "filename": file.filename, "uploaded": file.uploaded}
                    row |= {"requires_python": file.requires_python} if file.requires_python else {}
                    row |= {"yanked": file.yanked or True} if file.yanked is not None else {}
                    yield row

    def metadata(self) -> Iterable[dict[str, Any]]:
        """Yield a row for each version whose metadata was read, without the extras that nothing asks for."""
        asked = {
            (normalize_name(requirement.name), normalize_name(extra))
            for declared in self.declared.values()
            for requirement in map(Requirement, declared.requires_dist)
            for extra in requirement.extras
        }
        for (name, version), declared in sorted(self.declared.items(), key=lambda one: (one[0][0], Version(one[0][1]))):
            extras = [extra for extra in declared.provides_extra if (name, extra) in asked]
            requires = [text for text in declared.requires_dist if _needed(text, extras)]
            row: dict[str, Any] = {"name": name, "version": version, "requires_dist": requires}
            row |= {"requires_python": declared.requires_python} if declared.requires_python else {}
            row |= {"provides_extra": extras} if extras else {}
            yield row


def _needed(requirement: str, extras: Iterable[str]) -> bool:
    marker = requirement.partition(";")[2]
    return "extra" not in marker or any(f'"{extra}"' in marker or f"'{extra}'" in marker for extra in extras)


def _run(*args: str) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        main(list(args))
    return out.getvalue()


def _explore(name: str, root: Path, recorder: _Recorder) -> None:
    """Solve all that the tests of one conflict solve."""
    read_project(root, name)
    os.chdir(root)
    spec = spec_of(root, name)
    recorder.named |= {normalize_name(Requirement(line.text).name) for line in spec.requirements}
    recorder.targets |= {spec.target(platform) for platform in spec.platforms}
    facts = json.loads(_run("lock", name, "--json"))["error"]["facts"]
    for number, _ in enumerate(facts["fixes"], start=1):
        read_project(root, name)
        _run("lock", name, "--apply-fix", str(number))
        for lock in (root / "locks").glob("*"):
            lock.unlink()
    read_project(root, name)
    for row in facts["conflict"]:
        if row["kind"] in {"ruled-out", "note"}:
            continue
        origin = Origin(**row["origin"]) if row["origin"] else None
        reason = Reason(**{**row, "lines": tuple(row["lines"]), "origin": origin, "builds": tuple(row["builds"])})
        with contextlib.suppress(NoSolutionError):
            solve(root, without(spec, reason))


def record() -> None:
    """Write ``index.json``."""
    recorder = _Recorder()
    here = Path.cwd()
    with recorder.patched():
        for name in NAMES:
            with tempfile.TemporaryDirectory() as folder:
                _explore(name, Path(folder), recorder)
                os.chdir(here)
    rows = {"files": list(recorder.files()), "metadata": list(recorder.metadata())}
    lines = [
        f'"{key}": [\n' + ",\n".join(json.dumps(row, ensure_ascii=False) for row in found) + "\n]"
        for key, found in rows.items()
    ]
    (FOLDER / "index.json").write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    record()

"""Conflicts of real packages: the whole of what is said about each, and that it is true.

The texts stand in tests/data/conflicts, one beside each spec, as a terminal of 80 columns shows them.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from envsolver.app.fixing import MOST_FIXES
from envsolver.app.specedits import edited
from envsolver.model.conflict import Reason
from envsolver.model.fix import Addition, Edit, Removal
from envsolver.model.origin import Origin
from tests.support.cli import CommandLine
from tests.support.conflicts import FOLDER, NAMES, publish_recorded, read_project, solve, spec_of, without

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.index_server import IndexServer

A_DOZEN = 13
"""Lines of an explanation, the summary among them."""

SMALLEST = {
    "cuda116-default-index": "specs/cuda116-default-index.yaml: take torch from https://download.pytorch.org/whl/cu116",
    "cuda121-driver510": "specs/cuda121-driver510.yaml:6: gpu.cuda: 11.7 instead of 12.1",
    "cupy11-torch-cu121": "specs/cupy11-torch-cu121.yaml:10: cupy-cuda12x instead of cupy-cuda11x",
    "horovod-torch21": "specs/horovod-torch21.yaml:6: torch==2.0.1 instead of torch==2.1.0",
    "lightning17-torchmetrics1": (
        "specs/lightning17-torchmetrics1.yaml:8: torchmetrics>=0.11.4 instead of torchmetrics>=1.0"
    ),
    "numpy2-torch112": "specs/numpy2-torch112.yaml:7: numpy==1.26.4 instead of numpy==2.0.2",
    "onnxruntime-twice": "specs/onnxruntime-twice.yaml:7: do without onnxruntime-gpu==1.14.1",
    "sm90-torch-cu116": "specs/sm90-torch-cu116.yaml:7: gpu.architectures: without 9.0",
    "torchvision-torch": "specs/torchvision-torch.yaml:7: torchvision==0.13.1 instead of torchvision==0.14.0",
}
"""The change that a person would make first."""


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for the cache of all these tests: they ask for the same pages."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def root(tmp_path: Path, cache: Path, default_index: IndexServer, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder for a project, beside an index that has what was recorded."""
    publish_recorded(default_index)
    monkeypatch.setenv("ENVSOLVER_CACHE_DIR", str(cache))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def cli(root: Path, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(root, capsys)


def facts_of(cli: CommandLine, name: str) -> dict[str, Any]:
    facts: dict[str, Any] = cli("lock", name, "--json").json["error"]["facts"]
    return facts


def reason_of(row: dict[str, Any]) -> Reason:
    origin = Origin(**row["origin"]) if row["origin"] else None
    return Reason(**{**row, "lines": tuple(row["lines"]), "builds": tuple(row["builds"]), "origin": origin})


def edit_of(row: dict[str, Any]) -> Edit | Addition | Removal:
    origin = Origin(**row["origin"])
    if "content" in row:
        return Addition(origin=origin, content=row["content"])
    if "keys" in row:
        return Removal(origin=origin, keys=tuple(row["keys"]))
    return Edit(origin=origin, old=row["old"], new=row["new"])


@pytest.mark.parametrize("name", NAMES)
def test_all_that_is_said(cli: CommandLine, name: str) -> None:
    read_project(cli.root, name)
    done = cli("lock", name)
    assert (done.status, done.out) == (3, "")
    expected = FOLDER / f"{name}.txt"
    if os.environ.get("WRITE_EXPECTED_TEXTS"):
        expected.write_text(done.err, encoding="utf-8")
    assert done.err == expected.read_text(encoding="utf-8")
    assert max(map(len, done.err.splitlines())) <= 80
    explanation, _, fixes = done.err.partition("these changes resolve it, each was solved:\n")
    assert explanation.count("\n") <= A_DOZEN
    assert SMALLEST[name] in " ".join(fixes.partition("  4. ")[0].split())


@pytest.mark.parametrize("name", NAMES)
def test_each_fix_can_be_written_and_then_it_locks(cli: CommandLine, name: str) -> None:
    spec = read_project(cli.root, name)
    written = spec.read_text(encoding="utf-8")
    fixes = facts_of(cli, name)["fixes"]
    assert 0 < len(fixes) <= MOST_FIXES
    for number, fix in enumerate(fixes, start=1):
        read_project(cli.root, name)
        wanted = edited(spec_of(cli.root, name), map(edit_of, fix["edits"]))
        done = cli("lock", name, "--apply-fix", str(number))
        assert done.status == 0, done.err
        assert f"fixed {fix['title']}" in done.said
        assert cli("lock", name, "--check").status == 0
        now = spec.read_text(encoding="utf-8")
        lost = [line for line in written.splitlines() if line not in now.splitlines()]
        changed = [edit for edit in fix["edits"] if "old" in edit]
        # What is taken out of the one spec that has an index is five lines long.
        assert len(lost) <= len(changed) + 5 * sum("keys" in edit for edit in fix["edits"])
        for edit in changed:
            (line,) = (line for line in lost if edit["old"] in line)
            if edit["new"] is not None:
                assert line.replace(edit["old"], edit["new"]) in now
            elif fix["kind"] == "gpu":
                assert line.partition("#")[2] in now
        assert same(spec_of(cli.root, name)) == same(wanted)
        for lock in (cli.lock_file(name), cli.requirements_file(name)):
            lock.unlink()


def same(spec: Any) -> Any:
    """Return what of a spec a solution depends on, without the places."""
    nowhere = Origin("-")
    return (
        [(line.text, line.group) for line in spec.requirements],
        [(index.alias, index.url, index.packages, index.frozen) for index in spec.indexes],
        [(rule.id, rule.reason) for rule in spec.ignored_rules],
        replace(spec.gpu, origin=nowhere) if spec.gpu else None,
        spec.exclusive,
    )


@pytest.mark.parametrize("name", NAMES)
def test_without_any_one_member_the_rest_resolves(cli: CommandLine, name: str) -> None:
    read_project(cli.root, name)
    conflict = [row for row in facts_of(cli, name)["conflict"] if row["kind"] not in {"ruled-out", "note"}]
    assert len(conflict) > 1
    for row in conflict:
        spec = without(spec_of(cli.root, name), reason_of(row))
        assert solve(cli.root, spec), row["lines"]

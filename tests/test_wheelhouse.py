"""Wheelhouses that machines share: at URLs of fsspec, trusted with nothing."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest

from tests.test_build_wheel import PLAIN, PYTHON, cache, locked, project, source

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.cli import CommandLine
    from tests.support.index_server import IndexServer

__all__ = ["project"]  # a fixture


@pytest.fixture(params=["file", "memory", "path"])
def shared(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Return the URL of an empty wheelhouse, which is in use."""
    folder = tmp_path / "shared"
    url = {"file": f"file://{folder}", "memory": "memory://shared", "path": str(folder)}[request.param]
    monkeypatch.setenv("ENVSOLVER_WHEELHOUSE", url)
    yield url
    if request.param == "memory":
        files = storage("memory://")
        files.store.clear()


def storage(url: str) -> Any:
    from fsspec.core import url_to_fs  # type: ignore[import-untyped] # fsspec ships no types

    return url_to_fs(url)[0]


def wheels(url: str) -> list[str]:
    from fsspec.core import url_to_fs

    files, base = url_to_fs(url)
    return sorted(files.find(base))


def make(run: CommandLine) -> dict[str, object]:
    done = run("wheel", "demo", *PYTHON, "--json")
    assert done.status == 0, done.err
    return dict(done.json["wheels"][0])


def test_another_machine_takes_what_this_one_has_built(
    project: CommandLine, default_index: IndexServer, shared: str
) -> None:
    source(default_index, "plain", PLAIN)
    locked(project, "plain")
    first = make(project)
    assert first["built"] is True
    (kept,) = wheels(shared)
    assert kept.endswith("/plain-1.0-py3-none-any.whl")
    shutil.rmtree(cache())
    second = make(project)
    assert second == {**first, "built": False}
    # From then on it is in the cache, and the place that is shared may be gone.
    for path in wheels(shared):
        storage(shared).rm(path)
    assert make(project) == second


def test_another_wheel_is_not_taken(project: CommandLine, default_index: IndexServer, shared: str) -> None:
    source(default_index, "plain", PLAIN)
    locked(project, "plain")
    first = make(project)
    (kept,) = wheels(shared)
    storage(shared).pipe_file(kept, b"evil")
    shutil.rmtree(cache())
    assert make(project) == first
    assert storage(shared).cat_file(kept) != b"evil"


def test_offline(project: CommandLine, default_index: IndexServer, shared: str) -> None:
    source(default_index, "plain", PLAIN)
    locked(project, "plain")
    make(project)
    shutil.rmtree(cache() / "v1" / "wheelhouse")
    assert project("wheel", "demo", *PYTHON, "--offline", "--json").json["wheels"][0]["built"] is False


def test_a_place_that_cannot_be_used(
    project: CommandLine, default_index: IndexServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    source(default_index, "plain", PLAIN)
    locked(project, "plain")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ENVSOLVER_WHEELHOUSE", f"file://{tmp_path / 'file' / 'shared'}")
    done = project("wheel", "demo", *PYTHON)
    assert done.status == 0
    assert "cannot be written" in done.said
    assert "the wheel is kept here only" in done.said
    monkeypatch.setenv("ENVSOLVER_WHEELHOUSE", "nonsense://user:secret@place")
    done = project("wheel", "demo", *PYTHON)
    assert done.status == 2
    assert "the wheelhouse nonsense://" in done.said
    assert "secret" not in done.said
    # Where nothing may be asked over a network, it does not matter.
    assert project("wheel", "demo", *PYTHON, "--offline").status == 0

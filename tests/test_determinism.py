"""The same inputs give the same lock, byte for byte, whatever the cache holds and in whatever order answers come."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.cli import CommandLine
from tests.support.universe import Universe

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.index_server import IndexServer

SEEDS = (4, 10)
ONE = pytest.mark.parametrize("project", [4], indirect=True)
FILES = ("locks/a.lock.toml", "locks/a.requirements.txt")


class Project:
    """A universe on an index, and a project that locks some of it."""

    def __init__(self, root: Path, server: IndexServer, seed: int, capture: pytest.CaptureFixture[str]) -> None:
        self.root = root
        self.server = server
        self.cli = CommandLine(root, capture)
        universe = Universe.made(seed)
        universe.publish(server)
        self.cli.spec("a", universe.spec)

    @property
    def cache(self) -> Path:
        """The cache that runs in this process use."""
        return Path(os.environ["ENVSOLVER_CACHE_DIR"])

    def forget(self) -> None:
        """Remove the lock: its versions would be kept."""
        shutil.rmtree(self.root / "locks", ignore_errors=True)

    def written(self) -> dict[str, bytes]:
        """Return what was locked."""
        return {name: (self.root / name).read_bytes() for name in FILES}

    def lock(self, *args: str) -> dict[str, bytes]:
        """Lock from nothing but the spec and the cache, in this process."""
        self.forget()
        done = self.cli("lock", "a", *args)
        assert done.status == 0, done.err
        return self.written()

    def lock_apart(self, environ: Mapping[str, str]) -> dict[str, bytes]:
        """Lock from nothing in a process of its own."""
        self.forget()
        done = subprocess.run(
            [sys.executable, "-m", "envsolver", "lock", "a"],
            cwd=self.root,
            env={**os.environ, **environ},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return self.written()


@pytest.fixture(params=SEEDS)
def project(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    default_index: IndexServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Project:
    monkeypatch.chdir(tmp_path)
    return Project(tmp_path, default_index, request.param, capsys)


@pytest.fixture
def expected(project: Project) -> dict[str, bytes]:
    """What a first run with an empty cache locks."""
    return project.lock()


@ONE
def test_hash_seeds_and_answers_in_any_order(project: Project, expected: dict[str, bytes]) -> None:
    for seed in range(5):
        project.server.faults.clear()
        project.server.fault("*", jitter=0.03, seed=seed)
        environ = {"PYTHONHASHSEED": str(seed), "ENVSOLVER_CACHE_DIR": str(project.root / f"cache-{seed}")}
        assert project.lock_apart(environ) == expected, f"seed {seed}"


def test_a_warm_cache(project: Project, expected: dict[str, bytes]) -> None:
    project.server.forget()
    assert project.lock() == expected
    assert project.server.asked("/simple/*") == []
    assert project.lock("--refresh") == expected
    project.server.stop()
    assert project.lock("--offline") == expected


def test_caches_that_lost_some_of_their_files(project: Project, expected: dict[str, bytes]) -> None:
    entries = sorted(path for path in project.cache.rglob("*") if path.is_file())
    whole = {path: path.read_bytes() for path in entries}
    assert len(whole) > 50
    for seed in range(6):
        chance = random.Random(seed)  # noqa: S311 - the same every time
        kept = {path for path in entries if chance.random() < 0.5}
        for path, data in whole.items():
            path.write_bytes(data) if path in kept else path.unlink(missing_ok=True)
        assert project.lock() == expected, f"seed {seed}"


def test_offline_it_is_the_same_lock_or_none(project: Project, expected: dict[str, bytes]) -> None:
    project.server.stop()
    entries = sorted(path for path in project.cache.rglob("*") if path.is_file())
    statuses = set()
    for seed in range(8):
        path = random.Random(seed).choice(entries)  # noqa: S311 - the same every time
        data = path.read_bytes()
        path.unlink()
        project.forget()
        done = project.cli("lock", "a", "--offline")
        statuses.add(done.status)
        if done.status == 0:
            assert project.written() == expected
        else:
            assert done.status == 4, done.err
            assert "this run is offline" in done.said
        path.write_bytes(data)
    assert 4 in statuses


@ONE
def test_servers_of_other_manners(project: Project, expected: dict[str, bytes]) -> None:
    for manners in ({"ranges": "refused"}, {"compress": True, "etag": True}, {"core_metadata": False}):
        project.server.index(**manners)
        shutil.rmtree(project.cache)
        assert project.lock() == expected, manners

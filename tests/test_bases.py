"""Environments on top of others: frozen, or a starting point; and what is said when the base moves."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

import envsolver
from envsolver.lock.bases import read_bases
from envsolver.lock.digest import content_digest
from envsolver.lock.model import LockedBase
from envsolver.lock.reader import loads
from envsolver.lock.writer import dumps
from envsolver.model.errors import LockError
from tests.support.cli import CommandLine, publish
from tests.support.specs import MINIMAL, load, messages, write_specs

if TYPE_CHECKING:
    from pathlib import Path

    from envsolver.lock.model import Lock
    from tests.support.index_server import IndexServer
    from tests.support.joint import Joint

HEAD = 'python: "3.11"\nplatforms: [linux-64]\n'
FROZEN = "extends: {name: base, frozen: true}\n"


@pytest.fixture
def cli(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, default_index: IndexServer
) -> CommandLine:
    """Return a project with a locked base, on an index that has gone on since."""
    monkeypatch.chdir(tmp_path)
    publish(default_index, "lib", "1.0", "part")
    publish(default_index, "part", "1.0")
    publish(default_index, "app", "1.0", "lib", "part")
    made = CommandLine(tmp_path, capsys)
    made.spec("base", f"{HEAD}pip: [lib]\nimplied-bounds: off\n")
    done = made("lock", "base")
    assert done.status == 0, done.err
    publish(default_index, "lib", "2.0", "part")
    publish(default_index, "part", "2.0")
    publish(default_index, "new", "1.0", "lib>=2")
    return made


def lock_of(cli: CommandLine, name: str = "top") -> Lock:
    return envsolver.load_lock(cli.lock_file(name))


def versions(cli: CommandLine, name: str = "top") -> dict[str, str]:
    return {package.name: package.version for package in lock_of(cli, name).packages}


def test_no_package_of_a_frozen_base_moves(cli: CommandLine) -> None:
    cli.spec("top", f"{FROZEN}pip: [app]\n")
    done = cli("lock", "top", "--refresh")
    assert done.status == 0, done.err
    assert versions(cli) == {"app": "1.0", "lib": "1.0", "part": "1.0"}
    base = lock_of(cli, "base")
    assert lock_of(cli).bases == (LockedBase(name="base", digest=content_digest(base), frozen=True),)
    assert 'lock-version = "1.6"' in cli.lock_file("top").read_text()
    # Not even where all may move.
    assert cli("lock", "top", "--upgrade", "--refresh").status == 0
    assert versions(cli) == {"app": "1.0", "lib": "1.0", "part": "1.0"}


def test_why_names_the_frozen_base_while_it_is_what_it_was(cli: CommandLine) -> None:
    cli.spec("top", f"{FROZEN}pip: [app]\n")
    assert cli("lock", "top").status == 0
    said = "locks/base.lock.toml:"
    held = cli("why", "top", "lib").out.partition("what holds it")[2]
    assert said in held
    assert "(frozen: the base base has this version)" in " ".join(held.split())
    assert said not in cli("why", "top", "app").out
    cli.lock_file("base").unlink()
    assert said not in cli("why", "top", "lib").out


def test_a_conflict_with_a_frozen_base_names_both_sides(cli: CommandLine) -> None:
    cli.spec("top", f"{FROZEN}pip: [new]\n")
    done = cli("lock", "top", "--refresh")
    assert done.status == 3
    lines = cli.lock_file("base").read_text().splitlines()
    line = lines.index('name = "lib"') + 1
    assert f"locks/base.lock.toml:{line}: lib==1.0 (frozen: the base base has this version)" in done.said
    assert "specs/top.yaml:2: new" in done.said
    assert not cli.lock_file("top").exists()


def test_a_base_is_a_starting_point(cli: CommandLine) -> None:
    cli.spec("top", "extends: base\npip: [app]\n")
    assert cli("lock", "top", "--refresh").status == 0
    assert versions(cli) == {"app": "1.0", "lib": "1.0", "part": "1.0"}
    assert [base.frozen for base in lock_of(cli).bases] == [False]
    # What is new may move it, and no more of it than it must.
    cli.spec("top", "extends: base\npip: [new]\n")
    assert cli("lock", "top").status == 0
    assert versions(cli) == {"new": "1.0", "lib": "2.0", "part": "1.0"}
    assert cli("lock", "top", "--upgrade").status == 0
    assert versions(cli)["part"] == "2.0"


def test_check_says_when_a_frozen_base_has_moved(cli: CommandLine) -> None:
    cli.spec("top", f"{FROZEN}pip: [app]\n")
    assert cli("lock", "top").status == 0
    assert cli("check", "top").status == 0
    assert cli("lock", "base", "--upgrade", "--refresh").status == 0
    done = cli("check", "top")
    assert done.status == 1
    assert "error LCK003: the base base has moved since" in done.out
    assert "LCK001" not in done.out
    assert "specs/top.yaml:1" in done.out
    assert cli("lock", "top", "--check").status == 1
    # And the remedy is one.
    assert cli("lock", "top").status == 0
    assert versions(cli) == {"app": "1.0", "lib": "2.0", "part": "2.0"}
    assert cli("check", "top").status == 0


def test_a_starting_point_that_has_moved_is_a_warning(cli: CommandLine) -> None:
    cli.spec("top", "extends: base\npip: [app]\n")
    assert cli("lock", "top").status == 0
    assert cli("lock", "base", "--upgrade", "--refresh").status == 0
    done = cli("check", "top")
    assert done.status == 0
    assert "warning LCK003: the base base has moved since" in done.out
    assert cli("lock", "top").status == 0
    assert versions(cli)["lib"] == "1.0"
    assert cli("lock", "top", "--refresh").status == 0
    assert versions(cli)["lib"] == "2.0"
    assert "LCK003" not in cli("check", "top").out


def test_hints_in_the_lock_of_a_base_do_not_move_it(cli: CommandLine) -> None:
    cli.spec("top", f"{FROZEN}pip: [app]\n")
    assert cli("lock", "top").status == 0
    path = cli.lock_file("base")
    path.write_text(re.sub(r"^uploaded = .*\n", "", path.read_text(), flags=re.MULTILINE))
    done = cli("check", "top")
    assert (done.status, "LCK003" in done.out) == (0, False)


def test_a_base_without_a_lock_any_more(cli: CommandLine) -> None:
    cli.spec("top", f"{FROZEN}pip: [app]\n")
    assert cli("lock", "top").status == 0
    cli.lock_file("base").unlink()
    assert "the base base has no lock any more: locks/base.lock.toml" in cli("check", "top").out
    done = cli("lock", "top")
    assert done.status == 2
    assert "cannot be frozen: there is no locks/base.lock.toml" in done.said
    assert "`envsolver lock base`" in done.said


def test_a_frozen_base_holds_for_the_platforms_of_its_lock(cli: CommandLine) -> None:
    cli.spec("top", f"{FROZEN}replace: [platforms]\nplatforms: [linux-64, win-64]\n")
    done = cli("lock", "top")
    assert done.status == 2
    assert "cannot be frozen for win-64" in done.said


def test_nothing_is_asked_where_nothing_has_changed(cli: CommandLine, default_index: IndexServer) -> None:
    cli.spec("top", f"{FROZEN}pip: [app]\n")
    assert cli("lock", "top").status == 0
    before = len(default_index.requests)
    assert "top is up to date" in cli("lock", "top").err
    assert "top is up to date" in cli("lock", "top").err
    assert len(default_index.requests) == before


def test_a_base_of_the_shipped_catalogue(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    package = cli.root / "site" / "envsolver"
    carried = package / "curated"
    for part in ("specs", "locks"):
        (carried / part).mkdir(parents=True)
        for path in sorted((cli.root / part).glob("base.*")):
            path.rename(carried / part / path.name)
    monkeypatch.setattr("envsolver.spec.curated._PACKAGE", package)
    cli.spec("top", f"{FROZEN}pip: [app]\n")
    done = cli("lock", "top", "--refresh")
    assert done.status == 0, done.err
    assert versions(cli) == {"app": "1.0", "lib": "1.0", "part": "1.0"}
    text = cli.lock_file("top").read_text()
    # No path of a machine: the lock is the same wherever envsolver is installed.
    assert 'spec = "envsolver:specs/base.yaml"' in text
    assert str(cli.root) not in text
    cli.spec("top", f"{FROZEN}pip: [new]\n")
    done = cli("lock", "top")
    assert done.status == 3
    assert "envsolver:locks/base.lock.toml:" in done.said


def test_packages_of_conda_of_a_frozen_base_stay(joint: Joint) -> None:
    joint.main.add("blas", "1.0", [])
    joint.main.add("numpy", "1.23", ["python 3.9.*", "blas"])
    lock = joint.lock("conda: [numpy]\npip: []\n")
    joint.main.add("blas", "2.0", [])
    joint.main.add("tool", "1.0", ["blas"])
    joint.main.add("other", "1.0", ["blas >=2"])
    joint.cli.spec("top", "extends: {name: a, frozen: true}\nconda: [tool]\n")
    done = joint.cli("lock", "top", "--refresh")
    assert done.status == 0, done.err
    assert versions(joint.cli) == {
        "conda:blas": "1.0",
        "conda:numpy": "1.23",
        "conda:python": lock.python,
        "conda:tool": "1.0",
    }
    joint.cli.spec("top", "extends: {name: a, frozen: true}\nconda: [other]\n")
    done = joint.cli("lock", "top", "--refresh")
    assert done.status == 3
    assert "packages of conda of the frozen base a cannot stay" in done.said
    assert "locks/a.lock.toml: blas-1.0-" in done.said
    assert "(specs/top.yaml:1)" in done.said


# The spec


def test_the_ways_to_write_it(tmp_path: Path) -> None:
    write_specs(tmp_path, base=MINIMAL, other="pip: []\n")
    for text, frozen in {
        "extends: base\n": [False],
        "extends: [base]\n": [False],
        "extends: {name: base}\n": [False],
        "extends: {name: base, frozen: false}\n": [False],
        "extends: {name: base, frozen: true}\n": [True],
        "extends: [{name: base, frozen: true}, other]\n": [True, False],
    }.items():
        write_specs(tmp_path, env=text)
        spec = load(tmp_path)
        assert [base.frozen for base in spec.bases] == frozen
        assert spec.bases[0].path == "specs/base.yaml"


def test_a_base_that_is_no_environment_passes_on_what_it_builds_on(tmp_path: Path) -> None:
    write_specs(tmp_path, base=MINIMAL, _mid="extends: {name: base, frozen: true}\n", env="extends: _mid\n")
    spec = load(tmp_path)
    assert [(base.name, base.frozen, str(base.origin)) for base in spec.bases] == [("base", True, "specs/_mid.yaml:1")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("extends: {name: _base, frozen: true}\n", "_base is a base without a lock: it cannot be frozen"),
        ("extends: {name: base, frozen: yes}\n", "extends[0].frozen: expected true or false, found 'yes'"),
        ("extends: {frozen: true}\n", "extends[0].name is missing"),
        ("extends: {name: base, pinned: true}\n", "unknown key 'pinned'"),
    ],
)
def test_what_makes_no_sense(tmp_path: Path, text: str, message: str) -> None:
    write_specs(tmp_path, base=MINIMAL, _base="pip: []\n", env=f"{text}{MINIMAL}")
    assert any(message in line for line in messages(tmp_path)), messages(tmp_path)


# The lock


def test_bases_are_read_from_the_head_of_a_lock(cli: CommandLine) -> None:
    cli.spec("top", f"{FROZEN}pip: [app]\n")
    assert cli("lock", "top").status == 0
    text = cli.lock_file("top").read_text()
    lock = loads(text)
    assert read_bases(text) == lock.bases
    assert loads(dumps(lock)) == lock
    assert read_bases(cli.lock_file("base").read_text()) == ()
    with pytest.raises(LockError, match="bases must be tables"):
        read_bases("bases = [{ digest = 1 }]\n", "x")

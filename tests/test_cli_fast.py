"""The shortest way says what the ordinary way says, and only where it would."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from envsolver.app import stamps
from envsolver.cli import fast
from envsolver.sources.frozen import FrozenIndex, dumps
from envsolver.spec.catalogue import SPECS_FOLDER
from tests.support.cli import publish

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.cli import CommandLine, Done
    from tests.support.index_server import IndexServer

SPEC = """\
    extends: [_base]
    platforms: [linux-64]
    aliases: [Alpha]
    from: [pyproject.toml]
    pip: [app]
    indexes:
      live: {url: "https://index.invalid/simple/", packages: [nothing], frozen: frozen.json}
    """
BASE = 'python: "3.11"\n'
PYPROJECT = '[project]\nname = "mine"\nversion = "1"\ndependencies = ["lib"]\n'
RULES = """\
[[rule]]
id = "OWN-LIB"
title = "lib imports six"
when = "lib"
requires = "six"
strength = "hard"
sources = "seen"
"""
FROZEN = dumps(FrozenIndex(url="https://index.invalid/simple/", files=()))


@pytest.fixture
def cli(cli: CommandLine, tmp_path: Path, default_index: IndexServer) -> CommandLine:
    """A project of two environments that were locked, and found up to date once."""
    publish(default_index, "app", "1.0", "lib")
    publish(default_index, "lib", "1.0")
    publish(default_index, "six", "1.0")
    cli.spec("_base", BASE)
    cli.spec("a", SPEC)
    cli.spec("b", BASE + "platforms: [linux-64]\npip: [lib]\n")
    (tmp_path / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
    (tmp_path / "specs" / "frozen.json").write_text(FROZEN, encoding="utf-8")
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "own.toml").write_text(RULES, encoding="utf-8")
    done = cli("lock", "--all")
    assert done.status == 0, done.err
    assert cli("lock", "--all").err == "a is up to date\nb is up to date\n"
    return cli


@pytest.fixture
def slowly(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Done]:
    """Run the command line the ordinary way."""

    def run(*args: str) -> Done:
        with monkeypatch.context() as patch:
            patch.setattr(fast, "up_to_date", lambda _: False)
            return cli(*args)

    return run


def test_the_shortest_way_imports_next_to_nothing(cli: CommandLine) -> None:
    code = "import sys\nfrom envsolver.cli.main import main\nassert main(['lock', 'a']) == 0\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=cli.root, capture_output=True, text=True, check=True)
    assert done.stderr == "a is up to date\n"
    loaded = set(done.stdout.split())
    assert not loaded & {"click", "dataclasses", "inspect", "json", "yaml", "envsolver.spec", "envsolver.lock"}


def test_what_all_leaves_out_is_remembered_too(cli: CommandLine, slowly: Callable[..., Done]) -> None:
    cli.spec("c", BASE + "platforms: [linux-64]\npip: [nothing-like-it]\nstatus: deprecated\n")
    cli("lock", "--all")
    for args in (("lock", "--all"), ("lock", "--all", "-q"), ("lock", "--all", "--check")):
        assert fast.up_to_date(args)
        assert cli(*args) == slowly(*args)
    assert "left out, as deprecated or removed: c" in cli("lock", "--all").said
    assert not fast.up_to_date(("lock", "c"))
    cli.spec("c", BASE + "platforms: [linux-64]\npip: [nothing-like-it]\n")
    assert not fast.up_to_date(("lock", "--all"))


@pytest.mark.parametrize(
    "args",
    [
        ("lock", "a"),
        ("lock", "b", "a", "b"),
        ("lock", "--all"),
        ("lock", "a", "--check"),
        ("--offline", "lock", "--all", "-q", "--no-color"),
        ("lock", "--project", ".", "a"),
        ("--project", "specs/..", "--quiet", "lock", "a"),
    ],
)
def test_the_same_words_as_the_ordinary_way(
    cli: CommandLine, slowly: Callable[..., Done], args: tuple[str, ...]
) -> None:
    assert fast.up_to_date(args)
    assert cli(*args) == slowly(*args)


@pytest.mark.parametrize(
    "args",
    [
        ("lock",),
        ("lock", "a", "--all"),
        ("lock", "Alpha"),
        ("lock", "specs/a.yaml"),
        ("lock", "_base"),
        ("lock", "c"),
        ("lock", "a", "--json"),
        ("lock", "a", "-v"),
        ("lock", "a", "--upgrade"),
        ("lock", "a", "--refresh"),
        ("lock", "--", "a"),
        ("--all", "lock"),
        ("--check", "lock", "a"),
        ("a", "lock"),
        ("lock", "a", "--project"),
        ("lock", "a", "--project", "nowhere"),
        ("lock", "-qv", "a"),
        ("show", "lock"),
    ],
)
def test_anything_else_goes_the_ordinary_way(
    cli: CommandLine, slowly: Callable[..., Done], args: tuple[str, ...]
) -> None:
    assert not fast.up_to_date(args)
    assert cli(*args).status == slowly(*args).status


def touch(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


CHANGES: dict[str, Callable[[Path], object]] = {
    "spec": lambda root: touch(root / "specs" / "a.yaml", "[app]", "[app, lib]"),
    "comment": lambda root: touch(root / "specs" / "a.yaml", "pip:", "# why not\npip:"),
    "base": lambda root: touch(root / "specs" / "_base.yaml", "3.11", "3.12"),
    "live project": lambda root: touch(root / "pyproject.toml", '"lib"', '"lib<2"'),
    "frozen index": lambda root: touch(root / "specs" / "frozen.json", "\n", " \n"),
    "frozen index gone": lambda root: (root / "specs" / "frozen.json").unlink(),
    "lock": lambda root: touch(root / "locks" / "a.lock.toml", '"1.0"', '"2.0"'),
    "lock gone": lambda root: (root / "locks" / "a.lock.toml").unlink(),
    "requirements": lambda root: touch(root / "locks" / "a.requirements.txt", "==1.0", "==2.0"),
    "second file of that name": lambda root: (root / "specs" / "a.yml").write_text(BASE, encoding="utf-8"),
    "own rules": lambda root: touch(root / "rules" / "own.toml", "six", "seven"),
    "more own rules": lambda root: (root / "rules" / "more.toml").write_text("# none\n", encoding="utf-8"),
    "own rules gone": lambda root: (root / "rules" / "own.toml").unlink(),
    "spec gone": lambda root: (root / "specs" / "a.yaml").unlink(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_no_change_is_overlooked(cli: CommandLine, slowly: Callable[..., Done], change: str) -> None:
    CHANGES[change](cli.root)
    assert not fast.up_to_date(["lock", "a"])
    assert cli("lock", "a", "--check") == slowly("lock", "a", "--check")
    assert cli("lock", "--all", "--check") == slowly("lock", "--all", "--check")


def test_what_was_changed_back_is_up_to_date_again(cli: CommandLine) -> None:
    touch(cli.root / "specs" / "a.yaml", "[app]", "[app, lib]")
    assert cli("lock", "a", "--check").status == 1
    touch(cli.root / "specs" / "a.yaml", "[app, lib]", "[app]")
    assert fast.up_to_date(["lock", "a", "-q"])


def test_a_stamp_of_another_version_counts_for_nothing(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    assert fast.up_to_date(["lock", "a", "-q"])
    monkeypatch.setattr(stamps, "__version__", "9.9")
    assert not fast.up_to_date(["lock", "a", "-q"])
    assert cli("lock", "a").err == "a is up to date\n"
    assert fast.up_to_date(["lock", "a", "-q"])


def test_without_a_cache_everything_works_the_ordinary_way(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("ENVSOLVER_CACHE_DIR", str(tmp_path / "file" / "cache"))
    for _ in range(2):
        assert cli("lock", "a").err == "a is up to date\n"
    assert not fast.up_to_date(["lock", "a"])


def test_a_copy_of_the_project_elsewhere_is_another_project(cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "copy" / "specs").mkdir(parents=True)
    assert not fast.up_to_date(["lock", "a", "--project", "copy"])


def test_a_damaged_stamp_is_none(cli: CommandLine) -> None:
    for garbage in ("", "nonsense", "a b c\n", "\0\n"):
        stamps.stamp(cli.root, "a", garbage)
        assert not stamps.is_stamped(cli.root, "a")


def test_the_folder_of_specs_is_that_of_the_catalogue() -> None:
    assert stamps.SPECS == SPECS_FOLDER

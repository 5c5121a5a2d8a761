"""The error tree: each class has a status that DESIGN and documentation know, and the command line uses it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from envsolver.cli.main import main
from envsolver.model import errors
from envsolver.model.errors import EnvsolverError, LockError, MetadataUnusableError, SpecError, UnknownPackagesError
from envsolver.model.origin import Origin
from tests.support.cli import CommandLine

if TYPE_CHECKING:
    from collections.abc import Iterator

STATUS = {
    "CheckFailedError": 1,
    "UsageError": 2,
    "SpecError": 2,
    "LockError": 2,
    "NoSolutionError": 3,
    "FileError": 4,
    "NetworkError": 4,
    "MetadataUnusableError": 4,
}
"""The status of each branch of the tree; what stands below has the same."""
DOCUMENTATION = (Path(__file__).parent.parent / "docs" / "cli.md").read_text(encoding="utf-8")


def tree(root: type[EnvsolverError]) -> Iterator[type[EnvsolverError]]:
    yield root
    for below in root.__subclasses__():
        yield from tree(below)


CLASSES = [error for error in tree(EnvsolverError) if error.__module__ == errors.__name__]


def instance(kind: type[EnvsolverError]) -> EnvsolverError:
    made: dict[type[EnvsolverError], tuple[tuple[Any, ...], dict[str, Any]]] = {
        SpecError: (([errors.Problem("wrong", Origin("specs/a.yaml", 3))],), {}),
        LockError: (("locks/a.lock.toml", "wrong"), {}),
        MetadataUnusableError: (("a.whl", "wrong"), {}),
        errors.ArtefactError: (("a.whl", "wrong"), {}),
        errors.UnknownPackageError: (("lib",), {"indexes": ["default"]}),
        UnknownPackagesError: (([errors.UnknownPackageError("lib", indexes=["default"])],), {}),
    }
    arguments, named = made.get(kind, (("wrong",), {}))
    return kind(*arguments, **named)


def test_every_class_is_exported() -> None:
    assert {kind.__name__ for kind in CLASSES} <= set(errors.__all__)


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_the_status_is_that_of_the_branch(kind: type[EnvsolverError]) -> None:
    assert kind.exit_code in {1, 2, 3, 4}
    for name, status in STATUS.items():
        if issubclass(kind, getattr(errors, name)):
            assert kind.exit_code == status
    assert f"| {kind.exit_code} |" in DOCUMENTATION


def test_the_documentation_has_every_code() -> None:
    listed = re.search(r"Codes: ([^.]*)\.", DOCUMENTATION)
    assert listed
    codes = set(re.findall(r"`([a-z-]+)`", listed[1]))
    assert {kind.code for kind in CLASSES if kind is not EnvsolverError} <= codes


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_the_command_line_ends_with_it(
    kind: type[EnvsolverError], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cli = CommandLine(tmp_path, capsys)
    cli.spec("a", "python: '3.11'\nplatforms: [linux-64]\npip: [lib]\n")

    def fail(*_: object, **__: object) -> None:
        raise instance(kind)

    monkeypatch.setattr("envsolver.app.project.Project.find", fail)
    for args in (["show", "a"], ["tree", "a"], ["lock", "a"], ["export", "a", "--format", "pylock"]):
        done = cli(*args)
        assert (done.status, done.out) == (kind.exit_code, "")
        assert done.err.startswith("error: ")
        done = cli(*args, "--json")
        assert (done.status, done.err) == (kind.exit_code, "")
        assert done.json["error"]["code"] == kind.code


@pytest.mark.parametrize(
    ("args", "status"),
    [
        (["nonsense"], 2),
        (["lock", "--nonsense"], 2),
        (["lock"], 2),
        (["lock", "nowhere"], 2),
        (["tree", "nowhere"], 2),
        (["tree", "a"], 4),
        (["show", "a"], 0),
        (["lock", "a", "--check"], 1),
        (["check", "nowhere"], 2),
        (["explain", "NO-SUCH-CODE"], 2),
        (["import", "nowhere.txt", "b"], 2),
        (["build", "a", "--prefix", "env"], 4),
        (["verify", "a", "--prefix", "env"], 4),
        (["wheel", "a"], 4),
        (["list"], 0),
        (["export", "a", "--format", "nonsense"], 2),
        (["diff", "a"], 4),
        (["cache"], 2),
        (["--version"], 0),
        (["lock", "--help"], 0),
        ([], 2),
    ],
)
def test_statuses_of_commands(
    args: list[str], status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    CommandLine(tmp_path, capsys).spec("a", "python: '3.11'\nplatforms: [linux-64]\npip: [lib]\n")
    assert main(args) == status

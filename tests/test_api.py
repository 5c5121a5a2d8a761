"""What other programs import."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import envsolver
from envsolver.lock.toml import dumps
from envsolver.model.errors import FileError, LockError
from tests.support.cli import CommandLine, publish
from tests.support.locks import example

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.index_server import IndexServer


def test_a_lock_is_loaded_from_a_path(tmp_path: Path) -> None:
    path = tmp_path / "demo.lock.toml"
    path.write_bytes(dumps(example()).encode())
    for given in (path, str(path)):
        assert envsolver.load_lock(given) == example()


def test_line_ends_of_a_checkout_do_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "demo.lock.toml"
    path.write_bytes(dumps(example()).replace("\n", "\r\n").encode())
    assert envsolver.load_lock(path) == example()


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (None, FileError, "there is no such file"),
        (b"\xff\xfe", FileError, "is not UTF-8"),
        (b"version = 1\n", LockError, "lock-version is missing"),
    ],
)
def test_what_cannot_be_loaded_says_why(
    tmp_path: Path, content: bytes | None, error: type[Exception], message: str
) -> None:
    path = tmp_path / "demo.lock.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(error, match=message) as caught:
        envsolver.load_lock(path)
    assert str(caught.value).startswith(str(path))


def test_loading_a_lock_imports_nothing_heavy(tmp_path: Path) -> None:
    path = tmp_path / "demo.lock.toml"
    path.write_bytes(dumps(example()).encode())
    heavy = ("packaging", "networkx", "tomlkit", "rattler", "aiohttp", "click", "yaml")
    code = (
        "import sys, envsolver; "
        f"envsolver.load_lock({str(path)!r}).requirements('linux-64'); "
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


# The documented examples and the other functions


@pytest.fixture
def project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], default_index: IndexServer
) -> CommandLine:
    """Return a project whose environment is called as in the documents, locked."""
    monkeypatch.chdir(tmp_path)
    publish(default_index, "app", "1.0", "lib>=1")
    publish(default_index, "lib", "1.0")
    cli = CommandLine(tmp_path, capsys)
    cli.spec("train", 'python: "3.11"\nplatforms: [linux-64]\npip: [app]\n')
    assert cli("lock", "train").status == 0
    return cli


def test_the_documented_examples_run(
    project: CommandLine, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (repository / "docs" / "api.md").read_text(encoding="utf-8")
    names: dict[str, object] = {}
    examples = re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    assert len(examples) > 5
    for code in examples:
        exec(compile(code, "docs/api.md", "exec"), names)  # noqa: S102 - our own page
    said = capsys.readouterr().out
    assert "train 3.11" in said
    assert "['lib']" in said
    assert "did you mean 'train'?" in said
    assert "450.80.02" in said or "510.39.01" in said
    assert str(names["text"]).count("==") == 2


def test_what_is_public_is_documented_and_there(repository: Path) -> None:
    page = (repository / "docs" / "api.md").read_text(encoding="utf-8")
    for name in envsolver.__all__:
        assert getattr(envsolver, name) is not None
        assert name == "__version__" or f"`{name}" in page
    assert dir(envsolver) == envsolver.__all__
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        envsolver.nothing  # noqa: B018 - asking for it is the test


def test_the_function_lock_is_there_whatever_was_imported_before(project: CommandLine) -> None:
    import envsolver.lock.model  # takes the place of the attribute

    made = envsolver.lock("train")
    assert isinstance(made, envsolver.Lock)
    code = "import envsolver; print(envsolver.lock('train').requirements())"
    done = subprocess.run([sys.executable, "-c", code], cwd=project.root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "('app==1.0', 'lib==1.0')"


def test_lock_raises_what_the_command_line_says(project: CommandLine) -> None:
    project.spec("train", 'python: "3.11"\nplatforms: [linux-64]\npip: [app, "lib<1"]\n')
    with pytest.raises(envsolver.EnvsolverError) as caught:
        envsolver.lock("train", project=project.root)
    assert "specs/train.yaml:3" in str(caught.value)


def test_a_format_that_there_is_not(project: CommandLine) -> None:
    with pytest.raises(envsolver.EnvsolverError, match="there is no format 'poetry'") as caught:
        envsolver.export("train", "poetry")  # type: ignore[arg-type] # that is the mistake
    assert "requirements" in (caught.value.hint or "")


def test_the_functions_have_their_types(project: CommandLine) -> None:
    # mypy reads the tests as well: it would refuse one of these lines.
    lock: envsolver.Lock = envsolver.lock("train", offline=True)
    pins: tuple[str, ...] = lock.requirements("linux-64")
    driver: envsolver.Expectations = lock.expectations()
    spec: envsolver.Spec = envsolver.load_spec("train")
    text: str = envsolver.export("train", "constraints")
    assert pins == ("app==1.0", "lib==1.0")
    assert (driver.environment, driver.driver) == ("train", None)
    assert [requirement.text for requirement in spec.requirements] == ["app"]
    assert "app==1.0" in text

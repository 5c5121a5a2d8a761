"""What other programs import."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import envsolver
from envsolver.lock.toml import dumps
from envsolver.model.errors import FileError, LockError
from tests.support.locks import example

if TYPE_CHECKING:
    from pathlib import Path


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

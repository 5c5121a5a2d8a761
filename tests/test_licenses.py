"""Licenses: what wheels declare, and what of it a difference between locks tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envsolver.sources.metadata.license import declared_license
from tests.support.cli import CommandLine
from tests.support.packages import make_wheel, metadata_text

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.index_server import IndexServer

SPEC = """\
python: "3.11"
platforms: [linux-64]
pip:
  - app
"""


def _published(server: IndexServer, name: str, version: str, *lines: str, requires: tuple[str, ...] = ()) -> None:
    head, rest = metadata_text(name, version, requires=requires, metadata_version="2.4").split("\n", 1)
    text = "\n".join((head, *lines, rest))
    wheel = make_wheel(name, version, metadata=text)
    server.add(f"{name}-{version}-py3-none-any.whl", wheel, upload_time="2023-01-01T00:00:00Z")


@pytest.mark.parametrize(
    ("lines", "license_"),
    [
        (("License-Expression: MIT OR Apache-2.0", "License: BSD"), "MIT OR Apache-2.0"),
        (("Classifier: License :: OSI Approved :: MIT License", "License: see LICENSE"), "MIT"),
        (("Classifier: License :: OSI Approved :: BSD License",), "BSD License"),
        (("Classifier: License :: OSI Approved", "License: Apache 2"), "Apache 2"),
        (
            (
                "Classifier: License :: Public Domain",
                "Classifier: License :: OSI Approved :: MIT License",
                "Classifier: Topic :: License",
            ),
            "MIT and Public Domain",
        ),
        (("License: Copyright (c) 2020", "        all rights", "        reserved"), "Copyright (c) 2020"),
        (("License: UNKNOWN",), None),
        ((), None),
        (("License: " + "x" * 300,), "x" * 79 + "…"),
        (("License: a\x1b[31mred",), "a [31mred"),
    ],
)
def test_the_license_is_what_the_author_declares(lines: tuple[str, ...], license_: str | None) -> None:
    data = "\n".join(("Metadata-Version: 2.4", "Name: a", "Version: 1", *lines, "", "License: in the description"))
    assert declared_license(data.encode()) == license_


@pytest.fixture
def moved(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, default_index: IndexServer
) -> CommandLine:
    """A lock of which one package has another license, one the same, and one is new."""
    _published(default_index, "app", "1.0", "License-Expression: MIT", requires=("lib",))
    _published(default_index, "lib", "1.0", "Classifier: License :: OSI Approved :: MIT License")
    monkeypatch.chdir(tmp_path)
    cli = CommandLine(tmp_path, capsys)
    cli.spec("a", SPEC)
    assert cli("lock", "a").status == 0
    (tmp_path / "old.lock.toml").write_bytes(cli.lock_file("a").read_bytes())
    _published(default_index, "app", "2.0", "License-Expression: AGPL-3.0-only", requires=("lib", "more"))
    _published(default_index, "lib", "2.0", "License-Expression: MIT")
    _published(default_index, "more", "1.0", "License: Proprietary")
    assert cli("lock", "a", "--upgrade", "--refresh", "-q").status == 0
    return cli


def test_a_license_that_changed_is_told(moved: CommandLine) -> None:
    done = moved("diff", "a", "--from", "old.lock.toml", "--licenses")
    assert (done.status, done.err) == (0, "")
    assert [line.strip() for line in done.out.splitlines() if "license" in line] == [
        "license MIT → AGPL-3.0-only",
        "license Proprietary",
    ]
    table = moved("diff", "a", "--from", "old.lock.toml", "--licenses", "--format", "markdown").out
    assert "| app | 1.0 | 2.0 | upgraded; license MIT → AGPL-3.0-only |" in table
    changes = moved("diff", "a", "--from", "old.lock.toml", "--licenses", "--json").json["changes"]
    assert {one["package"]: (one["old_license"], one["new_license"]) for one in changes} == {
        "app": ("MIT", "AGPL-3.0-only"),
        "lib": ("MIT", "MIT"),
        "more": (None, "Proprietary"),
    }


def test_no_index_is_asked_for_licenses_unless_it_is_wanted(moved: CommandLine, default_index: IndexServer) -> None:
    default_index.requests.clear()
    assert "license" not in moved("diff", "a", "--from", "old.lock.toml").out
    assert not default_index.requests


def test_licenses_once_read_are_known_offline(moved: CommandLine, default_index: IndexServer) -> None:
    online = moved("diff", "a", "--from", "old.lock.toml", "--licenses").out
    default_index.stop()
    done = moved("diff", "a", "--from", "old.lock.toml", "--licenses", "--offline")
    assert (done.out, done.err) == (online, "")


def test_a_license_that_cannot_be_read_is_said(moved: CommandLine, default_index: IndexServer) -> None:
    del default_index.index().files["app-1.0-py3-none-any.whl"]
    moved("cache", "clean")
    done = moved("diff", "a", "--from", "old.lock.toml", "--licenses")
    assert done.status == 0
    assert "license of app 1.0: the indexes have app-1.0-py3-none-any.whl no more" in " ".join(done.err.split())
    assert "license not known → AGPL-3.0-only" in done.out

"""File lists of wheels: by range requests, from the cache, and what is done where they cannot be had."""

from __future__ import annotations

import zipfile
from io import BytesIO
from typing import TYPE_CHECKING

import pytest

from envsolver.app import filelists
from envsolver.sources.cache import Cache
from tests.support.packages import make_sdist, make_wheel, sdist_filename, sha256, wheel_filename

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.cli import CommandLine
    from tests.support.index_server import IndexServer

SHARED = "nvidia/cudnn/lib/libcudnn.so.9"
BIG = 300_000
"""Bytes: more than the end of an archive that is asked for first."""


def stored(name: str, version: str, path: str, data: bytes) -> bytes:
    """Return a wheel with one more file, which is not compressed."""
    buffer = BytesIO(make_wheel(name, version))
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(path, data)
    return buffer.getvalue()


@pytest.fixture
def wheels(default_index: IndexServer) -> dict[str, bytes]:
    """Two wheels with a large file of the same path, on the default index."""
    found = {
        name: stored(name, "9.1", SHARED, name.encode() * (BIG // len(name)))
        for name in ("nvidia-cudnn-cu12", "nvidia-cudnn-cu13")
    }
    for name, data in found.items():
        default_index.add(wheel_filename(name, "9.1"), data)
    return found


@pytest.fixture
def cli(cli: CommandLine, tmp_path: Path) -> CommandLine:
    (tmp_path / "r.txt").write_text("nvidia-cudnn-cu12==9.1\nnvidia-cudnn-cu13==9.1\n", encoding="utf-8")
    filelists._remembered.cache_clear()
    return cli


def check(cli: CommandLine, *options: str) -> list[dict[str, str]]:
    done = cli("check", "--file", "r.txt", "--python", "3.10", "--json", *options)
    found: list[dict[str, str]] = [one for one in done.json["environments"][0]["findings"] if one["code"] == "DUP003"]
    return found


def test_lists_are_read_by_range_requests(
    cli: CommandLine, wheels: dict[str, bytes], default_index: IndexServer
) -> None:
    (finding,) = check(cli, "--files")
    assert finding["severity"] == "error"
    assert finding["message"] == (
        f"nvidia-cudnn-cu12 9.1 and nvidia-cudnn-cu13 9.1 both install 1 file, 1 of them different, such as {SHARED}"
    )
    asked = default_index.asked("*.whl")
    assert len(asked) == len(wheels)
    for request in asked:
        assert request.range is not None
        first, last = request.range.removeprefix("bytes=").split("-")
        assert int(last) - int(first or last) < 40_000


def test_without_the_option_the_cache_is_used(
    cli: CommandLine, wheels: dict[str, bytes], default_index: IndexServer
) -> None:
    assert check(cli) == []
    assert default_index.asked() == []
    pins = [f"{name}==9.1 --hash=sha256:{sha256(data)}" for name, data in wheels.items()]
    (cli.root / "r.txt").write_text("\n".join(pins), encoding="utf-8")
    first = check(cli, "--files")
    default_index.forget()
    assert check(cli) == first
    assert check(cli, "--files", "--offline") == first
    assert default_index.asked() == []


def test_a_damaged_entry_is_no_entry(
    cli: CommandLine, wheels: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    pins = [f"{name}==9.1 --hash=sha256:{sha256(data)}" for name, data in wheels.items()]
    (cli.root / "r.txt").write_text("\n".join(pins), encoding="utf-8")
    check(cli, "--files")
    monkeypatch.setattr(Cache, "get", lambda _self, _bucket, _key: b"no list")
    filelists._remembered.cache_clear()
    assert check(cli) == []


def test_what_cannot_be_read_is_named(cli: CommandLine, default_index: IndexServer) -> None:
    default_index.add(wheel_filename("nvidia-cudnn-cu12", "9.1"), b"no archive" * 10)
    default_index.add(wheel_filename("nvidia-cudnn-cu13", "9.1"), make_wheel("nvidia-cudnn-cu13", "9.1"))
    done = cli("check", "--file", "r.txt", "--python", "3.10", "--files")
    assert done.status == 1  # the rule holds without any list
    assert "note: could not be read: nvidia-cudnn-cu12 9.1: " in done.said
    assert "cu13" not in done.said


def test_a_source_archive_has_no_list(cli: CommandLine, default_index: IndexServer) -> None:
    default_index.add(sdist_filename("tool", "1.0"), make_sdist("tool", "1.0"))
    (cli.root / "r.txt").write_text("tool==1.0\nabsent==1.0\n", encoding="utf-8")
    done = cli("check", "--file", "r.txt", "--python", "3.10", "--files", "--json")
    assert done.status == 0
    (entry,) = done.json["environments"]
    assert [line.split(":")[0] for line in entry["unread"]] == ["absent 1.0"]
    assert default_index.asked("*.tar.gz") == []


def test_another_file_under_the_name_is_not_read(
    cli: CommandLine, wheels: dict[str, bytes], default_index: IndexServer
) -> None:
    pins = [f"{name}==9.1 --hash=sha256:{'0' * 64} --hash=sha256:{'1' * 64}" for name in wheels]
    (cli.root / "r.txt").write_text("\n".join(pins), encoding="utf-8")
    assert check(cli, "--files") == []
    assert default_index.asked("*.whl") == []


def test_the_wheels_of_a_lock_of_ours(cli: CommandLine, default_index: IndexServer) -> None:
    for name in ("one", "other"):
        default_index.add(
            wheel_filename(name, "1.0"),
            make_wheel(name, "1.0", files={"shared/core.py": name, "tests/test_it.py": name}),
            upload_time="2023-01-01T00:00:00Z",
        )
    cli.spec("a", 'python: "3.11"\nplatforms: [linux-64]\npip: [one, other]\n')
    cli("lock", "a")
    assert cli("check", "a").status == 0
    done = cli("check", "a", "--files")
    assert done.status == 1
    assert "one 1.0 and other 1.0 both install 2 files, 2 of them different, such as shared/core.py" in " ".join(
        done.out.split()
    )
    # What was read is known to later runs, also to those that remembered what they had found.
    assert cli("check", "a").status == 1

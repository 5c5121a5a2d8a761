"""Wheels that are not to be trusted, and what becomes of those that are."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections import namedtuple
from typing import TYPE_CHECKING

import pytest

from envsolver.build.layout import FILE_TIME, Layout
from envsolver.build.scripts import relocatable
from envsolver.build.unpack import unpack
from envsolver.model.errors import ArtefactError, FileError
from tests.support.building import MINOR, raw_wheel, record_of, snapshot
from tests.support.packages import make_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from envsolver.build.manifest import Entry

SITE = f"lib/python{MINOR}/site-packages"
EVIL = "evil-1.0-py3-none-any.whl"


def unpacked(folder: Path, wheel: bytes, filename: str = EVIL) -> tuple[Entry, ...]:
    archive = folder / "archive"
    archive.write_bytes(wheel)
    target = folder / "target"
    target.mkdir()
    return unpack(archive, filename, Layout(MINOR), target)


def refused(folder: Path, wheel: bytes, filename: str = EVIL) -> str:
    with pytest.raises(ArtefactError) as error:
        unpacked(folder, wheel, filename)
    # Whatever is wrong with it, nothing gets out of the folder that it was given.
    assert sorted(path.name for path in folder.iterdir()) == ["archive", "target"]
    return str(error.value)


@pytest.mark.parametrize(
    "path",
    ["../escaped.py", "a/../../up.py", "/etc/passwd", "a//b.py", "./a.py", "a/./b.py", "C:/a.py", "a\\b.py", "a\nb.py"],
)  # fmt: skip
def test_names_that_leave(tmp_path: Path, path: str) -> None:
    assert "would leave the environment" in refused(tmp_path, raw_wheel({path: b""}))


@pytest.mark.parametrize("kind", [0o120777, 0o020644, 0o060644, 0o010644, 0o140644])
def test_links_and_devices(tmp_path: Path, kind: int) -> None:
    wheel = raw_wheel({"evil.py": b"/etc/passwd"}, modes={"evil.py": kind})
    assert "neither a file nor a folder" in refused(tmp_path, wheel)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_twice(tmp_path: Path) -> None:
    assert "in the archive twice" in refused(tmp_path, raw_wheel([("evil.py", b"1"), ("evil.py", b"2")]))


def test_file_and_folder(tmp_path: Path) -> None:
    assert "a file and a folder" in refused(tmp_path, raw_wheel({"a": b"", "a/b.py": b""}))


def test_one_place_by_two_schemes(tmp_path: Path) -> None:
    wheel = raw_wheel({"evil.py": b"1", "evil-1.0.data/purelib/evil.py": b"2"})
    assert f"brings {SITE}/evil.py twice" in refused(tmp_path, wheel)


def test_unknown_scheme(tmp_path: Path) -> None:
    assert "no folder that the wheel format knows" in refused(tmp_path, raw_wheel({"evil-1.0.data/stdlib/os.py": b""}))


@pytest.mark.parametrize("path", ["pyvenv.cfg", "bin/python", "bin/python3", "bin/python3.11", ".envsolver/manifest"])
def test_what_is_the_environments_own(tmp_path: Path, path: str) -> None:
    wheel = raw_wheel({f"evil-1.0.data/data/{path}": b"#!/bin/sh\n"})
    assert "the environment's own" in refused(tmp_path, wheel)


@pytest.mark.parametrize("name", ["../python", "a/b", "python", "", "-x"])
def test_names_of_scripts(tmp_path: Path, name: str) -> None:
    refused(tmp_path, raw_wheel({"evil.py": b""}, entry_points=f"[console_scripts]\n{name} = evil:main\n"))


def test_entry_point_that_is_none(tmp_path: Path) -> None:
    wheel = raw_wheel({"evil.py": b""}, entry_points="[console_scripts]\nx = evil; import os\n")
    assert "entry points cannot be read" in refused(tmp_path, wheel)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (lambda files, info: record_of({}, info), "is not in RECORD"),
        (lambda files, info: record_of({**files, "more.py": b""}, info), "RECORD has more.py, the archive has not"),
        (lambda files, info: record_of({**files, "evil.py": b"2"}, info), "evil.py is not what RECORD says"),
        (lambda files, info: record_of({**files, "evil.py": b"22"}, info), "evil.py has not the size"),
        (lambda files, info: record_of(files, info).replace(b"sha256", b"md5"), "RECORD has no sha256 of evil.py"),
        (lambda files, info: record_of(files, info) + b"evil.py,,\n", "stands there twice"),
        (lambda files, info: b"\xff\xfe", "not a wheel that can be read"),
        (lambda files, info: b'"', "is no line of it"),
    ],
)
def test_record(tmp_path: Path, record: object, reason: str) -> None:
    info = "evil-1.0.dist-info"
    good = zipfile.ZipFile(__import__("io").BytesIO(raw_wheel({"evil.py": b"1"})))
    files = {name: good.read(name) for name in good.namelist() if not name.endswith("RECORD")}
    assert reason in refused(tmp_path, raw_wheel({"evil.py": b"1"}, record=record(files, info)))  # type: ignore[operator] # a function


def test_no_record(tmp_path: Path) -> None:
    path = tmp_path / "source.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("evil-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\n")
    wheel = path.read_bytes()
    path.unlink()
    assert "no RECORD" in refused(tmp_path, wheel)


def test_of_another_project(tmp_path: Path) -> None:
    assert "not of this project" in refused(tmp_path, raw_wheel({"evil.py": b""}), "good-1.0-py3-none-any.whl")


@pytest.mark.parametrize("wheel", [b"", b"PK\x03\x04", raw_wheel({"evil.py": b"x" * 4000})[:-300]])
def test_no_archive(tmp_path: Path, wheel: bytes) -> None:
    assert "not a wheel that can be read" in refused(tmp_path, wheel)


def test_flipped_bytes(tmp_path: Path) -> None:
    """One byte of a good wheel turned over: refused, or of no consequence (times, flags); never another content."""
    wheel = make_wheel("evil", "1.0", files={"evil.py": "print('hello')\n" * 20})
    good = {entry.path: entry for entry in unpacked(tmp_path, wheel)}
    for position in range(len(wheel)):
        folder = tmp_path / str(position)
        folder.mkdir()
        flipped = bytearray(wheel)
        flipped[position] ^= 0x5A
        try:
            found = unpacked(folder, bytes(flipped))
        except (ArtefactError, FileError):
            continue
        for entry in found:
            if entry.path in good and not entry.path.endswith(("RECORD", "METADATA", "WHEEL")):
                assert entry.sha256 == good[entry.path].sha256


def test_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")  # noqa: PYI024 - as shutil has it
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10, 9, 1))
    with pytest.raises(FileError, match="needs 0 MiB"):
        unpacked(tmp_path, raw_wheel({"evil.py": b"1"}))


def test_modes_times_and_record(tmp_path: Path) -> None:
    files = {
        "evil/__init__.py": b"",
        "evil/__pycache__/__init__.cpython-311.pyc": b"not mine",
        "evil/run.sh": b"#!/bin/sh\n",
        "evil-1.0.data/scripts/tool": b"#!python\nprint('tool')\n",
        "evil-1.0.data/headers/evil.h": b"",
        "evil-1.0.data/data/share/evil.txt": b"",
    }
    modes = {"evil/run.sh": 0o100777, "evil/__init__.py": 0o100600}
    old = os.umask(0o077)
    try:
        entries = unpacked(tmp_path, raw_wheel(files, modes=modes, entry_points="[console_scripts]\nsay = evil:main\n"))
    finally:
        os.umask(old)
    found = snapshot(tmp_path / "target")
    assert {entry.path: (entry.sha256, int(entry.mode, 8), FILE_TIME) for entry in entries} == found
    assert {path: mode for path, (_, mode, _) in found.items() if mode != 0o644} == {
        f"{SITE}/evil/run.sh": 0o755, "bin/tool": 0o755, "bin/say": 0o755
    }  # fmt: skip
    assert f"include/site/python{MINOR}/evil/evil.h" in found
    assert "share/evil.txt" in found
    assert not [path for path in found if "__pycache__" in path]
    record = (tmp_path / "target" / SITE / "evil-1.0.dist-info" / "RECORD").read_text().splitlines()
    assert record == sorted(record)
    assert {line.partition(",")[0] for line in record} == {os.path.relpath(path, SITE) for path in found}
    assert (tmp_path / "target" / SITE / "evil-1.0.dist-info" / "INSTALLER").read_text() == "envsolver\n"


@pytest.mark.parametrize(
    "body",
    [
        b"print('ran')\n",
        b'"""Docstring."""\nfrom __future__ import annotations\nprint("ran")\n',
        b"import sys\nprint('ran' if len(sys.argv) == 2 else sys.argv)\n",
    ],
)
def test_scripts_find_their_interpreter(tmp_path: Path, body: bytes) -> None:
    home = tmp_path / "a folder" / "bin"
    home.mkdir(parents=True)
    (home / "python").symlink_to(sys.executable)
    (home / "tool").write_bytes(relocatable(b"#!python\n" + body))
    (home / "tool").chmod(0o755)
    link = tmp_path / "tool"
    link.symlink_to(home / "tool")
    for path in (home / "tool", link):
        done = subprocess.run([path, "an argument"], capture_output=True, text=True, check=True)
        assert done.stdout == "ran\n"


def test_other_scripts_stay(tmp_path: Path) -> None:
    assert relocatable(b"#!/bin/bash\necho\n") == b"#!/bin/bash\necho\n"
    assert relocatable(b"\x7fELF") == b"\x7fELF"

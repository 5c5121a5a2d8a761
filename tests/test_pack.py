"""``envsolver pack``: environments as archives, the same bytes each time, unpacked elsewhere."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import zstandard

from tests.support.building import MINOR
from tests.support.packages import make_wheel, wheel_filename
from tests.test_build_verify import BUILD, SITE, project, spoil

if TYPE_CHECKING:
    from tests.support.cli import CommandLine
    from tests.support.index_server import IndexServer

__all__ = ["project"]  # a fixture

PACK = ("pack", "demo", "--prefix", "env")
SUFFIXES = [".tar", ".tar.gz", ".tar.zst"]


def plain(path: Path) -> Path:
    """Return an archive without its compression."""
    if path.suffix == ".zst":
        with path.open("rb") as packed, path.with_suffix("").open("wb") as tar:
            zstandard.ZstdDecompressor().copy_stream(packed, tar)
        return path.with_suffix("")
    return path


def with_a_script(server: IndexServer, run: CommandLine) -> None:
    """Lock a newer ``app`` that has a script."""
    script = "#!python\nimport app\n\napp.main()\n"
    files = {"app/__init__.py": "def main():\n    print('it runs')\n", "app-1.1.data/scripts/app": script}
    data = make_wheel("app", "1.1", files=files)
    server.add(wheel_filename("app", "1.1"), data)
    assert run("lock", "demo", "--upgrade", "--refresh").status == 0


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_same_bytes_and_it_runs(project: CommandLine, default_index: IndexServer, suffix: str) -> None:
    with_a_script(default_index, project)
    project(*BUILD)
    first = project(*PACK, "-o", f"one{suffix}", "--json").json
    # Built again: from an empty store, at another path, under another umask.
    shutil.rmtree(os.environ["ENVSOLVER_CACHE_DIR"])
    old = os.umask(0o077)
    try:
        project("build", "demo", "--prefix", "a/much/longer/place", "--python", sys.executable, "--copy")
    finally:
        os.umask(old)
    second = project("pack", "demo", "--prefix", "a/much/longer/place", "-o", f"two{suffix}", "--json").json
    assert {key: value for key, value in first.items() if key != "path"} == {
        key: value for key, value in second.items() if key != "path"
    }
    assert Path(first["path"]).read_bytes() == Path(second["path"]).read_bytes()
    shutil.rmtree("env")
    with tarfile.open(plain(Path(first["path"]))) as archive:
        members = archive.getmembers()
        archive.extractall("elsewhere", filter="tar")
    assert [member.name for member in members] == sorted(member.name for member in members)
    assert {(member.uid, member.gid, member.uname, member.gname, member.mtime) for member in members} == {
        (0, 0, "", "", 315532800)
    }
    assert {oct(member.mode) for member in members} == {"0o644", "0o755", "0o777"}
    ran = subprocess.run(["elsewhere/bin/app"], capture_output=True, check=True)
    assert ran.stdout == b"it runs\n"
    assert project("verify", "demo", "--prefix", "elsewhere").status == 0


def test_an_interpreter_elsewhere(project: CommandLine) -> None:
    project(*BUILD)
    done = project(*PACK, "-o", "env.tar", "--python", "/usr/local/bin/python3")
    assert done.status == 0
    with tarfile.open("env.tar") as archive:
        assert archive.getmember("bin/python").linkname == "/usr/local/bin/python3"
        assert archive.getmember(f"bin/python{MINOR}").linkname == "python"
        config = archive.extractfile("pyvenv.cfg")
        assert config is not None
        assert config.read().splitlines()[0] == b"home = /usr/local/bin"
    assert done.out.split()[1] == "env.tar"


def test_what_is_not_as_the_lock_says(project: CommandLine) -> None:
    project(*BUILD)
    Path("env.tar").write_bytes(b"an older one")
    spoil(project.root / "env" / SITE / "app" / "core.so", lambda data: data + b"!")
    done = project(*PACK, "-o", "env.tar")
    assert done.status == 1
    assert "app/core.so (changed)" in done.said
    assert "`envsolver sync demo --prefix" in done.said
    assert Path("env.tar").read_bytes() == b"an older one"


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        (("-o", "env.zip"), "says nothing of its format"),
        (("-o", "env/env.tar"), "in the environment that it is made of"),
        (("-o", "env.tar", "--python", "bin/python"), "an absolute path is needed"),
    ],
)
def test_what_makes_no_sense(project: CommandLine, args: tuple[str, ...], reason: str) -> None:
    project(*BUILD)
    done = project(*PACK, *args)
    assert done.status == 2
    assert reason in done.said


def test_no_room(project: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    project(*BUILD)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "env.tar")

    monkeypatch.setattr("tarfile.TarFile.addfile", full)
    done = project(*PACK, "-o", "env.tar")
    assert done.status == 4
    assert "env.tar: no space left on device" in done.said
    assert sorted(path.name for path in project.root.iterdir()) == ["env", "locks", "specs"]


def test_changed_while_it_is_packed(project: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    project(*BUILD)
    module = project.root / "env" / SITE / "app" / "__init__.py"
    from envsolver.build import packing

    really = packing._folder

    def meanwhile(path: str) -> tarfile.TarInfo:
        spoil(module, lambda data: data + b"#")
        return really(path)

    monkeypatch.setattr(packing, "_folder", meanwhile)
    done = project(*PACK, "-o", "env.tar")
    assert done.status == 4
    assert "app/__init__.py has changed while it was packed" in done.said
    assert not Path("env.tar").exists()

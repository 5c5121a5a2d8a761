from __future__ import annotations

import asyncio
import gc
import gzip
import io
import os
import sys
import tarfile
import time
import zipfile
from typing import TYPE_CHECKING

import pytest

from envsolver.model.errors import MetadataUnusableError, NetworkError
from envsolver.sources.http import HttpClient
from envsolver.sources.metadata import MetadataReader, SdistBuilder
from envsolver.sources.metadata.unpack import at_top, no_header, unpack_sdist
from tests.support.metadata import Notes, listed
from tests.support.packages import make_sdist

if TYPE_CHECKING:
    from pathlib import Path

    from envsolver.model.candidate import File, Metadata
    from tests.support.index_server import IndexServer

DEMO = "demo-1.0.tar.gz"
# A backend within the sdist needs nothing installed, so these builds need no network.
PYPROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
BACKEND = """
import os
from pathlib import Path

def prepare_metadata_for_build_wheel(directory, config_settings=None):
    info = Path(directory) / "demo-1.0.dist-info"
    info.mkdir()
    text = "Metadata-Version: 2.1\\nName: demo\\nVersion: 1.0\\nRequires-Dist: " + REQUIREMENT + "\\n"
    (info / "METADATA").write_text(text)
    return info.name

def build_wheel(directory, config_settings=None, metadata_directory=None):
    raise SystemExit("no wheel was asked for")
"""
FINE = f"REQUIREMENT = 'numpy'\n{BACKEND}"


def sdist(backend: str, pyproject: str = PYPROJECT) -> bytes:
    return make_sdist(
        "demo", "1.0", style="none", pyproject=pyproject, setup_py="raise SystemExit", files={"backend.py": backend}
    )


def read(file: File, notes: Notes | None = None, timeout_s: float = 60.0) -> Metadata:
    async def go() -> Metadata:
        async with HttpClient() as http:
            from envsolver.sources.cache import Cache

            builder = SdistBuilder(http, timeout_s=timeout_s)
            return await MetadataReader(http, Cache(None), builder, progress=notes).read(file)

    return asyncio.run(go())


def served(server: IndexServer, backend: str, pyproject: str = PYPROJECT) -> File:
    server.add(DEMO, sdist(backend, pyproject))
    return listed(server, DEMO)


def refusal(file: File, timeout_s: float = 60.0) -> str:
    with pytest.raises(MetadataUnusableError) as caught:
        read(file, timeout_s=timeout_s)
    assert caught.value.filename == DEMO
    return caught.value.reason


def test_the_backend_tells(index_server: IndexServer) -> None:
    notes = Notes()
    metadata = read(served(index_server, FINE), notes)
    assert metadata.source == "built"
    assert metadata.requires_dist == ("numpy",)
    python = ".".join(map(str, sys.version_info[:3]))
    assert metadata.built_with is not None
    assert python in metadata.built_with
    assert python in notes.texts[0]


def test_a_zip_is_built_too(index_server: IndexServer) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("demo-1.0/pyproject.toml", PYPROJECT)
        archive.writestr("demo-1.0/backend.py", FINE)
    index_server.add("demo-1.0.zip", buffer.getvalue())
    assert read(listed(index_server, "demo-1.0.zip")).requires_dist == ("numpy",)


def test_without_the_hook_a_wheel_is_built(index_server: IndexServer) -> None:
    backend = """
import zipfile
from pathlib import Path

def build_wheel(directory, config_settings=None, metadata_directory=None):
    name = "demo-1.0-py3-none-any.whl"
    with zipfile.ZipFile(Path(directory) / name, "w") as wheel:
        wheel.writestr("demo-1.0.dist-info/METADATA", "Name: demo\\nVersion: 1.0\\nRequires-Dist: scipy\\n")
    return name
"""
    assert read(served(index_server, backend)).requires_dist == ("scipy",)


def test_a_failure_shows_the_last_lines_without_secrets(index_server: IndexServer) -> None:
    backend = (
        "for number in range(1000): print('line', number, flush=True)\n"
        "raise ValueError('no compiler at https://user:secret@example.org/simple')"
    )
    reason = refusal(served(index_server, backend))
    assert "its build for metadata with CPython" in reason
    assert "ValueError: no compiler" in reason
    assert "****@example.org" in reason
    assert "secret" not in reason
    assert "line 500" not in reason


@pytest.mark.parametrize(
    ("pyproject", "reason"),
    [
        ("not toml [", "pyproject.toml"),
        ('[build-system]\nrequires = "x"\n', "build-system"),
        ('[build-system]\nrequires = []\nbuild-backend = "missing"\n', "missing"),
        ('[build-system]\nrequires = ["nowhere-to-be-found"]\n', "requirements cannot be installed"),
    ],
)
def test_projects_that_cannot_be_built(
    index_server: IndexServer, monkeypatch: pytest.MonkeyPatch, pyproject: str, reason: str
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    assert reason in refusal(served(index_server, "", pyproject))


def test_an_index_that_does_not_answer_is_no_fault_of_the_sdist(
    index_server: IndexServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    index_server.fault("/simple/wanted/", drop_after=-1)
    monkeypatch.setenv("PIP_INDEX_URL", index_server.url())
    monkeypatch.setenv("PIP_RETRIES", "1")
    monkeypatch.delenv("PIP_NO_INDEX", raising=False)
    file = served(index_server, "", '[build-system]\nrequires = ["wanted"]\nbuild-backend = "x"\n')
    with pytest.raises(NetworkError, match="an index did not answer: its build requirements") as caught:
        read(file)
    assert DEMO in str(caught.value)
    assert caught.value.hint is not None


def test_metadata_of_another_project_are_refused(index_server: IndexServer) -> None:
    backend = FINE.replace("Name: demo", "Name: other")
    assert "those of 'other'" in refusal(served(index_server, backend))


def test_a_backend_that_hangs_is_killed_with_its_children(index_server: IndexServer, tmp_path: Path) -> None:
    marker = tmp_path / "child"
    backend = f"""
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open({str(marker)!r}, "w").write(str(child.pid))
time.sleep(600)
"""
    reason = refusal(served(index_server, backend), timeout_s=1.0)
    assert "it was killed after 1 s" in reason
    if os.name == "posix":
        _wait_until_gone(int(marker.read_text()))


def test_an_interrupted_run_stops_the_backend_without_a_word(
    index_server: IndexServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    marker = tmp_path / "backend"
    backend = f"""
import os, time
with open({str(tmp_path / "part")!r}, "w") as file:
    file.write(str(os.getpid()))
os.replace({str(tmp_path / "part")!r}, {str(marker)!r})
time.sleep(600)
"""
    file = served(index_server, backend)

    async def go() -> None:
        async with HttpClient() as http:
            task = asyncio.create_task(SdistBuilder(http).metadata(file))
            while not marker.exists():  # noqa: ASYNC110 - another process makes it
                await asyncio.sleep(0.02)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(go())
    gc.collect()
    assert "never retrieved" not in caplog.text
    if os.name == "posix":
        _wait_until_gone(int(marker.read_text()))


def _wait_until_gone(process: int) -> None:
    for _ in range(500):
        try:
            # A killed child of a killed parent stays as a zombie until whoever inherits it has looked.
            with open(f"/proc/{process}/stat") as stat:  # noqa: PTH123 - not a path of a project
                if stat.read().rpartition(")")[2].split()[0] == "Z":
                    return
        except FileNotFoundError:
            return
        time.sleep(0.01)
    raise AssertionError(f"process {process} still runs")


class TestUnpack:
    def unpack(self, data: bytes, tmp_path: Path, filename: str = DEMO) -> Path:
        (tmp_path / "packed").write_bytes(data)
        (tmp_path / "folder").mkdir()
        return unpack_sdist(tmp_path / "packed", tmp_path / "folder", filename)

    def tar(self, *members: tuple[str, bytes, str]) -> bytes:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            for path, kind, target in members:
                info = tarfile.TarInfo(path)
                info.type, info.linkname = kind, target
                archive.addfile(info)
        return gzip.compress(buffer.getvalue())

    def test_the_one_folder_in_it_is_the_project(self, tmp_path: Path) -> None:
        assert self.unpack(make_sdist("demo", "1.0"), tmp_path).name == "demo-1.0"

    def test_a_project_without_a_folder(self, tmp_path: Path) -> None:
        data = self.tar(("setup.py", tarfile.REGTYPE, ""))
        assert self.unpack(data, tmp_path) == tmp_path / "folder"

    def test_no_project(self, tmp_path: Path) -> None:
        with pytest.raises(MetadataUnusableError, match="neither"):
            self.unpack(self.tar(("demo-1.0/x", tarfile.REGTYPE, "")), tmp_path)

    @pytest.mark.parametrize(
        "member",
        [
            ("../evil", tarfile.REGTYPE, ""),
            ("demo/../../evil", tarfile.REGTYPE, ""),
            ("demo/link", tarfile.SYMTYPE, "../../evil"),
            ("demo/link", tarfile.SYMTYPE, "/etc"),
            ("demo/link", tarfile.LNKTYPE, "../../evil"),
            ("demo/device", tarfile.CHRTYPE, ""),
        ],
    )
    def test_nothing_gets_out_of_the_folder(self, tmp_path: Path, member: tuple[str, bytes, str]) -> None:
        with pytest.raises(MetadataUnusableError, match="cannot be unpacked"):
            self.unpack(self.tar(member), tmp_path)
        assert not (tmp_path / "evil").exists()

    @pytest.mark.parametrize("path", ["../evil", "/evil", "demo/../../evil", "c:/evil", "..\\evil"])
    def test_nor_out_of_a_zip(self, tmp_path: Path, path: str) -> None:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr(path, "x")
        with pytest.raises(MetadataUnusableError, match="outside"):
            self.unpack(buffer.getvalue(), tmp_path, "demo-1.0.zip")

    @pytest.mark.parametrize("filename", [DEMO, "demo-1.0.zip"])
    def test_bombs(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, filename: str) -> None:
        from envsolver.sources.metadata import unpack

        monkeypatch.setattr(unpack, "MAX_UNPACKED", 10)
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("demo/setup.py", "x" * 100)
        data = buffer.getvalue() if filename.endswith(".zip") else make_sdist("demo", "1.0")
        with pytest.raises(MetadataUnusableError, match="more than 10 bytes"):
            self.unpack(data, tmp_path, filename)

    @pytest.mark.parametrize("filename", [DEMO, "demo-1.0.zip"])
    @pytest.mark.parametrize("data", [b"", b"not an archive", make_sdist("demo", "1.0")[:100]])
    def test_damage(self, tmp_path: Path, filename: str, data: bytes) -> None:
        with pytest.raises(MetadataUnusableError, match="cannot be unpacked"):
            self.unpack(data, tmp_path, filename)


def test_links_within_the_project_are_kept(tmp_path: Path) -> None:
    data = TestUnpack().tar(("demo/setup.py", tarfile.REGTYPE, ""), ("demo/link", tarfile.SYMTYPE, "setup.py"))
    assert (TestUnpack().unpack(data, tmp_path) / "link").is_symlink()


def test_what_tools_make_is_unpacked_as_it_is(tmp_path: Path) -> None:
    """Folders that nothing names, a file that comes twice, links, and modes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, data, mode in (
            ("demo-1.0/setup.py", b"first", 0o600),
            ("demo-1.0/deep/down/run.sh", b"run", 0o4711),
            ("demo-1.0/setup.py", b"second", 0o644),
        ):
            info = tarfile.TarInfo(path)
            info.size, info.mode = len(data), mode
            archive.addfile(info, io.BytesIO(data))
        link = tarfile.TarInfo("demo-1.0/link")
        link.type, link.linkname = tarfile.SYMTYPE, "deep"
        archive.addfile(link)
        through = tarfile.TarInfo("demo-1.0/link/more")
        through.size = 4
        archive.addfile(through, io.BytesIO(b"more"))
    project = TestUnpack().unpack(gzip.compress(buffer.getvalue()), tmp_path)
    assert (project / "setup.py").read_bytes() == b"second"
    assert (project / "deep/down/run.sh").stat().st_mode & 0o7777 == 0o755
    assert (project / "deep/more").read_bytes() == b"more"
    assert (project / "link").is_symlink()


def test_the_top_alone(tmp_path: Path) -> None:
    files = {"demo-1.0/setup.py": b"", "demo-1.0/demo/setup.py": b"", "demo-1.0/setup.cfg": b"x"}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, data in files.items():
            archive.writestr(path, data)
    for kind, data in (
        ("zip", buffer.getvalue()),
        ("tar.gz", TestUnpack().tar(*((path, tarfile.REGTYPE, "") for path in files))),
    ):
        folder = tmp_path / kind
        folder.mkdir()
        (tmp_path / "packed").write_bytes(data)
        project = unpack_sdist(tmp_path / "packed", folder, f"demo-1.0.{kind}", wanted=at_top)
        assert sorted(path.name for path in project.iterdir()) == ["setup.cfg", "setup.py"]


def test_all_but_headers(tmp_path: Path) -> None:
    files = ["demo-1.0/setup.py", "demo-1.0/fast.c", "demo-1.0/include/deep/fast.hpp", "demo-1.0/fast.h"]
    (tmp_path / "packed").write_bytes(TestUnpack().tar(*((path, tarfile.REGTYPE, "") for path in files)))
    (tmp_path / "all").mkdir()
    project = unpack_sdist(tmp_path / "packed", tmp_path / "all", "demo-1.0.tar.gz", wanted=no_header)
    assert sorted(path.name for path in project.rglob("*") if path.is_file()) == ["fast.c", "setup.py"]

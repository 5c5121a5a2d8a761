"""``envsolver build`` at the command line, with a loopback index."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from envsolver.build import download
from envsolver.build.manifest import read_manifest
from tests.support.building import MINOR, raw_wheel, snapshot
from tests.support.cli import CommandLine
from tests.support.packages import make_sdist, make_wheel, sdist_filename, sha256, wheel_filename

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.index_server import IndexServer

SITE = f"lib/python{MINOR}/site-packages"
PYTHON = ("--python", sys.executable)


@pytest.fixture
def project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], default_index: IndexServer
) -> CommandLine:
    """Return a project that is the current folder, whose environment ``demo`` is locked."""
    root = tmp_path / "project"
    root.mkdir()
    monkeypatch.chdir(root)
    monkeypatch.setattr(download, "_PAUSE", 0.001)
    put(default_index, "app", files={"app/__init__.py": "def main():\n    print('it runs')\n"}, requires=["lib"])
    put(default_index, "lib", files={"lib.py": "import sys\nPREFIX = sys.prefix\n", "lib.dat": "x" * 200_000})
    put(default_index, "extra")
    default_index.add(sdist_filename("source", "1.0"), make_sdist("source", "1.0", static=True))
    run = CommandLine(root, capsys)
    run.spec(
        "demo",
        f"""
        python: "{MINOR}"
        platforms: [linux-64]
        pip: [app]
        groups:
          more: [extra]
          built: [source]
        """,
    )
    assert run("lock", "demo", "--no-builds").status == 0
    default_index.forget()
    return run


def put(server: IndexServer, name: str, **facts: object) -> None:
    """Put a wheel of version 1.0 on the index, one module if nothing else is said."""
    server.add(wheel_filename(name, "1.0"), make_wheel(name, "1.0", stored=True, **facts))  # type: ignore[arg-type] # checked at run time


def store(run: CommandLine) -> Path:
    del run
    return Path(os.environ["ENVSOLVER_CACHE_DIR"]) / "v1" / "store"


def begin(run: CommandLine, server: IndexServer, change: Callable[[bytes], bytes]) -> None:
    """Leave the beginning of a download in the store, as an earlier run would have."""
    wheel = server.index().files[wheel_filename("lib", "1.0")].data
    folder = store(run) / "partial"
    folder.mkdir(parents=True)
    (folder / sha256(wheel)).write_bytes(change(wheel))


def test_built_and_run(project: CommandLine, default_index: IndexServer) -> None:
    done = project("build", "demo", "--prefix", "env", *PYTHON)
    assert done.status == 0
    assert "built env: 2 packages" in done.said
    prefix = project.root / "env"
    ran = subprocess.run([prefix / "bin" / "python", "-c", "import app, lib; app.main(); print(lib.PREFIX)"],
                         capture_output=True, text=True, check=True)  # fmt: skip
    assert ran.stdout.split("\n")[:2] == ["it runs", str(prefix)]
    # By the path hints of the lock: no page was read.
    assert {request.path.partition("/files/")[0] for request in default_index.asked()} == {""}
    assert (prefix / SITE / "__pycache__" / f"lib.{sys.implementation.cache_tag}.pyc").is_file()
    # Nothing is left beside it.
    assert sorted(path.name for path in project.root.iterdir()) == ["env", "locks", "specs"]


def test_same_at_another_path_and_time(project: CommandLine, tmp_path: Path, default_index: IndexServer) -> None:
    first = project("build", "demo", "--prefix", "env", *PYTHON, "--json").json
    shutil.rmtree(store(project))
    old = os.umask(0o077)
    try:
        second = project("build", "demo", "--prefix", str(tmp_path / "a longer way" / "env"), *PYTHON, "--json").json
    finally:
        os.umask(old)
    assert first["tree"] == second["tree"]
    one, other = snapshot(project.root / "env"), snapshot(tmp_path / "a longer way" / "env")
    assert one.keys() == other.keys()
    assert one == other
    assert len(default_index.asked("*.whl")) == 4


def test_from_the_store(project: CommandLine, default_index: IndexServer) -> None:
    project("build", "demo", "--prefix", "one", *PYTHON)
    default_index.stop()
    done = project("build", "demo", "--prefix", "two", *PYTHON, "--offline", "--json")
    assert done.status == 0
    assert done.json["downloaded_bytes"] == 0
    first, second = (project.root / name / SITE / "lib.py" for name in ("one", "two"))
    assert first.samefile(second)
    copied = project("build", "demo", "--prefix", "three", *PYTHON, "--offline", "--copy", "--json")
    assert not first.samefile(project.root / "three" / SITE / "lib.py")
    assert copied.json["tree"] == done.json["tree"]
    assert snapshot(project.root / "three") == snapshot(project.root / "two")


def test_groups_and_bytecode(project: CommandLine) -> None:
    base = project("build", "demo", "--prefix", "env", *PYTHON, "--json").json
    more = project("build", "demo", "--prefix", "env", *PYTHON, "--group", "more", "--no-bytecode", "--json").json
    assert sorted(more["packages"]) == ["app", "extra", "lib"]
    assert more["tree"] != base["tree"]
    assert not list((project.root / "env").rglob("*.pyc"))
    again = project("build", "demo", "--prefix", "env", *PYTHON, "--json").json
    assert again["tree"] == base["tree"]
    assert not list((project.root / "env").rglob("extra*"))


def test_source_archives_are_refused(project: CommandLine) -> None:
    done = project("build", "demo", "--prefix", "env", *PYTHON, "--group", "built")
    assert done.status == 2
    assert "source 1.0: locked as source, and the lock does not say yet how that becomes a wheel" in done.said
    assert not (project.root / "env").exists()


def test_offline_with_an_empty_store(project: CommandLine) -> None:
    done = project("build", "demo", "--prefix", "env", *PYTHON, "--offline")
    assert done.status == 4
    assert "offline" in done.said
    assert not (project.root / "env").exists()


@pytest.mark.parametrize("fault", [{"truncate": 500}, {"corrupt": 300}, {"body": b"x" * 1_000_000}, {"body": b""}])
def test_not_the_file_of_the_lock(project: CommandLine, default_index: IndexServer, fault: dict[str, object]) -> None:
    default_index.fault("*lib-1.0*.whl", **fault)
    done = project("build", "demo", "--prefix", "env", *PYTHON)
    assert done.status == 4
    assert "lib-1.0-py3-none-any.whl: it" in done.said
    assert "the lock says" in done.said
    assert sorted(path.name for path in project.root.iterdir()) == ["locks", "specs"]
    default_index.faults.clear()
    assert project("build", "demo", "--prefix", "env", *PYTHON).status == 0


def test_resumed_where_it_broke_off(project: CommandLine, default_index: IndexServer) -> None:
    fault = default_index.fault("*lib-1.0*.whl", drop_after=90_000, times=2)
    assert project("build", "demo", "--prefix", "env", *PYTHON).status == 0
    assert fault.hits == 2
    ranges = [request.range for request in default_index.asked("*lib-1.0*.whl")]
    assert ranges[0] is None
    assert all(range_ is not None for range_ in ranges[1:])
    assert len(ranges) == 3


@pytest.mark.parametrize("support", ["full", "ignored", "refused"])
def test_resumed_by_the_next_run(project: CommandLine, default_index: IndexServer, support: str) -> None:
    begin(project, default_index, lambda data: data[:90_000])
    default_index.index(ranges=support)
    assert project("build", "demo", "--prefix", "env", *PYTHON).status == 0
    assert default_index.asked("*lib-1.0*.whl")[0].range == "bytes=90000-"


@pytest.mark.parametrize(
    "damage",
    [lambda data: b"x" * 60_000, lambda data: data + b"more", lambda data: data, lambda data: b"x" * len(data)],
)
def test_a_wrong_beginning(project: CommandLine, default_index: IndexServer, damage: Callable[[bytes], bytes]) -> None:
    begin(project, default_index, damage)
    assert project("build", "demo", "--prefix", "env", *PYTHON).status == 0


def test_files_on_another_host(
    project: CommandLine,
    default_index: IndexServer,
    new_index_server: Callable[[], IndexServer],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """This reader's index has its files elsewhere: the page of one project says where, for all of them."""
    pages = new_index_server()
    for name in ("app", "lib"):
        filename = wheel_filename(name, "1.0")
        digest = sha256(default_index.index().files[filename].data)
        link = f'<a href="{default_index.file_url(filename)}#sha256={digest}">{filename}</a>'
        pages.route(f"/mirror/{name}/", link.encode())
    monkeypatch.setenv("UV_DEFAULT_INDEX", f"{pages.base}/mirror/")
    monkeypatch.setattr("envsolver.build.stock._DOWNLOADS", 1)
    assert project("build", "demo", "--prefix", "env", *PYTHON).status == 0
    assert len(pages.asked("/mirror/*")) == 1
    assert len(default_index.asked("*.whl")) == 2


def test_something_else_is_there(project: CommandLine) -> None:
    (project.root / "env").mkdir()
    (project.root / "env" / "mine").write_text("precious")
    done = project("build", "demo", "--prefix", "env", *PYTHON)
    assert done.status == 2
    assert "envsolver did not build it" in done.said
    assert (project.root / "env" / "mine").read_text() == "precious"


def test_an_empty_folder_is_taken(project: CommandLine) -> None:
    (project.root / "env").mkdir()
    assert project("build", "demo", "--prefix", "env", *PYTHON).status == 0


def test_changed_in_the_store(project: CommandLine) -> None:
    """Files are linked: who edits one in an environment edits the store's, and the next build must not take it."""
    first = project("build", "demo", "--prefix", "one", *PYTHON, "--json").json
    with (project.root / "one" / SITE / "lib.py").open("a") as file:
        file.write("SPOILT = True\n")
    second = project("build", "demo", "--prefix", "two", *PYTHON, "--json").json
    assert second["tree"] == first["tree"]
    assert "SPOILT" not in (project.root / "two" / SITE / "lib.py").read_text()


def test_two_packages_with_one_file(project: CommandLine, default_index: IndexServer) -> None:
    put(default_index, "aaa", files={"shared/__init__.py": "WHO = 'aaa'\n", "same.txt": "1"})
    put(default_index, "bbb", files={"shared/__init__.py": "WHO = 'bbb'\n", "same.txt": "1"})
    project.spec("both", f'python: "{MINOR}"\nplatforms: [linux-64]\npip: [bbb, aaa]\n')
    project("lock", "both")
    done = project("build", "both", "--prefix", "env", *PYTHON)
    assert done.status == 0
    assert "aaa and bbb both bring" in done.said
    assert "same.txt" not in done.said
    ran = subprocess.run([project.root / "env/bin/python", "-c", "import shared; print(shared.WHO)"],
                         capture_output=True, text=True, check=True)  # fmt: skip
    assert ran.stdout == "bbb\n"
    manifest = read_manifest(project.root / "env")
    assert manifest is not None
    paths = [entry.path for part in manifest.parts for entry in part.entries]
    assert len(paths) == len(set(paths))


def test_file_against_folder(project: CommandLine, default_index: IndexServer) -> None:
    put(default_index, "aaa", files={"clash": "a file"})
    put(default_index, "bbb", files={"clash/__init__.py": ""})
    project.spec("both", f'python: "{MINOR}"\nplatforms: [linux-64]\npip: [bbb, aaa]\n')
    project("lock", "both")
    done = project("build", "both", "--prefix", "env", *PYTHON)
    assert done.status == 4
    assert "aaa 1.0: another package has a file where it needs a folder, or the reverse: " in done.said
    assert not (project.root / "env").exists()


def test_hostile_wheel(project: CommandLine, default_index: IndexServer) -> None:
    default_index.add(
        "evil-1.0-py3-none-any.whl",
        raw_wheel({"../../../../escaped.py": b""}),
        metadata=b"Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n",
    )
    project.spec("evil", f'python: "{MINOR}"\nplatforms: [linux-64]\npip: [evil]\n')
    assert project("lock", "evil").status == 0
    done = project("build", "evil", "--prefix", "env", *PYTHON)
    assert done.status == 4
    assert "would leave the environment" in done.said
    assert not list(project.root.parent.rglob("escaped.py"))


def test_no_such_interpreter(project: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(project.root))
    monkeypatch.delenv("PYENV_ROOT", raising=False)
    done = project("build", "demo", "--prefix", "env")
    assert done.status == 2
    assert f"there is no CPython {MINOR} on this machine" in done.said
    assert "uv python install" in done.said


def test_interpreter_of_another_minor_version(project: CommandLine, tmp_path: Path) -> None:
    fake = tmp_path / "python"
    fake.write_text(
        '#!/bin/sh\necho \'{"version": "3.7.1", "implementation": "cpython", "cache_tag": "x", "machine": "x86_64",'
        ' "executable": "/nowhere", "base": "/", "virtual": false, "gil": true}\'\n'
    )
    fake.chmod(0o755)
    done = project("build", "demo", "--prefix", "env", "--python", str(fake))
    assert done.status == 2
    assert f"is CPython 3.7.1; the lock of demo is for {MINOR}" in done.said


def test_another_platform(project: CommandLine) -> None:
    done = project("build", "demo", "--prefix", "env", *PYTHON, "--platform", "osx-arm64")
    assert done.status == 2
    assert "is built on such a machine" in done.said
    done = project("build", "demo", "--prefix", "env", *PYTHON, "--platform", "linux")
    assert (done.status, "does not hold for platform 'linux' hint: it holds for linux-64" in done.said) == (2, True)


def test_a_full_disk(project: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    project("build", "demo", "--prefix", "env", *PYTHON)
    before = snapshot(project.root / "env")
    link = os.link
    left = 3

    def failing(source: str, target: str) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError(28, os.strerror(28), source, None, target)
        link(source, target)

    monkeypatch.setattr(os, "link", failing)
    done = project("build", "demo", "--prefix", "env", *PYTHON, "--group", "more")
    assert done.status == 4
    assert "no space left" in done.said
    assert snapshot(project.root / "env") == before
    assert sorted(path.name for path in project.root.iterdir()) == ["env", "locks", "specs"]


def test_store_emptied_meanwhile(project: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    first = project("build", "demo", "--prefix", "env", *PYTHON, "--json").json
    link = os.link
    calls = 0

    def emptying(source: str, target: str) -> None:
        nonlocal calls
        calls += 1
        if calls == 4:
            shutil.rmtree(store(project))
        link(source, target)

    monkeypatch.setattr(os, "link", emptying)
    done = project("build", "demo", "--prefix", "env", *PYTHON, "--json")
    assert done.status == 0
    assert done.json["tree"] == first["tree"]
    assert done.json["downloaded_bytes"] > 0


def test_store_emptied_while_it_compiles(project: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    first = project("build", "demo", "--prefix", "env", *PYTHON, "--json").json
    shutil.rmtree(store(project))
    run = subprocess.run
    emptied = False

    def emptying(command: list[Any], **options: Any) -> Any:
        nonlocal emptied
        if not emptied and "compile.py" in str(command[-3]):
            emptied = True
            # What it has listed is gone when it comes to it, as far as this test can have it: all but the folders.
            for path in Path(str(command[-2])).rglob("*.py"):
                path.unlink()
                path.symlink_to("gone")
        return run(command, **options)

    monkeypatch.setattr(subprocess, "run", emptying)
    done = project("build", "demo", "--prefix", "env", *PYTHON, "--json")
    assert (done.status, emptied) == (0, True), done.err
    assert done.json["tree"] == first["tree"]


def test_no_links_across_file_systems(project: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    first = project("build", "demo", "--prefix", "one", *PYTHON, "--json").json

    def across(source: str, target: str) -> None:
        raise OSError(18, os.strerror(18), source, None, target)

    monkeypatch.setattr(os, "link", across)
    done = project("build", "demo", "--prefix", "two", *PYTHON)
    assert first["tree"] in done.out
    assert "copied, not linked" in done.said
    assert snapshot(project.root / "one") == snapshot(project.root / "two")

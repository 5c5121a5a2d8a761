"""Environments with packages of conda: a channel over loopback HTTP, pip's wheels on top, the same files anywhere."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import pytest
from rattler import PrefixRecord

from envsolver.build.manifest import read_manifest
from envsolver.build.places import Place, normal
from tests.support.channels import ChannelFolder
from tests.support.cli import CommandLine, publish
from tests.support.condapackages import BUILD_PREFIX, MINOR, CondaPackage, interpreter_package, pip_package
from tests.support.packages import make_wheel, wheel_filename
from tests.test_build_wheel import PLAIN, maker, source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.index_server import IndexServer

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="environments with packages of conda are for Linux")

PYTHON = f"python >={MINOR},<{sys.version_info[0]}.{sys.version_info[1] + 1}.0a0"


@pytest.fixture(scope="module")
def channel(tmp_path_factory: pytest.TempPathFactory) -> ChannelFolder:
    """A channel with an interpreter, pip, and what packages of conda come in."""
    made = ChannelFolder(tmp_path_factory.mktemp("channel"))
    try:
        pip_package().publish(made)
    except LookupError as error:
        pytest.skip(str(error))
    interpreter_package().publish(made)
    CondaPackage(
        name="lib",
        version="1.0",
        depends=[PYTHON],
        build="py_0",
        files={
            f"lib/python{MINOR}/site-packages/lib.py": b"VALUE = 41\n",
            f"lib/python{MINOR}/site-packages/lib-1.0.dist-info/METADATA": b"Name: lib\nVersion: 1.0\n",
            f"lib/python{MINOR}/site-packages/shared.py": b"WHO = 'conda'\n",
            "lib/libdata.so.1": b"\x7fELF" + f"{BUILD_PREFIX}/share:{BUILD_PREFIX}/etc\0end\0".encode(),
            "lib/libdata.so": "->libdata.so.1",
            "etc/lib.conf": f"root = {BUILD_PREFIX}/share\n".encode(),
            "bin/.lib-post-link.sh": b"exit 1\n",
        },
        suffix=".tar.bz2",
        prefixes={"lib/libdata.so.1": "binary", "etc/lib.conf": "text"},
    ).publish(made)
    CondaPackage(
        name="tool",
        version="2.0",
        depends=["python", "lib"],
        subdir="noarch",
        files={
            "site-packages/tool/__init__.py": b"import lib\n\ndef main():\n    print('tool', lib.VALUE)\n",
            "site-packages/tool-2.0.dist-info/METADATA": b"Name: tool\nVersion: 2.0\n",
            "python-scripts/tool-script": f"#!{BUILD_PREFIX}/bin/python\nprint('script')\n".encode(),
        },
        prefixes={"python-scripts/tool-script": "text"},
        executables=["python-scripts/tool-script"],
        entry_points=["tool = tool:main"],
    ).publish(made)
    return made


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that the tests share, so that a standard library is compiled once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def served(channel: ChannelFolder) -> Iterator[str]:
    """The channel over HTTP."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=channel.folder))
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def cli(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    default_index: IndexServer,
    served: str,
    cache: Path,
) -> CommandLine:
    """A project whose environment ``a`` is locked, with packages of conda and of pip."""
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.chdir(project)
    monkeypatch.setenv("ENVSOLVER_CACHE_DIR", str(cache))
    monkeypatch.setenv("ENVSOLVER_CONDA_MIRRORS", f"main={served}")
    wheel = make_wheel(
        "app",
        "1.0",
        requires=["lib>=1", "tool"],
        files={
            "app.py": "import lib\n\ndef main():\n    print('app', lib.VALUE)\n",
            "shared.py": "WHO = 'pip'\n",
            "app-1.0.dist-info/entry_points.txt": "[console_scripts]\napp = app:main\n",
        },
    )
    default_index.add(wheel_filename("app", "1.0"), wheel)
    publish(default_index, "later", "1.0")
    command = CommandLine(project, capsys)
    command.spec(
        "a",
        f"""\
        python: "{MINOR}"
        platforms: [linux-64]
        channels: [main]
        conda: [tool, pip]
        pip: [app]
        """,
    )
    done = command("lock", "a")
    assert done.status == 0, done.err
    return command


def run(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def built(cli: CommandLine, prefix: Path, *options: str) -> str:
    """Build, and return the tree digest."""
    done = cli("build", "a", "--prefix", str(prefix), *options)
    assert done.status == 0, done.err
    return done.out.strip()


def test_packages_of_conda_and_wheels_on_top(cli: CommandLine, tmp_path: Path) -> None:
    prefix = tmp_path / "envs" / "a"
    done = cli("build", "a", "--prefix", str(prefix))
    assert done.status == 0, done.err
    assert "lib has a script that conda runs after installing it; it was not run" in done.said
    python = prefix / "bin" / "python"
    assert run(python, "-c", "import sys, ssl, app, tool; print(sys.prefix)") == str(prefix)
    assert run(python, "-c", "import sysconfig; print(sysconfig.get_config_var('prefix'))") == str(prefix)
    assert run(prefix / "bin" / "tool") == "tool 41"
    assert run(prefix / "bin" / "tool-script") == "script"
    assert run(prefix / "bin" / "app") == "app 41"
    assert run(prefix / "bin" / "pip", "check") == "No broken requirements found."
    assert (prefix / "etc" / "lib.conf").read_text() == f"root = {prefix}/share\n"
    data = (prefix / "lib" / "libdata.so").read_bytes()
    assert data.startswith(b"\x7fELF" + f"{prefix}/share:{prefix}/etc\0".encode())
    assert data.endswith(b"end\0")
    # Both bring the module; that of the wheel is in place, and its bytecode.
    assert run(python, "-c", "import shared; print(shared.WHO)") == "pip"
    assert "both bring" in done.said
    cached = run(python, "-c", "import lib; print(lib.__cached__)")
    assert Path(cached).is_file()
    records = {
        record.name.normalized: record for record in map(PrefixRecord.from_path, (prefix / "conda-meta").glob("*.json"))
    }
    assert set(records) == {"lib", "pip", "python", "tool"}
    assert records["tool"].url == "https://conda.anaconda.org/main/noarch/tool-2.0-0.conda"
    assert {str(path) for path in records["tool"].files} >= {"bin/tool", "bin/tool-script"}
    history = (prefix / "conda-meta" / "history").read_text().splitlines()
    assert history[-1] == f'# update specs: ["pip", "python {MINOR}.*", "tool"]'
    assert "+https://conda.anaconda.org/main/noarch::tool-2.0-0" in history
    assert str(tmp_path / "cache") not in (prefix / "conda-meta" / "tool-2.0-0.json").read_text()


def test_the_tree_is_the_same_elsewhere_and_verify_knows_it(cli: CommandLine, tmp_path: Path) -> None:
    prefix = tmp_path / "e"
    tree = built(cli, prefix, "--twice", "--record", "--no-bytecode")
    other = tmp_path / ("a-place-with-a-longer-name-" * 4) / "e"
    assert built(cli, other, "--copy", "--no-bytecode") == tree
    long_path = (other / "bin" / "tool-script").read_text()
    assert long_path.startswith("#!/bin/sh\n"), "the path is too long for a kernel's first line"
    assert run(other / "bin" / "tool-script") == "script"
    for place in (prefix, other):
        run(place / "bin" / "python", "-c", "import sysconfig; sysconfig.get_config_vars()")
        done = cli("verify", "a", "--prefix", str(place))
        assert done.status == 0, done.said
    manifest = read_manifest(prefix)
    assert manifest is not None
    assert {part.name for part in manifest.parts} == {"", "app", "conda:lib", "conda:pip", "conda:python", "conda:tool"}
    (prefix / "etc" / "lib.conf").write_text(f"root = {other}/share\n")
    (prefix / "bin" / "more").write_text("")
    done = cli("verify", "a", "--prefix", str(prefix))
    assert done.status == 1
    assert "conda:lib: 1 file changed: etc/lib.conf" in done.out
    assert "1 file extra: bin/more" in done.out
    link = tmp_path / "link"
    link.symlink_to(other)
    assert cli("verify", "a", "--prefix", str(link)).status == 0
    moved = tmp_path / "moved"
    other.rename(moved)
    done = cli("verify", "a", "--prefix", str(moved))
    assert done.status == 1
    assert "conda:lib" in done.out
    assert f"it was built for {other}, which 4 of its files carry" in done.said


def test_a_wheel_that_is_built_of_a_source_archive(
    cli: CommandLine, tmp_path: Path, default_index: IndexServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    maker(default_index)
    source(default_index, "plain", PLAIN)
    monkeypatch.setenv("PATH", str(Path(sys.base_prefix) / "bin"))
    cli.spec("a", (cli.root / "specs" / "a.yaml").read_text().replace("[app]", "[plain]"))
    for command in (("lock", "a"), ("wheel", "a")):
        assert cli(*command).status == 0
    built(cli, tmp_path / "e", "--no-bytecode")
    assert run(tmp_path / "e" / "bin" / "python", "-c", "import plain, lib; print(plain.__file__)")
    assert cli("verify", "a", "--prefix", str(tmp_path / "e")).status == 0


def test_without_bytecode_there_is_none(cli: CommandLine, tmp_path: Path) -> None:
    built(cli, tmp_path / "e", "--no-bytecode")
    assert not list((tmp_path / "e").rglob("*.pyc"))
    assert cli("verify", "a", "--prefix", str(tmp_path / "e")).status == 0


def test_what_was_fetched_once_serves_offline(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = built(cli, tmp_path / "one")
    monkeypatch.setenv("ENVSOLVER_CONDA_MIRRORS", "main=http://127.0.0.1:9/gone")
    done = cli("--offline", "build", "a", "--prefix", str(tmp_path / "two"))
    assert (done.status, done.out.strip()) == (0, tree), done.err
    monkeypatch.setenv("ENVSOLVER_CACHE_DIR", str(tmp_path / "empty"))
    done = cli("build", "a", "--prefix", str(tmp_path / "three"))
    assert done.status == 4
    assert not (tmp_path / "three").exists()


def test_a_bundle_has_them(cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = built(cli, tmp_path / "one", "--no-bytecode")
    done = cli("bundle", "a", "-o", str(tmp_path / "a.tar"))
    assert done.status == 0, done.err
    monkeypatch.setenv("ENVSOLVER_CONDA_MIRRORS", "main=http://127.0.0.1:9/gone")
    monkeypatch.setenv("ENVSOLVER_CACHE_DIR", str(tmp_path / "empty"))
    assert built(cli, tmp_path / "two", "--no-bytecode", "--bundle", str(tmp_path / "a.tar")) == tree


def test_a_cache_that_was_written_into_is_found_out_and_mended(cli: CommandLine, tmp_path: Path) -> None:
    prefix = tmp_path / "one"
    tree = built(cli, prefix)
    module = prefix / "lib" / f"python{MINOR}" / "site-packages" / "lib.py"
    with module.open("a") as file:  # a hard link into the cache
        file.write("VALUE = 0\n")
    assert built(cli, tmp_path / "two") == tree
    assert run(tmp_path / "two" / "bin" / "tool") == "tool 41"


def test_an_emptied_cache_is_filled_again(cli: CommandLine, tmp_path: Path, cache: Path) -> None:
    tree = built(cli, tmp_path / "one")
    shutil.rmtree(cache / "v1" / "store" / "conda" / "pkgs")
    assert built(cli, tmp_path / "two") == tree


# What is refused


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"../../outside": b"x"}, "it has a path that leaves the prefix"),
        ({".envsolver/manifest": b"x"}, "which is the environment's own"),
        ({"conda-meta/python-3.json": b"{}"}, "which is the environment's own"),
        ({"here": "->bin", "here/python": b"x"}, "it has a file below a link"),
        ({"lib/away": "->../../../etc/passwd"}, "it is a link out of the prefix"),
    ],
)
def test_hostile_packages(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, bytes | str], says: str
) -> None:
    evil = ChannelFolder(tmp_path / "evil")
    evil.python(f"{MINOR}.99")
    CondaPackage(name="evil", version="1.0", files=files).publish(evil)
    assert says in refused(cli, tmp_path, monkeypatch, evil)
    assert not (tmp_path / "outside").exists()


def refused(cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, channel: ChannelFolder) -> str:
    """Lock an environment with the package ``evil`` and build it; return what is said."""
    CondaPackage(name="python", version=f"{MINOR}.99", files={"bin/python": b""}).publish(channel)
    monkeypatch.setenv("ENVSOLVER_CACHE_DIR", str(tmp_path / "cache"))
    text = f'python: "{MINOR}"\nplatforms: [linux-64]\nchannels: [{channel.url}]\nconda: [evil]\n'
    cli.spec("evil", text)
    assert cli("lock", "evil").status == 0
    done = cli("build", "evil", "--prefix", str(tmp_path / "there"))
    assert done.status in {1, 4}, done.err
    assert not (tmp_path / "there").exists()
    return done.said


def test_packages_that_are_not_what_the_lock_says(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = ChannelFolder(tmp_path / "channel")
    channel.python(f"{MINOR}.99")
    package = CondaPackage(name="evil", version="1.0")
    package.publish(channel, sha256="1" * 64)
    assert "its sha256 is" in refused(cli, tmp_path, monkeypatch, channel)
    package.publish(channel, size=7)
    cli.lock_file("evil").unlink()
    assert "larger than the 7 bytes" in refused(cli, tmp_path, monkeypatch, channel)
    other = CondaPackage(name="other", version="1.0").publish(channel)
    path = channel.folder / "linux-64" / package.filename
    shutil.copyfile(other, path)
    channel.add("evil", "1.0", sha256=hashlib.sha256(path.read_bytes()).hexdigest(), size=path.stat().st_size)
    cli.lock_file("evil").unlink()
    assert "it says of itself that it is conda:other 1.0 linux-64" in refused(cli, tmp_path, monkeypatch, channel)


def test_packages_of_conda_that_bring_the_same_file(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = ChannelFolder(tmp_path / "channel")
    CondaPackage(name="python", version=f"{MINOR}.99", files={"bin/python": b""}).publish(channel)
    for name, depends in (("one", ()), ("two", ("one",))):
        text = f"{BUILD_PREFIX} {name}".encode()
        files: dict[str, bytes | str] = {"share/equal": b"x", "share/who": text}
        CondaPackage(name=name, version="1.0", depends=depends, files=files, prefixes={"share/who": "text"}).publish(
            channel
        )
    monkeypatch.setenv("ENVSOLVER_CACHE_DIR", str(tmp_path / "cache"))
    cli.spec("a", f'python: "{MINOR}"\nplatforms: [linux-64]\nchannels: [{channel.url}]\nconda: [one, two]\n')
    assert cli("lock", "a").status == 0
    trees = set()
    for place in ("e", "another-place"):
        prefix = tmp_path / place
        done = cli("build", "a", "--prefix", str(prefix), "--no-bytecode")
        assert "one and another package of conda both bring share/equal, …; that of the other is in place" in done.said
        assert (prefix / "share" / "who").read_text() == f"{prefix} two"
        assert cli("verify", "a", "--prefix", str(prefix)).status == 0
        trees.add(done.out)
    assert len(trees) == 1


def test_an_md5_is_held_against_where_there_is_no_more(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = ChannelFolder(tmp_path / "channel")
    CondaPackage(name="python", version=f"{MINOR}.99", files={"bin/python": b""}).publish(channel, sha256=None)
    # Of long ago in other ways, too.
    said = {"subdir": None, "timestamp": None}
    old = CondaPackage(name="old", version="1.0", files={"share/old": b"old"}, index=said, suffix=".tar.bz2")
    path = old.publish(channel, sha256=None)
    monkeypatch.setenv("ENVSOLVER_CACHE_DIR", str(tmp_path / "cache"))
    cli.spec("a", f'python: "{MINOR}"\nplatforms: [linux-64]\nchannels: [{channel.url}]\nconda: [old]\n')
    assert cli("lock", "a").status == 0
    done = cli("build", "a", "--prefix", str(tmp_path / "e"), "--no-bytecode")
    assert done.status == 0, done.err
    assert "held against an md5, for their channel gives no sha256: old-1.0-0.tar.bz2" in done.said
    assert cli("verify", "a", "--prefix", str(tmp_path / "e")).status == 0
    assert cli("bundle", "a", "-o", str(tmp_path / "b")).status == 0
    data = path.read_bytes()
    path.write_bytes(data[:-1] + b"x")
    monkeypatch.setenv("ENVSOLVER_CACHE_DIR", str(tmp_path / "empty"))
    failed = cli("build", "a", "--prefix", str(tmp_path / "g"), "--no-bytecode")
    assert (failed.status, "its md5 is" in failed.said) == (4, True)
    assert built(cli, tmp_path / "f", "--no-bytecode", "--bundle", str(tmp_path / "b")) == done.out.strip()


def test_what_cannot_be_installed_is_said_before_anything_is_fetched(cli: CommandLine, tmp_path: Path) -> None:
    done = cli("build", "a", "--prefix", str(tmp_path / "e"), "--python", sys.executable)
    assert done.status == 2
    assert "has its interpreter from conda" in done.said


def test_a_path_for_which_packages_have_no_room(cli: CommandLine, tmp_path: Path) -> None:
    prefix = tmp_path / ("x" * 120) / ("y" * 120)
    done = cli("build", "a", "--prefix", str(prefix))
    assert done.status == 2
    assert f"lib-1.0-py_0.tar.bz2 has room for a path of {len(BUILD_PREFIX)} characters" in done.said
    assert not list(prefix.parent.iterdir())


# The place in files


@pytest.mark.parametrize("prefix", ["/e", "/a/longer/place"])
@pytest.mark.parametrize(
    "data",
    [
        b"a@P@/x\0b",
        b"@P@/x:@P@/y\0\0\0@P@\0",
        b"no place at all\0",
        b"x@P@",
    ],
)
def test_strings_in_binaries_come_back(data: bytes, prefix: str) -> None:
    placeholder = "/placeholder" * 4
    packed = data.replace(b"@P@", placeholder.encode())
    installed = b""
    for piece in packed.split(b"\0"):
        shorter = piece.replace(placeholder.encode(), prefix.encode())
        installed += shorter + b"\0" * (len(piece) - len(shorter)) + b"\0"
    installed = installed[:-1]
    assert len(installed) == len(packed)
    assert normal(installed, prefix, Place(placeholder=placeholder, binary=True)) == packed

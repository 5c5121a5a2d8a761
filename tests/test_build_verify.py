"""Proof of builds: digests in locks, ``envsolver verify``, ``build --record`` and ``--twice``, runs that are killed."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from envsolver.app.api import load_lock
from envsolver.build.manifest import MANIFEST, dumps, loads, read_manifest
from tests.kills import MORTAL
from tests.support.building import MINOR, raw_wheel, snapshot
from tests.support.cli import CommandLine
from tests.support.packages import make_wheel, wheel_filename
from tests.test_build_elf import program

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.index_server import IndexServer

SITE = f"lib/python{MINOR}/site-packages"
BUILD = ("build", "demo", "--prefix", "env", "--python", sys.executable)
VERIFY = ("verify", "demo", "--prefix", "env")


@pytest.fixture
def project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], default_index: IndexServer
) -> CommandLine:
    """Return a project that is the current folder, whose environment ``demo`` is locked."""
    root = tmp_path / "project"
    root.mkdir()
    monkeypatch.chdir(root)
    files = {"app/__init__.py": "def main():\n    print('it runs')\n", "app/core.so": "\x7fELF" + "x" * 5000}
    put(default_index, "app", "1.0", files)
    put(default_index, "lib", "1.0", {"lib.py": "import sys\n"})
    run = CommandLine(root, capsys)
    run.spec("demo", f'python: "{MINOR}"\nplatforms: [linux-64]\npip: [app]\ngroups: {{more: [lib]}}\n')
    assert run("lock", "demo").status == 0
    return run


def put(server: IndexServer, name: str, version: str, files: dict[str, str]) -> None:
    data = make_wheel(name, version, files=files)
    server.add(wheel_filename(name, version), data)


def spoil(path: Path, change: Callable[[bytes], bytes]) -> None:
    """Change a file of an environment as an installer would: a new one in its place, not the store's."""
    data, mode = path.read_bytes(), path.stat().st_mode
    path.unlink()
    path.write_bytes(change(data))
    path.chmod(mode)


def test_sound(project: CommandLine) -> None:
    tree = project(*BUILD, "--json").json["tree"]
    done = project(*VERIFY)
    assert done.status == 0
    assert tree in done.out
    assert "env is what the lock says" in done.said


@pytest.mark.parametrize("witness", ["store", "manifest", "record"])
def test_one_byte(project: CommandLine, witness: str) -> None:
    project(*BUILD, *(["--record"] if witness == "record" else []))
    if witness != "store":
        shutil.rmtree(Path(os.environ["ENVSOLVER_CACHE_DIR"]) / "v1" / "store")
    spoil(project.root / "env" / SITE / "app" / "core.so", lambda data: data[:-1] + b"y")
    done = project(*VERIFY, "--json")
    assert done.status == 1
    assert done.json["differences"] == [{"package": "app", "cause": "changed", "path": f"{SITE}/app/core.so"}]
    assert bool(done.json["notes"]) == (witness == "manifest")
    assert f"app: 1 file changed: {SITE}/app/core.so" in project(*VERIFY).out


APP = f"{SITE}/app"


def relink(path: Path, target: str) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to(target)


@pytest.mark.parametrize(
    ("change", "cause", "package", "path"),
    [
        (lambda env: (env / APP / "__init__.py").unlink(), "missing", "app", f"{APP}/__init__.py"),
        (lambda env: (env / APP / "new.py").write_text(""), "extra", "app", f"{APP}/new.py"),
        (lambda env: (env / SITE / "other.py").write_text(""), "extra", "", f"{SITE}/other.py"),
        (lambda env: spoil(env / APP / "core.so", lambda data: data + b"#"), "changed", "app", f"{APP}/core.so"),
        (lambda env: spoil(env / APP / "core.so", lambda _: bytes(env)), "path", "app", f"{APP}/core.so"),
        (
            lambda env: spoil(env / f"{APP}-1.0.dist-info/RECORD", bytes.upper),
            "RECORD",
            "app",
            f"{APP}-1.0.dist-info/RECORD",
        ),
        (lambda env: (env / "bin/python3").unlink(), "missing", "", "bin/python3"),
        (lambda env: relink(env / "bin/python3", "/bin/sh"), "interpreter", "", "bin/python3"),
        (lambda env: (env / "pyvenv.cfg").write_text("home = /\n"), "interpreter", "", "pyvenv.cfg"),
        (lambda env: relink(env / SITE / "link.py", "/etc/passwd"), "extra", "", f"{SITE}/link.py"),
        (lambda env: relink(env / APP / "folder", "/etc"), "extra", "app", f"{APP}/folder"),
    ],
)
def test_causes(project: CommandLine, change: Callable[[Path], object], cause: str, package: str, path: str) -> None:
    project(*BUILD, "--copy")
    change(project.root / "env")
    done = project(*VERIFY, "--json")
    assert done.status == 1
    assert done.json["differences"] == [{"package": package, "cause": cause, "path": path}]


def test_debug_information(project: CommandLine, default_index: IndexServer) -> None:
    """A library that was built elsewhere; told from one that does something else."""
    data = raw_wheel({"built.so": program(b"code", debug=b"/build/here", build_id=b"1" * 8)}, name="built")
    default_index.add(wheel_filename("built", "1.0"), data)
    project.spec("demo", f'python: "{MINOR}"\nplatforms: [linux-64]\npip: [built]\n')
    assert project("lock", "demo").status == 0
    project(*BUILD)
    library = project.root / "env" / SITE / "built.so"
    for content, cause in (
        (program(b"code", debug=b"/tmp/elsewhere", build_id=b"2" * 8), "debug"),
        (program(b"evil", debug=b"/build/here", build_id=b"1" * 8), "changed"),
        (b"\x7fELF", "changed"),
    ):
        spoil(library, lambda _, content=content: content)  # type: ignore[misc] # a default binds it
        assert [one["cause"] for one in project(*VERIFY, "--json").json["differences"]] == [cause]
    spoil(library, lambda _: program(b"code", debug=b"", build_id=b"3" * 8))
    assert f"built: 1 file in debug information alone: {SITE}/built.so" in project(*VERIFY).out


def test_permissions(project: CommandLine) -> None:
    project(*BUILD, "--copy")
    (project.root / "env" / SITE / "app" / "__init__.py").chmod(0o666)
    assert "app: 1 file with other permissions" in project(*VERIFY).out


def test_bytecode(project: CommandLine) -> None:
    project(*BUILD, "--no-bytecode")
    assert project(*VERIFY).status == 0
    env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run([project.root / "env/bin/python", "-c", "import app"], check=True, env=env)
    done = project(*VERIFY)
    assert done.status == 1
    assert "app: 1 file bytecode:" in done.out


def test_imports_leave_it_as_it_is(project: CommandLine) -> None:
    project(*BUILD)
    env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run([project.root / "env/bin/python", "-c", "import app"], check=True, env=env)
    assert project(*VERIFY).status == 0


def test_both_changed(project: CommandLine) -> None:
    """Whoever changes the manifest with the file is found out by the store, or by the digest in the lock."""
    project(*BUILD, "--record", "--copy")
    path = project.root / "env" / MANIFEST
    manifest = path.read_text()
    lines = [line for line in manifest.splitlines(keepends=True) if not line.endswith("app/core.so\n")]
    head = [line for line in lines if not line.startswith("tree ")]
    (project.root / "env" / SITE / "app" / "core.so").unlink()
    with pytest.raises(ValueError, match="digest"):
        loads("".join(lines))
    forged = read_with_own_digest("".join([*head[:6], "tree x\n", *head[6:]]))
    path.write_text(forged)
    assert "missing" in project(*VERIFY).out
    shutil.rmtree(Path(os.environ["ENVSOLVER_CACHE_DIR"]) / "v1" / "store")
    done = project(*VERIFY)
    assert done.status == 1
    assert "the lock records sha256:" in done.out


def read_with_own_digest(text: str) -> str:
    try:
        loads(text)
    except ValueError:
        import envsolver.build.manifest as module

        parts = tuple(module._parts(text.splitlines()[7:]))
        manifest = module.Manifest(
            environment="demo", platform="linux-64", python=MINOR, groups=(), bytecode=True, parts=parts
        )
        return dumps(manifest)
    raise AssertionError


def test_the_lock_has_moved_on(project: CommandLine, default_index: IndexServer) -> None:
    project(*BUILD, "--group", "more")
    put(default_index, "app", "2.0", {"app/__init__.py": ""})
    assert project("lock", "demo", "--upgrade", "--refresh").status == 0
    done = project(*VERIFY)
    assert done.status == 1
    assert done.out.splitlines()[0] == "app: 1.0 in the environment, 2.0 in the lock"
    assert "app: 1.0 in the environment" in project(*VERIFY, "--group", "more").out


def test_groups(project: CommandLine) -> None:
    project(*BUILD)
    done = project(*VERIFY, "--group", "more")
    assert done.status == 1
    assert "lib: not in the environment; the lock has 1.0" in done.out


def test_nothing_to_verify(project: CommandLine) -> None:
    done = project(*VERIFY)
    assert done.status == 2
    assert "error: there is no environment at " in done.said
    assert "hint: `envsolver build " in done.said
    Path(VERIFY[-1]).mkdir()
    done = project(*VERIFY)
    assert done.status == 2
    assert "has no manifest that can be read" in done.said


def test_of_another_environment(project: CommandLine) -> None:
    project(*BUILD)
    project.spec("other", f'python: "{MINOR}"\nplatforms: [linux-64]\npip: [lib]\n')
    project("lock", "other")
    done = project("verify", "other", "--prefix", "env")
    assert done.status == 2
    assert "built from the lock of demo" in done.said


def test_recorded(project: CommandLine) -> None:
    before = project.lock_file("demo").read_text()
    assert 'lock-version = "1.1"' in before
    done = project(*BUILD, "--record", "--json").json
    assert len(done["written"]) == 2
    text = project.lock_file("demo").read_text()
    assert 'lock-version = "1.2"' in text
    assert f'[[tree]]\ntarget = "linux-64"\ndigest = "{done["tree"]}"\n' in text
    assert project("lock", "demo", "--check").status == 0
    assert project(*BUILD, "--record", "--json").json["written"] == []
    assert "env is the tree that the lock records" in project(*VERIFY).said
    # Another way to build is recorded beside it.
    project(*BUILD, "--no-bytecode", "--group", "more", "--record")
    trees = load_lock(project.lock_file("demo")).trees
    assert [(tree.groups, tree.bytecode) for tree in trees] == [((), True), (("more",), False)]


def test_a_tree_that_is_not_the_recorded_one(project: CommandLine) -> None:
    tree = project(*BUILD, "--record", "--json").json["tree"]
    before = snapshot(project.root / "env")
    for path in (project.lock_file("demo"), project.requirements_file("demo")):
        path.write_text(path.read_text().replace(tree, "sha256:" + "0" * 64))
    done = project(*BUILD)
    assert done.status == 1
    assert "the lock records sha256:000" in done.said
    assert snapshot(project.root / "env") == before
    assert project(*VERIFY).status == 1
    done = project(*BUILD, "--record")
    assert done.status == 0
    assert "recorded another tree before" in done.said


def test_records_stay_with_what_they_are_of(project: CommandLine, default_index: IndexServer) -> None:
    project(*BUILD, "--record")
    project(*BUILD, "--record", "--group", "more")
    put(default_index, "lib", "2.0", {"lib.py": "import os\n"})
    assert project("lock", "demo", "--upgrade", "--refresh").status == 0
    (tree,) = load_lock(project.lock_file("demo")).trees
    assert tree.groups == ()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (('target = "linux-64"', 'target = "win-64"'), "target of the lock"),
        (('digest = "sha256:', 'digest = "md5:'), "sha256: and 64 hex digits"),
        (("[[tree]]\n", '[[tree]]\ngroups = ["none"]\n'), "group of the lock"),
    ],
)
def test_records_that_make_no_sense(project: CommandLine, change: tuple[str, str], reason: str) -> None:
    project(*BUILD, "--record")
    path = project.lock_file("demo")
    path.write_text(path.read_text().replace(*change))
    done = project(*VERIFY)
    assert done.status == 2
    assert reason in done.said


def test_twice(project: CommandLine, default_index: IndexServer) -> None:
    default_index.forget()
    assert project(*BUILD, "--twice").status == 0
    # The second one is from nothing.
    assert len(default_index.asked("*.whl")) == 2
    assert sorted(path.name for path in project.root.iterdir()) == ["env", "locks", "specs"]


def test_twice_with_another_outcome(project: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    from envsolver.build import unpack

    # Of this process alone: the second build is another one.
    monkeypatch.setattr(unpack, "entry_point", None)
    monkeypatch.setattr(unpack, "_hash", lambda digest: f"sha256=other{digest}")
    done = project(*BUILD, "--twice")
    assert done.status == 1
    assert "the second build made another tree" in done.said
    assert "RECORD, of app" in done.said
    assert not (project.root / "env").exists()


def test_a_store_that_lies(project: CommandLine) -> None:
    """Content that was changed with its size and time kept: found when it is read back."""
    project(*BUILD)
    path = project.root / "env" / SITE / "app" / "core.so"
    stat = path.stat()
    with path.open("r+b") as file:
        file.seek(100)
        file.write(b"!")
    os.utime(path, (stat.st_atime, stat.st_mtime))
    done = project(*BUILD, "--record")
    assert done.status == 4
    assert "app/core.so (changed, of app)" in done.said
    assert "tree" not in project.lock_file("demo").read_text()


@pytest.mark.parametrize("phase", ["first", "again"])
def test_killed_at_random_moments(project: CommandLine, phase: str) -> None:
    """Whatever the moment, the name holds a whole environment or none, and the next run finishes."""
    tree = project(*BUILD, "--json").json["tree"]
    cache = Path(os.environ["ENVSOLVER_CACHE_DIR"])

    def start_afresh() -> None:
        shutil.rmtree(project.root / "env", ignore_errors=True)
        if phase == "first":
            shutil.rmtree(cache)
        else:
            project(*BUILD)

    def run(moment: int) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", MORTAL, str(moment), *BUILD]
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=project.root)

    start_afresh()
    steps = int(run(0).stdout.rpartition("steps ")[2])
    assert steps > 20
    for moment in random.Random(phase).sample(range(1, steps + 1), 10):  # noqa: S311 - moments, no secrets
        start_afresh()
        assert run(moment).returncode == -signal.SIGKILL
        if (project.root / "env").exists():
            done = project(*VERIFY)
            assert done.status == 0, done.out
            assert tree in done.out
        assert project(*BUILD, "--json").json["tree"] == tree
        assert project(*VERIFY).status == 0
        # What was left beside it is gone.
        assert sorted(path.name for path in project.root.iterdir()) == ["env", "locks", "specs"]
        assert not list((cache / "v1" / "store" / "work").iterdir())


def test_manifest_round_trip(project: CommandLine) -> None:
    project(*BUILD, "--group", "more")
    manifest = read_manifest(project.root / "env")
    assert manifest is not None
    assert loads(dumps(manifest)) == manifest

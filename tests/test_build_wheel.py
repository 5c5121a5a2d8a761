"""``envsolver wheel``: source archives built with locked requirements, and environments that have them."""

from __future__ import annotations

import os
import shutil
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from envsolver.app.api import load_lock
from envsolver.lock.reader import loads
from envsolver.lock.writer import dumps
from tests.support.building import MINOR
from tests.support.cli import CommandLine
from tests.support.packages import make_sdist, make_wheel, sdist_filename, wheel_filename

if TYPE_CHECKING:
    from tests.support.index_server import IndexServer

PYTHON = ("--python", sys.executable)
# A build backend: makes a wheel of what `wheel.py` in the project says.
BACKEND = """
import os, zipfile

VERSION = "{version}"

def get_requires_for_build_wheel(settings=None):
    return {asks!r}

def build_wheel(folder, settings=None, metadata=None):
    scope = {{"os": os, "BACKEND": VERSION}}
    with open("wheel.py") as file:
        exec(file.read(), scope)
    name, version = scope["NAME"], scope["VERSION"]
    info = "%s-%s.dist-info" % (name, version)
    files = dict(scope["FILES"])
    head = "Metadata-Version: 2.1\\nName: %s\\nVersion: %s\\n" % (name, version)
    files[info + "/METADATA"] = head + scope.get("MORE", "")
    files[info + "/WHEEL"] = "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    import base64, hashlib
    record = ""
    for path, text in files.items():
        data = text.encode()
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        record += "%s,sha256=%s,%d\\n" % (path, digest, len(data))
    files[info + "/RECORD"] = record + info + "/RECORD,,\\n"
    filename = "%s-%s-%s.whl" % (name, version, scope.get("TAG", "py3-none-any"))
    with zipfile.ZipFile(os.path.join(folder, filename), "w", zipfile.ZIP_DEFLATED) as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
    return filename
"""
PYPROJECT = '[build-system]\nrequires = ["maker"]\nbuild-backend = "maker"\n'
PLAIN = 'NAME, VERSION = "plain", "1.0"\nFILES = {"plain.py": "MADE_BY = %r\\n" % BACKEND}\n'


def maker(server: IndexServer, version: str = "1.0", asks: tuple[str, ...] = ()) -> None:
    """Put the backend on the index."""
    text = BACKEND.format(version=version, asks=list(asks))
    server.add(wheel_filename("maker", version), make_wheel("maker", version, files={"maker.py": text}))


def source(
    server: IndexServer, name: str, recipe: str, *, requires: tuple[str, ...] = (), pyproject: str = PYPROJECT
) -> None:
    """Put a source archive of version 1.0 on the index."""
    data = make_sdist(name, "1.0", requires=requires, static=True, pyproject=pyproject, files={"wheel.py": recipe})
    server.add(sdist_filename(name, "1.0"), data)


@pytest.fixture
def project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], default_index: IndexServer
) -> CommandLine:
    """Return an empty project that is the current folder; the index has the backend."""
    root = tmp_path / "project"
    root.mkdir()
    monkeypatch.chdir(root)
    maker(default_index)
    return CommandLine(root, capsys)


def locked(run: CommandLine, *requirements: str, name: str = "demo") -> None:
    run.spec(name, f'python: "{MINOR}"\nplatforms: [linux-64]\npip: [{", ".join(requirements)}]\n')
    done = run("lock", name)
    assert done.status == 0, done.err


def cache() -> Path:
    return Path(os.environ["ENVSOLVER_CACHE_DIR"])


def test_locked_and_built(project: CommandLine, default_index: IndexServer) -> None:
    source(default_index, "plain", PLAIN)
    locked(project, "plain")
    done = project("wheel", "demo", *PYTHON, "--json")
    assert done.status == 0
    (made,) = done.json["wheels"]
    assert (made["built"], made["requires"], made["requirements"], made["tools"]) == (
        True,
        ["maker"],
        {"maker": "1.0"},
        [],
    )
    assert 'lock-version = "1.2"' in project.lock_file("demo").read_text()
    assert project("lock", "demo", "--check").status == 0
    again = project("wheel", "demo", *PYTHON, "--json").json
    assert again["written"] == []
    assert again["wheels"] == [{**made, "built": False}]
    built = project("build", "demo", "--prefix", "env", *PYTHON, "--json")
    assert built.status == 0
    assert project("verify", "demo", "--prefix", "env").status == 0
    # From nothing, at another path: the same wheel, the same tree.
    shutil.rmtree(cache())
    second = project("build", "demo", "--prefix", "a/longer/path", *PYTHON, "--record", "--twice", "--json")
    assert second.json["tree"] == built.json["tree"]
    text = project.lock_file("demo").read_text()
    lock = loads(text)
    assert text.startswith(dumps(lock))


def test_verify_before_a_wheel_is_recorded(project: CommandLine, default_index: IndexServer) -> None:
    source(default_index, "plain", PLAIN)
    locked(project, "plain")
    assert project("build", "demo", "--prefix", "env", *PYTHON).status == 0
    assert not any(build.is_built for build in load_lock(project.lock_file("demo")).builds)
    done = project("verify", "demo", "--prefix", "env")
    assert done.status == 0, done.said
    assert "the lock records no wheel of plain 1.0 yet" in done.said
    path = project.root / "env" / "lib" / f"python{MINOR}" / "site-packages" / "plain.py"
    path.unlink()
    path.write_text("MADE_BY = 'somebody else'\n")
    done = project("verify", "demo", "--prefix", "env")
    assert done.status == 1
    assert "plain: 1 file changed: " in done.out
    # Once it is recorded, that one counts, and no note is needed.
    assert project("wheel", "demo", *PYTHON).status == 0
    path.unlink()
    assert project("build", "demo", "--prefix", "env", *PYTHON).status == 0
    done = project("verify", "demo", "--prefix", "env")
    assert (done.status, "records no wheel" in done.said) == (0, False)


def test_requirements_stay_as_they_were_locked(project: CommandLine, default_index: IndexServer) -> None:
    source(default_index, "plain", PLAIN)
    locked(project, "plain")
    first = project("wheel", "demo", *PYTHON, "--json").json["wheels"]
    maker(default_index, "2.0")
    shutil.rmtree(cache())
    assert project("wheel", "demo", *PYTHON, "--json").json["wheels"] == first
    # A lock that still needs the archive keeps them; one that does not, does not.
    assert project("lock", "demo", "--refresh", "--upgrade").status == 0
    assert len(load_lock(project.lock_file("demo")).builds) == 1
    default_index.add(wheel_filename("plain", "1.1"), make_wheel("plain", "1.1"))
    assert project("lock", "demo", "--refresh", "--upgrade").status == 0
    assert load_lock(project.lock_file("demo")).builds == ()
    assert 'lock-version = "1.1"' in project.lock_file("demo").read_text()


def test_what_the_backend_asks_for(project: CommandLine, default_index: IndexServer) -> None:
    maker(default_index, asks=("helper>=1", "maker"))
    default_index.add(wheel_filename("helper", "1.0"), make_wheel("helper", "1.0"))
    source(default_index, "plain", "import helper\n" + PLAIN)
    locked(project, "plain")
    (made,) = project("wheel", "demo", *PYTHON, "--json").json["wheels"]
    assert made["requires"] == ["helper>=1", "maker"]
    assert made["requirements"] == {"helper": "1.0", "maker": "1.0"}


def test_requirements_that_are_built_too(project: CommandLine, default_index: IndexServer) -> None:
    tool = 'NAME, VERSION = "tool", "1.0"\nFILES = {"tool.py": "WORD = \'tooled\'\\n"}\n'
    source(default_index, "tool", tool)
    plain = 'import tool\nNAME, VERSION = "plain", "1.0"\nFILES = {"plain.py": "WORD = %r\\n" % tool.WORD}\n'
    source(default_index, "plain", plain, pyproject=PYPROJECT.replace('"maker"]', '"maker", "tool"]'))
    locked(project, "plain")
    done = project("wheel", "demo", *PYTHON, "-o", "out")
    assert done.status == 0, done.err
    assert [build.name for build in load_lock(project.lock_file("demo")).builds] == ["plain", "tool"]
    with zipfile.ZipFile(project.root / "out" / "plain-1.0-py3-none-any.whl") as wheel:
        assert wheel.read("plain.py") == b"WORD = 'tooled'\n"
    shutil.rmtree(cache())
    assert project("build", "demo", "--prefix", "env", *PYTHON).status == 0


def test_anew(project: CommandLine, default_index: IndexServer) -> None:
    source(default_index, "plain", PLAIN)
    locked(project, "plain")
    first = project("wheel", "demo", *PYTHON, "--json").json["wheels"]
    maker(default_index, "2.0")
    # The index may be read from the cache for a while.
    shutil.rmtree(cache())
    second = project("wheel", "demo", "plain", *PYTHON, "--anew", "--json").json
    assert second["wheels"][0]["requirements"] == {"maker": "2.0"}
    assert second["wheels"][0]["sha256"] != first[0]["sha256"]
    assert len(second["written"]) == 2
    assert project("build", "demo", "--prefix", "env", *PYTHON).status == 0
    assert "2.0" in (project.root / "env" / "lib" / f"python{MINOR}" / "site-packages" / "plain.py").read_text()


def test_what_needs_itself(project: CommandLine, default_index: IndexServer) -> None:
    for one, other in (("plain", "tool"), ("tool", "plain")):
        recipe = f'NAME, VERSION = "{one}", "1.0"\nFILES = {{}}\n'
        source(default_index, one, recipe, pyproject=PYPROJECT.replace('"maker"]', f'"maker", "{other}"]'))
    locked(project, "plain")
    done = project("wheel", "demo", *PYTHON)
    assert done.status == 2
    assert "plain 1.0 needs tool 1.0 needs plain 1.0" in done.said


def test_surroundings(project: CommandLine, default_index: IndexServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the user has set does not get in."""
    recipe = """
import sys, time
seen = {"umask": os.umask(0o22), "path": os.environ["PATH"].split(":")[1:], "mode": oct(os.stat("wheel.py").st_mode),
        "time": os.stat("wheel.py").st_mtime, "zone": time.tzname, "secret": os.environ.get("SECRET"),
        "hash": hash("x"), "epoch": os.environ["SOURCE_DATE_EPOCH"], "site": sys.flags.no_user_site}
NAME, VERSION = "plain", "1.0"
FILES = {"seen.txt": repr(seen)}
"""
    source(default_index, "plain", recipe)
    locked(project, "plain")
    monkeypatch.setenv("SECRET", "hush")
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    monkeypatch.setenv("PATH", f"/somewhere/else:{os.environ['PATH']}")
    old = os.umask(0o077)
    try:
        assert project("wheel", "demo", *PYTHON, "-o", "out").status == 0
    finally:
        os.umask(old)
    with zipfile.ZipFile(project.root / "out" / "plain-1.0-py3-none-any.whl") as wheel:
        seen = eval(wheel.read("seen.txt"))  # noqa: S307 - the repr of a dict that this test has made
        assert {member.date_time for member in wheel.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert seen.pop("hash") is not None
    assert seen == {
        "umask": 0o22, "path": ["/usr/bin", "/bin"], "mode": oct(0o100644), "time": 315532800.0, "zone": ("UTC", "UTC"),
        "secret": None, "epoch": "315532800", "site": 1,
    }  # fmt: skip


def test_a_build_that_differs_each_time(project: CommandLine, default_index: IndexServer) -> None:
    recipe = 'NAME, VERSION = "plain", "1.0"\nFILES = {"same.py": "", "random.py": "X = %r\\n" % os.urandom(8)}\n'
    source(default_index, "plain", recipe)
    locked(project, "plain")
    assert project("wheel", "demo", *PYTHON).status == 0
    before = project.lock_file("demo").read_text()
    done = project("wheel", "demo", *PYTHON, "--rebuild")
    assert done.status == 4
    assert "the lock says" in done.said
    assert "these members differ: plain-1.0.dist-info/RECORD, random.py" in done.said
    assert "plain --anew` takes the new one into the lock" in done.said
    assert project.lock_file("demo").read_text() == before
    shutil.rmtree(cache())
    assert project("build", "demo", "--prefix", "env", *PYTHON).status == 4
    assert not (project.root / "env").exists()


@pytest.mark.parametrize(
    ("recipe", "reason"),
    [
        ("raise SystemExit('no compiler')", "no compiler"),
        (PLAIN.replace('"1.0"', '"2.0"'), "its build made plain-2.0-py3-none-any.whl, not plain==1.0"),
        (PLAIN + 'TAG = "cp27-cp27m-win32"\n', "does not fit linux-64"),
        (PLAIN + 'MORE = "Requires-Dist: other>=2\\n"\n', "other>=2 (the lock has none)"),
        (PLAIN + 'MORE = "Requires-Dist: lib>=2\\n"\n', "lib>=2 (the lock has 1.0)"),
        (PLAIN.replace("plain.py", "../plain.py"), "would leave the environment"),
    ],
)
def test_builds_that_are_refused(project: CommandLine, default_index: IndexServer, recipe: str, reason: str) -> None:
    default_index.add(wheel_filename("lib", "1.0"), make_wheel("lib", "1.0"))
    source(default_index, "plain", recipe, requires=("lib",))
    locked(project, "plain")
    before = project.lock_file("demo").read_text()
    done = project("wheel", "demo", *PYTHON)
    assert done.status == 4
    assert reason in done.said
    assert project.lock_file("demo").read_text() == before


def test_requirements_that_may_be(project: CommandLine, default_index: IndexServer) -> None:
    more = "MORE = \"Requires-Dist: lib>=1 ; sys_platform == 'linux'\\nRequires-Dist: other ; extra == 'more'\\n\"\n"
    default_index.add(wheel_filename("lib", "1.0"), make_wheel("lib", "1.0"))
    source(default_index, "plain", PLAIN + more, requires=("lib",))
    locked(project, "plain")
    assert project("wheel", "demo", *PYTHON).status == 0


def test_what_was_built_before_a_failure_is_kept(project: CommandLine, default_index: IndexServer) -> None:
    source(default_index, "plain", PLAIN)
    source(default_index, "zzz", "raise SystemExit(1)")
    locked(project, "plain", "zzz")
    assert project("wheel", "demo", *PYTHON).status == 4
    assert [build.name for build in load_lock(project.lock_file("demo")).builds if build.is_built] == ["plain"]
    assert project("wheel", "demo", "plain", *PYTHON).status == 0


def test_a_damaged_wheelhouse(project: CommandLine, default_index: IndexServer) -> None:
    source(default_index, "plain", PLAIN)
    locked(project, "plain")
    project("wheel", "demo", *PYTHON)
    (wheel,) = (cache() / "v1" / "wheelhouse").rglob("*.whl")
    wheel.write_bytes(b"")
    done = project("wheel", "demo", *PYTHON, "--json")
    assert done.status == 0
    assert done.json["wheels"][0]["built"] is True


def test_no_build_requirements_to_be_had(project: CommandLine, default_index: IndexServer) -> None:
    source(default_index, "plain", PLAIN, pyproject=PYPROJECT.replace('"maker"]', '"nowhere"]'))
    locked(project, "plain")
    done = project("wheel", "demo", *PYTHON)
    assert done.status == 3
    assert "'nowhere'" in done.said


def test_nothing_to_build(project: CommandLine, default_index: IndexServer) -> None:
    default_index.add(wheel_filename("lib", "1.0"), make_wheel("lib", "1.0"))
    locked(project, "lib")
    assert "nothing to build" in project("wheel", "demo", *PYTHON).said
    done = project("wheel", "demo", "lib", *PYTHON)
    assert done.status == 2
    assert "locked as a wheel" in done.said


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (('platform = "linux-64"\nrequires', 'platform = "win-64"\nrequires'), "platform of the lock"),
        (('wheel = "plain-1.0', 'wheel = "other-1.0'), "is not a wheel of plain 1.0"),
        (('package = "maker"\nversion', 'package = "Maker"\nversion'), "a canonical project name"),
        (('name = "maker-1.0', 'name = "../maker-1.0'), "build[0].file[0].name"),
    ],
)
def test_locks_that_make_no_sense(
    project: CommandLine, default_index: IndexServer, change: tuple[str, str], reason: str
) -> None:
    source(default_index, "plain", PLAIN)
    locked(project, "plain")
    project("wheel", "demo", *PYTHON)
    path = project.lock_file("demo")
    text = path.read_text()
    assert change[0] in text
    path.write_text(text.replace(*change))
    done = project("wheel", "demo", *PYTHON)
    assert done.status == 2
    assert reason in done.said


SETTINGS = """
python: "{minor}"
platforms: [linux-64]
pip: [plain, lib]
build:
  plain:
    requires: [helper]
    beside: [lib]
    environment: {{PLACE: "{{env}}/x", WORD: {word}}}
    path: [{path}]
    tools: [tool-of-mine]
"""
SEEN = """
import helper, lib
NAME, VERSION = "plain", "1.0"
FILES = {"seen.py": repr([lib.__version__, os.environ["PLACE"].endswith("/env/x"), os.environ["WORD"],
                          os.environ["PATH"].split(":")[1]])}
"""


def settings(run: CommandLine, *, word: str = "one") -> None:
    """Write a spec that says how ``plain`` is built."""
    run.spec("demo", SETTINGS.format(minor=MINOR, word=word, path=run.root / "tools"))


@pytest.fixture
def with_settings(project: CommandLine, default_index: IndexServer) -> CommandLine:
    """Return a project whose environment says how its source archive is built."""
    for name in ("helper", "lib"):
        default_index.add(wheel_filename(name, "1.0"), make_wheel(name, "1.0"))
    source(default_index, "plain", SEEN)
    settings(project)
    assert project("lock", "demo").status == 0
    tool = project.root / "tools" / "tool-of-mine"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)
    return project


def seen(run: CommandLine) -> list[object]:
    (wheel,) = (run.root / "out").glob("plain*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return list(eval(archive.read("seen.py")))  # noqa: S307 - the repr of a list that a recipe has made


def test_settings_of_the_spec(with_settings: CommandLine, default_index: IndexServer) -> None:
    run = with_settings
    done = run("wheel", "demo", *PYTHON, "-o", "out")
    assert done.status == 0, done.err
    assert seen(run) == ["1.0", True, "one", str(run.root / "tools")]
    (build,) = load_lock(run.lock_file("demo")).builds
    assert (build.requires, build.beside) == (("helper", "maker"), ("lib==1.0",))
    assert build.environment == ("PLACE={env}/x", "WORD=one")
    assert [one.name for one in build.files] == ["helper", "lib", "maker"]
    assert run("lock", "demo", "--check").status == 0
    # Said otherwise: built anew by `wheel`, and until then built as it was locked.
    settings(run, word="other")
    assert run("lock", "demo", "--check").status == 0
    shutil.rmtree(cache())
    assert run("build", "demo", "--prefix", "env", *PYTHON).status == 0
    assert run("wheel", "demo", *PYTHON, "-o", "out").status == 0
    assert seen(run)[2] == "other"
    (changed,) = load_lock(run.lock_file("demo")).builds
    assert changed.sha256 != build.sha256
    assert run("build", "demo", "--prefix", "env", *PYTHON).status == 0
    assert "other" in (run.root / "env" / "lib" / f"python{MINOR}" / "site-packages" / "seen.py").read_text()
    # Built against another version of what it stands beside: it is not the same any more.
    default_index.add(wheel_filename("lib", "2.0"), make_wheel("lib", "2.0"))
    assert run("lock", "demo", "--upgrade", "--refresh").status == 0
    (moved,) = load_lock(run.lock_file("demo")).builds
    assert (moved.is_built, moved.beside) == (False, ("lib==2.0",))
    assert run("wheel", "demo", *PYTHON, "-o", "out").status == 0
    assert seen(run)[0] == "2.0"


def test_a_tool_that_is_missing(with_settings: CommandLine, default_index: IndexServer) -> None:
    (with_settings.root / "tools" / "tool-of-mine").unlink()
    shutil.rmtree(cache())
    for command in (("wheel", "demo"), ("build", "demo", "--prefix", "env")):
        done = with_settings(*command, *PYTHON)
        assert done.status == 2
        assert "needs tool-of-mine, not to be found in" in done.said
        assert "`apt install tool-of-mine`" in done.said
    # Nothing was fetched for it: neither the archive, nor what it would be built with.
    assert not any((cache() / "v1" / "store" / kind).exists() for kind in ("archives", "wheels-1"))


def test_a_wheel_that_other_tools_made(with_settings: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without the tools takes what one that had them, and the same wheelhouse, has built."""
    run = with_settings
    monkeypatch.setattr("envsolver.app.works.toolchain", lambda *_: ("cc 1",))
    assert run("wheel", "demo", *PYTHON).status == 0
    monkeypatch.setattr("envsolver.app.works.toolchain", lambda *_: ("cc 2",))
    (run.root / "tools" / "tool-of-mine").unlink()
    shutil.rmtree(cache() / "v1" / "store")
    assert run("build", "demo", "--prefix", "env", *PYTHON).status == 0
    assert run("bundle", "demo", "-o", "demo.tar", *PYTHON).status == 0
    # Another one than the lock wants is no help, and to build it once more takes the tools.
    assert "needs tool-of-mine" in run("wheel", "demo", "--rebuild", *PYTHON).said
    (kept,) = (cache() / "v1" / "wheelhouse").glob("*/plain*.whl")
    kept.write_bytes(kept.read_bytes() + b" ")
    shutil.rmtree(cache() / "v1" / "store")
    assert "needs tool-of-mine" in run("build", "demo", "--prefix", "env", *PYTHON).said


def test_a_tool_that_one_of_several_builds_lacks(with_settings: CommandLine, default_index: IndexServer) -> None:
    run = with_settings
    source(default_index, "early", PLAIN.replace("plain", "early"))
    path = run.root / "specs" / "demo.yaml"
    path.write_text(path.read_text().replace("[plain, lib]", "[early, plain, lib]"))
    assert run("lock", "demo").status == 0
    (run.root / "tools" / "tool-of-mine").unlink()
    assert run("wheel", "demo", *PYTHON).status == 2
    assert not any(build.is_built for build in load_lock(run.lock_file("demo")).builds)
    # What needs no tools is built all the same, if asked for alone.
    assert run("wheel", "demo", "early", *PYTHON).status == 0


@pytest.mark.parametrize(("release", "status"), [("11.8", 0), ("13.0", 2), ("", 2)])
def test_the_toolkit_of_another_version(
    with_settings: CommandLine, default_index: IndexServer, release: str, status: int
) -> None:
    run = with_settings
    path = run.root / "specs" / "demo.yaml"
    path.write_text(path.read_text().replace("tool-of-mine", "nvcc") + 'gpu: {cuda: "11.7"}\n')
    assert run("lock", "demo").status == 0
    nvcc = run.root / "tools" / "nvcc"
    nvcc.write_text(f"#!/bin/sh\necho 'Cuda compilation tools, release {release}, V{release}.1'\n")
    nvcc.chmod(0o755)
    done = run("wheel", "demo", *PYTHON)
    assert done.status == status, done.err
    if status:
        assert (
            f"would use CUDA {release or 'of no version'} ({nvcc}), and the environment is for CUDA 11.7" in done.said
        )


@pytest.mark.parametrize("host", ["", "CUDAHOSTCXX: g++-99"])
def test_a_toolkit_that_does_not_work(with_settings: CommandLine, host: str) -> None:
    run = with_settings
    path = run.root / "specs" / "demo.yaml"
    text = path.read_text().replace("tool-of-mine", "nvcc").replace("WORD: one", host or "WORD: one")
    path.write_text(text + 'gpu: {cuda: "11.7"}\n')
    assert run("lock", "demo").status == 0
    nvcc = run.root / "tools" / "nvcc"
    nvcc.write_text(
        "#!/bin/sh\n"
        'case "$*" in\n'
        "--version) echo 'Cuda compilation tools, release 11.8, V11.8.89' ;;\n"
        '*"-ccbin g++-99"*) ;;\n'
        "*) echo 'host_config.h:132: warning: look'\n"
        "   echo 'host_config.h:132:2: error: #error unsupported GNU version!'\n"
        "   exit 1 ;;\n"
        "esac\n"
    )
    nvcc.chmod(0o755)
    done = run("wheel", "demo", "plain", *PYTHON)
    if host:
        assert "empty program" not in done.said  # the compiler that is named counts
        return
    assert done.status == 2
    assert f"{nvcc} cannot compile an empty program: host_config.h:132:2: error: #error unsupported" in done.said
    assert "a g++ from 6 to 11 as host compiler" in done.said


def test_beside_what_is_not_there(with_settings: CommandLine) -> None:
    path = with_settings.root / "specs" / "demo.yaml"
    path.write_text(path.read_text().replace("beside: [lib]", "beside: [torch]"))
    done = with_settings("wheel", "demo", *PYTHON)
    assert done.status == 2
    assert "specs/demo.yaml" in done.said
    assert "torch is not in the lock" in done.said

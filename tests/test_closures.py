"""Build requirements in locks: resolved by ``lock``, kept by it, and used by ``wheel`` and ``build``."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest

from envsolver.app import closures
from envsolver.app.api import load_lock
from envsolver.app.works import Works
from envsolver.build.declared import StaticRequirements, added_by_backend, static_requirements
from envsolver.build.store import Store
from envsolver.lock.reader import loads
from envsolver.lock.writer import dumps
from tests.support.building import MINOR
from tests.support.packages import make_wheel, wheel_filename
from tests.test_build_wheel import BACKEND, PLAIN, PYPROJECT, PYTHON, cache, locked, maker, project, source

if TYPE_CHECKING:
    from pathlib import Path

    from envsolver.lock.model import LockedBuild
    from tests.support.cli import CommandLine
    from tests.support.index_server import IndexServer

__all__ = ["project"]  # a fixture


def builds(run: CommandLine) -> dict[str, LockedBuild]:
    return {f"{build.name} {build.platform}": build for build in load_lock(run.lock_file("demo")).builds}


def versions(build: LockedBuild) -> dict[str, str]:
    return {str(one.name): one.version for one in build.files}


def wheel(server: IndexServer, name: str, version: str = "1.0") -> None:
    server.add(wheel_filename(name, version), make_wheel(name, version))


def test_locked_before_it_is_built(project: CommandLine, default_index: IndexServer) -> None:
    maker(default_index, asks=("helper>=1",))
    wheel(default_index, "helper")
    source(default_index, "plain", "import helper\n" + PLAIN)
    locked(project, "plain")
    text = project.lock_file("demo").read_text()
    assert 'lock-version = "1.5"' in text
    assert text.startswith(dumps(loads(text)))
    (closure,) = builds(project).values()
    assert (closure.is_built, closure.requires) == (False, ("helper>=1", "maker"))
    assert versions(closure) == {"helper": "1.0", "maker": "1.0"}
    assert all(one.file.sha256 for one in closure.files)
    assert project("lock", "demo", "--check").status == 0
    # Whatever is newer later on: these are used.
    maker(default_index, "2.0", asks=("helper>=1",))
    wheel(default_index, "helper", "2.0")
    shutil.rmtree(cache())
    assert project("wheel", "demo", *PYTHON).status == 0
    (built,) = builds(project).values()
    assert (built.is_built, built.files) == (True, closure.files)
    assert 'lock-version = "1.2"' in project.lock_file("demo").read_text()


def test_built_at_once(project: CommandLine, default_index: IndexServer) -> None:
    source(default_index, "plain", PLAIN)
    locked(project, "plain")
    before = project.lock_file("demo").read_bytes()
    done = project("build", "demo", "--prefix", "env", *PYTHON, "--json")
    assert done.status == 0, done.err
    assert "built for the first time: plain 1.0" in done.said
    assert project.lock_file("demo").read_bytes() == before
    recorded = project("build", "demo", "--prefix", "other", *PYTHON, "--record", "--json")
    assert recorded.json["tree"] == done.json["tree"]
    (build,) = builds(project).values()
    assert build.is_built
    assert project("verify", "demo", "--prefix", "other").status == 0
    again = project("build", "demo", "--prefix", "third", *PYTHON, "--json").json
    assert again["tree"] == done.json["tree"]


def test_a_bundle_takes_what_is_known(project: CommandLine, default_index: IndexServer) -> None:
    source(default_index, "plain", PLAIN)
    locked(project, "plain")
    done = project("bundle", "demo", "-o", "bundle.tar")
    assert done.status == 2
    assert "`envsolver wheel demo`" in done.said


def test_kept_when_locked_again(project: CommandLine, default_index: IndexServer) -> None:
    wheel(default_index, "lib")
    source(default_index, "plain", PLAIN)
    project.spec("demo", SETTINGS)
    assert project("lock", "demo").status == 0
    before = builds(project)["plain linux-64"]
    maker(default_index, "2.0")
    assert project("lock", "demo", "--upgrade", "--refresh").status == 0
    assert builds(project)["plain linux-64"] == before
    # What stands beside it has moved: resolved anew, with the versions that it had.
    wheel(default_index, "lib", "2.0")
    assert project("lock", "demo", "--upgrade", "--refresh").status == 0
    moved = builds(project)["plain linux-64"]
    assert moved.beside == ("lib==2.0",)
    assert versions(moved) == {"lib": "2.0", "maker": "1.0"}


SETTINGS = f"""
python: "{MINOR}"
platforms: [linux-64]
pip: [plain, lib]
build:
  plain: {{beside: [lib]}}
"""


def test_recursively(project: CommandLine, default_index: IndexServer) -> None:
    source(default_index, "tool", 'NAME, VERSION = "tool", "1.0"\nFILES = {"tool.py": ""}\n')
    source(default_index, "plain", PLAIN, pyproject=PYPROJECT.replace('"maker"]', '"maker", "tool"]'))
    locked(project, "plain")
    found = builds(project)
    assert [name.split()[0] for name in found] == ["plain", "tool"]
    assert versions(found["tool linux-64"]) == {"maker": "1.0"}
    assert project("build", "demo", "--prefix", "env", *PYTHON).status == 0


def test_other_platforms(project: CommandLine, default_index: IndexServer) -> None:
    maker(default_index, asks=("helper",))
    wheel(default_index, "helper")
    source(default_index, "plain", PLAIN)
    project.spec("demo", f'python: "{MINOR}"\nplatforms: [osx-arm64, linux-64]\npip: [plain]\n')
    assert project("lock", "demo").status == 0
    found = builds(project)
    assert sorted(found) == ["plain linux-64", "plain osx-arm64"]
    assert {build.requires for build in found.values()} == {("helper", "maker")}


@pytest.mark.parametrize(
    ("pyproject", "reason"),
    [
        (PYPROJECT.replace('"maker"]', '"nowhere"]'), "'nowhere'"),
        ("[build-system]\nrequires = 7\n", "pyproject.toml"),
    ],
)
def test_what_cannot_be_found_out(
    project: CommandLine, default_index: IndexServer, pyproject: str, reason: str
) -> None:
    """The lock is made without it, and says so."""
    source(default_index, "plain", PLAIN, pyproject=pyproject)
    project.spec("demo", f'python: "{MINOR}"\nplatforms: [linux-64]\npip: [plain]\n')
    done = project("lock", "demo")
    assert done.status == 0
    assert "the build requirements of plain 1.0 are not locked" in done.said
    assert reason in done.said
    assert builds(project) == {}
    assert 'lock-version = "1.1"' in project.lock_file("demo").read_text()


def test_a_backend_without_an_answer(project: CommandLine, default_index: IndexServer) -> None:
    """It needs what stands beside it; it is asked again when that is there."""
    wheel(default_index, "lib")
    wheel(default_index, "helper")
    text = "import lib\n" + BACKEND.format(version="1.0", asks=["helper"])
    default_index.add(wheel_filename("maker", "1.0"), make_wheel("maker", "1.0", files={"maker.py": text}))
    source(default_index, "plain", "import helper\n" + PLAIN)
    project.spec("demo", SETTINGS)
    done = project("lock", "demo")
    assert done.status == 0
    assert "what the backend of plain 1.0 asks for is not known before its build" in done.said
    assert versions(builds(project)["plain linux-64"]) == {"lib": "1.0", "maker": "1.0"}
    assert project("wheel", "demo", *PYTHON).status == 0
    assert versions(builds(project)["plain linux-64"]) == {"helper": "1.0", "lib": "1.0", "maker": "1.0"}


def test_left_out(project: CommandLine, default_index: IndexServer) -> None:
    source(default_index, "plain", PLAIN)
    project.spec("demo", f'python: "{MINOR}"\nplatforms: [linux-64]\npip: [plain]\n')
    assert project("lock", "demo", "--no-builds").status == 0
    assert builds(project) == {}
    refused = project("build", "demo", "--prefix", "env", *PYTHON)
    assert refused.status == 2
    assert "`envsolver wheel demo`" in refused.said


def test_wheels_alone_ask_for_nothing_more(project: CommandLine, default_index: IndexServer) -> None:
    wheel(default_index, "lib")
    project.spec("demo", f'python: "{MINOR}"\nplatforms: [linux-64]\npip: [lib]\n')
    default_index.forget()
    assert project("lock", "demo").status == 0
    with_builds = [request.path for request in default_index.requests]
    shutil.rmtree(cache())
    project.lock_file("demo").unlink()
    default_index.forget()
    assert project("lock", "demo", "--no-builds").status == 0
    assert [request.path for request in default_index.requests] == with_builds


def test_a_closure_that_makes_no_sense(project: CommandLine, default_index: IndexServer) -> None:
    source(default_index, "plain", PLAIN)
    locked(project, "plain")
    path = project.lock_file("demo")
    path.write_text(path.read_text().replace('package = "maker"\nversion', 'package = "Maker"\nversion'))
    done = project("wheel", "demo", *PYTHON)
    assert done.status == 2
    assert "closure[0].file[0].package" in done.said


def test_what_an_archive_asks_for_is_found_out_once(
    project: CommandLine, default_index: IndexServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    maker(default_index, asks=("helper>=1",))
    wheel(default_index, "helper")
    source(default_index, "plain", PLAIN)
    locked(project, "plain")
    text = project.lock_file("demo").read_text()
    asked = 0
    ask = Works.ask

    def counted(*args: Any) -> tuple[str, ...]:
        nonlocal asked
        asked += 1
        return ask(*args)

    monkeypatch.setattr(Works, "ask", counted)
    shutil.rmtree(Store(cache(), "sources").folder)
    project.lock_file("demo").unlink()
    assert project("lock", "demo", "--offline").status == 0
    assert (asked, project.lock_file("demo").read_text()) == (0, text)
    # In an environment of other files it may ask for other things.
    maker(default_index, "2.0")
    project.lock_file("demo").unlink()
    assert project("lock", "demo", "--refresh").status == 0
    (closure,) = builds(project).values()
    assert (asked, closure.requires) == (1, ("maker",))


def test_a_backend_that_needs_more_to_answer(project: CommandLine, default_index: IndexServer) -> None:
    """Asked beside what the project names, then beside what the spec adds."""
    wheel(default_index, "helper")
    wheel(default_index, "lib")
    text = "import lib\n" + BACKEND.format(version="1.0", asks=["helper"])
    default_index.add(wheel_filename("maker", "1.0"), make_wheel("maker", "1.0", files={"maker.py": text}))
    source(default_index, "plain", PLAIN)
    project.spec("demo", SETTINGS.replace("beside: [lib]", "requires: [lib]"))
    assert project("lock", "demo").status == 0
    assert versions(builds(project)["plain linux-64"]) == {"helper": "1.0", "lib": "1.0", "maker": "1.0"}


def test_a_large_archive_is_not_fetched(
    project: CommandLine, default_index: IndexServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked when it is built, and what it says then is in the lock from then on."""
    for name, version in (("setuptools", "60.0"), ("wheel", "0.40")):
        wheel(default_index, name, version)
    maker(default_index)
    source(default_index, "plain", PLAIN)
    monkeypatch.setattr(closures, "LARGE", 10)
    locked(project, "plain")
    archive = load_lock(project.lock_file("demo")).packages[0].files[0]
    kept = Store(cache(), "sources").archive(archive.sha256 or "")
    assert not kept.exists()
    assert versions(builds(project)["plain linux-64"]) == {"setuptools": "60.0", "wheel": "0.40"}
    assert project("wheel", "demo", *PYTHON).status == 0
    assert kept.exists()
    (built,) = builds(project).values()
    assert "maker" in built.requires


FLIT = '[build-system]\nrequires = ["flit_core >= 3"]\nbuild-backend = "flit_core.buildapi"\n'
OWN = '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\nbackend-path = ["."]\n'
LEGACY = "setuptools >= 40.8.0"


@pytest.mark.parametrize(
    ("files", "requires", "asked"),
    [
        ({"setup.py": "setup(name='a')"}, [LEGACY], False),
        ({"setup.py": "setup(setup_requires=['ninja', 'cffi>1'])"}, ["cffi>1", "ninja", LEGACY], False),
        ({"setup.py": "setup(setup_requires=('ninja',))"}, ["ninja", LEGACY], False),
        ({"setup.py": "setup(setup_requires='ninja')"}, [LEGACY], True),
        ({"setup.py": "setup(setup_requires=['ninja'] if x else [])"}, [LEGACY], True),
        ({"setup.py": "setup(**{'setup_requires': ['ninja']})"}, [LEGACY], True),
        ({"setup.py": "setup(setup_requires=[])\nsetup(setup_requires=['ninja'])"}, [LEGACY], True),
        ({"setup.py": "setup(setup_requires=[7])"}, [LEGACY], True),
        ({"setup.py": "setup(setup_requires=['ninja'"}, [LEGACY], True),
        ({"setup.py": "from more import words", "more.py": "words = {'setup_requires': ['ninja']}"}, [LEGACY], True),
        ({"setup.py": "setup()", "setup.cfg": "[options]\nsetup_requires = ninja"}, [LEGACY], True),
        ({"setup.py": "setup()", "setup.cfg": "[options]\nsetup-requires = ninja"}, [LEGACY], True),
        ({"pyproject.toml": FLIT}, ["flit_core >= 3"], False),
        ({"pyproject.toml": OWN}, ["setuptools"], True),
        ({"pyproject.toml": FLIT.replace("flit_core.b", "hatchling.b")}, ["flit_core >= 3"], True),
        ({"pyproject.toml": "[tool.x]\n", "setup.py": ""}, [LEGACY], False),
        ({"pyproject.toml": '[build-system]\nrequires = ["setuptools"]\n'}, ["setuptools"], False),
    ],
)
def test_what_can_be_read(tmp_path: Path, files: dict[str, str], requires: list[str], asked: bool) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    static = static_requirements(tmp_path, "demo-1.0.tar.gz")
    assert (list(static.requires), not static.backend) == (requires, asked)


@pytest.mark.parametrize(("version", "added"), [("40.8.0", ("wheel",)), ("70.0.0", ("wheel",)), ("70.1.0", ())])
def test_setuptools_asks_for_wheel_until_it_has_its_own(version: str, added: tuple[str, ...]) -> None:
    static = StaticRequirements(requires=(LEGACY,), backend="setuptools.build_meta")
    assert added_by_backend(static, {"setuptools": version}) == added
    assert added_by_backend(StaticRequirements(requires=(), backend="flit_core.buildapi"), {}) == ()
    assert added_by_backend(StaticRequirements(requires=()), {}) == ()

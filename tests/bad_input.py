"""Everything that a user can get wrong, or that can go wrong around him, and what he sees of it.

``python -m benchmarks.faults`` prints the whole table, to be read by a person; ``test_cli_bad_input.py`` checks that
each case ends in a message with its facts, and that no file of the project has changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from envsolver.app.lockfile import lock_text
from tests.support.cli import publish
from tests.support.locks import locked, resolution
from tests.support.packages import make_sdist, make_wheel

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.index_server import IndexServer

__all__ = ["CASES", "SPEC", "Case", "Stage", "set_up"]

SPEC = 'python: "3.11"\nplatforms: [linux-64]\nsystem: {glibc: "2.31"}\npip:\n  - app\n'


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A project of one environment that can be locked, its index, and what the process may be given."""

    root: Path
    server: IndexServer
    environ: dict[str, str]

    def spec(self, text: str, name: str = "train") -> Path:
        """Write a spec."""
        path = self.root / "specs" / f"{name}.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    def wheel(self, name: str, version: str, tag: str, **facts: object) -> None:
        """Put a wheel with a tag on the index."""
        data = make_wheel(name, version, tag=tag)
        self.server.add(f"{name}-{version}-{tag}.whl", data, **facts)  # type: ignore[arg-type] # passed on as they are


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One thing that goes wrong.

    Attributes:
        name: what it is.
        prepare: makes it so.
        status: the exit status.
        says: what standard error must contain, line breaks aside.
        args: of the command line.
    """

    name: str
    prepare: Callable[[Stage], object]
    status: int
    says: tuple[str, ...]
    args: tuple[str, ...] = ("lock", "train")


def _tooth_and_nail(stage: Stage) -> None:
    """Versions that are each ruled out by something else."""
    stage.wheel("pick", "1.0", "cp27-none-any")
    stage.wheel("pick", "2.0", "cp311-cp311-win_amd64")
    stage.wheel("pick", "3.0", "cp311-cp311-manylinux_2_35_x86_64")
    stage.wheel("pick", "4.0", "py3-none-any", yanked="broken")
    stage.wheel("pick", "5.0", "py3-none-any", requires_python=">=3.12")
    stage.wheel("pick", "6.0", "py3-none-any", upload_time="2024-06-01T00:00:00Z")
    stage.spec(SPEC.replace("pip:", 'as-of: "2024-01-01T00:00:00Z"\npip:').replace("- app", "- pick"))


def _bound_elsewhere(stage: Stage) -> None:
    publish(stage.server, "lib", "1.0", index="gpu")
    stage.spec(f"{SPEC}  - lib==2.0\nindexes:\n  gpu:\n    url: {stage.server.url('gpu')}\n    packages: [lib]\n")


def _two_requirements(stage: Stage) -> None:
    publish(stage.server, "old", "1.0", "lib<2")
    publish(stage.server, "new", "1.0", "lib>=2")
    stage.spec(f"{SPEC}  - old\n  - new\n")


def _readonly_cache(stage: Stage) -> None:
    cache = Path(stage.environ["ENVSOLVER_CACHE_DIR"])
    cache.parent.mkdir(parents=True, exist_ok=True)
    cache.write_bytes(b"")  # a file in its place: not even root can write below it


def _folder_in_the_way(stage: Stage) -> None:
    path = stage.root / "locks" / "train.requirements.txt"
    path.unlink(missing_ok=True)
    path.mkdir(parents=True)


def _lock_by_hand(stage: Stage, old: str = "", new: str = "") -> None:
    """Write a lock, edited."""
    made = locked(resolution({"app==1.0": ["lib"], "lib==2.0": []}, {"": ["app"]}, python="3.11.18"), name="train")
    _write_lock(stage, lock_text(made).replace(old, new) if old else lock_text(made))


def _page_to_sign_in(stage: Stage) -> None:
    stage.server.fault("/simple/lib/", redirect=f"{stage.server.base}/login")
    stage.server.route("/login", b"<html><body><form action='/session'>Sign in</form></body></html>")


CASES: tuple[Case, ...] = (
    # The command line
    Case(
        name="unknown environment",
        prepare=lambda stage: stage,
        args=("lock", "trian"),
        status=2,
        says=("no environment is called 'trian'", "did you mean 'train'?"),
    ),
    Case(
        name="no spec at this path",
        prepare=lambda stage: stage,
        args=("lock", "specs/other.yaml"),
        status=2,
        says=("specs/other.yaml", "there is no such file"),
    ),
    Case(
        name="path of a spec with a typo",
        prepare=lambda stage: stage,
        args=("lock", "specs/trian.yaml"),
        status=2,
        says=("specs/trian.yaml", "did you mean 'specs/train.yaml'?"),
    ),
    Case(
        name="spec that lies elsewhere",
        prepare=lambda stage: (stage.root / "train.yaml").write_text(SPEC),
        args=("lock", "./train.yaml"),
        status=2,
        says=("./train.yaml is no spec of the project", "specs lie in specs/"),
    ),
    Case(
        name="package to upgrade that is in no lock",
        prepare=lambda stage: stage,
        args=("lock", "train", "--upgrade-package", "libb"),
        status=2,
        says=("no environment that is being locked has a package 'libb'", "did you mean 'lib'?"),
    ),
    Case(
        name="version to upgrade to that does not exist",
        prepare=_lock_by_hand,
        args=("lock", "train", "--upgrade-package", "lib==9"),
        status=3,
        says=("--upgrade-package: no version of lib satisfies 'lib==9'", "1.0, 2.0"),
    ),
    Case(
        name="no project",
        prepare=lambda stage: (stage.root / "specs").rename(stage.root / "elsewhere"),
        status=2,
        says=("specs/", "envsolver init"),
    ),
    # The spec
    Case(
        name="malformed YAML",
        prepare=lambda stage: stage.spec('python: "3.11\npip: [app]\n'),
        status=2,
        says=("specs/train.yaml:",),
    ),
    Case(
        name="unknown key",
        prepare=lambda stage: stage.spec(SPEC.replace("platforms:", "plattforms:")),
        status=2,
        says=("specs/train.yaml:2", "plattforms", "did you mean 'platforms'?"),
    ),
    Case(
        name="circle of extends",
        prepare=lambda stage: (stage.spec("extends: _b\n" + SPEC), stage.spec("extends: train\n", "_b")),
        status=2,
        says=("circle", "specs/train.yaml:1", "specs/_b.yaml:1"),
    ),
    Case(
        name="base that is not there",
        prepare=lambda stage: stage.spec("extends: _base\n" + SPEC),
        status=2,
        says=("specs/train.yaml:1", "there is no spec '_base'"),
    ),
    Case(
        name="invalid requirement",
        prepare=lambda stage: stage.spec(SPEC.replace("- app", "- app=1.0")),
        status=2,
        says=("specs/train.yaml:5", "app=1.0"),
    ),
    Case(
        name="Python that does not exist",
        prepare=lambda stage: stage.spec(SPEC.replace("3.11", "3.99")),
        status=2,
        says=("specs/train.yaml:1", "3.99"),
    ),
    Case(
        name="release of Python that does not exist",
        prepare=lambda stage: stage.spec(SPEC.replace("3.11", "3.9.99")),
        status=2,
        says=("specs/train.yaml:1", "there is no Python 3.9.99", "3.9.25"),
    ),
    Case(
        name="unknown platform",
        prepare=lambda stage: stage.spec(SPEC.replace("linux-64", "linux_x86_64")),
        status=2,
        says=("specs/train.yaml:2", "linux-64"),
    ),
    Case(
        name="all problems of a spec at once",
        prepare=lambda stage: stage.spec("pythn: 3.11\nplatforms: [linux]\npip: ['a b c', 'd >>= 2']\n"),
        status=2,
        says=("specs/train.yaml:1", "specs/train.yaml:2", "specs/train.yaml:3", "a b c", "d >>= 2"),
    ),
    # Packages
    Case(
        name="unknown package",
        prepare=lambda stage: stage.spec(f"{SPEC}  - libb\n"),
        status=3,
        says=("no index has a package 'libb'", "specs/train.yaml:6", "{port}", "UV_DEFAULT_INDEX"),
    ),
    Case(
        name="several unknown packages",
        prepare=lambda stage: stage.spec(f"{SPEC}  - appp\n  - nowhere-at-all\n"),
        status=3,
        says=("'appp', required by specs/train.yaml:6", "'nowhere-at-all', required by specs/train.yaml:7", "'app'?"),
    ),
    Case(
        name="package name with a typo",
        prepare=lambda stage: stage.spec(f"{SPEC}  - ap\n"),
        status=3,
        says=("no index has a package 'ap'", "specs/train.yaml:6", "did you mean 'app'?"),
    ),
    Case(
        name="unknown package that a package requires",
        prepare=lambda stage: (publish(stage.server, "bad", "1.0", "nowhere"), stage.spec(f"{SPEC}  - bad\n")),
        status=3,
        says=("nowhere", "bad 1.0"),
    ),
    Case(
        name="no version that fits",
        prepare=lambda stage: stage.spec(SPEC.replace("- app", "- lib>=7")),
        status=3,
        says=("specs/train.yaml:5", "lib>=7", "2.0"),
    ),
    Case(
        name="no version that fits the target",
        prepare=_tooth_and_nail,
        status=3,
        says=(
            "specs/train.yaml:6",
            "pick",
            "3.11.18",
            "newer glibc than 2.31",
            "change as-of or python",
            "yanked",
            "uploaded after as-of 2024-01-01 (specs/train.yaml:",
        ),
    ),
    Case(
        name="version on another index than the one it is bound to",
        prepare=_bound_elsewhere,
        status=3,
        says=("specs/train.yaml:6", "lib==2.0", "index 'gpu', from which alone lib comes, has 1.0"),
    ),
    Case(
        name="requirements that exclude each other",
        prepare=_two_requirements,
        status=3,
        says=("specs/train.yaml:6", "specs/train.yaml:7", "old 1.0", "new 1.0", "lib"),
    ),
    # The index
    Case(
        name="index that is down",
        prepare=lambda stage: stage.server.stop(),
        status=4,
        says=("{port}", "4 times"),
    ),
    Case(
        name="index that fails",
        prepare=lambda stage: stage.server.fault("/simple/*", status=503),
        status=4,
        says=("{port}", "503"),
    ),
    Case(
        name="index that forbids",
        prepare=lambda stage: stage.server.fault("/simple/*", status=401),
        status=4,
        says=("{port}", "401"),
    ),
    Case(
        name="page that is no index",
        prepare=lambda stage: stage.server.fault(
            "/simple/lib/", body=b"<html><body>Log in, please</body></html>", content_type="text/html"
        ),
        status=4,
        says=("/simple/lib/ is not an index page", "neither links to a file nor names lib"),
    ),
    Case(
        name="page to sign in on",
        prepare=_page_to_sign_in,
        status=4,
        says=("/login is not an index page", "perhaps for signing in", "whether it wants credentials"),
    ),
    Case(
        name="page of another type",
        prepare=lambda stage: stage.server.fault("/simple/lib/", content_type="application/pdf"),
        status=4,
        says=("/simple/lib/", "application/pdf"),
    ),
    Case(
        name="truncated JSON",
        prepare=lambda stage: stage.server.fault("/simple/lib/", truncate=40),
        status=4,
        says=("/simple/lib/",),
    ),
    Case(
        name="JSON of another shape",
        prepare=lambda stage: stage.server.fault("/simple/lib/", body=b'{"files": {"a": 1}}'),
        status=4,
        says=("/simple/lib/",),
    ),
    Case(
        name="connection that breaks",
        prepare=lambda stage: stage.server.fault("/simple/lib/", drop_after=10),
        status=4,
        says=("/simple/lib/",),
    ),
    Case(
        name="offline with an empty cache",
        prepare=lambda stage: stage,
        args=("lock", "train", "--offline"),
        status=4,
        says=("offline",),
    ),
    # Files of the index
    Case(
        name="wheel that is no archive",
        prepare=lambda stage: (
            stage.server.add("bad-1.0-py3-none-any.whl", b"not a zip"),
            stage.spec(f"{SPEC}  - bad\n"),
        ),
        status=3,
        says=("bad", "1.0", "specs/train.yaml:6"),
    ),
    Case(
        name="metadata that cannot be parsed",
        prepare=lambda stage: (
            stage.server.add("bad-1.0-py3-none-any.whl", make_wheel("bad", "1.0", requires=["lib >>= 2"])),
            stage.spec(f"{SPEC}  - bad\n"),
        ),
        status=3,
        says=("bad", "lib >>= 2"),
    ),
    Case(
        name="hash mismatch",
        prepare=lambda stage: (
            stage.server.add("bad-1.0.tar.gz", make_sdist("bad", "1.0"), hashes={"sha256": "0" * 64}),
            stage.spec(f"{SPEC}  - bad\n"),
        ),
        status=4,
        says=("bad-1.0.tar.gz is not the file that it should be: its sha256 is", "says 0000", "bad!=1.0"),
    ),
    # The machine
    Case(
        name="cache that cannot be written",
        prepare=_readonly_cache,
        status=0,
        says=("note: the cache", "going on without it"),
    ),
    Case(
        name="locks that cannot be written",
        prepare=_folder_in_the_way,
        status=4,
        says=("locks/train.requirements.txt cannot be written", "all files are as they were"),
    ),
    # Old files
    Case(
        name="lock with a merge conflict",
        prepare=lambda stage: _write_lock(stage, "<<<<<<< ours\n=======\n>>>>>>> theirs\n"),
        status=2,
        says=("locks/train.lock.toml:1", "merge conflict"),
    ),
    Case(
        name="lock of a later version",
        prepare=lambda stage: _write_lock(stage, 'lock-version = "9.0"\nname = "train"\ninputs-digest = "x"\n'),
        status=2,
        says=("locks/train.lock.toml", "9.0", "upgrade envsolver"),
    ),
    Case(
        name="lock that is something else",
        prepare=lambda stage: _write_lock(stage, "\x00\x01"),
        status=2,
        says=("locks/train.lock.toml:1", "not TOML", "`envsolver lock train --upgrade`"),
    ),
    Case(
        name="lock that is no text",
        prepare=lambda stage: _write_lock(stage, "\udcff"),
        status=2,
        says=("locks/train.lock.toml: is not UTF-8", "`envsolver lock train --upgrade`"),
    ),
    Case(
        name="lock that was edited by hand",
        prepare=lambda stage: _lock_by_hand(stage, 'version = "2.0"', 'version = "1.0"'),
        status=2,
        says=("locks/train.lock.toml:", "'lib-2.0-py3-none-any.whl' is no file of lib 1.0"),
    ),
    Case(
        name="lock of another environment",
        prepare=lambda stage: _lock_by_hand(stage, 'name = "train"', 'name = "other"'),
        args=("tree", "train"),
        status=2,
        says=("locks/train.lock.toml: this is the lock of other", "`envsolver lock train`"),
    ),
)


def _write_lock(stage: Stage, text: str) -> None:
    (stage.root / "locks").mkdir(exist_ok=True)
    (stage.root / "locks" / "train.lock.toml").write_text(text, encoding="utf-8", errors="surrogateescape")


def set_up(root: Path, server: IndexServer) -> Stage:
    """Return a stage on which ``envsolver lock train`` succeeds."""
    (root / "specs").mkdir(parents=True)
    publish(server, "app", "1.0", "lib")
    publish(server, "lib", "1.0")
    publish(server, "lib", "2.0")
    environ = {"ENVSOLVER_CACHE_DIR": str(root.parent / "cache" / "envsolver"), "UV_DEFAULT_INDEX": server.url()}
    stage = Stage(root=root, server=server, environ=environ)
    stage.spec(SPEC)
    return stage

"""Where packages come from: never from an index that they are not bound to, and as well from any mirror of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.cli import publish
from tests.support.packages import make_sdist, make_wheel

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.cli import CommandLine
    from tests.support.index_server import IndexServer

UV = str(Path(sys.executable).with_name("uv"))
SPEC = 'python: "3.11"\nplatforms: [linux-64]\n'


@pytest.fixture
def cli(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    monkeypatch.setattr("envsolver.sources.retry.RetryPolicy.delay", lambda *_: 0.0)
    return cli


def pins(cli: CommandLine) -> list[str]:
    text = cli.requirements_file("a").read_text(encoding="utf-8")
    return [line.split()[0] for line in text.splitlines() if "==" in line and line[0].isalpha()]


class TestConfusion:
    """Somebody puts a higher version of a private package on a public index."""

    @pytest.fixture
    def public(self, default_index: IndexServer, monkeypatch: pytest.MonkeyPatch) -> IndexServer:
        """The default index, where ``internal`` and ``internal-core`` are not what they seem."""
        publish(default_index, "app", "1.0", "internal")
        publish(default_index, "numpy", "1.0")
        for name in ("internal", "internal-core"):
            publish(default_index, name, "99.0")
            publish(default_index, name, "99.0", index="extra")
        for variable in ("PIP_EXTRA_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_INDEX", "PIP_FIND_LINKS"):
            monkeypatch.setenv(variable, default_index.url("extra"))
        return default_index

    @pytest.fixture
    def private(self, new_index_server: Callable[[], IndexServer]) -> IndexServer:
        """The index of those who made them. It knows a numpy too."""
        server = new_index_server()
        publish(server, "internal", "1.0", "internal-core", "numpy")
        publish(server, "internal-core", "1.1")
        publish(server, "numpy", "0.1")
        return server

    def spec(self, cli: CommandLine, private: IndexServer, packages: str | None) -> None:
        bound = "" if packages is None else f"    packages: {packages}\n"
        cli.spec("a", f"{SPEC}indexes:\n  corp:\n    url: {private.url()}\n{bound}pip: [app]\n")

    @pytest.mark.parametrize("packages", ["[internal, internal-core]", "[internal, internal-*]"])
    def test_bound_packages_come_from_their_index_alone(
        self, cli: CommandLine, public: IndexServer, private: IndexServer, packages: str
    ) -> None:
        self.spec(cli, private, packages)
        for options in ((), ("--upgrade",), ("--upgrade-package", "internal"), ("--refresh",)):
            done = cli("lock", "a", *options)
            assert done.status == 0, done.err
            assert pins(cli) == ["app==1.0", "internal==1.0", "internal-core==1.1", "numpy==1.0"]
        assert public.asked("/*/internal*") == []
        assert public.asked("/extra/*") == []
        assert private.asked("/simple/numpy/") == []
        assert private.asked("/simple/app/") == []

    def test_others_come_from_the_first_index_that_knows_them(
        self, cli: CommandLine, public: IndexServer, private: IndexServer
    ) -> None:
        self.spec(cli, private, None)
        assert cli("lock", "a").status == 0
        assert pins(cli) == ["app==1.0", "internal==1.0", "internal-core==1.1", "numpy==0.1"]
        assert public.asked("/simple/internal*") == []

    @pytest.mark.parametrize("fault", [{"status": 404}, {"status": 403}, {"status": 503}, {"drop_after": -1}])
    def test_a_disturbed_index_does_not_hand_over_to_another(
        self, cli: CommandLine, public: IndexServer, private: IndexServer, fault: dict[str, int]
    ) -> None:
        self.spec(cli, private, "[internal, internal-core]")
        private.fault("/simple/internal-core/", **fault)
        done = cli("lock", "a")
        assert done.status == (3 if fault.get("status") == 404 else 4)
        assert "corp" in done.said
        assert not (cli.root / "locks").exists()
        assert public.asked("/*/internal*") == []

    def test_installing_the_lock_does_not_take_it_either(
        self, cli: CommandLine, public: IndexServer, private: IndexServer
    ) -> None:
        self.spec(cli, private, "[internal, internal-core]")
        assert cli("lock", "a").status == 0
        planned = uv_plan(cli, "--default-index", public.url(), "--index-strategy", "unsafe-best-match")
        assert "internal==1.0" in planned
        assert "99.0" not in planned


class TestMirrors:
    """The same files on two servers with other URLs, formats and manners."""

    FILES = (
        ("app-1.0-py3-none-any.whl", make_wheel("app", "1.0", requires=["lib", "source"])),
        ("lib-2.0-py3-none-any.whl", make_wheel("lib", "2.0")),
        ("lib-3.0-py3-none-any.whl", make_wheel("lib", "3.0")),
        ("source-1.0.tar.gz", make_sdist("source", "1.0", static=True)),
    )

    @pytest.fixture
    def first(self, default_index: IndexServer) -> IndexServer:
        for filename, data in self.FILES[:-2] + self.FILES[-1:]:
            default_index.add(filename, data)
        return default_index

    @pytest.fixture
    def second(self, new_index_server: Callable[[], IndexServer]) -> IndexServer:
        """A mirror, which is ahead of the first: it has a newer lib already."""
        server = new_index_server()
        server.index("mirror/pypi", format="html", links="relative", ranges="refused")
        for filename, data in self.FILES:
            server.add(filename, data, index="mirror/pypi")
        return server

    def test_a_lock_made_through_one_installs_through_another(
        self, cli: CommandLine, first: IndexServer, second: IndexServer, tmp_path: Path
    ) -> None:
        cli.spec("a", f"{SPEC}pip: [app]\n")
        assert cli("lock", "a").status == 0
        before = cli.files()
        first.stop()
        url = second.url("mirror/pypi")
        planned = uv_plan(cli, "--default-index", url)
        assert {line.split()[1] for line in planned.splitlines() if line.startswith(" +")} == {
            "app==1.0",
            "lib==2.0",
            "source==1.0",
        }
        wheels = tmp_path / "wheels"
        downloaded = subprocess.run(
            [
                *(sys.executable, "-m", "pip", "download", "--no-cache-dir", "--quiet", "--no-deps"),
                *("--require-hashes", "--index-url", url, "--dest", str(wheels)),
                *("--requirement", str(wheels_only(cli, tmp_path))),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        assert downloaded.returncode == 0, downloaded.stderr
        assert sorted(path.name for path in wheels.iterdir()) == [name for name, _ in self.FILES[:2]]
        assert {name: data for name, data in cli.files().items() if name in before} == before

    def test_its_reader_s_index_is_what_an_export_names(
        self, cli: CommandLine, first: IndexServer, second: IndexServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        cli.spec("a", f"{SPEC}pip: [app]\n")
        assert cli("lock", "a").status == 0
        lock = cli.lock_file("a").read_bytes()
        assert str(first.port).encode() not in lock
        monkeypatch.setenv("UV_DEFAULT_INDEX", second.url("mirror/pypi"))
        assert cli("lock", "a").err == "a is up to date\n"
        pylock = cli("export", "a", "--format", "pylock")
        assert pylock.status == 0, pylock.err
        assert second.file_url("app-1.0-py3-none-any.whl", "mirror/pypi") in pylock.out
        assert str(first.port) not in pylock.out
        # What the mirror has more of moves nothing, and what it says in other words changes nothing.
        assert cli("lock", "a", "--refresh").status == 0
        assert pins(cli) == ["app==1.0", "lib==2.0", "source==1.0"]

    def test_a_mirror_with_other_bytes_is_refused(
        self, cli: CommandLine, first: IndexServer, second: IndexServer
    ) -> None:
        cli.spec("a", f"{SPEC}pip: [lib]\n")
        assert cli("lock", "a").status == 0
        first.stop()
        good = uv(cli, "--default-index", second.url("mirror/pypi"), dry=False)
        assert good.returncode == 0, good.stderr
        name = "lib-2.0-py3-none-any.whl"
        second.add(name, make_wheel("lib", "2.0", files={"lib.py": "evil = True\n"}), index="mirror/pypi")
        done = uv(cli, "--default-index", second.url("mirror/pypi"), "--reinstall", dry=False)
        assert done.returncode != 0
        assert "hash" in done.stderr.lower()


def wheels_only(cli: CommandLine, folder: Path) -> Path:
    """Return the locked requirements without the sdist, which pip would build to see what it is."""
    lines = cli.requirements_file("a").read_text(encoding="utf-8").splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("source=="))
    path = folder / "wheels.txt"
    path.write_text("\n".join([*lines[:at], ""]), encoding="utf-8")
    return path


def uv(cli: CommandLine, *options: str, dry: bool = True) -> subprocess.CompletedProcess[str]:
    """Let uv install the requirements file, hashes and all, or plan to."""
    return subprocess.run(
        [
            *(UV, "pip", "install", "--no-cache", "--require-hashes", "--no-deps", *options),
            *(["--dry-run"] if dry else []),
            *("--python-version", "3.11", "--target", str(cli.root / "target")),
            *("--requirements", str(cli.requirements_file("a"))),
        ],
        capture_output=True,
        text=True,
        check=False,
    )


def uv_plan(cli: CommandLine, *options: str) -> str:
    done = uv(cli, *options)
    assert done.returncode == 0, done.stderr
    return done.stderr

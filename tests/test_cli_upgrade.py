"""``lock --upgrade`` and ``--upgrade-package``: what was asked for is in the new lock, or nothing is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.cli import publish

if TYPE_CHECKING:
    from tests.support.cli import CommandLine
    from tests.support.index_server import IndexServer

SPEC = """\
    python: "3.11"
    platforms: [linux-64]
    pip: [app]
    """


@pytest.fixture
def cli(cli: CommandLine, default_index: IndexServer) -> CommandLine:
    """Two environments: app 2.0 needs lib, app 1.0 does not, and other needs nothing."""
    publish(default_index, "app", "1.0")
    publish(default_index, "app", "2.0", "lib>=1")
    publish(default_index, "lib", "1.0")
    publish(default_index, "other", "1.0")
    cli.spec("a", SPEC)
    cli.spec("b", SPEC.replace("app", "other"))
    done = cli("lock", "--all")
    assert done.status == 0, done.err
    publish(default_index, "lib", "1.5")
    return cli


def pins(cli: CommandLine, name: str = "a") -> list[str]:
    text = cli.requirements_file(name).read_text(encoding="utf-8")
    return [line.split()[0] for line in text.splitlines() if "==" in line and not line.startswith((" ", "#"))]


@pytest.mark.parametrize(("asked", "said"), [("lib==9.0", "1.0, 1.5"), ("lib>2", "1.0, 1.5"), ("app==7", "1.0, 2.0")])
def test_a_version_that_no_solution_has(cli: CommandLine, asked: str, said: str) -> None:
    """Leaving the package out, at the price of older versions of others, is no answer."""
    before = cli.files()
    done = cli("lock", "a", "--refresh", "--upgrade-package", asked)
    assert done.status == 3, done.err
    assert f"--upgrade-package: no version of {asked[:3]} satisfies '{asked}' index 'default' has {said}" in done.said
    assert cli.files() == before


def test_a_version_with_which_nothing_requires_the_package(cli: CommandLine, default_index: IndexServer) -> None:
    publish(default_index, "app", "2.5", "lib<1.2")
    publish(default_index, "app", "3.0")
    assert cli("lock", "a", "--refresh", "--upgrade-package", "app==2.5").status == 0
    before = cli.files()
    done = cli("lock", "a", "--upgrade-package", "lib==1.5", "--upgrade-package", "app>2.5")
    assert done.status == 3, done.err
    assert "--upgrade-package lib==1.5: with this version nothing requires the package any more" in done.said
    assert cli.files() == before


def test_the_version_asked_for(cli: CommandLine) -> None:
    done = cli("lock", "a", "--refresh", "--upgrade-package", "lib==1.5")
    assert done.status == 0, done.err
    assert pins(cli) == ["app==2.0", "lib==1.5"]


def test_one_environment_of_several_has_it(cli: CommandLine) -> None:
    done = cli("lock", "a", "b", "--refresh", "--upgrade-package", "lib==1.5")
    assert done.status == 0, done.err
    assert (pins(cli), pins(cli, "b")) == (["app==2.0", "lib==1.5"], ["other==1.0"])


@pytest.mark.parametrize("asked", ["libb", "libb==1.0"])
def test_a_package_that_is_in_no_lock(cli: CommandLine, asked: str) -> None:
    before = cli.files()
    done = cli("lock", "a", "b", "--refresh", "--upgrade-package", asked)
    assert done.status == 2, done.err
    assert done.said == (
        "error: --upgrade-package: no environment that is being locked has a package 'libb' hint: did you mean 'lib'?"
    )
    assert cli.files() == before


@pytest.mark.parametrize("asked", ["lib @ https://host/lib.whl", "lib[extra]", "lib; python_version > '3'", "=1"])
def test_what_is_no_package_or_version(cli: CommandLine, asked: str) -> None:
    done = cli("lock", "a", "--upgrade-package", asked)
    assert done.status == 2, done.err
    assert "write X or X==VERSION" in done.said


def test_a_package_that_comes_with_a_new_requirement(cli: CommandLine, default_index: IndexServer) -> None:
    publish(default_index, "new", "1.0", "deep")
    publish(default_index, "deep", "1.0")
    publish(default_index, "deep", "2.0")
    cli.spec("b", SPEC.replace("app", "other, new"))
    done = cli("lock", "b", "--upgrade-package", "deep==1.0")
    assert done.status == 0, done.err
    assert pins(cli, "b") == ["deep==1.0", "new==1.0", "other==1.0"]

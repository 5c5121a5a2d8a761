"""Locks of conda and pip in the files of other tools, judged by these tools: conda-lock, and rattler for pixi."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from rattler import LockFile

from envsolver.lock.digest import content_digest
from envsolver.lock.reader import loads
from envsolver.lock.writer import dumps
from envsolver.model.candidate import CondaFacts
from envsolver.model.errors import LockError
from tests.support.channels import PYTHON
from tests.support.cli import publish

if TYPE_CHECKING:
    from pathlib import Path

    from envsolver.lock.model import Lock
    from tests.support.joint import Joint


@pytest.fixture
def stack(joint: Joint) -> Lock:
    """Lock an environment that has all that the formats have to say."""
    joint.main.add(
        "pytorch",
        "1.12.1",
        [PYTHON, "mkl >=2018", "ring", "__glibc >=2.17,<3.0.a0", "blas * mkl"],
        build="py3.9_cuda11.6_0",
        constrains=["cpuonly <0", "other 1|2"],
    )
    joint.main.add("mkl", "2022.1", build="hc2b9512_224", number=224)
    joint.main.add("ring", "1.0", ["pytorch"], subdir="noarch", build="pyhd8ed1ab_3", number=3, noarch="python")
    joint.main.add("blas", "1.0", build="mkl", number=7, track_features="blas_mkl")
    joint.main.add("six", "1.16", [PYTHON], subdir="noarch", build="0", noarch="python")
    publish(joint.index, "metrics", "1.0", "torch>=1.10", "six", "fast; extra == 'speed' and python_version > '3'")
    publish(joint.index, "fast", "2.0")
    publish(joint.index, "check", "3.0", "fast")
    return joint.lock("conda: [pytorch, six]\npip: ['metrics[speed]']\ngroups: { dev: [check] }\n")


def facts(lock: Lock, name: str) -> CondaFacts | None:
    return lock.package(name).files[0].conda


# The lock


def test_a_lock_keeps_what_file_names_do_not_tell(stack: Lock) -> None:
    assert facts(stack, "pytorch") == CondaFacts(
        virtual=("__glibc >=2.17,<3.0.a0",), constrains=("cpuonly <0", "other 1|2")
    )
    assert facts(stack, "mkl") is None
    assert facts(stack, "ring") is None
    assert facts(stack, "blas") == CondaFacts(number=7, features=("blas_mkl",))
    assert facts(stack, "six") == CondaFacts(noarch="python")
    text = dumps(stack)
    assert 'lock-version = "1.4"' in text
    assert loads(text) == stack


def test_without_any_of_it_the_lock_is_of_the_older_version(joint: Joint) -> None:
    joint.main.add("mkl", "2022.1", build="hc2b9512_224", number=224)
    assert 'lock-version = "1.3"' in dumps(joint.lock("conda: [mkl]\n"))


def test_corrections_of_records_change_no_environment(stack: Lock) -> None:
    bare = replace(
        stack,
        packages=tuple(
            replace(one, files=tuple(replace(file, conda=None) for file in one.files)) for one in stack.packages
        ),
    )
    assert content_digest(bare) == content_digest(stack)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("virtual = [", 'virtual = ["glibc >=2", ', "is not a match spec of a virtual package"),
        ("constrains = [", 'constrains = ["a\\nb", ', "is not printable text"),
        ("build-number = 7", "build-number = -7", "is counted from 0"),
        ('noarch = "python"', 'noarch = "perl"', "must be one of python, generic, none"),
    ],
)
def test_facts_that_cannot_be(stack: Lock, old: str, new: str, says: str) -> None:
    text = dumps(stack)
    assert old in text
    with pytest.raises(LockError, match=says):
        loads(text.replace(old, new, 1))


# conda-lock.yml


def exported(joint: Joint, form: str, *options: str) -> Path:
    path = joint.cli.root / ("pixi.lock" if form == "pixi" else f"{form}.yml")
    done = joint.cli("export", "a", "--format", form, "-o", str(path), *options)
    assert done.status == 0, done.err
    return path


def rows(path: Path) -> list[dict[str, Any]]:
    return [row for row in yaml.safe_load(path.read_text(encoding="utf-8"))["package"] if row["name"] != "python"]


def rendered(path: Path, *options: str) -> list[str]:
    """Return the explicit list that conda-lock itself makes of a file."""
    if find_spec("conda_lock") is None:
        pytest.skip("conda-lock is not installed")
    command = [sys.executable, "-m", "conda_lock", "render", "-k", "explicit", "-p", "linux-64", *options]
    command += ["--filename-template", "rendered-{platform}.lock", path.name]
    done = subprocess.run(command, cwd=path.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return (path.parent / "rendered-linux-64.lock").read_text(encoding="utf-8").splitlines()


def test_conda_lock_makes_the_same_explicit_list(joint: Joint, stack: Lock) -> None:
    lines = rendered(exported(joint, "conda-lock"))
    ours = joint.cli("export", "a", "--format", "explicit").out.splitlines()
    wanted = sorted(line for line in ours if "://" in line)
    assert sorted(line for line in lines if line.startswith("file://")) == wanted
    assert len(wanted) == len(stack.conda("linux-64"))
    (metrics,) = (line for line in lines if line.startswith("# pip metrics @ http://127.0.0.1"))
    assert metrics.endswith(f"#sha256={stack.package('metrics').files[0].sha256}")
    assert not any("check" in line for line in lines)


def test_groups_are_categories_of_conda_lock(joint: Joint, stack: Lock) -> None:
    path = exported(joint, "conda-lock", "--group", "dev")
    lines = rendered(path, "-e", "dev")
    assert any(line.startswith("# pip check @") for line in lines)
    assert {row["name"]: row["category"] for row in rows(path) if row["manager"] == "pip"} == {
        "check": "dev",
        "fast": "main",
        "metrics": "main",
    }


def test_what_conda_lock_reads_of_a_package(joint: Joint, stack: Lock) -> None:
    found = {(row["manager"], row["name"]): row for row in rows(exported(joint, "conda-lock"))}
    torch = found["conda", "pytorch"]
    assert torch["dependencies"] == {
        "__glibc": ">=2.17,<3.0.a0",
        "blas": "* mkl",
        "mkl": ">=2018",
        "python": ">=3.9,<3.10.0a0",
        "ring": "",
    }
    assert torch["url"] == f"{joint.main.url}/linux-64/pytorch-1.12.1-py3.9_cuda11.6_0.conda"
    assert set(torch["hash"]) == {"md5", "sha256"}
    # A project has its own name there, whoever provides it.
    assert found["pip", "metrics"]["dependencies"] == {"fast": "", "six": "", "torch": ">=1.10"}


def test_rattler_reads_the_conda_lock(joint: Joint, stack: Lock) -> None:
    lock_file = LockFile.from_path(exported(joint, "conda-lock"))
    (platform,) = lock_file.platforms()
    environment = lock_file.default_environment()
    assert environment is not None
    assert len(environment.packages(platform) or ()) == len(stack.select()) + len(stack.conda("linux-64"))


def test_conda_lock_takes_no_package_without_md5(joint: Joint) -> None:
    joint.main.add("mkl", "2022.1", md5=None)
    joint.lock("conda: [mkl]\n")
    done = joint.cli("export", "a", "--format", "conda-lock")
    assert done.status == 2
    assert "mkl-2022.1-0.conda has no md5" in done.said
    assert joint.cli("export", "a", "--format", "pixi").status == 0


# pixi.lock


def test_rattler_reads_the_pixi_lock_and_would_write_the_same(joint: Joint, stack: Lock) -> None:
    path = exported(joint, "pixi")
    again = path.with_name("again.lock")
    lock_file = LockFile.from_path(path)
    lock_file.to_path(again)
    ours, theirs = (yaml.safe_load(one.read_text(encoding="utf-8")) for one in (path, again))
    for document in (ours, theirs):
        for package in document["packages"]:
            # rattler writes specifiers and markers in an order of its own.
            package["requires_dist"] = len(package.get("requires_dist", ()))
    assert ours == theirs
    names = [name for name, _ in lock_file.environments()]
    assert sorted(names) == ["default", "dev"]  # rattler gives them in any order
    (platform,) = lock_file.platforms()
    environment = lock_file.environment("dev")
    assert environment is not None
    assert {package.name for package in environment.packages(platform) or ()} >= {"check", "fast", "pytorch", "six"}


def test_the_pixi_lock_has_records_whole_and_the_hashes_of_pip(joint: Joint, stack: Lock) -> None:
    document = yaml.safe_load(exported(joint, "pixi").read_text(encoding="utf-8"))
    assert document["version"] == 7
    assert document["platforms"] == [{"name": "linux-64", "virtual-packages": ["__glibc=2.31"]}]
    listed = {row.get("conda", row.get("pypi")).rpartition("/")[2]: row for row in document["packages"]}
    torch = listed["pytorch-1.12.1-py3.9_cuda11.6_0.conda"]
    assert torch["constrains"] == ["cpuonly <0", "other 1|2"]
    assert torch["depends"] == ["__glibc >=2.17,<3.0.a0", "blas * mkl", "mkl >=2018", PYTHON, "ring"]
    assert listed["blas-1.0-mkl.conda"]["build_number"] == 7
    assert listed["six-1.16-0.conda"]["noarch"] == "python"
    wheel = listed["metrics-1.0-py3-none-any.whl"]
    assert wheel["sha256"] == stack.package("metrics").files[0].sha256
    assert wheel["requires_dist"] == [
        'fast ; extra == "speed" and python_version > "3"',
        "six",
        "torch>=1.10",
    ]
    assert "check-3.0-py3-none-any.whl" in listed
    default = document["environments"]["default"]["packages"]["linux-64"]
    assert not any("check" in row.get("pypi", "") for row in default)


@pytest.mark.parametrize("form", ["pixi", "conda-lock"])
def test_what_such_an_export_cannot_be(joint: Joint, stack: Lock, form: str) -> None:
    joint.cli.spec("b", 'python: "3.9"\nplatforms: [linux-64]\npip: [fast]\n')
    assert joint.cli("lock", "b").status == 0
    assert "no packages of conda" in joint.cli("export", "b", "--format", form).said
    if form == "pixi":
        assert "all platforms and groups" in joint.cli("export", "a", "--format", form, "--group", "dev").said
    else:
        assert "no group 'x'" in joint.cli("export", "a", "--format", form, "--group", "x").said


def test_a_group_with_the_name_of_the_base(joint: Joint) -> None:
    publish(joint.index, "fast", "2.0")
    joint.lock("conda: [python]\ngroups: { default: [fast] }\n")
    assert "the name of the base" in joint.cli("export", "a", "--format", "pixi").said

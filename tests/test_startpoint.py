"""``lock --start``: the versions of another tool's lock stay, and what moved is told with its reason."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from envsolver.lock.digest import content_digest
from tests.support.channels import PYTHON
from tests.support.cli import publish
from tests.support.joint import versions

if TYPE_CHECKING:
    from envsolver.lock.model import Lock
    from tests.support.joint import Joint

DATA = os.environ.get("ENVSOLVER_CONDA_DATA")
"""A folder with real channels and a real lock; read here, since fixtures hide such variables."""

BODY = "conda: [lib_core]\npip: [app]\n"


@pytest.fixture
def old(joint: Joint) -> Lock:
    """Lock an environment, after which newer releases of everything come out."""
    joint.main.add("lib_core", "1.0", [PYTHON, "base"], build="py39_0")
    joint.main.add("base", "1.0")
    publish(joint.index, "app", "1.0", "lib-core", "helper")
    publish(joint.index, "helper", "1.0")
    lock = joint.lock(BODY)
    joint.main.add("lib_core", "1.0", [PYTHON, "base"], build="py39_1", number=1)
    joint.main.add("lib_core", "2.0", [PYTHON, "base"], build="py39_0")
    joint.main.add("base", "2.0")
    publish(joint.index, "app", "2.0", "lib-core", "helper")
    publish(joint.index, "helper", "2.0")
    return lock


def exported(joint: Joint, form: str, name: str) -> Path:
    path = joint.cli.root / name
    assert joint.cli("export", "a", "--format", form, "-o", str(path)).status == 0
    return path


def started(joint: Joint, path: Path, *options: str) -> Any:
    """Lock as if for the first time; return what the report says of the environment."""
    joint.cli.lock_file("a").unlink(missing_ok=True)
    done = joint.cli("lock", "a", "--refresh", "--start", str(path), "--json", *options)
    assert done.status == 0, done.err
    return done.json["environments"][0]


@pytest.mark.parametrize(("form", "name"), [("conda-lock", "conda-lock.yml"), ("pixi", "pixi.lock")])
def test_nothing_moves_from_where_another_lock_stands(joint: Joint, old: Lock, form: str, name: str) -> None:
    path = exported(joint, form, name)
    report = started(joint, path)
    assert (report["diff"]["settings"], report["diff"]["changes"]) == ([], [])
    assert content_digest(joint.read()) == content_digest(old)


def test_an_explicit_list_holds_builds_and_a_requirements_file_wheels(joint: Joint, old: Lock) -> None:
    explicit = exported(joint, "explicit", "conda-linux-64.lock")
    # conda-lock and micromamba put what comes by pip into comments.
    wheel = old.package("helper").files[0]
    text = explicit.read_text(encoding="utf-8")
    comment = f"# pip helper @ https://files.invalid/{wheel.filename}#sha256={wheel.sha256}\n"
    explicit.write_text(text + comment, encoding="utf-8")
    report = started(joint, explicit)
    assert [(change["package"], change["kind"]) for change in report["diff"]["changes"]] == [("app", "added")]
    assert versions(joint.read()) == {**versions(old), "app": "2.0"}
    requirements = joint.cli.root / "requirements.txt"
    requirements.write_text("app==1.0\nhelper==1.0\n", encoding="utf-8")
    started(joint, requirements)
    found = versions(joint.read())
    assert (found["app"], found["helper"], found["conda:base"]) == ("1.0", "1.0", "2.0")


def test_a_lock_of_another_environment_is_a_starting_point_too(joint: Joint, old: Lock) -> None:
    path = joint.cli.root / "other.lock.toml"
    joint.cli.lock_file("a").rename(path)
    assert started(joint, path)["diff"]["changes"] == []


def test_it_takes_the_place_of_the_old_lock(joint: Joint, old: Lock) -> None:
    path = exported(joint, "conda-lock", "conda-lock.yml")
    assert joint.cli("lock", "a", "--upgrade").status == 0
    assert versions(joint.read())["conda:lib_core"] == "2.0"
    assert joint.cli("lock", "a", "--start", str(path)).status == 0
    assert content_digest(joint.read()) == content_digest(old)


def test_what_moved_is_told_with_its_reason(joint: Joint, old: Lock) -> None:
    path = exported(joint, "conda-lock", "conda-lock.yml")
    # One build is gone from the channel; a new requirement moves a wheel.
    del joint.main.subdirs["linux-64"]["lib_core-1.0-py39_0.conda"]
    joint.main.write()
    joint.spec(BODY.replace("pip: [app]", "pip: [app, helper>=2]"))
    found = {change["package"]: change for change in started(joint, path)["diff"]["changes"]}
    assert set(found) == {"conda:lib_core", "helper"}
    assert found["conda:lib_core"]["kind"] == "refiled"
    assert found["conda:lib_core"]["reasons"] == ["no channel has lib_core-1.0-py39_0.conda any more"]
    assert found["helper"]["reasons"] == ["specs/a.yaml requires helper>=2"]


def test_a_rule_that_moves_a_package_of_conda_is_named(joint: Joint) -> None:
    joint.main.add("pytorch", "1.12.1", [PYTHON, "numpy"])
    for version in ("1.23.5", "1.26.4", "2.0.1"):
        joint.main.add("numpy", version, [PYTHON])
    path = joint.cli.root / "explicit.txt"
    urls = [f"{joint.main.url}/linux-64/{name}-0.conda" for name in ("numpy-2.0.1", "pytorch-1.12.1")]
    path.write_text("\n".join(["@EXPLICIT", *urls]), encoding="utf-8")
    joint.spec("conda: [pytorch]\n")
    changes = started(joint, path)["diff"]["changes"]
    (moved,) = (change for change in changes if change["package"] == "conda:numpy")
    assert (moved["kind"], moved["old"]) == ("downgraded", "2.0.1")
    assert any(reason.startswith("rule TORCH-") for reason in moved["reasons"])


def test_what_conda_provides_to_wheels_stays_when_it_is_locked_again(joint: Joint) -> None:
    joint.main.add("needy", "1.0", ["six"])
    joint.main.add("six", "1.16", [PYTHON])
    publish(joint.index, "app", "1.0", "six")
    joint.lock("conda: [needy]\npip: [app]\n")
    joint.main.add("six", "1.17", [PYTHON])
    again = joint.lock("conda: [needy]\npip: [app]\n", options=("--refresh",))
    assert versions(again)["conda:six"] == "1.16"
    moved = joint.lock("conda: [needy]\npip: [app]\n", options=("--refresh", "--upgrade-package", "six"))
    assert versions(moved)["conda:six"] == "1.17"


@pytest.mark.parametrize(
    ("options", "says", "status"),
    [
        (("--start", "missing.yml"), "there is no such file", 4),
        (("--start", "other.txt"), "is for osx-arm64, not for linux-64", 2),
        (("--start", "other.txt", "--upgrade"), "--check and --upgrade do not go with it", 2),
        (("--start", "other.txt", "b"), "--start takes one environment", 2),
        (("--start", "notes.md"), "what this file is cannot be told", 2),
        (("--start", "pixi.lock"), "no packages for linux-64", 2),
    ],
)
def test_what_is_no_starting_point(joint: Joint, options: tuple[str, ...], says: str, status: int) -> None:
    joint.spec(BODY)
    joint.cli.spec("b", 'python: "3.9"\nplatforms: [linux-64]\npip: []\n')
    for name, text in {
        "other.txt": "@EXPLICIT\nhttps://c.invalid/main/osx-arm64/lib-1.0-0.conda\n",
        "notes.md": "lib 1.0\n",
        "pixi.lock": "version: 7\nenvironments: {default: {packages: {osx-64: []}}}\npackages: []\n",
    }.items():
        (joint.cli.root / name).write_text(text, encoding="utf-8")
    done = joint.cli("lock", "a", *options)
    assert done.status == status, done.err
    assert says in done.said


# A real lock


@pytest.mark.skipif(DATA is None, reason="ENVSOLVER_CONDA_DATA names no folder with real channels")
def test_a_real_environment_moves_nothing_but_what_is_explained(joint: Joint, monkeypatch: pytest.MonkeyPatch) -> None:
    data = Path(DATA or "")
    mirrors = " ".join(f"{name}={(data / 'channels' / name).as_uri()}" for name in ("pytorch", "conda-forge"))
    monkeypatch.setenv("ENVSOLVER_CONDA_MIRRORS", mirrors)
    (old,) = (data / "locks").glob("*.conda-linux-64.lock")
    (environment,) = (data / "locks").glob("*-environment.yml")
    for version in ("2.0.6", "2.0.7"):
        publish(joint.index, "pycocotools", version, "matplotlib>=2.1", "numpy")
    for version in ("3.7.1", "3.8.0"):
        publish(joint.index, "matplotlib", version, "numpy>=1.20")
    made = joint.cli("import", str(environment), "--name", "a", "--cuda", "11.6")
    assert made.status == 0, made.err
    report = started(joint, old)
    changes = {change["package"]: change for change in report["diff"]["changes"]}
    # The loopback index has other files of the two wheels, which is all that there is to say of them.
    unexplained = {name for name, change in changes.items() if not change["reasons"]}
    assert unexplained == {"pycocotools", "matplotlib"}
    listed = old.read_text(encoding="utf-8").count("\nhttps://")
    assert listed == 220
    stayed = [package for package in joint.read().conda("linux-64") if package.name not in changes]
    assert len(stayed) >= 205
    assert versions(joint.read())["matplotlib"] == "3.7.1"
    assert joint.read().package("pytorch").files[0].filename == "pytorch-1.12.1-py3.10_cuda11.6_cudnn8.3.2_0.tar.bz2"

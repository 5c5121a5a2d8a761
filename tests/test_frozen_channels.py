"""Channels of conda that are recorded in a folder, which then serves in their place."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from envsolver.lock.digest import content_digest
from tests.support.channels import PYTHON
from tests.support.cli import publish
from tests.support.joint import HEAD, versions

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.channels import ChannelFolder
    from tests.support.joint import Joint

BODY = "conda: [pytorch]\npip: [metrics]\n"


@pytest.fixture
def joint(joint: Joint) -> Joint:
    """Return a project with a lock whose channel has more than the environment could use."""
    joint.main.add("pytorch", "1.12.1", [PYTHON, "mkl >=2018"], build="py39_0")
    joint.main.add("pytorch", "1.12.1", ["python >=3.10,<3.11.0a0"], build="py310_0")
    joint.main.add("mkl", "2022.1", suffix=".tar.bz2", sha256=None)
    joint.main.add("numpy", "1.23", [PYTHON])
    joint.main.add("unrelated", "1.0")
    publish(joint.index, "metrics", "1.0", "torch", "numpy")
    publish(joint.index, "numpy", "1.20")
    joint.lock(BODY)
    return joint


def frozen(joint: Joint, folder: str = "channels/main") -> str:
    return f"{{name: '{joint.main.url}', frozen: {folder}}}"


def freeze(joint: Joint, *args: str) -> Path:
    done = joint.cli("channel", "freeze", joint.main.url, "-o", "specs/channels/main", *args)
    assert done.status == 0, done.err
    return joint.cli.root / "specs/channels/main"


def take_away(channel: ChannelFolder) -> None:
    for path in channel.folder.rglob("repodata.json"):
        path.unlink()


@pytest.fixture(autouse=True)
def folder(joint: Joint) -> None:
    (joint.cli.root / "specs" / "channels").mkdir()


def recorded(folder: Path) -> set[str]:
    return {
        name
        for path in folder.rglob("repodata.json")
        for kind in ("packages", "packages.conda")
        for name in json.loads(path.read_text(encoding="utf-8"))[kind]
    }


def test_a_frozen_channel_serves_without_the_channel(joint: Joint) -> None:
    live = joint.read()
    done = joint.cli("channel", "freeze", joint.main.url, "-o", "specs/channels/main")
    assert done.status == 0, done.err
    assert done.err.splitlines()[:2] == ["wrote specs/channels/main", "4 builds of 4 packages"]
    assert "frozen: channels/main" in done.said
    take_away(joint.main)
    lock = joint.lock(BODY, frozen(joint), options=("--refresh", "--upgrade"))
    # What is locked is the channel's, wherever it was read: only the inputs are others.
    assert (lock.packages, lock.roots) == (live.packages, live.roots)
    assert lock.index_url("conda:main") == live.index_url("conda:main")
    assert content_digest(lock) == content_digest(live)
    assert "(recorded in channels/main)" in " ".join(joint.cli("show", "a").out.split())
    assert joint.cli("lock", "a", "--upgrade", "--offline").status == 0


def test_what_is_recorded_again_is_written_where_the_specs_say(joint: Joint) -> None:
    folder = freeze(joint)
    joint.lock(BODY, frozen(joint))
    before = joint.cli.files()
    again = joint.cli("channel", "freeze", joint.main.url, "--json").json
    url = joint.main.url
    path = "specs/channels/main"
    assert again == {"channel": url, "path": path, "changed": False, "packages": 4, "builds": 4}
    assert joint.cli.files() == before
    assert "up to date" in joint.cli("lock", "a").err
    # It is read from the channel, not from its record; and the record is an input of the lock.
    joint.main.add("mkl", "2023.0")
    assert joint.cli("channel", "freeze", joint.main.url, "--json").json["changed"]
    assert "mkl-2023.0-0.conda" in recorded(folder)
    assert joint.cli("check", "a").status == 1
    assert joint.cli("lock", "a").status == 0
    assert versions(joint.read())["conda:mkl"] == "2022.1"


def test_builds_that_no_environment_could_use_are_left_out_unless_asked_for(joint: Joint) -> None:
    needed = {"python-3.9.13-0.conda", "pytorch-1.12.1-py39_0.conda", "mkl-2022.1-0.tar.bz2", "numpy-1.23-0.conda"}
    folder = freeze(joint)
    assert recorded(folder) == needed
    freeze(joint, "--package", "Unrelated")
    assert recorded(folder) == {*needed, "unrelated-1.0-0.conda"}
    freeze(joint, "--every-build")
    assert recorded(folder) == {*needed, "pytorch-1.12.1-py310_0.conda", "python-3.10.4-0.conda"}


def test_a_record_is_repodata_that_says_where_the_packages_are(joint: Joint) -> None:
    data = json.loads((freeze(joint) / "linux-64/repodata.json").read_text(encoding="utf-8"))
    assert data["info"] == {"subdir": "linux-64", "base_url": f"{joint.main.url}/linux-64/"}
    assert data["packages"]["mkl-2022.1-0.tar.bz2"] == {
        key: value
        for key, value in joint.main.subdirs["linux-64"]["mkl-2022.1-0.tar.bz2"].items()
        if key != "constrains"  # empty
    }


def test_what_cannot_be_recorded(joint: Joint) -> None:
    done = joint.cli("channel", "freeze", "bioconda")
    assert done.status == 2
    assert f"no spec has a channel 'bioconda' hint: there is '{joint.main.url}'" in done.said
    assert joint.cli("channel", "freeze", joint.main.url, "--offline").status == 2
    done = joint.cli("channel", "freeze", joint.main.url, "-o", "nowhere/main")
    assert (done.status, "there is no folder nowhere" in done.said) == (4, True)
    freeze(joint)
    before = joint.cli.files()
    (joint.main.folder / "noarch/repodata.json").write_text("{", encoding="utf-8")
    broken = joint.cli.files()
    assert joint.cli("channel", "freeze", joint.main.url, "-o", "specs/channels/main").status == 4
    assert joint.cli.files() == broken != before


def test_records_that_are_missing_damaged_or_elsewhere(joint: Joint) -> None:
    folder = freeze(joint)
    said = joint.refused(BODY, frozen(joint, "channels/other"), status=4)
    assert "specs/a.yaml:4: channel" in said
    assert "specs/channels/other/linux-64/repodata.json cannot be read" in said
    assert "`envsolver channel freeze" in said
    said = joint.refused(BODY, frozen(joint, "../../outside"), status=2)
    assert "outside" in said
    path = folder / "linux-64/repodata.json"
    path.write_bytes(path.read_bytes()[:100])
    said = joint.refused(BODY, frozen(joint), status=4)
    assert "cannot be read" in said
    assert "records" in said
    assert "anew" in said


def test_what_a_record_does_not_have_is_told_as_such(joint: Joint) -> None:
    freeze(joint)
    said = joint.refused("conda: [pytorch, unrelated]\n", frozen(joint))
    assert "no channel has a package 'unrelated'" in said
    assert "as recorded in channels/main" in said


def test_a_base_may_name_the_channel_and_a_child_its_record(joint: Joint) -> None:
    freeze(joint)
    joint.cli.spec("a", HEAD.format(channels=joint.main.url) + BODY)
    joint.cli.spec("b", f"extends: a\nchannels: [{frozen(joint)}]\nconda: [mkl]\n")
    joint.cli.spec("c", f"extends: b\nchannels: [{frozen(joint, 'channels/second')}]\nconda: [mkl]\n")
    take_away(joint.main)
    assert joint.cli("lock", "b").status == 0
    said = joint.cli("lock", "c").said
    assert "is recorded in channels/second here and in channels/main at specs/b.yaml:2" in said

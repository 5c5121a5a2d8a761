"""What is told where packages of conda cannot be together."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from envsolver.model.origin import Origin
from envsolver.model.spec import ChannelSpec, CondaSpec, GpuSpec, SpecRequirement
from envsolver.solve.conda import CondaNeeds, CondaWorld, open_conda
from envsolver.solve.condaexplain import explain_conda
from tests.support.channels import PYTHON, ChannelFolder
from tests.support.cli import CommandLine, publish
from tests.support.memory import requirements
from tests.support.records import MemoryRecords

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.index_server import IndexServer
    from tests.support.joint import Joint

HERE = Origin("specs/a.yaml", 1)


class Told:
    """A channel, and what is told of lines over it."""

    def __init__(self) -> None:
        self.records = MemoryRecords()
        self.add = self.records.add
        self.add("python", "3.9.1")
        self.gpu: GpuSpec | None = None
        self.as_of: int | None = None

    def __call__(self, *lines: str) -> list[str]:
        channel = ChannelSpec(name="main", url="https://c.invalid", origin=HERE)
        needs = CondaNeeds(
            spec=CondaSpec(requirements=requirements(list(lines), first_line=1), channels=(channel,)),
            python=SpecRequirement(text="python 3.9.*", origin=HERE),
            records=self.records,
            virtual={"__glibc": ("2.31", "0")},
            gpu=self.gpu,
            as_of=self.as_of,
        )
        world = CondaWorld(needs)

        async def run() -> list[str]:
            await open_conda(world)
            return await explain_conda(world, [text for _, text in world.requirements()])

        return asyncio.run(run())


@pytest.fixture
def told() -> Told:
    return Told()


def test_two_lines_that_something_keeps_apart(told: Told) -> None:
    told.add("pytorch", "1.12.1", [PYTHON, "cudatoolkit >=11.6,<11.7"])
    told.add("cudatoolkit", "11.6.0")
    told.add("cudatoolkit", "11.8.0")
    assert told("pytorch=1.12.1", "cudatoolkit=11.8") == ["pytorch 1.12.1 requires cudatoolkit >=11.6,<11.7"]
    assert told("pytorch=1.12.1", "cudatoolkit") == []


def test_a_chain_is_told_in_its_order_and_nothing_beside_it(told: Told) -> None:
    told.add("app", "1.0", ["middle >=2", "beside"])
    told.add("beside", "1.0", ["other"])
    told.add("other", "1.0")
    told.add("middle", "1.0")
    told.add("middle", "2.0", ["base <2"])
    told.add("base", "1.0")
    told.add("base", "2.0")
    assert told("app", "base>=2") == ["app 1.0 requires middle >=2", "middle 2.0 requires base <2"]


def test_versions_and_builds_that_say_the_same_are_one_line(told: Told) -> None:
    for version in ("1.0", "1.1", "1.2", "2.0"):
        told.add("lib", version, ["base <2" if version < "2" else "base >=3"])
    told.add("base", "1.0")
    told.add("base", "2.0")
    told.add("base", "3.0")
    assert told("lib", "base=2") == ["lib 1.0 to 1.2 require base <2", "lib 2.0 requires base >=3"]


def test_builds_of_one_version_that_differ_are_named(told: Told) -> None:
    told.add("lib", "1.0", ["base <2"], build="old_0")
    told.add("lib", "1.0", ["base >=3"], build="new_0")
    told.add("lib", "1.0", ["base >=3"], build="new_1")
    told.add("base", "1.0")
    told.add("base", "2.0")
    told.add("base", "3.0")
    assert told("lib", "base=2") == [
        "lib 1.0 (new_0, new_1) requires base >=3",
        "lib 1.0 (old_0) requires base <2",
    ]


def test_what_is_required_in_many_ways_is_shortened(told: Told) -> None:
    told.add("base", "1.0")
    for number in range(2, 9):
        told.add("lib", f"{number}.0", [f"base {number}.*"])
        told.add("base", f"{number}.0")
    assert told("lib", "base=1") == [
        "lib 2.0 requires base 2.*",
        "lib 3.0 requires base 3.*",
        "lib … require base in 4 more ways",
        "lib 8.0 requires base 8.*",
    ]


def test_what_a_package_does_not_bear_beside_it(told: Told) -> None:
    told.add("pytorch", "1.12.1", [PYTHON], ["cpuonly <0"])
    told.add("cpuonly", "2.0")
    assert told("pytorch", "cpuonly") == ["pytorch 1.12.1 works only with cpuonly <0"]


def test_what_the_nodes_do_not_have(told: Told) -> None:
    told.add("lib", "2.0", ["__glibc >=2.35"])
    told.add("kernels", "1.0", ["__cuda >=11"])
    assert told("lib") == ["lib 2.0 requires __glibc >=2.35; the nodes have __glibc 2.31, as the spec says"]
    assert told("kernels") == ["kernels 1.0 requires __cuda >=11; the nodes have no __cuda, as the spec says"]


def test_what_no_channel_has(told: Told) -> None:
    told.add("lib", "1.0", ["gone >=1"])
    told.add("app", "1.0", ["tool >=3"])
    told.add("tool", "1.0")
    told.add("tool", "2.0")
    assert told("lib") == ["lib 1.0 requires gone >=1; no channel has gone"]
    assert told("app") == ["app 1.0 requires tool >=3; there is tool 1.0 to 2.0"]
    assert told("tool=7") == ["tool=7: there is tool 1.0 to 2.0"]


def test_why_builds_that_would_do_cannot_be_used(told: Told) -> None:
    told.add("lib", "1.0", [PYTHON])
    told.add("lib", "2.0", ["python >=3.10,<3.11.0a0"])
    assert told("lib=2") == [
        "lib=2: there is lib 1.0; lib 2.0 cannot be used: it requires python >=3.10,<3.11.0a0",
    ]
    told.add("pytorch", "1.0", [PYTHON])
    told.add("pytorch", "2.0", [PYTHON], build="cuda11.8_0")
    told.gpu = GpuSpec(backend="cuda", version="11.6", origin=HERE)
    assert told("pytorch=2") == [
        "pytorch=2: there is pytorch 1.0; pytorch 2.0 cannot be used: it is built for other nodes than gpu says",
    ]
    told.add("late", "1.0")
    told.add("late", "2.0", moment=datetime(2024, 1, 1, tzinfo=UTC))
    told.as_of = 1_600_000_000
    assert told("late=2") == ["late=2: there is late 1.0; late 2.0 cannot be used: as-of is before it"]


def test_packages_that_require_each_other_in_a_circle(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, default_index: IndexServer
) -> None:
    """rattler has no text of such a conflict: resolvo writes it until the memory is full."""
    monkeypatch.chdir(tmp_path)
    cli, main = CommandLine(tmp_path, capsys), ChannelFolder(tmp_path / "main")
    main.add("python", "3.9.13", ["pip"])
    main.add("pip", "22.0", [PYTHON, "setuptools", "wheel"], subdir="noarch")
    main.add("wheel", "0.37", [PYTHON, "setuptools >=60"], subdir="noarch")
    main.add("setuptools", "59.0", [PYTHON, "pip"], subdir="noarch")
    main.add("setuptools", "61.0", [PYTHON, "pip"], subdir="noarch")
    cli.spec(
        "a",
        f'python: "3.9"\nplatforms: [linux-64]\nchannels: [{main.url}]\nconda: [setuptools<60]\n',
    )
    done = cli("lock", "a")
    assert done.status == 3
    assert done.err == (
        "error: these requirements cannot hold together:\n"
        "    specs/a.yaml:4: setuptools<60 (conda)\n"
        "    setuptools 59.0 requires pip\n"
        "    pip 22.0 requires wheel\n"
        "    wheel 0.37 requires setuptools >=60\n"
        "hint: loosen or remove one of the lines above that stand in the spec\n"
    )


def test_what_stands_between_a_line_of_pip_and_one_of_conda_is_told(joint: Joint) -> None:
    joint.main.add("numpy", "1.23.5", [PYTHON])
    joint.main.add("numpy", "1.26.4", [PYTHON])
    joint.main.add("blas", "1.0", ["numpy <1.25"])
    joint.main.add("tool", "2.0", [PYTHON, "blas"])
    assert joint.refused("conda: [tool]\npip: [numpy>=1.26]\n") == (
        "error: these requirements cannot hold together: specs/a.yaml:6: numpy>=1.26 specs/a.yaml:5: tool (conda) "
        "tool 2.0 requires blas blas 1.0 requires numpy <1.25 "
        "hint: loosen or remove one of the lines above that stand in the spec"
    )


def test_what_a_wheel_requires_of_a_package_of_conda_is_told(joint: Joint) -> None:
    joint.main.add("pytorch", "1.12.1", [PYTHON])
    joint.main.add("pytorch", "2.0.1", [PYTHON])
    joint.main.add("torchvision", "0.13.1", [PYTHON, "pytorch 1.12.1"])
    publish(joint.index, "metrics", "2.0", "torch>=2")
    assert joint.refused("conda: [torchvision]\npip: [metrics]\n") == (
        "error: these requirements cannot hold together: specs/a.yaml:6: metrics specs/a.yaml:5: torchvision (conda) "
        "metrics 2.0 requires torch>=2 torchvision 0.13.1 requires pytorch 1.12.1 pytorch of conda provides torch "
        "hint: loosen or remove one of the lines above that stand in the spec"
    )


def test_what_a_package_of_conda_works_with_is_told_where_a_wheel_needs_it(joint: Joint) -> None:
    joint.main.add("numpy", "1.23.5", [PYTHON])
    joint.main.add("numpy", "1.26.4", [PYTHON])
    joint.main.add("tool", "2.0", [PYTHON], constrains=["numpy <1.25"])
    publish(joint.index, "frames", "3.0", "numpy>=1.26")
    said = joint.refused("conda: [tool, numpy]\npip: [frames]\n")
    assert "frames 3.0 requires numpy>=1.26 tool 2.0 works only with numpy <1.25" in said


def test_a_version_that_conda_has_not_is_told_with_those_it_has(joint: Joint) -> None:
    joint.main.add("numpy", "1.23.5", [PYTHON])
    assert joint.refused("conda: [numpy]\npip: [numpy>=1.26]\n") == (
        "error: specs/a.yaml:6: no version of numpy satisfies 'numpy>=1.26' "
        "conda, from which alone numpy comes, has 1.23.5 "
        "hint: the newest version that can be used here is 1.23.5"
    )


def test_lines_that_leave_no_build_of_a_package_say_it_themselves(joint: Joint) -> None:
    joint.main.add("pytorch", "1.12.1", [PYTHON])
    joint.main.add("pytorch", "1.13.1", [PYTHON])
    assert joint.refused("conda: [pytorch=1.12.1]\npip: [torch>=1.13]\n") == (
        "error: these requirements cannot hold together: specs/a.yaml:6: torch>=1.13 "
        "specs/a.yaml:5: pytorch=1.12.1 (conda) pytorch of conda provides torch "
        "hint: loosen or remove one of the lines above that stand in the spec"
    )

"""``envsolver ci``: the pipelines are YAML, and what they run exists."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import click
import pytest
import yaml

from envsolver.cli.base import root
from tests.support.building import MINOR
from tests.support.cli import CommandLine, publish

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.index_server import IndexServer

PROVIDERS = ("github", "azure", "gitlab")


@pytest.fixture
def project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], default_index: IndexServer
) -> CommandLine:
    """Return a project with an environment for GPUs, one for CPUs, and one that is not locked."""
    monkeypatch.chdir(tmp_path)
    run = CommandLine(tmp_path, capsys)
    publish(default_index, "app", "1.0")
    common = f'python: "{MINOR}"\nplatforms: [linux-64]\npip: [app]\n'
    run.spec(
        "train-a.b", f'{common}gpu: {{backend: cuda, cuda: "11.7"}}\nlabels: {{gpu-runner: "self-hosted, a100"}}\n'
    )
    run.spec("serve", f'{common}gpu: {{backend: rocm, rocm: "6.3"}}\nlabels: {{gpu-pool: amd}}\n')
    run.spec("small", common)
    run.spec("fresh", common)
    assert run("lock", "train-a.b", "serve", "small").status == 0
    return run


def commands(value: Any) -> Iterator[str]:
    """Yield every command line of a pipeline."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in {"run", "script"} and isinstance(inner, str):
                yield inner
            elif key == "script":
                yield from inner
            else:
                yield from commands(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from commands(inner)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_command_exists(project: CommandLine, provider: str) -> None:
    done = project("ci", "--provider", provider)
    assert done.status == 0
    assert "left out: fresh" in done.said
    assert project("ci", "--provider", provider).out == done.out
    lines = [line for line in commands(yaml.safe_load(done.out)) if line.startswith("envsolver ")]
    assert len(lines) >= 7
    for line in lines:
        words = shlex.split(line.replace("${{ ", "{").replace(" }}", "}"))[1:]
        command: click.Command = root
        context = click.Context(root)
        while isinstance(command, click.Group):
            found = command.get_command(context, words.pop(0))
            assert found is not None, line
            command = found
        options = {name for parameter in command.params for name in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= options, line


def test_github(project: CommandLine) -> None:
    made = yaml.safe_load(project("ci", "--provider", "github").out)
    assert made[True] == {"push": {"branches": ["main"]}, "pull_request": {}}  # YAML 1.1 takes `on` for true
    assert made["permissions"] == {"contents": "read"}
    jobs = made["jobs"]
    rows = jobs["build"]["strategy"]["matrix"]["include"]
    assert [row["environment"] for row in rows] == ["serve", "small", "train-a.b"]
    assert {row["python"] for row in rows} == {MINOR}
    on_gpus = {row["environment"]: row["labels"] for row in jobs["gpu"]["strategy"]["matrix"]["include"]}
    assert on_gpus == {"serve": ["self-hosted", "linux", "gpu", "rocm"], "train-a.b": ["self-hosted", "a100"]}
    assert (jobs["build"]["needs"], jobs["gpu"]["needs"]) == ("locks", "build")
    assert any("--require-gpu" in line for line in commands(jobs["gpu"]))
    assert not any("--require-gpu" in line for line in commands(jobs["build"]))


def test_azure(project: CommandLine) -> None:
    jobs = {job["job"]: job for job in yaml.safe_load(project("ci", "--provider", "azure").out)["jobs"]}
    assert list(jobs) == ["locks", "build", "gpu_serve", "gpu_train_a_b"]
    assert jobs["gpu_serve"]["pool"] == {"name": "amd", "demands": ["linux", "gpu", "rocm"]}
    assert jobs["gpu_train_a_b"]["pool"] == {"name": "gpu", "demands": ["a100"]}
    assert jobs["build"]["strategy"]["matrix"]["train_a_b"] == {"environment": "train-a.b", "python": MINOR}


def test_gitlab(project: CommandLine) -> None:
    made = yaml.safe_load(project("ci", "--provider", "gitlab").out)
    assert made["gpu:train-a.b"]["tags"] == ["self-hosted", "a100"]
    assert {job["stage"] for job in made.values() if isinstance(job, dict) and "stage" in job} <= set(made["stages"])
    assert len(made["build"]["parallel"]["matrix"]) == 3


def test_one_environment_and_a_file(project: CommandLine) -> None:
    done = project("ci", "small", "--provider", "github", "-o", "pipeline.yml", "--json")
    assert done.json["environments"] == ["small"]
    made = yaml.safe_load((project.root / "pipeline.yml").read_text(encoding="utf-8"))
    assert set(made["jobs"]) == {"locks", "build"}


def test_nothing_to_run(project: CommandLine) -> None:
    done = project("ci", "fresh", "--provider", "gitlab")
    assert done.status == 2
    assert "no environment is locked for linux-64" in done.said
    assert project("ci").status == 2

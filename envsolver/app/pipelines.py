"""The use case ``ci``: a pipeline that checks the locks, builds the environments, and tries them on GPU nodes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal, get_args

from envsolver import __version__
from envsolver.app.lockfile import read_lock
from envsolver.model.errors import FileError, UsageError
from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from envsolver.app.project import Environment, Project
    from envsolver.model.spec import Spec

__all__ = ["PROVIDERS", "Job", "Provider", "jobs_of", "pipeline"]

Provider = Literal["github", "azure", "gitlab"]

PROVIDERS: tuple[Provider, ...] = get_args(Provider)

RUNNER, POOL = "gpu-runner", "gpu-pool"
"""Labels of a spec: what a runner must have, separated by commas; the pool that it is in (Azure Pipelines)."""
_PLATFORM = "linux-64"
"""What the hosted runners of all providers are."""
_TOOLS = "3.12"
"""The Python that envsolver itself runs on there."""
_HEAD = """\
# Made by `envsolver ci --provider {provider}`; make it again when environments come or go.
# CPU: locks, builds, and whatever of an environment runs without a GPU. GPU: the whole check, with a receipt.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a pipeline does with one environment.

    Attributes:
        environment: its name.
        python: minor version of its lock.
        labels: of the runners with its GPUs; empty where it needs none.
        pool: in which these are.
    """

    environment: str
    python: str
    labels: tuple[str, ...]
    pool: str

    @property
    def key(self) -> str:
        """The name as identifiers have it: letters, digits and underscores."""
        return re.sub(r"\W", "_", self.environment)


def jobs_of(project: Project, environments: Sequence[Environment]) -> tuple[Job, ...]:
    """Return the jobs of some environments; those that are not locked, or not for Linux on x86_64, have none.

    Raises:
        SpecError: a spec cannot be used.
        LockError: a lock makes no sense.
    """
    found = []
    for environment in environments:
        try:
            lock = read_lock(project, environment)
        except FileError:
            continue
        if _PLATFORM in lock.platforms:
            spec = project.spec(environment, validate=False)
            python = ".".join(lock.python.split(".")[:2])
            pool = spec.extra.get(POOL, "gpu")
            found.append(Job(environment=environment.name, python=python, labels=_labels(spec), pool=pool))
    return tuple(found)


def _labels(spec: Spec) -> tuple[str, ...]:
    if spec.gpu is None or spec.gpu.backend == "cpu":
        return ()
    written = spec.extra.get(RUNNER)
    if written is not None:
        return tuple(one.strip() for one in written.split(",") if one.strip())
    return ("self-hosted", "linux", "gpu", spec.gpu.backend)


def pipeline(provider: Provider, jobs: Sequence[Job]) -> str:
    """Return the file of a pipeline.

    Raises:
        UsageError: there are no jobs.
    """
    import yaml

    if not jobs:
        raise UsageError(
            "there is nothing to run: no environment is locked for linux-64", hint="`envsolver lock --all` locks them"
        )
    made = {"github": _github, "azure": _azure, "gitlab": _gitlab}[provider](jobs)
    text = yaml.dump(made, Dumper=_dumper(), sort_keys=False, width=4096, allow_unicode=True)
    # YAML 1.1 takes `on` for a truth value, so that it comes quoted; a quoted key means the same, and looks odd.
    return _HEAD.format(provider=provider) + re.sub(r"^'on':", "on:", str(text), flags=re.MULTILINE)


def _dumper() -> Any:
    """Return a safe dumper that writes each value where it stands, without anchors, and indents lists."""
    import yaml

    class Plain(yaml.SafeDumper):
        def ignore_aliases(self, _data: object) -> bool:
            return True

        def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
            del indentless
            super().increase_indent(flow, False)

    return Plain


def _install(*more: str) -> str:
    return " ".join(["python -m pip install", f"envsolver=={__version__}", *more])


def _check_locks() -> list[str]:
    return ["envsolver lock --all --check", "envsolver check --all"]


def _build(name: str, python: str, prefix: str) -> list[str]:
    return [f"uv python install {python}", f"envsolver build {name} --prefix {prefix}"]


def _try(name: str, prefix: str, *, gpu: bool) -> list[str]:
    if gpu:
        return [f"envsolver gpu check {name} --prefix {prefix} --require-gpu --junit gpu.xml"]
    return [
        f"envsolver verify {name} --prefix {prefix}",
        f"envsolver gpu check {name} --prefix {prefix} --no-receipt --junit gpu.xml",
    ]


def _github(jobs: Sequence[Job]) -> dict[str, Any]:
    name, python, prefix = "${{ matrix.environment }}", "${{ matrix.python }}", "${{ runner.temp }}/env"
    begin = [
        {"uses": "actions/checkout@v4", "with": {"persist-credentials": False}},
        {"uses": "actions/setup-python@v5", "with": {"python-version": _TOOLS}},
    ]

    def steps(*commands: str) -> list[dict[str, Any]]:
        return [*begin, *({"run": command} for command in commands)]

    receipt = {
        "if": "always()",
        "uses": "actions/upload-artifact@v4",
        "with": {"name": f"receipt-{name}", "path": "locks/receipts/\ngpu.xml\n"},
    }
    made: dict[str, Any] = {
        "name": "environments",
        "on": {"push": {"branches": ["main"]}, "pull_request": {}},
        "permissions": {"contents": "read"},
        "jobs": {
            "locks": {"runs-on": "ubuntu-latest", "steps": steps(_install(), *_check_locks())},
            "build": {
                "needs": "locks",
                "runs-on": "ubuntu-latest",
                "strategy": _matrix([{"environment": job.environment, "python": job.python} for job in jobs]),
                "steps": steps(_install("uv"), *_build(name, python, prefix), *_try(name, prefix, gpu=False)),
            },
        },
    }
    on_gpus = [job for job in jobs if job.labels]
    if on_gpus:
        rows = [{"environment": job.environment, "python": job.python, "labels": list(job.labels)} for job in on_gpus]
        commands = (_install("uv"), *_build(name, python, prefix), *_try(name, prefix, gpu=True))
        made["jobs"]["gpu"] = {
            "needs": "build",
            "runs-on": "${{ matrix.labels }}",
            "strategy": _matrix(rows),
            "steps": [*steps(*commands), receipt],
        }
    return made


def _matrix(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {"fail-fast": False, "matrix": {"include": rows}}


def _azure(jobs: Sequence[Job]) -> dict[str, Any]:
    name, python, prefix = "$(environment)", "$(python)", "$(Agent.TempDirectory)/env"
    begin = {"task": "UsePythonVersion@0", "inputs": {"versionSpec": _TOOLS}}
    publish = {
        "task": "PublishTestResults@2",
        "condition": "succeededOrFailed()",
        "inputs": {"testResultsFormat": "JUnit", "testResultsFiles": "gpu.xml"},
    }

    def steps(*commands: str) -> list[dict[str, Any]]:
        return [begin, *({"script": command} for command in commands)]

    made: list[dict[str, Any]] = [
        {"job": "locks", "pool": {"vmImage": "ubuntu-latest"}, "steps": steps(_install(), *_check_locks())},
        {
            "job": "build",
            "dependsOn": "locks",
            "pool": {"vmImage": "ubuntu-latest"},
            "strategy": {"matrix": {job.key: {"environment": job.environment, "python": job.python} for job in jobs}},
            "steps": [
                *steps(_install("uv"), *_build(name, python, prefix), *_try(name, prefix, gpu=False)),
                publish,
            ],
        },
    ]
    made += [
        {
            "job": f"gpu_{job.key}",
            "dependsOn": "build",
            # Demands are fixed when a run begins: they cannot come out of a matrix.
            "pool": {"name": job.pool, "demands": [one for one in job.labels if one != "self-hosted"]},
            "variables": {"environment": job.environment, "python": job.python},
            "steps": [
                *steps(_install("uv"), *_build(name, python, prefix), *_try(name, prefix, gpu=True)),
                publish,
                {
                    "task": "PublishPipelineArtifact@1",
                    "inputs": {"targetPath": "locks/receipts", "artifact": f"receipt-{job.key}"},
                },
            ],
        }
        for job in jobs
        if job.labels
    ]
    return {"trigger": ["main"], "jobs": made}


def _gitlab(jobs: Sequence[Job]) -> dict[str, Any]:
    prefix = "$CI_BUILDS_DIR/env"
    made: dict[str, Any] = {
        "stages": ["lock", "build", "gpu"],
        "default": {"image": f"python:{_TOOLS}"},
        "locks": {"stage": "lock", "script": [_install(), *_check_locks()]},
        "build": {
            "stage": "build",
            "parallel": {"matrix": [{"ENVIRONMENT": job.environment, "PYTHON": job.python} for job in jobs]},
            "script": [
                _install("uv"),
                *_build("$ENVIRONMENT", "$PYTHON", prefix),
                *_try("$ENVIRONMENT", prefix, gpu=False),
            ],
            "artifacts": _artifacts(),
        },
    }
    for job in jobs:
        if job.labels:
            made[f"gpu:{job.environment}"] = {
                "stage": "gpu",
                "tags": list(job.labels),
                "script": [
                    _install("uv"),
                    *_build(job.environment, job.python, prefix),
                    *_try(job.environment, prefix, gpu=True),
                ],
                "artifacts": {**_artifacts(), "paths": ["locks/receipts/"]},
            }
    return made


def _artifacts() -> Mapping[str, Any]:
    return {"when": "always", "reports": {"junit": "gpu.xml"}}

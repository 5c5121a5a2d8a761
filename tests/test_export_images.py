"""``export`` as a Dockerfile, for Azure Machine Learning, and as a bill of materials."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import yaml
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from hypothesis import given, settings

from envsolver.app.api import load_lock
from envsolver.app.project import Project
from envsolver.formats import images, sbom
from envsolver.lock.digest import content_digest
from envsolver.model.errors import UsageError
from tests.property.strategies_lock import locks
from tests.support.cli import CommandLine
from tests.support.locks import a_file, an_index, locked, resolution

if TYPE_CHECKING:
    from envsolver.lock.model import Lock
    from envsolver.model.spec import Spec

ROOT = Path(__file__).resolve().parent.parent
DIGEST = "sha256:" + "ab" * 32
AZURE = {
    "type": "object",
    "required": ["name", "build"],
    "additionalProperties": False,
    "properties": {
        "$schema": {"type": "string"},
        "name": {"type": "string", "pattern": r"^[A-Za-z0-9][A-Za-z0-9._-]{0,254}$"},
        "version": {"type": "string"},
        "description": {"type": "string"},
        "tags": {"type": "object", "additionalProperties": {"type": "string"}},
        "image": {"type": "string"},
        "conda_file": {"type": ["string", "object"]},
        "build": {
            "type": "object",
            "additionalProperties": False,
            "properties": {"path": {"type": "string"}, "dockerfile_path": {"type": "string"}},
        },
        "os_type": {"enum": ["linux", "windows"]},
        "inference_config": {"type": "object"},
    },
}
"""The fields at https://learn.microsoft.com/azure/machine-learning/reference-yaml-environment, and no others."""


@pytest.fixture(scope="module")
def real() -> Lock:
    return load_lock(ROOT / "locks" / "acpt-1.12-py39.lock.toml")


@pytest.fixture(scope="module")
def spec() -> Spec:
    project = Project(root=ROOT)
    return project.spec(project.find("acpt-1.12-py39"))


@pytest.fixture
def cli(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "specs").symlink_to(ROOT / "specs")
    (tmp_path / "locks").symlink_to(ROOT / "locks")
    return CommandLine(tmp_path, capsys)


def steps(text: str) -> list[str]:
    """The instructions of a Dockerfile, without the files in it."""
    bare = re.sub(r"(?ms)^(COPY <<'REQUIREMENTS' .*?)\n.*?^REQUIREMENTS$", r"\1", text)
    return [line for line in bare.replace("\\\n", "").splitlines() if line and not line.startswith("#")]


# Dockerfile


def test_what_changes_seldom_comes_first_and_nothing_runs_as_root(real: Lock, spec: Spec) -> None:
    text = images.dockerfile(real, spec)
    found = steps(text)
    assert [step.split()[0] for step in found] == [
        "FROM",
        "RUN",
        "COPY",
        "RUN",
        "ENV",
        "RUN",
        "WORKDIR",
        "USER",
        "LABEL",
    ]
    assert found[0] == f"FROM --platform=linux/amd64 {spec.base_image}"
    assert found[1] == "RUN python3.9 -m venv /opt/env"
    assert "--require-hashes --no-deps -r /opt/env/requirements.txt" in found[3]
    assert found[-2] == "USER 10001:10001"
    assert f'dev.envsolver.lock="{content_digest(real)}"' in found[-1]
    assert text.startswith("# syntax=docker/dockerfile:1\n")
    assert "torch==1.12.1+cu116 \\\n    --hash=sha256:" in text
    assert "--extra-index-url https://download.pytorch.org/whl/cu116" in text
    assert "# Built here with what their builds ask for today: deepspeed, fairscale" in text


def test_a_base_by_digest_is_taken_as_it_is(real: Lock, spec: Spec) -> None:
    fixed = replace(spec, base_image=f"mcr.microsoft.com/x/y:tag@{DIGEST}")
    text = images.dockerfile(real, fixed)
    assert f"FROM --platform=linux/amd64 mcr.microsoft.com/x/y:tag@{DIGEST}\n" in text
    assert "The base is not fixed" not in text
    assert "The base is not fixed" in images.dockerfile(real, spec)


def test_without_a_base_the_interpreter_of_the_lock_is_one(real: Lock, spec: Spec) -> None:
    text = images.dockerfile(real, replace(spec, base_image=None))
    assert "FROM --platform=linux/amd64 docker.io/library/python:3.9.25-slim\n" in text


@pytest.mark.parametrize("image", ["x y", "x\nRUN evil", "$EVIL", "x@sha256:1", "--build-arg", "x`id`"])
def test_what_is_no_image_begins_no_dockerfile(real: Lock, spec: Spec, image: str) -> None:
    with pytest.raises(UsageError, match="is no image"):
        images.dockerfile(real, replace(spec, base_image=image))


def test_words_of_strangers_stay_words(real: Lock, spec: Spec) -> None:
    title = 'a" $HOME \\ \nUSER root'
    label = steps(images.dockerfile(real, replace(spec, title=title)))[-1]
    assert r'org.opencontainers.image.description="a\" \$HOME \\ USER root"' in label


def test_a_lock_for_other_systems_and_one_with_conda(spec: Spec) -> None:
    windows = locked(resolution({"a==1": []}, {"": ["a"]}, platform="win-64"))
    with pytest.raises(UsageError, match="an image is for Linux, not for win-64"):
        images.dockerfile(windows, spec)
    conda = load_lock(ROOT / "locks" / "acpt-1.12-py39-conda.lock.toml")
    with pytest.raises(UsageError, match="packages of conda"):
        images.dockerfile(conda, spec)


def test_groups_are_installed_where_they_are_asked_for(real: Lock, spec: Spec) -> None:
    assert "horovod==" not in images.dockerfile(real, spec)
    assert "horovod==" in images.dockerfile(real, spec, groups=["horovod"])


# Azure Machine Learning


def test_the_folder_for_azure_has_the_published_fields(real: Lock, spec: Spec) -> None:
    files = images.azureml(real, spec)
    assert sorted(files) == ["context/Dockerfile", "context/requirements.txt", "environment.yml"]
    document: Any = yaml.safe_load(files["environment.yml"])
    jsonschema.validate(document, AZURE)
    assert document["name"] == "acpt-1.12-py39"
    assert document["build"] == {"path": "context", "dockerfile_path": "Dockerfile"}
    assert document["tags"]["cuda"] == "11.6"
    assert "COPY requirements.txt /opt/env/requirements.txt" in files["context/Dockerfile"]
    # The builders of the service know neither files within a Dockerfile nor mounted caches.
    assert "<<" not in files["context/Dockerfile"]
    assert "--mount" not in files["context/Dockerfile"]


def test_the_version_says_what_is_in_it(real: Lock, spec: Spec) -> None:
    def version(**more: Any) -> str:
        found: str = yaml.safe_load(images.azureml(real, spec, **more)["environment.yml"])["version"]
        return found

    assert version() == version()
    assert version() != version(groups=["horovod"])


# Bill of materials


def test_the_bill_of_materials_is_valid_and_whole(real: Lock) -> None:
    text = sbom.cyclonedx(real, groups=["horovod"])
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    document = json.loads(text)
    components = {one["bom-ref"]: one for one in document["components"]}
    assert set(components) == {package.name for package in real.packages}
    torch = components["torch"]
    assert torch["purl"].startswith("pkg:pypi/torch@1.12.1%2Bcu116?")
    assert "download.pytorch.org" in torch["purl"]
    assert torch["hashes"] == [{"alg": "SHA-256", "content": real.package("torch").files[0].sha256}]
    below = {one["ref"]: one.get("dependsOn", []) for one in document["dependencies"]}
    assert below["torch"] == ["six", "typing-extensions"]
    assert "torch" in below["environment"]
    assert document["metadata"]["component"]["name"] == "acpt-1.12-py39"


def test_the_bill_of_materials_has_no_clock(real: Lock) -> None:
    text = sbom.cyclonedx(real)
    assert "timestamp" not in text
    assert sbom.cyclonedx(real) == text
    serial = json.loads(text)["serialNumber"]
    assert serial != json.loads(sbom.cyclonedx(real, groups=["horovod"]))["serialNumber"]


def test_packages_of_conda_and_checkouts_are_called_as_what_they_are() -> None:
    conda = json.loads(sbom.cyclonedx(load_lock(ROOT / "locks" / "acpt-1.12-py39-conda.lock.toml")))
    pytorch = next(one for one in conda["components"] if one["bom-ref"] == "conda:pytorch")
    assert re.match(r"pkg:conda/pytorch@1\.12\.1\?build=py3\.9_cuda11\.6_\S+&subdir=linux-64", pytorch["purl"])
    cu116 = a_file("torch", "1.12.1+cu116", index="cu116")
    lock = locked(resolution({"torch==1.12.1+cu116": []}, {"": ["torch"]}, files=[cu116]), indexes=[an_index()])
    (component,) = json.loads(sbom.cyclonedx(lock))["components"]
    assert "repository_url=https://download.pytorch.org/whl/cu116" in component["purl"]


@settings(max_examples=8)
@given(locks())
def test_any_lock_has_a_valid_bill_of_materials(lock: Lock) -> None:
    for target in lock.targets:
        text = sbom.cyclonedx(lock, platform=target.platform, groups=target.choice)
        assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None


# The command


def test_the_command(cli: CommandLine) -> None:
    assert cli("export", "acpt-1.12-py39", "--format", "dockerfile").out.startswith("# syntax=")
    assert json.loads(cli("export", "acpt-1.12-py39", "--format", "cyclonedx").out)["bomFormat"] == "CycloneDX"
    refused = cli("export", "acpt-1.12-py39", "--format", "azureml")
    assert refused.status == 2
    assert "name the folder: -o DIR" in refused.said
    done = cli("export", "acpt-1.12-py39", "--format", "azureml", "-o", "az", "--json")
    assert sorted(done.json["written"]) == [
        "az/context/Dockerfile",
        "az/context/requirements.txt",
        "az/environment.yml",
    ]
    assert cli("export", "acpt-1.12-py39", "--format", "azureml", "-o", "az").said == "unchanged az"
    assert cli("export", "acpt-1.12-py39", "--format", "azureml", "-o", "no/where").status == 4
    assert cli("export", "acpt-1.12-py39", "--format", "azureml", "-o", "az", "--no-hashes").status == 2

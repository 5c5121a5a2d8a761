"""Finding projects and environments, and the catalogue of this project itself."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from envsolver.app.project import open_project
from envsolver.model.errors import SpecError, UnknownEnvironmentError, UsageError
from envsolver.spec import environment_names, find_project, find_spec, load_spec, spec_heads
from tests.support.specs import MINIMAL, write_specs

if TYPE_CHECKING:
    from envsolver.model.spec import Spec

ROOT = Path(__file__).parent.parent
OURS = environment_names(ROOT)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write_specs(
        tmp_path,
        _base=MINIMAL,
        one=f"{MINIMAL}aliases: [first, Uno]\ntitle: The first\nstatus: preview\n",
        two="extends: _base\naliases: [zwei]\ndescription: |\n  Some\n  lines.\n",
    )
    (tmp_path / "specs/three.yml").write_text(MINIMAL)
    (tmp_path / "specs/.hidden.yaml").write_text("not: [a, spec\n")
    (tmp_path / "specs/README.md").write_text("not a spec")
    (tmp_path / "specs/indexes").mkdir()
    (tmp_path / "specs/indexes/x.yaml").write_text("not a spec")
    return tmp_path


def test_find_project(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    inner = project / "src" / "deep"
    inner.mkdir(parents=True)
    assert find_project(project) == find_project(inner) == find_project(project / "specs") == project.resolve()
    outside = tmp_path_factory.mktemp("outside")
    (outside / "specs").write_text("a file, not a folder")
    with pytest.raises(UsageError, match="has specs/") as caught:
        find_project(outside)
    assert "envsolver init" in str(caught.value.hint)


def test_heads(project: Path) -> None:
    one, three, two = spec_heads(project)
    assert (one.name, one.path, one.aliases) == ("one", "specs/one.yaml", ("first", "Uno"))
    assert (one.title, one.status) == ("The first", "preview")
    assert (three.name, three.path, three.status) == ("three", "specs/three.yml", "supported")
    assert (two.extends, two.description) == (("_base",), "Some\nlines.")
    assert not any(head.problems for head in (one, two, three))
    assert environment_names(project) == ("one", "three", "two")


def test_one_bad_file_does_not_hide_the_others(project: Path) -> None:
    write_specs(project, broken="a: [\n", odd="titel: x\ntitle: y\n")
    (project / "specs/nowhere.yaml").symlink_to("nothing")
    heads = {head.name: head for head in spec_heads(project)}
    assert sorted(heads) == ["broken", "odd", "one", "three", "two"]
    assert str(heads["broken"].problems[0]).startswith("specs/broken.yaml:1: not valid YAML")
    assert heads["odd"].title == "y"
    assert "did you mean 'title'?" in str(heads["odd"].problems[0])
    assert not heads["one"].problems


def test_find_spec(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_spec(project, "one") == project / "specs/one.yaml"
    assert find_spec(project, "three") == project / "specs/three.yml"
    assert find_spec(project, "zwei") == project / "specs/two.yaml"
    monkeypatch.chdir(project / "specs")
    assert find_spec(project, "one.yaml").resolve() == project / "specs/one.yaml"
    assert find_spec(project, "../specs/two.yaml").resolve() == project / "specs/two.yaml"


@pytest.mark.parametrize(
    ("reference", "hint"),
    [
        ("tow", "did you mean 'two'?"),
        ("uno", "did you mean 'Uno'?"),
        ("zzzzzz", "environments: one, three, two"),
        ("_base", "'_base' is a base for other specs, not an environment"),
        ("specs/four.yaml", "there is no such file"),
        (".hidden", "environments: one, three, two"),
    ],
)
def test_unknown_environments(project: Path, reference: str, hint: str) -> None:
    with pytest.raises(UnknownEnvironmentError) as caught:
        find_spec(project, reference)
    assert caught.value.name == reference
    assert hint in str(caught.value.hint)


def test_a_spec_by_path_is_one_of_the_project(
    project: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock has the name of its spec: a file elsewhere would overwrite the lock of another environment."""
    other = tmp_path_factory.mktemp("other")
    write_specs(other, one=MINIMAL)
    (project / "one.yaml").write_text(MINIMAL)
    monkeypatch.chdir(project)
    for path, hint in {
        "./one.yaml": "specs lie in specs/",
        "specs/indexes/x.yaml": "specs lie in specs/",
        str(other / "specs/one.yaml"): f"--project {other}",
        "specs/README.md": "specs end in .yaml or .yml",
        "specs/.hidden.yaml": "specs end in .yaml or .yml",
    }.items():
        with pytest.raises(UsageError, match="is no spec") as caught:
            find_spec(project, path)
        assert hint in str(caught.value.hint)


def test_a_base_by_path(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    with pytest.raises(UnknownEnvironmentError) as caught:
        find_spec(project, "specs/_base.yaml")
    assert caught.value.hint == "'_base' is a base for other specs, not an environment"


def test_two_files_of_one_name_by_path(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "specs/one.yml").write_text(MINIMAL)
    monkeypatch.chdir(project)
    with pytest.raises(SpecError, match="has the same name"):
        find_spec(project, "specs/one.yml")


def test_links_to_specs(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Among the specs, a link is an environment as any file is; elsewhere it is what it leads to."""
    (project / "specs/linked.yaml").symlink_to("one.yaml")
    (project / "link.yaml").symlink_to("specs/two.yaml")
    (project / "other").symlink_to("specs")
    monkeypatch.chdir(project)
    opened = open_project(project)
    found = {reference: opened.find(reference) for reference in ("linked", "./link.yaml", "other/one.yaml")}
    assert {reference: environment.name for reference, environment in found.items()} == {
        "linked": "linked",
        "./link.yaml": "two",
        "other/one.yaml": "one",
    }
    assert [environment.name for environment in opened.all()] == ["linked", "one", "three", "two"]
    assert opened.spec(found["linked"]).name == "linked"


def test_a_project_without_specs(tmp_path: Path) -> None:
    assert (spec_heads(tmp_path), environment_names(tmp_path)) == ((), ())
    with pytest.raises(UnknownEnvironmentError) as caught:
        find_spec(tmp_path, "x")
    assert caught.value.hint == "there are no specs in specs/"


def test_names_that_two_specs_claim(project: Path) -> None:
    write_specs(project, four=f"{MINIMAL}aliases: [zwei, one]\n")
    heads = {head.name: head for head in spec_heads(project)}
    assert [str(problem) for problem in heads["four"].problems] == [
        "specs/four.yaml: the alias 'one' belongs to specs/one.yaml already"
    ]
    assert "'zwei' belongs to specs/four.yaml already" in str(heads["two"].problems[0])
    assert find_spec(project, "one") == project / "specs/one.yaml"
    with pytest.raises(SpecError, match="the alias 'zwei' belongs to"):
        find_spec(project, "zwei")


def test_one_name_in_two_files(project: Path) -> None:
    (project / "specs/one.yml").write_text(MINIMAL)
    with pytest.raises(SpecError, match=r"specs/one\.yml: specs/one\.yaml has the same name"):
        find_spec(project, "one")
    assert sum(len(head.problems) for head in spec_heads(project)) == 1


def test_spec_that_may_not_be_read(project: Path) -> None:
    (project / "specs/one.yaml").chmod(0)
    if os.access(project / "specs/one.yaml", os.R_OK):  # root reads everything
        (project / "specs/one.yaml").unlink()
        (project / "specs/one.yaml").symlink_to("/proc/self/mem")
    head = next(head for head in spec_heads(project) if head.name == "one")
    assert "cannot be read" in str(head.problems[0])


# The catalogue of this project

TABLE = {
    # name: Python, CUDA, torch, onnxruntime-training, deepspeed, torch-ort
    "acpt-1.13-py38": ("3.8", "11.7", "1.13.1", "1.14.0", "0.8.0", "1.14.0"),
    "acpt-1.12-py39": ("3.9", "11.6", "1.12.1", "1.13.1", "0.7.3", "1.13.1"),
    "acpt-1.12-py38": ("3.8", "11.6", "1.12.1", "1.13.1", "0.7.3", "1.13.1"),
    "acpt-1.11-py38-cu115": ("3.8", "11.5", "1.11.0", "1.11.1", "0.7.3", "1.11.0"),
    "acpt-1.11-py38-cu113": ("3.8", "11.3", "1.11.0", "1.11.1", "0.7.3", "1.11.1"),
}
"""As published: Azure Machine Learning documentation, curated environments."""
NAMED = {
    "fairscale",
    "protobuf",
    "pyspark",
    "pytest",
    "pytorch-lightning",
    "tensorboard",
    "torchmetrics",
    "torchvision",
}


def ours(name: str) -> Spec:
    return load_spec(ROOT / "specs" / f"{name}.yaml", ROOT)


@pytest.mark.parametrize("name", OURS)
def test_each_of_our_specs(name: str) -> None:
    spec = ours(name)
    assert spec.title
    assert spec.description
    assert spec.imports
    for platform in spec.platforms:
        target = spec.target(platform)
        if platform.startswith("linux-"):
            assert target.glibc


def test_our_heads() -> None:
    heads = spec_heads(ROOT)
    assert not [str(problem) for head in heads for problem in head.problems]
    assert set(TABLE) <= {head.name for head in heads}


@pytest.mark.parametrize("name", TABLE)
def test_the_published_table(name: str) -> None:
    python, cuda, *versions = TABLE[name]
    spec = ours(name)
    assert (spec.python, spec.system_for("linux-64").os) == (python, "ubuntu20.04")
    assert spec.gpu is not None
    assert (spec.gpu.backend, spec.gpu.version) == ("cuda", cuda)
    texts = {item.text for item in spec.requirements if not item.group}
    pinned = zip(("torch", "onnxruntime-training", "deepspeed", "torch-ort"), versions, strict=True)
    assert {f"{package}=={version}" for package, version in pinned} <= texts
    assert texts >= NAMED
    assert [item.text for item in spec.requirements if item.group] == ["horovod"]
    dotted = {"1.13": "1.13", "1.12": "1.12", "1.11": "1.11"}[name.split("-")[1]]
    assert f"AzureML-ACPT-pytorch-{dotted}-py{python.replace('.', '')}-cuda{cuda}-gpu" in spec.aliases
    assert f"cu{cuda.replace('.', '')}-py{python.replace('.', '')}" in str(spec.base_image)
    subjects = {note.subject for note in spec.notes}
    assert {"torch-nebula", "MSCCL", "ORT MoE"} <= subjects
    assert not re.search("nebula|msccl|ort-moe", " ".join(texts), re.IGNORECASE)


def test_builds_for_another_cuda_are_allowed_with_a_reason() -> None:
    gpu = ours("acpt-1.13-py38").gpu
    assert gpu is not None
    assert [(allow.package, allow.cuda) for allow in gpu.allow] == [("onnxruntime-training", "11.6")]
    assert gpu.allow[0].reason


def test_torch_of_conda_is_for_the_cuda_of_the_nodes() -> None:
    spec = ours("acpt-1.12-py39-conda")
    assert spec.gpu is not None
    assert spec.conda is not None
    assert f"cudatoolkit={spec.gpu.version}" in [requirement.text for requirement in spec.conda.requirements]


CUDA_11 = [name for name in OURS if ("cu11" in name or "1.12" in name or "cu128" in name) and "conda" not in name]


@pytest.mark.parametrize("name", CUDA_11)
def test_torch_is_bound_to_the_index_of_its_cuda(name: str) -> None:
    spec = ours(name)
    assert spec.gpu is not None
    assert spec.gpu.version is not None
    (index,) = [index for index in spec.indexes if "torch" in index.packages]
    assert index.url == f"https://download.pytorch.org/whl/cu{spec.gpu.version.replace('.', '')}"
    assert "torchvision" in index.packages


def test_only_linux_on_intel_needs_the_cpu_index() -> None:
    (index,) = ours("torch-cpu-py311").indexes
    assert index.platforms == ("linux-64",)


@pytest.mark.parametrize("name", OURS)
def test_frozen_files_hold_what_is_bound_to_them(name: str) -> None:
    """A frozen file that lacks a bound package for the spec's Python would make the spec impossible to lock."""
    spec = ours(name)
    tag = f"cp{spec.python.replace('.', '')}"
    for index in spec.indexes:
        if index.frozen is None:
            continue
        recorded: Any = json.loads((ROOT / "specs" / index.frozen).read_text())
        text = json.dumps(recorded)
        for package in index.packages:
            pattern = rf'{package.replace("-", "_")}-[^"/]*-{tag}-'
            assert re.search(pattern, text), f"{index.frozen} has no {package} for {tag}"


def test_no_name_of_the_package_is_that_of_a_module() -> None:
    """Importing the module would put it in the place of what has its name, whichever test or command comes first."""
    import envsolver.spec

    modules = {path.stem for path in Path(str(envsolver.spec.__file__)).parent.glob("*.py")}
    assert not modules & set(envsolver.spec.__all__)

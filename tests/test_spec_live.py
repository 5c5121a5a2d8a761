"""``from: pyproject.toml``: a project's own requirements in its environment."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from envsolver.spec.load import load_spec
from tests.support.specs import load, messages, write_specs

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "python: 3.9\nplatforms: [linux-64]\n"
PYPROJECT = """\
[build-system]
requires = ["hatchling"]

[project]
name = "My.Project"
requires-python = ">=3.8"
dependencies = [
  "torch>=1.12",
  'numpy; sys_platform != "win32"',
  "rich",
]

[project.optional-dependencies]
Train_Fast = ["deepspeed", "rich>=13"]
all = ["my-project[train.fast]", "pandas"]

[dependency-groups]
test = ["pytest", { include-group = "Typing" }]
typing = ["mypy"]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    return tmp_path


def requirements(project: Path) -> list[tuple[str, str]]:
    return [(item.text, str(item.origin)) for item in load(project).requirements]


def test_dependencies_come_after_pip(project: Path) -> None:
    write_specs(project, env=f"{HEAD}from: pyproject.toml\npip: [scipy]\n")
    assert requirements(project) == [
        ("scipy", "specs/env.yaml:4"),
        ("torch>=1.12", "pyproject.toml:8"),
        ('numpy; sys_platform != "win32"', "pyproject.toml:9"),
        ("rich", "pyproject.toml:10"),
    ]
    assert load(project).files == ("pyproject.toml", "specs/env.yaml")


def test_extras_by_any_spelling_and_through_themselves(project: Path) -> None:
    write_specs(project, env=f"{HEAD}from: pyproject.toml[ALL]\n")
    assert requirements(project)[3:] == [
        ("deepspeed", "pyproject.toml:14"),
        ("rich>=13", "pyproject.toml:14"),
        ("pandas", "pyproject.toml:15"),
    ]


def test_dependency_groups(project: Path) -> None:
    write_specs(project, env=f"{HEAD}from: ['pyproject.toml:test']\n")
    assert requirements(project) == [("pytest", "pyproject.toml:18"), ("mypy", "pyproject.toml:19")]


def test_in_a_group(project: Path) -> None:
    write_specs(project, env=f"{HEAD}pip: [a]\ngroups: {{dev: {{from: 'pyproject.toml:typing', requirements: [b]}}}}\n")
    assert [(item.group, item.text) for item in load(project).requirements] == [
        ("", "a"),
        ("dev", "b"),
        ("dev", "mypy"),
    ]


def test_what_two_entries_share_counts_once(project: Path) -> None:
    write_specs(project, env=f"{HEAD}from: [pyproject.toml, 'pyproject.toml[train-fast]']\n")
    assert [text for text, _ in requirements(project)] == [
        "torch>=1.12",
        'numpy; sys_platform != "win32"',
        "rich",
        "deepspeed",
        "rich>=13",
    ]


def test_inherited_and_replaced_by_name(project: Path) -> None:
    write_specs(
        project, _base=f"{HEAD}from: pyproject.toml\n", env="extends: _base\nreplace: [torch]\npip: [torch==2.0]\n"
    )
    assert [text for text, _ in requirements(project)] == ['numpy; sys_platform != "win32"', "rich", "torch==2.0"]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("other.toml", "specs/env.yaml:3: from: there is no file 'other.toml' in the project"),
        ("../pyproject.toml", "specs/env.yaml:3: from: '../pyproject.toml' leads out of the project"),
        ("link.toml", "specs/env.yaml:3: from: 'link.toml' leads out of the project"),
        (
            "pyproject.toml[trian-fast]",
            "specs/env.yaml:3: pyproject.toml has no extra 'trian-fast' (did you mean 'Train_Fast'?)",
        ),
        ("pyproject.toml:docs", "pyproject.toml has no dependency group 'docs' (it has: test, typing)"),
    ],
)
def test_entries_that_lead_nowhere(project: Path, entry: str, said: str) -> None:
    outside = project.parent / "outside.toml"
    outside.write_text(PYPROJECT)
    (project / "link.toml").symlink_to(outside)
    write_specs(project, env=f"{HEAD}from: ['{entry}']\n")
    assert said in messages(project)[0]


@pytest.mark.parametrize(
    ("text", "entry", "said"),
    [
        ("[project\n", "", "pyproject.toml:1: not valid TOML"),
        (
            "[tool.poetry]\n",
            "",
            "pyproject.toml: from: it has no [project] table (PEP 621) (asked for by specs/env.yaml:3)",
        ),
        ("[project]\nname='x'\ndynamic = ['dependencies']\n", "", "pyproject.toml:3: its dependencies are 'dynamic'"),
        (
            "[project]\ndependencies = 'x'\n",
            "",
            "pyproject.toml:2: project.dependencies: expected a list of requirements",
        ),
        ("[project]\ndependencies = [\n 1]\n", "", "project.dependencies: expected a requirement, found 1"),
        ("[project]\ndependencies = [\n 'a',\n 'b>>1']\n", "", "pyproject.toml:4: 'b>>1' is not a valid requirement"),
        ("[project]\ndependencies = [\n 'a=1']\n", "", "pyproject.toml:3: 'a=1' is conda's way to write a version"),
        (
            "[project]\nrequires-python = '>=3.10'\n",
            "",
            "pyproject.toml:2: the project needs Python >=3.10, but python is 3.9",
        ),
        ("[project]\nrequires-python = 'x'\n", "", "pyproject.toml:2: requires-python: 'x' is not a specifier"),
        (
            "[dependency-groups]\na = [{include-group='b'}]\nb = [{include-group='a'}]\n",
            ":a",
            "pyproject.toml:2: dependency groups include each other: a → b → a",
        ),
        ("[dependency-groups]\na = [{x='b'}]\n", ":a", "expected a requirement, found {'x': 'b'}"),
        (
            "[project]\nname='me'\noptional-dependencies.all = ['me[x]; os_name>\"n\"']\noptional-dependencies.x=[]\n",
            "[all]",
            "pyproject.toml:3: 'me[x]; os_name>\"n\"': the project requires itself under a condition",
        ),
    ],
)
def test_projects_that_cannot_be_used(tmp_path: Path, text: str, entry: str, said: str) -> None:
    (tmp_path / "pyproject.toml").write_text(dedent(text))
    write_specs(tmp_path, env=f"{HEAD}from: ['pyproject.toml{entry}']\npip: [a]\n")
    assert said in "\n".join(messages(tmp_path))


def test_extras_that_require_each_other_end(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        "[project]\nname = 'me'\n[project.optional-dependencies]\na = ['me[b]', 'x']\nb = ['me[a]', 'y']\n"
    )
    write_specs(tmp_path, env=f"{HEAD}from: 'pyproject.toml[a]'\n")
    assert [item.text for item in load(tmp_path).requirements] == ["y", "x"]


def test_without_validation_the_result_is_the_same(project: Path) -> None:
    write_specs(project, env=f"{HEAD}from: 'pyproject.toml[all]'\n")
    assert load_spec(project / "specs/env.yaml", project, validate=False) == load(project)

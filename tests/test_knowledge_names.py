"""Well-known names, and what is taken for a slip of one."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from envsolver.knowledge import names
from envsolver.knowledge._toml import SHIPPED, read_shipped
from envsolver.knowledge.conda import NAMES
from envsolver.knowledge.names import meant_by, name_rule, name_rule_id, well_known
from envsolver.lock.reader import loads
from envsolver.model.candidate import CONDA_PREFIX, normalize_name
from envsolver.model.pep508 import parse_requirement

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("troch", "torch"),  # changed places
        ("torchvison", "torchvision"),  # a letter left out
        ("request", "requests"),
        ("requestss", "requests"),  # doubled
        ("pytorch-lightening", "pytorch-lightning"),
        ("deepsped", "deepspeed"),
        ("nunpy", "numpy"),  # changed
        ("numpy2", "numpy"),
        ("tensorf1ow", "tensorflow"),
        ("tdqm", "tqdm"),
        ("scikitlearn", "scikit-learn"),  # separators
        ("torch-vision", "torchvision"),
        ("python-numpy", "numpy"),  # before and behind
        ("numpy-python", "numpy"),
        ("pytorch", "torch"),  # and not gpytorch
    ],
)
def test_slips(written: str, meant: str) -> None:
    assert meant_by(written) == meant


@pytest.mark.parametrize(
    "honest",
    [
        "torchx",
        "cupy-cuda112",  # numbers are no slips
        "nvidia-nccl-cu14",
        "our-company-tools",
        "sox",  # too short
        "rai",
        "onn",
        "pyray",
        "cattrs",  # a neighbour
        "numpy-stl",
    ],
)
def test_what_is_none(honest: str) -> None:
    assert meant_by(honest) is None


def test_of_conda_the_names_are_other_ones() -> None:
    assert meant_by("pytorch", conda=True) is None
    assert meant_by("pytroch", conda=True) == "pytorch"
    assert meant_by("cudatoolkt", conda=True) == "cudatoolkit"
    assert meant_by("cudatoolkt") is None


def test_the_table_is_in_order() -> None:
    data = tomllib.loads(read_shipped("data", "names"))
    listed = [name for header in ("names", "neighbours") for row in data[header] for name in row["packages"]]
    assert len(listed) == len(set(listed))
    assert all(normalize_name(name) == name for name in listed)
    for header in ("names", "neighbours"):
        for row in data[header]:
            assert row["source"]
            assert row["packages"] == sorted(row["packages"])


def test_every_neighbour_would_be_taken_for_a_slip(monkeypatch: pytest.MonkeyPatch) -> None:
    table = dict(names._table())
    neighbours = table["neighbours"]
    monkeypatch.setattr(names, "_table", lambda: table | {"neighbours": frozenset()})
    assert [name for name in sorted(neighbours) if meant_by(name) is None] == []


def test_the_table_is_no_part_of_what_a_lock_records() -> None:
    assert "names" not in SHIPPED["data"]


def test_nothing_that_is_committed_is_taken_for_a_slip() -> None:
    found = {}
    for path in sorted((ROOT / "locks").glob("*.lock.toml")):
        lock = loads(path.read_text("utf-8"), path.name)
        for package in lock.packages:
            conda = package.name.startswith(CONDA_PREFIX)
            meant = meant_by(package.name.removeprefix(CONDA_PREFIX), conda=conda)
            # Of conda, what a channel brings beneath is no choice of a person's.
            if meant is not None and (not conda or package.name in {root.name for root in lock.roots}):
                found[package.name] = meant
    assert found == {}


@pytest.mark.parametrize("file", ["sets.toml", "stacks.toml"])
def test_nor_anything_that_the_benchmarks_ask_for(file: str) -> None:
    data = tomllib.loads((ROOT / "benchmarks" / file).read_text("utf-8"))
    asked = {
        normalize_name(parse_requirement(text).name)
        for row in data["set" if file == "sets.toml" else "stack"]
        for text in row["requirements"]
    }
    assert len(asked) > 20
    assert {name: meant_by(name) for name in sorted(asked) if meant_by(name) is not None} == {}


def test_nor_what_the_solutions_of_other_tools_hold() -> None:
    locked = {
        normalize_name(line.partition("==")[0].partition("[")[0].strip())
        for path in (ROOT / "tests" / "data" / "uv_locks").glob("*.txt")
        for line in path.read_text("utf-8").splitlines()
        if "==" in line and not line.startswith((" ", "#", "-"))
    }
    assert len(locked) > 200
    assert {name: meant_by(name) for name in sorted(locked) if meant_by(name) is not None} == {}


def test_an_id_stands_for_a_name() -> None:
    rule = name_rule(name_rule_id("troch"))
    assert rule is not None
    assert rule.id == "NAME-TROCH"
    assert rule.title == "troch is one slip away from torch"
    assert not rule.effects
    assert name_rule("NAME-PYTROCH") is not None, "of conda"
    assert name_rule("NAME-TORCH") is None
    assert name_rule("NAME-") is None
    assert name_rule("TORCH-NUMPY2") is None


def test_what_conda_calls_otherwise_is_known_there() -> None:
    assert [name for name in NAMES if meant_by(name, conda=True) is not None] == []
    assert well_known() >= {"torch", "numpy", "deepspeed"}

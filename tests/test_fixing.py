"""Fixes: each is solved with exactly the change that is printed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from envsolver.app.fixing import MOST_SOLVES, UntriedError, find_fixes
from envsolver.app.proposals import Hints
from envsolver.app.specedits import edited
from envsolver.knowledge.effects import SolverRules
from envsolver.knowledge.rules import load_rulebook
from envsolver.model.errors import NoSolutionError
from envsolver.model.fix import Edit, Removal
from envsolver.model.origin import Origin
from envsolver.model.spec import GpuSpec, IndexSpec, Spec
from envsolver.solve.gpu import GpuNeeds
from envsolver.solve.resolve import resolve
from tests.support.memory import MemorySource, problem, requirements

if TYPE_CHECKING:
    from envsolver.model.candidate import Name
    from envsolver.model.fix import Fix


def spec_of(*texts: str, constraints: tuple[str, ...] = ()) -> Spec:
    return Spec(
        name="x",
        origin=Origin("specs/x.yaml"),
        python="3.9",
        python_origin=Origin("specs/x.yaml", 1),
        platforms=("linux-64",),
        requirements=requirements(texts),
        constraints=requirements(constraints, first_line=50),
    )


def fixes_of(
    spec: Spec, source: MemorySource, *, most_solves: int = MOST_SOLVES, hints: Hints | None = None
) -> tuple[Fix, ...]:
    async def solve(changed: Spec, lowest: frozenset[Name] = frozenset(), /) -> dict[Name, str]:
        ignored = {rule.id: rule.reason for rule in changed.ignored_rules}
        question = replace(
            problem(),
            requirements=changed.requirements,
            constraints=changed.constraints,
            lowest=lowest,
            rules=SolverRules(load_rulebook((), ignored)),
            gpu=GpuNeeds(spec=changed.gpu) if changed.gpu else None,
        )
        return {package.name: package.version for package in (await resolve(question, source)).packages}

    async def run() -> tuple[Fix, ...]:
        with pytest.raises(NoSolutionError) as caught:
            await solve(spec)
        found = await find_fixes(spec, caught.value, solve, most_solves=most_solves, hints=hints)
        for fix in found.fixes:
            await solve(edited(spec, fix.edits))
        return found.fixes

    return asyncio.run(run())


@pytest.fixture
def source() -> MemorySource:
    source = MemorySource()
    source.add("torchvision", "0.13.1", ["torch==1.12.1"])
    source.add("torchvision", "0.14.0", ["torch==1.13.0"])
    for version in ["1.12.1", "1.13.0"]:
        source.add("torch", version)
    return source


def test_either_pin_of_a_pair_can_move_and_what_the_spec_names_last_moves_first(source: MemorySource) -> None:
    source.add("torch", "2.0.0")
    source.add("torchvision", "0.15.0", ["torch==2.0.0"])
    first, second = fixes_of(spec_of("torch==1.12.1", "torchvision==0.14.0"), source)
    assert first.title == "specs/x.yaml:6: torchvision==0.13.1 instead of torchvision==0.14.0"
    assert first.outcome == "torchvision 0.13.1, torch 1.12.1"
    assert second.title == "specs/x.yaml:5: torch==1.13.0 instead of torch==1.12.1"
    assert {first.kind, second.kind} == {"move"}


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("lib==5", ["lib==4", "lib==6"]),
        ("lib==5.*", ["lib==4", "lib==6"]),
        ("lib~=5.0", ["lib==4", "lib==6"]),
        ("lib>=5,<6", ["lib<6,>=4", "lib<=6,>=5"]),
        ("lib>4,<=5", ["lib<=5,>=4", "lib<=6,>4"]),
        ("lib>=3,!=4,!=6", ["lib!=4,!=6,>=2", "lib!=4,>=3", "lib!=6,>=3"]),
    ],
)
def test_the_nearest_version_on_either_side_is_taken(asked: str, found: list[str]) -> None:
    source = MemorySource()
    for version in "12345678":
        source.add("lib", version)
    source.add("app", "1", ["lib!=1,!=5,!=3,!=7,!=8" if "!" in asked else "lib!=5"])
    fixes = fixes_of(spec_of("app", asked), source)
    assert sorted(fix.edits[0].new for fix in fixes if isinstance(fix.edits[0], Edit) and fix.edits[0].new) == found


def test_another_build_of_the_same_version_is_nearest() -> None:
    source = MemorySource()
    source.add("torch", "1.12.1")
    source.add("torch", "1.12.0")
    first, *_ = fixes_of(spec_of("torch==1.12.1+cu116"), source)
    assert first.title == "specs/x.yaml:5: torch==1.12.1 instead of torch==1.12.1+cu116"


def test_a_range_is_opened_on_the_side_of_the_version_found(source: MemorySource) -> None:
    fixes = fixes_of(spec_of("torch==1.12.1", "torchvision>=0.14,<1"), source)
    assert [(fix.kind, edit.new) for fix in fixes if isinstance(edit := fix.edits[0], Edit)] == [
        ("loosen", "torchvision<1,>=0.13.1"),
        ("move", "torch==1.13.0"),
    ]


def test_a_constraint_can_be_opened(source: MemorySource) -> None:
    fixes = fixes_of(spec_of("torchvision==0.14.0", constraints=("torch<1.13",)), source)
    assert "specs/x.yaml:50: constraint torch<=1.13.0 instead of torch<1.13" in [fix.title for fix in fixes]


def test_two_lines_are_loosened_where_one_does_not_help() -> None:
    source = MemorySource()
    for version in ["1", "2", "3"]:
        source.add("core", version)
    for name, newest in {"a": "1", "b": "2", "c": "3"}.items():
        source.add(name, "2.0", [f"core=={newest}"])
        source.add(name, "1.0", ["core==3"])
    (fix,) = fixes_of(spec_of("a==2.0", "b==2.0", "c==2.0"), source)
    assert fix.title == "specs/x.yaml:5: a==1.0 instead of a==2.0 and specs/x.yaml:6: b==1.0 instead of b==2.0"
    assert fix.outcome == "a 1.0, b 1.0, core 3, c 2.0"


def test_two_conflicts_are_resolved_together() -> None:
    source = MemorySource()
    for name in ["a", "x"]:
        source.add(name, "2.0", ["core-of-" + name + "==2.0"])
        source.add(name, "1.0", ["core-of-" + name + "==1.0"])
        for version in ["1.0", "2.0"]:
            source.add("core-of-" + name, version)
    fixes = fixes_of(spec_of("a==2.0", "core-of-a==1.0", "x==1.0", "core-of-x>=2"), source)
    assert {fix.title for fix in fixes} == {
        "specs/x.yaml:5: a==1.0 instead of a==2.0 and specs/x.yaml:8: core-of-x>=1.0 instead of core-of-x>=2",
        "specs/x.yaml:5: a==1.0 instead of a==2.0 and specs/x.yaml:7: x==2.0 instead of x==1.0",
    }
    assert fixes[0].outcome == "a 1.0, core-of-x 1.0, core-of-a 1.0, x 1.0"


def of_many_years() -> MemorySource:
    """Return an index with a framework whose oldest releases require nothing yet, and go with everything."""
    source = MemorySource()
    for minor in (*range(1, 10), *range(60, 121)):
        source.add("web", f"0.{minor}.0", ["model<2"] if minor >= 60 else [])
    for version in ("1.9", "1.10", "2.0"):
        source.add("model", version)
    source.add("plugin", "3.0", ["model>=2"])
    source.add("plugin", "2.0", ["model>=1.10"])
    return source


def test_a_version_of_years_ago_is_not_suggested_where_a_smaller_change_helps() -> None:
    fixes = fixes_of(spec_of("plugin>=2.5", "web==0.115.0"), of_many_years())
    assert [fix.title for fix in fixes] == ["specs/x.yaml:5: plugin>=2.0 instead of plugin>=2.5"]
    fixes = fixes_of(spec_of("web>=0.100", "plugin==3.0"), of_many_years())
    assert [fix.title for fix in fixes] == ["specs/x.yaml:6: plugin==2.0 instead of plugin==3.0"]


def test_where_only_versions_of_years_ago_fit_that_is_said() -> None:
    source = of_many_years()
    source.add("fixed", "1.0", ["plugin==3.0"])
    *others, last = fixes_of(spec_of("fixed", "web==0.115.0"), source)
    assert [fix.kind for fix in others] == ["drop", "drop"]
    assert last.title == "specs/x.yaml:6: web==0.9.0 instead of web==0.115.0"
    assert last.warning == "no version nearer to web==0.115.0 helps than 0.9.0, 106 minor versions older"


def test_two_lines_do_not_move_to_years_ago_together_where_they_can_move_a_little() -> None:
    source = MemorySource()
    for minor in (*range(1, 10), *range(60, 121)):
        # In the middle the two never go together; the newest of both do.
        source.add("web", f"0.{minor}.0", ["core==1"] if minor < 10 else ["core==9"] if minor > 110 else ["core==5"])
        source.add("api", f"0.{minor}.0", ["core==1"] if minor < 10 else ["core==9"] if minor > 112 else ["core==6"])
    for version in ("1", "5", "6", "7", "9"):
        source.add("core", version)
    fixes = fixes_of(spec_of("web==0.105.0", "api==0.105.0"), source)
    assert [fix.title for fix in fixes] == [
        "specs/x.yaml:5: web==0.111.0 instead of web==0.105.0 and specs/x.yaml:6: api==0.113.0 instead of api==0.105.0"
    ]


def test_a_change_joined_with_another_counts_as_far_as_the_farther_of_them() -> None:
    source = MemorySource()
    for name in ("a", "x"):
        for version in ("1.0", "2.0"):
            source.add(f"core-of-{name}", version)
        source.add(name, "2.0", [f"core-of-{name}==2.0"])
    source.add("a", "1.0", ["core-of-a==1.0"])
    for minor in (1, 60, 61):
        source.add("web", f"0.{minor}.0", ["core-of-x==1.0"] if minor > 1 else [])
    fixes = fixes_of(spec_of("a==2.0", "core-of-a==1.0", "web==0.61.0", "core-of-x>=2"), source)
    assert fixes
    assert not any("web==0.1.0" in fix.title for fix in fixes)


def test_a_line_is_left_out_where_no_version_of_it_helps() -> None:
    source = MemorySource()
    source.add("onnxruntime-gpu", "1.14.1")
    source.add("onnxruntime-training", "1.14.0")
    hints = Hints(symptoms={"ONNXRUNTIME-OWNERS": "no CUDA"})
    fixes = fixes_of(spec_of("onnxruntime-gpu", "onnxruntime-training==1.14.0"), source, hints=hints)
    assert [(fix.kind, fix.title, fix.warning) for fix in fixes] == [
        ("drop", "specs/x.yaml:6: do without onnxruntime-training==1.14.0", None),
        ("drop", "specs/x.yaml:5: do without onnxruntime-gpu", None),
        (
            "ignore-rule",
            "specs/x.yaml: ignore rule ONNXRUNTIME-OWNERS (write the reason yourself)",
            "then expect: no CUDA",
        ),
    ]


def gpu(**facts: Any) -> GpuSpec:
    return GpuSpec(**{"backend": "cuda", "origin": Origin("specs/x.yaml", 2), **facts})


LINUX = "cp39-cp39-manylinux2014_x86_64"


def test_what_the_spec_says_of_the_gpu_can_change(source: MemorySource) -> None:
    source = MemorySource()
    for version in ["1.12.1", "1.13.1", "2.1.2"]:
        source.add("torch", version, tags=LINUX)
    spec = replace(spec_of("torch"), gpu=gpu(version="12.4", driver="515.43.04"))
    fixes = fixes_of(spec, source)
    assert [(fix.title, fix.outcome) for fix in fixes] == [
        ("specs/x.yaml:2: gpu.cuda: 11.7 instead of 12.4", "torch 1.13.1")
    ]


def test_the_first_release_with_code_for_all_nodes_is_suggested_with_its_cuda() -> None:
    source = MemorySource()
    for version in ["1.12.1", "2.0.0", "2.1.0", "2.1.2"]:
        source.add("torch", version, tags=LINUX)
    indexes = (IndexSpec(alias="ours", url="https://x.example", origin=Origin("specs/x.yaml", 9), packages=("torch",)),)
    facts = gpu(version="10.2", architectures=("7.0", "9.0"))
    fixes = fixes_of(replace(spec_of("torch==1.12.1"), gpu=facts, indexes=indexes), source)
    assert [(fix.title, fix.outcome) for fix in fixes] == [
        ("specs/x.yaml:2: gpu.architectures: without 9.0", "torch 1.12.1"),
        (
            "specs/x.yaml:5: torch==2.1.0 instead of torch==1.12.1, with gpu.cuda: 12.1, from the default index",
            "torch 2.1.0",
        ),
    ]
    assert fixes[1].edits == (
        Edit(origin=Origin("specs/x.yaml", 5), old="torch==1.12.1", new="torch==2.1.0"),
        Edit(origin=Origin("specs/x.yaml", 2), old="10.2", new="12.1"),
        Removal(origin=Origin("specs/x.yaml", 9), keys=("indexes", "ours")),
    )


def test_of_the_builds_for_all_nodes_that_for_the_cuda_of_the_spec_is_taken() -> None:
    source = MemorySource()
    for version in ["2.0.1", "2.1.0"]:
        source.add("torch", version, tags=LINUX)
    spec = replace(spec_of("torch==2.0.1"), gpu=gpu(version="12.1", architectures=("8.0", "9.0")))
    assert [(fix.kind, fix.outcome) for fix in fixes_of(spec, source)] == [("move", "torch 2.1.0")]


def test_an_index_of_a_base_stays_where_it_is() -> None:
    source = MemorySource()
    for version in ["1.12.1", "2.1.0"]:
        source.add("torch", version, tags=LINUX)
    indexes = (
        IndexSpec(alias="ours", url="https://x.example", origin=Origin("specs/_y.yaml", 9), packages=("torch",)),
    )
    facts = gpu(version="10.2", architectures=("7.0", "9.0"))
    fixes = fixes_of(replace(spec_of("torch==1.12.1"), gpu=facts, indexes=indexes), source)
    assert [fix.title for fix in fixes] == ["specs/x.yaml:2: gpu.architectures: without 9.0"]


def test_another_distribution_of_the_project_is_suggested() -> None:
    source = MemorySource()
    source.add("cupy-cuda11x", "13.6.0", tags=LINUX)
    source.add("cupy-cuda12x", "13.6.0", tags=LINUX)
    source.add("cupy-cuda12x", "14.0.0", tags=LINUX)
    fix, other = fixes_of(replace(spec_of("cupy-cuda11x>=13"), gpu=gpu(version="12.1")), source)
    assert fix.kind == "rename"
    assert fix.title == "specs/x.yaml:5: cupy-cuda12x>=13 instead of cupy-cuda11x>=13"
    assert fix.outcome == "cupy-cuda12x 14.0.0"
    assert other.title == "specs/x.yaml:2: gpu.cuda: 11.8 instead of 12.1"


def test_what_cannot_be_tried_is_told() -> None:
    source = MemorySource()
    source.add("torch", "1.12.1", tags=LINUX)
    spec = replace(spec_of("torch==1.12.1"), gpu=gpu(version="11.6"))

    async def solve(changed: Spec, _lowest: frozenset[Name] = frozenset(), /) -> dict[Name, str]:
        if changed.indexes:
            raise UntriedError("no way to that index")
        needs = GpuNeeds(spec=changed.gpu) if changed.gpu else None
        found = await resolve(replace(problem(), requirements=changed.requirements, gpu=needs), source)
        return {package.name: package.version for package in found.packages}

    async def run() -> None:
        with pytest.raises(NoSolutionError) as caught:
            await solve(spec)
        found = await find_fixes(spec, caught.value, solve)
        assert [fix.title for fix in found.fixes] == ["specs/x.yaml:2: gpu.cuda: 10.2 instead of 11.6"]
        assert found.untried == (
            "specs/x.yaml: take torch from https://download.pytorch.org/whl/cu116: no way to that index",
        )

    asyncio.run(run())


def test_nothing_is_suggested_where_nothing_helps(source: MemorySource) -> None:
    source.add("a", "1.0", ["b==1.0"])
    source.add("b", "1.0", ["c==1.0"])
    source.add("c", "2.0")
    assert fixes_of(spec_of("a"), source) == ()


def test_extras_and_marker_of_the_line_stay(source: MemorySource) -> None:
    (fix, *_) = fixes_of(spec_of("torch==1.12.1", "torchvision[x]==0.14.0 ; python_version >= '3.8'"), source)
    assert isinstance(fix.edits[0], Edit)
    assert fix.edits[0].new == 'torchvision[x]==0.13.1; python_version >= "3.8"'


@pytest.mark.parametrize(("most_solves", "found"), [(0, 0), (1, 0), (2, 0), (3, 1), (4, 1), (5, 2)])
def test_what_was_found_before_the_solves_ran_out_is_suggested(
    source: MemorySource, most_solves: int, found: int
) -> None:
    assert len(fixes_of(spec_of("torch==1.12.1", "torchvision==0.14.0"), source, most_solves=most_solves)) == found

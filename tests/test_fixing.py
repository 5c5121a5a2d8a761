"""Fixes: each is solved with exactly the change that is printed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from envsolver.app.fixing import MOST_SOLVES, edited, find_fixes
from envsolver.model.errors import NoSolutionError
from envsolver.model.origin import Origin
from envsolver.model.spec import Spec
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


def fixes_of(spec: Spec, source: MemorySource, *, most_solves: int = MOST_SOLVES) -> tuple[Fix, ...]:
    async def solve(changed: Spec) -> dict[Name, str]:
        question = replace(problem(), requirements=changed.requirements, constraints=changed.constraints)
        return {package.name: package.version for package in (await resolve(question, source)).packages}

    async def run() -> tuple[Fix, ...]:
        with pytest.raises(NoSolutionError) as caught:
            await solve(spec)
        fixes = await find_fixes(spec, caught.value, solve, most_solves=most_solves)
        for fix in fixes:
            await solve(edited(spec, fix.edits))
        return fixes

    return asyncio.run(run())


@pytest.fixture
def source() -> MemorySource:
    source = MemorySource()
    source.add("torchvision", "0.13.1", ["torch==1.12.1"])
    source.add("torchvision", "0.14.0", ["torch==1.13.0"])
    for version in ["1.12.1", "1.13.0"]:
        source.add("torch", version)
    return source


def test_either_pin_of_a_pair_can_move_and_the_nearer_one_comes_first(source: MemorySource) -> None:
    source.add("torch", "2.0.0")
    source.add("torchvision", "0.15.0", ["torch==2.0.0"])
    first, second = fixes_of(spec_of("torch==1.12.1", "torchvision==0.14.0"), source)
    assert first.title == "specs/x.yaml:5: torch==1.13.0 instead of torch==1.12.1"
    assert first.outcome == "torch 1.13.0, torchvision 0.14.0"
    assert second.title == "specs/x.yaml:6: torchvision==0.13.1 instead of torchvision==0.14.0"


def test_a_range_is_opened_on_the_side_of_the_version_found(source: MemorySource) -> None:
    fixes = fixes_of(spec_of("torch==1.12.1", "torchvision>=0.14,<1"), source)
    assert [fix.edits[0].new for fix in fixes] == ["torch==1.13.0", "torchvision<1,>=0.13.1"]


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
    assert fix.outcome == "a 1.0, b 1.0, c 2.0"


def test_nothing_is_suggested_where_nothing_helps(source: MemorySource) -> None:
    source.add("a", "1.0", ["b==1.0"])
    source.add("b", "1.0", ["c==1.0"])
    source.add("c", "2.0")
    assert fixes_of(spec_of("a"), source) == ()


def test_extras_and_marker_of_the_line_stay(source: MemorySource) -> None:
    (fix, *_) = fixes_of(spec_of("torch==1.12.1", "torchvision[x]==0.14.0 ; python_version >= '3.8'"), source)[1:]
    assert fix.edits[0].new == 'torchvision[x]==0.13.1; python_version >= "3.8"'


@pytest.mark.parametrize(("most_solves", "found"), [(0, 0), (1, 0), (2, 1), (3, 1), (4, 2)])
def test_what_was_found_before_the_solves_ran_out_is_suggested(
    source: MemorySource, most_solves: int, found: int
) -> None:
    assert len(fixes_of(spec_of("torch==1.12.1", "torchvision==0.14.0"), source, most_solves=most_solves)) == found

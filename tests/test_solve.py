"""The solver on small universes: what each rule of the packaging standards asks of it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest
from packaging.version import Version

from envsolver.model.candidate import normalize_name
from envsolver.model.errors import NetworkError, NoSolutionError, UnknownPackageError
from envsolver.model.resolution import Edge
from envsolver.solve.horizon import Bounds, series_of
from envsolver.solve.resolve import resolve
from tests.support.memory import MemorySource, problem

if TYPE_CHECKING:
    from envsolver.model.candidate import File, Metadata
    from envsolver.model.resolution import Resolution
    from envsolver.solve.problem import Problem


def run(question: Problem, source: MemorySource) -> Resolution:
    return asyncio.run(resolve(question, source))


def pins(question: Problem, source: MemorySource) -> dict[str, str]:
    return {package.name: package.version for package in run(question, source).packages}


def failure(question: Problem, source: MemorySource) -> NoSolutionError:
    with pytest.raises(NoSolutionError) as caught:
        run(question, source)
    return caught.value


@pytest.fixture
def source() -> MemorySource:
    return MemorySource()


def test_the_newest_of_each_project_that_fits_is_chosen(source: MemorySource) -> None:
    source.add("app", "1.0", ["lib>=1,<2"])
    for version in ["1.0", "1.9", "2.0"]:
        source.add("lib", version)
    assert pins(problem("app"), source) == {"app": "1.0", "lib": "1.9"}


def test_requirements_are_served_in_the_order_written(source: MemorySource) -> None:
    source.add("numpy", "1.0", uploaded=0)
    source.add("numpy", "2.0", uploaded=100)
    source.add("numba", "0.1", uploaded=0)
    source.add("numba", "0.9", ["numpy<2"], uploaded=10**9)
    assert pins(problem("numpy", "numba"), source) == {"numpy": "2.0", "numba": "0.1"}
    assert pins(problem("numba", "numpy"), source) == {"numpy": "1.0", "numba": "0.9"}


def test_a_requirement_far_behind_is_said_with_the_solved_alternative(source: MemorySource) -> None:
    source.add("numpy", "1.0", uploaded=0)
    source.add("numpy", "2.0", uploaded=100)
    source.add("numba", "0.1", uploaded=0)
    source.add("numba", "0.9", ["numpy<2"], uploaded=10**9)
    (note,) = run(problem("numpy", "numba"), source).notes
    assert note == (
        "numba 0.1 is far behind 0.9, since requirements before it come first;"
        " with numba first: numpy 1.0 instead of 2.0, numba 0.9 instead of 0.1"
    )
    assert run(problem("numba", "numpy"), source).notes == ()


def test_a_requirement_that_a_constraint_on_another_holds_back(source: MemorySource) -> None:
    for version, uploaded in {"1.0": 0, "2.0": 100, "3.0": 10**9}.items():
        source.add("numpy", version, uploaded=uploaded)
    source.add("torch", "1.0", uploaded=0)
    source.add("lightning", "1.5", ["numpy"], uploaded=0)
    source.add("lightning", "2.0", ["numpy>=2", "torch"], uploaded=10**8)
    source.add("lightning", "2.1", ["numpy>=2", "torch"], uploaded=10**9)
    asked = problem("lightning", constraints=("torch<9", "numpy<2"))
    resolution = run(asked, source)
    assert [package.version for package in resolution.packages] == ["1.5", "1.0"]
    assert resolution.notes == ("lightning 1.5 is far behind 2.1; without specs/x.yaml:51: numpy<2 it could be newer",)
    # Where the requirement itself admits nothing newer, or only a solution without it would, there is nothing to say.
    assert run(problem("lightning<2", constraints=("numpy<2",)), source).notes == ()
    assert run(problem("lightning", "old", constraints=("numpy<3",)), _with_old(source)).notes == ()


def _with_old(source: MemorySource) -> MemorySource:
    source.add("old", "1.0", ["lightning<2"], uploaded=0)
    return source


def test_extras_bring_their_requirements_and_only_theirs(source: MemorySource) -> None:
    source.add("app", "1.0", ["base", "s3fs; extra == 's3'", "gcsfs; extra == 'gcs'", "app[s3,gcs]; extra == 'all'"])
    for name in ["base", "s3fs", "gcsfs"]:
        source.add(name, "1.0")
    assert set(pins(problem("app"), source)) == {"app", "base"}
    assert set(pins(problem("app[S3]"), source)) == {"app", "base", "s3fs"}
    assert set(pins(problem("app[all]"), source)) == {"app", "base", "s3fs", "gcsfs"}


def test_an_extra_that_a_version_does_not_have_brings_nothing(source: MemorySource) -> None:
    source.add("app", "1.0")
    resolution = run(problem("app[gone]"), source)
    (package,) = resolution.packages
    assert resolution.notes == ("specs/x.yaml:5: app 1.0 has no extra 'gone'",)
    assert (package.version, package.extras, package.edges) == ("1.0", ("gone",), ())


def test_an_extra_can_move_the_package_that_has_it(source: MemorySource) -> None:
    source.add("app", "1.0", ["lib; extra == 'x'"])
    source.add("app", "2.0", ["lib>=9; extra == 'x'"])
    source.add("lib", "1.0")
    assert pins(problem("app[x]"), source) == {"app": "1.0", "lib": "1.0"}
    assert pins(problem("app"), source) == {"app": "2.0"}


def test_markers_are_judged_for_the_target(source: MemorySource) -> None:
    source.add("app", "1.0", ["win; sys_platform == 'win32'", "old; python_version < '3.9'", "new"])
    for name in ["win", "old", "new"]:
        source.add(name, "1.0")
    assert set(pins(problem("app", "win; sys_platform == 'win32'"), source)) == {"app", "new"}
    assert set(pins(problem("app", python="3.8"), source)) == {"app", "new", "old"}
    assert set(pins(problem("app", platform="win-64"), source)) == {"app", "new", "win"}


def test_wheels_and_requires_python_decide_what_can_be_chosen(source: MemorySource) -> None:
    source.add("x", "1.0", tags="cp39-cp39-manylinux_2_17_x86_64.manylinux2014_x86_64")
    source.add("x", "2.0", tags="cp39-cp39-manylinux_2_34_x86_64")
    source.add("x", "3.0", tags="cp310-cp310-manylinux_2_17_x86_64")
    source.add("x", "4.0", requires_python=">=3.10")
    source.add("x", "5.0", metadata_python=">=3.10")
    assert pins(problem("x"), source) == {"x": "1.0"}


def test_the_best_file_of_a_version_is_taken(source: MemorySource) -> None:
    source.add("x", "1.0", sdist=True)
    source.add("x", "1.0", tags="py3-none-any")
    source.add("x", "1.0", tags="cp39-cp39-manylinux_2_17_x86_64")
    source.add("x", "1.0", tags="cp39-cp39-manylinux_2_17_x86_64", build="-2")
    (package,) = run(problem("x"), source).packages
    assert package.file.filename == "x-1.0-2-cp39-cp39-manylinux_2_17_x86_64.whl"


def test_a_pre_release_is_chosen_only_where_no_final_will_do(source: MemorySource) -> None:
    for version in ["1.0", "1.1rc1", "1.1", "2.0rc1"]:
        source.add("x", version)
    source.add("only", "1.0b1")
    source.add("asks", "1.0", ["x>=1.1rc1"])
    source.add("needs", "1.0", ["x>1.1"])
    assert pins(problem("x"), source) == {"x": "1.1"}
    assert pins(problem("only"), source) == {"only": "1.0b1"}
    assert pins(problem("asks"), source) == {"asks": "1.0", "x": "1.1"}
    assert pins(problem("needs"), source) == {"needs": "1.0", "x": "2.0rc1"}


def test_a_bound_gives_way_before_a_pre_release_is_chosen(source: MemorySource) -> None:
    source.add("x", "1.0", ["y"], uploaded=0)
    source.add("x", "1.1rc1", ["y"], uploaded=300 * DAY)
    source.add("y", "1.0", uploaded=0)
    source.add("y", "2.0", uploaded=200 * DAY)
    bounds = Bounds(horizon=90 * DAY)
    assert pins(bounded("x", bounds=bounds), source) == {"x": "1.0", "y": "1.0"}
    assert pins(bounded("x", "y>=2", bounds=bounds), source) == {"x": "1.0", "y": "2.0"}
    assert pins(bounded("x>1.0", "y>=2", bounds=bounds), source) == {"x": "1.1rc1", "y": "2.0"}


def test_a_requirement_that_names_a_pre_release_lets_in_those_that_it_admits(source: MemorySource) -> None:
    for version in ["1.0", "1.5rc1", "2.0rc1"]:
        source.add("x", version)
    source.add("asks", "1.0", ["x==1.5rc1"])
    source.add("asks", "0.9", ["x"])
    assert pins(problem("asks"), source) == {"asks": "1.0", "x": "1.5rc1"}


def test_a_requirement_that_no_final_meets_lets_in_the_pre_releases_that_do(source: MemorySource) -> None:
    for version in ["1.0", "2.0rc1"]:
        source.add("x", version)
    source.add("asks", "1.0", ["x>1.0"])
    source.add("asks", "0.9", ["x"])
    assert pins(problem("asks"), source) == {"asks": "1.0", "x": "2.0rc1"}  # as pip and uv have it


def test_the_spec_can_opt_in_to_pre_releases(source: MemorySource) -> None:
    for version in ["1.0", "2.0rc1", "2.0.dev1"]:
        source.add("x", version)
    assert pins(problem("x>=1.0rc1"), source) == {"x": "2.0rc1"}
    assert pins(problem("x", constraints=["x>=1.0a0"]), source) == {"x": "2.0rc1"}


def test_yanked_versions_need_a_pin(source: MemorySource) -> None:
    source.add("x", "1.0")
    source.add("x", "2.0", yanked="broken")
    source.add("pins", "1.0", ["x==2.0"])
    assert pins(problem("x"), source) == {"x": "1.0"}
    assert pins(problem("x==2.0"), source) == {"x": "2.0"}
    assert pins(problem("pins"), source) == {"pins": "1.0", "x": "2.0"}
    assert "yanked" in str(failure(problem("x>=1.5"), source))


def test_as_of_hides_later_files(source: MemorySource) -> None:
    source.add("x", "1.0", uploaded=100)
    source.add("x", "2.0", uploaded=200)
    source.add("x", "1.0", tags="cp39-cp39-manylinux1_x86_64", uploaded=300)
    source.add("undated", "1.0")
    resolution = run(problem("x", "undated", as_of=200), source)
    assert [p.file.filename for p in resolution.packages] == ["undated-1.0-py3-none-any.whl", "x-1.0-py3-none-any.whl"]
    assert pins(problem("x", as_of=201), source) == {"x": "2.0"}
    assert "uploaded after as-of 1970-01-01T00:01:40" in str(failure(problem("x", as_of=100), source))


def test_constraints_narrow_but_bring_nothing(source: MemorySource) -> None:
    source.add("app", "1.0", ["lib"])
    source.add("lib", "1.0")
    source.add("lib", "2.0")
    assert pins(problem("app", constraints=["lib<2", "other<1"]), source) == {"app": "1.0", "lib": "1.0"}


def test_overrides_replace_what_packages_require(source: MemorySource) -> None:
    source.add("app", "1.0", ["lib[x]<2", "tail"])
    source.add("lib", "1.0")
    source.add("lib", "2.0", ["tail; extra == 'x'"])
    source.add("tail", "1.0")
    resolution = run(problem("app", overrides=["lib==2.0"]), source)
    assert {p.name: p.version for p in resolution.packages} == {"app": "1.0", "lib": "2.0", "tail": "1.0"}
    assert resolution.packages[0].edges == (
        Edge(name=resolution.packages[1].name, extras=("x",), specifier="==2.0", overridden="<2"),
        Edge(name=resolution.packages[2].name),
    )


def test_versions_to_keep_are_kept_where_they_can_be(source: MemorySource) -> None:
    for version in ["1.0", "2.0", "3.0"]:
        source.add("x", version)
        source.add("y", version)
    source.add("app", "1.0", ["x>=2"])
    assert pins(problem("app", "y", preferences={"x": "2.0", "y": "1.0"}), source) == {
        "app": "1.0",
        "x": "2.0",
        "y": "1.0",
    }
    assert pins(problem("app", preferences={"x": "1.0"}), source) == {"app": "1.0", "x": "3.0"}


def test_a_new_requirement_comes_at_its_newest_and_moves_what_it_must(source: MemorySource) -> None:
    source.add("old", "1.0")
    source.add("old", "2.0")
    source.add("free", "1.0")
    source.add("free", "2.0")
    source.add("new", "1.0")
    source.add("new", "2.0", ["old>=2"])
    kept = {"old": "1.0", "free": "1.0"}
    assert pins(problem("old", "free", "new", preferences=kept), source) == {"free": "1.0", "new": "2.0", "old": "2.0"}


def test_a_candidate_without_usable_metadata_is_passed_over(source: MemorySource) -> None:
    source.add("x", "1.0")
    source.add("x", "2.0", unusable=True)
    source.add("x", "3.0", ["not a requirement !"])
    assert pins(problem("x"), source) == {"x": "1.0"}
    text = str(failure(problem("x>=2"), source))
    assert "METADATA is not readable" in text
    assert "not a requirement !" in text


def test_a_requirement_on_a_project_that_does_not_exist(source: MemorySource) -> None:
    source.add("app", "1.0")
    source.add("app", "2.0", ["nowhere"])
    assert pins(problem("app"), source) == {"app": "1.0"}
    with pytest.raises(UnknownPackageError, match="no index has a package 'gone'"):
        run(problem("gone"), source)
    assert "no index has a package 'nowhere' (asked: default)" in str(failure(problem("app==2.0"), source))


def test_edges_carry_marker_extra_and_specifier(source: MemorySource) -> None:
    source.add("app", "1.0", ["b>=1 ; python_version >= '3.8'", "c[z]~=1.0 ; extra == 's3'"])
    source.add("b", "1.0")
    source.add("c", "1.0")
    app = run(problem("app[s3]"), source).packages[0]
    assert [(e.name, e.extras, e.specifier, e.marker, e.extra) for e in app.edges] == [
        ("b", (), ">=1", 'python_version >= "3.8"', None),
        ("c", ("z",), "~=1.0", 'extra == "s3"', "s3"),
    ]


def test_many_candidates_are_read_in_growing_batches(source: MemorySource) -> None:
    for minor in range(600):
        source.add("boto3", f"1.{minor}.0", [f"botocore==1.{minor}.0"])
        source.add("botocore", f"1.{minor}.0")
    resolution = run(problem("boto3", "botocore==1.20.0"), source)
    assert {p.version for p in resolution.packages} == {"1.20.0"}
    assert resolution.stats.rounds < 30
    # Nothing of a page is read twice.
    assert source.asked["boto3"] == source.asked["botocore"] == 1


def test_a_conflict_is_explained_by_what_takes_part_in_it(source: MemorySource) -> None:
    source.add("torchvision", "0.14.0", ["torch==1.13.0", "pillow"])
    source.add("torchvision", "0.14.1", ["torch==1.13.1", "pillow"])
    for version in ["1.12.1", "1.13.0", "1.13.1"]:
        source.add("torch", version, ["typing-extensions"])
    source.add("pillow", "9.0")
    source.add("typing-extensions", "4.0")
    error = failure(problem("pillow", "torch==1.12.1", "torchvision>=0.14"), source)
    assert str(error) == dedent("""\
        these requirements cannot hold together:
          specs/x.yaml:6: torch==1.12.1
          specs/x.yaml:7: torchvision>=0.14
          torchvision 0.14.0 requires torch==1.13.0
          torchvision 0.14.1 requires torch==1.13.1""")
    assert error.hint == "loosen or remove one of the lines above that stand in the spec"


def test_a_line_that_only_keeps_out_what_was_not_read_yet_is_no_part_of_a_conflict(source: MemorySource) -> None:
    source.add("app", "3.0", ["lib"])
    source.add("app", "2.0", ["lib"])
    source.add("lib", "2.0")
    assert str(failure(problem("app>=1", "app<3", constraints=["lib==1"]), source)) == dedent("""\
        these requirements cannot hold together:
          specs/x.yaml:5: app>=1
          specs/x.yaml:50: lib==1 (constraint)
          app 2.0 to 3.0 require lib""")


def test_an_explanation_does_not_need_what_an_index_does_not_tell(source: MemorySource) -> None:
    class Failing(MemorySource):
        async def metadata(self, file: File) -> Metadata:
            if file.version == "3.0":
                raise NetworkError("the index is gone")
            return await super().metadata(file)

    failing = Failing(files=source.files, declared=source.declared)
    for version in ["2.0", "3.0"]:
        failing.add("app", version, ["lib==1"])
    failing.add("lib", "2.0")
    error = failure(problem("app>=1", "app<3"), failing)
    assert [reason.text for reason in error.conflict if reason.text] == ["app<3"]
    assert "app 2.0 requires lib==1" in str(error)


def test_a_conflict_says_what_the_target_rules_out(source: MemorySource) -> None:
    source.add("app", "1.0", ["lib>=2"])
    source.add("lib", "1.0")
    source.add("lib", "2.0", requires_python=">=3.10")
    source.add("lib", "3.0", tags="cp39-cp39-win_amd64")
    source.add("lib", "4.0", tags="cp310-cp310-manylinux_2_17_x86_64")
    source.add("lib", "5.0", tags="cp39-cp39-manylinux_2_34_x86_64")
    assert str(failure(problem("app"), source)) == dedent("""\
        these requirements cannot hold together:
          specs/x.yaml:5: app
          app 1.0 requires lib>=2
          lib 4.0 cannot be used: no sdist, and no wheel for CPython 3.9
          lib 3.0 cannot be used: no sdist, and no wheel for linux-64
          lib 2.0 cannot be used: Requires-Python excludes 3.9.25
          lib 5.0 cannot be used: no sdist, and the wheels for linux-64 need a newer glibc than 2.31""")


def test_a_requirement_that_nothing_meets_is_explained_by_what_exists(source: MemorySource) -> None:
    source.add("x", "1.0")
    source.add("x", "1.1")
    error = failure(problem("x==9"), source)
    assert str(error) == dedent("""\
        specs/x.yaml:5: no version of x satisfies 'x==9'
          index 'default' has 1.0, 1.1""")
    assert error.hint == "the newest version that can be used here is 1.1"


def test_a_constraint_that_takes_part_is_named(source: MemorySource) -> None:
    source.add("app", "1.0", ["lib>=2"])
    source.add("lib", "1.0")
    source.add("lib", "2.0")
    assert str(failure(problem("app", constraints=["lib<2"]), source)).splitlines()[1:] == [
        "  specs/x.yaml:5: app",
        "  specs/x.yaml:50: lib<2 (constraint)",
        "  app 1.0 requires lib>=2",
    ]


DAY = 24 * 3600
JANUARY_2023 = 1_672_531_200


def dated(source: MemorySource) -> MemorySource:
    """DeepSpeed of January 2023 beside pydantic 1 of before and pydantic 2 of June 2023."""
    source.add("deepspeed", "0.8.0", ["pydantic", "hjson"], uploaded=JANUARY_2023)
    source.add("pydantic", "1.10.4", uploaded=JANUARY_2023 - 10 * DAY)
    source.add("pydantic", "2.0a1", uploaded=JANUARY_2023 + 80 * DAY)
    source.add("pydantic", "2.0", uploaded=JANUARY_2023 + 180 * DAY)
    source.add("pydantic", "1.10.18", uploaded=JANUARY_2023 + 600 * DAY)
    source.add("hjson", "3.1.0", uploaded=JANUARY_2023 - 100 * DAY)
    return source


def bounded(*texts: str, bounds: Bounds | None = None) -> Problem:
    return replace(problem(*texts), bounds=bounds or Bounds())


def test_a_requirement_does_not_reach_what_came_long_after_it(source: MemorySource) -> None:
    resolution = run(bounded("deepspeed"), dated(source))
    assert {p.name: p.version for p in resolution.packages} == {
        "deepspeed": "0.8.0",
        "hjson": "3.1.0",
        "pydantic": "1.10.18",
    }
    (held,) = resolution.held
    assert (held.name, held.requirer, held.version, held.beyond) == ("pydantic", "deepspeed", "0.8.0", "2.0")
    assert resolution.given_up == ()


def test_what_the_spec_itself_requires_is_not_bounded(source: MemorySource) -> None:
    assert pins(bounded("pydantic"), dated(source)) == {"pydantic": "2.0"}
    resolution = run(bounded("deepspeed", "pydantic>=2"), source)
    assert {p.name: p.version for p in resolution.packages}[normalize_name("pydantic")] == "2.0"
    assert resolution.held == ()


def test_a_bound_gives_way_where_nothing_else_resolves(source: MemorySource) -> None:
    dated(source).add("other", "1.0", ["pydantic>=2"], uploaded=JANUARY_2023 + 300 * DAY)
    resolution = run(bounded("deepspeed", "other"), source)
    assert {p.name: p.version for p in resolution.packages}[normalize_name("pydantic")] == "2.0"
    assert [(given.requirer, given.name) for given in resolution.given_up] == [("deepspeed", "pydantic")]


def test_bounds_can_be_switched_off_for_a_project(source: MemorySource) -> None:
    pydantic = normalize_name("pydantic")
    assert pins(bounded("deepspeed", bounds=Bounds(of_project={pydantic: None})), dated(source))["pydantic"] == "2.0"
    wider = Bounds(of_project={pydantic: 200 * DAY})
    assert pins(bounded("deepspeed", bounds=wider), source)["pydantic"] == "2.0"
    assert pins(bounded("deepspeed", bounds=Bounds(exempt=frozenset({pydantic}))), source)["pydantic"] == "2.0"


@pytest.mark.parametrize(
    ("version", "uploaded", "series"),
    [
        ("1.10.4", JANUARY_2023, (0, 1)),
        ("0.8.0", JANUARY_2023, (0, 0, 8)),
        ("0", JANUARY_2023, (0, 0, 0)),
        ("2!1.0", JANUARY_2023, (2, 1)),
        ("2023.1.0", JANUARY_2023, None),
        ("22.12.0", JANUARY_2023, None),
        ("65.7.0", JANUARY_2023, (0, 65)),
        ("23.0", JANUARY_2023 - 4 * 365 * DAY, (0, 23)),
    ],
)
def test_the_series_of_a_version(version: str, uploaded: int, series: tuple[int, ...] | None) -> None:
    assert series_of(Version(version), uploaded) == series

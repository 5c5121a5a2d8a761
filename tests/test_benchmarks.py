"""The benchmarks measure what they say: the relay counts, the judge sees what is wrong, the sets are whole."""

from __future__ import annotations

import urllib.request
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.judge import judge
from benchmarks.relay import Link, Relay
from benchmarks.timing import EDITS, MAIN_SPEC, Measure, edit_spec
from benchmarks.tools import Envsolver, InputSet, Result, Uv, read_sets, spec_inputs
from tests.support.packages import make_wheel, wheel_filename

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.index_server import IndexServer

NO_SOLUTION = 3


def result(pins: dict[str, str] | None, **changes: Any) -> Result:
    """Return a result with these pins, or a failure for want of a solution."""
    solved = Result(status=0, pins=pins or {}, seconds=1.0, cpu=1.0, memory=1, output="", rounds=3)
    if pins is None:
        solved = replace(solved, status=NO_SOLUTION, rounds=None)
    return replace(solved, **changes)


INPUTS = InputSet(name="set", requirements=("A[x]>=1", "b"), python="3.11")
PINS = {"a": "1.0", "b": "2.0", "c": "3.0"}


def violations(ours: Result, theirs: Result, fed_back: Result | None, inputs: InputSet = INPUTS) -> tuple[str, ...]:
    return judge(inputs, ours, theirs, fed_back).violations


def test_equal_solutions_pass() -> None:
    verdict = judge(INPUTS, result(PINS), result(PINS), result(PINS))
    assert (verdict.outcome, verdict.violations, verdict.different) == ("solved", (), {})


def test_versions_are_compared_as_versions() -> None:
    other = PINS | {"a": "1.0.0"}
    verdict = judge(INPUTS, result(PINS), result(other), result(other))
    assert (verdict.violations, verdict.different) == ((), {})


def test_both_without_solution_pass() -> None:
    verdict = judge(INPUTS, result(None), result(None), None)
    assert (verdict.outcome, verdict.violations) == ("no solution", ())


@pytest.mark.parametrize(("ours", "theirs"), [(None, PINS), (PINS, None)])
def test_disagreement_on_whether_there_is_a_solution(
    ours: dict[str, str] | None, theirs: dict[str, str] | None
) -> None:
    assert any("envsolver found" in text for text in violations(result(ours), result(theirs), None))


def test_a_crash_is_no_answer() -> None:
    crashed = result(None, status=4, output="connection refused\n")
    assert "envsolver ended with 4 instead of 3 (no solution): connection refused" in violations(
        crashed, result(None), None
    )


@pytest.mark.parametrize(
    ("fed_back", "verb"),
    [
        (PINS | {"d": "1"}, "adds d"),
        ({"a": "1.0", "b": "2.0"}, "drops c"),
        (PINS | {"b": "2.1"}, "moves b"),
        (None, "no solution"),
    ],
)
def test_pins_that_uv_does_not_keep(fed_back: dict[str, str] | None, verb: str) -> None:
    (violation,) = violations(result(PINS), result(PINS), result(fed_back))
    assert verb in violation


def test_older_direct_requirement_needs_an_explanation() -> None:
    newer = PINS | {"b": "2.5", "c": "9"}
    (violation,) = violations(result(PINS), result(newer), result(PINS))
    assert violation.startswith("b 2.0 is older than uv's 2.5")
    assert violations(result(PINS, notes=("b stays at 2.0: a wants it",)), result(newer), result(PINS)) == ()
    explained = replace(INPUTS, explained=(("b", "order"),))
    assert violations(result(PINS), result(newer), result(PINS), explained) == ()


def test_a_note_about_another_package_explains_nothing() -> None:
    newer = PINS | {"b": "2.5"}
    noted = result(PINS, notes=("blosc stays at 1.0", "ab is old"))
    assert len(violations(noted, result(newer), result(PINS))) == 1


def test_too_many_rounds() -> None:
    assert violations(result(PINS, rounds=41), result(PINS), result(PINS)) == ("41 rounds",)


def test_the_sets() -> None:
    sets = {inputs.name: inputs for inputs in read_sets()}
    assert len(sets) == 30
    assert {inputs.python for inputs in sets.values()} == {"3.8", "3.9", "3.10", "3.11", "3.12"}
    assert sum(name.startswith("no-solution") for name in sets) == 2
    assert sets["datasets-fsspec-s3fs"].direct == ("datasets", "fsspec", "s3fs")


def test_repeated_names_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "sets.toml"
    path.write_text('[[set]]\nname = "a"\npython = "3.11"\nrequirements = []\n' * 2)
    with pytest.raises(ValueError, match="twice"):
        read_sets(path)


def test_relay_counts_what_crosses_it(index_server: IndexServer) -> None:
    with Relay() as relay:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({"http": relay.url}))
        # The loopback server knows paths, not URLs: ask for the path that a plain request through a proxy carries.
        index_server.route(f"{index_server.base}/blob", b"y" * 300_000)
        with opener.open(f"{index_server.base}/blob", timeout=10) as reply:
            assert reply.read() == b"y" * 300_000
        first = relay.reset()
        assert first.connections == 1
        assert 300_000 < first.received < 301_000
        assert 0 < first.sent < 1_000
        assert relay.reset().received == 0


def test_relay_imitates_a_link(index_server: IndexServer) -> None:
    with Relay(Link(delay=0.5, bandwidth=1000.0)) as relay:
        now = relay._loop.time()
        due = [relay._due(100, down=True) for _ in range(3)]
        assert due[0] - now >= 0.6
        assert due[2] - due[0] == pytest.approx(0.2, abs=0.001)
        assert relay._due(100, down=False) - now < due[0] - now
        assert relay.reset().received == 300


def test_uv_is_asked_for_the_target_of_the_set(default_index: IndexServer, tmp_path: Path) -> None:
    for version, python in {"1.0": ">=3.8", "2.0": ">=3.9"}.items():
        data = make_wheel("demo", version, requires=['win ; sys_platform == "win32"', "leaf"], requires_python=python)
        default_index.add(wheel_filename("demo", version), data, requires_python=python)
    default_index.add(wheel_filename("leaf", "1.0"), make_wheel("leaf", "1.0"))
    uv = Uv(tmp_path, index=default_index.url())
    old = uv.lock(InputSet(name="old", requirements=("demo",), python="3.8"))
    assert (old.status, old.pins) == (0, {"demo": "1.0", "leaf": "1.0"})
    asked = len(default_index.requests)
    uv.forget_lock()
    assert uv.lock(InputSet(name="old", requirements=("demo",), python="3.8")).pins == old.pins
    assert len(default_index.requests) == asked, "the warm run asked the index, which sends no cache headers"
    uv.forget_lock()
    new = uv.lock(InputSet(name="new", requirements=("demo",), python="3.9"))
    assert new.pins == {"demo": "2.0", "leaf": "1.0"}
    uv.forget_lock()
    bound = uv.lock(InputSet(name="new", requirements=("demo",), python="3.9"), pins={"demo": "1.0"})
    assert bound.pins == {"demo": "1.0", "leaf": "1.0"}


def test_envsolver_is_asked_for_the_same(default_index: IndexServer, tmp_path: Path) -> None:
    for version in ("1.0", "2.0"):
        default_index.add(wheel_filename("demo", version), make_wheel("demo", version, requires=["leaf"]))
    default_index.add(wheel_filename("leaf", "1.0"), make_wheel("leaf", "1.0"))
    envsolver = Envsolver(tmp_path, index=default_index.url())
    inputs = InputSet(name="set", requirements=("demo",), python="3.9", constraints=("demo<2",))
    locked = envsolver.lock(inputs)
    assert (locked.status, locked.pins) == (0, {"demo": "1.0", "leaf": "1.0"}), locked.output
    assert locked.rounds is not None
    assert locked.memory > 1 << 20
    failed = envsolver.lock(replace(inputs, requirements=("demo>2",)))
    assert (failed.status, failed.pins) == (NO_SOLUTION, {})


def test_edits_are_edits_of_the_main_spec(tmp_path: Path, repository: Path) -> None:
    import shutil

    shutil.copytree(repository / "specs", tmp_path / "specs")
    before = spec_inputs(tmp_path, MAIN_SPEC)
    assert len(set(EDITS)) == 5
    for edit in EDITS:
        undo = edit_spec(tmp_path, MAIN_SPEC, edit)
        changed = set(spec_inputs(tmp_path, MAIN_SPEC).requirements) - set(before.requirements)
        assert changed == {edit}
        undo()
    assert spec_inputs(tmp_path, MAIN_SPEC) == before
    with pytest.raises(LookupError):
        edit_spec(tmp_path, MAIN_SPEC, "no-such-project==1")


def test_measures() -> None:
    measure = Measure(scenario="warm", inputs="set")
    for seconds in (3.0, 1.0, 2.0):
        measure.add("uv", result(PINS, seconds=seconds))
    assert measure.median("uv") == 2.0
    assert measure.document()["tools"]["uv"]["seconds"] == [3.0, 1.0, 2.0]

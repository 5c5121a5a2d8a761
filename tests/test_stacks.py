"""The comparison of stacks: what is tried, what counts as running, what is remembered."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks import trials
from benchmarks.kept import Kept, keep
from benchmarks.kept import table as table_of_kept
from benchmarks.lockers import EnvsolverLocker, Locked, Stack, UvLocker, make_locker
from benchmarks.smoke import CHECKS, models, others, training
from benchmarks.stacks import Journal, Plan, Result, causes, counts, main, read_plan, run, table, write_into
from benchmarks.tools import InputSet, Uv
from benchmarks.trials import SMOKE, Finding, Trial, Workshop, clashes, digest, findings
from envsolver.solve.horizon import Bounds
from tests.support.packages import make_wheel, sha256, wheel_filename

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.support.index_server import IndexServer

MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"
DEMO = Stack(inputs=InputSet(name="demo", requirements=("demo",), python=MINOR), year=2024)


def plan(*stacks: Stack) -> Plan:
    return Plan(
        stacks=stacks or (DEMO,),
        imports={"opencv-python": ("cv2",)},
        checks={"plot": ("demo",), "bridge": ("demo", "numpy"), "other": ("other",)},
        build_constraints=(),
    )


def locked(pins: dict[str, str], **changes: Any) -> Locked:
    return replace(Locked(outcome="locked", seconds=1.0, pins=pins, requirements="demo==1\n"), **changes)


# What there is to be tried


def test_the_plan_is_whole() -> None:
    real = read_plan()
    assert all(module.check for module in (models, others, training)), "whose import registers the checks"
    assert len(real.stacks) >= 22
    assert {stack.year for stack in real.stacks} == {2021, 2022, 2023, 2024, 2025}
    assert sorted(real.checks) == sorted(CHECKS)
    asked = {name for stack in real.stacks for name in stack.inputs.direct}
    assert {subject for subject, *_ in real.checks.values()} <= asked, "a check that no stack asks for"
    assert set(real.imports) <= asked | {"opencv-python-headless"}
    for stack in real.stacks:
        assert any("==" in requirement for requirement in stack.inputs.requirements), stack.name
        assert str(stack.year) <= date.fromisoformat(stack.day).isoformat() < str(stack.year + 2), stack.name
        pins = {other: "1" for needed in real.checks.values() for other in needed}
        assert len(real.checks_of(stack, pins)) > len(stack.inputs.direct), f"{stack.name} is only imported"


def test_names_are_unique(tmp_path: Path) -> None:
    path = tmp_path / "stacks.toml"
    stack = '[[stack]]\nname = "a"\nyear = 2021\nday = "2021-06-01"\npython = "3.8"\nrequirements = []\n'
    path.write_text(f'glibc = "2.31"\nbuild-constraints = []\n[imports]\n[checks]\n{stack * 2}')
    with pytest.raises(ValueError, match="twice"):
        read_plan(path)


def test_checks_follow_from_what_was_asked_for_and_what_is_there() -> None:
    assert plan().checks_of(DEMO, {"demo": "1"}) == ("import:demo", "plot")
    assert plan().checks_of(DEMO, {"demo": "1", "numpy": "1", "other": "1"}) == ("import:demo", "plot", "bridge")
    pictures = replace(DEMO, inputs=replace(DEMO.inputs, requirements=("opencv_python", "my-demo==1")))
    assert plan().checks_of(pictures, {}) == ("import:cv2", "import:my_demo")


# The smoke test


def smoke(tmp_path: Path, *checks: str) -> tuple[Finding, ...]:
    """Run checks in a process of their own, as a trial does."""
    results = tmp_path / "results.jsonl"
    done = subprocess.run(
        [sys.executable, "-m", "smoke", str(results), *checks],
        cwd=tmp_path,
        env={"PYTHONPATH": str(SMOKE.parent), "PATH": ""},
        capture_output=True,
        check=False,
        timeout=60,
    )
    lines = [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()]
    return findings(lines, checks, end=f"ended with {done.returncode}", output=done.stderr.decode())


def test_what_imports_passes_and_what_does_not_is_found(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("import no_such_module\n")
    (tmp_path / "leaves.py").write_text("raise SystemExit('without a licence')\n")
    found = smoke(tmp_path, "import:json", "import:broken", "import:leaves", "import:csv")
    assert [(one.check, one.error) for one in found] == [
        ("import:broken", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("import:leaves", "SystemExit: without a licence"),
    ]
    assert "import no_such_module" in found[0].trace


def test_a_crash_is_laid_to_the_check_that_crashed(tmp_path: Path) -> None:
    (tmp_path / "crashes.py").write_text("import os\nos._exit(66)\n")
    found = smoke(tmp_path, "import:json", "import:crashes", "import:csv")
    assert [(one.check, one.error) for one in found] == [("import:crashes", "ended with 66")]


def test_threads_left_behind_do_not_hold_up_a_finished_test(tmp_path: Path) -> None:
    (tmp_path / "lingers.py").write_text(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(600,)).start()\n"
    )
    assert smoke(tmp_path, "import:lingers") == ()


def test_the_place_of_an_error_is_given_within_site_packages(tmp_path: Path) -> None:
    folder = tmp_path / "lib/site-packages"
    folder.mkdir(parents=True)
    (folder / "old.py").write_text("import json\njson.loads('{')\n")
    (tmp_path / "uses.py").write_text("import sys\nsys.path.insert(0, 'lib/site-packages')\nimport old\n")
    (found,) = smoke(tmp_path, "import:uses")
    assert found.at == "old.py:2"


def test_the_smoke_test_is_written_for_the_oldest_python() -> None:
    import ast

    for path in SMOKE.glob("*.py"):
        ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 7))


# Clashes


def test_files_of_two_owners_clash_unless_they_are_the_same() -> None:
    records = {
        "opencv-1": [("cv2/a.so", "x"), ("cv2/b.so", "x"), ("cv2/py.typed", "empty")],
        "opencv-headless-1": [("cv2/a.so", "y"), ("cv2/b.so", "y"), ("cv2/py.typed", "empty")],
        "parts-1": [("space/__init__.py", "empty")],
        "parts-2": [("space/__init__.py", "empty")],
    }
    assert clashes(records) == ("opencv-1 and opencv-headless-1 own 2 files in common, such as cv2/a.so",)
    assert clashes({"opencv-1": records["opencv-1"]}) == ()


# What identifies a trial


def test_a_trial_is_identified_by_packages_and_by_the_checks_that_they_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "def helper():\n    return 1\n\n@check\ndef plot():\n    helper()\n\n@check\ndef other():\n    pass\n"
    (tmp_path / "checks.py").write_text(code)
    monkeypatch.setattr(trials, "SMOKE", tmp_path)
    first = digest("3.8", {"a": "1", "b": "2"}, ["plot"], [])
    assert digest("3.8", {"b": "2", "a": "1"}, ["plot"], []) == first
    others = [
        digest("3.9", {"a": "1", "b": "2"}, ["plot"], []),
        digest("3.8", {"a": "1", "b": "3"}, ["plot"], []),
        digest("3.8", {"a": "1", "b": "2"}, ["plot", "import:a"], []),
        digest("3.8", {"a": "1", "b": "2"}, ["plot"], ["setuptools<70"]),
    ]
    assert len({first, *others}) == 5
    (tmp_path / "checks.py").write_text(code.replace("pass", "return"))
    assert digest("3.8", {"a": "1", "b": "2"}, ["plot"], []) == first, "another check's code is no business of this one"
    (tmp_path / "checks.py").write_text(code.replace("return 1", "return 2"))
    assert digest("3.8", {"a": "1", "b": "2"}, ["plot"], []) != first


# Lockers


def uploads(index: IndexServer, releases: dict[str, str], name: str, requires: Sequence[str] = ()) -> None:
    for version, day in releases.items():
        data = make_wheel(name, version, requires=requires)
        index.add(wheel_filename(name, version), data, upload_time=f"{day}T00:00:00Z")


def test_lockers_differ_in_the_bounds(default_index: IndexServer, tmp_path: Path) -> None:
    uploads(default_index, {"1.0": "2022-01-01"}, "demo", ["leaf"])
    uploads(default_index, {"1.0": "2021-01-01", "2.0": "2022-03-01", "3.0": "2022-06-01"}, "leaf")
    found = {}
    for name in ("plain", "rules", "bounds", "both", "bounds-30", "both-365"):
        answer = make_locker(name, tmp_path, ()).lock(DEMO)
        found[name] = (answer.pins["leaf"], bool(answer.held))
    assert found == {
        "plain": ("3.0", False),
        "rules": ("3.0", False),
        "bounds": ("2.0", True),
        "both": ("2.0", True),
        "bounds-30": ("1.0", True),
        "both-365": ("3.0", False),
    }


def test_lockers_differ_in_the_rules(default_index: IndexServer, tmp_path: Path) -> None:
    uploads(default_index, {"2.14.0": "2023-08-01"}, "tensorboard")
    uploads(default_index, {"1.16.0": "2021-05-01"}, "six")
    uploads(default_index, {"68.0.0": "2023-06-01", "84.0.0": "2026-06-01"}, "setuptools")
    stack = replace(DEMO, inputs=replace(DEMO.inputs, requirements=("tensorboard",)))
    found = {name: make_locker(name, tmp_path, ()).lock(stack).pins for name in ("plain", "bounds", "rules", "both")}
    without, with_six = {"tensorboard": "2.14.0"}, {"setuptools": "68.0.0", "six": "1.16.0", "tensorboard": "2.14.0"}
    assert found == {"plain": without, "bounds": without, "rules": with_six, "both": with_six}


@pytest.mark.parametrize("name", ["pip", "plain-30", "bounds-", "both-x"])
def test_unknown_lockers_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"no locker '{name}'"):
        make_locker(name, tmp_path, ())


def test_no_solution_is_a_refusal_and_a_dead_index_is_not(
    default_index: IndexServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploads(default_index, {"1.0": "2022-01-01"}, "demo", ["leaf>2"])
    uploads(default_index, {"1.0": "2021-01-01"}, "leaf")
    uv = UvLocker(Uv(tmp_path, index=default_index.url()), ["setuptools<70"])
    ours = EnvsolverLocker("plain", Bounds(horizon=None), tmp_path / "cache")
    for locker in (uv, ours):
        answer = locker.lock(DEMO)
        assert (answer.outcome, answer.pins) == ("refused", {}), answer.message
        assert "leaf" in answer.message
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple/")
    assert EnvsolverLocker("plain", Bounds(horizon=None), tmp_path / "new").lock(DEMO).outcome == "failed"


# Trials


def test_a_lock_is_installed_and_used(default_index: IndexServer, tmp_path: Path) -> None:
    uploads(default_index, {"1.0": "2022-01-01"}, "demo", ["leaf"])
    default_index.add(
        wheel_filename("leaf", "1.0"), make_wheel("leaf", "1.0", files={"leaf/__init__.py": "", "demo.py": "x = 1\n"})
    )
    uv = Uv(tmp_path, index=default_index.url())
    shop = Workshop(tmp_path / "trials", cache=uv.cache, settings=tmp_path / "uv.toml", keep_free=0)
    answer = make_locker("plain", tmp_path, ()).lock(DEMO)
    both = shop.trial("k", MINOR, answer.requirements, ["import:demo", "import:nothing"], ())
    assert both.outcome == "clashes"
    assert both.clashes == ("demo-1.0 and leaf-1.0 own 1 files in common, such as demo.py",)
    assert [finding.check for finding in both.findings] == ["import:nothing"]
    alone = answer.requirements.splitlines()[0]
    assert alone.startswith("demo==1.0 --hash=sha256:")
    assert shop.trial("k", MINOR, alone, ["import:demo"], ()).outcome == "runs"
    broken = shop.trial("k", MINOR, alone, ["import:leaf"], ())
    assert (broken.outcome, broken.cause) == (
        "breaks",
        "import:leaf: ModuleNotFoundError: No module named 'leaf'",
    )
    assert str(tmp_path) not in json.dumps(broken.document())
    wrong = shop.trial("k", MINOR, f"demo==1.0 --hash=sha256:{sha256(b'')}\n", ["import:demo"], ())
    assert wrong.outcome == "not installed"
    assert "ash mismatch" in wrong.findings[0].trace
    assert list((tmp_path / "trials").iterdir()) == [], "an environment was left behind"
    assert shop.trial("k", "3.1", alone, (), ()).cause.endswith("no interpreter of Python 3.1 on this machine")


def test_a_full_disk_stops_the_comparison(tmp_path: Path) -> None:
    (tmp_path / "uv.toml").write_text("")
    shop = Workshop(tmp_path / "trials", cache=tmp_path / "cache", settings=tmp_path / "uv.toml", keep_free=1e18)
    with pytest.raises(SystemExit, match="GB free"):
        shop.trial("k", MINOR, "", (), ())


# The comparison


class FakeLocker:
    def __init__(self, name: str, answer: Locked) -> None:
        self.name = name
        self.answer = answer
        self.asked = 0

    def lock(self, stack: Stack) -> Locked:
        self.asked += 1
        return self.answer


class FakeShop(Workshop):
    def __init__(self) -> None:
        self.tried: list[str] = []

    def trial(self, key: str, python: str, requirements: str, checks: Sequence[str], build: Sequence[str]) -> Trial:
        self.tried.append(requirements)
        return Trial(key=key, outcome="breaks", findings=(Finding(check=checks[0], error="Error: no"),), clashes=())


def test_equal_locks_are_tried_once_and_nothing_is_done_twice(tmp_path: Path) -> None:
    lockers = [
        FakeLocker("a", locked({"demo": "1"})),
        FakeLocker("b", locked({"demo": "1"}, seconds=9.0)),
        FakeLocker("c", locked({"demo": "2"})),
        FakeLocker("d", locked({}, outcome="refused", message="no\nbecause")),
    ]
    shop = FakeShop()
    results = run(plan(), [DEMO], lockers, Journal(tmp_path / "journal.jsonl"), shop)
    assert [(result.outcome, result.cause) for result in results] == [
        ("breaks", "import:demo: Error: no"),
        ("breaks", "import:demo: Error: no"),
        ("breaks", "import:demo: Error: no"),
        ("refused", "no"),
    ]
    assert len(shop.tried) == 2
    again = run(plan(), [DEMO], lockers, Journal(tmp_path / "journal.jsonl"), shop)
    assert [result.document() for result in again] == [result.document() for result in results]
    assert ([locker.asked for locker in lockers], len(shop.tried)) == ([1, 1, 1, 1], 2)
    changed = replace(DEMO, inputs=replace(DEMO.inputs, requirements=("demo>1",)))
    run(plan(), [changed], lockers[:1], Journal(tmp_path / "journal.jsonl"), shop)
    assert lockers[0].asked == 2


def test_what_is_right_depends_on_whether_it_is_possible() -> None:
    runs = Trial(key="k", outcome="runs")
    possible = Result(stack=DEMO, locker="a", locked=locked({}), trial=runs)
    assert possible.right
    hopeless = replace(DEMO, inputs=replace(DEMO.inputs, name="hopeless"), impossible="two owners")
    clash = Trial(key="k", outcome="clashes", clashes=("a and b",))
    refused = Result(stack=hopeless, locker="b", locked=locked({}, outcome="refused"), trial=None)
    assert refused.right
    assert not replace(refused, stack=DEMO).right
    clashing = Result(stack=hopeless, locker="a", locked=locked({}), trial=clash)
    assert (clashing.right, clashing.cause) == (False, "a and b")
    assert table([possible, replace(possible, locker="b"), clashing, refused]) == (
        "| stack | asked for | a | b |\n"
        "| --- | --- | --- | --- |\n"
        f"| demo | Python {MINOR}: demo | runs | runs |\n"
        f"| hopeless | Python {MINOR}: demo | **clashes** | refused |\n"
        "| right, of 2 |  | 1 | 2 |\n"
    )


def test_what_went_wrong_is_listed_once_for_the_locks_that_share_it() -> None:
    wrong = Trial(
        key="k",
        outcome="breaks",
        findings=(Finding(check="import:demo", error="ImportError: no `x`\n (env/lib/demo.py)"),),
    )
    answer = locked(
        {"demo": "1"}, held=("leaf below 2 by demo 1", "leaf below 2 by other 1", "other below 3 by demo 1")
    )
    results = [Result(stack=DEMO, locker=name, locked=answer, trial=wrong) for name in ("uv", "bounds")]
    results.append(Result(stack=DEMO, locker="both", locked=answer, trial=Trial(key="k", outcome="runs")))
    assert causes(results) == "- demo (uv, without rules): `import:demo: ImportError: no 'x'`\n"
    assert counts(results).splitlines()[2:] == ["| uv | 0 | 1 | 2 |", "| bounds | 0 | 1 | 2 |", "| both | 1 | 1 | 2 |"]


def test_tables_are_put_into_the_blocks_of_a_document(tmp_path: Path) -> None:
    path = tmp_path / "doc.md"
    path.write_text("a\n<!-- table -->\nold\n<!-- /table -->\nz\n", encoding="utf-8")
    for _ in range(2):
        write_into(path, {"table": "| \\1 |\n", "causes": "- x\n"})
        assert path.read_text(encoding="utf-8") == "a\n<!-- table -->\n\n| \\1 |\n\n<!-- /table -->\nz\n"


# Locks that run, and what becomes of them


class FakeUv(UvLocker):
    def __init__(self, pins: dict[str, str]) -> None:
        self.pins = pins
        self.days: list[str | None] = []

    def lock(self, stack: Stack) -> Locked:
        self.days.append(stack.inputs.as_of)
        return locked(self.pins)


class RunsUnless(FakeShop):
    """Tries locks: all run, but for those with one line."""

    def __init__(self, broken: str) -> None:
        super().__init__()
        self.broken = broken

    def trial(self, key: str, python: str, requirements: str, checks: Sequence[str], build: Sequence[str]) -> Trial:
        found = (Finding(check=checks[0], error="Error: no"),) if self.broken in requirements else ()
        return Trial(key=key, outcome="breaks" if found else "runs", findings=found)


def kept_of(default_index: IndexServer, tmp_path: Path, pins: dict[str, str], broken: str = "none") -> Kept | str:
    """Lock as it was in 2022, and update that lock with all that is on an index."""
    uploads(default_index, {"1.0": "2022-01-01"}, "demo", ["leaf", "twig"])
    uploads(default_index, {"1.0": "2021-01-01", "2.0": "2023-03-01"}, "leaf")
    uploads(default_index, {"1.0": "2021-01-01", "2.0": "2023-03-01"}, "twig")
    rules, both = (make_locker(name, tmp_path, ()) for name in ("rules", "both"))
    assert isinstance(rules, EnvsolverLocker)
    assert isinstance(both, EnvsolverLocker)
    uv = FakeUv(pins)
    stack = replace(DEMO, day="2022-02-01")
    journal = Journal(tmp_path / "journal.jsonl")
    answer = keep(plan(), stack, (uv, rules, both), journal, RunsUnless(broken))
    assert uv.days == ["2022-02-01"]
    assert journal.lock_of(stack, "uv", lambda: locked({"other": "1"})).pins == {"other": "1"}, "without the day"
    return answer


def test_a_lock_that_runs_is_left_alone(default_index: IndexServer, tmp_path: Path) -> None:
    kept = kept_of(default_index, tmp_path, {"demo": "1.0", "leaf": "1.0", "twig": "1.0"})
    assert isinstance(kept, Kept)
    assert (kept.rules, kept.both, kept.outcome, kept.right) == ((), (), "runs", True)
    assert table_of_kept([kept]).splitlines()[2] == "| demo | 2022-02-01 | 3 | the same | the same: runs |"


def test_bounds_may_move_what_came_long_after(default_index: IndexServer, tmp_path: Path) -> None:
    kept = kept_of(default_index, tmp_path, {"demo": "1.0", "leaf": "2.0", "twig": "1.0"})
    assert isinstance(kept, Kept)
    assert (kept.rules, kept.both, kept.right) == ((), ("leaf 2.0 -> 1.0",), True)


def test_it_is_wrong_when_what_comes_of_it_breaks(default_index: IndexServer, tmp_path: Path) -> None:
    kept = kept_of(default_index, tmp_path, {"demo": "1.0", "leaf": "2.0", "twig": "1.0"}, broken="leaf==1.0")
    assert isinstance(kept, Kept)
    assert (kept.outcome, kept.right) == ("breaks", False)
    assert table_of_kept([kept]).endswith("| leaf 2.0 -> 1.0: **breaks** |\n")
    moved_by_rules = replace(kept, rules=("leaf 2.0 -> none",), outcome="runs")
    assert not moved_by_rules.right
    assert "| **leaf 2.0 -> none** |" in table_of_kept([moved_by_rules])


def test_a_lock_that_does_not_run_shows_nothing(default_index: IndexServer, tmp_path: Path) -> None:
    assert kept_of(default_index, tmp_path, {"demo": "1.0"}, broken="demo==1") == "breaks: import:demo: Error: no"


def test_the_command_names_stacks_that_do_not_exist() -> None:
    with pytest.raises(SystemExit, match="no stack nonsense"):
        main(["nonsense"])

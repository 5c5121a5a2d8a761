"""The difference between two locks."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from envsolver.lock.diff import Change, LockDiff, Setting, diff_locks
from envsolver.lock.difftext import diff_data, diff_markdown, diff_text
from envsolver.lock.model import BuildFile, LockedBase, LockedBuild
from envsolver.model.candidate import Name
from tests.support.locks import a_file, an_index, locked, resolution

if TYPE_CHECKING:
    from envsolver.lock.model import Lock

ROOTS = {"": ["app"]}


def _lock(universe: dict[str, list[str]], roots: dict[str, list[str]] | None = None, **files: object) -> Lock:
    return locked(resolution(universe, roots or ROOTS, **files), indexes=[an_index()])  # type: ignore[arg-type] # test


def _only(old: Lock, new: Lock) -> Change:
    (change,) = diff_locks(old, new).changes
    return change


OLD = {"app==1.0": ["lib<2", "gone"], "lib==1.5": [], "gone==1.0": []}


def test_moved_packages_say_who_moved_them() -> None:
    new = {"app==2.0": ["lib>=2", "fresh"], "lib==2.1": [], "fresh==0.1": []}
    diff = diff_locks(_lock(OLD), _lock(new))
    assert [(c.name, c.kind, c.old, c.new, c.reasons) for c in diff.changes] == [
        ("app", "upgraded", "1.0", "2.0", ()),
        ("lib", "upgraded", "1.5", "2.1", ("app 2.0 requires lib>=2",)),
        ("fresh", "added", None, "0.1", ("app 2.0 requires fresh",)),
        ("gone", "removed", "1.0", None, ("nothing requires it any more",)),
    ]


def test_a_package_that_nobody_holds_any_more_says_who_held_it() -> None:
    new = {"app==1.0": ["lib", "gone"], "lib==2.10": [], "gone==1.0": []}
    changes = {str(change.name): change for change in diff_locks(_lock(OLD), _lock(new)).changes}
    assert changes["lib"].reasons == ("no longer held: app 1.0 requires lib<2",)
    assert changes["app"].kind == "rewired"
    assert changes["app"].details == ("requires lib", "no longer requires lib<2")


def test_versions_are_compared_as_versions() -> None:
    older, newer = ({"app==1.0": ["lib"], f"lib=={version}": []} for version in ("2.9", "2.10"))
    assert _only(_lock(older), _lock(newer)).kind == "upgraded"
    assert _only(_lock(newer), _lock(older)).kind == "downgraded"


def test_other_bytes_under_one_name_stand_out() -> None:
    universe: dict[str, list[str]] = {"app==1.0": []}
    change = _only(_lock(universe), _lock(universe, files=[a_file("app", "1.0", sha256="f" * 64)]))
    assert change.kind == "rehashed"
    assert change.details[0].endswith(f"becomes {'f' * 64}")


def test_another_index_stands_out_and_so_does_another_file() -> None:
    universe: dict[str, list[str]] = {"app==1.0": []}
    change = _only(_lock(universe), _lock(universe, files=[a_file("app", "1.0", index="cu116")]))
    assert change.kind == "reindexed"
    assert change.details[0] == "from default to https://download.pytorch.org/whl/cu116"
    sdist = _lock(universe, files=[a_file("app", "1.0", "app-1.0.tar.gz")])
    change = _only(_lock(universe), sdist)
    assert change.kind == "refiled"
    assert change.details[:2] == ("wheel becomes sdist", "file app-1.0-py3-none-any.whl becomes app-1.0.tar.gz")


def test_a_version_that_comes_from_another_index_says_so() -> None:
    new = _lock({"app==1.0+cu116": []}, files=[a_file("app", "1.0+cu116", index="cu116")])
    change = _only(_lock({"app==1.0": []}), new)
    assert (change.kind, change.details) == (
        "upgraded",
        ("from default to https://download.pytorch.org/whl/cu116",),
    )


def test_platforms_that_moved_alike_are_one_change() -> None:
    def both(linux: str, windows: str) -> Lock:
        return locked(
            *(
                resolution({f"app=={version}": []}, ROOTS, platform=platform)
                for platform, version in {"linux-64": linux, "win-64": windows}.items()
            )
        )

    assert _only(both("1.0", "1.0"), both("2.0", "2.0")).targets == ()
    assert _only(both("1.0", "1.0"), both("1.0", "2.0")).targets == ("win-64",)


def test_settings_of_the_lock_are_compared() -> None:
    universe: dict[str, list[str]] = {"app==1.0": [], "dev==1.0": []}
    old = locked(resolution(universe, {"": ["app>=0.9"]}))
    torch = [a_file("app", "1.0", index="cu116")]
    new = locked(
        resolution(universe, {"": ["app==1.0"], "dev": ["dev"]}, python="3.8.19", files=torch),
        resolution(universe, {"": ["app==1.0"]}, platform="osx-arm64", python="3.8.19"),
        groups=["dev"],
        indexes=[an_index()],
    )
    assert diff_locks(old, new).settings == (
        Setting(what="Python", old="3.8.20", new="3.8.19"),
        Setting(what="target osx-arm64", old=None, new="macOS 11.0"),
        Setting(what="group dev", old=None, new="present"),
        Setting(what="index cu116", old=None, new="https://download.pytorch.org/whl/cu116"),
        Setting(what="requirement app", old="app>=0.9", new="app==1.0"),
        Setting(what="requirement dev (dev)", old=None, new="dev"),
    )


def test_hand_written_nonsense_is_compared_without_a_crash() -> None:
    lock = _lock({"app==1.0": ["lib"], "lib==1.0": []})
    packages = (
        replace(lock.packages[0], dependencies=(replace(lock.packages[0].dependencies[0], specifier="what?"),)),
        replace(lock.packages[1], version="latest"),
    )
    odd = replace(lock, packages=packages, roots=(replace(lock.roots[0], text="app @@ 1"),))
    assert {change.kind for change in diff_locks(lock, odd).changes} == {"rewired", "upgraded"}
    assert {change.kind for change in diff_locks(odd, lock).changes} == {"rewired", "downgraded"}


SHOWN = LockDiff(
    name="demo",
    settings=(Setting(what="Python", old="3.8.19", new="3.8.20"), Setting(what="group dev", old=None, new="present")),
    changes=(
        Change(name=Name("app"), kind="upgraded", old="1.0", new="2.0", reasons=("specs/demo.yaml requires app>=2",)),
        Change(name=Name("gone"), kind="removed", old="1.0", new=None, targets=("win-64",)),
        Change(name=Name("lib"), kind="rehashed", old="1.5", new="1.5", details=("sha256 a becomes b",)),
    ),
)


def test_text_is_for_reading() -> None:
    assert diff_text(SHOWN) == (
        "Python: 3.8.19 → 3.8.20\n"
        "group dev: added (present)\n"
        "↑ app 1.0 → 2.0\n"
        "    specs/demo.yaml requires app>=2\n"
        "- gone 1.0  (win-64)\n"
        "! lib 1.5\n"
        "    rehashed, same version\n"
        "    sha256 a becomes b\n"
    )


def test_markdown_is_a_table() -> None:
    assert diff_markdown(SHOWN) == (
        "### demo\n\n"
        "- Python: 3.8.19 → 3.8.20\n"
        "- group dev: added (present)\n\n"
        "| package | old | new | what | why |\n"
        "| --- | --- | --- | --- | --- |\n"
        "| app | 1.0 | 2.0 | upgraded | specs/demo.yaml requires app\\>=2 |\n"
        "| gone | 1.0 |  | removed; only win-64 |  |\n"
        "| lib | 1.5 | 1.5 | rehashed; sha256 a becomes b |  |\n"
    )


def test_markdown_cannot_be_injected() -> None:
    evil = replace(SHOWN.changes[0], reasons=("x | y\n# h <script> [a](b)",))
    text = diff_markdown(replace(SHOWN, changes=(evil,), settings=()))
    assert "x \\| y \\# h \\<script\\> \\[a\\](b)" in text


def test_json_has_the_same_facts() -> None:
    data = json.loads(json.dumps(diff_data(SHOWN)))
    assert [change["package"] for change in data["changes"]] == ["app", "gone", "lib"]
    assert data["settings"][0] == {"what": "Python", "old": "3.8.19", "new": "3.8.20"}


@pytest.mark.parametrize(("render", "text"), [(diff_text, ""), (diff_markdown, "### demo\n\nNo change.\n")])
def test_no_difference_says_so(render: object, text: str) -> None:
    lock = _lock({"app==1.0": []})
    nothing = diff_locks(lock, lock)
    assert not nothing
    assert callable(render)
    assert render(nothing) == text


def test_changes_stand_in_the_order_of_a_reviewer() -> None:
    older = {"app==1.0": ["a", "b", "c", "d"], "a==1.0": [], "b==2.0": [], "c==1.0": [], "d==1.0": []}
    newer = {"app==1.0": ["a", "b", "c", "e"], "a==2.0": [], "b==1.0": [], "c==1.0": [], "e==1.0": []}
    roots = {"": ["app", "c", "a"]}
    other = a_file("c", "1.0", sha256="f" * 64)
    diff = diff_locks(_lock(older, roots), _lock(newer, roots, files=[other]))
    assert [(change.name, change.kind, change.direct) for change in diff.changes] == [
        ("c", "rehashed", True),
        ("b", "downgraded", False),
        ("a", "upgraded", True),
        ("e", "added", False),
        ("d", "removed", False),
        ("app", "rewired", True),
    ]


def test_a_release_that_nobody_held_back_came_later() -> None:
    universe: dict[str, list[str]] = {"app==1.0": ["lib"], "lib==1.0": []}
    later: dict[str, list[str]] = {"app==1.0": ["lib"], "lib==2.0": []}
    new = a_file("lib", "2.0", uploaded=1_700_000_000)
    change = _only(_lock(universe), _lock(later, files=[new]))
    assert change.reasons == ("uploaded 2023-11-14, after everything in the older lock",)
    # Back to what was there before is no matter of dates.
    assert _only(_lock(later, files=[new]), _lock(universe)).reasons == ()


def test_sizes_are_told_where_they_matter() -> None:
    universe: dict[str, list[str]] = {"app==1.0": ["lib"], "lib==1.0": []}
    later: dict[str, list[str]] = {"app==1.0": ["lib", "big"], "lib==2.0": [], "big==1.0": []}
    files = [a_file("lib", "1.0", size=90_000_000), a_file("app", "1.0", size=1000)]
    more = [
        a_file("lib", "2.0", size=120_000_000),
        a_file("app", "1.0", size=1000),
        a_file("big", "1.0", size=2_000_000),
    ]
    diff = diff_locks(_lock(universe, files=files), _lock(later, files=more))
    assert [(one.target, one.old, one.new, one.whole) for one in diff.sizes] == [
        ("linux-64", 90_001_000, 122_001_000, True)
    ]
    text = diff_text(diff)
    assert "    90.0 MB → 120.0 MB\n" in text
    assert "    2.0 MB to download\n" in text
    assert text.endswith("download for linux-64: 90.0 MB → 122.0 MB (+32.0 MB)\n")
    assert "- download for linux-64: 90.0 MB → 122.0 MB (+32.0 MB)" in diff_markdown(diff)
    data = json.loads(json.dumps(diff_data(diff)))
    assert data["sizes"] == [{"target": "linux-64", "old": 90_001_000, "new": 122_001_000}]
    unknown = [a_file("lib", "2.0", size=None), *more[1:]]
    assert "as far as sizes are known" in diff_text(
        diff_locks(_lock(universe, files=files), _lock(later, files=unknown))
    )


def _built(lock: Lock, **facts: object) -> Lock:
    known: dict[str, object] = {
        "name": Name("app"),
        "version": "1.0",
        "source": "a" * 64,
        "platform": "linux-64",
        "wheel": "app-1.0-py3-none-any.whl",
        "sha256": "b" * 64,
        "requires": ("setuptools",),
        "files": tuple(
            BuildFile(name=Name(name), version=version, file=lock.packages[0].files[0])
            for name, version in {"setuptools": "69.0", "wheel": "0.42"}.items()
        ),
    }
    return replace(lock, builds=(LockedBuild(**{**known, **facts}),))  # type: ignore[arg-type] # test


def test_what_an_archive_is_built_with_is_compared() -> None:
    lock = _lock({"app==1.0": []})
    files = tuple(
        BuildFile(name=Name(name), version=version, file=lock.packages[0].files[0])
        for name, version in {"setuptools": "70.1", "cython": "3.0"}.items()
    )
    new = _built(lock, files=files, requires=("setuptools", "cython<4"), sha256="c" * 64)
    diff = diff_locks(_built(lock), new)
    assert diff
    assert (diff.changes, diff.settings) == ((), ())
    (build,) = diff.builds
    assert (build.name, build.platform) == ("app", "linux-64")
    assert build.details == (
        "built with cython 3.0, which is new",
        "built with setuptools 69.0 → 70.1",
        "built with wheel 0.42 no longer",
        "asks for cython<4",
        f"another wheel of the same archive: sha256 {'b' * 64} becomes {'c' * 64}",
    )
    assert "~ build of app on linux-64\n    built with cython 3.0" in diff_text(diff)
    assert "| app | linux-64 | built with cython" in diff_markdown(diff)
    assert not diff_locks(_built(lock), _built(lock))
    (first,) = diff_locks(lock, _built(lock)).builds
    assert first.details == ("what it is built with is locked now",)


def test_a_base_that_moved_is_a_setting() -> None:
    lock = _lock({"app==1.0": []})
    old, new = (replace(lock, bases=(LockedBase(name="acpt", digest=f"sha256:{one * 64}"),)) for one in "ab")
    (setting,) = diff_locks(old, new).settings
    assert (setting.what, setting.old) == ("base acpt", f"sha256:{'a' * 12}…")

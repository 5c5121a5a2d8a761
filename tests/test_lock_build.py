"""Merging solutions into a lock."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from envsolver.lock.build import build_lock
from envsolver.lock.model import DEFAULT_INDEX, DIRECT_INDEX, LockedIndex
from envsolver.lock.toml import dumps
from envsolver.lock.urls import public_url
from envsolver.model.origin import Origin
from envsolver.model.target import Target
from tests.support.locks import CU116, a_file, an_index, example, locked, resolution

if TYPE_CHECKING:
    from envsolver.lock.model import Lock
    from envsolver.model.candidate import File
    from envsolver.model.resolution import Resolution


def _with_file(solved: Resolution, file: File, **facts: object) -> Resolution:
    packages = tuple(
        replace(package, file=file, **facts) if package.name == file.name else package  # type: ignore[arg-type] # test
        for package in solved.packages
    )
    return replace(solved, packages=packages)


def test_equal_versions_of_all_platforms_are_one_block_and_others_one_each() -> None:
    lock = example()
    (click,) = lock.versions("click")
    assert click.targets == ()
    assert [(p.version, p.targets) for p in lock.versions("numpy")] == [
        ("1.24.3", ("win-64",)),
        ("1.24.4", ("linux-64",)),
    ]


def test_one_file_for_several_platforms_stands_once() -> None:
    universe: dict[str, list[str]] = {"a==1.0": []}
    linux = a_file("a", "1.0", "a-1.0-cp38-cp38-manylinux2014_x86_64.whl")
    pure = a_file("a", "1.0")
    lock = locked(
        resolution(universe, {"": ["a"]}, files=[linux]),
        resolution(universe, {"": ["a"]}, files=[pure], platform="osx-arm64"),
        resolution(universe, {"": ["a"]}, files=[pure], platform="win-64"),
    )
    (package,) = lock.packages
    assert {file.filename: file.targets for file in package.files} == {
        linux.filename: ("linux-64",),
        pure.filename: ("osx-arm64", "win-64"),
    }
    assert package.file("win-64").sha256 == pure.sha256


def test_one_name_with_two_digests_is_two_files() -> None:
    # The PyTorch indexes serve other bytes under one name per variant.
    one, other = a_file("a", "1.0"), a_file("a", "1.0", sha256="f" * 64)
    lock = locked(
        resolution({"a==1.0": []}, {"": ["a"]}, files=[one]),
        resolution({"a==1.0": []}, {"": ["a"]}, files=[other], platform="win-64"),
    )
    assert {file.sha256 for file in lock.packages[0].files} == {one.sha256, "f" * 64}


def test_dependencies_say_where_they_apply_only_if_not_everywhere() -> None:
    edges = {str(edge.name): edge for edge in example().versions("demo-app")[0].dependencies}
    assert edges["numpy"].targets == ()
    assert edges["colorama"].targets == ("win-64",)
    assert edges["colorama"].marker == 'sys_platform == "win32"'


def test_groups_are_those_that_bring_what_the_base_does_not() -> None:
    lock = example()
    assert lock.versions("cloudpickle")[0].groups == ("horovod",)
    assert lock.versions("horovod")[0].groups == ("horovod",)
    assert lock.versions("torch")[0].groups == ()


def test_extras_are_those_that_somebody_requests() -> None:
    assert example().versions("uvicorn")[0].extras == ("standard",)


def test_an_index_without_files_is_not_locked_and_the_default_has_no_url() -> None:
    lock = locked(
        resolution({"a==1.0": []}, {"": ["a"]}, files=[a_file("a", "1.0", index="cu116")]),
        indexes=[an_index(), an_index("unused", "https://unused.invalid/simple")],
    )
    assert lock.indexes == (LockedIndex(alias="cu116", url=CU116),)
    assert example().index_url(DEFAULT_INDEX) is None


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("https://files.invalid/p/ab/a-1.0-py3-none-any.whl", "/p/ab/a-1.0-py3-none-any.whl"),
        ("https://files.invalid/p/a-1.0%2Bcu116-py3-none-any.whl", "/p/a-1.0%2Bcu116-py3-none-any.whl"),
        ("https://me:secret@files.invalid/a.whl?token=secret", "/a.whl"),
        ("http://files.invalid//evil.invalid/a.whl", "/evil.invalid/a.whl"),
        ("http://files.invalid/ä b/a.whl", "/%C3%A4%20b/a.whl"),
        ("file:///home/me/wheels/a.whl", None),
    ],
)
def test_the_hint_is_a_path_on_the_index_and_nothing_else(url: str, path: str | None) -> None:
    lock = locked(resolution({"a==1.0": []}, {"": ["a"]}, files=[a_file("a", "1.0", url=url)]))
    assert lock.packages[0].files[0].path == path
    text = dumps(lock)
    assert "files.invalid" not in text
    assert "secret" not in text
    assert "/home/me" not in text


def test_a_hint_leads_to_the_host_that_the_reader_configured() -> None:
    file = example().versions("torch")[0].files[0]
    hinted = "http://mirror.invalid:8080/whl/cu116/torch-1.12.1%2Bcu116-cp38-cp38-linux_x86_64.whl"
    assert file.hinted_url("http://mirror.invalid:8080/simple/") == hinted
    assert replace(file, path=None).hinted_url("http://mirror.invalid/") is None


@pytest.mark.parametrize(
    ("url", "public"),
    [
        ("https://me:secret@a.invalid/x.whl", "https://a.invalid/x.whl"),
        ("https://token@a.invalid/x.whl#sha256=00&subdirectory=pkg", "https://a.invalid/x.whl#subdirectory=pkg"),
        ("https://me:p@ss;word@a.invalid/x", "https://a.invalid/x"),
        ("git+ssh://git@a.invalid/x.git", "git+ssh://git@a.invalid/x.git"),
        ("git+ssh://git:secret@a.invalid/x.git", "git+ssh://a.invalid/x.git"),
        ("https://a.invalid/ä b/x%2B1.whl?a=b/?c d", "https://a.invalid/%C3%A4%20b/x%2B1.whl?a=b/?c%20d"),
        ("../wheels", "../wheels"),
        ("git+file:///srv/x.git@main#subdirectory=a", "git+file:///srv/x.git@main#subdirectory=a"),
    ],
)
def test_urls_lose_their_credentials(url: str, public: str) -> None:
    assert public_url(url) == public


def test_credentials_in_a_requirement_or_an_index_are_not_locked() -> None:
    url = "https://me:p;secret@a.invalid/a-1.0-py3-none-any.whl"
    file = a_file("a", "1.0", index=DIRECT_INDEX, url=url)
    other = a_file("b", "1.0", index="mine")
    lock = locked(
        resolution({"a==1.0": [], "b==1.0": []}, {"": [f"a @ {url}", "b"]}, files=[file, other]),
        indexes=[an_index("mine", "https://me:secret@b.invalid/simple")],
    )
    text = dumps(lock)
    assert "secret" not in text
    assert lock.requirements() == ("a @ https://a.invalid/a-1.0-py3-none-any.whl", "b==1.0")
    assert lock.index_url("mine") == "https://b.invalid/simple"


def test_a_checkout_is_locked_by_its_commit() -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    url = f"git+https://me:secret@a.invalid/x/a.git@{commit}#subdirectory=python&egg=a"
    file = replace(a_file("a", "1.0"), kind="sdist", index=DIRECT_INDEX, url=url, sha256=None)
    lock = locked(_with_file(resolution({"a==1.0": []}, {"": ["a"]}), file))
    locked_file = lock.packages[0].files[0]
    assert (locked_file.commit, locked_file.sha256, locked_file.kind) == (commit, None, "sdist")
    assert lock.requirements() == (f"a @ git+https://a.invalid/x/a.git@{commit}#subdirectory=python",)


def test_what_is_known_only_by_a_claim_is_marked() -> None:
    solved = resolution({"a==1.0": []}, {"": ["a"]})
    sdist = a_file("a", "1.0", "a-1.0.tar.gz")
    frozen = replace(sdist, provenance="inferred: from the naming of its neighbours")
    claimed = locked(_with_file(solved, sdist, metadata_source="sdist-claim"))
    recorded = locked(_with_file(solved, frozen, metadata_source="frozen"))
    assert claimed.packages[0].files[0].requirements == "claimed"
    assert recorded.packages[0].files[0].requirements == "recorded"
    assert recorded.packages[0].files[0].provenance.startswith("inferred")
    assert locked(solved).packages[0].files[0].requirements == "seen"


@pytest.mark.parametrize(
    ("uploaded", "text"),
    [(0, "1970-01-01T00:00:00Z"), (-1, None), (10**12, None), (253_402_300_799, "9999-12-31T23:59:59Z")],
)
def test_upload_times_that_toml_cannot_write_are_left_out(uploaded: int, text: str | None) -> None:
    lock = locked(resolution({"a==1.0": []}, {"": ["a"]}, files=[a_file("a", "1.0", uploaded=uploaded)]))
    assert lock.packages[0].files[0].uploaded == text


@pytest.mark.parametrize(
    ("path", "spec"),
    [("/home/me/base.yaml", "base.yaml"), ("C:\\me\\base.yaml", "base.yaml"), ("specs/x.yaml", "specs/x.yaml")],
)
def test_files_outside_the_project_are_named_without_their_folder(path: str, spec: str) -> None:
    solved = resolution({"a==1.0": []}, {"": ["a"]})
    moved = replace(solved, roots=tuple(replace(root, origin=Origin(path, 3)) for root in solved.roots))
    assert locked(moved).roots[0].spec == spec


def test_the_glibc_that_was_assumed_is_written_out() -> None:
    solved = resolution({"a==1.0": []}, {"": ["a"]})
    bare = replace(solved, target=Target(platform="linux-64", python="3.8.20"))
    lock = locked(bare)
    assert lock.targets[0].glibc == "2.28"
    assert lock.targets[0].to_target(lock.python).tag_ranks == bare.target.tag_ranks


def _exclusive() -> Lock:
    def solve(group: str, torch: str, platform: str) -> Resolution:
        universe = {
            f"torch=={torch}": ["numpy"],
            "numpy==1.26.4" if group == "cpu" else "numpy==2.0.0": [],
            "nv==1.0": [],
        }
        return resolution(universe, {"": ["numpy"], group: ["torch"], "dev": ["nv"]}, platform=platform)

    return locked(
        *(
            solve(group, torch, platform)
            for platform in ("linux-64", "win-64")
            for group, torch in {"cuda": "2.1+cu121", "cpu": "2.1+cpu"}.items()
        ),
        groups=["cuda", "cpu", "dev"],
        exclusive=[["cuda", "cpu"]],
    )


def test_exclusive_groups_are_targets_of_their_own() -> None:
    lock = _exclusive()
    assert [target.name for target in lock.targets] == ["linux-64:cuda", "linux-64:cpu", "win-64:cuda", "win-64:cpu"]
    assert lock.requirements("linux-64", ["cuda", "dev"]) == ("numpy==2.0.0", "nv==1.0", "torch==2.1+cu121")
    assert lock.requirements("win-64", ["cpu"]) == ("numpy==1.26.4", "torch==2.1+cpu")
    # Nothing chosen: the base as the first of the declared groups has it.
    assert lock.requirements("win-64") == ("numpy==2.0.0",)


def test_a_group_without_requirements_on_a_platform_takes_the_base_there() -> None:
    universe: dict[str, list[str]] = {"a==1.0": [], "b==1.0": []}
    lock = locked(
        resolution(universe, {"": ["a"], "one": ["b"]}),
        resolution(universe, {"": ["a"]}),
        groups=["one", "two"],
        exclusive=[["one", "two"]],
    )
    assert lock.requirements(groups=["two"]) == ("a==1.0",)
    assert lock.requirements(groups=["one"]) == ("a==1.0", "b==1.0")
    assert lock.requirements() == ("a==1.0",)


def test_a_lock_needs_the_digest_of_every_file() -> None:
    with pytest.raises(ValueError, match=r"a-1\.0-py3-none-any\.whl: no sha256"):
        locked(resolution({"a==1.0": []}, {"": ["a"]}, files=[a_file("a", "1.0", sha256=None)]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"python": "3.9.25"}, "is not what the lock is for"),
        ({"targets": [Target(platform="win-64", python="3.8.20")]}, "is not what the lock is for"),
        ({"resolutions": []}, "no solution for linux-64"),
        ({"exclusive": [["one", "two"]]}, "groups that exclude each other"),
        ({"groups": ["one"]}, "no group of the lock"),
        ({"indexes": []}, "'cu116' is no index of the lock"),
    ],
)
def test_solutions_that_do_not_fit_are_refused(change: dict[str, object], message: str) -> None:
    solved = resolution(
        {"a==1.0": [], "b==1.0": []}, {"one": ["a"], "two": ["b"]}, files=[a_file("a", "1.0", index="cu116")]
    )
    arguments: dict[str, object] = {
        "name": "demo",
        "inputs_digest": "sha256:0",
        "python": "3.8.20",
        "targets": [solved.target],
        "groups": ["one", "two"],
        "exclusive": [],
        "indexes": [an_index()],
        "resolutions": [solved],
    }
    build_lock(**arguments)  # type: ignore[arg-type] # fits
    with pytest.raises(ValueError, match=message):
        build_lock(**{**arguments, **change})  # type: ignore[arg-type] # does not


def test_two_solutions_for_one_target_are_refused() -> None:
    one, other = (resolution({f"a=={version}": []}, {"": ["a"]}) for version in ("1.0", "2.0"))
    with pytest.raises(ValueError, match="two different solutions for linux-64"):
        locked(one, other)


def test_a_solution_without_what_it_requires_is_refused() -> None:
    solved = resolution({"a==1.0": ["b"], "b==1.0": []}, {"": ["a"]})
    with pytest.raises(ValueError, match="lacks 'b'"):
        locked(replace(solved, packages=solved.packages[:1]))


@pytest.mark.parametrize(
    "filename", ["../a.whl", "a/b.whl", "a\\b.whl", ".hidden.whl", "a\n.whl", "a\x00.whl", "C:a.whl", ""]
)
def test_file_names_that_could_leave_a_folder_are_refused(filename: str) -> None:
    file = replace(a_file("a", "1.0"), filename=filename)
    with pytest.raises(ValueError, match="not a plain file name"):
        locked(_with_file(resolution({"a==1.0": []}, {"": ["a"]}), file))

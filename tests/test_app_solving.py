from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from envsolver.app.solving import solve_environment
from envsolver.app.timing import Stopwatch
from envsolver.model.candidate import Name, normalize_name
from envsolver.model.errors import NoSolutionError, SpecError, UnknownPackageError
from envsolver.model.origin import Origin
from envsolver.model.ports import NullProgress
from envsolver.model.spec import Spec, SpecRequirement
from envsolver.model.target import LATEST_PATCH
from tests.support.memory import MemorySource

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from envsolver.app.solving import Solved
    from envsolver.lock.model import Lock
    from envsolver.model.candidate import File
    from envsolver.sources.open import Session


def spec(*requirements: str, groups: Mapping[str, Sequence[str]] | None = None, **facts: Any) -> Spec:
    written = [(text, "") for text in requirements]
    written += [(text, group) for group, texts in (groups or {}).items() for text in texts]
    return Spec(
        name="demo",
        origin=Origin("specs/demo.yaml"),
        python="3.11",
        python_origin=Origin("specs/demo.yaml", 1),
        groups=tuple(groups or {}),
        requirements=tuple(
            SpecRequirement(text=text, group=group, origin=Origin("specs/demo.yaml", line))
            for line, (text, group) in enumerate(written, start=5)
        ),
        **{"platforms": ("linux-64",), **facts},
    )


class World:
    """A session whose sources are in memory, one for each platform or one for all."""

    def __init__(self, *platforms: str) -> None:
        self.sources = {platform: MemorySource() for platform in platforms}

    def add(
        self, name: str, version: str, requires: Sequence[str] = (), *, on: str | None = None, **facts: Any
    ) -> None:
        for platform, source in self.sources.items():
            if on in {None, platform}:
                source.add(name, version, requires, **facts)

    def source_for(
        self, _spec: Spec, platform: str, _root: Path, *, commits: object = None, builds: bool = True
    ) -> MemorySource:
        return self.sources[platform]

    def solve(self, asked: Spec, *, keep: Lock | None = None, moving: frozenset[str] = frozenset()) -> Solved:
        return asyncio.run(
            solve_environment(
                asked,
                digest="digest",
                project_root=Path(),
                session=cast("Session", self),
                keep=keep,
                moving=frozenset(map(normalize_name, moving)),
                extra_constraints=(),
                stopwatch=Stopwatch(),
                progress=NullProgress(),
            )
        )


def versions(lock: Lock, target: str) -> dict[str, str]:
    return {str(name): package.version for name, package in lock.packages_on(target).items()}


def test_later_platforms_follow_the_first_even_below_their_newest() -> None:
    world = World("linux-64", "win-64")
    world.add("lib", "1.0")
    world.add("lib", "2.0", on="win-64")
    lock = world.solve(spec("lib", platforms=("linux-64", "win-64"))).lock
    assert versions(lock, "linux-64") == versions(lock, "win-64") == {"lib": "1.0"}


def test_a_platform_goes_its_own_way_where_it_must() -> None:
    world = World("linux-64", "win-64")
    world.add("lib", "1.0")
    world.add("lib", "2.0", on="linux-64")
    lock = world.solve(spec("lib", platforms=("linux-64", "win-64"))).lock
    assert versions(lock, "linux-64") == {"lib": "2.0"}
    assert versions(lock, "win-64") == {"lib": "1.0"}


def test_what_a_platform_had_for_itself_stays_while_the_first_stays() -> None:
    world = World("linux-64", "win-64")
    world.add("lib", "1.0", on="win-64")
    world.add("lib", "3.0", on="linux-64")
    asked = spec("lib", platforms=("linux-64", "win-64"))
    old = world.solve(asked).lock
    world.add("lib", "2.0", on="win-64")
    assert versions(world.solve(asked, keep=old).lock, "win-64") == {"lib": "1.0"}
    # Without the old lock, or where the package may move, it is as new as can be.
    assert versions(world.solve(asked).lock, "win-64") == {"lib": "2.0"}
    assert versions(world.solve(asked, keep=old, moving=frozenset({"Lib"})).lock, "win-64") == {"lib": "2.0"}


def test_a_platform_follows_when_the_first_has_moved() -> None:
    world = World("linux-64", "win-64")
    world.add("lib", "1.0")
    asked = spec("lib", platforms=("linux-64", "win-64"))
    old = world.solve(asked).lock
    world.add("lib", "2.0")
    moved = world.solve(spec("lib>1", platforms=("linux-64", "win-64")), keep=old).lock
    assert versions(moved, "linux-64") == versions(moved, "win-64") == {"lib": "2.0"}


def test_a_platform_that_is_new_in_the_spec_follows_the_old_lock_of_the_others() -> None:
    world = World("linux-64", "win-64")
    world.add("lib", "1.0")
    old = world.solve(spec("lib")).lock
    world.add("lib", "2.0")
    lock = world.solve(spec("lib", platforms=("linux-64", "win-64")), keep=old).lock
    assert versions(lock, "win-64") == {"lib": "1.0"}


def test_every_choice_of_exclusive_groups_is_solved_and_agrees_where_it_can() -> None:
    world = World("linux-64")
    for version in ("1.0", "2.0", "3.0"):
        world.add("lib", version)
    world.add("other", "1.0")
    groups = {"old": ["lib<2"], "new": ["lib>=2"], "free": ["other"]}
    solved = world.solve(spec("other", groups=groups, exclusive=(("old", "new"),)))
    assert [label for label, _ in solved.stats] == ["linux-64:old", "linux-64:new"]
    assert solved.lock.package("lib", groups=["old"]).version == "1.0"
    assert solved.lock.package("lib", groups=["new"]).version == "3.0"
    assert solved.lock.requirements(groups=["free"]) == ("other==1.0",)


def test_two_sets_of_exclusive_groups_are_combined() -> None:
    world = World("linux-64")
    for version in ("1.0", "2.0"):
        world.add("a", version)
        world.add("b", version)
    groups = {"a1": ["a<2"], "a2": ["a>=2"], "b1": ["b<2"], "b2": ["b>=2"]}
    solved = world.solve(spec(groups=groups, exclusive=(("a1", "a2"), ("b1", "b2"))))
    assert len(solved.stats) == 4
    assert solved.lock.requirements(groups=["a2", "b1"]) == ("a==2.0", "b==1.0")


def test_sets_that_share_all_their_groups_leave_no_choice() -> None:
    with pytest.raises(SpecError):
        World("linux-64").solve(spec(groups={"a": [], "b": []}, exclusive=(("a", "b"), ("a",), ("b",))))


def test_the_error_names_the_platform_where_there_are_several() -> None:
    world = World("linux-64", "win-64")
    world.add("lib", "1.0", on="linux-64")
    world.add("lib", "1.0", on="win-64", tags="cp311-cp311-manylinux2014_x86_64")
    with pytest.raises(NoSolutionError, match=r"^for win-64: specs/demo.yaml:5: ") as caught:
        world.solve(spec("lib", platforms=("linux-64", "win-64")))
    assert "linux-64" not in str(caught.value)


def test_an_unknown_package_is_named_with_its_line() -> None:
    world = World("linux-64")
    world.add("lib", "1.0")
    with pytest.raises(UnknownPackageError, match=r"'no-such', required by specs/demo.yaml:6 "):
        world.solve(spec("lib", "No.Such>=1"))


def test_notes_on_what_may_not_be_meant() -> None:
    origin, base = Origin("specs/demo.yaml", 7), Origin("specs/_base.yaml", 7)
    asked = replace(
        spec("lib"),
        python="3.11.99",
        constraints=(
            SpecRequirement(text="lbi<2", origin=origin),
            SpecRequirement(text="lib<9", origin=origin),
            SpecRequirement(text="other<9", origin=base),
        ),
        overrides=(SpecRequirement(text="six>=1", origin=origin),),
    )
    world = World("linux-64")
    world.add("lib", "1.0")
    assert list(world.solve(asked).notes) == [
        f"specs/demo.yaml:1: this envsolver knows of no Python 3.11.99; its newest 3.11 is {LATEST_PATCH['3.11']}",
        "specs/demo.yaml:7: the constraint lbi<2 concerns nothing that is locked",
        "specs/demo.yaml:7: the override six>=1 concerns nothing that is locked",
    ]


def test_as_of_is_an_instant_in_utc_unless_it_says_otherwise() -> None:
    world = World("linux-64")
    world.add("lib", "1.0", uploaded=1_700_000_000)  # 2023-11-14T22:13:20Z
    world.add("lib", "2.0", uploaded=1_700_000_001)
    for instant in ("2023-11-14T22:13:21Z", "2023-11-14T22:13:21", "2023-11-15T00:13:21+02:00"):
        assert world.solve(spec("lib", as_of=instant)).lock.requirements() == ("lib==1.0",)


def test_files_without_a_digest_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World("linux-64")
    world.add("lib", "1.0")
    source = world.sources["linux-64"]

    async def digest(_file: File) -> tuple[str, int]:
        await asyncio.sleep(0)
        return "5" * 64, 12

    source.files[Name("lib")]["1.0"] = [
        replace(file, sha256=None, size=None) for file in source.files[Name("lib")]["1.0"]
    ]
    monkeypatch.setattr(source, "digest", digest)
    (package,) = world.solve(spec("lib")).lock.packages
    assert (package.files[0].sha256, package.files[0].size) == ("5" * 64, 12)

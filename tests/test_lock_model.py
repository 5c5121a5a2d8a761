"""What users of the lock's values ask for."""

from __future__ import annotations

import pytest

from envsolver.lock.model import Lock
from envsolver.model.errors import UsageError
from tests.support.locks import example, locked, resolution


def test_requirements_of_a_platform_are_the_base_and_the_groups_wanted() -> None:
    lock = example()
    base = lock.requirements("linux-64")
    assert "horovod==0.28.1" not in base
    assert set(lock.requirements("linux-64", ["horovod"])) - set(base) == {"cloudpickle==3.1.1", "horovod==0.28.1"}
    assert "colorama==0.4.6" in lock.requirements("win-64")


def test_extras_that_only_a_group_wants_stay_out_without_it() -> None:
    universe = {"a==1.0": ["b ; extra == 'x'"], "b==1.0": ["a[x]"], "c==1.0": ["a[x]"]}
    lock = locked(resolution(universe, {"": ["a"], "g": ["c"]}), groups=["g"])
    assert lock.requirements() == ("a==1.0",)
    assert lock.requirements(groups=["g"]) == ("a==1.0", "b==1.0", "c==1.0")
    assert [pin.extras for pin in lock.select()] == [()]
    assert lock.select(groups=["g"])[0].extras == ("x",)


def test_packages_are_found_in_any_spelling() -> None:
    lock = example()
    assert lock.package("Typing_Extensions", "linux-64").version == "4.12.2"
    assert [package.version for package in lock.versions("NumPy")] == ["1.24.3", "1.24.4"]
    assert lock.versions("nothing") == ()


@pytest.mark.parametrize(
    ("platform", "groups", "message", "hint"),
    [
        (None, (), "holds for several platforms", "name one of linux-64, win-64"),
        ("osx-arm64", (), "does not hold for platform 'osx-arm64'", "it holds for linux-64, win-64"),
        ("linux-64", ["horovd"], "has no group 'horovd'", "did you mean 'horovod'?"),
        ("linux-64", ["x"], "has no group 'x'", "there is 'horovod'"),
    ],
)
def test_what_the_lock_has_not_is_named_with_what_it_has(
    platform: str | None, groups: list[str], message: str, hint: str
) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        example().select(platform, groups)
    assert caught.value.hint == hint


def test_an_unknown_package_is_named_with_its_nearest() -> None:
    with pytest.raises(UsageError, match="has no package 'nunpy'") as caught:
        example().package("nunpy", "linux-64")
    assert caught.value.hint == "did you mean 'numpy'?"
    with pytest.raises(UsageError) as caught:
        example().package("qqqqqqqq", "linux-64")
    assert caught.value.hint is None


def test_groups_that_exclude_each_other_are_not_selected_together() -> None:
    universe: dict[str, list[str]] = {"a==1.0": []}
    lock = locked(
        resolution(universe, {"one": ["a"]}),
        resolution(universe, {"two": ["a"]}),
        groups=["one", "two"],
        exclusive=[["two", "one"]],
    )
    with pytest.raises(UsageError, match="groups two, one of demo exclude each other"):
        lock.select(groups=["one", "two"])


def test_a_lock_can_be_a_key() -> None:
    assert {example(): 1}[example()] == 1
    assert isinstance(example(), Lock)

"""Values declared by :mod:`envsolver.model.values` behave as those of :mod:`dataclasses`."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from dataclasses import FrozenInstanceError, field
from functools import cached_property
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envsolver.model.values import dataclass


def _declare(decorator: Any) -> Any:
    namespace = {
        "__annotations__": {"name": "str", "tags": "tuple[str, ...]", "parts": "tuple[int, ...]", "note": "str"},
        "__qualname__": "Value",
        "__module__": __name__,
        "tags": (),
        "parts": field(default_factory=tuple),
        "note": field(default="", compare=False, repr=False),
    }
    return decorator(frozen=True, slots=True, kw_only=True)(type("Value", (), namespace))


Value = _declare(dataclass)
Standard = _declare(dataclasses.dataclass)

VALUES = st.fixed_dictionaries(
    {"name": st.text(max_size=2)},
    optional={
        "tags": st.lists(st.text(max_size=1), max_size=1).map(tuple),
        "parts": st.lists(st.integers(0, 1), max_size=1).map(tuple),
        "note": st.text(max_size=1),
    },
)


@given(VALUES, VALUES)
def test_text_comparison_and_hash_are_those_of_dataclasses(first: dict[str, Any], second: dict[str, Any]) -> None:
    mine, theirs = Value(**first), Standard(**first)
    assert repr(mine) == repr(theirs)
    assert (mine == Value(**second)) is (theirs == Standard(**second))
    assert hash(mine) == hash(theirs)
    assert dataclasses.asdict(mine) == dataclasses.asdict(theirs)
    assert mine.__match_args__ == theirs.__match_args__


@given(VALUES, st.text(max_size=2))
def test_replacing_copying_and_pickling_keep_a_value(given_: dict[str, Any], name: str) -> None:
    value = Value(**given_)
    assert dataclasses.replace(value, name=name) == Value(**{**given_, "name": name})
    assert copy.copy(value) == value
    assert copy.deepcopy(value) == value
    assert pickle.loads(pickle.dumps(value)) == value  # noqa: S301 - made in the line itself


def test_a_value_cannot_be_changed() -> None:
    value = Value(name="torch")
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'name'"):
        value.name = "numpy"
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'other'"):
        value.other = 1
    with pytest.raises(FrozenInstanceError, match="cannot delete field 'name'"):
        del value.name
    assert value.name == "torch"
    assert not hasattr(value, "__dict__")


def test_what_is_missing_or_unknown_is_told_as_usual() -> None:
    with pytest.raises(TypeError, match=r"Value\.__init__\(\) missing 1 required keyword-only argument: 'name'"):
        Value()
    with pytest.raises(TypeError, match=r"unexpected keyword argument 'size'"):
        Value(name="torch", size=1)


def test_other_values_are_not_equal() -> None:
    assert Value(name="torch") != Standard(name="torch")
    assert Value(name="torch") != "torch"


@dataclass(frozen=True, slots=True)
class _Point:
    x: int
    y: int = 0
    total: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "total", self.x + self.y)


@dataclass(frozen=True, slots=True)
class _Place(_Point):
    name: str = "here"


@dataclass(frozen=True, slots=True)
class _Nothing:
    """No field at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Named:
    name: str

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Named) and other.name.lower() == self.name.lower()

    def __hash__(self) -> int:
        return hash(self.name.lower())


@dataclass(frozen=True, order=True)
class _Version:
    """Compared in turn, and open to ``cached_property``, for it has no slots."""

    major: int
    minor: int = 0
    note: str = field(default="", compare=False)

    @cached_property
    def text(self) -> str:
        return f"{self.major}.{self.minor}"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class _Kind:
    name: str


@dataclass(slots=True)
class _Open:
    size: int


@dataclass
class _Plain:
    size: int


def test_positions_computed_fields_and_inheritance() -> None:
    assert _Point(1, 2).total == 3
    place = _Place(1, 2, "there")
    assert (place.x, place.total, place.name) == (1, 3, "there")
    assert place != _Point(1, 2)
    assert repr(place) == "_Place(x=1, y=2, total=3, name='there')"
    assert _Nothing() == _Nothing()
    assert len({_Nothing(), _Nothing()}) == 1


def test_methods_of_a_class_of_its_own_are_kept_and_open_classes_stay_open() -> None:
    assert _Named(name="Torch") == _Named(name="torch")
    assert len({_Named(name="Torch"), _Named(name="torch")}) == 1
    opened = _Open(1)
    opened.size = 2
    assert opened == _Open(2)
    assert _Plain(1) == _Plain(size=1)


@given(*[st.tuples(st.integers(0, 2), st.integers(0, 2))] * 2)
def test_order_is_that_of_the_fields_in_turn(first: tuple[int, int], second: tuple[int, int]) -> None:
    mine, theirs = _Version(*first, note="a"), _Version(*second, note="b")
    assert [mine < theirs, mine <= theirs, mine > theirs, mine >= theirs, mine == theirs] == [
        first < second,
        first <= second,
        first > second,
        first >= second,
        first == second,
    ]
    assert mine.text == f"{first[0]}.{first[1]}"
    with pytest.raises(TypeError):
        assert mine < first  # type: ignore[operator]  # what is tested


def test_a_value_without_comparison_is_equal_to_itself_alone() -> None:
    kind = _Kind("text")
    assert kind == kind  # noqa: PLR0124 - what is tested
    assert kind != _Kind("text")
    assert "object at" in repr(kind)
    with pytest.raises(FrozenInstanceError):
        kind.name = "number"  # type: ignore[misc]  # what is tested

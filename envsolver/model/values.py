"""The dataclass decorator of the values that everybody passes: the standard one, with less to do at start-up.

``dataclasses.dataclass(frozen=True)`` compiles up to seven methods of each class with ``exec`` when the class is
declared, most of them never called. A command that lives for half a second declares some 170 such classes, which was a
sixth of its time. Here a frozen class with slots gets its comparison, hash, text and refusal to be changed from
functions that all such classes share, or compiled when they are first called.

Everything else is left to :mod:`dataclasses`: fields, slots, ``replace``, ``fields``, ``asdict``, matching, and every
class that is not frozen, has no slots, or brings such a method of its own.
"""

from __future__ import annotations

import dataclasses
from dataclasses import MISSING, FrozenInstanceError
from typing import TYPE_CHECKING

__all__ = ["dataclass"]

if TYPE_CHECKING:
    from collections.abc import Callable
    from dataclasses import dataclass  # type checkers know this one, and the other does what it does
    from typing import Any, NoReturn
else:

    def dataclass(*, frozen: bool = False, slots: bool = False, kw_only: bool = False, **others: bool) -> Any:
        """Declare a dataclass, as :func:`dataclasses.dataclass` does."""

        def declare(cls: Any) -> Any:
            if not (frozen and slots) or others or not _SHARED.isdisjoint(vars(cls)):
                return dataclasses.dataclass(frozen=frozen, slots=slots, kw_only=kw_only, **others)(cls)
            return _equip(
                dataclasses.dataclass(init=False, repr=False, eq=False, slots=True, kw_only=kw_only)(cls),
            )

        return declare


_SHARED = frozenset(
    ("__init__", "__repr__", "__eq__", "__hash__", "__setattr__", "__delattr__", "__getstate__", "__setstate__"),
)
"""What :func:`_equip` gives to a class; one that brings one of them itself is not touched."""


def _equip(cls: Any) -> Any:
    """Give a dataclass with slots what makes it a frozen value."""

    def __init__(self: Any, *args: Any, **values: Any) -> None:  # noqa: N807 - it stands in for it until it is needed
        cls.__init__ = compiled = _initializer(cls)
        compiled(self, *args, **values)

    def __eq__(self: Any, other: object) -> Any:  # noqa: N807 - as above
        cls.__eq__ = compiled = _comparison(cls)
        return compiled(self, other)

    def __hash__(self: Any) -> int:  # noqa: N807 - as above
        cls.__hash__ = compiled = _hashing(cls)
        return compiled(self)

    cls.__init__ = __init__
    cls.__eq__ = __eq__
    cls.__hash__ = __hash__
    cls.__repr__ = _text
    cls.__setattr__ = _refuse_to_set
    cls.__delattr__ = _refuse_to_delete
    cls.__getstate__ = _state
    cls.__setstate__ = _set_state
    return cls


def _text(self: Any) -> str:
    """Write a value as the expression that makes it."""
    shown = (field.name for field in dataclasses.fields(self) if field.repr)
    return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"


def _refuse_to_set(_self: Any, name: str, _value: object) -> NoReturn:
    msg = f"cannot assign to field {name!r}"
    raise FrozenInstanceError(msg)


def _refuse_to_delete(_self: Any, name: str) -> NoReturn:
    msg = f"cannot delete field {name!r}"
    raise FrozenInstanceError(msg)


def _state(self: Any) -> list[Any]:
    """Return what ``pickle`` and ``copy`` keep of a value."""
    return [getattr(self, field.name) for field in dataclasses.fields(self)]


def _set_state(self: Any, state: list[Any]) -> None:
    for field, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, field.name, value)


def _initializer(cls: Any) -> Callable[..., None]:
    """Compile ``__init__``: it writes past the ``__setattr__`` that refuses to change a value."""
    names: dict[str, Any] = {"_missing": MISSING, "_set": object.__setattr__}
    positional: list[str] = []
    keywords: list[str] = []
    lines: list[str] = []
    for field in dataclasses.fields(cls):
        name = field.name
        given, value = name, name
        if field.default_factory is not MISSING:
            names[f"_make_{name}"] = field.default_factory
            made = f"_make_{name}()"
            given, value = f"{name}=_missing", f"{made} if {name} is _missing else {name}" if field.init else made
        elif field.default is not MISSING:
            names[f"_default_{name}"] = field.default
            given, value = f"{name}=_default_{name}", name if field.init else f"_default_{name}"
        elif not field.init:
            continue  # its own __post_init__ gives it a value
        if field.init:
            (keywords if field.kw_only else positional).append(given)
        lines.append(f"_set(_self, {name!r}, {value})")
    if hasattr(cls, "__post_init__"):
        lines.append("_self.__post_init__()")
    arguments = ", ".join(["_self", *positional, *(["*", *keywords] if keywords else [])])
    return _compiled(cls, "__init__", arguments, lines or ["pass"], names)


def _comparison(cls: Any) -> Callable[[Any, object], Any]:
    """Compile ``__eq__``: equal are values of one class with equal fields."""
    lines = [
        "if other.__class__ is not self.__class__: return NotImplemented",
        f"return {_fields_of(cls, 'self')} == {_fields_of(cls, 'other')}",
    ]
    return _compiled(cls, "__eq__", "self, other", lines, {})


def _hashing(cls: Any) -> Callable[[Any], int]:
    """Compile ``__hash__``, of the fields that are compared."""
    return _compiled(cls, "__hash__", "self", [f"return hash({_fields_of(cls, 'self')})"], {})


def _fields_of(cls: Any, value: str) -> str:
    """Write the tuple of what is compared."""
    return "(" + "".join(f"{value}.{field.name}, " for field in dataclasses.fields(cls) if field.compare) + ")"


def _compiled(cls: Any, name: str, arguments: str, lines: list[str], names: dict[str, Any]) -> Callable[..., Any]:
    """Compile one method. Its text is made of the names of declared fields alone, as :mod:`dataclasses` does it."""
    source = f"def {name}({arguments}):\n " + "\n ".join(lines)
    exec(source, names)  # noqa: S102 - see above
    method: Callable[..., Any] = names[name]
    method.__qualname__ = f"{cls.__qualname__}.{name}"
    return method

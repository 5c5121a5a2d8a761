"""The dataclass decorator of the values that everybody passes: the standard one, with less to do at start-up.

``dataclasses.dataclass(frozen=True)`` compiles up to seven methods of each class with ``exec`` when the class is
declared, most of them never called. A command that lives for half a second declares some 170 such classes, which took a
tenth of its time. Here the methods of a frozen class are shared by all such classes, or compiled when they are first
called.

Everything else is left to :mod:`dataclasses`: fields, slots, ``replace``, ``fields``, ``asdict``, matching, and every
class that is not frozen or brings such a method of its own.
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

    def dataclass(cls: Any = None, /, *, frozen: bool = False, **options: bool) -> Any:
        """Declare a dataclass, as :func:`dataclasses.dataclass` does."""

        def declare(cls: Any) -> Any:
            if not frozen or not _SHARED.isdisjoint(vars(cls)):
                return dataclasses.dataclass(frozen=frozen, **options)(cls)
            layout = {option: wanted for option, wanted in options.items() if option not in _MADE_HERE}
            cls = dataclasses.dataclass(init=False, repr=False, eq=False, **layout)(cls)
            cls.__setattr__, cls.__delattr__ = _refuse_to_set, _refuse_to_delete
            _compile_later(cls, "__init__", _initializer)
            if options.get("slots"):
                cls.__getstate__, cls.__setstate__ = _state, _set_state
            if options.get("repr", True):
                cls.__repr__ = _text
            if options.get("eq", True):
                _compile_later(cls, "__eq__", _comparison)
                _compile_later(cls, "__hash__", _hashing)
            if options.get("order"):
                for operator in ("__lt__", "__le__", "__gt__", "__ge__"):
                    _compile_later(cls, operator, _comparison)
            return cls

        return declare if cls is None else declare(cls)


_SHARED = frozenset(
    (
        *("__init__", "__repr__", "__setattr__", "__delattr__", "__getstate__", "__setstate__"),
        *("__eq__", "__hash__", "__lt__", "__le__", "__gt__", "__ge__"),
    ),
)
"""What a value gets here; a class that brings one of them itself is left to :mod:`dataclasses`."""

_MADE_HERE = ("repr", "eq", "order")

_OPERATORS = {"__eq__": "==", "__lt__": "<", "__le__": "<=", "__gt__": ">", "__ge__": ">="}


def _compile_later(cls: Any, name: str, compiler: Callable[[Any, str], Any]) -> None:
    """Set a method that puts the compiled one in its own place when it is first called."""

    def method(self: Any, *args: Any, **values: Any) -> Any:
        compiled = compiler(cls, name)
        setattr(cls, name, compiled)
        return compiled(self, *args, **values)

    setattr(cls, name, method)


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


def _initializer(cls: Any, name: str) -> Callable[..., None]:
    """Compile ``__init__``: it writes past the ``__setattr__`` that refuses to change a value."""
    names: dict[str, Any] = {"_missing": MISSING, "_set": object.__setattr__}
    positional: list[str] = []
    keywords: list[str] = []
    lines: list[str] = []
    for field in dataclasses.fields(cls):
        given = value = key = field.name
        if field.default_factory is not MISSING:
            names[f"_make_{key}"] = field.default_factory
            made = f"_make_{key}()"
            given, value = f"{key}=_missing", f"{made} if {key} is _missing else {key}" if field.init else made
        elif field.default is not MISSING:
            names[f"_default_{key}"] = field.default
            given, value = f"{key}=_default_{key}", key if field.init else f"_default_{key}"
        elif not field.init:
            continue  # its own __post_init__ gives it a value
        if field.init:
            (keywords if field.kw_only else positional).append(given)
        lines.append(f"_set(_self, {key!r}, {value})")
    if hasattr(cls, "__post_init__"):
        lines.append("_self.__post_init__()")
    arguments = ", ".join(["_self", *positional, *(["*", *keywords] if keywords else [])])
    return _compiled(cls, name, arguments, lines or ["pass"], names)


def _comparison(cls: Any, name: str) -> Callable[[Any, object], Any]:
    """Compile ``__eq__`` or an order: values of one class are compared by their fields, in turn."""
    lines = [
        "if other.__class__ is not self.__class__: return NotImplemented",
        f"return {_fields_of(cls, 'self')} {_OPERATORS[name]} {_fields_of(cls, 'other')}",
    ]
    return _compiled(cls, name, "self, other", lines, {})


def _hashing(cls: Any, name: str) -> Callable[[Any], int]:
    """Compile ``__hash__``, of the fields that are compared."""
    return _compiled(cls, name, "self", [f"return hash({_fields_of(cls, 'self')})"], {})


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

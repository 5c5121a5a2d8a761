"""Reading TOML into typed values: getters that collect every problem, with the line it stands on.

``tomli`` keeps no positions, so lines are looked up in the text, and only once something is wrong: the n-th
``[[header]]`` is where a row starts, and the first ``key =`` below it where one of its values stands.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import tomli

from envsolver.model.errors import Problem, SpecError
from envsolver.model.origin import Origin

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["SHIPPED", "Document", "Row", "read_shipped"]

_SYNTAX_LINE = re.compile(r"\(at line (\d+), column \d+\)")


SHIPPED = {
    "data": ("builds", "companions", "compilers", "cuda", "exempt", "gpus", "torch"),
    "rules": (
        "cuda",
        "data",
        "deepspeed",
        "findings",
        "horovod",
        "huggingface",
        "jax",
        "lightning",
        "lightning_matrix",
        "numpy",
        "onnx",
        "owners",
        "setuptools",
        "tensorboard",
        "tensorflow",
        "torch",
    ),
}
"""Folder → its data files, without ``.toml``: listing the folders would take longer than reading the files."""


def read_shipped(folder: str, name: str) -> str:
    """Return the text of a shipped data file, ``name`` without ``.toml``."""
    # A fraction of what it takes to import importlib.resources.
    from pkgutil import get_data

    data = get_data("envsolver.knowledge", f"{folder}/{name}.toml")
    if data is None:
        raise FileNotFoundError(f"{folder}/{name}.toml")
    return data.decode("utf-8")


class Document:
    """A parsed TOML text that knows its path and collects problems."""

    def __init__(self, text: str, path: str) -> None:
        self.text = text
        self.path = path
        self.problems: list[Problem] = []
        self._starts: dict[str, list[tuple[int, int]]] = {}
        try:
            self.data: dict[str, Any] = tomli.loads(text)
        except (ValueError, RecursionError) as error:  # a number of thousands of digits is no TOMLDecodeError
            self.data = {}
            found = _SYNTAX_LINE.search(str(error))
            message = _SYNTAX_LINE.sub("", str(error)).strip()
            self.add(f"not valid TOML: {message}", line=int(found[1]) if found else 0)

    def add(self, message: str, *, line: int = 0, hint: str | None = None) -> None:
        """Remember a problem."""
        self.problems.append(Problem(message, Origin(self.path, line), hint))

    def rows(self, header: str) -> Iterator[Row]:
        """Yield the tables of an array of tables."""
        found = self.data.get(header, [])
        if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
            self.add(
                f"{header!r} must be an array of tables, written [[{header}]]", line=self.line_of(header, 0, header)
            )
            return
        for number, item in enumerate(found):
            yield Row(self, header, number, item)

    def only(self, *headers: str) -> None:
        """Remember every top-level key that is none of these."""
        for key in self.data:
            if key not in headers:
                expected = " or ".join(f"[[{header}]]" for header in headers)
                self.add(f"unknown key {key!r}", line=self.line_of(key, 0, key), hint=f"expected {expected}")

    def line_of(self, header: str, number: int, key: str | None = None) -> int:
        """Return the line of the n-th ``[[header]]``, or of a key below it; 0 if it cannot be told."""
        starts = self._starts.get(header)
        if starts is None:
            starts = self._starts[header] = list(self._headers(header))
        if number >= len(starts):
            found = re.search(rf"^[ \t]*\[*[ \t]*\"?{re.escape(key or header)}\"?[ \t]*[=\]]", self.text, re.MULTILINE)
            return self.text.count("\n", 0, found.start()) + 1 if found else 0
        offset, line = starts[number]
        if key is None:
            return line
        end = starts[number + 1][0] if number + 1 < len(starts) else len(self.text)
        found = re.compile(rf"^[ \t]*\"?{re.escape(key)}\"?[ \t]*[=.]", re.MULTILINE).search(self.text, offset, end)
        return line + self.text.count("\n", offset, found.start()) if found else line

    def _headers(self, header: str) -> Iterator[tuple[int, int]]:
        """Yield offset and line of each ``[[header]]``."""
        line, last = 1, 0
        for match in re.finditer(rf"^[ \t]*\[\[[ \t]*{re.escape(header)}[ \t]*\]\]", self.text, re.MULTILINE):
            line += self.text.count("\n", last, match.start())
            last = match.start()
            yield last, line

    def raise_problems(self) -> None:
        """Raise :class:`SpecError` with all problems, if there are any."""
        if self.problems:
            raise SpecError(self.problems)


class Row:
    """One table of an array of tables."""

    def __init__(self, document: Document, header: str, number: int, data: dict[str, Any]) -> None:
        self.document = document
        self.header = header
        self.number = number
        self.data = data
        self.intact = True

    @property
    def line(self) -> int:
        """The line of the row's header."""
        return self.document.line_of(self.header, self.number)

    def problem(self, message: str, key: str | None = None, *, hint: str | None = None) -> None:
        """Remember a problem of this row."""
        self.intact = False
        name = self.data.get("id")
        prefix = f"rule {name}: " if isinstance(name, str) and self.header == "rule" else ""
        line = self.document.line_of(self.header, self.number, key)
        self.document.add(prefix + message, line=line, hint=hint)

    def only(self, keys: frozenset[str]) -> None:
        """Remember every key that is none of these."""
        for key in self.data:
            if key not in keys:
                from difflib import get_close_matches

                near = get_close_matches(key, sorted(keys), n=1)
                self.problem(f"unknown key {key!r}", key, hint=f"did you mean {near[0]!r}?" if near else None)

    def text(self, key: str, default: str | None = None) -> str:
        """Return a string; without a default it is required and may not be empty."""
        value = self.data.get(key, default)
        if value is None:
            self.problem(f"{key!r} is missing")
            return ""
        if not isinstance(value, str):
            self.problem(f"{key!r} must be a string, not {_kind(value)}", key)
            return ""
        if default is None and not value.strip():
            self.problem(f"{key!r} is empty", key)
        return value

    def choice(self, key: str, choices: tuple[str, ...], default: str | None = None) -> str:
        """Return one of some strings."""
        value = self.text(key, default)
        if self.intact and value not in choices and value != default:
            self.problem(f"{key!r} cannot be {value!r}", key, hint=f"one of {', '.join(choices)}")
        return value

    def flag(self, key: str, *, default: bool = False) -> bool:
        """Return a boolean."""
        value = self.data.get(key, default)
        if not isinstance(value, bool):
            self.problem(f"{key!r} must be true or false, not {_kind(value)}", key)
            return default
        return value

    def number_of(self, key: str, default: int | None = None) -> int:
        """Return a whole number; without a default it is required."""
        value = self.data.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool):
            self.problem(
                f"{key!r} is missing" if value is None else f"{key!r} must be a number, not {_kind(value)}", key
            )
            return 0
        return value

    def texts(self, key: str, *, required: bool = False) -> tuple[str, ...]:
        """Return a list of strings; a single string stands for a list of one."""
        value = self.data.get(key)
        if value is None:
            if required:
                self.problem(f"{key!r} is missing")
            return ()
        items = [value] if isinstance(value, str) else value
        if not isinstance(items, list) or not all(isinstance(item, str) and item.strip() for item in items):
            self.problem(f"{key!r} must be a string or a list of strings", key)
            return ()
        if required and not items:
            self.problem(f"{key!r} is empty", key)
        return tuple(items)


def _kind(value: object) -> str:
    return {
        str: "a string",
        bool: "a boolean",
        int: "a number",
        float: "a number",
        list: "a list",
        dict: "a table",
    }.get(type(value), type(value).__name__)

"""``pyproject.toml`` (PEP 621, PEP 735) as the source of a spec: what it requires, copied or to be read live."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any, Literal

from envsolver.formats.imported import ImportedIndex, Written
from envsolver.model.candidate import normalize_name
from envsolver.model.origin import Origin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envsolver.formats.imported import Imported

__all__ = ["read_pyproject"]

_SELF = re.compile(r"\s*(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)\s*\[(?P<extras>[^\]]*)\]\s*")


def read_pyproject(text: str, shown: str, into: Imported, *, live: str | None) -> None:
    """Read a project file. Its extras and dependency groups become groups.

    Args:
        text: of the file.
        shown: its name for messages.
        into: gets what it says.
        live: its path in the project of the spec: the spec then refers to it, so that it stays the one place where
            its requirements stand. None: they are copied.
    """
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a number of thousands of digits is no TOMLDecodeError
        line = re.search(r"at line (\d+)", str(error))
        into.refuse(f"not valid TOML: {error}", Origin(shown, int(line[1]) if line else 0))
        return
    _Project(text, shown, data, into).read(live)


class _Project:
    def __init__(self, text: str, shown: str, data: dict[str, Any], into: Imported) -> None:
        self._text = text
        self._shown = shown
        self._into = into
        self._data = data
        self._project = _table(data, "project")
        self._extras = _table(self._project, "optional-dependencies")
        self._groups = _table(data, "dependency-groups")

    def read(self, live: str | None) -> None:
        into = self._into
        if "project" not in self._data and not self._groups:
            poetry = "poetry" in _table(self._data, "tool")
            into.refuse(
                "it has neither a [project] table (PEP 621) nor dependency groups (PEP 735)",
                Origin(self._shown),
                "poetry 2 writes its requirements as PEP 621 has it: `poetry check` names what to change"
                if poetry
                else None,
            )
            return
        if isinstance(name := self._project.get("name"), str):
            into.name = name
        if isinstance(requires := self._project.get("requires-python"), str):
            into.requires_python = Written(requires, self._origin(requires))
        dynamic = self._project.get("dynamic")
        if isinstance(dynamic, list) and "dependencies" in dynamic:
            into.refuse("its dependencies are 'dynamic': only its build backend knows them", self._origin("dynamic"))
        self._indexes()
        names = [normalize_name(name) for name in (*self._extras, *self._groups)]
        for twice in sorted({name for name in names if names.count(name) > 1}):
            into.refuse(f"{twice!r} is both an extra and a dependency group", Origin(self._shown))
        if live is not None:
            self._refer(live)
        else:
            self._copy()

    def _refer(self, live: str) -> None:
        if "project" in self._data:
            self._into.live[""] = live
        for extra in self._extras:
            self._into.live[normalize_name(extra)] = f"{live}[{extra}]"
        for group in self._groups:
            self._into.live[normalize_name(group)] = f"{live}:{group}"

    def _copy(self) -> None:
        for written in self._listed(self._project.get("dependencies"), "dependencies", ()):
            self._into.require(written)
        for extra in self._extras:
            for written in self._extra(extra, ()):
                self._into.require(written, normalize_name(extra))
        for group in self._groups:
            for written in self._group(group, ()):
                self._into.require(written, normalize_name(group))

    def _extra(self, name: str, seen: tuple[str, ...]) -> Iterator[Written]:
        key = next((key for key in self._extras if normalize_name(key) == normalize_name(name)), None)
        if key is None:
            self._into.refuse(f"there is no extra {name!r}", self._origin(name))
        elif key not in seen:
            yield from self._listed(self._extras[key], key, (*seen, key))

    def _group(self, name: str, seen: tuple[str, ...]) -> Iterator[Written]:
        key = next((key for key in self._groups if normalize_name(key) == normalize_name(name)), None)
        if key is None or key in seen:
            what = "includes itself" if key else "does not exist"
            self._into.refuse(f"the dependency group {name!r} {what}", self._origin(name))
            return
        entries = self._groups[key]
        for entry in entries if isinstance(entries, list) else [entries]:
            if isinstance(entry, dict) and isinstance(included := entry.get("include-group"), str):
                yield from self._group(included, (*seen, key))
            else:
                yield from self._listed([entry], key, ())

    def _listed(self, entries: Any, key: str, seen: tuple[str, ...]) -> Iterator[Written]:
        if entries is None:
            return
        if not isinstance(entries, list) or not all(isinstance(entry, str) for entry in entries):
            self._into.refuse(f"{key}: expected a list of requirements", self._origin(key))
            return
        own = self._project.get("name")
        for entry in entries:
            match = _SELF.fullmatch(entry)
            if match and isinstance(own, str) and normalize_name(own) == normalize_name(match["name"]):
                for extra in match["extras"].split(","):
                    yield from self._extra(extra.strip(), seen)
            else:
                yield Written(entry, self._origin(entry))

    def _indexes(self) -> None:
        """Take over the indexes that uv's part of the file names (``[[tool.uv.index]]``)."""
        listed = _table(_table(self._data, "tool"), "uv").get("index")
        for index in listed if isinstance(listed, list) else ():
            url = index.get("url") if isinstance(index, dict) else None
            if not isinstance(url, str):
                continue
            flat = index.get("format") == "flat"
            default = index.get("default") is True
            kind: Literal["default", "extra", "find-links"]
            kind = "find-links" if flat else "default" if default else "extra"
            self._into.add_index(ImportedIndex(kind, url, self._origin(url)))
        sources = _table(_table(_table(self._data, "tool"), "uv"), "sources")
        for name in sources:
            self._into.notes.append(
                f"{self._origin(name)}: left out tool.uv.sources of {name}: see 'indexes' of a spec"
            )

    def _origin(self, literal: str) -> Origin:
        """Return the line of a text, as near as it can be told: tomllib keeps no lines."""
        at = self._text.find(literal)
        return Origin(self._shown, self._text.count("\n", 0, at) + 1 if at >= 0 else 0)


def _table(data: dict[str, Any], key: str) -> dict[str, Any]:
    table = data.get(key)
    return table if isinstance(table, dict) else {}

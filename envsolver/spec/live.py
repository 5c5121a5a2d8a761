"""``from: pyproject.toml[extra]``: the requirements of a project beside the specs, read anew each time.

Project metadata as in https://packaging.python.org/en/latest/specifications/pyproject-toml/ (PEP 621), dependency
groups as in PEP 735.
"""

from __future__ import annotations

import re
from dataclasses import field
from typing import TYPE_CHECKING, Any

from envsolver.model.candidate import normalize_name
from envsolver.model.errors import Problem
from envsolver.model.origin import Origin
from envsolver.model.values import dataclass
from envsolver.spec import subfields
from envsolver.spec.checks import relative_path
from envsolver.spec.kinds import Text
from envsolver.spec.values import Located, Part, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from envsolver.spec.values import Reading

__all__ = ["LiveProject", "live_requirements"]

_PLACE = re.compile(r"(?P<path>[^\[\]:]+)(?:\[(?P<extras>[^\]]+)\]|:(?P<group>.+))?")
_SELF = re.compile(r"\s*(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)\s*\[(?P<extras>[^\]]*)\]\s*(?P<rest>.*)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveProject:
    """What one entry of ``from`` brings in.

    Attributes:
        path: the file, relative to the project with ``/``; None where it cannot be read.
        requirements: records like those under ``pip``, each with its line in that file.
        requires_python: what the file says about Python.
    """

    path: str | None = None
    requirements: tuple[Part, ...] = ()
    requires_python: Located[str] | None = None


def live_requirements(place: Located[str], project: Path, reading: Reading) -> LiveProject:
    """Read one entry of ``from``.

    Args:
        place: ``PATH``, ``PATH[EXTRA,…]`` or ``PATH:GROUP`` as the spec has it.
        project: the folder that the path is relative to.
        reading: the spec; receives the problems, those of the other file with its own lines.
    """
    match = _PLACE.fullmatch(place.value)
    if match is None:  # the table of keys admits nothing else
        return LiveProject()
    path = match["path"]
    document = _read(path, place, project, reading)
    if document is None:
        return LiveProject()
    if match["group"]:
        found = list(document.group(match["group"], place.origin))
    else:
        found = list(document.dependencies(place.origin))
        for extra in (match["extras"] or "").split(","):
            if extra.strip():
                found += document.optional(extra.strip(), place.origin)
    return LiveProject(
        path=path,
        requirements=tuple(document.requirement(text) for text in found),
        requires_python=document.requires_python(),
    )


def _read(path: str, place: Located[str], project: Path, reading: Reading) -> _Document | None:
    import tomllib

    def refuse(message: str, hint: str | None = None, origin: Origin = place.origin) -> None:
        reading.problems.append(Problem(message, origin, hint))

    complaint = relative_path(path)
    if complaint is not None:
        refuse(f"from: {complaint.message}", complaint.hint)
        return None
    file = project / path
    if not file.resolve().is_relative_to(project.resolve()):
        refuse(f"from: {path!r} leads out of the project")
        return None
    try:
        text = file.read_text(encoding="utf-8")
        data = tomllib.loads(text)
    except FileNotFoundError:
        refuse(f"from: there is no file {path!r} in the project")
    except (OSError, UnicodeDecodeError) as error:
        refuse(f"from: {path!r} cannot be read: {error}")
    except (ValueError, RecursionError) as error:  # a number of thousands of digits is no TOMLDecodeError
        line = re.search(r"at line (\d+)", str(error))
        refuse(f"not valid TOML: {error}", origin=Origin(path, int(line[1]) if line else 0))
    else:
        return _Document(path=path, text=text, data=data, reading=reading)
    return None


@dataclass(slots=True, kw_only=True)
class _Document:
    """A pyproject.toml with the places of its requirements."""

    path: str
    text: str
    data: dict[str, Any]
    reading: Reading
    _reported: set[tuple[str, int]] = field(default_factory=set)

    # What it holds

    def dependencies(self, asked: Origin) -> Iterator[Located[str]]:
        table = self._table("project")
        if table is None:
            self._report("from: it has no [project] table (PEP 621)", Origin(self.path), f"asked for by {asked}")
            return
        if "dependencies" in (table.get("dynamic") or ()):
            line = self._line("project", "dynamic")
            self._report("its dependencies are 'dynamic': only its build backend knows them", Origin(self.path, line))
            return
        yield from self._array(table.get("dependencies", []), "project", "dependencies", ())

    def optional(self, name: str, asked: Origin, seen: tuple[str, ...] = ()) -> Iterator[Located[str]]:
        table = self._table("project") or {}
        extras = table.get("optional-dependencies")
        extras = extras if isinstance(extras, dict) else {}
        key = _find_key(extras, name)
        if key is None:
            self._unknown(f"extra {name!r}", name, extras, asked)
        elif key not in seen:
            yield from self._array(extras[key], "project.optional-dependencies", key, (*seen, key))

    def group(self, name: str, asked: Origin, seen: tuple[str, ...] = ()) -> Iterator[Located[str]]:
        groups = self._table("dependency-groups") or {}
        key = _find_key(groups, name)
        if key is None:
            self._unknown(f"dependency group {name!r}", name, groups, asked)
            return
        here = Origin(self.path, self._line("dependency-groups", key))
        if key in seen:
            self._report(f"dependency groups include each other: {' → '.join([*seen, key])}", here)
            return
        entries = groups[key]
        for entry in entries if isinstance(entries, list) else [entries]:
            if isinstance(entry, dict) and isinstance(included := entry.get("include-group"), str) and len(entry) == 1:
                yield from self.group(included, here, (*seen, key))
            else:
                yield from self._array([entry], "dependency-groups", key, ())

    def requires_python(self) -> Located[str] | None:
        text = (self._table("project") or {}).get("requires-python")
        if not isinstance(text, str):
            return None
        return Located(text, Origin(self.path, self._line("project", "requires-python")))

    def requirement(self, text: Located[str]) -> Part:
        kind = subfields.REQUIREMENT.kind
        complaint = kind.complaint(text.value, validate=self.reading.validate) if isinstance(kind, Text) else None
        if complaint is not None:
            self._report(complaint.message, text.origin, complaint.hint)
        return Part(text.origin).with_value(subfields.REQUIREMENT, text)

    def _array(self, entries: Any, table: str, key: str, seen: tuple[str, ...]) -> Iterator[Located[str]]:
        cursor = self._position(table, key)
        if not isinstance(entries, list):
            self._report(f"{table}.{key}: expected a list of requirements", Origin(self.path, self._line_at(cursor)))
            return
        for entry in entries:
            if not isinstance(entry, str):
                here = Origin(self.path, self._line_at(cursor))
                self._report(f"{table}.{key}: expected a requirement, found {entry!r}", here)
                continue
            cursor, line = self._literal(entry, cursor)
            located = Located(entry, Origin(self.path, line))
            own = self._own_extras(located)
            if own is None:
                yield located
            for extra in own or ():
                yield from self.optional(extra, located.origin, seen)

    def _own_extras(self, located: Located[str]) -> list[str] | None:
        """Return the extras where a project requires itself with extras (``all = ["me[train,eval]"]``)."""
        match = _SELF.fullmatch(located.value)
        own = (self._table("project") or {}).get("name")
        if match is None or not isinstance(own, str) or normalize_name(own) != normalize_name(match["name"]):
            return None
        if match["rest"]:
            self._report(f"{located.value!r}: the project requires itself under a condition", located.origin)
        return [extra.strip() for extra in match["extras"].split(",") if extra.strip()]

    def _table(self, key: str) -> dict[str, Any] | None:
        table = self.data.get(key)
        return table if isinstance(table, dict) else None

    # Where it holds it (tomllib keeps no lines)

    def _position(self, table: str, key: str) -> int:
        quoted = rf"(?:{re.escape(key)}|\"{re.escape(key)}\"|'{re.escape(key)}')"
        header = re.search(rf"^[ \t]*\[[ \t]*{re.escape(table)}[ \t]*\]", self.text, re.MULTILINE)
        start = header.end() if header else 0
        found = re.compile(rf"^[ \t]*(?:[\w.-]+\.)?{quoted}[ \t]*=", re.MULTILINE).search(self.text, start)
        return found.start() if found else start

    def _line(self, table: str, key: str) -> int:
        return self._line_at(self._position(table, key))

    def _line_at(self, position: int) -> int:
        rest = self.text[position:]
        return self.text.count("\n", 0, position + len(rest) - len(rest.lstrip())) + 1

    def _literal(self, value: str, cursor: int) -> tuple[int, int]:
        """Return where the search goes on, and the line of the string."""
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        places = [self.text.find(literal, cursor) for literal in (f'"{escaped}"', f"'{value}'")]
        places = [place for place in places if place >= 0]
        return (min(places) + 1, self._line_at(min(places))) if places else (cursor, self._line_at(cursor))

    # What is wrong with it

    def _unknown(self, what: str, name: str, known: dict[str, Any], asked: Origin) -> None:
        guess = nearest(name, known)
        hint = f"did you mean {guess[0]!r}?" if guess else f"it has: {', '.join(known)}" if known else "it has none"
        self._report(f"{self.path} has no {what}", asked, hint)

    def _report(self, message: str, origin: Origin, hint: str | None = None) -> None:
        """Note a problem once, though several entries of ``from`` may lead to the same line."""
        if (message, origin.line) not in self._reported:
            self._reported.add((message, origin.line))
            self.reading.problems.append(Problem(message, origin, hint))


def _find_key(table: dict[str, Any], name: str) -> str | None:
    """Names of extras and groups are compared in canonical form (PEP 685, PEP 735)."""
    return next((key for key in table if normalize_name(key) == normalize_name(name)), None)

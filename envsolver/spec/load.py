"""A spec file and its bases → :class:`envsolver.model.spec.Spec`, or every problem that they have."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from envsolver.model.errors import FileError, Problem, SpecError
from envsolver.model.origin import Origin
from envsolver.model.spec import BaseSpec
from envsolver.model.values import dataclass
from envsolver.model.wording import system_reason
from envsolver.spec import fields, subfields, words
from envsolver.spec.checks import redact
from envsolver.spec.curated import curated_root, resolved_path, shown_in
from envsolver.spec.nodes import MAX_BYTES, ScalarNode, parse_yaml
from envsolver.spec.values import Located, Part, Reading, nearest

if TYPE_CHECKING:
    from pathlib import Path

    from envsolver.model.spec import Spec
    from envsolver.spec.live import LiveProject

__all__ = ["SUFFIXES", "Parsed", "display_path", "extended", "is_base", "load_spec", "read_spec_file", "redacted"]

SUFFIXES = (".yaml", ".yml")

Parsed: TypeAlias = "dict[Path, Part]"
"""What stands in spec files, by their paths without links: of files without problems only."""


def load_spec(path: Path, project: Path, *, validate: bool = True, parsed: Parsed | None = None) -> Spec:
    """Read a spec, with everything that it extends.

    Args:
        path: the file.
        project: the folder that holds ``specs/``; messages name files relative to it.
        validate: check the requirements too (PEP 508). Without it the result is the same, but an invalid requirement
            passes: for asking cheaply whether anything has changed since a lock that was made from a valid spec.
        parsed: files that were read a moment ago, without validation; receives those that are read now.

    Raises:
        SpecError: something is wrong with the spec, a base, or a project that ``from`` names; all of it at once.
        FileError: the file cannot be read.
    """
    loader = _Loader(project, validate=validate, parsed=parsed)
    spec = loader.load(path)
    problems = loader.problems
    if validate and not problems:
        from envsolver.spec.pins import contradictory_pins

        problems += contradictory_pins(spec.requirements, spec.exclusive)
        problems += loader.excluded_pythons(spec)
    if problems:
        raise SpecError(_ordered(problems, display_path(path, project)))
    return spec


def _ordered(problems: list[Problem], first: str) -> list[Problem]:
    """Those of the spec itself before those of its bases, each file from top to bottom, without secrets."""

    def place(problem: Problem) -> tuple[bool, str, int]:
        origin = problem.origin or Origin("")
        return origin.path != first, origin.path, origin.line

    return sorted(map(redacted, problems), key=place)


def redacted(problem: Problem) -> Problem:
    """Return a problem without the credentials of any URL: messages quote what was written, wherever it stood."""
    return Problem(redact(problem.message), problem.origin, redact(problem.hint) if problem.hint else None)


def display_path(path: Path, project: Path) -> str:
    """Return how messages name a file: relative to the project, with ``/``, where it lies in it.

    One of the catalogue that envsolver ships has ``envsolver:`` before it.
    """
    return shown_in(path, project)


def is_base(path: Path) -> bool:
    """Whether a file is a base for other specs and no environment itself."""
    return path.stem.startswith("_")


def read_spec_file(path: Path, reading: Reading) -> Part | None:
    """Read one file against the table of keys, without its bases.

    Returns:
        The record, or None where nothing of it can be used; the problems say why.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    before = len(reading.problems)
    root = parse_yaml(data, reading.path, reading.problems)
    if root is None or (isinstance(root, ScalarNode) and root.is_null):
        if len(reading.problems) == before:
            hint = "a minimal spec has python, platforms and pip"
            reading.problems.append(Problem("the file is empty", Origin(reading.path), hint))
        return None
    return fields.SPEC.read(root, reading, "")


@dataclass(frozen=True, slots=True)
class _Step:
    """A spec on the way from the one that was asked for to the base being read."""

    path: Path
    origin: Origin


class _Loader:
    """Reads each file once, however many specs of the family extend it."""

    def __init__(self, project: Path, *, validate: bool, parsed: Parsed | None) -> None:
        self.problems: list[Problem] = []
        self._parsed = {} if parsed is None or validate else parsed
        self._project = project
        self._validate = validate
        self._merged: dict[Path, Part | None] = {}
        self._paths: dict[Path, Path] = {}
        self._names: dict[Path, str] = {}
        self._files: list[str] = []
        self._pythons: list[Located[str]] = []
        self._complete = True
        self._built_on: dict[Path, tuple[BaseSpec, ...]] = {}

    def load(self, path: Path) -> Spec:
        from envsolver.spec.build import build_spec

        shown = self._shown(path)
        try:
            part = self._with_bases(path, ())
        except OSError as error:
            raise FileError(f"{shown}: cannot be read: {system_reason(error)}") from error
        if is_base(path):
            hint = "extend it from a spec whose name does not begin with '_'"
            self.problems.append(Problem("a base for other specs, not an environment", Origin(shown), hint))
        elif not re.fullmatch(words.NAME_PATTERN, path.stem):
            message = f"{path.stem!r} cannot be the name of an environment"
            hint = "letters, digits, '.', '-' and '_'; a letter or digit first"
            self.problems.append(Problem(message, Origin(shown), hint))
        if part is None:
            part, self._complete = Part(Origin(shown)), False
        spec = build_spec(part, path.stem, self._files, self.problems, complete=self._complete)
        built_on = self._built_on.get(self._real(path))
        return replace(spec, bases=built_on) if built_on else spec

    def excluded_pythons(self, spec: Spec) -> list[Problem]:
        """Return a problem for each live project that does not run on the spec's Python."""
        from envsolver.spec.pins import python_excluded

        problems = []
        for requires in self._pythons:
            try:
                excluded = python_excluded(spec.python, requires.value)
            except ValueError:
                problems.append(Problem(f"requires-python: {requires.value!r} is not a specifier", requires.origin))
                continue
            if excluded:
                message = f"the project needs Python {requires.value}, but python is {spec.python} in"
                problems.append(Problem(f"{message} {spec.python_origin}", requires.origin))
        return problems

    def _real(self, path: Path) -> Path:
        if path not in self._paths:
            self._paths[path] = resolved_path(path)
        return self._paths[path]

    def _shown(self, path: Path) -> str:
        if path not in self._names:
            self._names[path] = display_path(path, self._project)
        return self._names[path]

    def _with_bases(self, path: Path, chain: tuple[_Step, ...]) -> Part | None:
        """Return a file merged with its bases, None where it cannot be used.

        Raises:
            OSError: the file cannot be read.
        """
        key = self._real(path)
        if key in self._merged:
            return self._merged[key]
        reading = Reading(self._shown(path), self.problems, self._validate)
        part = self._parsed.get(key) or read_spec_file(path, reading)
        if part is None:
            self._complete = False
        else:
            if not self.problems:
                self._parsed[key] = part
            from envsolver.spec.merge import merge

            part = self._with_live_projects(part, reading)
            bases = self._bases(path, part, chain)
            wanted = len(extended(part))
            part = merge(bases, part, self.problems, complete=len(bases) == wanted)
        self._merged[key] = part
        self._files.append(reading.path)
        return part

    def _bases(self, path: Path, part: Part, chain: tuple[_Step, ...]) -> list[Part]:
        bases: list[Part] = []
        built_on: list[BaseSpec] = []
        for name, frozen in extended(part):
            here = (*chain, _Step(self._real(path), name.origin))
            base_path = self._find_base(path.parent, name)
            base = None if base_path is None or self._is_circle(base_path, here) else self._base(base_path, name, here)
            if base is None or base_path is None:
                self._complete = False
                continue
            bases.append(base)
            if not is_base(base_path):
                shown = self._shown(base_path)
                built_on.append(BaseSpec(name=base_path.stem, path=shown, origin=name.origin, frozen=frozen))
                continue
            if frozen:
                message = f"extends: {name.value} is a base without a lock: it cannot be frozen"
                self.problems.append(Problem(message, name.origin, "leave `frozen` out"))
            built_on += self._built_on.get(self._real(base_path), ())
        self._built_on[self._real(path)] = tuple({base.path: base for base in built_on}.values())
        return bases

    def _base(self, path: Path, name: Located[str], chain: tuple[_Step, ...]) -> Part | None:
        try:
            return self._with_bases(path, chain)
        except OSError as error:
            shown = self._shown(path)
            self.problems.append(Problem(f"{shown} cannot be read: {system_reason(error)}", name.origin))
            return None

    def _find_base(self, folder: Path, name: Located[str]) -> Path | None:
        shipped = curated_root()
        # The project's own come first, so that it may have a spec of its own in place of one of the catalogue.
        folders = [folder, *([shipped / "specs"] if shipped is not None else [])]
        for place in folders:
            for suffix in SUFFIXES:
                candidate = place / f"{name.value}{suffix}"
                if candidate.is_file():
                    return candidate
        known = [path.stem for place in folders for path in sorted(place.iterdir()) if path.suffix in SUFFIXES]
        guess = nearest(name.value, known)
        own = sorted({path.stem for path in folder.iterdir() if path.suffix in SUFFIXES})
        hint = f"did you mean {guess[0]!r}?" if guess else f"specs: {', '.join(own)}"
        self.problems.append(Problem(f"extends: there is no spec {name.value!r}", name.origin, hint))
        return None

    def _is_circle(self, path: Path, chain: tuple[_Step, ...]) -> bool:
        for place, step in enumerate(chain):
            if step.path == self._real(path):
                circle = [f"{inner.path.stem} ({inner.origin})" for inner in chain[place:]]
                message = f"extends goes round in a circle: {' → '.join([*circle, step.path.stem])}"
                self.problems.append(Problem(message, chain[-1].origin))
                return True
        return False

    def _with_live_projects(self, part: Part, reading: Reading) -> Part:
        """Put what ``from`` brings in behind the requirements that the file lists itself."""
        for place in _listed(part.get(fields.FROM)):
            live = self._live(place, reading)
            part = part.with_value(fields.PIP, _longer(part.get(fields.PIP), live, place))
        groups = part.get(fields.GROUPS)
        if groups is None:
            return part
        entries = dict(groups.value)
        for name, group in groups.value.items():
            for place in _listed(group.get(subfields.GROUP_FROM)):
                live = self._live(place, reading)
                longer = _longer(entries[name].get(subfields.GROUP_REQUIREMENTS), live, place)
                entries[name] = entries[name].with_value(subfields.GROUP_REQUIREMENTS, longer)
        return part.with_value(fields.GROUPS, Located(entries, groups.origin))

    def _live(self, place: Located[str], reading: Reading) -> LiveProject:
        from envsolver.spec.live import live_requirements

        live = live_requirements(place, self._project, reading)
        if live.path is not None and live.path not in self._files:
            self._files.append(live.path)
        if live.requires_python is not None and live.requires_python not in self._pythons:
            self._pythons.append(live.requires_python)
        return live


def extended(part: Part) -> list[tuple[Located[str], bool]]:
    """Return the names under ``extends``, and whether each is to be frozen."""
    extends = part.get(fields.EXTENDS)
    found = []
    for entry in extends.value if extends else ():
        name, frozen = entry.get(subfields.BASE), entry.get(subfields.FROZEN_BASE)
        if name is not None:
            found.append((name, frozen is not None and frozen.value))
    return found


def _listed(listed: Located[tuple[Located[str], ...]] | None) -> tuple[Located[str], ...]:
    return listed.value if listed else ()


def _longer(
    listed: Located[tuple[Part, ...]] | None, live: LiveProject, place: Located[str]
) -> Located[tuple[Part, ...]]:
    before = listed.value if listed else ()
    new = tuple(item for item in live.requirements if item not in before)
    return Located((*before, *new), listed.origin if listed else place.origin)

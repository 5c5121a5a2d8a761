"""The specs of a project: finding the project, listing what it has, and one environment by name, alias or path."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

from envsolver.model.errors import Problem, SpecError, UnknownEnvironmentError, UsageError
from envsolver.model.origin import Origin
from envsolver.model.spec import SpecHead
from envsolver.model.wording import did_you_mean, system_reason
from envsolver.spec import fields
from envsolver.spec.load import SUFFIXES, display_path, extended, is_base, read_spec_file, redacted
from envsolver.spec.values import Part, Reading, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from envsolver.model.spec import Status
    from envsolver.spec.kinds import Field
    from envsolver.spec.values import Located

__all__ = [
    "SPECS_FOLDER",
    "environment_names",
    "find_project",
    "find_spec",
    "spec_files",
    "spec_head",
    "spec_heads",
    "with_clashes",
]

SPECS_FOLDER = "specs"


def find_project(start: Path) -> Path:
    """Return the nearest folder upwards that has ``specs/``.

    Raises:
        UsageError: there is none.
    """
    folder = start.resolve()
    for candidate in (folder, *folder.parents):
        if (candidate / SPECS_FOLDER).is_dir():
            return candidate
    raise UsageError(
        f"neither {start} nor a folder above it has {SPECS_FOLDER}/",
        hint="run `envsolver init NAME` there, or name the project with --project DIR",
    )


def environment_names(project: Path) -> tuple[str, ...]:
    """Return the names of all environments, sorted, without opening a file (an environment is called as its file)."""
    return tuple(sorted({path.stem for path in spec_files(project)}))


def spec_heads(project: Path) -> tuple[SpecHead, ...]:
    """Return what lists show of each environment, sorted by name. One bad file does not hide the others."""
    return with_clashes([spec_head(path, project) for path in spec_files(project)])


def find_spec(project: Path, reference: str) -> Path:
    """Return the spec file of an environment.

    Args:
        project: the folder that holds ``specs/``.
        reference: name, alias, or path (with ``/`` or a YAML suffix; relative to the current folder).

    Raises:
        UnknownEnvironmentError: there is no such environment; the hint has the nearest names.
        UsageError: the path is that of no spec of this project.
        SpecError: two specs claim the name or alias.
    """
    if "/" in reference or "\\" in reference or reference.endswith(SUFFIXES):
        reference = _by_path(project, reference)
    by_name = [path for path in spec_files(project) if path.stem == reference]
    if by_name:
        if len(by_name) > 1:
            raise SpecError([_two_files(by_name[0], by_name[1], project)])
        return by_name[0]
    heads = spec_heads(project)
    claimed = [head for head in heads if reference in head.aliases]
    if not claimed:
        raise UnknownEnvironmentError(reference, hint=_unknown_hint(project, reference, heads))
    if len(claimed) > 1:
        raise SpecError(claimed[-1].problems)
    return project / claimed[0].path


def _by_path(project: Path, reference: str) -> str:
    """Return the name of the environment whose spec this file is.

    A lock is called as the spec, so that a file of the same name elsewhere would take the place of another's lock.
    """
    path = Path(reference)
    if not path.is_file():
        near = nearest(path.stem, environment_names(project))
        meant = did_you_mean([f"{SPECS_FOLDER}/{spec.name}" for spec in spec_files(project) if spec.stem in near])
        there = meant or "`envsolver list` shows the environments"
        raise UnknownEnvironmentError(reference, hint=f"there is no such file; {there}")
    folder = (project / SPECS_FOLDER).resolve()
    # A link among the specs is an environment of its own name; one elsewhere is as good as what it leads to.
    found = next((file for file in (path.parent.resolve() / path.name, path.resolve()) if file.parent == folder), None)
    if found is None:
        raise UsageError(f"{reference} is no spec of the project {project}", hint=_elsewhere_hint(path.resolve()))
    if found.suffix not in SUFFIXES or found.name.startswith("."):
        raise UsageError(f"{reference} is no spec", hint=f"specs end in {' or '.join(SUFFIXES)}")
    return found.stem


def _elsewhere_hint(path: Path) -> str:
    if path.parent.name == SPECS_FOLDER:
        return f"name its project with --project {path.parent.parent}"
    return f"specs lie in {SPECS_FOLDER}/, not elsewhere and not in folders below; move it there"


def _unknown_hint(project: Path, reference: str, heads: Iterable[SpecHead]) -> str:
    files = [project / SPECS_FOLDER / f"{reference}{suffix}" for suffix in SUFFIXES]
    if any(is_base(path) and path.is_file() for path in files):
        return f"{reference!r} is a base for other specs, not an environment"
    known = [name for head in heads for name in (head.name, *head.aliases)]
    guesses = nearest(reference, known, count=3)
    if meant := did_you_mean(guesses):
        return meant
    names = environment_names(project)
    return f"environments: {', '.join(names)}" if names else f"there are no specs in {SPECS_FOLDER}/"


def spec_files(project: Path) -> list[Path]:
    """Return the files of the environments of a project, sorted."""
    folder = project / SPECS_FOLDER
    if not folder.is_dir():
        return []
    files = (path for path in folder.iterdir() if path.suffix in SUFFIXES and not path.name.startswith("."))
    return sorted(path for path in files if not is_base(path) and path.is_file())


def spec_head(path: Path, project: Path) -> SpecHead:
    """Return what lists show of one spec file."""
    shown = display_path(path, project)
    reading = Reading(shown, [], validate=False)
    try:
        part = read_spec_file(path, reading)
    except OSError as error:
        reading.problems.append(Problem(f"cannot be read: {system_reason(error)}", Origin(shown)))
        part = None
    part = part or Part(Origin(shown))
    return SpecHead(
        name=path.stem,
        path=shown,
        aliases=_names(part, fields.ALIASES),
        title=_text(part, fields.TITLE),
        description=_text(part, fields.DESCRIPTION),
        status=cast("Status", _text(part, fields.STATUS) or "supported"),
        extends=tuple(name.value for name, _ in extended(part)),
        problems=tuple(map(redacted, reading.problems)),
    )


def _text(part: Part, known: Field[Located[str]]) -> str | None:
    value = part.get(known)
    return value.value if value else None


def _names(part: Part, known: Field[Located[tuple[Located[str], ...]]]) -> tuple[str, ...]:
    listed = part.get(known)
    return tuple(item.value for item in listed.value) if listed else ()


def with_clashes(heads: Sequence[SpecHead]) -> tuple[SpecHead, ...]:
    """Add a problem to each spec that claims a name which an earlier one has."""
    owners: dict[str, SpecHead] = {}
    for head in heads:
        owners.setdefault(head.name, head)
    checked = []
    for head in heads:
        clashes = []
        if owners[head.name] is not head:
            clashes.append(Problem(f"{owners[head.name].path} has the same name", Origin(head.path)))
        for alias in head.aliases:
            owner = owners.setdefault(alias, head)
            if owner is not head:
                clashes.append(Problem(f"the alias {alias!r} belongs to {owner.path} already", Origin(head.path)))
        checked.append(_with_problems(head, clashes))
    return tuple(checked)


def _with_problems(head: SpecHead, problems: list[Problem]) -> SpecHead:
    from dataclasses import replace

    return replace(head, problems=(*head.problems, *problems)) if problems else head


def _two_files(first: Path, second: Path, project: Path) -> Problem:
    shown = display_path(first, project)
    return Problem(f"{shown} has the same name", Origin(display_path(second, project)), "keep one of them")

"""``lock --apply-fix``: a fix of a conflict written into the spec, and the lock that it makes possible."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from envsolver.app.files import read_text, write_together
from envsolver.app.locking import lock
from envsolver.model.errors import FileError, NoSolutionError, UsageError
from envsolver.model.fix import Addition, Removal
from envsolver.spec.curated import PREFIX
from envsolver.spec.edit import NotFoundError, edit_toml, edit_yaml
from envsolver.spec.insert import add_yaml, remove_yaml

if TYPE_CHECKING:
    from pathlib import Path

    from envsolver.app.locking import LockOptions, LockOutcome
    from envsolver.app.project import Environment, Project
    from envsolver.model.fix import Edit, Fix
    from envsolver.model.ports import Progress

__all__ = ["apply_fix", "lock_with_fix"]


def lock_with_fix(
    project: Project, environment: Environment, options: LockOptions, number: int, progress: Progress
) -> LockOutcome:
    """Lock an environment; if it has no solution, write one of the fixes into its spec and lock again.

    Args:
        project: of the environment.
        environment: to lock.
        options: of both runs.
        number: of the fix, from 1, in the order in which they are suggested.
        progress: is told what goes on.

    Raises:
        UsageError: there is no fix of this number.
        FileError: the spec cannot be changed.
    """
    (outcome,) = lock(project, [environment], options, progress)
    if not isinstance(outcome.error, NoSolutionError):
        note = "there was nothing to fix" if outcome.error is None else "there is no fix for this"
        return replace(outcome, notes=(*outcome.notes, note))
    fixes = outcome.error.fixes
    if not 1 <= number <= len(fixes):
        raise UsageError(
            f"there is no fix {number} for {environment.name}: {_counted(len(fixes))} found",
            hint=f"run `envsolver lock {environment.name}` to see what is wrong",
        )
    fix = fixes[number - 1]
    changed = apply_fix(project, fix)
    (outcome,) = lock(project, [environment], options, progress)
    return replace(outcome, applied=fix, written=(*changed, *outcome.written))


def _counted(number: int) -> str:
    return {0: "none was", 1: "one was"}.get(number, f"{number} were")


def apply_fix(project: Project, fix: Fix) -> tuple[Path, ...]:
    """Write a fix into the files that it changes; return them. All of them are changed, or none.

    Raises:
        FileError: a file cannot be read or written, lies outside the project, or has not the text where it should be.
    """
    texts: dict[Path, str] = {}
    # From the bottom up, so that a line taken out moves none that is still to be changed; what is added comes last.
    for edit in sorted(fix.edits, key=lambda edit: edit.origin, reverse=True):
        if edit.origin.path.startswith(PREFIX):
            raise FileError(
                f"{edit.origin} is of the catalogue that envsolver ships, which stays as it is",
                hint="say it in your own spec instead, with `replace:` for what the base says",
            )
        path = (project.root / edit.origin.path).resolve()
        if not path.is_relative_to(project.root):
            raise FileError(f"{edit.origin.path} lies outside the project", hint=_by_hand(edit))
        text = texts[path] if path in texts else read_text(path)
        if text is None:
            raise FileError(f"there is no {edit.origin.path}", hint=_by_hand(edit))
        texts[path] = _edited(text, edit)
    return write_together({path: text.encode("utf-8") for path, text in texts.items()})


def _edited(text: str, edit: Edit | Addition | Removal) -> str:
    try:
        if isinstance(edit, Addition):
            return add_yaml(text, edit.content)
        if isinstance(edit, Removal):
            return remove_yaml(text, edit.keys)
        change = edit_toml if edit.origin.path.endswith(".toml") else edit_yaml
        return change(text, edit.origin.line, edit.old, edit.new)
    except NotFoundError as error:
        raise FileError(f"{edit.origin}: {error}", hint=_by_hand(edit)) from error


def _by_hand(edit: Edit | Addition | Removal) -> str:
    if isinstance(edit, Addition):
        import json

        return f"add it by hand: {json.dumps(edit.content, ensure_ascii=False)}"
    if isinstance(edit, Removal):
        return f"take it out by hand: {'.'.join(edit.keys)}"
    return f"change it by hand: {f'{edit.new} instead of {edit.old}' if edit.new else f'without {edit.old}'}"

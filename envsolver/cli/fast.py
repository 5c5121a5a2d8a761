"""The shortest way through ``envsolver lock``: plain invocations of environments that are known to be up to date.

It understands a few options of one command and says what that command would say. Whatever it does not understand, or
does not know to be up to date, goes the ordinary way.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from envsolver.app.stamps import environment_files, is_left_out, is_stamped, nearest_project
from envsolver.cli.streams import write_error

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["up_to_date"]

_HARMLESS = frozenset({"--check", "--offline", "--no-color"})
"""Options that change nothing about the answer "is up to date"."""


def up_to_date(arguments: Sequence[str]) -> bool:
    """Say, and return True, that all environments asked for are up to date; else say nothing and return False."""
    asked = _parsed(arguments)
    if asked is None or "_ENVSOLVER_COMPLETE" in os.environ:
        return False
    names, project, quiet = asked
    root = nearest_project(Path.cwd()) if project is None else Path(project).resolve()
    files = None if root is None else environment_files(root)
    if root is None or files is None:
        return False
    known = [name.rpartition(".")[0] for name in files]
    left_out = [name for file, name in zip(files, known, strict=True) if names is None and is_left_out(root, file)]
    wanted = [name for name in known if name not in left_out] if names is None else list(dict.fromkeys(names))
    # A name that two files have is a mistake, which the ordinary way explains.
    if not wanted or any(known.count(name) != 1 or not is_stamped(root, name) for name in wanted):
        return False
    if not quiet:
        write_error("".join(f"{name} is up to date\n" for name in wanted))
        if left_out:
            from envsolver.cli.text import left_out_text
            from envsolver.cli.ui import Common, Ui

            Ui(Common()).say(left_out_text(left_out))
    return True


def _parsed(arguments: Sequence[str]) -> tuple[list[str] | None, str | None, bool] | None:
    """Return the names (None for all), the project and whether to be quiet; None for anything out of the ordinary."""
    positional: list[str] = []
    project: str | None = None
    quiet = every = False
    waiting = iter(arguments)
    for argument in waiting:
        if argument == "--project":
            project = next(waiting, None)
            if project is None or project.startswith("-"):
                return None
        elif argument in {"-q", "--quiet"}:
            quiet = True
        elif argument == "--all" and positional:
            every = True
        elif argument.startswith("-"):
            if argument not in _HARMLESS or (argument == "--check" and not positional):
                return None
        else:
            positional.append(argument)
    if positional[:1] != ["lock"] or every == bool(positional[1:]):
        return None
    return (None if every else positional[1:]), project, quiet

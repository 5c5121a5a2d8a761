"""``envsolver update``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from envsolver.app.project import open_project
from envsolver.app.updating import UpdateOptions, pull_request
from envsolver.app.updating import update as updated_locks
from envsolver.cli.base import EnvironmentName, command, output_option
from envsolver.cli.output import write_document
from envsolver.cli.text import fill

if TYPE_CHECKING:
    from envsolver.app.project import Project
    from envsolver.app.updating import Update, Updated
    from envsolver.cli.ui import Ui

__all__ = ["update", "wrapped_markdown"]

_MARKS = ("> ", "- ", "    ")
"""Of a quotation, an item and a block of what a program has said."""


@command("update")
@click.argument("names", nargs=-1, type=EnvironmentName(), metavar="[NAME]...")
@click.option("--all", "every", is_flag=True, help="Update every environment but deprecated and removed ones.")
@click.option("--dry-run", is_flag=True, help="Write no lock; only say what would change.")
@click.option("--advisories", metavar="DIR|ZIP|URL", help="Where the advisories are, as for `audit`.")
@click.option("--no-audit", is_flag=True, help="Compare with no advisories.")
@click.option("--builds/--no-builds", default=True, help="Resolve what source archives are built with, too.")
@output_option("Write the text to FILE; standard output by default (-).")
def update(
    ui: Ui,
    names: tuple[str, ...],
    *,
    every: bool,
    dry_run: bool,
    advisories: str | None,
    no_audit: bool,
    builds: bool,
    output: Path | None,
) -> int:
    """Take the newest versions that the specs allow.

    Locks each NAME anew, compares it with the old lock and both with security advisories, and writes the text of a pull
    request in Markdown. An environment that fails keeps its lock.
    """
    if no_audit and advisories is not None:
        raise click.UsageError("--no-audit and --advisories exclude each other")
    project = open_project(ui.common.project)
    environments = project.select(names, every=every)
    options = UpdateOptions(
        dry_run=dry_run, audit=not no_audit, advisories=advisories, builds=builds, offline=ui.common.offline
    )
    with ui.progress() as progress:
        updated = updated_locks(project, environments, options, progress)
    text = pull_request(updated)
    if ui.json_wanted:
        if output is not None and output != Path("-"):
            from envsolver.app.files import write_document as write_file

            write_file(output, text.encode())
        ui.json(_document(project, updated, text))
    else:
        shown = wrapped_markdown(text, ui.width) if ui.terminal and output is None else text
        write_document(ui, shown, output)
        _tell(ui, updated, dry_run=dry_run)
    return max((one.locked.error.exit_code for one in updated.each if one.locked.error is not None), default=0)


def wrapped_markdown(text: str, width: int) -> str:
    """Return Markdown as a terminal shows it best, and still as Markdown: headings and tables keep their lines."""
    lines = []
    for line in text.splitlines():
        mark = next((mark for mark in _MARKS if line.startswith(mark)), "")
        if len(line) <= width or line.startswith(("#", "|")):
            lines.append(line)
        else:
            under = "> " if mark == "> " else " " * len(mark)
            lines.append(fill(line.removeprefix(mark), width=width, first=mark, indent=under))
    return "\n".join(lines) + "\n"


def _tell(ui: Ui, updated: Updated, *, dry_run: bool) -> None:
    for one in updated.each:
        if one.locked.error is not None:
            ui.error(f"{one.locked.name}: {one.locked.error}")
            if one.locked.error.hint:
                ui.hint(one.locked.error.hint)
    if updated.unaudited is not None:
        ui.note(f"not compared with advisories: {updated.unaudited}")
    for path in updated.written:
        ui.wrote(path, changed=True)
    if dry_run:
        ui.say("nothing was written (--dry-run)")


def _document(project: Project, updated: Updated, text: str) -> dict[str, Any]:
    return {
        "project": str(project.root),
        "environments": [_as_json(one) for one in updated.each],
        "written": [project.relative(path) for path in updated.written],
        "unaudited": updated.unaudited,
        "text": text,
    }


def _as_json(one: Update) -> dict[str, Any]:
    from envsolver.app.comparing import diff_data
    from envsolver.cli.report import error_object

    locked = one.locked
    return {
        "name": locked.name,
        "diff": diff_data(locked.diff) if locked.diff is not None else None,
        "resolved": [flaw.id for flaw in one.resolved],
        "open": [flaw.id for flaw in one.open],
        "notes": list(locked.notes),
        "error": error_object(locked.error) if locked.error is not None else None,
    }

"""``envsolver sync``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from envsolver.app.project import locate_environment
from envsolver.cli.base import EnvironmentName, command, group_option, prefix_option, python_option
from envsolver.cli.text import count, size
from envsolver.cli.ui import display_path

if TYPE_CHECKING:
    from pathlib import Path

    from envsolver.app.syncing import Step, Synced, SyncPlan
    from envsolver.cli.ui import Ui

__all__ = ["sync"]

_ONE_BY_ONE = ("add", "change", "remove", "keep", "repair")
_WORDS = {"add": "added", "remove": "removed", "keep": "not in the lock, stays", "repair": "files repaired"}


@command("sync")
@click.argument("name", type=EnvironmentName(shipped=True), metavar="NAME")
@prefix_option("The environment to change.")
@group_option("A group beside the base; may be repeated. By default those that it was built with.")
@python_option("The interpreter; by default the one that it has, if it is of the minor version of the lock.")
@click.option("--bytecode/--no-bytecode", default=None, help="Compile it, or not; by default as it was built.")
@click.option("--keep", is_flag=True, help="Leave packages and files alone that are not of the lock.")
@click.option("--dry-run", is_flag=True, help="Show what would be done, and do nothing.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def sync(
    ui: Ui,
    name: str,
    *,
    prefix: Path,
    groups: tuple[str, ...],
    python: Path | None,
    bytecode: bool | None,
    keep: bool,
    dry_run: bool,
    yes: bool,
) -> None:
    """Bring an environment that is there to its lock.

    Whoever made it (envsolver, pip, uv, venv): what is missing is installed, what differs replaced, what is not in the
    lock removed, and nothing else is touched. What will be done is shown first. An interrupted run is finished by the
    next one.
    """
    from envsolver.app.syncing import SyncOptions, plan_sync

    project, environment = locate_environment(ui.common.project, name)
    options = SyncOptions(
        prefix=prefix, groups=groups or None, python=python, bytecode=bytecode, keep=keep, offline=ui.common.offline
    )
    with ui.progress() as progress:
        plan = plan_sync(project, environment, options, progress)
    if not ui.json_wanted:
        _show(ui, plan)
    done = None
    if plan.is_empty and not dry_run:
        plan.tidy()
    elif not dry_run:
        _ask(ui, plan, yes=yes)
        with ui.progress() as progress:
            done = plan.run(progress)
    if ui.json_wanted:
        ui.json(_document(plan, done))
    elif done is not None:
        _report(ui, plan, done)


def _show(ui: Ui, plan: SyncPlan) -> None:
    shown = display_path(plan.prefix)
    kept = sum(step.action == "keep" for step in plan.steps)
    if plan.is_empty:
        beside = f", but for {count(kept, 'package')} that it does not have" if kept else ""
        ui.say(f"{shown} is as the lock of {plan.lock.name} says{beside}")
        return
    for step in plan.steps:
        if step.action in _ONE_BY_ONE:
            ui.out(f"{step.name} {_change(step)}")
    if rewritten := sum(step.action == "rewrite" for step in plan.steps):
        ui.out(f"{count(rewritten, 'package')} of the right version written anew, as the lock has them")
    if plan.strays:
        ui.out(f"{count(plan.strays, 'file')} of no package removed")
    if plan.moves:
        ui.out(f"runs on CPython {plan.interpreter.version} ({plan.interpreter.path})")


def _change(step: Step) -> str:
    if step.action == "change" and step.before != step.after:
        return f"{step.before} -> {step.after}"
    if step.action == "change":
        return f"{step.after}: another file of this version"
    return f"{step.after or step.before} {_WORDS[step.action]}"


def _ask(ui: Ui, plan: SyncPlan, *, yes: bool) -> None:
    if yes:
        return
    if ui.json_wanted or not sys.stdin.isatty():
        raise click.UsageError(f"nothing was changed in {plan.prefix}: say --yes, or --dry-run to look only")
    click.confirm(f"Change {display_path(plan.prefix)}?", abort=True, err=True)


def _report(ui: Ui, plan: SyncPlan, done: Synced) -> None:
    ui.say(
        f"changed {display_path(plan.prefix)}: {count(done.written, 'file')} written, {done.removed} removed"
        + (f", {done.kept} kept that are not of the lock" if done.kept else "")
    )
    if done.received:
        ui.say(f"downloaded {size(done.received)}")
    ui.out(f"tree {done.manifest.digest}")


def _document(plan: SyncPlan, done: Synced | None) -> dict[str, object]:
    return {
        "environment": plan.lock.name,
        "prefix": str(plan.prefix),
        "platform": plan.target.platform,
        "groups": list(plan.way.groups),
        "interpreter": str(plan.interpreter.path),
        "changes": not plan.is_empty,
        "packages": [
            {"name": step.name, "action": step.action, "before": step.before, "after": step.after}
            for step in plan.steps
        ],
        "stray_files": plan.strays,
        "done": None
        if done is None
        else {
            "files_written": done.written,
            "files_removed": done.removed,
            "files_kept": done.kept,
            "downloaded_bytes": done.received,
            "tree": done.manifest.digest,
        },
    }

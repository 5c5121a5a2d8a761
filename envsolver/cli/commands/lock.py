"""``envsolver lock``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from envsolver.app import locking
from envsolver.app.project import open_project
from envsolver.cli.base import EnvironmentName, command
from envsolver.cli.kinds import WholeNumber
from envsolver.cli.text import count, duration, left_out_text, package_counts
from envsolver.model.errors import NoSolutionError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from envsolver.app.locking import LockOutcome
    from envsolver.app.project import Project
    from envsolver.cli.ui import Ui
    from envsolver.model.fix import Fix

__all__ = ["lock"]

MOST_CHANGES = 40
"""So many moved packages are listed; ``--verbose`` lists all."""


@command("lock")
@click.argument("names", nargs=-1, type=EnvironmentName(), metavar="[NAME]...")
@click.option(
    "--all", "every", is_flag=True, help="Lock every environment of the project but deprecated and removed ones."
)
@click.option("--check", "only_check", is_flag=True, help="Write nothing; exit 1 if a lock is not up to date.")
@click.option("--refresh", is_flag=True, help="Ask the indexes again, even where the cache is fresh.")
@click.option("--upgrade", is_flag=True, help="Take the newest versions; keep none of the old lock.")
@click.option(
    "--upgrade-package",
    "upgrade_packages",
    multiple=True,
    metavar="X[==V]",
    help="Let the version of X move (to V); may be given more than once.",
)
@click.option(
    "--builds/--no-builds",
    default=True,
    help="Resolve what source archives are built with, too (the default); `envsolver wheel` does it otherwise.",
)
@click.option(
    "--start",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Keep the versions of a lock of another tool, in place of those of the old lock.",
)
@click.option(
    "--apply-fix",
    "fix",
    type=WholeNumber(1),
    metavar="N",
    help="If there is no solution, write fix N of those suggested into the spec, then lock.",
)
def lock(
    ui: Ui,
    names: tuple[str, ...],
    *,
    every: bool,
    only_check: bool,
    refresh: bool,
    upgrade: bool,
    upgrade_packages: tuple[str, ...],
    builds: bool,
    start: Path | None,
    fix: int | None,
) -> int:
    """Resolve environments and write their locks.

    For each NAME writes locks/NAME.lock.toml and locks/NAME.requirements.txt, if the spec has changed since they were
    made. Versions in the old lock stay unless they must move; --upgrade and --upgrade-package let them. With --start
    those of another tool's lock stay (conda-lock.yml, pixi.lock, an @EXPLICIT list of conda, uv.lock, pylock.toml, a
    compiled requirements.txt), and what moved is told against it. Of source archives it also locks what they are built
    with, for which it fetches them. Where there is no solution, changes of the spec are suggested, each of which was
    solved; --apply-fix makes one.
    """
    clashes = {
        "--check solves nothing: --refresh and --upgrade do not go with it": only_check
        and bool(refresh or upgrade or upgrade_packages),
        "--start keeps versions: --check and --upgrade do not go with it": start is not None
        and (only_check or upgrade),
        "--refresh asks the indexes again: --offline does not go with it": refresh and ui.common.offline,
        "--check changes nothing: --apply-fix does not go with it": only_check and fix is not None,
    }
    _refuse(clashes)
    project = open_project(ui.common.project, names)
    heads = project.select(names, every=every)
    several = len(heads) > 1
    _refuse(
        {
            "--apply-fix takes one environment": len(heads) != 1 and fix is not None,
            "--start takes one environment": len(heads) != 1 and start is not None,
        }
    )
    if only_check:
        outcomes = locking.check(project, heads)
        for outcome in outcomes:
            _tell(ui, outcome, several=several)
    else:
        options = locking.LockOptions(
            offline=ui.common.offline,
            refresh=refresh,
            upgrade=upgrade,
            upgrade_packages=upgrade_packages,
            start=start,
            builds=builds,
        )
        # Outcomes are told at the end, in the order asked for: the live line is gone then, and the output is the
        # same in every run.
        with ui.progress() as progress:
            if fix is None:
                outcomes = locking.lock(project, heads, options, progress)
            else:
                from envsolver.app.applying import lock_with_fix

                outcomes = (lock_with_fix(project, heads[0], options, fix, progress),)
        for outcome in outcomes:
            _tell(ui, outcome, several=several)
    return _finish(ui, project, outcomes, locking.left_out(project) if every else ())


def _refuse(clashes: Mapping[str, bool]) -> None:
    """Refuse options that contradict each other: message → whether it is so."""
    for message, clash in clashes.items():
        if clash:
            raise click.UsageError(message)


def _finish(ui: Ui, project: Project, outcomes: Sequence[LockOutcome], left_out: Sequence[str]) -> int:
    failed = [outcome.error for outcome in outcomes if outcome.error is not None]
    stale = [outcome for outcome in outcomes if outcome.status == "stale"]
    status = max((error.exit_code for error in failed), default=1 if stale else 0)
    hint = None
    if stale:
        hint = f"run `envsolver lock {' '.join(outcome.name for outcome in stale)}`"
    if ui.json_wanted:
        from envsolver.cli.report import error_document, error_object

        document: dict[str, Any] = {
            "project": str(project.root),
            "environments": [_as_json(project, outcome) for outcome in outcomes],
            "left_out": list(left_out),
        }
        if len(failed) == 1 and len(outcomes) == 1:
            document["error"] = error_object(failed[0])
        elif failed:
            message = f"{count(len(failed), 'environment')} of {len(outcomes)} failed"
            document |= error_document("several-failed", message, None, {})
        elif stale:
            message = f"{count(len(stale), 'lock')} of {len(outcomes)} would change"
            document |= error_document("check-failed", message, hint, {})
        ui.json(document)
    else:
        if hint:
            ui.hint(hint)
        if left_out:
            ui.say(left_out_text(left_out))
    return status


def _tell(ui: Ui, outcome: LockOutcome, *, several: bool) -> None:
    if ui.json_wanted:
        return
    prefix = f"{outcome.name}: " if several else ""
    if outcome.applied is not None:
        _tell_applied(ui, outcome, outcome.applied)
    if outcome.error is not None:
        ui.error(f"{prefix}{outcome.error}")
        _tell_fixes(ui, outcome)
    elif outcome.status == "stale":
        ui.error(f"{outcome.name} is not up to date: {'; '.join(outcome.reasons)}")
    elif outcome.status == "up-to-date":
        ui.say(f"{outcome.name} is up to date")
        _tell_notes(ui, outcome, prefix)
    else:
        _tell_written(ui, outcome, prefix)
    if ui.verbose:
        _tell_details(ui, outcome)


def _tell_applied(ui: Ui, outcome: LockOutcome, fix: Fix) -> None:
    ui.say(f"fixed {fix.title}")
    for path in outcome.written:
        if path not in {outcome.lock_path, outcome.requirements_path}:
            ui.wrote(path, changed=True)


def _tell_fixes(ui: Ui, outcome: LockOutcome) -> None:
    """Print what would help, or what the error itself has to suggest."""
    error = outcome.error
    fixes = error.fixes if isinstance(error, NoSolutionError) else ()
    if fixes:
        ui.more("these changes resolve it, each was solved:")
        for number, fix in enumerate(fixes, start=1):
            deeper = {"first": " " * 5, "indent": " " * 7}
            ui.more(fix.title, first=f"  {number}. ", indent=deeper["indent"])
            ui.more(f"gives {fix.outcome}", **deeper)
            if fix.warning is not None:
                ui.more(fix.warning, **deeper)
    if isinstance(error, NoSolutionError) and error.untried:
        ui.more("this may resolve it, and could not be tried:")
        for untried in error.untried:
            ui.more(untried, first="  ", indent="    ")
    if fixes:
        ui.hint(f"`envsolver lock {outcome.name} --apply-fix N` writes one of them into the spec")
    elif error is not None and error.hint:
        ui.hint(error.hint)


def _tell_written(ui: Ui, outcome: LockOutcome, prefix: str) -> None:
    for path in (outcome.lock_path, outcome.requirements_path):
        ui.wrote(path, changed=path in outcome.written)
    if outcome.packages:
        ui.say(f"{prefix}{package_counts(outcome.packages)}")
    _tell_changes(ui, outcome)
    _tell_notes(ui, outcome, prefix)
    if outcome.held is None:
        return
    for given in outcome.held.gave_way:
        ui.note(f"{prefix}{given.sentence}")
    if outcome.held.bounded:
        ui.say(
            f"{prefix}implied bounds hold {count(outcome.held.bounded, 'package')} back; "
            f"`envsolver why {outcome.name} --held` lists them"
        )


def _tell_notes(ui: Ui, outcome: LockOutcome, prefix: str) -> None:
    for note in outcome.notes:
        ui.note(f"{prefix}{note}")


def _tell_changes(ui: Ui, outcome: LockOutcome) -> None:
    if outcome.diff is None:
        return
    from envsolver.app.comparing import diff_text

    lines = diff_text(outcome.diff).splitlines()
    shown = lines if ui.verbose else lines[:MOST_CHANGES]
    for line in shown:
        ui.say(f"  {line}")
    if len(shown) < len(lines):
        ui.say(f"  and {len(lines) - len(shown)} more; --verbose lists all")


def _tell_details(ui: Ui, outcome: LockOutcome) -> None:
    for reason in outcome.reasons if outcome.status != "stale" else ():
        ui.detail(f"  because {reason}")
    for target, stats in outcome.stats:
        ui.detail(
            f"  {target}: {count(stats.rounds, 'round')}, {count(stats.solves, 'solve')}, "
            f"{count(stats.records, 'record')}, metadata of {count(stats.metadata_read, 'file')}"
        )
    if outcome.timings:
        ui.detail("  time: " + ", ".join(f"{stage} {duration(seconds)}" for stage, seconds in outcome.timings))


def _as_json(project: Project, outcome: LockOutcome) -> dict[str, Any]:
    from envsolver.cli.report import error_object, plain

    counts = outcome.packages
    if outcome.status == "up-to-date":
        counts = locking.locked_counts(project, outcome.name)
    diff = None
    if outcome.diff is not None:
        from envsolver.app.comparing import diff_data

        diff = diff_data(outcome.diff)
    return {
        "name": outcome.name,
        "status": outcome.status,
        "reasons": list(outcome.reasons),
        "lock": project.relative(outcome.lock_path),
        "requirements": project.relative(outcome.requirements_path),
        "written": [project.relative(path) for path in outcome.written],
        "packages": dict(counts),
        "diff": diff,
        "notes": list(outcome.notes),
        "held": plain(outcome.held),
        "applied_fix": plain(outcome.applied),
        "stats": {
            target: {
                "rounds": stats.rounds,
                "solves": stats.solves,
                "records": stats.records,
                "metadata_read": stats.metadata_read,
            }
            for target, stats in outcome.stats
        },
        "seconds": {stage: round(seconds, 4) for stage, seconds in outcome.timings},
        "error": error_object(outcome.error) if outcome.error is not None else None,
    }

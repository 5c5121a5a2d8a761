"""``envsolver check``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from envsolver.app import asking, checking, verdicts
from envsolver.cli.base import EnvironmentName, command, output_option
from envsolver.cli.kinds import Choice
from envsolver.cli.output import write_document
from envsolver.cli.text import count, fill

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envsolver.app.checking import CheckOutcome, Finding
    from envsolver.app.foreign import Circumstances
    from envsolver.app.gpu_receipts import Wanted
    from envsolver.app.project import Environment, Project
    from envsolver.cli.ui import Ui

__all__ = ["check"]

_COLORS = {"error": "1;31", "warning": "1;33", "note": "36"}
_UNREAD = 3
"""So many of what could not be read are named; ``--verbose`` names all."""
_OF_FILES = ("python", "platform", "glibc", "cuda", "driver", "arch", "base_image")


@command("check")
@click.argument("names", nargs=-1, type=EnvironmentName(shipped=True), metavar="[NAME]...")
@click.option("--all", "every", is_flag=True, help="Check every environment of the project.")
@click.option(
    "--file",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Judge a lock of another tool: requirements.txt, pylock.toml, uv.lock, conda-lock.yml, environment.yml.",
)
@click.option("--python", metavar="VERSION", help="With --file: the Python that it is for.")
@click.option("--platform", metavar="PLATFORM", help="With --file: the platform; linux-64 by default.")
@click.option("--glibc", metavar="VERSION", help="With --file: the glibc of the nodes.")
@click.option("--cuda", metavar="VERSION", help="With --file: the CUDA that it is for, or cpu.")
@click.option("--driver", metavar="VERSION", help="With --file: the oldest driver of the nodes.")
@click.option("--arch", multiple=True, metavar="X.Y", help="With --file: a compute capability of the nodes.")
@click.option("--base-image", metavar="IMAGE", help="With --file: the image that it is installed into.")
@click.option("--files", "read_files", is_flag=True, help="Read the file lists of the wheels from their indexes.")
@click.option("--fixes", is_flag=True, help="Look for changes that mend the errors, and solve each.")
@click.option("--outdated", is_flag=True, help="Ask the indexes what is newer, was yanked or is gone.")
@click.option("--require-receipt", metavar="SM,...", help="Fail without a receipt of GPUs of these architectures.")
@click.option("--max-age", metavar="AGE", help="Of a receipt that counts: 12h, 30d, 4w.")
@click.option("--strict", is_flag=True, help="Fail on warnings too.")
@click.option("--notes", is_flag=True, help="Show notes too, not their number only.")
@click.option(
    "--format",
    "format_",
    type=Choice(["text", "json", "sarif", "github"]),
    default=None,
    help="How to write what was found; text by default.",
)
@output_option("Write to FILE; standard output by default (-).")
def check(
    ui: Ui,
    names: tuple[str, ...],
    *,
    every: bool,
    path: Path | None,
    read_files: bool,
    fixes: bool,
    outdated: bool,
    require_receipt: str | None,
    max_age: str | None,
    strict: bool,
    notes: bool,
    format_: str | None,
    output: Path | None,
    **of_files: Any,
) -> int:
    """Judge locks: what is wrong, or worth knowing, about them.

    Says of each NAME whether its lock is up to date with its spec, and what in it does not go together, with each
    other or with the nodes: builds for another CUDA, files of two packages in one place, what rules know. With --file
    it judges a lock that another tool made. `envsolver explain CODE` describes a code. Exit status 1: there are errors.
    """
    asked = _receipts(require_receipt, max_age, path)
    form = format_ or ("json" if ui.json_wanted else "text")
    if path is None:
        if given := [name for name in _OF_FILES if of_files[name]]:
            raise click.UsageError(f"--{given[0].replace('_', '-')} goes with --file only: a spec says it itself")
        project, environments = checking.select(ui.common.project, names, every=every)
        root: Path | None = project.root
        outcomes = _of_project(ui, project, environments, read_files=read_files, fixes=fixes, outdated=outdated)
        if asked is not None:
            from envsolver.app.gpu_receipts import with_receipts

            outcomes = with_receipts(project, environments, outcomes, asked, folder=ui.common.project)
    else:
        if outdated:
            raise click.UsageError("--outdated goes with environments only: --file names no indexes")
        circumstances = _circumstances(names, of_files, every=every)
        root = None
        outcomes = (_of_file(ui, path, circumstances, read_files=read_files, fixes=fixes),)
    failed = [error for outcome in outcomes if (error := outcome.error or outcome.unanswered) is not None]
    bad = any(verdicts.failing(outcome.findings, strict=strict) for outcome in outcomes)
    _write(ui, outcomes, form, output, root, notes=notes)
    return max((error.exit_code for error in failed), default=1 if bad else 0)


def _receipts(architectures: str | None, max_age: str | None, path: Path | None) -> Wanted | None:
    """Return the receipts that are asked for."""
    if architectures is None:
        if max_age is not None:
            raise click.UsageError("--max-age goes with --require-receipt only")
        return None
    if path is not None:
        raise click.UsageError("--require-receipt goes with environments only: a file has no receipts")
    from envsolver.app.gpu_receipts import wanted

    return wanted(architectures, max_age)


def _of_project(
    ui: Ui, project: Project, environments: Sequence[Environment], *, read_files: bool, fixes: bool, outdated: bool
) -> Sequence[CheckOutcome]:
    offline = ui.common.offline
    # Without a live line, whose thread would be in the way: many locks are judged in processes that are forked.
    outcomes = checking.check(project, environments) if not read_files else ()
    if not (read_files or fixes or outdated):
        return outcomes
    with ui.progress() as progress:
        if read_files:
            reader = checking.list_reader(project.root, offline=offline, progress=progress)
            outcomes = checking.check(project, environments, reader=reader)
        if outdated:
            outcomes = asking.with_newer(project, environments, outcomes, offline=offline, progress=progress)
        if fixes:
            outcomes = asking.with_fixes(project, environments, outcomes, offline=offline, progress=progress)
    return outcomes


def _of_file(ui: Ui, path: Path, circumstances: Circumstances, *, read_files: bool, fixes: bool) -> CheckOutcome:
    offline = ui.common.offline
    with ui.progress() as progress:
        reader = checking.list_reader(Path.cwd(), offline=offline, progress=progress) if read_files else None
        outcome = checking.check_file(path, circumstances, reader=reader)
        if fixes:
            outcome = asking.file_with_fixes(path, circumstances, outcome, offline=offline, progress=progress)
    return outcome


def _circumstances(names: tuple[str, ...], of_files: dict[str, Any], *, every: bool) -> Circumstances:
    from envsolver.app.foreign import Circumstances

    if names or every:
        raise click.UsageError("--file judges a file: it does not go with environments")
    if not of_files["python"]:
        raise click.UsageError("--file needs --python: the file does not say what it is for")
    return Circumstances(
        python=of_files["python"],
        platform=of_files["platform"] or "linux-64",
        glibc=of_files["glibc"],
        cuda=of_files["cuda"],
        driver=of_files["driver"],
        architectures=of_files["arch"],
        base_image=of_files["base_image"],
    )


def _write(
    ui: Ui, outcomes: Sequence[CheckOutcome], form: str, output: Path | None, root: Path | None, *, notes: bool
) -> None:
    if form == "text":
        text = "\n".join(line for outcome in outcomes for line in _text(ui, outcome, notes=notes or ui.verbose))
    elif form == "github":
        text = verdicts.to_github(outcomes, root or Path.cwd())
    elif form == "sarif":
        text = json.dumps(verdicts.to_sarif(outcomes, root or Path.cwd()), indent=2, ensure_ascii=False) + "\n"
    else:
        text = json.dumps(_document(outcomes, root), indent=2, ensure_ascii=False) + "\n"
    if text or output is not None:
        write_document(ui, text, output)
    if form != "json":
        for outcome in outcomes:
            _tell(ui, outcome)


def _tell(ui: Ui, outcome: CheckOutcome) -> None:
    """Say what could not be judged."""
    error = outcome.error or outcome.unanswered
    if error is not None:
        ui.error(f"{outcome.name}: {error}")
        if error.hint:
            ui.hint(error.hint)
    for line in outcome.unpinned:
        ui.note(f"not pinned, so not judged: {line}")
    # Where no index answered, each page of it would say so once more.
    shown = len(outcome.unread) if ui.verbose else 0 if outcome.unanswered is not None else _UNREAD
    for line in outcome.unread[:shown]:
        ui.note(f"could not be read: {line}")
    if 0 < shown < len(outcome.unread):
        ui.note(f"could not be read: {len(outcome.unread) - shown} more (--verbose names them)")


def _document(outcomes: Sequence[CheckOutcome], root: Path | None) -> dict[str, Any]:
    from envsolver.cli.report import error_object

    return {
        "project": str(root) if root is not None else None,
        "environments": [
            verdicts.outcome_data(outcome)
            | {"error": error_object(error) if (error := outcome.error or outcome.unanswered) is not None else None}
            for outcome in outcomes
        ],
    }


def _text(ui: Ui, outcome: CheckOutcome, *, notes: bool) -> Iterator[str]:
    if outcome.error is not None:
        return
    numbers = verdicts.counts(outcome.findings)
    said = [count(numbers[kind], kind) for kind in ("error", "warning", "note") if numbers[kind]]
    if numbers["accepted"]:
        said.append(f"{numbers['accepted']} accepted")
    standing = {"up-to-date": "up to date, ", "stale": "not up to date, ", "missing": "not locked, ", "foreign": ""}
    hidden = " (--notes shows them)" if numbers["note"] and not notes else ""
    judged = outcome.packages or outcome.standing != "foreign"
    nothing = "nothing found" if judged else "nothing was judged, for no package is pinned"
    summary = f"{standing[outcome.standing or 'foreign']}{', '.join(said) or nothing}{hidden}"
    yield f"{ui.style(outcome.name, '1')}: {summary}"
    for finding in outcome.findings:
        if notes or finding.severity != "note":
            yield from _finding(ui, finding)
    mends: dict[tuple[str, str], list[str]] = {}
    for finding in outcome.findings:
        if finding.fix is not None:
            mends.setdefault((finding.fix.title, finding.fix.outcome), []).append(finding.code)
    for (title, result), codes in mends.items():
        first = f"  fix, solved, for {', '.join(dict.fromkeys(codes))}: "
        yield fill(f"{title} ({result})", width=ui.width, indent="    ", first=first)
    yield from _newer(ui, outcome)


def _newer(ui: Ui, outcome: CheckOutcome) -> Iterator[str]:
    """Yield what has newer releases: what is held back apart from what an upgrade would move."""
    held = [one for one in outcome.newer if one.held is not None]
    free = [one for one in outcome.newer if one.held is None]
    for title, found in (("held back", held), ("outdated", free)):
        if found:
            yield "  " + ui.style(f"{title} ({len(found)}):", "1")
        for one in found:
            why = f" ({one.held}): {one.why}" if one.held is not None else ""
            yield fill(
                f"{one.package} {one.version}, newest {one.newest}{why}", width=ui.width, indent="      ", first="    "
            )


def _finding(ui: Ui, finding: Finding) -> Iterator[str]:
    label = "accepted" if finding.allowed is not None else finding.severity
    first = f"  {label} {finding.code}: "
    on = f" (on {', '.join(finding.targets)})" if finding.targets else ""
    wrapped = fill(f"{finding.message}{on}", width=ui.width, indent="    ", first=first)
    yield "  " + ui.style(f"{label} {finding.code}", _COLORS[finding.severity]) + wrapped[len(first) - 2 :]
    place = str(finding.place) + (f", {finding.lock_place}" if finding.lock_place is not None else "")
    details = [f"at {place}"]
    if len(finding.path) > 2:
        details.append(f"by {' > '.join(finding.path)}")
    if finding.allowed is not None:
        details.append(f"accepted: {finding.allowed}")
    if finding.rule is not None:
        details.append(f"rule {finding.rule}")
    if finding.hint:
        details.append(finding.hint)
    for detail in details:
        yield fill(detail, width=ui.width, indent="      ", first="    ")

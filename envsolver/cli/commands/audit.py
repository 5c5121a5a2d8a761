"""``envsolver audit``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from envsolver.app import auditing
from envsolver.app.checking import select
from envsolver.cli.base import EnvironmentName, command, output_option
from envsolver.cli.kinds import Choice
from envsolver.cli.output import write_document
from envsolver.cli.text import count, fill

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from envsolver.app.auditing import Audited, AuditOutcome
    from envsolver.app.patching import Patch, Vulnerability
    from envsolver.catalog.audit import Component
    from envsolver.cli.ui import Ui

__all__ = ["audit"]

_COLORS = {"critical": "1;31", "high": "1;31", "medium": "1;33", "low": "36", None: "1;33"}
_SHOWN = 6


@command("audit")
@click.argument("names", nargs=-1, type=EnvironmentName(shipped=True), metavar="[NAME]...")
@click.option("--all", "every", is_flag=True, help="Audit every environment of the project.")
@click.option(
    "--advisories",
    metavar="DIR|ZIP|URL",
    help="Where the advisories are, in OSV format; the OSV service by default.",
)
@click.option("--no-fixes", is_flag=True, help="Look for no upgrades: nothing is solved.")
@click.option(
    "--format",
    "format_",
    type=Choice(["text", "json", "markdown", "sarif", "github"]),
    default=None,
    help="How to write what was found; text by default.",
)
@output_option("Write to FILE; standard output by default (-).")
def audit(
    ui: Ui,
    names: tuple[str, ...],
    *,
    every: bool,
    advisories: str | None,
    no_fixes: bool,
    format_: str | None,
    output: Path | None,
) -> int:
    """Say which locked packages have known flaws.

    Compares the lock of each NAME with security advisories in OSV format. For each package concerned the smallest
    upgrade is solved before it is printed. Exit status 1: something was found that the spec does not accept.
    """
    form = format_ or ("json" if ui.json_wanted else "text")
    project, environments = select(ui.common.project, names, every=every)
    options = auditing.AuditOptions(advisories=advisories, fixes=not no_fixes, offline=ui.common.offline)
    with ui.progress() as progress:
        audited = auditing.audit(project, environments, options, progress)
    if form == "json":
        text = json.dumps(_document(str(project.root), audited), indent=2, ensure_ascii=False) + "\n"
    elif form in {"sarif", "github"}:
        text = _for_services(audited, project.root, form)
    elif form == "markdown":
        text = "\n".join(auditing.outcome_markdown(outcome) for outcome in audited.outcomes if outcome.error is None)
    else:
        text = "\n".join(line for outcome in audited.outcomes for line in _text(ui, outcome))
    if text or output is not None:
        write_document(ui, text, output)
    if form != "json":
        _tell(ui, audited)
    failed = [outcome.error.exit_code for outcome in audited.outcomes if outcome.error is not None]
    return max(failed, default=1 if any(outcome.open for outcome in audited.outcomes) else 0)


def _document(root: str, audited: Audited) -> dict[str, Any]:
    from envsolver.cli.report import error_object

    return {
        "project": root,
        "environments": [
            auditing.outcome_data(outcome)
            | {"error": error_object(outcome.error) if outcome.error is not None else None}
            for outcome in audited.outcomes
        ],
        "unread": list(audited.unread),
    }


def _for_services(audited: Audited, root: Path, form: str) -> str:
    from envsolver.app import verdicts
    from envsolver.app.flawfindings import as_checked

    outcomes = [as_checked(outcome) for outcome in audited.outcomes]
    if form == "github":
        return verdicts.to_github(outcomes, root)
    return json.dumps(verdicts.to_sarif(outcomes, root), indent=2, ensure_ascii=False) + "\n"


def _tell(ui: Ui, audited: Audited) -> None:
    """Say what could not be judged, and what the spec accepts in vain."""
    for outcome in audited.outcomes:
        if outcome.error is not None:
            ui.error(f"{outcome.name}: {outcome.error}")
            if outcome.error.hint:
                ui.hint(outcome.error.hint)
        for number, day, place in outcome.expired:
            ui.note(f"{place}: {number} was accepted until {day}; it is reported again")
        for number, place in outcome.unused:
            ui.note(f"{place}: {number} concerns nothing that is locked; it need not be accepted any more")
        if outcome.uncovered:
            ui.note(f"{outcome.name}: not covered by advisories: {_uncovered(outcome, all_=ui.verbose)}")
    for line in audited.unread:
        ui.note(f"could not be read: {line}")


def _uncovered(outcome: AuditOutcome, *, all_: bool) -> str:
    by_reason: dict[str, list[str]] = {}
    for one in outcome.uncovered:
        by_reason.setdefault(one.reason, []).append(one.name)
    texts = []
    for reason, names in by_reason.items():
        shown = names if all_ else names[:_SHOWN]
        more = f" and {len(names) - len(shown)} more (--verbose lists all)" if len(shown) < len(names) else ""
        texts.append(f"{', '.join(shown)}{more} ({reason})")
    return "; ".join(texts)


def _text(ui: Ui, outcome: AuditOutcome) -> Iterator[str]:
    if outcome.error is not None:
        return
    concerned = {one.component.name for one in outcome.open}
    accepted = len(outcome.found) - len(outcome.open)
    said = f"{count(len(outcome.open), 'flaw')} in {count(len(concerned), 'package')}" if concerned else "nothing found"
    beside = f", {accepted} accepted" if accepted else ""
    builders = f", and {outcome.builders} of build environments" if outcome.builders else ""
    yield f"{ui.style(outcome.name, '1')}: {said}{beside} ({count(outcome.packages, 'package')} audited{builders})"
    patches = {one.package: one for one in outcome.patches.each} if outcome.patches is not None else {}
    for component, found in _by_package(outcome.found):
        on = f" (on {', '.join(component.targets)})" if component.targets else ""
        yield f"  {ui.style(f'{component.name} {component.version}', '1')}{on}"
        for one in found:
            yield from _flaw(ui, one)
        if component.name in patches:
            yield from _patch(ui, patches[component.name], found)
    yield from _together(ui, outcome)
    if outcome.builds:
        yield "  in build environments only, which fails nothing:"
    for component, found in _by_package(outcome.builds):
        package = f"{component.name} {component.version}"
        builds = fill(f"builds {', '.join(component.builds)}", width=ui.width, indent="      ", first=f"  {package} ")
        yield "  " + ui.style(package, "1") + builds[len(package) + 2 :]
        for one in found:
            yield from _flaw(ui, one)


def _by_package(flaws: Sequence[Vulnerability]) -> Iterable[tuple[Component, list[Vulnerability]]]:
    found: dict[tuple[str, str], list[Vulnerability]] = {}
    for one in flaws:
        found.setdefault((one.component.name, one.component.version), []).append(one)
    return ((group[0].component, group) for group in found.values())


def _together(ui: Ui, outcome: AuditOutcome) -> Iterator[str]:
    """Yield what all upgrades come to; of a single one its own line has said so."""
    if outcome.patches is None or (together := outcome.patches.together) is None:
        return
    if sum(patch.command is not None for patch in outcome.patches.each) > 1:
        yield fill(f"`{together.command}`", width=ui.width, indent="    ", first="  all upgrades, solved together: ")
        yield fill(f"gives {together.outcome}", width=ui.width, indent="      ", first="    ")
    if together.left:
        yield fill(f"left then: {', '.join(together.left)}", width=ui.width, indent="      ", first="    ")


def _flaw(ui: Ui, one: Vulnerability) -> Iterator[str]:
    label = "accepted" if one.accepted is not None else one.level or "unrated"
    first = f"    {label} {one.id}: "
    fixed = f"fixed in {', '.join(one.fixed)}" if one.fixed else "no version is known that fixes it"
    facts = [*([", ".join(one.aliases)] if one.aliases else []), fixed]
    wrapped = fill(f"{_short(one.summary)} ({'; '.join(facts)})", width=ui.width, indent="      ", first=first)
    yield "    " + ui.style(f"{label} {one.id}", _COLORS[one.level]) + wrapped[len(first) - 2 :]
    if one.accepted is not None:
        yield fill(f"accepted: {one.accepted}", width=ui.width, indent="        ", first="      ")


def _short(summary: str) -> str:
    return summary if len(summary) <= 160 else summary[:159].rstrip() + "…"


def _patch(ui: Ui, patch: Patch, found: Sequence[Vulnerability]) -> Iterator[str]:
    if patch.why_not:
        text = f"no fix: {patch.why_not}"
    elif patch.command is not None:
        text = f"fix, solved: `{patch.command}` gives {patch.outcome}"
    else:
        text = f"fix, solved: {patch.change} (gives {patch.outcome})"
    some = f" (for {', '.join(patch.resolves)})" if len(patch.resolves) < len(found) else ""
    yield fill(text + some, width=ui.width, indent="      ", first="    ")

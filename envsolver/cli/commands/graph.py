"""``envsolver tree`` and ``envsolver why``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from envsolver.app.bases import bases_as_recorded
from envsolver.app.graphing import tree_of
from envsolver.app.holding import held_back
from envsolver.app.lockfile import read_lock
from envsolver.app.project import locate_environment
from envsolver.app.reasons import why as reports_of
from envsolver.cli.base import EnvironmentName, command, platform_option, shown_group_option
from envsolver.cli.kinds import WholeNumber
from envsolver.cli.text import count, fill, size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envsolver.app.graphing import Tree, TreeRow
    from envsolver.app.holding import HeldReport
    from envsolver.app.reasons import Artefact, Reason, WhyReport
    from envsolver.cli.ui import Ui

__all__ = ["tree", "why"]

_UNICODE = ("├── ", "└── ", "│   ", "    ")
_ASCII = ("|-- ", "`-- ", "|   ", "    ")
MOST_REASONS = 12
"""So many ways to a package are printed; ``--verbose`` prints all."""


@command("tree")
@click.argument("name", type=EnvironmentName(shipped=True), metavar="NAME")
@click.argument("package", required=False, metavar="[PACKAGE]")
@platform_option()
@shown_group_option()
@click.option("--depth", type=WholeNumber(0), metavar="N", help="Draw at most N levels below the roots.")
@click.option("--invert", is_flag=True, help="Draw below each package who requires it.")
def tree(
    ui: Ui,
    name: str,
    package: str | None,
    *,
    platform: str | None,
    groups: tuple[str, ...],
    depth: int | None,
    invert: bool,
) -> None:
    """Show the packages of a lock as a tree.

    From the requirements of the spec down, or from PACKAGE. (*) marks packages whose dependencies stand further up.
    """
    lock = read_lock(*locate_environment(ui.common.project, name))
    drawn = tree_of(lock, package=package, platform=platform, groups=groups, depth=depth, invert=invert)
    if ui.json_wanted:
        ui.json(_tree_as_json(drawn))
        return
    chosen = f" with {' and '.join(drawn.choice)}" if drawn.choice else ""
    ui.out(f"{drawn.environment} on {drawn.platform}{chosen}")
    for line in _tree_lines(drawn, _UNICODE if ui.unicode else _ASCII):
        ui.out(line)
    if drawn.other_platforms and platform is None:
        ui.note(f"the lock also holds for {', '.join(drawn.other_platforms)}; --platform chooses")
    if drawn.other_choices and not groups:
        others = ", ".join(" and ".join(choice) for choice in drawn.other_choices)
        ui.note(f"groups that exclude each other are locked apart, here also {others}; --group chooses")


def _tree_lines(drawn: Tree, glyphs: tuple[str, str, str, str]) -> Iterator[str]:
    fork, end, through, blank = glyphs
    above: list[bool] = []  # for each level: was the last line on it the last of its branches?
    for row in drawn.rows:
        if row.depth == 0:
            above = []
            yield _tree_label(row)
            continue
        del above[row.depth - 1 :]
        lead = "".join(blank if last else through for last in above)
        above.append(row.last)
        yield lead + (end if row.last else fork) + _tree_label(row)


def _tree_label(row: TreeRow) -> str:
    facts = [
        row.requirement,
        f"extra {row.extra}" if row.extra else "",
        f"group {', '.join(row.groups)}" if row.groups and row.depth == 0 else "",
    ]
    shown = "; ".join(fact for fact in facts if fact)
    label = f"{row.name} {row.version}" + (f" ({shown})" if shown else "")
    return f"{label} (*)" if row.repeated else label


def _tree_as_json(drawn: Tree) -> dict[str, Any]:
    return {
        "environment": drawn.environment,
        "platform": drawn.platform,
        "target": drawn.target,
        "rows": [
            {
                "depth": row.depth,
                "name": row.name,
                "version": row.version,
                "requirement": row.requirement or None,
                "extra": row.extra,
                "groups": list(row.groups),
                "repeated": row.repeated,
            }
            for row in drawn.rows
        ],
    }


@command("why")
@click.argument("name", type=EnvironmentName(shipped=True), metavar="NAME")
@click.argument("package", required=False, metavar="[PACKAGE]")
@click.option(
    "--held", is_flag=True, help="List the packages that implied bounds and rules hold back, without PACKAGE."
)
def why(ui: Ui, name: str, package: str | None, *, held: bool) -> None:
    """Explain why a package is locked, and at this version.

    The ways that lead to it from the spec, where its file comes from, and which requirements, rules and implied bounds
    hold it where it is.
    """
    from envsolver.cli.report import plain

    if (package is None) is not held:
        raise click.UsageError("name a PACKAGE, or use --held alone")
    project, environment = locate_environment(ui.common.project, name)
    lock = read_lock(project, environment)
    if package is None:
        report = held_back(lock)
        lines = _held_lines(ui, report)
        document = plain(report)
    else:
        spec = project.spec(environment)
        reports = reports_of(lock, spec, package, bases_as_recorded(project, spec, lock))
        lines = _reports_lines(ui, reports)
        document = {"environment": environment.name, "package": reports[0].name, "versions": plain(reports)}
    if ui.json_wanted:
        ui.json(document)
        return
    for line in lines:
        ui.out(line)


def _reports_lines(ui: Ui, reports: Sequence[WhyReport]) -> Iterator[str]:
    for position, report in enumerate(reports):
        if position:
            yield ""
        yield from _why_lines(ui, report)


def _why_lines(ui: Ui, report: WhyReport) -> Iterator[str]:
    extras = f"[{','.join(report.extras)}]" if report.extras else ""
    yield f"{ui.style(f'{report.name}{extras} {report.version}', '1')} on {', '.join(report.targets)}"
    for artefact in report.artefacts:
        yield from _artefact_lines(ui, artefact, several=len(report.artefacts) > 1)
    yield from ("", ui.style("how the spec brings it", "1"))
    glyph = "└─ " if ui.unicode else "`- "
    yield from _cut(ui, [_reason_lines(reason, report.targets, glyph) for reason in report.reasons])
    yield from ("", ui.style("what requires it", "1"))
    yield from _cut(ui, [_prose(ui, text) for text in report.required_by])
    yield from ("", ui.style("what holds it at this version", "1"))
    if report.held_by:
        yield from _cut(ui, [_prose(ui, text) for text in report.held_by])
    else:
        yield "  nothing in the lock: it was the best version that fitted when it was locked"
    if report.gave_way:
        yield from ("", ui.style("what gave way", "1"))
        yield from _cut(ui, [_prose(ui, given.sentence) for given in report.gave_way])


def _prose(ui: Ui, text: str) -> list[str]:
    return fill(text, width=ui.width, indent="    ", first="  ").splitlines()


def _held_lines(ui: Ui, report: HeldReport) -> Iterator[str]:
    yield f"{report.environment}: implied bounds hold {count(report.bounded, 'package')} back"
    for held in report.held:
        yield ui.style(f"{held.package} {held.version}", "1")
        sentences = [(fact.sentence, fact.targets) for fact in held.rules]
        sentences += [(fact.sentence, fact.targets) for fact in held.bounds]
        for sentence, targets in sentences:
            yield from _prose(ui, f"{sentence} (on {', '.join(targets)})" if targets else sentence)
    if report.gave_way:
        yield ui.style("what gave way", "1")
        for given in report.gave_way:
            yield from _prose(ui, given.sentence)
    if report.ignored:
        yield ui.style("what the spec ignores", "1")
        for ignored in report.ignored:
            until = f" (until {ignored.until})" if ignored.until else ""
            yield from _prose(ui, f"rule {ignored.rule}: {ignored.reason}{until}")


def _cut(ui: Ui, blocks: list[list[str]]) -> Iterator[str]:
    shown = blocks if ui.verbose else blocks[:MOST_REASONS]
    for block in shown:
        yield from block
    if len(shown) < len(blocks):
        yield f"  and {len(blocks) - len(shown)} more; --verbose shows all"


def _artefact_lines(ui: Ui, artefact: Artefact, *, several: bool) -> Iterator[str]:
    on = f" for {', '.join(artefact.targets)}" if several and artefact.targets else ""
    name = f" {artefact.filename}" if artefact.filename and not artefact.source.endswith(artefact.filename) else ""
    yield f"  from {artefact.source}:{name}{on}" if name else f"  from {artefact.source}{on}"
    facts = [
        f"sha256 {artefact.sha256[:16]}" if artefact.sha256 else "",
        size(artefact.size) if artefact.size is not None else "",
        f"uploaded {artefact.uploaded[:10]}" if artefact.uploaded else "",
        f"requirements {artefact.requirements}" if artefact.requirements != "seen" else "",
        artefact.provenance if artefact.provenance != "seen" else "",
    ]
    shown = ", ".join(fact for fact in facts if fact)
    if shown:
        yield fill(shown, width=ui.width, indent="    ", first="    ")


def _reason_lines(reason: Reason, everywhere: tuple[str, ...], glyph: str) -> list[str]:
    group = f" (group {reason.group})" if reason.group else ""
    where = f" (on {', '.join(reason.targets)})" if len(reason.targets) < len(everywhere) else ""
    lines = [f"  {reason.place}: {reason.requirement}{group}{where}"]
    for level, hop in enumerate(reason.hops):
        extra = f" (extra {hop.extra})" if hop.extra else ""
        lines.append(f"  {' ' * (3 * level)}{glyph}{hop.name} {hop.version} requires {hop.requires}{extra}")
    return lines

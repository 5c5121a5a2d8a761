"""``envsolver gpu``: expect, check, doctor, probe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from envsolver.app.project import locate_environment, open_project, projects
from envsolver.cli.base import (
    EnvironmentName,
    command,
    group,
    group_option,
    output_option,
    platform_option,
    prefix_option,
)
from envsolver.cli.kinds import Seconds
from envsolver.cli.output import write_document
from envsolver.cli.text import count, duration, fill
from envsolver.model.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from envsolver.app.gpu_check import Checked
    from envsolver.app.gpu_doctor import Diagnosis, Examined
    from envsolver.app.gpu_report import Expected, ResultLine
    from envsolver.app.project import Environment, Project
    from envsolver.cli.ui import Ui

__all__ = ["gpu"]

_COLORS = {"pass": "32", "fail": "1;31", "not-run": "36", "expected": "33"}
_LABELS = {"pass": "pass", "fail": "FAIL", "not-run": "not run", "expected": "expected"}


@group("gpu")
def gpu() -> None:
    """Check environments on GPU nodes."""


@command("expect")
@click.argument("name", type=EnvironmentName(shipped=True), metavar="NAME")
@group_option()
@platform_option("The platform; that of this machine by default.")
@output_option("Write the JSON to FILE; the probe takes it with --expect.")
def expect(ui: Ui, name: str, *, groups: tuple[str, ...], platform: str | None, output: Path | None) -> None:
    """Say what a lock expects of a GPU node.

    Driver, CUDA of each package, architectures, libraries, execution providers, imports, features, and the checks that
    `gpu check` runs. All of it is derived from the lock. With --json it is the document that the probe takes.
    """
    from envsolver.app.gpu import expectations
    from envsolver.app.gpu_report import as_json, describe

    project, environment = locate_environment(ui.common.project, name)
    expected = expectations(project, environment, platform=platform, groups=groups)
    if output is not None:
        write_document(ui, as_json(expected), output)
    elif ui.json_wanted:
        ui.out(as_json(expected))
    else:
        _sections(ui, describe(expected))


@command("check")
@click.argument("name", type=EnvironmentName(shipped=True), metavar="NAME")
@prefix_option("The environment to try.", required=False)
@click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Judge what a probe wrote on another node.",
)
@group_option("A group that is installed; by default those of the build.")
@click.option("--only", multiple=True, metavar="CHECK", help="Run this check alone; may be repeated.")
@click.option("--timeout", type=Seconds(0.5), metavar="SECONDS", help="For each check, in place of its own.")
@click.option("--as-is", is_flag=True, help="Try what is there, whoever built it; its files are not read.")
@click.option("--require-gpu", is_flag=True, envvar="ENVSOLVER_REQUIRE_GPU", help="Exit with 2 where there is no GPU.")
@click.option("--no-receipt", is_flag=True, help="Write no receipt to locks/receipts/.")
@click.option("--junit", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write JUnit XML, too.")
@output_option("Write the report of the probe to FILE.")
def check(
    ui: Ui,
    name: str,
    *,
    prefix: Path | None,
    report: Path | None,
    groups: tuple[str, ...],
    only: tuple[str, ...],
    timeout: float | None,
    as_is: bool,
    require_gpu: bool,
    no_receipt: bool,
    junit: Path | None,
    output: Path | None,
) -> int:
    """Try an environment on this node, and hold it against its lock.

    Reads its files, runs the probe inside it, and says of each check whether it passed, failed or was not run. Without
    a GPU all that needs none is tried. Writes a receipt. Exit status 1: something fails; 2: --require-gpu, and there is
    no GPU.
    """
    from envsolver.app.files import write_document as write
    from envsolver.app.gpu_check import CheckOptions, check_environment
    from envsolver.app.gpu_receipts import write_receipt
    from envsolver.app.gpu_report import junit_text, report_text

    project, environment = locate_environment(ui.common.project, name)
    options = CheckOptions(
        prefix=prefix,
        report=report,
        groups=groups or None,
        only=only,
        timeout=timeout,
        as_is=as_is,
        require_gpu=require_gpu,
    )
    with ui.progress() as progress:
        checked = check_environment(project, environment, options, progress)
    if junit is not None:
        ui.wrote(junit, changed=write(junit, junit_text(checked).encode()))
    if output is not None and output != Path("-"):
        ui.wrote(output, changed=write(output, report_text(checked).encode()))
    receipt: Path | None = None
    home = _home(ui, project) if checked.receipt is not None and not no_receipt else None
    if checked.receipt is not None and home is not None:
        receipt, changed = write_receipt(home, checked.receipt)
        ui.wrote(receipt, changed=changed)
    if output == Path("-"):
        ui.out(report_text(checked))
    elif ui.json_wanted:
        ui.json(_check_document(checked, receipt))
    else:
        _report_check(ui, checked)
    return 2 if checked.lacks_gpu else 1 if checked.verdict.failed else 0


@command("doctor")
@click.argument("name", required=False, type=EnvironmentName(shipped=True), metavar="[NAME]")
def doctor(ui: Ui, name: str | None) -> int:
    """Look at this node, and say which environments can run on it.

    Driver, devices, container runtime, C library, interpreters; nothing is built or installed. With NAME it says what
    is missing for that environment, and exits with 1 if something is.
    """
    from envsolver.app.gpu_doctor import doctor as run

    wanted = [locate_environment(ui.common.project, name)] if name is not None else list(_locked(ui))
    found = run(wanted)
    if ui.json_wanted:
        ui.json(_doctor_document(found))
    else:
        _report_doctor(ui, found, detailed=name is not None or ui.verbose)
    missing = [one for one in found.examined if one.standing != "runs"]
    return 1 if name is not None and missing else 0


def _locked(ui: Ui) -> Iterator[tuple[Project, Environment]]:
    """Yield the environments that are locked: those of the project, and those that envsolver ships."""
    try:
        found = projects(ui.common.project)
    except UsageError:
        if ui.common.project is not None:
            raise
        return
    seen: set[str] = set()
    for project in found:
        for environment in project.all() if project is not None else ():
            if project is not None and environment.name not in seen and project.lock_path(environment.name).exists():
                seen.add(environment.name)
                yield project, environment


def _home(ui: Ui, project: Project) -> Project | None:
    """Return the project that keeps a receipt: the user's, where the environment is one that envsolver ships."""
    if not project.shipped:
        return project
    try:
        return open_project(ui.common.project)
    except UsageError:
        ui.note("no receipt is written: envsolver ships this environment, and here is no project to keep it in")
        return None


@command("probe")
@output_option("Write to FILE; standard output by default (-).")
def probe(ui: Ui, *, output: Path | None) -> None:
    """Write the probe, one file, for a node without envsolver.

    `DIR/bin/python -I -B probe.py --expect expect.json --output report.json` runs it there; `gpu check --report` judges
    what it wrote.
    """
    from envsolver.app.gpu_probe import program_text

    write_document(ui, program_text(), output)


for one in (expect, check, doctor, probe):
    gpu.add_command(one)


def _sections(ui: Ui, sections: Iterable[Expected]) -> None:
    for section in sections:
        ui.out(ui.style(section.title, "1"))
        for line in section.lines:
            ui.out(fill(line, width=ui.width, indent="    ", first="  "))


def _report_check(ui: Ui, checked: Checked) -> None:
    from envsolver.app.gpu_report import lines_of

    for line in _lines(ui, lines_of(checked.verdict.results)):
        ui.out(line)
    verdict = checked.verdict
    words = (("pass", "passed"), ("fail", "failed"), ("expected", "failed as expected"), ("not-run", "not run"))
    counts = [f"{number} {word}" for status, word in words if (number := verdict.count(status))]  # type: ignore[arg-type] # the words are those of Status
    on = ", ".join(dict.fromkeys(f"{one.name}" for one in checked.report.node.devices)) or "without a GPU"
    seconds = duration(checked.report.seconds)
    ui.say(
        f"{verdict.environment}: {', '.join(counts)} ({on}, driver {checked.report.node.driver or 'none'}, {seconds})"
    )


def _lines(ui: Ui, results: Iterable[ResultLine]) -> Iterator[str]:
    found = tuple(results)
    width = max((len(one.check) for one in found), default=0)
    for one in found:
        label = f"{_LABELS[one.status]} {one.code}" if one.code else _LABELS[one.status]
        first = f"{one.check.ljust(width)}  {label}"
        text = fill(f"{one.message}" or "", width=ui.width, indent="    ", first=f"{first}  ")
        yield f"{one.check.ljust(width)}  {ui.style(label, _COLORS[one.status])}" + text[len(first) :]
        if one.fix:
            yield fill(one.fix, width=ui.width, indent="      ", first="    fix: ")


def _check_document(checked: Checked, receipt: Path | None) -> dict[str, Any]:
    from envsolver.app.gpu_report import lines_of
    from envsolver.cli.report import plain
    from envsolver.cli.ui import display_path

    verdict = checked.verdict
    return {
        "environment": verdict.environment,
        "verdict": "fail" if verdict.failed else "pass",
        "gpu": verdict.gpu,
        "driver": checked.report.node.driver,
        "devices": plain(checked.report.node.devices),
        "results": plain(tuple(lines_of(verdict.results))),
        "checks": plain(checked.report.checks),
        "receipt": display_path(receipt) if receipt is not None else None,
    }


def _report_doctor(ui: Ui, found: Diagnosis, *, detailed: bool) -> None:
    from envsolver.app.gpu_report import lines_of

    for line in _lines(ui, lines_of(found.remarks)):
        ui.out(line)
    words = {"runs": "can run here", "cpu": "can run here without its GPU part", "lacks": "cannot run here"}
    for one in found.examined:
        ui.out(f"{ui.style(one.name, '1')}: {words.get(one.standing, 'cannot be told')}")
        if one.error is not None:
            ui.out(fill(str(one.error), width=ui.width, indent="    ", first="  "))
        shown = [each for each in one.results if detailed or each.status == "fail"]
        for line in _lines(ui, lines_of(shown)):
            ui.out("\n".join(f"  {part}" for part in line.splitlines()))
    if found.examined:
        able = sum(one.standing == "runs" for one in found.examined)
        ui.say(f"{able} of {count(len(found.examined), 'environment')} can run here")


def _doctor_document(found: Diagnosis) -> dict[str, Any]:
    from envsolver.cli.report import plain

    return {
        "node": plain(found.node),
        "system": plain(found.system),
        "remarks": plain(found.remarks),
        "environments": [_examined_document(one) for one in found.examined],
    }


def _examined_document(one: Examined) -> dict[str, Any]:
    from envsolver.cli.report import error_object, plain

    return {
        "name": one.name,
        "standing": one.standing,
        "results": plain(one.results),
        "error": error_object(one.error) if one.error is not None else None,
    }

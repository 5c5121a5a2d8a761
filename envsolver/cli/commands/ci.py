"""``envsolver ci``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from envsolver.app.project import open_project
from envsolver.cli.base import EnvironmentName, command, output_option
from envsolver.cli.kinds import Choice
from envsolver.cli.output import write_document
from envsolver.cli.text import left_out_text

if TYPE_CHECKING:
    from pathlib import Path

    from envsolver.cli.ui import Ui

__all__ = ["ci"]

_USUAL = {
    "github": ".github/workflows/environments.yml",
    "azure": "azure-pipelines.yml",
    "gitlab": ".gitlab-ci.yml",
}


@command("ci")
@click.argument("names", nargs=-1, type=EnvironmentName(), metavar="[NAME]...")
@click.option("--provider", type=Choice(["github", "azure", "gitlab"]), required=True, help="For whom the pipeline is.")
@output_option("Write to FILE; standard output by default (-).")
def ci(ui: Ui, names: tuple[str, ...], *, provider: str, output: Path | None) -> None:
    """Write a CI pipeline that checks, builds and tries locks.

    Of all environments, or those of NAME: jobs on hosted runners check the locks, build and verify each environment and
    try what needs no GPU; jobs on GPU runners try the rest and keep the receipt. Which runners these are, a spec says
    under labels: gpu-runner (labels, separated by commas) and gpu-pool (Azure Pipelines).
    """
    from envsolver.app.pipelines import PROVIDERS, jobs_of, pipeline

    project = open_project(ui.common.project)
    environments = project.select(names, every=not names)
    jobs = jobs_of(project, environments)
    chosen = next(one for one in PROVIDERS if one == provider)
    text = pipeline(chosen, jobs)
    if ui.json_wanted and output is None:
        ui.json({"provider": provider, "environments": [job.environment for job in jobs], "text": text})
    else:
        write_document(ui, text, output, {"provider": provider, "environments": [job.environment for job in jobs]})
    without = sorted({one.name for one in environments} - {job.environment for job in jobs})
    if without:
        ui.note(f"not locked for linux-64, and so left out: {', '.join(without)}")
    if not names and (left_out := project.left_out()):
        ui.say(left_out_text(left_out))
    if output is None and not ui.json_wanted:
        ui.say(f"it usually lies at {_USUAL[provider]}: `-o {_USUAL[provider]}` writes it there")

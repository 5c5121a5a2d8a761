"""``envsolver status``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from envsolver.app.status import MAX_AGE, catalogue_status, with_advisories
from envsolver.cli.base import EnvironmentName, command
from envsolver.cli.kinds import WholeNumber
from envsolver.cli.tables import print_tables
from envsolver.cli.text import count

if TYPE_CHECKING:
    from envsolver.app.status import EnvironmentStatus
    from envsolver.cli.ui import Ui

__all__ = ["status"]

_HEAD = ("NAME", "STATUS", "LOCK", "LOCKED", "AGE", "NEWEST FILE", "UNTIL", "RECEIPTS", "ADVISORIES", "BASE IMAGE")
_EXPENDABLE = ("BASE IMAGE", "NEWEST FILE", "LOCKED", "RECEIPTS", "UNTIL", "ADVISORIES", "AGE", "STATUS")


@command("status")
@click.argument("names", nargs=-1, type=EnvironmentName(), metavar="[NAME]...")
@click.option("--all", "every", is_flag=True, help="Show deprecated and removed ones as well.")
@click.option("--check", "only_check", is_flag=True, help="Exit with 1 if a supported environment needs attention.")
@click.option(
    "--max-age",
    type=WholeNumber(1),
    default=MAX_AGE,
    show_default=True,
    metavar="DAYS",
    help="How old locks and base images of supported environments may be.",
)
@click.option("--advisories", metavar="DIR|ZIP|URL", help="Count known flaws, by advisories in OSV format.")
def status(
    ui: Ui, names: tuple[str, ...], *, every: bool, only_check: bool, max_age: int, advisories: str | None
) -> int:
    """Show how the environments age, and what is due.

    Of all environments, or those of NAME.

    LOCKED is the day of the last change of a lock, by git, or by the file where it is not committed. Below the table
    stands what is to be done: locks that are stale or old, bases that moved, support dates and exceptions that passed.
    """
    found = catalogue_status(ui.common.project, names, max_age=max_age)
    if advisories is not None:
        with ui.progress() as progress:
            found = with_advisories(found, advisories, max_age=max_age, offline=ui.common.offline, progress=progress)
    shown = [one for one in found.environments if every or names or one.status not in {"deprecated", "removed"}]
    if ui.json_wanted:
        ui.json(
            {
                "project": str(found.root),
                "shipped": found.shipped,
                "today": found.today,
                "environments": [_as_json(one) for one in found.environments],
            }
        )
    else:
        _print(ui, shown, shipped=found.shipped)
        if hidden := len(found.environments) - len(shown):
            ui.say(f"not shown, as deprecated or removed: {hidden}; `envsolver status --all` shows them")
    alive = [one for one in found.environments if one.status in {"supported", "preview"}]
    return 1 if only_check and any(one.due for one in alive) else 0


def _print(ui: Ui, shown: list[EnvironmentStatus], *, shipped: bool) -> None:
    if shown:
        title = "shipped with envsolver" if shipped else ""
        print_tables(ui, {title: [_cells(one) for one in shown]}, head=_HEAD, expendable=_EXPENDABLE)
    due = [one for one in shown if one.due]
    if due:
        ui.out("\n" + ui.style("due", "1"))
    for one in due:
        ui.out("\n".join(f"  {one.row.head.name}: {sentence}" for sentence in one.due))
    if shown and not due:
        ui.say(f"nothing is due in {count(len(shown), 'environment')}")


def _cells(one: EnvironmentStatus) -> tuple[str, ...]:
    row = one.row
    support = row.support
    until = (support.removed if one.status == "deprecated" else support.deprecated) if support is not None else None
    counted = [receipt for receipt in one.receipts if receipt.current and receipt.verdict == "pass"]
    return (
        row.head.name,
        one.status if row.usable else "unusable",
        row.lock or "-",
        one.locked or "-",
        f"{one.age} d" if one.age is not None else "-",
        (row.newest or "-")[:10],
        until or "-",
        ", ".join(dict.fromkeys(receipt.device for receipt in counted)) or "-",
        str(one.advisories.count) if one.advisories is not None else "-",
        row.base_image or "-",
    )


def _as_json(one: EnvironmentStatus) -> dict[str, Any]:
    from envsolver.cli.report import plain

    row = one.row
    return {
        "name": row.head.name,
        "status": one.status if row.usable else None,
        "support": plain(row.support),
        "lock": {
            "state": row.lock,
            "reasons": list(row.reasons),
            "changed": one.locked,
            "age_days": one.age,
            "newest_file": row.newest,
        },
        "bases_moved": list(row.moved),
        "base_image": {"name": row.base_image, "date": one.image, "age_days": one.image_age}
        if row.base_image is not None
        else None,
        "receipts": plain(one.receipts),
        "advisories": plain(one.advisories),
        "exceptions": plain(row.passing),
        "due": list(one.due),
        "problems": plain(row.problems),
    }

"""What a user sees of everything that can go wrong, and of every kind of index: one command, one table.

``python -m benchmarks.faults`` starts a loopback server for each case, runs the real command line as a process on a
small project, and prints what it said, as Markdown. It ends with status 1 if a case ended otherwise than it should, or
touched a file that it had no business with. ``docs/faults.md`` is its output.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from benchmarks.matrix import matrix
from tests.bad_input import CASES, SPEC, set_up
from tests.buildkills import PHASES, build_kills
from tests.dialects import DIALECTS, LOCKED, PINS
from tests.incidents import INCIDENTS, run, snapshot
from tests.kills import kills
from tests.support.index_server import IndexServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tests.bad_input import Case, Stage
    from tests.dialects import Dialect
    from tests.incidents import Ended, Incident

__all__ = ["Row", "main", "markdown", "rows"]

_KEPT_VARIABLES = ("PATH", "PYTHONPATH", "SYSTEMROOT", "TMPDIR", "TEMP", "TMP")
_KILLS = 50
_BUILD_KILLS = 10
_STALE = f"{SPEC}constraints: [lib<3]\n"
"""What the old lock of a project was made of: whatever a case does, it has to be made again, or to be left as it is."""
_HEAD = """\
# What you see when something goes wrong

<!-- Made by: python -m benchmarks.faults -o docs/faults.md -->

Each case starts with a project that has been locked, and a spec that has changed since. The index is a server on this
machine; its port and the folders stand here as `8080` and `/home/me`. *Files* says what became of the project's files.
The first table is another one: it disturbs each command, and looks at what it has made.
"""
_INTRODUCTIONS = {
    "Input and indexes": "Something is wrong with what is asked for, with an index, or with the machine.",
    "Processes": "Something happens to the process; where there are several, their outputs follow each other.",
    "Dialects": "The same packages from every kind of index: what is locked is the same.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What came of one case.

    Attributes:
        section: which table it belongs to.
        name: of the case.
        ended: the processes.
        files: what became of the project's files.
        wrong: what is not as it should be; empty where all is.
    """

    section: str
    name: str
    ended: tuple[Ended, ...]
    files: str
    wrong: str = ""


def rows() -> Iterator[Row]:
    """Run all cases."""
    old = _old_lock()
    for case in CASES:
        yield _on_stage(partial(_bad_input, case=case, old=old))
    for incident in INCIDENTS:
        yield _on_stage(partial(_incident, incident=incident))
    for dialect in DIALECTS:
        yield _on_stage(partial(_dialect, dialect=dialect))


def _on_stage(play: Callable[[Stage], Row]) -> Row:
    with TemporaryDirectory() as folder, IndexServer() as server:
        home = Path(folder).resolve()
        stage = set_up(home / "project", server)
        stage.environ["HOME"] = str(home)
        row = play(stage)
        return replace(row, ended=tuple(_shown(ended, stage, home) for ended in row.ended))


def _shown(ended: Ended, stage: Stage, home: Path) -> Ended:
    text = ended.text.replace(str(home), "/home/me").replace(f":{stage.server.port}/", ":8080/")
    return replace(ended, text=text)


def _old_lock() -> dict[str, bytes]:
    found: dict[str, bytes] = {}

    def lock(stage: Stage) -> Row:
        stage.spec(_STALE)
        ended = run(stage, "lock", "train")
        found.update({path: data for path, data in snapshot(stage).items() if path.startswith("locks/")})
        return Row(section="", name="", ended=(ended,), files="")

    row = _on_stage(lock)
    if not found:
        raise RuntimeError(row.ended[0].text)
    return found


def _bad_input(stage: Stage, *, case: Case, old: dict[str, bytes]) -> Row:
    (stage.root / "locks").mkdir()
    for path, data in old.items():
        (stage.root / path).write_bytes(data)
    case.prepare(stage)
    before = snapshot(stage)
    ended = run(stage, *case.args)
    kept = snapshot(stage) == before
    missing = [text for text in case.says if text.format(port=stage.server.port) not in ended.said]
    wrong = _wrong((ended.status,), (case.status,), missing)
    if case.status and not kept:
        wrong = f"{wrong} files have changed".strip()
    return Row(
        section="Input and indexes",
        name=case.name,
        ended=(ended,),
        files="as they were" if kept else "written",
        wrong=wrong,
    )


def _incident(stage: Stage, *, incident: Incident) -> Row:
    report = incident.happen(stage)
    first = report.ended[0]
    missing = [text for text in incident.says if text not in first.said]
    wrong = _wrong(tuple(ended.status for ended in report.ended), incident.statuses, missing)
    return Row(
        section="Processes",
        name=incident.name,
        ended=report.ended,
        files=("whole" if report.ended[-1].status == 0 else "as they were") if report.sound else "damaged",
        wrong=wrong if report.sound else f"{wrong} files are damaged".strip(),
    )


def _dialect(stage: Stage, *, dialect: Dialect) -> Row:
    dialect.prepare(stage)
    before = snapshot(stage)
    ended = run(stage, "lock", "train")
    missing = [text for text in dialect.says if text not in ended.said]
    files = "as they were" if snapshot(stage) == before else "written"
    if dialect.status == 0 and ended.status == 0:
        text = (stage.root / "locks" / "train.requirements.txt").read_text(encoding="utf-8")
        missing += [expected for expected in (*PINS, *LOCKED) if expected not in text]
    wrong = _wrong((ended.status,), (dialect.status,), missing)
    return Row(section="Dialects", name=dialect.name, ended=(ended,), files=files, wrong=wrong)


def _wrong(statuses: tuple[int, ...], expected: tuple[int, ...], missing: list[str]) -> str:
    parts = [f"ended with {statuses} instead of {expected}"] if statuses != expected else []
    return "; ".join([*parts, *(f"does not say {text!r}" for text in missing)])


def markdown(found: Iterable[Row], table: str = "") -> str:
    """Return the tables, that of faults and commands first, and below the others what was said."""
    found = list(found)
    parts = [_HEAD, table]
    for section in dict.fromkeys(row.section for row in found):
        mine = [row for row in found if row.section == section]
        lines = [f"\n## {section}\n\n{_INTRODUCTIONS[section]}\n\n| case | exit | files |\n| --- | --- | --- |"]
        lines += [f"| {row.name} | {_statuses(row)} | {row.files} |" for row in mine]
        parts.append("\n".join(lines) + "\n")
        parts += [_said(row) for row in mine if section != "Dialects" or row.ended[0].status]
    return "".join(parts)


def _statuses(row: Row) -> str:
    return ", ".join(str(ended.status) if ended.status >= 0 else f"signal {-ended.status}" for ended in row.ended)


def _said(row: Row) -> str:
    texts = [ended.text.rstrip() or "(nothing)" for ended in row.ended]
    return f"\n### {row.name[0].upper()}{row.name[1:]}\n\n" + "".join(f"```text\n{text}\n```\n" for text in texts)


def _kill_lines(number: int) -> tuple[list[str], bool]:
    """Kill runs at random moments; return a section on what came of it, and whether nothing was lost."""
    with TemporaryDirectory() as folder, IndexServer() as server:
        found = list(kills(Path(folder).resolve() / "project", server, number=number, seed=2026))
    sound = [kill for kill in found if kill.sound]
    text = (
        f"\n## Kills\n\nA run that writes its cache and replaces its locks was killed (SIGKILL) at {number} random "
        "steps of those by which it changes something outside of itself. "
        f"After {len(sound)} of {number} every file was whole, and the next run, with what the killed one had left in "
        "its cache, wrote the same bytes as a run that nobody disturbed.\n"
    )
    return [text, *(f"\nNot sound: {kill}\n" for kill in found if not kill.sound)], len(sound) == number


def _build_kill_lines(number: int) -> tuple[list[str], bool]:
    """Kill builds in each phase; return a section on what came of it, and whether nothing was lost."""
    with TemporaryDirectory() as folder, IndexServer() as server:
        found = list(build_kills(Path(folder).resolve() / "project", server, number=number, seed=2026))
    text = (
        "\n## Killed builds\n\nA build that fetches a wheel and a source archive was killed (SIGKILL) in each of its "
        f"phases, at {number} random lines of the code that does its work. *Nothing* and *whole* say what was under "
        "the name of the environment then, by `verify`; *finished* are the next builds that made the same tree.\n\n"
    )
    lines = [text, "| phase | kills | nothing | whole | broken | finished |\n| --- | --- | --- | --- | --- | --- |\n"]
    for phase in PHASES:
        kills_there = [kill for kill in found if kill.phase == phase]
        left = [sum(kill.left == state for kill in kills_there) for state in ("nothing", "whole", "broken")]
        finished = sum(kill.next_sound for kill in kills_there)
        lines.append(f"| {phase} | {' | '.join(map(str, [len(kills_there), *left, finished]))} |\n")
    return lines, all(kill.sound for kill in found)


@click.command()
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write the tables to a file.")
@click.option("--matrix", "only", is_flag=True, help="Only the table of every fault under every command.")
@click.option("--kills", "number", type=int, default=_KILLS, show_default=True, help="Kill so many runs.")
@click.option(
    "--build-kills",
    "in_phases",
    type=int,
    default=_BUILD_KILLS,
    show_default=True,
    help="Kill so many builds in each phase.",
)
def main(output: Path | None, number: int, in_phases: int, *, only: bool) -> None:
    """Run every case and print what the user saw."""
    # What this machine is configured for stays out of the table.
    for variable in set(os.environ) - set(_KEPT_VARIABLES):
        del os.environ[variable]
    os.environ.update(NO_COLOR="1", LC_ALL="C.UTF-8", PIP_CONFIG_FILE=os.devnull, UV_NO_CONFIG="1")
    text, sound = matrix(partial(click.echo, err=True))
    if not only:
        text, others_sound = _others(text, number, in_phases)
        sound = sound and others_sound
    if output is None:
        click.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8")
    sys.exit(0 if sound else 1)


def _others(table: str, number: int, in_phases: int) -> tuple[str, bool]:
    """Run all other cases; return the whole page, with the table in it, and whether all ended as they should."""
    found = []
    for row in rows():
        found.append(row)
        click.echo(f"{'WRONG' if row.wrong else 'ok':5} {row.name} {row.wrong}".rstrip(), err=True)
    text = markdown(found, table)
    sound = True
    if number:
        lines, sound = _kill_lines(number)
        text += "".join(lines)
        click.echo(f"{'ok' if sound else 'WRONG':5} {number} kills", err=True)
    if in_phases:
        lines, sound_builds = _build_kill_lines(in_phases)
        text += "".join(lines)
        click.echo(f"{'ok' if sound_builds else 'WRONG':5} {in_phases} kills in each phase of a build", err=True)
        sound = sound and sound_builds
    return text, sound and not any(row.wrong for row in found)


if __name__ == "__main__":
    main()

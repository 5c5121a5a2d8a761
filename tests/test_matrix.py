"""A part of the table of faults and commands; ``python -m benchmarks.faults --matrix`` makes it whole."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from tests.incidents import Ended
from tests.matrix import COMMANDS, FAULTS, Cell, Fault, Place
from tests.support.index_server import IndexServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.matrix import Command

BY_COMMAND = {command.name: command for command in COMMANDS}
BY_FAULT = {fault.name: fault for fault in FAULTS}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Return one place for all, so that each command's quiet day is played once."""
    with IndexServer() as server:
        yield Place(tmp_path_factory.mktemp("matrix").resolve(), server)


@pytest.mark.parametrize(
    ("command", "fault"),
    [
        ("build", "SIGKILL at random moments"),
        ("sync", "SIGKILL at random moments"),
        ("wheel", "SIGKILL at random moments"),
        ("sync", "two processes, one cache, one prefix"),
        ("wheel", "cache cannot be written"),
        ("bundle", "503, Retry-After, twice"),
    ],
)
def test_held(place: Place, command: str, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.matrix.KILLS", 2)
    cell = place.cell(BY_FAULT[fault], BY_COMMAND[command])
    assert cell.times
    assert not cell.wrong


def test_what_does_not_hold_is_seen(place: Place) -> None:
    locks = ("locks/train.lock.toml", "locks/train.requirements.txt")

    def cut_off(there: Place, command: Command) -> Iterator[tuple[Ended, ...]]:
        path = there.stage.root / locks[0]
        path.write_bytes(path.read_bytes()[:-1])
        yield (Ended(status=4, text="error: no space left"),)

    def nothing(there: Place, command: Command) -> Iterator[tuple[Ended, ...]]:
        yield (Ended(status=0, text=""),)

    def crash(there: Place, command: Command) -> Iterator[tuple[Ended, ...]]:
        yield (Ended(status=1, text="Traceback"),)

    def for_good(there: Place, command: Command) -> Iterator[tuple[Ended, ...]]:
        # What the index has from now on is something else.
        there.stage.server.indexes["simple"].files.pop("lib-2.0-py3-none-any.whl")
        yield (Ended(status=-signal.SIGKILL, text=""),)

    lock = BY_COMMAND["lock"]

    def wrong(happen: object, *statuses: int) -> str:
        return place.cell(Fault(name="", happen=happen, statuses=frozenset(statuses)), lock).wrong  # type: ignore[arg-type]

    assert wrong(cut_off, 4) == f"half done: {locks[0]}"
    assert wrong(nothing, 0) == "finished, with something else"
    assert wrong(crash, 0, 1).startswith("ended with 1: Traceback")
    files = dict(place.stage.server.indexes["simple"].files)
    assert wrong(for_good, -signal.SIGKILL) == "the next run made something else"
    place.stage.server.indexes["simple"].files.update(files)


def test_cells() -> None:
    assert Cell(times=3, ended=(0, 4)).text == "gave up (4), finished (of 3)"
    assert Cell(times=1, ended=(-signal.SIGKILL,)).text == "killed"
    assert Cell(times=1, ended=(0,), wrong="half done: env").text == "**half done: env**"


def test_the_page_has_the_whole_table(repository: Path) -> None:
    text = (repository / "docs" / "faults.md").read_text(encoding="utf-8")
    section = text.partition("## Every fault under every command")[2].partition("\n## ")[0]
    lines = section.splitlines()
    head = next(line for line in lines if line.startswith("| fault |"))
    assert head == f"| fault | {' | '.join(f'`{command.name}`' for command in COMMANDS)} |"
    for fault in FAULTS:
        (row,) = [line for line in lines if line.startswith(f"| {fault.name} |")]
        cells = row.strip("| ").split(" | ")[1:]
        assert len(cells) == len(COMMANDS)
        assert not any("**" in cell for cell in cells)

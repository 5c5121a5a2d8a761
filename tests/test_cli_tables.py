"""Tables: whole in a pipe, without their least important columns on a narrow terminal, and never cut."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from envsolver.cli.tables import expendable_columns, print_tables
from envsolver.cli.text import table
from envsolver.cli.ui import Common, Ui
from envsolver.model.wording import listed
from tests.support.cli import CommandLine
from tests.support.terminal import on_terminal

if TYPE_CHECKING:
    from pathlib import Path

HEAD = ("NAME", "KIND", "WHERE", "TITLE")
ROWS = [("one", "a", "-", "The first of all"), ("the-second", "b", "-", "Another")]


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> Ui:
    """Return a Ui that has a terminal of 22 columns."""
    monkeypatch.setattr(Ui, "terminal", True)
    monkeypatch.setattr(Ui, "width", 22)
    return Ui(Common())


def test_a_pipe_gets_everything(capsys: pytest.CaptureFixture[str]) -> None:
    print_tables(Ui(Common()), {"": ROWS}, head=HEAD, expendable=HEAD[1:])
    assert capsys.readouterr() == (
        "NAME        KIND  WHERE  TITLE\none         a     -      The first of all\nthe-second  b     -      Another\n",
        "",
    )


def test_a_terminal_gets_what_fits_and_the_names_of_the_rest(narrow: Ui, capsys: pytest.CaptureFixture[str]) -> None:
    print_tables(narrow, {"": ROWS[:1], "others": ROWS[1:]}, head=HEAD, expendable=("TITLE", "KIND", "WHERE"))
    done = capsys.readouterr()
    assert done.out == "NAME        KIND\none         a\n\nothers\nNAME        KIND\nthe-second  b\n"
    assert "left out, as 22 columns are too few: WHERE and TITLE; a wider terminal or `--json` shows all" in " ".join(
        done.err.split()
    )


def test_the_note_is_not_for_those_who_want_quiet(narrow: Ui, capsys: pytest.CaptureFixture[str]) -> None:
    print_tables(Ui(Common(quiet=True)), {"": ROWS}, head=HEAD, expendable=("TITLE",))
    assert capsys.readouterr().err == ""
    assert narrow.terminal


@pytest.mark.parametrize(
    ("expendable", "width", "left_out"),
    [
        (("TITLE", "KIND", "WHERE"), 41, []),
        (("TITLE", "KIND", "WHERE"), 40, ["WHERE"]),  # which says nothing
        (("TITLE", "KIND", "WHERE"), 30, ["TITLE"]),  # beside which the empty one has room again
        (("TITLE", "KIND", "WHERE"), 22, ["WHERE", "TITLE"]),
        (("KIND", "TITLE"), 26, ["TITLE"]),  # without KIND alone nothing would be won
        (("KIND", "TITLE", "WHERE"), 1, ["WHERE", "KIND", "TITLE"]),
        (("TITLE", "KIND", "WHERE"), None, []),
        ((), 10, []),
    ],
)
def test_what_is_left_out(expendable: tuple[str, ...], width: int | None, left_out: list[str]) -> None:
    assert list(expendable_columns(ROWS, head=HEAD, expendable=expendable, width=width)) == left_out


def test_what_must_stay_goes_on_below_itself() -> None:
    text = "words that are far too many for the line that they are on"
    lines = table([("A1", text)], head=("CODE", "WHAT"), width=42)
    assert lines == ["CODE  WHAT", "A1    words that are far too many for the\n      line that they are on"]
    # Nothing is won where only a few letters have room.
    assert table([("A1" * 15, text)], head=("CODE", "WHAT"), width=42)[1] == f"{'A1' * 15}  {text}"


def test_words_are_listed() -> None:
    assert [listed([]), listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"], "or")] == [
        "",
        "a",
        "a and b",
        "a, b or c",
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
@pytest.mark.parametrize("command", ["list", "status", "table"])
def test_no_line_is_wider_than_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str) -> None:
    cli = CommandLine(tmp_path, capsys)
    cli.spec(
        "train",
        """
        title: A title that takes more than half of an ordinary line for itself alone
        python: "3.11"
        platforms: [linux-64, osx-arm64]
        base-image: example.invalid/with/a/long/name/that-needs-more-than-a-line:2024-01-01
        pip: [torch==2.9.0]
        """,
    )
    for columns in (60, 70):
        status, shown = on_terminal(tmp_path, command, columns=columns, environ={"NO_COLOR": "1"})
        assert status == 0
        assert "train" in shown
        assert "note: left out" in shown
        assert "…" not in shown
        assert "\x1b" not in shown
        assert max(map(len, shown.splitlines())) <= columns
    assert "left out" not in on_terminal(tmp_path, command, columns=250)[1]

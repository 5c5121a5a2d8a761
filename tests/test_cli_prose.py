"""Markdown as it is shown on a terminal, and explain, which does so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envsolver.app.explaining import documents
from envsolver.cli.prose import plain_text
from tests.support.cli import CommandLine

if TYPE_CHECKING:
    from pathlib import Path

MARKDOWN = """\
# A title

A paragraph that stands on two lines of which
neither is full, with `a command` and \\*stars\\*.
## What to do
- one thing that takes more than a line of forty columns
- [another](https://example.invalid/a)

```
code   as it is
```

1. first

The end.
"""


def test_plain_text() -> None:
    assert plain_text(MARKDOWN, width=40, heading=str.upper) == (
        "A TITLE\n\n"
        "A paragraph that stands on two lines of\nwhich neither is full, with `a command`\nand *stars*.\n\n"
        "WHAT TO DO\n\n"
        "  - one thing that takes more than a\n    line of forty columns\n"
        "  - another (https://example.invalid/a)\n\n"
        "  code   as it is\n\n"
        "  1. first\n\n"
        "The end.\n"
    )


def test_a_block_that_does_not_end_is_shown() -> None:
    assert plain_text("```\na\n\nb", width=40) == "  a\n\n  b\n"


@pytest.mark.parametrize("width", [60, 80])
def test_every_document_fits(width: int) -> None:
    for name, document in documents().items():
        if name == "index.md":
            continue
        shown = plain_text(document, width=width)
        assert "#" not in shown.partition("\n")[0]
        assert "```" not in shown
        wide = [line for line in shown.splitlines() if len(line) > width and "`" not in line]
        # Code stands as it is: the name of a file may be longer than a line.
        assert not [line for line in wide if not line.startswith("  ")], name


def test_explain_is_read_on_a_terminal_or_written_to_a_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cli = CommandLine(tmp_path, capsys)
    shown = cli("explain", "gpu003").out
    assert shown.startswith("GPU003: Two major versions")
    assert max(map(len, shown.splitlines())) <= 80
    assert cli("explain", "GPU003", "--format", "markdown").out == documents()["GPU003.md"]
    assert cli("explain", "GPU003", "--json").json["text"] == documents()["GPU003.md"]
    table = cli("explain", "--format", "markdown").out.splitlines()
    assert table[:2] == ["| code | usually | what |", "| --- | --- | --- |"]
    assert len(table) == len(cli("explain").out.splitlines()) + 1

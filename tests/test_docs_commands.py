"""The commands that documents show: ``console`` blocks are run, all others are held against the commands and options.

A block is run in a copy of the repository's specs and locks, at 80 columns, with no index to ask. One whose first line
is ``# needs …`` is not: it shows what takes a network, a GPU, or a spec that is not there.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click
import pytest

from envsolver.cli.base import root
from tests.test_docs import PAGES, ROOT, name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^ *```", re.MULTILINE | re.DOTALL)
_NOWHERE = "http://127.0.0.1:9/"
_ANY = "[...]"
"""On a line of its own any number of lines, within a line any text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A command and the lines that the document shows below it."""

    command: str
    shown: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A block of the language ``console``.

    Attributes:
        place: page and line.
        needs: why it is not run; empty if it is.
    """

    place: str
    needs: str
    steps: tuple[Step, ...]


def fences(page: Path) -> Iterator[tuple[int, str, list[str]]]:
    """Yield line, language and content of the fenced blocks of a page."""
    text = page.read_text(encoding="utf-8")
    for found in _FENCE.finditer(text):
        lines = [line.removeprefix(found["indent"]) for line in found["text"].splitlines()]
        yield text.count("\n", 0, found.start()) + 1, found["language"], lines


def blocks_of(page: Path) -> Iterator[Block]:
    """Yield the console blocks of a page."""
    for line, language, lines in fences(page):
        if language == "console":
            yield block_of(f"{name(page)}:{line}", lines)


def block_of(place: str, lines: list[str]) -> Block:
    """Return a block of these lines."""
    needs = lines[0].removeprefix("# needs ") if lines and lines[0].startswith("# needs ") else ""
    steps: list[Step] = []
    for line in lines[1:] if needs else lines:
        if line.startswith("$ "):
            steps.append(Step(command=line[2:].partition("  #")[0].rstrip(), shown=()))
        elif steps:
            steps[-1] = Step(command=steps[-1].command, shown=(*steps[-1].shown, line.rstrip()))
        else:
            raise AssertionError(f"{place}: {line!r} stands before any command")
    return Block(place=place, needs=needs, steps=tuple(steps))


def matches(shown: tuple[str, ...], said: list[str]) -> bool:
    """Say whether lines are those that a document shows."""
    pattern = "".join(
        r"(?:.*\n)*" if line == _ANY else re.escape(line).replace(re.escape(_ANY), ".*") + r"\n" for line in shown
    )
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in said)) is not None


BLOCKS = [block for page in PAGES for block in blocks_of(page)]
RUN = [block for block in BLOCKS if not block.needs]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    for part in ("specs", "locks"):
        shutil.copytree(ROOT / part, folder / part)
    return folder


@pytest.mark.parametrize("block", RUN, ids=lambda block: block.place)
def test_what_is_shown_is_what_is_said(project: Path, block: Block) -> None:
    environ = {**os.environ, "COLUMNS": "80", "PYTHONUNBUFFERED": "1", "UV_DEFAULT_INDEX": f"{_NOWHERE}simple/"}
    environ |= dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), _NOWHERE)
    for step in block.steps:
        program, *arguments = shlex.split(step.command)
        assert program == "envsolver", "what is no command of envsolver is no console block, or needs something"
        done = subprocess.run(
            [sys.executable, "-m", "envsolver", *arguments],
            cwd=project,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            check=False,
        )
        said = [line.rstrip() for line in done.stdout.splitlines()]
        while said and not said[-1]:
            said.pop()
        shown = step.shown
        while shown and not shown[-1]:
            shown = shown[:-1]
        assert matches(shown, said) or not shown, f"$ {step.command}\n{done.stdout}"
        assert done.returncode == 0 or any(line.startswith(("error:", "hint:")) for line in shown), done.stdout


def test_most_of_what_is_shown_with_its_output_is_run() -> None:
    assert len(RUN) >= 8
    waiting = [f"{block.place}: {block.needs}" for block in BLOCKS if block.needs]
    assert len(waiting) <= len(RUN), waiting


# Commands alone


def lines_of_commands(page: Path) -> Iterator[tuple[str, str]]:
    """Yield place and text of every shown line that is a command of envsolver."""
    for line, _, lines in fences(page):
        for number, text in enumerate(lines, line + 1):
            plain = text.strip().removeprefix("$ ").removeprefix("run: ")
            if re.match(r"(?:\S*/)?envsolver (?!:)", plain):
                yield f"{name(page)}:{number}", plain


COMMANDS = [found for page in PAGES for found in lines_of_commands(page)]


@pytest.mark.parametrize(("place", "line"), COMMANDS, ids=lambda value: value if ":" in value else "")
def test_commands_and_options_that_are_shown_exist(place: str, line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    stop = next((at for at, word in enumerate(words) if word in {"&&", "|", "||", ">", ";"}), len(words))
    try:
        _parsed(root, words[:stop])
    except (click.NoSuchOption, click.MissingParameter) as error:
        raise AssertionError(f"{place}: {error.format_message()}") from error
    except click.BadParameter:
        pass  # a name or file of the example, which is not here
    except click.UsageError as error:
        raise AssertionError(f"{place}: {error.format_message()}") from error


def _parsed(command: click.Command, words: list[str], parent: click.Context | None = None) -> None:
    """Parse a command line without running it."""
    if isinstance(command, click.Group):
        context = command.make_context(command.name, list(words), parent=parent)
        rest = [*context._protected_args, *context.args]  # click 9 has all of them in args
        if rest:
            _, below, remaining = command.resolve_command(context, list(rest))
            assert below is not None
            _parsed(below, remaining, context)
        return
    command.make_context(command.name, list(words), parent=parent)


def test_the_parser_of_blocks() -> None:
    block = block_of("x", ["# needs the network", "$ envsolver a  # why", "one", "[...]", "$ envsolver b"])
    assert block.needs == "the network"
    assert block.steps == (
        Step(command="envsolver a", shown=("one", "[...]")),
        Step(command="envsolver b", shown=()),
    )
    assert matches(("one", "[...]", "four"), ["one", "two", "three", "four"])
    assert not matches(("one", "[...]"), ["two"])
    assert not matches(("one",), ["one", "two"])
    assert matches(("one [...] three",), ["one two three"])


def test_every_page_is_in_the_navigation_of_the_site() -> None:
    import yaml

    config = yaml.load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), Loader=yaml.BaseLoader)  # noqa: S506 - texts only

    def pages(value: object) -> Iterator[str]:
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict | list):
            for one in value.values() if isinstance(value, dict) else value:
                yield from pages(one)

    named = set(pages(config["nav"]))
    docs = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert {page for page in docs if not re.fullmatch(r"findings/[A-Z]+\d+\.md", page)} <= named
    assert named <= docs | {"readme.md", "changelog.md", "benchmarks.md"}

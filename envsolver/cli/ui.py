"""What a command sees of the user: the common options, standard output for data, standard error for words."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from envsolver.cli.streams import write_error
from envsolver.cli.text import WIDTH, fill, redact
from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import TextIO

    from envsolver.model.ports import Progress

__all__ = ["OUTPUT", "Common", "Ui", "display_path"]

OUTPUT = "standard output"


@dataclass(frozen=True, slots=True, kw_only=True)
class Common:
    """The options that every command has."""

    project: Path | None = None
    quiet: bool = False
    verbose: bool = False
    json: bool = False
    offline: bool = False
    color: bool = True


def display_path(path: Path | str) -> str:
    """Return a path as the user would type it: relative to the current folder where that is no detour."""
    try:
        # Not Path.relative_to: a project beside the current folder is ../project.
        relative = os.path.relpath(path)
    except (OSError, ValueError):  # the current folder is gone, or (Windows) lies on another drive
        return str(path)
    relative = relative.replace(os.sep, "/")
    return str(path) if relative.startswith("../..") else relative


class Ui:
    """Writes results to standard output and everything else to standard error.

    With ``--json`` standard output carries one JSON document and nothing else, so :meth:`out` must not be used with it.
    """

    def __init__(self, common: Common) -> None:
        self.common = common

    @property
    def json_wanted(self) -> bool:
        """Whether the result is asked for as JSON."""
        return self.common.json

    @property
    def verbose(self) -> bool:
        """Whether details are asked for."""
        return self.common.verbose

    @property
    def width(self) -> int:
        """Columns of the terminal, 80 where there is none."""
        return _width(sys.stdout)

    @property
    def unicode(self) -> bool:
        """Whether standard output can carry box-drawing characters."""
        return (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "") in {"utf8", "utf16", "utf32"}

    @property
    def terminal(self) -> bool:
        """Whether standard output is a terminal."""
        return sys.stdout.isatty()

    def out(self, text: str) -> None:
        """Print a result.

        Raises:
            OSError: with :data:`OUTPUT` for a file name: it cannot be written.
        """
        with _named_output():
            sys.stdout.write(text if text.endswith("\n") else text + "\n")

    def json(self, value: Any) -> None:
        """Print the one JSON document of a command."""
        import json

        self.out(json.dumps(value, indent=2, ensure_ascii=False))

    def say(self, text: str) -> None:
        """Tell the user what was done; silent under ``--quiet``."""
        if not self.common.quiet:
            _write_error(fill(text, width=_width(sys.stderr), indent="  ", first=""))

    def detail(self, text: str) -> None:
        """Tell the user a detail; only under ``--verbose``."""
        if self.common.verbose:
            _write_error(text)

    def note(self, text: str) -> None:
        """Tell the user something to read even when all went well; silent under ``--quiet``."""
        if not self.common.quiet:
            _write_error(self._labelled("note", "36", text))

    def error(self, text: str) -> None:
        """Tell the user of a failure; never silent."""
        _write_error(self._labelled("error", "31", text))

    def more(self, text: str, *, first: str = "", indent: str = "  ") -> None:
        """Tell the user more of a failure, behind ``first``; never silent."""
        _write_error(fill(redact(text), width=_width(sys.stderr), indent=indent, first=first))

    def hint(self, text: str) -> None:
        """Tell the user what to do about the line before."""
        _write_error(self._labelled("hint", "36", text))

    def wrote(self, path: Path, *, changed: bool) -> None:
        """Say what a command wrote."""
        shown = display_path(path)
        self.say(f"wrote {shown}" if changed else f"unchanged {shown}")

    def style(self, text: str, code: str, *, stream: TextIO | None = None) -> str:
        """Return the text in an ANSI style (``1`` bold, ``2`` dim …) where the stream is a terminal that wants it."""
        target = stream or sys.stdout
        return f"\x1b[{code}m{text}\x1b[0m" if self.common.color and target.isatty() else text

    @contextmanager
    def progress(self) -> Iterator[Progress]:
        """Yield the receiver of progress: a live line on a terminal, else only notes."""
        from envsolver.cli.progress import LiveProgress, PlainProgress

        live = sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and not self.common.quiet
        receiver = LiveProgress(self) if live else PlainProgress(self)
        try:
            yield receiver
        finally:
            receiver.close()

    def _labelled(self, label: str, code: str, text: str) -> str:
        # The label is coloured after wrapping, so that invisible bytes take no columns.
        wrapped = fill(redact(text), width=_width(sys.stderr), indent="  ", first=f"{label}: ")
        return self.style(f"{label}:", f"1;{code}", stream=sys.stderr) + wrapped[len(label) + 1 :]


def _width(stream: TextIO) -> int:
    if not stream.isatty():
        return WIDTH
    import shutil

    return shutil.get_terminal_size((WIDTH, 24)).columns


@contextmanager
def _named_output() -> Iterator[None]:
    """Say of an error which file it means: the interpreter names files that were opened by name only."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OSError(error.errno, error.strerror, OUTPUT) from error


def _write_error(text: str) -> None:
    with _named_output():
        sys.stdout.flush()  # keeps the order where both streams end in one file
    write_error(text + "\n")

"""Standard output and error when they are closed, full, or nobody reads them any more."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO

__all__ = ["drop", "secure_streams", "write_error"]


def secure_streams() -> None:
    """Give the process three streams, whichever of them its caller has closed.

    A file that is opened later would else get the number of a closed stream, and what is written to one the other.
    Standard output that was closed refuses what is written to it, as a full disk does; words for people are just lost.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number is this one: those below are there.
            os.open(os.devnull, os.O_WRONLY if number == 2 else os.O_RDONLY)
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - for as long as it runs
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - as above


def write_error(text: str) -> None:
    """Write to standard error.

    Where that is impossible the words are lost and nothing else: what a command does, and its status, stay the same.

    Raises:
        BrokenPipeError: nobody reads it any more.
    """
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except BrokenPipeError:
        drop(sys.stderr)
        raise
    except OSError:
        drop(sys.stderr)


def drop(stream: TextIO) -> None:
    """Let what is still to be written to a stream go nowhere: the interpreter flushes it once more at exit."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)

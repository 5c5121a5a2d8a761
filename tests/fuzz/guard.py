"""The oracle: an input yields a value or an :class:`EnvsolverError`, within a bound of time and of memory."""

from __future__ import annotations

import resource
import shutil
import signal
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from envsolver.model.errors import EnvsolverError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from hypothesis.strategies import SearchStrategy

__all__ = ["HungError", "Target", "bounded_memory", "judge"]

SECONDS = 20.0
"""More than any parser needs for an input of 64 KiB on a busy machine."""
MEMORY = 2 << 30
"""Bytes of address space that a run of the fuzzer may take beyond what it starts with."""


class HungError(Exception):
    """A parser did not come to an end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A parser and what it is fed with.

    Attributes:
        name: a word, also the folder of its kept inputs.
        parse: takes the bytes, and an empty folder in which it may put files. Whatever it leaves beside ``target`` in
            that folder has escaped.
        seeds: inputs that are valid, or nearly so.
        words: what inputs of this kind are made of.
        crafted: makes inputs with a structure that changed bytes alone would hardly hit (archives whose sums are
            right); None where changed seeds do.
        refuses: what the parser is documented to raise beside :class:`EnvsolverError`.
    """

    name: str
    parse: Callable[[bytes, Path], object]
    seeds: tuple[bytes, ...]
    words: tuple[bytes, ...] = ()
    crafted: SearchStrategy[bytes] | None = None
    refuses: tuple[type[Exception], ...] = ()


@contextmanager
def _alarm() -> Iterator[None]:
    def ring(_number: int, _frame: FrameType | None) -> None:
        raise HungError(f"no end within {SECONDS:.0f} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def bounded_memory() -> None:
    """Let this process have no more than :data:`MEMORY` in addition to what it has: beyond it, allocations fail."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    bound = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (bound, resource.RLIM_INFINITY))


def judge(target: Target, data: bytes) -> bool:
    """Feed a parser; return whether it took the input (False: it refused it as it should).

    Raises:
        Exception: whatever else the parser raised: that is the finding.
        AssertionError: it wrote outside of the folder that was meant for it.
    """
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    try:
        with _alarm():
            target.parse(data, folder / "work")
    except EnvsolverError:
        return False
    except Exception as error:
        if isinstance(error, target.refuses):
            return False
        raise
    else:
        return True
    finally:
        escaped = sorted(path.name for path in folder.iterdir() if path.name != "work")
        shutil.rmtree(folder, ignore_errors=True)
        assert not escaped, f"written outside of its folder: {escaped}"

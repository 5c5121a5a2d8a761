"""The cache on disk, as the user looks after it, and what takes its place where it cannot be written."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from envsolver.sources.cache import CACHE_VARIABLE, Cache, default_cache_root

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envsolver.model.ports import Progress

__all__ = ["cache_folder", "cache_size", "clean_cache", "unwritable", "writable_cache"]

_MARK = ".envsolver-cache-"
_LAYOUT = "v1"
_STORE = "store"
_TREES = ("wheels-", "bytecode-")
"""What the store has whole folders of; each lies two levels deeper."""


def cache_folder() -> Path:
    """Return where the cache lies; it need not exist."""
    return default_cache_root(os.environ, Path.home())


def cache_size() -> int:
    """Return how many bytes the cache holds."""
    return Cache(cache_folder()).size()


def clean_cache() -> int:
    """Delete all entries and return how many bytes that freed.

    Raises:
        CacheError: something could not be deleted.
    """
    return Cache(cache_folder()).clean()


def unwritable() -> str | None:
    """Return why nothing can be put into the cache, None if something can."""
    folder = cache_folder() / _LAYOUT / _STORE
    probe = folder / f"probe-{os.urandom(6).hex()}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe.touch(exist_ok=False)
        probe.unlink()
    except OSError as error:
        return (error.strerror or str(error)).lower()
    return None


@contextmanager
def writable_cache(beside: Path, progress: Progress) -> Iterator[None]:
    """Give a run that cannot do without a store a temporary one, if the user's cache cannot be written.

    What lies in the user's cache is read all the same. The temporary one lies beside what is made, from where files can
    be linked, or where that cannot be written in the system's folder for such; it is deleted in the end.

    Args:
        beside: the folder in which something is made.
        progress: is told.

    Raises:
        OSError: there is no place for it either.
    """
    reason = unwritable()
    if reason is None:
        yield
        return
    root = cache_folder()
    with ExitStack() as stack:
        folder = _instead(stack, beside)
        _show(root / _LAYOUT, folder / _LAYOUT)
        progress.note(f"the cache {root} cannot be written ({reason}); going on with a temporary one")
        before = os.environ.get(CACHE_VARIABLE)
        # Who needs the cache asks for it where it is needed, in many places, and in threads.
        os.environ[CACHE_VARIABLE] = str(folder)
        try:
            yield
        finally:
            if before is None:
                del os.environ[CACHE_VARIABLE]
            else:
                os.environ[CACHE_VARIABLE] = before


def _instead(stack: ExitStack, beside: Path) -> Path:
    from tempfile import gettempdir

    from envsolver.build.scratch import scratch, sweep

    sweep(beside, _MARK)
    try:
        return stack.enter_context(scratch(beside, _MARK))
    except OSError:
        return stack.enter_context(scratch(Path(gettempdir()), _MARK))


def _show(theirs: Path, ours: Path) -> None:
    """Let a cache that can be written show what another one has, by links: what is written takes their place."""
    for name in _names(theirs):
        if name == _STORE:
            for kind in _names(theirs / name):
                if kind.startswith(_TREES):
                    _link(theirs / name / kind, ours / name / kind, levels=2)
                elif kind == "archives":
                    _link(theirs / name / kind, ours / name / kind, levels=1)
        else:
            _link(theirs / name, ours / name, levels=None)


def _link(theirs: Path, ours: Path, *, levels: int | None) -> None:
    """Make links to what lies a number of levels below a folder; None: to all files."""
    for name in _names(theirs):
        one = theirs / name
        if levels == 1 or (levels is None and not one.is_dir()):
            _link_one(one, ours / name)
        else:
            _link(one, ours / name, levels=None if levels is None else levels - 1)


def _link_one(theirs: Path, ours: Path) -> None:
    ours.parent.mkdir(parents=True, exist_ok=True)
    ours.symlink_to(theirs.absolute())


def _names(folder: Path) -> list[str]:
    with suppress(OSError):  # it may be none, or not for this user
        return os.listdir(folder)  # noqa: PTH208 - the names are all that is wanted
    return []

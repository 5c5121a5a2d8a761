"""Filling the store: what an environment needs and the store does not have is fetched, unpacked and compiled."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from envsolver.build.download import Meter, download
from envsolver.build.layout import Layout
from envsolver.build.shelves import Shelf, Stocked, digest_of

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from envsolver.build.download import Remote
    from envsolver.build.interpreter import Interpreter
    from envsolver.build.store import Store
    from envsolver.lock.model import Pin
    from envsolver.model.ports import Progress

__all__ = ["fetch", "fill", "stock_wheel", "together"]

_DOWNLOADS = 8
_WAIT_SECONDS = 0.2


@dataclass(kw_only=True)
class _Run:
    store: Store
    interpreter: Interpreter
    bytecode: bool
    shelves: dict[str, Shelf] = field(default_factory=dict)
    stocked: Stocked = field(default_factory=Stocked)


def fill(
    store: Store,
    pins: Sequence[Pin],
    interpreter: Interpreter,
    remotes: AbstractAsyncContextManager[Remote],
    progress: Progress,
    *,
    bytecode: bool,
) -> tuple[Mapping[str, Shelf], Stocked]:
    """Bring wheels into the store; return them by sha256, and what was done.

    Args:
        store: to fill.
        pins: of wheels that it has not got, or not compiled.
        interpreter: to compile with.
        remotes: opens what to fetch them from, if there is something to fetch.
        progress: is told.
        bytecode: whether to compile.

    Raises:
        NetworkError: a file cannot be had; what has arrived stays.
        ArtefactError: a file is not what the lock says, or is refused.
        FileError: an index does not have a file, or the interpreter cannot compile.
        OSError: something cannot be written.
    """
    run = _Run(store=store, interpreter=interpreter, bytecode=bytecode)
    asyncio.run(_fill(run, pins, remotes, progress))
    return run.shelves, run.stocked


def fetch(store: Store, pin: Pin, remotes: AbstractAsyncContextManager[Remote], progress: Progress) -> Path:
    """Return a source archive of the store, after fetching it if it is not there.

    Args:
        store: to keep it in.
        pin: whose file it is.
        remotes: opens what to fetch it from.
        progress: is told.

    Raises:
        NetworkError: it cannot be had.
        ArtefactError: it is not what the lock says.
        OSError: it cannot be written.
    """
    final = store.archive(digest_of(pin))
    if not final.is_file():
        asyncio.run(_fetch(store, pin, final, remotes, progress))
    return final


async def _fetch(
    store: Store, pin: Pin, final: Path, remotes: AbstractAsyncContextManager[Remote], progress: Progress
) -> None:
    progress.stage(f"downloading {pin.file.filename}")
    meter = Meter(progress, files=1, size=pin.file.size or 0)
    async with remotes as remote:
        while not os.path.isfile(final):  # noqa: ASYNC240, PTH113 - one look
            with store.partial(digest_of(pin)) as path:
                if path is not None:
                    await download(pin, remote, path, meter)
                    final.parent.mkdir(parents=True, exist_ok=True)
                    path.rename(final)
                    return
            await asyncio.sleep(_WAIT_SECONDS)


async def _fill(
    run: _Run, pins: Sequence[Pin], remotes: AbstractAsyncContextManager[Remote], progress: Progress
) -> None:
    wanted = {digest_of(pin): pin for pin in pins}
    absent = {digest: pin for digest, pin in wanted.items() if run.store.get("wheels", digest) is None}
    size = sum(pin.file.size or 0 for pin in absent.values())
    meter = Meter(progress, files=len(absent), size=size)
    progress.stage("downloading" if absent else "compiling")
    downloads = asyncio.Semaphore(_DOWNLOADS)
    hands = asyncio.Semaphore(os.cpu_count() or 1)

    async def one(digest: str, pin: Pin, remote: Remote | None) -> None:
        if digest in absent and remote is not None:
            await _bring(run, digest, pin, remote, meter, (downloads, hands))
            meter.finish()
        async with hands:
            await asyncio.to_thread(_shelve, run, digest)

    if not absent:
        await together(one(digest, pin, None) for digest, pin in wanted.items())
        return
    async with remotes as remote:
        # The largest first: what is left at the end is small.
        order = sorted(wanted.items(), key=lambda item: (-(item[1].file.size or 0), item[0]))
        await together(one(digest, pin, remote) for digest, pin in order)
    run.stocked.received = meter.received


async def together(work: Iterable[Coroutine[None, None, None]]) -> None:
    """Run side by side. The first failure ends all, and is raised when they have ended."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


async def _bring(
    run: _Run,
    digest: str,
    pin: Pin,
    remote: Remote,
    meter: Meter,
    limits: tuple[asyncio.Semaphore, asyncio.Semaphore],
) -> None:
    downloads, hands = limits
    while True:
        with run.store.partial(digest) as path:
            if path is not None:
                async with downloads:
                    await download(pin, remote, path, meter)
                async with hands:
                    await asyncio.to_thread(_unpack, run, digest, pin, path)
                return
        # Another process has it in its hands; when it is done, so are we.
        await asyncio.sleep(_WAIT_SECONDS)
        if run.store.get("wheels", digest) is not None:
            return


def stock_wheel(store: Store, digest: str, filename: str, archive: Path, interpreter: Interpreter) -> None:
    """Bring a wheel that lies on this machine into the store, unless it is there.

    Args:
        store: to fill.
        digest: sha256 of the wheel, which was checked.
        filename: of the wheel.
        archive: where it lies.
        interpreter: that it is for.

    Raises:
        ArtefactError: it is refused.
        OSError: something cannot be written.
    """
    from envsolver.build.unpack import unpack

    if store.get("wheels", digest) is None:
        layout = Layout(interpreter.minor)
        store.make("wheels", digest, lambda folder: unpack(archive, filename, layout, folder))


def _unpack(run: _Run, digest: str, pin: Pin, path: Path) -> None:
    stock_wheel(run.store, digest, pin.file.filename, path, run.interpreter)
    run.stocked.unpacked += 1
    with suppress(OSError):
        path.unlink()


def _shelve(run: _Run, digest: str) -> None:
    from envsolver.build.bytecode import compile_tree

    wheel = run.store.get("wheels", digest)
    if wheel is None:
        return  # somebody empties the store at this moment; the caller looks again
    compiled = None
    if run.bytecode:
        compiled = run.store.get("bytecode", digest)
        if compiled is None:
            sources = wheel.folder
            compiled = run.store.make("bytecode", digest, lambda target: compile_tree(run.interpreter, sources, target))
            run.stocked.compiled += 1
    run.shelves[digest] = Shelf(wheel=wheel, bytecode=compiled)

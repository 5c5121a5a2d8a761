"""Metadata from the build backend of an sdist (PEP 517), in an isolated environment.

The last resort: it runs the author's code, with whatever build requirements the index has today, under the Python
that runs envsolver. What comes of it is marked ``built``, with that Python.
"""

from __future__ import annotations

import asyncio
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from envsolver.model.errors import FileError, MetadataUnusableError, NetworkError
from envsolver.sources.urls import redact

if TYPE_CHECKING:
    from collections.abc import Callable

    from envsolver.model.candidate import File
    from envsolver.sources.metadata.backend import Stop
    from envsolver.sources.metadata.ports import Http

__all__ = ["SdistBuilder"]

_T = TypeVar("_T")


class SdistBuilder:
    """Asks build backends for metadata.

    Args:
        http: fetches sdists.
        parallel: how many backends may run side by side.
        timeout_s: seconds after which a backend is killed.
    """

    def __init__(self, http: Http, *, parallel: int = 2, timeout_s: float = 900.0) -> None:
        self._http = http
        self._timeout_s = timeout_s
        self._slots = asyncio.Semaphore(parallel)

    @property
    def interpreter(self) -> str:
        """The interpreter that runs the backends: ``CPython 3.11.7 linux-x86_64``."""
        import platform
        import sysconfig

        return f"{platform.python_implementation()} {platform.python_version()} {sysconfig.get_platform()}"

    async def metadata(self, file: File) -> bytes:
        """Return the METADATA that an sdist's backend prepares.

        Raises:
            MetadataUnusableError: the sdist is not what the index says, cannot be unpacked, or its backend fails: the
                last lines of what that printed are in the reason.
            NetworkError: the sdist cannot be fetched, or an index with its build requirements did not answer.
            FileError: there is no room for it on disk.
        """
        from tempfile import TemporaryDirectory

        from envsolver.sources.metadata.remote import download
        from envsolver.sources.metadata.unpack import unpack_sdist

        async with self._slots:
            try:
                with TemporaryDirectory(prefix="envsolver-", ignore_cleanup_errors=True) as temporary:
                    packed = Path(temporary) / "sdist"
                    with packed.open("wb") as sink:
                        await download(self._http, file, sink)
                    unpacked = Path(temporary) / "source"
                    unpacked.mkdir()
                    source = await self._aside(lambda _: unpack_sdist(packed, unpacked, file.filename))
                    return await self._prepare(source, file.filename)
            except OSError as error:
                raise FileError(f"{file.filename} cannot be unpacked for a build: {error}") from error

    async def metadata_of_folder(self, folder: Path, label: str) -> bytes:
        """Return the METADATA that the backend of a project's folder prepares; ``label`` names it in messages.

        Raises:
            MetadataUnusableError: it is no project, or its backend fails.
            NetworkError: an index with its build requirements did not answer.
        """
        async with self._slots:
            return await self._prepare(folder, label)

    async def _prepare(self, source: Path, label: str) -> bytes:
        from envsolver.sources.metadata.backend import BackendFailedError, prepare_metadata

        try:
            return await self._aside(partial(prepare_metadata, source, self._timeout_s))
        except BackendFailedError as error:
            said = "\n".join([str(error), *map(redact, error.lines)])
            if error.unreachable:
                # To go on without this file would make the lock depend on a connection.
                raise NetworkError(
                    f"{label} has to be built for its metadata, and an index did not answer: {said}",
                    hint="builds use pip with its own configuration: check its index-url and proxy",
                ) from None
            raise MetadataUnusableError(
                label,
                f"its build for metadata with {self.interpreter} failed: {said}",
                hint="ask for a version that has a wheel for the target",
            ) from None

    async def _aside(self, work: Callable[[Stop], _T]) -> _T:
        """Run blocking work in a thread. If the run is cancelled, stop it, and wait: its folder is about to go."""
        stop = threading.Event()
        running = asyncio.ensure_future(asyncio.to_thread(work, stop.is_set))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            stop.set()
            await asyncio.wait([running])
            # That it failed is no news: asking for the failure keeps the event loop from reporting it.
            running.exception()
            raise

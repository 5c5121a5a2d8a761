"""Where the time of a run went, for ``--verbose``."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envsolver.model.candidate import File, Metadata, Name, Page
    from envsolver.model.ports import CandidateSource

__all__ = ["Stopwatch", "TimedSource"]


class Stopwatch:
    """Adds up wall time by stage, in the order in which the stages were first met."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._open: dict[str, int] = {}
        self._since: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the time spent inside. Several tasks may be inside one stage: that time counts once."""
        self._seconds.setdefault(name, 0.0)
        if not self._open.get(name):
            self._since[name] = time.perf_counter()
        self._open[name] = self._open.get(name, 0) + 1
        try:
            yield
        finally:
            self._open[name] -= 1
            if not self._open[name]:
                self._seconds[name] += time.perf_counter() - self._since[name]

    def seconds(self) -> tuple[tuple[str, float], ...]:
        """Return ``(stage, seconds)``; stages that run side by side overlap."""
        return tuple(self._seconds.items())


class TimedSource:
    """A :class:`~envsolver.model.ports.CandidateSource` that passes all on and counts the time until the answer."""

    def __init__(self, source: CandidateSource, stopwatch: Stopwatch) -> None:
        self._source = source
        self._stopwatch = stopwatch

    async def page(self, name: Name) -> Page:
        """Pass it on."""
        with self._stopwatch.stage("index pages"):
            return await self._source.page(name)

    async def metadata(self, file: File) -> Metadata:
        """Pass it on."""
        with self._stopwatch.stage("metadata"):
            return await self._source.metadata(file)

    async def digest(self, file: File) -> tuple[str, int]:
        """Pass it on."""
        with self._stopwatch.stage("digests"):
            return await self._source.digest(file)

    async def direct(self, name: Name, url: str) -> Page:
        """Pass it on."""
        with self._stopwatch.stage("direct references"):
            return await self._source.direct(name, url)

    def hint(self, name: Name) -> None:
        """Pass it on."""
        self._source.hint(name)

    def hint_metadata(self, file: File) -> None:
        """Pass it on."""
        self._source.hint_metadata(file)

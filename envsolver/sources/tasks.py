"""Work that is wanted more than once and done once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Hashable

__all__ = ["SharedTasks"]

_T = TypeVar("_T")


class SharedTasks(Generic[_T]):
    """Answers by key. Whoever asks while an answer is on its way waits for that one.

    A failure is told to all who wait and then forgotten: the next one to ask starts anew.

    Args:
        background: how many tasks may be under way for nobody in particular.
    """

    def __init__(self, *, background: int) -> None:
        self._answers: dict[Hashable, _T] = {}
        self._tasks: dict[Hashable, asyncio.Task[_T]] = {}
        self._background = background
        self._speculative: set[Hashable] = set()

    async def get(self, key: Hashable, start: Callable[[], Coroutine[None, None, _T]]) -> _T:
        """Return the answer for a key; ``start`` makes the work if it is not under way."""
        if key in self._answers:
            return self._answers[key]
        task = self._tasks.get(key) or self._begin(key, start)
        self._speculative.discard(key)
        # One who stops waiting must not end the work for the others.
        return await asyncio.shield(task)

    def hint(self, key: Hashable, start: Callable[[], Coroutine[None, None, _T]]) -> None:
        """Begin the work in the background, unless enough is under way already. Failures are swallowed."""
        if key not in self._answers and key not in self._tasks and len(self._speculative) < self._background:
            self._begin(key, start)
            self._speculative.add(key)

    def known(self) -> dict[Hashable, _T]:
        """Return the answers that are there."""
        return self._answers

    async def close(self) -> None:
        """Cancel what is under way and wait until it has stopped."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, key: Hashable, start: Callable[[], Coroutine[None, None, _T]]) -> asyncio.Task[_T]:
        task = asyncio.get_running_loop().create_task(start())
        self._tasks[key] = task
        task.add_done_callback(lambda done: self._finish(key, done))
        return task

    def _finish(self, key: Hashable, task: asyncio.Task[_T]) -> None:
        del self._tasks[key]
        self._speculative.discard(key)
        # Asking for the exception marks it as seen; nobody may have been waiting for it.
        if not task.cancelled() and task.exception() is None:
            self._answers[key] = task.result()

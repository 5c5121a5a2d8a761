"""Reading ahead: fetch what will probably be needed while the solver is still busy with what is needed for certain.

It follows, from the spec's requirements on, the best version that each requirement admits, as if no two requirements
ever met. Its answers are thrown away; what stays is that the source has them at hand. So it changes the time of a solve
and never its result.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from envsolver.model.errors import EnvsolverError
from envsolver.solve.intervals import intersect
from envsolver.solve.requirements import applying

if TYPE_CHECKING:
    from envsolver.model.candidate import Name
    from envsolver.solve.refine import Refinement
    from envsolver.solve.requirements import Declared

__all__ = ["Speculation"]

VERSIONS_A_PROJECT = 3
"""Of one project at most so many versions are read ahead: different requirements may each admit another one."""


class Speculation:
    """Tasks that read ahead of one refinement."""

    def __init__(self, refinement: Refinement) -> None:
        self._refinement = refinement
        self._tasks: set[asyncio.Task[None]] = set()
        self._seen: set[tuple[str, ...]] = set()
        self._versions: dict[Name, set[int]] = {}

    def follow(self, declared: Declared) -> None:
        """Begin to read what a requirement leads to, in the background."""
        key = (declared.name, str(declared.specifier), *declared.extras)
        if key in self._seen or declared.url:
            return
        self._seen.add(key)
        task = asyncio.ensure_future(self._read(declared))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _read(self, declared: Declared) -> None:
        refinement, world = self._refinement, self._refinement.world
        # An error met here is met again, and raised, if the solver really comes this way.
        with contextlib.suppress(EnvsolverError):
            table = await refinement.table(declared.name)
            if table is None:
                return
            admitted = intersect(world.limit(declared.name), table.positions(declared.specifier))
            best = table.best(admitted)
            versions = self._versions.setdefault(declared.name, set())
            if best is None or len(versions | {best}) > VERSIONS_A_PROJECT:
                return
            versions.add(best)
            known = await refinement.read((declared.name, best))
            if isinstance(known, str):
                return
            for extra in ("", *declared.extras):
                for requirement in applying(known.declared, world.target, extra):
                    for following in world.overridden(requirement):
                        self.follow(following)

    async def close(self) -> None:
        """Cancel what is still under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

"""What a user should read about a solution although it is one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from envsolver.solve.refine import Solution
    from envsolver.solve.world import World

__all__ = ["notes_on_extras"]


def notes_on_extras(world: World, solution: Solution) -> tuple[str, ...]:
    """Return a note for each extra that the spec asks for and the version chosen does not have: it brings nothing."""
    notes = []
    for asked in world.roots:
        name = asked.declared.name
        position = solution.chosen[name]
        if world.shim(name, position):
            continue
        metadata = world.known[name, position].metadata
        # What an sdist claims may leave its extras out; what a wheel declares does not.
        certain = metadata.source not in {"sdist-claim", "frozen"}
        missing = [extra for extra in asked.declared.extras if certain and extra not in metadata.provides_extra]
        notes += [
            f"{asked.written.origin}: {name} {world.tables[name].version(position)} has no extra {extra!r}"
            for extra in missing
        ]
    bare = sorted(record.file_name for record in solution.conda if record.sha256 is None)
    if bare:
        more = f" and {len(bare) - 1} more" if len(bare) > 1 else ""
        notes.append(f"channels give no sha256 of {bare[0]}{more}: the lock has the md5 alone")
    for name, extras in solution.extras.items():
        shim = world.shim(name, solution.chosen[name])
        if shim is not None:
            listed = ", ".join(extras)
            notes.append(f"{name}[{listed}]: conda provides {name}, and no extras: require what they would bring in")
    return tuple(notes)

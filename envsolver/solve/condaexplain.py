"""What packages of conda require of each other that cannot be, in words."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from envsolver.solve.condalinks import Reachable, minimal_links

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from rattler import PackageRecord

    from envsolver.solve.conda import CondaWorld
    from envsolver.solve.condalinks import Link

__all__ = ["explain_conda"]

_MOST_LINES = 4
"""For each piece: the builds of a package may require one thing in very many ways."""
_MOST_REASONS = 2
_MOST_BUILDS = 2


async def explain_conda(world: CondaWorld, lines: Sequence[str]) -> list[str]:
    """Say why lines about packages of conda cannot hold together; nothing where they can.

    Args:
        world: that has the records.
        lines: match specs of the spec.
    """
    reachable = Reachable(world, lines)
    links = await minimal_links(reachable)
    told = _Told(world, reachable, links)
    found = []
    for name, texts in reachable.lines.items():
        if not links and not reachable.builds(name):
            found += [f"{' and '.join(texts)}: {await told.instead(name, texts)}"]
    for link in links:
        found += await told.lines(link)
    return found


class _Told:
    """Words for the pieces of a conflict."""

    def __init__(self, world: CondaWorld, reachable: Reachable, links: Sequence[Link]) -> None:
        self._world = world
        self._reachable = reachable
        self._links = frozenset(links)
        self._chosen = _choices(reachable, self._links)

    async def lines(self, link: Link) -> list[str]:
        """Say what the builds that can be chosen in this conflict require."""
        builds, needs = self._reachable.builds(link.package), self._reachable.needs[link.package]
        chosen = self._chosen[link.package]
        groups: dict[tuple[str, ...], list[PackageRecord]] = {}
        for number in sorted(
            chosen, key=lambda number: (builds[number].version, builds[number].build_number, str(builds[number].build))
        ):
            if texts := tuple(need.text for need in needs[number] if need.link == link):
                groups.setdefault(texts, []).append(builds[number])
        everything = [builds[number] for number in chosen]
        found = []
        for texts, of_group in groups.items():
            subject = f"{link.package} {_versions(of_group, everything)}"
            several = len({build.version for build in of_group}) > 1
            found.append(
                f"{subject} {_verb(link, several=several)} {' and '.join(texts)}{await self._unmet(link, texts)}"
            )
        if len(found) > _MOST_LINES:
            left = len(found) - _MOST_LINES + 1
            found[_MOST_LINES - 2 : -1] = [
                f"{link.package} … {_verb(link, several=True)} {link.required} in {left} more ways"
            ]
        return found

    async def _unmet(self, link: Link, texts: Sequence[str]) -> str:
        """Say what there is instead, where nothing meets a requirement, whatever the lines say."""
        virtual = link.required.startswith("__")
        there = self._reachable.builds(link.required) if virtual else self._world.records_of(link.required)
        if link.kind == "constrains" or any(all(self._reachable.admits(t, one) for t in texts) for one in there):
            return ""
        return f"; {await self.instead(link.required, texts)}"

    async def instead(self, name: str, texts: Sequence[str]) -> str:
        """Say what there is of a package of which nothing meets all of some match specs."""
        if name.startswith("__"):
            offered = [f"{name} {build.version}" for build in self._reachable.builds(name)]
            return f"the nodes have {' and '.join(offered) or f'no {name}'}, as the spec says"
        usable = list(self._world.records_of(name))
        said = [f"there is {name} {_versions(usable, usable)}"] if usable else []
        said += await self._unusable(name, texts)
        return "; ".join(said) or f"no channel has {name}"

    async def _unusable(self, name: str, texts: Sequence[str]) -> list[str]:
        """Say why builds that would do cannot be used."""
        needs = self._world.needs
        why: dict[str, list[PackageRecord]] = {}
        for channel, records in zip(needs.spec.channels, await needs.records.load([name]), strict=False):
            for record in records:
                if record.name.normalized != name or self._world.why_broken(record) is not None:
                    continue
                if all(self._reachable.admits(text, record) for text in texts):
                    elsewhere = f"{channel.name} is not the channel that it is taken from"
                    why.setdefault(self._world.why_unfit(name, record) or elsewhere, []).append(record)
        said = [f"{name} {_versions(records, records)} cannot be used: {reason}" for reason, records in why.items()]
        if len(said) > _MOST_REASONS:
            said[_MOST_REASONS:] = [f"{len(said) - _MOST_REASONS} more reasons"]
        return said


def _choices(reachable: Reachable, links: AbstractSet[Link]) -> Mapping[str, AbstractSet[int]]:
    """Return package → numbers of the builds that can be chosen: what the lines, or the pieces, bring in."""
    found = {name: set(range(len(reachable.builds(name)))) for name in reachable.lines}
    waiting = list(found)
    while waiting:
        name = waiting.pop()
        for number in sorted(found[name]) if name in reachable.needs else ():
            for need in reachable.needs[name][number]:
                if need.link in links and need.link.kind == "depends" and need.link.required not in reachable.lines:
                    known = found.setdefault(need.link.required, set())
                    if not reachable.matched(need.text) <= known:
                        known |= reachable.matched(need.text)
                        waiting.append(need.link.required)
    return found


def _verb(link: Link, *, several: bool) -> str:
    if link.kind == "depends":
        return "require" if several else "requires"
    return "work only with" if several else "works only with"


def _versions(builds: Iterable[PackageRecord], among: Sequence[PackageRecord]) -> str:
    """Return ``1.0``, or ``1.0 to 1.9`` where every version between is meant, or the build where others are not meant.

    Args:
        builds: that are meant.
        among: all that could be.
    """
    everything = _by_version(among)
    meant = _by_version(builds)
    words: list[tuple[str, bool]] = []
    last = -2
    for place, (version, there) in enumerate(everything.items()):
        if version not in meant:
            continue
        whole = len(meant[version]) == len(there)
        if whole and words and words[-1][1] and last == place - 1:
            words[-1] = (f"{words[-1][0].partition(' to ')[0]} to {version}", True)
        elif whole:
            words.append((version, True))
        else:
            words.append((f"{version} ({_builds(meant[version], len(there))})", False))
        last = place
    told = [word for word, _ in words]
    return ", ".join(told if len(told) <= _MOST_LINES else [*told[:2], "…", told[-1]])


def _builds(meant: Sequence[str], count: int) -> str:
    return ", ".join(meant) if len(meant) <= _MOST_BUILDS else f"{len(meant)} of {count} builds"


def _by_version(builds: Iterable[PackageRecord]) -> dict[str, list[str]]:
    """Return version → builds, the oldest first."""
    ordered = sorted(builds, key=lambda build: build.version)
    return {
        str(version): sorted(str(build.build) for build in group)
        for version, group in groupby(ordered, key=lambda build: build.version)
    }

"""The indexes of one environment on one platform, as the solver's source of candidates.

Which index a package comes from is decided by its name alone, as uv decides it:

1. An index with ``packages`` serves those and nothing else, and those come from no other index. A name that several
   indexes bind belongs to the most exact binding: a whole name before a pattern, a longer pattern before a shorter
   one, then the order of the spec.
2. Any other package comes from the first index that knows it: the named indexes without ``packages`` in the order of
   the spec, then the default index.

Versions of two indexes are never mixed, so a higher version that somebody puts on another index changes nothing. An
index that refuses (401, 403) or fails stops the search with an error: passing on to the next one would let whoever
can disturb an index choose where packages come from. One exception, which uv makes too: hosts that are known to
answer 403 for what does not exist.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from envsolver.model.candidate import normalize_name
from envsolver.model.errors import BuildNeededError, EnvsolverError, NetworkError, UnknownPackageError
from envsolver.model.values import dataclass
from envsolver.model.wording import did_you_mean
from envsolver.sources.tasks import SharedTasks
from envsolver.sources.urls import redact

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from envsolver.model.candidate import File, Metadata, Name, Page
    from envsolver.sources.digests import Digests
    from envsolver.sources.frozen import FrozenIndex
    from envsolver.sources.pagestore import IndexAddress, PageStore

__all__ = ["BoundIndex", "IndexSet", "SharedMetadata", "absent_statuses"]

_BACKGROUND_METADATA = 48
_T = TypeVar("_T")
_NEAREST = 3
_FORBIDDEN_MEANS_ABSENT = ("pytorch.org",)
"""Hosts (and those below them) that lie in object storage, which answers 403 for keys that do not exist."""


def absent_statuses(url: str) -> frozenset[int]:
    """Return the statuses by which the index at a URL says, beside 404 and 410, that it does not know a project."""
    host = urlsplit(url).hostname or ""
    known = any(host == name or host.endswith(f".{name}") for name in _FORBIDDEN_MEANS_ABSENT)
    return frozenset({403}) if known else frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundIndex:
    """An index, as it takes part in an environment.

    Attributes:
        alias: as locks name it.
        address: where it is.
        packages: canonical names and ``prefix-*`` patterns bound to it.
        frozen: a record that serves in place of the network.
        origin: where its URL was configured, for messages.
    """

    alias: str
    address: IndexAddress
    packages: tuple[str, ...] = ()
    frozen: FrozenIndex | None = None
    origin: str = ""


class SharedMetadata:
    """Metadata of files, each read once.

    Args:
        read: reads them, by whatever it takes.
        prepare: does what can be done beforehand, so that reading takes less.
        needs_build: says whether reading takes a build.
    """

    def __init__(
        self,
        read: Callable[[File], Awaitable[Metadata]],
        prepare: Callable[[File], Awaitable[None]],
        needs_build: Callable[[File], Awaitable[bool]],
    ) -> None:
        self._read = read
        self._prepare = prepare
        self.needs_build = needs_build
        self._tasks: SharedTasks[Metadata] = SharedTasks(background=0)
        self._hints: SharedTasks[None] = SharedTasks(background=_BACKGROUND_METADATA)

    async def metadata(self, file: File) -> Metadata:
        """Return a file's metadata; raises what the reader raises."""
        return await self._tasks.get(_identity(file), lambda: _run(self._read(file)))

    def hint(self, file: File) -> None:
        """Begin to read it in the background."""
        if _identity(file) not in self._tasks.known():
            self._hints.hint(_identity(file), lambda: _run(self._prepare(file)))

    async def close(self) -> None:
        """Stop all reading."""
        await self._tasks.close()
        await self._hints.close()


async def _run(work: Awaitable[_T]) -> _T:
    return await work


def _identity(file: File) -> tuple[str, str]:
    # A file name is no identity (indexes serve other bytes under one name); a digest is, and so is a URL in one run.
    return file.filename, file.sha256 or file.url


class IndexSet:
    """Implements :class:`envsolver.model.ports.CandidateSource` over indexes.

    Args:
        indexes: named indexes in the order of the spec, the default index last.
        pages: reads index pages; may be shared with other sets.
        metadata: reads metadata; may be shared.
        digests: hashes files; may be shared.
        direct: serves direct references.
        known_names: returns projects that may be suggested for an unknown name, if an index turns out to have them.
            What was read before does not count: the same mistake is answered alike every time.
        builds: whether a source archive may be built for its metadata.
    """

    def __init__(
        self,
        indexes: Sequence[BoundIndex],
        *,
        pages: PageStore,
        metadata: SharedMetadata,
        digests: Digests,
        direct: Callable[[Name, str], Awaitable[Page]],
        known_names: Callable[[], Iterable[str]] = tuple,
        builds: bool = True,
    ) -> None:
        self._indexes = tuple(indexes)
        self._store = pages
        self._metadata = metadata
        self._digests = digests
        self._direct = direct
        self._known_names = known_names
        self._builds = builds
        self._frozen = {index.alias: index.frozen for index in indexes if index.frozen is not None}
        self._pages: dict[Name, Page] = {}
        self._choices: dict[Name, tuple[BoundIndex, ...]] = {}

    def indexes_of(self, name: Name) -> tuple[BoundIndex, ...]:
        """Return the indexes that a package may come from, in the order in which they are asked."""
        chosen = self._choices.get(name)
        if chosen is None:
            chosen = self._choices[name] = self._choose(name)
        return chosen

    async def page(self, name: Name) -> Page:
        """Return the project's page from the index that it comes from."""
        page = self._pages.get(name)
        if page is None:
            for index in self.indexes_of(name):
                page = await self._page_of(index, name)
                if page is not None:
                    break
            else:
                raise await self._unknown(name)
            self._pages[name] = page
        return page

    async def metadata(self, file: File) -> Metadata:
        """Return a file's metadata: as recorded, where a frozen index has it, else as the reader finds it."""
        frozen = self._frozen.get(file.index)
        if frozen is None:
            return await self._read(file)
        recorded = frozen.metadata(file)
        if recorded is not None:
            return recorded
        try:
            return await self._read(file)
        except NetworkError as error:
            missing = f"{frozen.path} (index {file.index!r}) does not record the requirements of {file.filename}"
            raise NetworkError(f"{missing}, and they cannot be had otherwise: {error}", hint=error.hint) from error

    async def _read(self, file: File) -> Metadata:
        if not self._builds and await self._metadata.needs_build(file):
            raise BuildNeededError(
                f"only a build can tell what {file.filename} requires, and nothing is built for a guess"
            )
        return await self._metadata.metadata(file)

    async def digest(self, file: File) -> tuple[str, int]:
        """Return ``(sha256, size)`` of a file, reading its bytes."""
        return await self._digests.digest(file)

    async def direct(self, name: Name, url: str) -> Page:
        """Return the page of a direct reference."""
        return await self._direct(name, url)

    def hint(self, name: Name) -> None:
        """Begin to read the page that will be asked for first."""
        if name not in self._pages:
            for index in self.indexes_of(name)[:1]:
                if index.frozen is None:
                    self._store.hint(index.address, name)

    def hint_metadata(self, file: File) -> None:
        """Begin to read a file's metadata, unless it is recorded."""
        if file.index not in self._frozen:
            self._metadata.hint(file)

    def _choose(self, name: Name) -> tuple[BoundIndex, ...]:
        best: tuple[int, BoundIndex] | None = None
        for index in self._indexes:
            exactness = max((_exactness(pattern, name) for pattern in index.packages), default=-1)
            if exactness >= 0 and (best is None or exactness > best[0]):
                best = exactness, index
        if best is not None:
            return (best[1],)
        return tuple(index for index in self._indexes if not index.packages)

    async def _page_of(self, index: BoundIndex, name: Name) -> Page | None:
        if index.frozen is not None:
            return index.frozen.page(name, index.alias, index.address.url)
        try:
            return await self._store.page(index.address, name, index.alias)
        except NetworkError as error:
            # The one place that knows what the user calls this index.
            hint = error.hint and error.hint.replace("<ALIAS>", re.sub(r"[^A-Z0-9]", "_", index.alias.upper()))
            raise NetworkError(f"index {index.alias!r}: {error}", hint=hint) from error

    async def _unknown(self, name: Name) -> UnknownPackageError:
        asked = self.indexes_of(name)
        near = await self._nearest(name)
        advice = did_you_mean(near) or "check its name, or name the index that has it"
        places = "; ".join(_describe(index) for index in asked) or "the spec has no index for it"
        return UnknownPackageError(name, indexes=[index.alias for index in asked], hint=f"{advice} ({places})")

    async def _nearest(self, name: Name) -> list[str]:
        """Return names like this one that really are on the indexes. An index's list of all names is not read."""
        from difflib import get_close_matches

        names = {normalize_name(each) for each in self._known_names()}
        for frozen in self._frozen.values():
            names |= frozen.names()
        found = []
        for near in get_close_matches(name, sorted(names - {name}), n=_NEAREST, cutoff=0.75):
            for index in self.indexes_of(normalize_name(near)):
                try:
                    page = await self._page_of(index, normalize_name(near))
                except EnvsolverError:
                    # It cannot be asked now: the name is known all the same.
                    found.append(near)
                    break
                if page is not None:
                    found.append(near)
                    break
        return found


def _exactness(pattern: str, name: str) -> int:
    """Return how exactly a pattern means a name; negative if it does not."""
    if pattern == name:
        return len(name) + 1
    if pattern.endswith("*") and name.startswith(pattern[:-1]):
        return len(pattern) - 1
    return -1


def _describe(index: BoundIndex) -> str:
    where = f"{index.frozen.path}" if index.frozen is not None else redact(index.address.url)
    origin = f", from {index.origin}" if index.origin else ""
    bound = ", to which the spec binds it" if index.packages else ""
    return f"{index.alias} is {where}{origin}{bound}"

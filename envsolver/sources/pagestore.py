"""Index pages of one run: from the cache while they are fresh, else from the index; each read once."""

from __future__ import annotations

import time
from dataclasses import field
from typing import TYPE_CHECKING, Generic, Literal, TypeVar

import msgspec

from envsolver.model.candidate import normalize_name
from envsolver.model.errors import NetworkError
from envsolver.model.values import dataclass
from envsolver.sources.compact import Link, build_page, decode_page, encode_page, open_page
from envsolver.sources.freshness import is_fresh, lifetime
from envsolver.sources.tasks import SharedTasks
from envsolver.sources.urls import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from envsolver.model.candidate import Name, Page
    from envsolver.sources.cache import Cache
    from envsolver.sources.compact import CompactPage
    from envsolver.sources.http import HttpClient
    from envsolver.sources.reply import Reply

__all__ = ["IndexAddress", "PageStore"]

_BACKGROUND_PAGES = 48
_FORMAT = 1
"""Of the entries in the cache; a change of the structures below or of the compact form takes the next number."""
_GONE = frozenset({404, 410})
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexAddress:
    """How to ask an index.

    Attributes:
        url: without credentials. Of the simple API's root, of a find-links page, or of a local folder (``file:``).
        kind: as in :class:`envsolver.model.spec.IndexSpec`.
        absent: statuses, beside 404 and 410, by which this index says that it does not know a project.
    """

    url: str
    kind: Literal["simple", "find-links"] = "simple"
    absent: frozenset[int] = field(default=frozenset())


class _Entry(msgspec.Struct, array_like=True):
    """An entry of the cache. ``known`` is false where the index said that it does not know the project."""

    fetched: float
    fresh_for: float
    etag: str | None
    modified: str | None
    known: bool
    content: msgspec.Raw


@dataclass(frozen=True, slots=True)
class _Codec(Generic[_T]):
    """What becomes of a page: made from its links, kept as bytes. ``project``: whose page, empty for all."""

    make: Callable[[list[Link]], _T]
    encode: Callable[[_T], bytes]
    decode: Callable[[msgspec.Raw], _T]
    project: str = ""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Entry)
_EMPTY = msgspec.Raw(_encoder.encode(None))
_WHOLE_LISTING: _Codec[list[Link]] = _Codec(list, _encoder.encode, msgspec.msgpack.Decoder(list[Link]).decode)


class PageStore:
    """Reads pages.

    Args:
        offline: what is cached is used whatever its age, and nothing is asked.
        refresh: what is cached is not used, and everything is asked once.
        clock: seconds since 1970 UTC.
    """

    def __init__(
        self,
        *,
        http: HttpClient,
        cache: Cache,
        offline: bool = False,
        refresh: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        import packaging

        self._http = http
        self._cache = cache
        # What a file name means is packaging's to say: pages that another release of it has read are read anew.
        self._format = f"{_FORMAT}-{packaging.__version__}"
        self._offline = offline
        self._refresh = refresh
        self._clock = clock
        self._pages: SharedTasks[CompactPage | None] = SharedTasks(background=_BACKGROUND_PAGES)
        self._opened: dict[tuple[str, Name, str], Page | None] = {}
        self._listings: SharedTasks[list[tuple[Name, Link]]] = SharedTasks(background=0)

    async def page(self, index: IndexAddress, name: Name, alias: str) -> Page | None:
        """Return what an index has of a project, or None if it does not know it.

        Args:
            index: where it is.
            name: of the project.
            alias: what the spec calls the index.

        Raises:
            NetworkError: the index did not answer, not with a page, or (offline) is not in the cache.
        """
        compact = await self._pages.get((index.url, name), lambda: self._load(index, name))
        key = (index.url, name, alias)
        if key not in self._opened:
            self._opened[key] = None if compact is None else open_page(compact, name, alias)
        return self._opened[key]

    def hint(self, index: IndexAddress, name: Name) -> None:
        """Begin to read a page in the background."""
        self._pages.hint((index.url, name), lambda: self._load(index, name))

    async def close(self) -> None:
        """Stop all reading."""
        await self._pages.close()
        await self._listings.close()

    async def _load(self, index: IndexAddress, name: Name) -> CompactPage | None:
        if index.kind == "find-links":
            listing = await self._listings.get(index.url, lambda: self._listing(index))
            links = [link for spelled, link in listing if spelled.startswith(f"{name}-")]
            page = build_page(name, links)
            return page if page.versions else None
        codec = _Codec(lambda links: build_page(name, links), encode_page, decode_page, project=name)
        return await self._read(f"{index.url.rstrip('/')}/{name}/", index, codec)

    async def _listing(self, index: IndexAddress) -> list[tuple[Name, Link]]:
        from envsolver.sources.findlinks import local_folder, read_folder

        folder = local_folder(index.url)
        if folder is not None:
            links: Iterable[Link] = read_folder(folder)
        else:
            found = await self._read(index.url, index, _WHOLE_LISTING)
            if found is None:
                raise NetworkError(f"{redact(index.url)} is not there (404)", hint="check the index's URL in the spec")
            links = found
        return [(normalize_name(link.filename), link) for link in links]

    async def _read(self, url: str, index: IndexAddress, codec: _Codec[_T]) -> _T | None:
        """Return a page, from the cache or the server; None: the index has no such page."""
        if url.startswith("file:"):
            reply = await self._http.get(url)
            return None if reply.status in _GONE else codec.make(_links(reply, codec.project))
        bucket = f"{index.kind}-{self._format}"
        cached = self._cached(bucket, url, codec)
        entry, page = cached
        if entry is not None and (self._offline or is_fresh(entry.fetched, entry.fresh_for, self._clock())):
            return page
        if self._offline:
            raise NetworkError(
                f"this run is offline, and {redact(url)} is not in the cache",
                hint="run once without --offline to fetch it",
            )
        reply = await self._ask(url, entry)
        if reply.status == 304 and entry is not None:
            entry.fetched = self._clock()
            if "cache-control" in reply.headers:
                entry.fresh_for = lifetime(reply.headers)
        else:
            page = self._content(url, index, reply, codec)
            entry = _Entry(
                fetched=self._clock(),
                fresh_for=lifetime(reply.headers),
                etag=reply.headers.get("etag"),
                modified=reply.headers.get("last-modified"),
                known=page is not None,
                content=_EMPTY if page is None else msgspec.Raw(codec.encode(page)),
            )
        self._cache.put(bucket, url, _encoder.encode(entry))
        return page

    def _cached(self, bucket: str, url: str, codec: _Codec[_T]) -> tuple[_Entry | None, _T | None]:
        data = None if self._refresh else self._cache.get(bucket, url)
        if data is None:
            return None, None
        try:
            entry = _decoder.decode(data)
            return entry, codec.decode(entry.content) if entry.known else None
        except msgspec.MsgspecError:
            return None, None

    async def _ask(self, url: str, entry: _Entry | None) -> Reply:
        from envsolver.sources.simple import ACCEPT

        headers = {"Accept": ACCEPT}
        if self._refresh:
            headers["Cache-Control"] = "no-cache"
        elif entry is not None and entry.known:
            if entry.etag:
                headers["If-None-Match"] = entry.etag
            elif entry.modified:
                headers["If-Modified-Since"] = entry.modified
        return await self._http.get(url, headers=headers)

    def _content(self, url: str, index: IndexAddress, reply: Reply, codec: _Codec[_T]) -> _T | None:
        if reply.status == 200:
            return codec.make(_links(reply, codec.project))
        if reply.status in _GONE or reply.status in index.absent:
            return None
        where = redact(url) if reply.url == url else f"{redact(url)} leads to {redact(reply.url)}, which"
        if reply.status in {401, 403}:
            raise NetworkError(
                f"{where} refuses to answer ({reply.status})",
                hint="give it credentials: in netrc, in a keyring, as UV_INDEX_<ALIAS>_USERNAME and "
                "UV_INDEX_<ALIAS>_PASSWORD, or in the index URL of your pip or uv configuration",
            )
        raise NetworkError(f"{where} answered with status {reply.status}", hint="check the index's URL")


def _links(reply: Reply, project: str) -> list[Link]:
    from envsolver.sources.simple import parse_links

    return parse_links(reply.body, reply.headers.get("content-type", ""), reply.url, project=project)

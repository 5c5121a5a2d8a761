"""An index on loopback that is a recording of the user's, with chosen latency and manners.

What a tool asks for the first time is fetched from the user's index and kept in a folder: the page of a project, the
metadata of a wheel (PEP 658, read out of the wheel where the index has no file of it), a source archive or wheel. From
then on it comes from the folder, so that all tools see the same index, the same link, and nobody else's traffic.

Every request waits for one round trip, and the first of a connection for one more, which opens it.
"""

from __future__ import annotations

import asyncio
import hashlib
import html
import json
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urljoin

from aiohttp import hdrs, web

from envsolver.model.candidate import File, normalize_name
from envsolver.model.errors import EnvsolverError, NetworkError
from envsolver.sources.http import HttpClient
from envsolver.sources.metadata.wheel import read_wheel_metadata

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path
    from types import TracebackType

__all__ = ["Conditions", "Recording", "Traffic"]

JSON_TYPE = "application/vnd.pypi.simple.v1+json"
HTML_TYPE = "text/html"
LARGEST = 500_000_000
"""Nobody needs a wheel of this many bytes to lock; a source archive of pyspark has 320 million."""
_PAGE_FRESHNESS = "max-age=600, public"
_FILE_FRESHNESS = "max-age=365000000, immutable, public"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """How the index is reached.

    Attributes:
        latency: seconds of a round trip.
        headers: whether answers have Cache-Control and ETag, as those of PyPI do and those of some mirrors do not.
    """

    latency: float = 0.0
    headers: bool = True


@dataclass(slots=True, kw_only=True)
class Traffic:
    """What was asked since the last look: requests, bytes of answers, and what the recording did not have."""

    requests: int = 0
    sent: int = 0
    missed: int = 0


class Recording:
    """The index, in a thread of its own; a context manager.

    Attributes:
        conditions: how it is reached; may be changed between runs.
    """

    def __init__(self, folder: Path, upstream: str) -> None:
        self.conditions = Conditions()
        self.traffic = Traffic()
        self._folder = folder
        self._upstream = upstream.rstrip("/") + "/"
        self._seen: set[Any] = set()
        self._pages: dict[str, dict[str, Any] | None] = {}
        self._rendered: dict[tuple[str, str], bytes] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._http: HttpClient | None = None
        self._runner: web.AppRunner | None = None
        self.url = ""

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def reset(self) -> Traffic:
        """Return what was counted so far and start again from nothing, for a process that has no connections yet."""
        traffic, self.traffic = self.traffic, Traffic()
        self._seen = set()
        return traffic

    async def _start(self) -> None:
        self._http = HttpClient()
        app = web.Application(middlewares=[self._imitate])
        app.on_response_prepare.append(self._mind_manners)
        # Where it is, and where pip-tools looks for it.
        app.router.add_get("/pypi/{name}/json", self._legacy)
        app.router.add_get("/{name}/json", self._legacy)
        app.router.add_get("/simple/{name}/", self._page)
        app.router.add_get("/files/{name}/{filename}", self._file)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        _, port = self._runner.addresses[0]
        self.url = f"http://127.0.0.1:{port}/simple/"

    async def _stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        if self._http is not None:
            async with self._http:
                pass

    @web.middleware
    async def _imitate(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        client = request.transport.get_extra_info("peername") if request.transport else None
        first = client not in self._seen
        self._seen.add(client)
        self.traffic.requests += 1
        if self.conditions.latency:
            await asyncio.sleep(self.conditions.latency * (2 if first else 1))
        try:
            return await handler(request)
        except EnvsolverError as error:
            return web.Response(status=502, text=str(error))

    async def _mind_manners(self, request: web.Request, response: web.StreamResponse) -> None:
        self.traffic.sent += response.content_length or 0
        if not self.conditions.headers:
            for name in (hdrs.CACHE_CONTROL, hdrs.ETAG, hdrs.LAST_MODIFIED):
                response.headers.popall(name, None)
        elif response.status < 300:
            page = request.path.startswith("/simple/")
            response.headers[hdrs.CACHE_CONTROL] = _PAGE_FRESHNESS if page else _FILE_FRESHNESS

    async def _page(self, request: web.Request) -> web.StreamResponse:
        name = normalize_name(request.match_info["name"])
        page = await self._document(name)
        if page is None:
            return web.Response(status=404)
        kind = JSON_TYPE if JSON_TYPE in request.headers.get(hdrs.ACCEPT, "") else HTML_TYPE
        body = self._rendered.get((name, kind))
        if body is None:
            base = str(request.url.origin())
            body = _as_json(page, base) if kind == JSON_TYPE else _as_html(page, base)
            self._rendered[name, kind] = body
        headers = {"Content-Type": kind, "Vary": "Accept"}
        return _validated(request, body, headers)

    async def _legacy(self, request: web.Request) -> web.StreamResponse:
        """Answer what pip-tools asks for hashes: the part that it reads of PyPI's own JSON API."""
        page = await self._document(normalize_name(request.match_info["name"]))
        if page is None:
            return web.Response(status=404)
        return web.json_response(_legacy_document(page, str(request.url.origin())))

    async def _file(self, request: web.Request) -> web.StreamResponse:
        name, filename = request.match_info["name"], request.match_info["filename"]
        page = await self._document(name) or {"files": []}
        wanted = filename.removesuffix(".metadata")
        entry = next((entry for entry in page["files"] if entry["filename"] == wanted), None)
        if entry is None or PurePosixPath(filename).name != filename:
            return web.Response(status=404)
        path = self._folder / "files" / name / filename
        async with self._locks.setdefault(str(path), asyncio.Lock()):
            if not path.exists():
                self.traffic.missed += 1
                await self._record(path, name, entry)
        if path.stat().st_size == 0:
            return web.Response(status=404)
        if wanted != filename:
            headers = {"Content-Type": "application/octet-stream"}
            return _validated(request, await asyncio.to_thread(path.read_bytes), headers)
        return web.FileResponse(path)

    async def _document(self, name: str) -> dict[str, Any] | None:
        """Return the page of a project as its index sent it, None if there is no such project."""
        async with self._locks.setdefault(name, asyncio.Lock()):
            if name not in self._pages:
                path = self._folder / "pages" / f"{name}.json"
                if not path.exists():
                    self.traffic.missed += 1
                    _write(path, await self._fetch_page(name))
                self._pages[name] = await asyncio.to_thread(_read_page, path)
            return self._pages[name]

    async def _fetch_page(self, name: str) -> bytes:
        url = f"{self._upstream}{name}/"
        reply = await self._client.get(url, headers={"Accept": JSON_TYPE})
        if reply.status == 404:
            return b"null"
        if reply.status != 200 or "json" not in reply.headers.get("content-type", ""):
            raise NetworkError("the index has no pages in JSON (PEP 691), which are what is recorded")
        document = json.loads(reply.body)
        document["name"] = name
        for entry in document["files"]:
            entry["url"] = urljoin(reply.url, entry["url"])
        return json.dumps(document).encode()

    async def _record(self, path: Path, name: str, entry: dict[str, Any]) -> None:
        """Fetch a file, or the metadata of one; what is not there is kept as an empty file."""
        if path.name == entry["filename"]:
            if (entry.get("size") or 0) > LARGEST:
                raise NetworkError(f"{entry['filename']} is too large to be recorded")
            reply = await self._client.get(entry["url"], max_bytes=LARGEST)
            _write(path, reply.body if reply.status == 200 else b"")
            return
        if entry.get("core-metadata") or entry.get("dist-info-metadata"):
            reply = await self._client.get(entry["url"] + ".metadata")
            if reply.status == 200:
                _write(path, reply.body)
                return
        file = File(
            name=normalize_name(name),
            version="",
            kind="wheel",
            filename=entry["filename"],
            index="recorded",
            url=entry["url"],
            sha256=entry.get("hashes", {}).get("sha256"),
            size=entry.get("size"),
        )
        data = b""
        with suppress(EnvsolverError):
            data = await read_wheel_metadata(self._client, file)
        _write(path, data)

    @property
    def _client(self) -> HttpClient:
        if self._http is None:
            raise RuntimeError("the recording has not been started")
        return self._http


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    new.write_bytes(data)
    new.replace(path)


def _read_page(path: Path) -> dict[str, Any] | None:
    document: dict[str, Any] | None = json.loads(path.read_bytes())
    return document


def _validated(request: web.Request, body: bytes, headers: dict[str, str]) -> web.Response:
    """Answer 304 where the client has it."""
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    if request.headers.get(hdrs.IF_NONE_MATCH) == etag:
        return web.Response(status=304, headers={hdrs.ETAG: etag})
    return web.Response(body=body, headers=headers | {hdrs.ETAG: etag})


def _as_json(page: dict[str, Any], base: str) -> bytes:
    """Return a page with whole URLs, as those of PyPI are; every wheel has its metadata beside it."""
    kept = ("filename", "hashes", "requires-python", "yanked", "size", "upload-time")
    files = [
        {key: entry[key] for key in kept if key in entry}
        | {"url": f"{base}/files/{page['name']}/{entry['filename']}"}
        | ({"core-metadata": True} if entry["filename"].endswith(".whl") else {})
        for entry in page["files"]
    ]
    versions = {"versions": page["versions"]} if "versions" in page else {}
    document = {"meta": {"api-version": "1.1"}, "name": page["name"], **versions, "files": files}
    return json.dumps(document).encode()


def _as_html(page: dict[str, Any], base: str) -> bytes:
    lines = ['<!DOCTYPE html><html><head><meta name="pypi:repository-version" content="1.1"></head><body>']
    for entry in page["files"]:
        digest = entry.get("hashes", {}).get("sha256")
        url = f"{base}/files/{page['name']}/{entry['filename']}" + (f"#sha256={digest}" if digest else "")
        said = {"href": url, "data-requires-python": entry.get("requires-python")}
        if entry.get("yanked"):
            said["data-yanked"] = entry["yanked"] if isinstance(entry["yanked"], str) else ""
        if entry["filename"].endswith(".whl"):
            said["data-core-metadata"] = "true"
        attributes = " ".join(f'{key}="{html.escape(value)}"' for key, value in said.items() if value is not None)
        lines.append(f"<a {attributes}>{html.escape(entry['filename'])}</a><br>")
    return "\n".join([*lines, "</body></html>\n"]).encode()


def _legacy_document(page: dict[str, Any], base: str) -> dict[str, Any]:
    from packaging.utils import InvalidSdistFilename, InvalidWheelFilename, parse_sdist_filename, parse_wheel_filename

    releases: dict[str, list[dict[str, Any]]] = {}
    for entry in page["files"]:
        wheel = entry["filename"].endswith(".whl")
        with suppress(InvalidWheelFilename, InvalidSdistFilename):
            _, version, *_ = (parse_wheel_filename if wheel else parse_sdist_filename)(entry["filename"])
            file = {
                "packagetype": "bdist_wheel" if wheel else "sdist",
                "digests": entry.get("hashes", {}),
                "url": f"{base}/files/{page['name']}/{entry['filename']}",
            }
            releases.setdefault(str(version), []).append(file)
    return {"releases": releases}

"""A package index on loopback: every dialect of the simple API, its manners, and every fault on demand."""

from __future__ import annotations

import base64
import gzip
import io
import re
import socket
import threading
import time
import zipfile
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import unquote

from tests.support.faults import Fault, Faults
from tests.support.index_pages import (
    HTML_TYPE,
    JSON_TYPE,
    Index,
    StoredFile,
    find_links_page,
    project_list,
    project_page,
)
from tests.support.packages import sha256

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Fault", "Index", "IndexServer", "Request"]

_PIECE = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request that the server received.

    Attributes:
        method: ``GET`` or ``HEAD``.
        path: path with query, percent-encoded as it came.
        range: the Range header, None without one.
        headers: all headers, names in lower case.
    """

    method: str
    path: str
    range: str | None
    headers: dict[str, str]


@dataclass(kw_only=True)
class _Answer:
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class IndexServer:
    """A threaded HTTP server on ``127.0.0.1``; a context manager.

    Attributes:
        requests: what was asked, in the order of arrival.
        faults: what goes wrong; :meth:`fault` adds to it.
        served: bytes of bodies that were sent.
    """

    def __init__(self) -> None:
        self.indexes: dict[str, Index] = {}
        self.requests: list[Request] = []
        self.faults = Faults()
        self.served = 0
        self._routes: dict[str, _Answer] = {}
        self._asked: dict[str, int] = {}
        self._lock = threading.Lock()
        self._http = _Http(self)
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop listening and close every open connection: later requests are refused. May be called twice."""
        self._http.shutdown()
        self._http.server_close()
        self._http.close_connections()
        self._thread.join()

    @property
    def port(self) -> int:
        """The port that the system chose."""
        return int(self._http.server_address[1])

    @property
    def base(self) -> str:
        """``http://127.0.0.1:PORT``, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def other_host(self) -> str:
        """The same server under another host name: credentials of one are none of the other's business."""
        return f"http://localhost:{self.port}"

    def index(self, name: str = "simple", **manners: Any) -> Index:
        """Return the index of that name, made on first use; ``manners`` are attributes of :class:`Index` to set."""
        index = self.indexes.setdefault(name, Index(name=name))
        for key, value in manners.items():
            if key not in Index.__dataclass_fields__:
                raise TypeError(f"an index has no {key!r}")
            setattr(index, key, value)
        return index

    def url(self, index: str = "simple") -> str:
        """Return an index's URL: of its root for the simple API, of its one page for find-links."""
        if self.index(index).format == "find-links":
            return f"{self.base}/{index}.html"
        return f"{self.base}/{index}/"

    def file_url(self, filename: str, index: str = "simple") -> str:
        """Return the absolute URL of a file."""
        return self.base + self.index(index).file_path(filename)

    def add(
        self,
        filename: str,
        data: bytes,
        *,
        index: str = "simple",
        requires_python: str | None = None,
        yanked: bool | str = False,
        upload_time: str | None = None,
        hashes: bool | dict[str, str] = True,
        metadata: bool | bytes | None = None,
        announce_metadata: bool = True,
    ) -> StoredFile:
        """Put a file on an index.

        Args:
            filename: wheel or sdist file name; project and version are read from it.
            data: the file.
            index: name of the index.
            requires_python: what the page says, which need not be what the file says.
            yanked: True, or the reason.
            upload_time: RFC 3339 time for JSON pages.
            hashes: True for the right sha256, False for none, or what the page shall say (right or wrong).
            metadata: content of the ``.metadata`` file, or True for the METADATA of the wheel itself.
            announce_metadata: whether pages mention the ``.metadata`` file.
        """
        said = {"sha256": sha256(data)} if hashes is True else {} if hashes is False else dict(hashes)
        if metadata is True:
            metadata = _metadata_of(data)
        stored = StoredFile(
            filename=filename,
            data=data,
            requires_python=requires_python,
            yanked=yanked,
            upload_time=upload_time,
            hashes=said,
            metadata=metadata or None,
            announce_metadata=announce_metadata,
        )
        self.index(index).files[filename] = stored
        return stored

    def route(self, path: str, body: bytes, *, content_type: str = HTML_TYPE, status: int = 200) -> None:
        """Serve these bytes under a path, before any index is looked at."""
        self._routes[path] = _Answer(status=status, headers={"Content-Type": content_type}, body=body)

    def fault(self, path: str = "*", **what: Any) -> Fault:
        """Add a fault for paths that match; see :class:`Fault`."""
        return self.faults.add(Fault(path=path, **what))

    def asked(self, pattern: str = "*", *, method: str | None = None) -> list[Request]:
        """Return the requests whose path matches (``fnmatch``), in the order of arrival."""
        probe = Fault(path=pattern, methods=(method,) if method else ())
        with self._lock:
            return [request for request in self.requests if probe.matches(request.method, request.path)]

    def forget(self) -> None:
        """Empty the record of requests and bytes."""
        with self._lock:
            self.requests.clear()
            self.served = 0

    def _received(self, request: Request) -> int:
        with self._lock:
            self.requests.append(request)
            self._asked[request.path] = self._asked.get(request.path, 0) + 1
            return self._asked[request.path]

    def _sent(self, count: int) -> None:
        with self._lock:
            self.served += count

    def _answer(self, request: Request) -> _Answer:
        path = unquote(request.path.partition("?")[0])
        if path in self._routes:
            route = self._routes[path]
            return _ranged(_Answer(status=route.status, headers=dict(route.headers), body=route.body), request, "full")
        # The longest name first: one index may live below another (whl/ and whl/cu116/).
        for index in sorted(self.indexes.values(), key=lambda index: -len(index.name)):
            if path.startswith((f"/{index.name}/", f"/files/{index.name}/")) or path == f"/{index.name}.html":
                return self._index_answer(index, path, request)
        return _Answer(status=404)

    def _index_answer(self, index: Index, path: str, request: Request) -> _Answer:
        if index.auth is not None and not _authorized(request, index.auth):
            return _Answer(status=401, headers={"WWW-Authenticate": 'Basic realm="index"'})
        answer = _file_answer(index, path, request) if path.startswith("/files/") else self._page(index, path, request)
        if answer.status == 200 and index.cache_control is not None:
            answer.headers["Cache-Control"] = index.cache_control
        if index.etag and answer.status == 200:
            answer.headers["ETag"] = etag = f'"{sha256(answer.body)[:16]}"'
            if request.headers.get("if-none-match") == etag:
                return _Answer(status=304, headers=answer.headers)
        if index.compress and not path.startswith("/files/") and "gzip" in request.headers.get("accept-encoding", ""):
            answer.headers["Content-Encoding"] = "gzip"
            answer.body = gzip.compress(answer.body, mtime=0)
        return answer

    def _page(self, index: Index, path: str, request: Request) -> _Answer:
        if index.format == "find-links":
            content = find_links_page(index, page=path, base=self.base)
            return _Answer(headers={"Content-Type": HTML_TYPE}, body=content)
        as_json = index.format == "json" and JSON_TYPE in request.headers.get("accept", "")
        headers = {"Content-Type": JSON_TYPE if as_json else HTML_TYPE, "Vary": "Accept"}
        project = path.removeprefix(f"/{index.name}/")
        if not project:
            return _Answer(headers=headers, body=project_list(index, as_json=as_json))
        if project.rstrip("/") not in index.projects():
            return _Answer(status=404)
        if not project.endswith("/"):
            return _Answer(status=301, headers={"Location": f"{path}/"})
        content = project_page(index, project.rstrip("/"), page=path, base=self.base, as_json=as_json)
        return _Answer(headers=headers, body=content)


def _metadata_of(wheel: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return archive.read(name)


def _authorized(request: Request, auth: tuple[str, str]) -> bool:
    expected = base64.b64encode(":".join(auth).encode()).decode()
    return request.headers.get("authorization") == f"Basic {expected}"


def _file_answer(index: Index, path: str, request: Request) -> _Answer:
    filename = path.removeprefix(f"/files/{index.name}/")
    stored = index.files.get(filename.removesuffix(".metadata"))
    if stored is None:
        return _Answer(status=404)
    headers = {"Content-Type": "application/octet-stream"}
    if not filename.endswith(".metadata"):
        return _ranged(_Answer(headers=headers, body=stored.data), request, index.ranges)
    if stored.metadata is None or not index.core_metadata:
        return _Answer(status=404)
    return _Answer(headers=headers, body=stored.metadata)


def _ranged(answer: _Answer, request: Request, support: str) -> _Answer:
    """Cut the answer to the Range asked for (RFC 9110, section 14)."""
    size = len(answer.body)
    if support == "full":
        answer.headers["Accept-Ranges"] = "bytes"
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", request.range or "")
    if match is None or support == "ignored":
        return answer
    first, last = match.groups()
    if support == "no-suffix" and not first:
        return _Answer(status=501)
    start = int(first) if first else max(0, size - int(last))
    stop = min(size, int(last) + 1) if first and last else size
    if support == "refused" or start >= stop:
        return _Answer(status=416, headers={"Content-Range": f"bytes */{size}"})
    headers = answer.headers | {"Content-Range": f"bytes {start}-{stop - 1}/{size}"}
    return _Answer(status=206, headers=headers, body=answer.body[start:stop])


def _spoil(answer: _Answer, faults: list[Fault], request: Request) -> _Answer:
    """Apply what the faults say about the answer itself."""
    for fault in faults:
        if fault.status is not None:
            answer = _Answer(status=fault.status, headers={"Content-Type": "text/plain"})
        if fault.redirect is not None:
            location = fault.redirect.replace("{path}", request.path)
            answer = _Answer(status=fault.status or 302, headers={"Location": location})
        if fault.body is not None:
            answer.body = fault.body
        if fault.truncate is not None:
            answer.body = answer.body[: fault.truncate]
        if fault.corrupt is not None and fault.corrupt < len(answer.body):
            flipped = bytearray(answer.body)
            flipped[fault.corrupt] ^= 0xFF
            answer.body = bytes(flipped)
        if fault.content_type is not None:
            answer.headers["Content-Type"] = fault.content_type
        answer.headers |= fault.headers
    return answer


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, owner: IndexServer) -> None:
        self.owner = owner
        self._connections: set[socket.socket] = set()
        self._guard = threading.Lock()
        super().__init__(("127.0.0.1", 0), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._guard:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._guard:
            self._connections.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        """End the keep-alive connections, whose threads would wait for one more request."""
        with self._guard:
            connections = list(self._connections)
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # its client was faster

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that hang up early are part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and body leave in two writes; without this Nagle's algorithm holds the second back for 40 ms.
    disable_nagle_algorithm = True
    server: _Http

    def do_GET(self) -> None:
        self._serve()

    def do_HEAD(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        """Stay silent; requests are recorded."""

    def _serve(self) -> None:
        owner = self.server.owner
        headers = {key.lower(): value for key, value in self.headers.items()}
        request = Request(method=self.command, path=self.path, range=headers.get("range"), headers=headers)
        asked = owner._received(request)
        faults = owner.faults.hit(self.command, self.path)
        time.sleep(sum(fault.wait(self.path, asked) for fault in faults))
        if any(fault.drop_after == -1 for fault in faults):
            self.close_connection = True
            return
        self._write(_spoil(owner._answer(request), faults, request), faults)

    def _write(self, answer: _Answer, faults: list[Fault]) -> None:
        body = answer.body
        self.send_response(answer.status)
        # RFC 9110, section 8.6: an answer without content has no Content-Length.
        without_content = answer.status in {204, 304}
        headers = answer.headers if without_content else {"Content-Length": str(len(body))} | answer.headers
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "HEAD" or without_content:
            return
        for fault in faults:
            if fault.drop_after is not None and fault.drop_after < len(body):
                body = body[: fault.drop_after]
                self.close_connection = True
        pause = max((fault.pause for fault in faults), default=0.0)
        for start in range(0, len(body), _PIECE if pause else max(1, len(body))):
            time.sleep(pause if start else 0)
            piece = body[start : start + _PIECE] if pause else body
            # Counted first: the client that has it all may ask for the sum at once.
            self.server.owner._sent(len(piece))
            self.wfile.write(piece)

"""A loopback service that answers as the OSV service does, from records that a test gives it."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import unquote

from packaging.utils import canonicalize_name
from packaging.version import Version

__all__ = ["OsvServer"]


class OsvServer:
    """``POST /v1/querybatch`` and ``GET /v1/vulns/ID``; a context manager.

    Attributes:
        asked: paths in the order of arrival.
        questions: of the batches, in the order of arrival.
        page: so many ids are told in one answer.
        answer: bytes to send to every request instead, or None.
    """

    def __init__(self, *records: dict[str, Any]) -> None:
        self.records = {record["id"]: record for record in records}
        self.asked: list[str] = []
        self.questions: list[dict[str, Any]] = []
        self.page = 1000
        self.answer: bytes | None = None
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                owner.asked.append(self.path)
                record = owner.records.get(unquote(self.path.rpartition("/")[2]))
                self._send(200 if record else 404, record or {"code": 5, "message": "Bug not found."})

            def do_POST(self) -> None:
                owner.asked.append(self.path)
                queries = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["queries"]
                owner.questions += queries
                results = [owner.result(query) for query in queries] if owner.answer is None else []
                self._send(200, {"results": results})

            def _send(self, status: int, value: Any) -> None:
                body = json.dumps(value).encode() if owner.answer is None else owner.answer
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
                """Say nothing."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """The URL of the service."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def result(self, query: dict[str, Any]) -> dict[str, Any]:
        """Return the ids of the records on a version, a page of them."""
        hits = [
            {"id": record["id"], "modified": record["modified"]}
            for record in self.records.values()
            if self._concerns(record, query)
        ]
        start = int(query.get("page_token", "0"))
        told: dict[str, Any] = {"vulns": hits[start : start + self.page]} if hits else {}
        if len(hits) > start + self.page:
            told["next_page_token"] = str(start + self.page)
        return told

    def _concerns(self, record: dict[str, Any], query: dict[str, Any]) -> bool:
        wanted = canonicalize_name(query["package"]["name"])
        return any(
            canonicalize_name(entry["package"]["name"]) == wanted
            and Version(events[0]["introduced"]) <= Version(query["version"]) < Version(events[1]["fixed"])
            for entry in record["affected"]
            for events in [entry["ranges"][0]["events"]]
        )

"""Advisories from a service that speaks the API of osv.dev (https://google.github.io/osv.dev/api/).

It is told names and public versions, nothing else of an environment. A record is kept in the cache under its id and the
moment of its last change, which the service says with each answer: what is kept is never out of date.
"""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from envsolver.model.advisory import Advisories
from envsolver.model.errors import NetworkError
from envsolver.sources.osv import ECOSYSTEM, MOST_BYTES, BadRecordError, read_record
from envsolver.sources.transport import PROXY_ADVICE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from envsolver.model.advisory import Advisory
    from envsolver.model.candidate import Name
    from envsolver.sources.cache import Cache
    from envsolver.sources.http import HttpClient

__all__ = ["OsvService"]

_BUCKET = "osv"
_AT_ONCE = 500
"""The service takes up to a thousand questions in one request."""
_SIDE_BY_SIDE = 16
_MOST_PAGES = 100
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]*")
_INSTEAD = "without the service, name a folder or a zip of advisories: --advisories PATH"
_HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}


class OsvService:
    """The service at a URL.

    Args:
        url: without the ``/v1`` of its paths.
        http: to ask with.
        cache: keeps records.
    """

    def __init__(self, url: str, *, http: HttpClient, cache: Cache) -> None:
        self._url = url.rstrip("/")
        self._http = http
        self._cache = cache

    async def about(self, versions: Mapping[Name, Collection[str]], /) -> Advisories:
        """Return the advisories on these versions.

        Raises:
            NetworkError: the service does not answer, or not as OSV does.
        """
        questions: list[dict[str, Any]] = [
            {"package": {"name": str(name), "ecosystem": ECOSYSTEM}, "version": version}
            for name in sorted(versions)
            for version in sorted(versions[name])
        ]
        ids: dict[str, str] = {}
        for start in range(0, len(questions), _AT_ONCE):
            ids |= await self._ids(questions[start : start + _AT_ONCE])
        gate = asyncio.Semaphore(_SIDE_BY_SIDE)
        found = await asyncio.gather(*(self._record(number, ids[number], gate) for number in sorted(ids)))
        return Advisories(tuple(one for one in found if one is not None and one.withdrawn is None))

    async def _ids(self, questions: list[dict[str, Any]]) -> dict[str, str]:
        """Return id → moment of the last change."""
        found: dict[str, str] = {}
        for _ in range(_MOST_PAGES):
            body = json.dumps({"queries": questions}, separators=(",", ":")).encode()
            with _advised():
                reply = await self._http.post(
                    f"{self._url}/v1/querybatch", body, headers=_HEADERS, max_bytes=8 * MOST_BYTES
                )
            answer = self._decoded(reply.body, reply.status)
            results = answer.get("results")
            if not isinstance(results, list) or len(results) != len(questions):
                raise self._nonsense("as many results as questions are missing")
            further = []
            for question, result in zip(questions, results, strict=True):
                if not isinstance(result, dict):
                    raise self._nonsense("a result is no object")
                for one in result.get("vulns") or ():
                    found[self._id(one)] = str(one.get("modified", ""))
                if token := result.get("next_page_token"):
                    further.append({**question, "page_token": token})
            if not further:
                return found
            questions = further
        raise self._nonsense("its pages have no end")

    def _id(self, one: Any) -> str:
        number = one.get("id") if isinstance(one, dict) else None
        # It becomes a part of a URL.
        if not isinstance(number, str) or not _ID.fullmatch(number):
            raise self._nonsense("an advisory has no proper id")
        return number

    async def _record(self, number: str, modified: str, gate: asyncio.Semaphore) -> Advisory | None:
        key = f"{self._url} {number} {modified}"
        data = self._cache.get(_BUCKET, key) if modified else None
        if data is None:
            async with gate:
                with _advised():
                    reply = await self._http.get(
                        f"{self._url}/v1/vulns/{number}", headers=_HEADERS, max_bytes=MOST_BYTES
                    )
            self._decoded(reply.body, reply.status)
            data = reply.body
            if modified:
                self._cache.put(_BUCKET, key, data)
        try:
            return read_record(data, f"{number}.json")
        except BadRecordError as error:
            raise self._nonsense(f"{number}: {error}") from error

    def _decoded(self, body: bytes, status: int) -> dict[str, Any]:
        if status != 200:
            raise self._nonsense(f"status {status}")
        try:
            answer = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise self._nonsense("no JSON") from error
        if not isinstance(answer, dict):
            raise self._nonsense("no object")
        return answer

    def _nonsense(self, what: str) -> NetworkError:
        return NetworkError(
            f"{self._url} does not answer as the OSV service does: {what}",
            hint=f"{_INSTEAD}, or the URL of another one",
        )


@contextmanager
def _advised() -> Iterator[None]:
    """Say of a service that does not answer what takes its place: what it has said once is in no cache."""
    try:
        yield
    except NetworkError as error:
        proxied = PROXY_ADVICE in (error.hint or "")
        raise NetworkError(str(error), hint=f"{PROXY_ADVICE}; {_INSTEAD}" if proxied else _INSTEAD) from error

"""The HTTP client: one pool of connections, retries, redirects and credentials, over aiohttp.

aiohttp is imported with the first request: a run that finds everything in the cache never pays for it.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, Self, TypeVar

from envsolver.model.errors import NetworkError
from envsolver.model.ports import NullProgress
from envsolver.sources.credentials import Credentials
from envsolver.sources.localfiles import read_file, read_file_range, stream_file
from envsolver.sources.reply import Reply, Stream
from envsolver.sources.retry import RETRIED_STATUSES, RetryPolicy, retry_after
from envsolver.sources.transport import (
    CONNECT_SECONDS,
    PROXY_ADVICE,
    SILENCE_SECONDS,
    Pace,
    Proxies,
    TooSlowError,
    failure,
    failure_hint,
    is_transient,
    new_session,
)
from envsolver.sources.urls import join, origin, redact

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
    from types import TracebackType

    import aiohttp

    from envsolver.model.ports import Progress

__all__ = ["HttpClient", "Reply", "Stream"]

MAX_BODY = 256 << 20
"""Bytes of a whole body that are sensible for a page; a hostile server gets no further."""
RANGELESS_BODY = 8 << 20
"""Bytes up to which a whole file is taken where a range was asked for and the server knows none."""
RAW = {"Accept-Encoding": "identity"}
"""Archives are hashed, and cut by byte offsets, as they lie on the server: no transport encoding."""
_WHOLE_BODY_SECONDS = 600.0
_MAX_REDIRECTS = 10
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_NOTICEABLE_SECONDS = 1.0
_T = TypeVar("_T")


class HttpClient:
    """Reads URLs (``https``, ``http``, ``file``). An async context manager.

    Args:
        credentials: decides which host sees which credential.
        progress: is told, once per server, when a try is repeated after a wait.
        offline: every request fails, but for local files.
        environ: environment variables (CA certificates).
        retry: the budget of each request.
        sleep: waits; replaced in tests.
        jitter: returns 0 to 1; replaced in tests.
    """

    def __init__(
        self,
        *,
        credentials: Credentials | None = None,
        progress: Progress | None = None,
        offline: bool = False,
        environ: Mapping[str, str] | None = None,
        retry: RetryPolicy | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._environ = os.environ if environ is None else environ
        self._credentials = credentials or Credentials(self._environ, Path.home())
        self._progress = progress or NullProgress()
        self._offline = offline
        self._retry = retry or RetryPolicy()
        self._sleep = sleep
        self._jitter = jitter
        self._session: aiohttp.ClientSession | None = None
        self._noted: set[tuple[str, str, int]] = set()
        self._proxies = Proxies()
        self.requests = 0
        """Requests sent so far, redirects and repetitions included."""
        self.received = 0
        """Bytes of bodies received so far."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    @property
    def credentials(self) -> Credentials:
        """Where configured URLs are to be registered."""
        return self._credentials

    async def get(self, url: str, *, headers: Mapping[str, str] | None = None, max_bytes: int = MAX_BODY) -> Reply:
        """Return a whole body.

        Statuses below 500 are returned, not raised (404 is an answer), but for 408 and 429, which are tried again.

        Raises:
            NetworkError: no answer after all tries, or more than ``max_bytes``.
        """
        if url.startswith("file:"):
            return read_file(url, max_bytes=max_bytes)
        return await self._with_retries(url, lambda url: self._read(url, headers or {}, max_bytes))

    async def post(self, url: str, body: bytes, *, headers: Mapping[str, str], max_bytes: int = MAX_BODY) -> Reply:
        """Send a question that changes nothing on the server, so that it may be repeated; return the answer whole.

        Raises:
            NetworkError: as :meth:`get`.
        """
        return await self._with_retries(url, lambda url: self._read(url, headers, max_bytes, body=body))

    async def get_range(self, url: str, start: int | None, end: int | None) -> Reply:
        """Return bytes ``start`` to ``end`` (inclusive; None: to the end), or the last ``end`` if ``start`` is None.

        The status is 206; 416; an error that :meth:`get` returns; or 200 where the server knows no ranges: then the
        body is the whole file if that has at most :data:`RANGELESS_BODY` bytes, else empty.

        Raises:
            NetworkError: as :meth:`get`.
        """
        if url.startswith("file:"):
            return read_file_range(url, start, end)
        span = f"-{end}" if start is None else f"{start}-{'' if end is None else end}"
        headers = RAW | {"Range": f"bytes={span}"}
        return await self._with_retries(url, lambda url: self._read(url, headers, MAX_BODY, ranged=True))

    @asynccontextmanager
    async def stream(self, url: str, *, headers: Mapping[str, str] | None = None) -> AsyncIterator[Stream]:
        """Open a body of any size. May be left early: the connection is then closed.

        The request is repeated until an answer begins; a body that breaks off later raises NetworkError.

        Raises:
            NetworkError: as :meth:`get`.
        """
        if url.startswith("file:"):
            yield stream_file(url)
            return
        wanted = RAW | dict(headers or {})
        response, final = await self._with_retries(url, lambda url: self._open(url, wanted, whole=False))
        try:
            chunks = self._chunks(response, final)
            yield Stream(status=response.status, url=final, headers=_lower(response), chunks=chunks)
        finally:
            response.close()

    async def _chunks(self, response: aiohttp.ClientResponse, url: str) -> AsyncIterator[bytes]:
        try:
            pace = Pace()
            async for chunk in response.content.iter_any():
                self.received += len(chunk)
                yield chunk
                pace.took(len(chunk))
        except (OSError, TooSlowError, _client_error()) as error:
            raise NetworkError(f"{redact(url)}: {failure(error)}") from error

    async def _with_retries(self, url: str, attempt: Callable[[str], Awaitable[_T]]) -> _T:
        if self._offline:
            raise NetworkError(
                f"{redact(url)} is needed, and this run is offline", hint="run once without --offline to fetch it"
            )
        try:
            origin(url)
            url = self._credentials.register(url)
        except ValueError:
            raise NetworkError(f"{redact(url)} is not a valid URL") from None
        for number in range(1, self._retry.tries + 1):
            try:
                return await attempt(url)
            except _AgainError as again:
                reason, wait = again.reason, again.wait
            except (OSError, ValueError, TooSlowError, _client_error()) as error:
                reason, wait = failure(error), None
                if not is_transient(error):
                    raise NetworkError(f"{redact(url)}: {reason}", hint=failure_hint(error)) from error
            if number < self._retry.tries:
                await self._pause(url, reason, wait, number)
        raise NetworkError(
            f"{redact(url)}: {reason} (tried {self._retry.tries} times)",
            hint=f"{_advice(reason)}, or use --offline if it is all in the cache",
        )

    async def _pause(self, url: str, reason: str, wait: float | None, number: int) -> None:
        delay = max(self._retry.delay(number, self._jitter()), wait or 0.0)
        if wait is not None and wait > self._retry.longest:
            raise NetworkError(f"{redact(url)}: {reason}, and asks to be left alone for {wait:.0f} s")
        place = origin(url)
        if delay >= _NOTICEABLE_SECONDS and place not in self._noted:
            self._noted.add(place)
            text = f"{place[1]}: {reason}, trying again in {delay:.0f} s ({number + 1} of {self._retry.tries})"
            self._progress.note(text)
        await self._sleep(delay)

    async def _read(
        self,
        url: str,
        headers: Mapping[str, str],
        max_bytes: int,
        *,
        ranged: bool = False,
        body: bytes | None = None,
    ) -> Reply:
        response, final = await self._open(url, headers, whole=True, raw=ranged, body=body)
        try:
            if ranged and response.status == 200 and int(response.headers.get("Content-Length", 0)) > RANGELESS_BODY:
                response.close()
                return Reply(status=200, url=final, headers=_lower(response), body=b"")
            received = bytearray()
            pace = Pace()
            async for chunk in response.content.iter_any():
                self.received += len(chunk)
                pace.took(len(chunk))
                received += chunk
                if len(received) > max_bytes:
                    _refuse_size(final, max_bytes)
        except BaseException:
            response.close()
            raise
        return Reply(status=response.status, url=final, headers=_lower(response), body=bytes(received))

    async def _open(
        self, url: str, headers: Mapping[str, str], *, whole: bool, raw: bool = True, body: bytes | None = None
    ) -> tuple[aiohttp.ClientResponse, str]:
        """Send one request, follow redirects, answer a challenge; raise :class:`_AgainError` for 5xx and the like."""
        for _ in range(_MAX_REDIRECTS + 1):
            # Each hop looks its own credential up, so that none follows a redirect to another host.
            sent = self._credentials.header_for(url)
            response = await self._send(url, headers, sent, whole=whole, raw=raw, body=body)
            if response.status == 401 and (other := await self._credentials.challenge(url, sent)):
                response.close()
                response = await self._send(url, headers, other, whole=whole, raw=raw, body=body)
            location = response.headers.get("Location")
            if response.status in _REDIRECTS and location:
                response.release()
                url = _redirected(url, location)
                continue
            if response.status in RETRIED_STATUSES:
                wait = retry_after(_lower(response), time.time())
                response.close()
                raise _AgainError(f"the server answered {response.status}", wait)
            return response, url
        raise NetworkError(f"{redact(url)}: more than {_MAX_REDIRECTS} redirects")

    async def _send(
        self,
        url: str,
        headers: Mapping[str, str],
        authorization: str | None,
        *,
        whole: bool,
        raw: bool,
        body: bytes | None = None,
    ) -> aiohttp.ClientResponse:
        import aiohttp
        from yarl import URL

        if self._session is None:
            self._session = new_session(self._environ)
        proxy = self._proxies.for_url(url)
        own = {"Authorization": authorization} if authorization else {}
        if proxy.authorization and url.startswith("http:"):
            own["Proxy-Authorization"] = proxy.authorization
        self.requests += 1
        return await self._session.request(
            "GET" if body is None else "POST",
            # Links are used as the index wrote them (%2B stays %2B) unless they cannot be sent so.
            URL(url, encoded=url.isascii() and " " not in url),
            data=body,
            headers={**headers, **own},
            allow_redirects=False,
            auto_decompress=not raw,
            proxy=proxy.url,
            proxy_headers={"Proxy-Authorization": proxy.authorization} if proxy.authorization else None,
            timeout=aiohttp.ClientTimeout(
                total=_WHOLE_BODY_SECONDS if whole else None,
                sock_connect=CONNECT_SECONDS,
                sock_read=SILENCE_SECONDS,
            ),
        )


class _AgainError(Exception):
    """The server answered that it cannot answer now."""

    def __init__(self, reason: str, wait: float | None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.wait = wait


def _refuse_size(url: str, max_bytes: int) -> NoReturn:
    raise NetworkError(f"{redact(url)} sends more than the {max_bytes} bytes that are sensible here")


def _advice(reason: str) -> str:
    """Say what to do about an index that did not answer in all tries."""
    if reason.startswith("the server answered"):
        return "the index itself fails: try again later"
    if reason.startswith("the proxy"):
        return PROXY_ADVICE
    return "check that the index is reachable from here"


def _client_error() -> type[Exception]:
    import aiohttp

    return aiohttp.ClientError


def _lower(response: aiohttp.ClientResponse) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in response.headers.items():
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return headers


def _redirected(url: str, location: str) -> str:
    try:
        target = join(url, location)
        scheme, _, _ = origin(target)
    except ValueError:
        raise NetworkError(f"{redact(url)} redirects to something that is not a URL") from None
    if scheme not in {"http", "https"} or (scheme == "http" and url.startswith("https:")):
        raise NetworkError(f"{redact(url)} redirects to {redact(target)}, which is not safe to follow")
    return target

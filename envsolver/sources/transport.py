"""What lies under the HTTP client: the session, certificates, proxies, and what a failure means."""

from __future__ import annotations

import os
import ssl
import time
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from envsolver.model.errors import NetworkError
from envsolver.model.values import dataclass
from envsolver.sources.credentials import basic
from envsolver.sources.urls import split_credential

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import aiohttp

__all__ = [
    "CONNECT_SECONDS",
    "SILENCE_SECONDS",
    "Pace",
    "Proxies",
    "Proxy",
    "TooSlowError",
    "failure",
    "failure_hint",
    "is_transient",
    "new_session",
    "tls_context",
]

CONNECT_SECONDS = 15.0
SILENCE_SECONDS = 30.0
SLOW_SECONDS = 30.0
SLOW_BYTES = 3000
"""What has to arrive within :data:`SLOW_SECONDS`: a server that drips is never silent long enough for a timeout."""
_CONNECTIONS = 64
_CONNECTIONS_PER_HOST = 32
_DNS_SECONDS = 300
_CA_VARIABLES = ("PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


def new_session(environ: Mapping[str, str]) -> aiohttp.ClientSession:
    """Return a session with one pool, no cookies, and certificates as the environment says.

    Raises:
        NetworkError: a CA file that the environment names cannot be used.
    """
    import aiohttp

    from envsolver import __version__

    connector = aiohttp.TCPConnector(
        limit=_CONNECTIONS,
        limit_per_host=_CONNECTIONS_PER_HOST,
        ttl_dns_cache=_DNS_SECONDS,
        ssl=tls_context(environ),
    )
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": f"envsolver/{__version__}"},
        read_bufsize=1 << 20,
    )


def tls_context(environ: Mapping[str, str]) -> ssl.SSLContext:
    """Return a verifying context.

    The first of ``PIP_CERT``, ``REQUESTS_CA_BUNDLE``, ``CURL_CA_BUNDLE`` and ``SSL_CERT_FILE`` that is set names the
    authorities to trust (a file or a folder); else the system's are, else those that pip brings along.

    Raises:
        NetworkError: the variable names nothing usable.
    """
    named = next(((name, value) for name in _CA_VARIABLES if (value := environ.get(name))), None)
    return _default_context() if named is None else _context_of(*named)


@lru_cache(maxsize=8)  # to read the authorities takes 50 ms, and a run opens several sessions
def _context_of(variable: str, value: str) -> ssl.SSLContext:
    path = Path(value).expanduser()
    try:
        if path.is_dir():
            return ssl.create_default_context(capath=str(path))
        return ssl.create_default_context(cafile=str(path))
    except (OSError, ssl.SSLError) as error:
        raise NetworkError(f"{variable} names {path}, which holds no usable certificates") from error


@lru_cache(maxsize=1)
def _default_context() -> ssl.SSLContext:
    paths = ssl.get_default_verify_paths()
    if paths.cafile is None and paths.capath is None:
        # Interpreters that were built for another distribution find no store of their own.
        from pip._vendor import certifi

        return ssl.create_default_context(cafile=certifi.where())
    return ssl.create_default_context()


class TooSlowError(Exception):
    """A body arrives so slowly that it may never be whole."""


class Pace:
    """Watches how fast a body arrives.

    Args:
        clock: seconds; monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._begun = clock()
        self._bytes = 0

    def took(self, count: int) -> None:
        """Count bytes that have arrived.

        Raises:
            TooSlowError: less than :data:`SLOW_BYTES` came within the last :data:`SLOW_SECONDS`.
        """
        self._bytes += count
        now = self._clock()
        if now - self._begun < SLOW_SECONDS:
            return
        if self._bytes < SLOW_BYTES:
            raise TooSlowError
        self._begun, self._bytes = now, 0


@dataclass(frozen=True, slots=True)
class Proxy:
    """Which proxy to use for a URL; both None: none."""

    url: str | None = None
    authorization: str | None = None


class Proxies:
    """The proxies of the environment (``HTTPS_PROXY``, ``NO_PROXY``, …) or the system's settings."""

    def __init__(self) -> None:
        self._by_origin: dict[tuple[str, str], Proxy] = {}
        self._all: dict[str, str] | None = None

    def for_url(self, url: str) -> Proxy:
        """Return the proxy for a URL.

        Raises:
            NetworkError: it is one that cannot be used (SOCKS).
        """
        parts = urlsplit(url)
        key = (parts.scheme, parts.netloc)
        if key not in self._by_origin:
            self._by_origin[key] = self._find(parts.scheme, parts.netloc)
        return self._by_origin[key]

    def _find(self, scheme: str, netloc: str) -> Proxy:
        from urllib.request import getproxies, proxy_bypass

        if self._all is None:
            self._all = getproxies()
        found = self._all.get(scheme) or self._all.get("all")
        if not found or proxy_bypass(netloc):
            return Proxy()
        if "://" not in found:
            found = f"http://{found}"
        if not found.startswith(("http://", "https://")):
            raise NetworkError(
                f"the {scheme} proxy of the environment is of a kind that cannot be used: {found.partition(':')[0]}",
                hint="name an http:// proxy",
            )
        bare, credential = split_credential(found)
        return Proxy(bare, None if credential is None else basic(credential))


def is_transient(error: Exception) -> bool:
    """Tell whether the same request may succeed in a moment."""
    import aiohttp

    final = (aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError, aiohttp.InvalidURL, ValueError)
    return not isinstance(error, final)


PROXY_ADVICE = "check that the proxy runs and is the right one (HTTPS_PROXY, HTTP_PROXY)"

_REASONS = {
    "ClientConnectorCertificateError": "the server's certificate is not trusted ({detail})",
    "ClientSSLError": "no secure connection could be made",
    "ClientConnectorDNSError": "the host name {error.host} is not known",
    "ClientProxyConnectionError": "the proxy {error.host}:{error.port} cannot be reached",
    "ClientHttpProxyError": "the proxy answered {error.status}",
    "ClientConnectorError": "no connection ({detail})",
    "ConnectionTimeoutError": f"no connection within {CONNECT_SECONDS:.0f} s",
    "TimeoutError": f"no answer within {SILENCE_SECONDS:.0f} s",
    "ClientPayloadError": "the answer broke off",
    "ServerDisconnectedError": "the server closed the connection without an answer",
    "ClientResponseError": "the server's answer is not HTTP",
    "InvalidURL": "not a valid URL",
    "TooSlowError": f"less than {SLOW_BYTES:,} bytes came within {SLOW_SECONDS:.0f} s",
    "ValueError": "not a valid URL",
    "OSError": "the connection failed ({detail})",
}
"""Class of aiohttp or of the interpreter → what it means. Their own texts may quote the URL."""


def failure(error: Exception) -> str:
    """Say in words what went wrong."""
    cause = getattr(error, "certificate_error", None) or getattr(error, "os_error", None) or error
    detail = getattr(cause, "verify_message", None)
    if not detail and isinstance(cause, OSError) and cause.errno is not None and cause.errno > 0:
        # asyncio puts addresses into the text; the number says it in the system's words.
        detail = os.strerror(cause.errno).lower()
    detail = detail or type(cause).__name__
    for kind in type(error).__mro__:
        if reason := _REASONS.get(kind.__name__):
            return reason.format(error=error, detail=detail)
    return f"the request failed ({type(error).__name__})"


def failure_hint(error: Exception) -> str | None:
    """Return what the user can do about a failure, where that is known."""
    import aiohttp

    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "if your network has its own certificate authority, name its file in SSL_CERT_FILE"
    return None

"""What of a URL may stand in a file that others read."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit, urlunsplit

if TYPE_CHECKING:
    from urllib.parse import SplitResult

__all__ = ["path_hint", "public_url", "unsplit"]

_PATH_CHARACTERS = "/%:@!$&'()*+,;=~-._"
"""What may stand in the path of a URL as it is (RFC 3986, 3.3); ``%`` begins what is encoded already."""


def public_url(url: str) -> str:
    """Return a URL without credentials and without fragment, but for ``subdirectory=``, percent-encoded.

    A user name alone stays in an ssh URL, where it is part of the address (``git@``). What is no URL but the path of a
    folder stays as it is.
    """
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    if at and "ssh" in parts.scheme and ":" not in user:
        host = parts.netloc
    kept = [part for part in parts.fragment.split("&") if part.startswith("subdirectory=")]
    path, query = parts.path, parts.query
    if parts.scheme:
        path, query = quote(path, safe=_PATH_CHARACTERS), quote(query, safe=_PATH_CHARACTERS + "?")
    return unsplit(parts._replace(netloc=host, path=path, query=query, fragment="&".join(kept)))


def unsplit(parts: SplitResult) -> str:
    """Put a URL together again. An empty host stays where urllib does not know the scheme (``git+file:///path``)."""
    url = urlunsplit(parts)
    return url.replace(":", "://", 1) if parts.scheme.startswith("git+") and not parts.netloc else url


def path_hint(url: str) -> str | None:
    """Return the path of a URL on its host. Query strings are left out: they carry signatures that expire."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"}:
        return None  # a folder of this machine
    return "/" + quote(parts.path.lstrip("/"), safe=_PATH_CHARACTERS)

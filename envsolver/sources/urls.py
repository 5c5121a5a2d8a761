"""URLs: taking secrets out of them, joining them, and comparing where they lead.

:func:`redact` is the one way by which a URL gets into a message, a note or a log.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

__all__ = ["Credential", "clean", "join", "origin", "path_of_file_url", "redact", "split_credential"]

_USERINFO = re.compile(r"(?<=//)[^/?#\s]*@")
_BROKEN_USERINFO = re.compile(r"(?<=//)[^/?#\s@]*:(?![0-9]*(?:[/?#\s]|$))\S*@")
_QUERY = re.compile(r"\?[^#\s]*")
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Credential(NamedTuple):
    """What a URL says in front of its host. The password may be missing: a keyring may know it."""

    user: str
    password: str | None

    def __repr__(self) -> str:
        return "Credential(****)"


def redact(text: str) -> str:
    """Return a URL, or a text with URLs in it, without anything that may be secret.

    User names go too (tokens stand there), and queries (signatures stand there). A password with a bare ``/`` in it
    makes the URL malformed; it is recognised by what stands where a port would, and goes as well.
    """
    hidden = _USERINFO.sub("****@", text)
    hidden = _BROKEN_USERINFO.sub("****@", hidden)
    return _QUERY.sub("?****", hidden)


def split_credential(url: str) -> tuple[str, Credential | None]:
    """Return the URL without its userinfo, and the userinfo."""
    if "@" not in url:
        return url, None
    parts = urlsplit(url)
    userinfo, at, host = parts.netloc.rpartition("@")
    if not at:
        return url, None
    user, colon, password = userinfo.partition(":")
    return urlunsplit(parts._replace(netloc=host)), Credential(unquote(user), unquote(password) if colon else None)


def clean(url: str) -> str:
    """Return the URL without userinfo and fragment."""
    return split_credential(url)[0].partition("#")[0]


def origin(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port: what decides whom a credential belongs to (RFC 6454).

    Raises:
        ValueError: the URL has no host or a port that is none.
    """
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    if not parts.hostname:
        raise ValueError("no host")
    return scheme, parts.hostname, parts.port or _DEFAULT_PORTS.get(scheme, 0)


def join(base: str, reference: str) -> str:
    """Resolve a link of a page (RFC 3986), without userinfo or fragment in the answer.

    Raises:
        ValueError: the link is malformed.
    """
    if reference.startswith(("https://", "http://")) and "@" not in reference:
        return reference.partition("#")[0]
    return clean(urljoin(base, reference.strip()))


def path_of_file_url(url: str) -> str:
    """Return the local path that a ``file:`` URL means.

    Raises:
        ValueError: it names another machine.
    """
    from urllib.request import url2pathname

    parts = urlsplit(url)
    if parts.netloc not in {"", "localhost"}:
        raise ValueError("a file URL must not name a host")
    return url2pathname(parts.path)

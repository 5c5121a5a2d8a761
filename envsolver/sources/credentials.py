"""Credentials: where they come from, and which host may see them.

A credential belongs to the origin (scheme, host, port) of the URL that it was given for. Of several for one origin
that one is taken whose URL has the longest path in common with the one asked for. Sources, first match wins:

1. the URL that the user configured (``https://user:password@host/simple``);
2. ``UV_INDEX_<ALIAS>_USERNAME`` and ``UV_INDEX_<ALIAS>_PASSWORD``, as uv reads them;
3. netrc (``NETRC``, else ``~/.netrc``), by host;
4. after a 401 only: the ``default`` entry of netrc, then the ``keyring`` command.

What is found never leaves this module but as a value of an ``Authorization`` header.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from envsolver.sources.urls import Credential, origin, split_credential

if TYPE_CHECKING:
    import netrc
    from collections.abc import Callable, Mapping
    from pathlib import Path

__all__ = ["Credentials", "basic"]

Origin = tuple[str, str, int]


@dataclass(slots=True)
class _Entry:
    path: tuple[str, ...]
    credential: Credential
    url: str


@dataclass(slots=True)
class _Known:
    """What is known about one origin."""

    entries: list[_Entry] = field(default_factory=list)
    netrc: str | None = None
    netrc_asked: bool = False
    challenged: bool = False
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Credentials:
    """The credentials of one run.

    Args:
        environ: environment variables.
        home: the user's home folder.
        keyring: asks a keyring for ``(service, user or None)``; may block. None: there is none.
        note: is told, once, of a netrc file that cannot be read.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        home: Path,
        *,
        keyring: Callable[[str, str | None], Credential | None] | None = None,
        note: Callable[[str], None] | None = None,
    ) -> None:
        self._environ = environ
        self._home = home
        self._keyring = keyring
        self._note = note
        self._known: dict[Origin, _Known] = {}
        self._netrc: netrc.netrc | None = None
        self._netrc_read = False

    def register(self, url: str, *, alias: str | None = None) -> str:
        """Take the credential out of a configured URL, or find it by the index's alias; return the URL without it."""
        bare, credential = split_credential(url)
        if alias is not None and (credential is None or credential.password is None):
            credential = self._from_environment(alias, credential)
        if credential is not None:
            known = self._known.setdefault(origin(bare), _Known())
            entry = _Entry(_segments(bare), credential, bare)
            if entry not in known.entries:
                known.entries.append(entry)
        return bare

    def header_for(self, url: str) -> str | None:
        """Return the ``Authorization`` to send with a request for this URL, or None."""
        place = origin(url)
        known = self._known.setdefault(place, _Known())
        if known.entries:
            path = _segments(url)
            best = max(known.entries, key=lambda entry: _common(entry.path, path))
            return basic(best.credential)
        if not known.netrc_asked:
            known.netrc_asked = True
            known.netrc = self._from_netrc(place[1], default=False)
        return known.netrc

    async def challenge(self, url: str, sent: str | None) -> str | None:
        """Return another ``Authorization`` for a URL that answered 401 to the one sent, or None.

        An origin is looked up once, however many requests are refused side by side; what is found serves all.
        """
        place = origin(url)
        known = self._known.setdefault(place, _Known())
        async with known.lock:
            current = self.header_for(url)
            if current != sent:
                return current
            if known.challenged:
                return None
            known.challenged = True
            return await self._look_further(known, url, place[1], sent)

    async def _look_further(self, known: _Known, url: str, host: str, sent: str | None) -> str | None:
        path = _segments(url)
        entry = max(known.entries, key=lambda each: _common(each.path, path), default=None)
        if entry is not None and entry.credential.password is not None:
            return None
        if entry is None and sent is None and (fallback := self._from_netrc(host, default=True)):
            known.netrc = fallback
            return fallback
        if self._keyring is None:
            return None
        user = None if entry is None else entry.credential.user
        for service in dict.fromkeys((url if entry is None else entry.url, host)):
            found = await asyncio.to_thread(self._keyring, service, user)
            if found is not None:
                known.entries = [each for each in known.entries if each is not entry]
                known.entries.append(_Entry(entry.path if entry else (), found, service))
                return basic(found)
        return None

    def _from_environment(self, alias: str, given: Credential | None) -> Credential | None:
        # uv's rule for the names: upper case, everything that is no letter or digit becomes an underscore.
        prefix = "UV_INDEX_" + re.sub(r"[^A-Z0-9]", "_", alias.upper())
        user = self._environ.get(f"{prefix}_USERNAME") or (given.user if given else None)
        password = self._environ.get(f"{prefix}_PASSWORD")
        if user is None and password is None:
            return given
        return Credential(user or "", password)

    def _from_netrc(self, host: str, *, default: bool) -> str | None:
        if not self._netrc_read:
            self._netrc_read = True
            self._netrc = self._read_netrc()
        if self._netrc is None:
            return None
        entry = self._netrc.hosts.get("default" if default else host)
        if entry is None:
            return None
        login, account, password = entry
        return basic(Credential(login or account or "", password))

    def _read_netrc(self) -> netrc.netrc | None:
        from pathlib import Path

        if configured := self._environ.get("NETRC"):
            paths = [Path(configured).expanduser()]
        else:
            paths = [self._home / ".netrc", self._home / "_netrc"]
        path = next((path for path in paths if path.is_file()), None)
        if path is None:
            return None
        import netrc

        try:
            return netrc.netrc(str(path))
        except (netrc.NetrcParseError, OSError, UnicodeDecodeError) as error:
            # The parser's message may quote the token at which it stopped.
            where = f", line {error.lineno}" if isinstance(error, netrc.NetrcParseError) and error.lineno else ""
            if self._note is not None:
                self._note(f"{path}{where}: not readable as netrc; going on without its credentials")
            return None


def _segments(url: str) -> tuple[str, ...]:
    return tuple(segment for segment in urlsplit(url).path.split("/") if segment)


def _common(first: tuple[str, ...], second: tuple[str, ...]) -> int:
    count = 0
    for one, other in zip(first, second, strict=False):
        if one != other:
            break
        count += 1
    return count


def basic(credential: Credential) -> str:
    """Return the header value of HTTP basic authentication."""
    from base64 import b64encode

    # RFC 7617: UTF-8 is what servers expect where they do not say.
    return "Basic " + b64encode(f"{credential.user}:{credential.password or ''}".encode()).decode("ascii")

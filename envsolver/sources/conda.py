"""Channels of conda: their repodata, read by rattler, with its cache on disk."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from envsolver.model.candidate import CondaFacts, File, Name, conda_name
from envsolver.model.errors import NetworkError, UsageError
from envsolver.sources.urls import redact

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rattler import Channel, Gateway, RepoDataRecord
    from rattler.platform import SubdirLiteral

    from envsolver.model.candidate import Noarch
    from envsolver.model.spec import ChannelSpec

__all__ = ["MIRRORS", "CondaChannels", "channel_alias", "open_gateway", "read_mirrors"]

MIRRORS = "ENVSOLVER_CONDA_MIRRORS"
"""Environment variable: ``CHANNEL=URL`` pairs separated by blanks; a channel by its name or its URL."""


def read_mirrors(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what the user says about where channels are to be read.

    Raises:
        UsageError: a part of the variable makes no sense.
    """
    found = {}
    for pair in environ.get(MIRRORS, "").split():
        # A URL may have an equals sign itself, but the last one stands before the second URL.
        channel, equals, url = pair.rpartition("=")
        if not equals or "://" not in url:
            raise UsageError(
                f"{MIRRORS}: expected CHANNEL=URL, found {redact(pair)!r}",
                hint=f"for example {MIRRORS}='conda-forge=https://mirror.example/conda-forge'",
            )
        found[channel.rstrip("/")] = url.rstrip("/")
    return found


def open_gateway(cache: Path | None, *, offline: bool, refresh: bool) -> Gateway:
    """Return what reads repodata.

    Args:
        cache: folder; None: rattler's own.
        offline: never ask a channel.
        refresh: ask although the cache is fresh.
    """
    from rattler import Gateway, SourceConfig

    config = SourceConfig(cache_action="force-cache-only" if offline else "no-cache" if refresh else "cache-or-fetch")
    return Gateway(cache_dir=cache, default_config=config)


def channel_alias(channel: ChannelSpec) -> str:
    """Return the alias under which locks name a channel among the indexes."""
    name = channel.name if "://" not in channel.name else urlsplit(channel.url).path.strip("/").replace("/", "-")
    return conda_name(name or "channel")


class CondaChannels:
    """The channels of one environment on one platform.

    Args:
        channels: in the order of their priority.
        platform: whose subdir they are read for, beside ``noarch``.
        gateway: reads them.
        mirrors: name or URL of a channel → URL that is read in its place.
        frozen: URL of a channel → that of the folder with what was recorded of it, which goes before any mirror.
    """

    def __init__(
        self,
        channels: Sequence[ChannelSpec],
        platform: str,
        *,
        gateway: Gateway,
        mirrors: Mapping[str, str],
        frozen: Mapping[str, str] | None = None,
    ) -> None:
        self._frozen = frozen or {}
        self._channels = tuple(channels)
        self._gateway = gateway
        self.subdirs: tuple[SubdirLiteral, ...] = (cast("SubdirLiteral", platform), "noarch")
        self._read_from = {
            channel.url: self._frozen.get(channel.url)
            or mirrors.get(channel.name)
            or mirrors.get(channel.url)
            or channel.url
            for channel in channels
        }

    def _opened(self) -> list[Channel]:
        from rattler import Channel

        return [Channel(self._read_from[channel.url]) for channel in self._channels]

    async def load(self, names: Sequence[str]) -> list[list[RepoDataRecord]]:
        """Return, channel by channel, the records of some packages.

        Raises:
            NetworkError: a channel did not answer, or with something that is no repodata.
        """
        from rattler import MatchSpec
        from rattler.exceptions import GatewayError

        found: list[list[RepoDataRecord]] = [[] for _ in self._channels]
        try:
            answers = await self._gateway.query(
                self._opened(), list(self.subdirs), [MatchSpec(name) for name in names], recursive=False
            )
        except (GatewayError, OSError) as error:
            raise self._failure(error) from error
        places = {url.rstrip("/"): number for number, url in enumerate(self._read_from.values())}
        for records in answers:
            for record in records:
                number = places[str(record.channel).rstrip("/")]
                # Wherever it was read: specs name the channel itself (conda-forge::numpy), and so do locks.
                canonical = self._channels[number].url
                record.channel = f"{canonical}/"
                record.url = f"{canonical}/{record.subdir}/{record.file_name}"
                found[number].append(record)
        return found

    def file(self, record: RepoDataRecord) -> File:
        """Return the file of a record, as :meth:`load` returned it."""
        canonical = str(record.channel).rstrip("/")
        channel = next(channel for channel in self._channels if channel.url == canonical)
        return File(
            name=Name(conda_name(record.name.normalized)),
            version=str(record.version),
            kind="conda",
            filename=record.file_name,
            index=channel_alias(channel),
            url=record.url,
            sha256=record.sha256.hex() if record.sha256 else None,
            md5=record.md5.hex() if record.md5 else None,
            size=record.size,
            uploaded=int(record.timestamp.timestamp()) if record.timestamp else None,
            subdir=str(record.subdir),
            conda=_facts(record),
        )

    async def nearest(self, name: str) -> tuple[str, ...]:
        """Return names that some channel has and that look like this one, itself among them if it is there."""
        known = await self._gateway.names(self._opened(), list(self.subdirs))
        return tuple(get_close_matches(name, sorted(one.normalized for one in known), n=3, cutoff=0.7))

    def _failure(self, error: Exception) -> NetworkError:
        # One cause below the other, as rattler has them: each says more than the one before.
        causes = [" ".join(cause.split()) for cause in str(error).split("Caused by:")]
        text = redact(": ".join(cause.rstrip(":") for cause in causes if cause))
        listed = ", ".join(redact(url) for url in self._read_from.values())
        return NetworkError(f"the channels {listed} cannot be read: {text}", hint=self._advice(str(error)))

    def _advice(self, said: str) -> str:
        """Return what to do about a channel that does not answer: the one that the error speaks of, else the first."""
        channel = next((one for one in self._channels if self._read_from[one.url] in said), self._channels[0])
        place = self._read_from[channel.url]
        if channel.url in self._frozen:
            return f"`envsolver channel freeze {channel.name}` records {channel.name} anew"
        if place != channel.url:
            return f"{MIRRORS} has {channel.name} read from {redact(place)}: see that this is right and answers"
        name = channel.name.rstrip("/").rpartition("/")[2]
        if "failed to parse" in said:
            return f"its repodata is damaged or cut short: try --refresh, or a mirror ({MIRRORS})"
        return (
            f"if it cannot be reached from here, name a mirror that can: "
            f"{MIRRORS}='{redact(channel.name)}=https://mirror.example/{name}'; --offline takes what the cache has"
        )


def _facts(record: RepoDataRecord) -> CondaFacts | None:
    """Return what a lock keeps of a record that neither its dependencies nor its file name say."""
    build = str(record.build)
    told = re.search(r"[0-9]{1,18}$", build)
    noarch: Noarch = "python" if record.noarch.python else "generic" if record.noarch.generic else "none"
    by_convention = ("python" if "py" in build else "generic") if str(record.subdir) == "noarch" else "none"
    facts = CondaFacts(
        virtual=tuple(sorted(text for text in record.depends if text.startswith("__"))),
        constrains=tuple(sorted(record.constrains)),
        features=tuple(sorted(record.track_features)),
        number=None if record.build_number == (int(told[0]) if told else 0) else record.build_number,
        noarch=None if noarch == by_convention else noarch,
    )
    return None if facts == CondaFacts() else facts

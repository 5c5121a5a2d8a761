"""Everything wired: one session per process, one source per environment and platform."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from envsolver.model.candidate import DEFAULT_INDEX
from envsolver.model.errors import FileError
from envsolver.model.ports import NullProgress
from envsolver.model.values import dataclass
from envsolver.sources.cache import Cache, default_cache_root
from envsolver.sources.config import default_index_url
from envsolver.sources.credentials import Credentials
from envsolver.sources.digests import Digests
from envsolver.sources.http import HttpClient
from envsolver.sources.indexes import BoundIndex, IndexSet, SharedMetadata, absent_statuses
from envsolver.sources.metadata import MetadataReader, SdistBuilder
from envsolver.sources.pagestore import IndexAddress, PageStore
from envsolver.sources.tasks import SharedTasks
from envsolver.spec.curated import REPODATA, frozen_path, root_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping

    from rattler import Gateway

    from envsolver.model.candidate import Name, Page
    from envsolver.model.ports import Progress
    from envsolver.model.spec import ChannelSpec, CondaSpec, IndexSpec, Spec
    from envsolver.sources.conda import CondaChannels
    from envsolver.sources.condanames import Names
    from envsolver.sources.config import IndexLocation
    from envsolver.sources.direct import DirectReferences
    from envsolver.sources.frozen import FrozenIndex
    from envsolver.sources.metadata.ports import Known
    from envsolver.sources.urls import Credential

__all__ = ["Session", "SourceSettings", "load_frozen", "open_session"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSettings:
    """How a run reads.

    Attributes:
        offline: from the cache, frozen indexes and local folders only.
        refresh: ask every index again, whatever the cache holds.
        cache_dir: None: the default place.
        no_cache: neither read nor write a cache.
        environ: environment variables; None: the process's own.
        home: the user's home folder; None: the process's.
        cwd: where the search for a uv configuration begins; None: the current folder.
        packages: names that may be suggested for one that no index has, asked for when there is one.
        known: how requirements that no PEP allows are to be read; None: a file that declares one is unusable.
    """

    offline: bool = False
    refresh: bool = False
    cache_dir: Path | None = None
    no_cache: bool = False
    environ: Mapping[str, str] | None = None
    home: Path | None = None
    cwd: Path | None = None
    packages: Callable[[], Iterable[Name]] | None = None
    known: Known | None = None


class Session:
    """What all sources of a run share: connections, cache, pages, metadata. Made by :func:`open_session`.

    Attributes:
        http: the client.
        cache: the cache.
        default_index: where the user's default index is.
    """

    def __init__(self, settings: SourceSettings, progress: Progress) -> None:
        environ = os.environ if settings.environ is None else settings.environ
        home = settings.home or Path.home()
        root = None if settings.no_cache else settings.cache_dir or default_cache_root(environ, home)
        self.cache = Cache(root, progress)
        self.http = HttpClient(
            credentials=Credentials(environ, home, keyring=_keyring(environ), note=progress.note),
            progress=progress,
            offline=settings.offline,
            environ=environ,
        )
        self.default_index: IndexLocation = default_index_url(environ, home, settings.cwd or Path.cwd())
        self._offline = settings.offline
        self._refresh = settings.refresh
        self._environ = environ
        self._gateway: Gateway | None = None
        self._names: Names | None = None
        self._packages = settings.packages
        self._pages = PageStore(http=self.http, cache=self.cache, offline=settings.offline, refresh=settings.refresh)
        self._builder = SdistBuilder(self.http)
        self._reader = MetadataReader(
            self.http,
            self.cache,
            self._builder,
            offline=settings.offline,
            progress=progress,
            known=settings.known,
        )
        self._metadata = SharedMetadata(self._reader.read, self._reader.prepare, self._reader.needs_build)
        self._digests = Digests(http=self.http, cache=self.cache, offline=settings.offline)
        self._frozen: dict[Path, FrozenIndex] = {}
        self._direct: DirectReferences | None = None
        self._direct_pages: SharedTasks[Page] = SharedTasks(background=0)

    def source_for(
        self,
        spec: Spec,
        platform: str,
        project_root: Path,
        *,
        commits: Mapping[tuple[Name, str], str] | None = None,
        builds: bool = True,
    ) -> IndexSet:
        """Return the source of candidates of an environment on a platform.

        Args:
            spec: after ``extends``.
            platform: one of the spec's.
            project_root: against which the spec's paths are resolved.
            commits: project and URL of references to git repositories → the commit to take, whatever their branch or
                tag is today.
            builds: whether source archives may be built for their metadata.

        Raises:
            FileError: a frozen index cannot be read.
        """
        named = [
            self._bound(index, project_root)
            for index in spec.indexes
            if not index.platforms or platform in index.platforms
        ]
        location = self.default_index
        url = self.http.credentials.register(location.url, alias=location.name or DEFAULT_INDEX)
        default = BoundIndex(
            alias=DEFAULT_INDEX, address=IndexAddress(url=url, absent=absent_statuses(url)), origin=location.origin
        )
        return IndexSet(
            [*named, default],
            pages=self._pages,
            metadata=self._metadata,
            digests=self._digests,
            direct=partial(self._direct_page, commits or {}),
            known_names=self._packages or (lambda: [_name_in(asked.text) for asked in spec.requirements]),
            builds=builds,
        )

    def channels_for(self, spec: CondaSpec, platform: str, project_root: Path) -> CondaChannels:
        """Return the channels of an environment on a platform.

        Args:
            spec: what the environment has of conda.
            platform: one of the spec's.
            project_root: against which the paths of frozen channels are resolved.

        Raises:
            UsageError: what the user says about mirrors makes no sense.
            FileError: a frozen channel is not there, or lies outside the project.
        """
        from envsolver.sources.conda import CondaChannels, open_gateway, read_mirrors

        if self._gateway is None:
            root = self.cache.root()
            cache = root / "conda" if root is not None else None
            self._gateway = open_gateway(cache, offline=self._offline, refresh=self._refresh)
        mirrors = read_mirrors(self._environ)
        frozen = {
            channel.url: _frozen_channel(channel, platform, project_root) for channel in spec.channels if channel.frozen
        }
        return CondaChannels(spec.channels, platform, gateway=self._gateway, mirrors=mirrors, frozen=frozen)

    async def conda_names(self, spec: Spec, project_root: Path) -> Mapping[str, str]:
        """Return package of conda → project as a spec has it: its own names, then those of the mapping that it names.

        Raises:
            FileError: the mapping is a file that cannot be read, or none of the formats that are known.
            NetworkError: it is a URL that cannot be read.
        """
        from envsolver.sources.condanames import Names

        if self._names is None:
            self._names = Names(self.http, self.cache, offline=self._offline, refresh=self._refresh)
        return await self._names.of(spec, project_root)

    async def close(self) -> None:
        """Stop everything that is under way in the background."""
        await self._direct_pages.close()
        await self._pages.close()
        await self._metadata.close()
        await self._reader.close()
        await self._digests.close()

    async def _direct_page(self, commits: Mapping[tuple[Name, str], str], name: Name, url: str) -> Page:
        if self._direct is None:
            from envsolver.sources.direct import DirectReferences

            self._direct = DirectReferences(
                http=self.http,
                cache=self.cache,
                reader=self._reader,
                digest=self._digests.digest,
                builder=self._builder,
                offline=self._offline,
            )
        direct = self._direct
        if url.startswith(("https://", "http://")):
            # The file that comes of it carries the URL without its credential. A URL that is none is not refused here.
            with suppress(ValueError):
                self.http.credentials.register(url)
        commit = commits.get((name, url))
        return await self._direct_pages.get((name, url, commit), lambda: direct.page(name, url, commit=commit))

    def _bound(self, index: IndexSpec, project_root: Path) -> BoundIndex:
        root = root_of(index.origin.path, project_root)
        url = self.http.credentials.register(_absolute(index.url, root), alias=index.alias)
        frozen = None
        if index.frozen is not None:
            path = frozen_path(index, project_root).resolve()
            frozen = self._frozen.get(path)
            if frozen is None:
                frozen = self._frozen[path] = load_frozen(path, root, str(index.origin))
        return BoundIndex(
            alias=index.alias,
            address=IndexAddress(
                url=url, kind="find-links" if index.kind == "find-links" else "simple", absent=absent_statuses(url)
            ),
            packages=index.packages,
            frozen=frozen,
            origin=str(index.origin),
        )


@asynccontextmanager
async def open_session(settings: SourceSettings, progress: Progress | None = None) -> AsyncIterator[Session]:
    """Open what all sources of a run share; on leaving, background work is cancelled and connections are closed.

    Raises:
        FileError: the user's configuration names something that cannot be used.
    """
    session = Session(settings, progress or NullProgress())
    async with session.http:
        with session.cache.writing_behind():
            try:
                yield session
            finally:
                await session.close()


def load_frozen(path: Path, project_root: Path, named_by: str) -> FrozenIndex:
    """Read a frozen index.

    Args:
        path: absolute, without symbolic links.
        project_root: in which it has to lie.
        named_by: the place that names it, for messages.

    Raises:
        FileError: it cannot be read, is not one, or lies elsewhere.
    """
    from envsolver.sources.frozen import loads

    root = project_root.resolve()
    if not path.is_relative_to(root):
        raise FileError(f"{named_by}: the frozen index {path} lies outside the project {root}")
    shown = path.relative_to(root).as_posix()
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise FileError(
            f"{named_by}: the frozen index {shown} is not there", hint="record it with `envsolver index freeze`"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(f"{named_by}: the frozen index {shown} cannot be read: {error}") from error
    return loads(text, shown)


def _frozen_channel(channel: ChannelSpec, platform: str, project_root: Path) -> str:
    """Return the URL of the folder that serves in place of a channel.

    Raises:
        FileError: it is not there, or lies outside the project.
    """
    root = root_of(channel.origin.path, project_root).resolve()
    folder = frozen_path(channel, project_root).resolve()
    if not folder.is_relative_to(root):
        raise FileError(f"{channel.origin}: the frozen channel {channel.frozen} lies outside the project {root}")
    for subdir in (platform, "noarch"):
        path = folder / subdir / REPODATA
        if not path.is_file():
            raise FileError(
                f"{channel.origin}: channel {channel.name}: there is no {path.relative_to(root).as_posix()}",
                hint=f"`envsolver channel freeze {channel.name}` records the channel",
            )
    return folder.as_uri()


def _absolute(url: str, project_root: Path) -> str:
    """Return a URL for what the spec has: a URL, or a path relative to the project."""
    if "://" in url:
        return url
    return (project_root / url).absolute().as_uri()


def _name_in(requirement: str) -> str:
    import re

    found = re.match(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)", requirement)
    return found[1] if found else ""


def _keyring(environ: Mapping[str, str]) -> Callable[[str, str | None], Credential | None]:
    """Return what asks a keyring; which one there is, is looked up with the first question."""

    def ask(service: str, user: str | None) -> Credential | None:
        from envsolver.sources.keyring import find_keyring, keyring_credential

        command = find_keyring(environ)
        return None if command is None else keyring_credential(command, environ, service, user)

    return ask

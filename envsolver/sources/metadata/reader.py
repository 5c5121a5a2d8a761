"""Metadata of a file by the cheapest way that is certain."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, TypeVar

import msgspec

from envsolver.model.errors import MetadataUnusableError, NetworkError
from envsolver.model.ports import NullProgress
from envsolver.sources.metadata.ports import known_of_none
from envsolver.sources.tasks import SharedTasks

if TYPE_CHECKING:
    from envsolver.model.candidate import File, Metadata, MetadataSource
    from envsolver.model.ports import Progress
    from envsolver.sources.metadata.ports import Builder, Http, Known, Store

__all__ = ["MetadataReader"]

_BUCKET = "metadata-1"
"""The number counts changes of what the same bytes are read as."""

_Answer = TypeVar("_Answer", "Metadata", MetadataUnusableError)

_PROBES = 3
"""Wheels of an index that are asked for a metadata file that the index does not announce, before it has one."""


class _Refusal(msgspec.Struct):
    """What the cache keeps of a file that could not be used."""

    reason: str
    hint: str | None
    by: str


@dataclass(slots=True)
class _Probe:
    """What one host of an index has answered to requests for unannounced metadata files."""

    asked: int = 0
    answered: bool = False


class MetadataReader:
    """Reads the metadata of files: of each file once, however many ask at the same time.

    The order is: what is cached under the file's sha256 (its bytes cannot change, so nothing needs to be fresh); the
    metadata file beside a wheel (PEP 658); the wheel's central directory, by ranges; the head of an sdist; a build.
    What is found depends on the files alone, never on which of these ways a cache or a busy server left open.

    That a file could not be used is kept as well, and believed offline only: a run that may ask tries again, for a
    build may have failed for want of a compiler. So a run offline chooses as the last one online did; where it cannot
    know, it fails, and never settles for another version.

    Args:
        http: fetches. It refuses everything but local files if the run is offline.
        cache: keeps what was read under the sha256 of the file.
        builder: runs build backends; None if none may be run.
        offline: forbids builds, whose requirements come from the network. What was read of a file of which no index
            gives the sha256 is believed only then.
        progress: is told of announced metadata files that are missing or wrong, and of builds.
        known: how requirements that no PEP allows are to be read; None: not at all.
    """

    def __init__(
        self,
        http: Http,
        cache: Store,
        builder: Builder | None = None,
        *,
        offline: bool = False,
        progress: Progress | None = None,
        known: Known | None = None,
    ) -> None:
        self._http = http
        self._cache = cache
        self._builder = builder
        self._offline = offline
        self._progress = progress or NullProgress()
        self._known = known or known_of_none
        self._answers: SharedTasks[Metadata | MetadataUnusableError] = SharedTasks(background=0)
        self._declared: SharedTasks[Metadata | MetadataUnusableError | None] = SharedTasks(background=0)
        self._probes: dict[tuple[str, str], _Probe] = {}

    async def read(self, file: File) -> Metadata:
        """Return what a file declares.

        Raises:
            MetadataUnusableError: it cannot be read, or only by a build that fails.
            NetworkError: a server that had to be asked did not answer; or only a build can tell, the run is offline,
                and no earlier one has built it.
        """
        key = _key(file)
        known = self._answers.known().get(key) or self._cached(file, key)
        if known is None:
            known = await self._answers.get(key, lambda: self._settled(file))
        if isinstance(known, MetadataUnusableError):
            raise known.with_traceback(None)
        return known

    async def prepare(self, file: File) -> None:
        """Do all of :meth:`read` but a build: nobody's code is run for a candidate that may never be chosen.

        Raises:
            NetworkError: a server that had to be asked did not answer.
        """
        key = _key(file)
        if key not in self._answers.known() and self._cached(file, key) is None:
            await self._declared.get(key, lambda: self._declares(file))

    async def needs_build(self, file: File) -> bool:
        """Say whether only a build can tell what a file declares, which this run has not asked for so far.

        Raises:
            NetworkError: a server that had to be asked did not answer.
        """
        key = _key(file)
        if file.kind != "sdist" or key in self._answers.known():
            return False
        return await self._declared.get(key, lambda: self._declares(file)) is None

    def remember(self, file: File, metadata: Metadata) -> None:
        """Take what is known of a file from elsewhere; :meth:`read` will answer with it for the rest of the run."""
        self._answers.known()[_key(file)] = metadata

    async def close(self) -> None:
        """Stop what is still being read."""
        await self._answers.close()
        await self._declared.close()

    async def _settled(self, file: File) -> Metadata | MetadataUnusableError:
        """Read. That a file cannot be used is an answer too: it will be the same the next time."""
        key = _key(file)
        found = await self._declared.get(key, lambda: self._declares(file))
        if found is not None:
            return found
        try:
            metadata, key = await self._built(file)
        except MetadataUnusableError as error:
            return self._keep(key, error)
        return self._keep(key, metadata)

    async def _declares(self, file: File) -> Metadata | MetadataUnusableError | None:
        """Return what the file itself says; None if only a build can tell."""
        from envsolver.sources.metadata.sdist import read_sdist_metadata

        try:
            if file.kind == "wheel":
                return self._keep(_key(file), await self._of_wheel(file))
            declared = await read_sdist_metadata(self._http, file, file.version, self._known)
        except MetadataUnusableError as error:
            await self._check(file, error)
            return self._keep(_key(file), error)
        return None if declared is None else self._keep(_key(file), declared.metadata)

    def _keep(self, key: str, answer: _Answer) -> _Answer:
        if not isinstance(answer, MetadataUnusableError):
            self._cache.put(_BUCKET, key, msgspec.json.encode(answer))
        elif not self._offline:
            self._cache.put(_BUCKET, key, msgspec.json.encode(self._refusal(answer)))
        return answer

    async def _check(self, file: File, error: MetadataUnusableError) -> None:
        """See whether an archive that cannot be read is the one that the index means.

        Raises:
            NetworkError: it is not.
        """
        from envsolver.sources.metadata.remote import DamagedArchiveError, verify

        if isinstance(error, DamagedArchiveError) and file.sha256 is not None and not self._offline:
            await verify(self._http, file)

    async def _of_wheel(self, file: File) -> Metadata:
        from envsolver.sources.metadata.wheel import read_wheel_metadata

        asked = False
        if file.metadata_sha256 is not None:
            if (metadata := await self._announced(file)) is not None:
                return metadata
        elif (asked := self._may_ask(file)) and (metadata := await self._unannounced(file)) is not None:
            return metadata
        try:
            return self._parsed(await read_wheel_metadata(self._http, file), file, "wheel")
        except MetadataUnusableError:
            # Whether it was asked for the metadata file was a matter of cost alone: here it would be one of results.
            if file.metadata_sha256 is None and not asked and (metadata := await self._unannounced(file)) is not None:
                return metadata
            raise

    async def _announced(self, file: File) -> Metadata | None:
        """Read the metadata file that the index announces; None, and a note, where it is not what was announced."""
        try:
            data = await self._metadata_file(file)
            if data is None:
                wrong = "is not there"
            elif file.metadata_sha256 and sha256(data).hexdigest() != file.metadata_sha256:
                wrong = "has not the announced sha256"
            else:
                return self._parsed(data, file, "metadata-file")
        except MetadataUnusableError as error:
            wrong = f"cannot be used ({error.reason})"
        self._progress.note(f"{file.filename}.metadata {wrong}: the wheel itself is read")
        return None

    async def _unannounced(self, file: File) -> Metadata | None:
        """Try for a metadata file that the index says nothing of. What it holds counts as read from the wheel."""
        from envsolver.sources.metadata.limits import MAX_METADATA

        try:
            data = await self._metadata_file(file)
            if data is None or len(data) > MAX_METADATA:
                return None
            metadata = self._parsed(data, file, "wheel")
        except (MetadataUnusableError, NetworkError):
            # Servers answer what they do not have with pages and errors of any kind: the wheel decides.
            return None
        self._probe(file).answered = True
        return metadata

    def _parsed(self, data: bytes, file: File, source: MetadataSource) -> Metadata:
        from envsolver.sources.metadata.core import parse_core_metadata

        return parse_core_metadata(
            data, filename=file.filename, source=source, name=file.name, version=file.version, known=self._known
        ).metadata

    async def _metadata_file(self, file: File) -> bytes | None:
        from envsolver.sources.metadata.limits import MAX_METADATA

        path, mark, query = file.url.partition("?")
        reply = await self._http.get(f"{path}.metadata{mark}{query}", max_bytes=MAX_METADATA)
        return reply.body if reply.status == 200 else None

    def _may_ask(self, file: File) -> bool:
        probe = self._probe(file)
        if not probe.answered and (probe.asked >= _PROBES or self._offline):
            return False
        probe.asked += 1
        return True

    def _probe(self, file: File) -> _Probe:
        host = re.match(r"[^:]+://[^/]*", file.url)
        return self._probes.setdefault((file.index, host[0] if host else ""), _Probe())

    async def _built(self, file: File) -> tuple[Metadata, str]:
        if self._offline:
            raise NetworkError(
                f"only a build can tell what {file.filename} requires, and this run is offline",
                hint="run once without --offline to build it, or ask for a version that has a wheel",
            )
        if self._builder is None:
            raise MetadataUnusableError(
                file.filename,
                "only a build can tell its requirements, and this run builds nothing",
                hint="ask for a version that has a wheel",
            )
        interpreter = self._builder.interpreter
        self._progress.note(
            f"{file.filename} is built for its metadata with {interpreter}, not with the target's Python"
        )
        metadata = self._parsed(await self._builder.metadata(file), file, "built")
        return replace(metadata, built_with=interpreter), _built_key(file, interpreter)

    def _cached(self, file: File, key: str) -> Metadata | MetadataUnusableError | None:
        if file.sha256 is None and not self._offline:
            return None
        keys = [key]
        if file.kind == "sdist" and self._builder is not None:
            # A build after a refusal counts: it came later.
            keys.insert(0, _built_key(file, self._builder.interpreter))
        for each in keys:
            data = self._cache.get(_BUCKET, each)
            known = None if data is None else self._decoded(data, file)
            if known is not None:
                self._answers.known()[key] = known
                return known
        return None

    def _decoded(self, data: bytes, file: File) -> Metadata | MetadataUnusableError | None:
        """Read a cache entry; what another release of envsolver wrote in another form is no entry."""
        from envsolver.model.candidate import Metadata

        with suppress(msgspec.DecodeError):
            return msgspec.json.decode(data, type=Metadata)
        if self._offline:
            with suppress(msgspec.DecodeError):
                refusal = msgspec.json.decode(data, type=_Refusal)
                if refusal.by == self._judge():
                    return MetadataUnusableError(file.filename, refusal.reason, hint=refusal.hint)
        return None

    def _refusal(self, error: MetadataUnusableError) -> _Refusal:
        return _Refusal(reason=error.reason, hint=error.hint, by=self._judge())

    def _judge(self) -> str:
        """Return who says that a file cannot be used: another release, or a build with another Python, may know how."""
        from envsolver import __version__

        interpreter = self._builder.interpreter if self._builder is not None else "no builds"
        return f"envsolver {__version__}, {interpreter}"


def _key(file: File) -> str:
    """Return what the metadata are a function of.

    Name and version take part because metadata are refused that do not fit them; the announced metadata file because
    it is believed. Where the index gives no sha256 the URL may have other bytes tomorrow: such a key is good for one
    run, and for those offline.
    """
    announced = "" if file.metadata_sha256 is None else f" .metadata={file.metadata_sha256}"
    artefact = file.sha256 or f"{file.url} {file.size}"
    return f"{artefact} {file.name} {file.version} {file.kind}{announced}"


def _built_key(file: File, interpreter: str) -> str:
    return f"{_key(file)} built with {interpreter}"

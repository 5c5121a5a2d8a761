"""Direct references: ``name @ url`` (PEP 508), a package that comes from a URL and not from an index.

A URL of a wheel or an sdist is locked with the sha256 of its bytes, one of a git repository with its commit. A folder
has neither, so there is nothing by which a lock could tell it from what it will be tomorrow: it is refused.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from envsolver.model.candidate import DIRECT_INDEX, File, Page, Release, Shape
from envsolver.model.errors import MetadataUnusableError, NetworkError
from envsolver.model.values import dataclass
from envsolver.sources.git import Git, is_commit
from envsolver.sources.urls import clean, path_of_file_url, redact

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from envsolver.model.candidate import Metadata, Name
    from envsolver.sources.metadata import MetadataReader
    from envsolver.sources.metadata.core import Declared
    from envsolver.sources.metadata.ports import FolderBuilder, Http, Store

__all__ = ["DirectReferences"]

_BUCKET = "direct-1"
_REVISION = re.compile(r"[^\s:?*~^\\\[\x00-\x20-][^\s:?*~^\\\[\x00-\x20]*")
"""What git takes for the name of a branch, tag or commit (git-check-ref-format), and never for an option."""
_GIT_SCHEMES = frozenset({"git+https", "git+http", "git+ssh", "git+git", "git+file"})
_PYPROJECT = "pyproject.toml"
_MAX_PYPROJECT = 1 << 20


class _Entry(NamedTuple):
    """What the cache keeps of bytes, or of a commit: neither can change."""

    version: str
    metadata: Metadata


@dataclass(frozen=True, slots=True, kw_only=True)
class _Repository:
    """A parsed ``git+`` reference.

    Attributes:
        url: as git takes it.
        revision: branch, tag or commit; ``HEAD`` where none was given.
        subdirectory: where the project lies in it, empty for its top.
    """

    url: str
    revision: str
    subdirectory: str

    def pinned(self, commit: str) -> str:
        """Return the reference to a commit."""
        fragment = f"#subdirectory={quote(self.subdirectory)}" if self.subdirectory else ""
        return f"git+{self.url}@{commit}{fragment}"


class DirectReferences:
    """Serves direct references to wheels, sdists and git repositories.

    Args:
        http: fetches files.
        cache: keeps what commits and sdists of unknown version declare.
        reader: reads metadata, and is told those of repositories.
        digest: returns sha256 and size of a file that is known only by its URL.
        builder: runs the backends of repositories; None if none may be run.
        git: runs git.
        offline: only local files, and what the cache holds of a commit.
    """

    def __init__(
        self,
        *,
        http: Http,
        cache: Store,
        reader: MetadataReader,
        digest: Callable[[File], Awaitable[tuple[str, int]]],
        builder: FolderBuilder | None,
        git: Git | None = None,
        offline: bool = False,
    ) -> None:
        self._http = http
        self._cache = cache
        self._reader = reader
        self._digest = digest
        self._builder = builder
        self._git = git or Git()
        self._offline = offline

    async def page(self, name: Name, url: str, *, commit: str | None = None) -> Page:
        """Return a page with the one release that a reference points to.

        Args:
            name: of the project.
            url: the reference.
            commit: of a repository, taken in place of the branch or tag that the reference names.

        Its file carries the URL without credentials and without fragment, and the sha256 of its bytes; for a
        repository the URL carries the commit (``git+https://host/repo@COMMIT``), and ``subdirectory=`` if given.

        Raises:
            MetadataUnusableError: the URL is no wheel, sdist or repository, or is one of another project, or its
                metadata cannot be had.
            NetworkError: a server did not answer.
            FileError: git is needed and not there.
        """
        if urlsplit(url).scheme.startswith("git+"):
            file, metadata = await self._of_repository(name, _repository(url), commit)
        else:
            file, metadata = await self._of_archive(name, url)
        return _page(file, metadata)

    async def _of_archive(self, name: Name, url: str) -> tuple[File, Metadata]:
        file, tagged = _archive(name, url)
        if file.sha256 is None:
            digest, size = await self._digest(file)
            file = replace(file, sha256=digest, size=size)
        if tagged:
            return file, await self._reader.read(file)
        entry = await self._entry(f"{file.sha256} {name}", lambda: self._unversioned(file))
        file = replace(file, version=entry.version)
        self._reader.remember(file, entry.metadata)
        return file, entry.metadata

    async def _unversioned(self, file: File) -> _Entry:
        """Read an sdist whose file name does not tell its version (``archive/refs/heads/main.zip``)."""
        from envsolver.sources.metadata.sdist import read_sdist_metadata

        declared = await read_sdist_metadata(self._http, file, None)
        if declared is None:
            builder = self._may_build(file.filename)
            declared = _built(await builder.metadata(file), file.name, file.filename, builder.interpreter)
        return _entry(declared)

    async def _of_repository(self, name: Name, repository: _Repository, kept: str | None) -> tuple[File, Metadata]:
        revision = kept or repository.revision
        if not is_commit(revision):
            self._refuse_offline(repository)
            revision = await self._git.resolve(repository.url, revision) or revision
        known = self._remembered(_commit_key(repository, revision, name)) if is_commit(revision) else None
        if known is None:
            self._refuse_offline(repository)
            try:
                commit, entry = await self._checked_out(name, repository, revision)
            except NetworkError as error:
                if kept is None or error.hint is not None:
                    raise
                hint = (
                    f"the lock has commit {kept[:12]}; --upgrade-package {name} takes what {repository.revision} is now"
                )
                raise NetworkError(str(error), hint=hint) from error
        else:
            commit, entry = revision, known
        url = repository.pinned(commit)
        label = f"{repository.url.rstrip('/').rpartition('/')[2].removesuffix('.git')}@{commit[:12]}"
        file = File(name=name, version=entry.version, kind="sdist", filename=label, index=DIRECT_INDEX, url=url)
        self._reader.remember(file, entry.metadata)
        return file, entry.metadata

    async def _checked_out(self, name: Name, repository: _Repository, revision: str) -> tuple[str, _Entry]:
        from tempfile import TemporaryDirectory

        label = redact(repository.url)
        with TemporaryDirectory(prefix="envsolver-", ignore_cleanup_errors=True) as temporary:
            root = await self._git.checkout(repository.url, revision, temporary)
            project = _project_folder(root.folder, repository.subdirectory, label)
            declared = _static(project, name, label)
            if declared is None:
                builder = self._may_build(label)
                data = await builder.metadata_of_folder(project, label)
                declared = _built(data, name, label, builder.interpreter)
        entry = _entry(declared)
        self._keep(_commit_key(repository, root.commit, name), entry)
        return root.commit, entry

    def _may_build(self, label: str) -> FolderBuilder:
        if self._offline:
            raise NetworkError(
                f"only a build can tell what {label} requires, and this run is offline",
                hint="run once without --offline to build it",
            )
        if self._builder is None:
            raise MetadataUnusableError(
                label, "only a build can tell its requirements, and this run builds nothing", hint=_KINDS
            )
        return self._builder

    def _refuse_offline(self, repository: _Repository) -> None:
        if self._offline and not repository.url.startswith("file:"):
            raise NetworkError(
                f"{redact(repository.url)} is needed, and this run is offline",
                hint="run once without --offline; a reference to a full commit can be kept",
            )

    async def _entry(self, key: str, make: Callable[[], Awaitable[_Entry]]) -> _Entry:
        entry = self._remembered(key)
        if entry is None:
            entry = await make()
            self._keep(key, entry)
        return entry

    def _remembered(self, key: str) -> _Entry | None:
        import msgspec

        from envsolver.model.candidate import Metadata

        for each in (key, self._built_key(key)):
            data = self._cache.get(_BUCKET, each)
            if data is not None:
                try:
                    return _Entry(*msgspec.json.decode(data, type=tuple[str, Metadata]))
                except msgspec.DecodeError:
                    continue
        return None

    def _keep(self, key: str, entry: _Entry) -> None:
        from msgspec.json import encode

        place = self._built_key(key) if entry.metadata.source == "built" else key
        self._cache.put(_BUCKET, place, encode(entry))

    def _built_key(self, key: str) -> str:
        return f"{key} built with {self._builder.interpreter if self._builder else 'nothing'}"


def _archive(name: Name, url: str) -> tuple[File, bool]:
    """Return the file that a URL is, and whether its name tells the version.

    Raises:
        MetadataUnusableError: it is no wheel or sdist, or one of another project.
    """
    from envsolver.sources.filenames import FilenameParser
    from envsolver.sources.metadata.tarhead import TAR_SUFFIXES

    shown = redact(clean(url))
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https", "file"}:
        raise MetadataUnusableError(shown, f"{parts.scheme or 'a path'} is no way to get a package here", hint=_KINDS)
    fragment = _fragment(url)
    filename = unquote(parts.path.rpartition("/")[2])
    wheel = filename.endswith(".whl")
    if not wheel and not filename.lower().endswith((".zip", *TAR_SUFFIXES)):
        raise MetadataUnusableError(shown, _not_a_file(url), hint=_KINDS)
    if "subdirectory" in fragment:
        raise MetadataUnusableError(shown, "only a repository can have a subdirectory", hint=_KINDS)
    parsed = FilenameParser(name).parse(filename)
    if wheel and parsed is None:
        raise MetadataUnusableError(shown, f"its name is not that of a wheel of {name!r}")
    file = File(
        name=name,
        version=str(parsed.version) if parsed else "",
        kind="wheel" if wheel else "sdist",
        filename=filename,
        index=DIRECT_INDEX,
        url=url.partition("#")[0],
        sha256=_sha256(fragment.get("sha256"), shown),
    )
    return file, parsed is not None


_KINDS = "a direct reference is the URL of a .whl, .tar.gz or .zip, or git+https://HOST/REPOSITORY@REVISION"


def _not_a_file(url: str) -> str:
    if url.startswith("file:"):
        from pathlib import Path

        if Path(path_of_file_url(url)).is_dir():
            return "a folder has no sha256 and no commit, so it cannot be locked"
    return "it is neither a wheel nor an sdist"


def _fragment(url: str) -> dict[str, str]:
    parts = (part.partition("=") for part in url.partition("#")[2].split("&"))
    return {key: unquote(value) for key, _, value in parts}


def _sha256(given: str | None, shown: str) -> str | None:
    if given is not None and re.fullmatch(r"[0-9A-Fa-f]{64}", given) is None:
        raise MetadataUnusableError(shown, "its sha256= is not one")
    return given and given.lower()


def _repository(url: str) -> _Repository:
    """Parse ``git+SCHEME://HOST/PATH@REVISION#subdirectory=FOLDER``.

    Raises:
        MetadataUnusableError: it is malformed, or would be taken for something else by git or by the file system.
    """
    shown = redact(url.partition("#")[0])
    parts = urlsplit(url)
    if parts.scheme not in _GIT_SCHEMES:
        raise MetadataUnusableError(shown, f"{parts.scheme} is no way to get a package here", hint=_KINDS)
    user, at, _ = parts.netloc.rpartition("@")
    if at and (parts.scheme != "git+ssh" or ":" in user):
        # They would be seen by whoever can list the processes of this machine.
        raise MetadataUnusableError(shown, "it holds credentials", hint="leave them to git's credential helpers")
    path, at, revision = parts.path.rpartition("@")
    path, revision = (path, unquote(revision)) if at else (parts.path, "HEAD")
    if not path.strip("/") or _REVISION.fullmatch(revision) is None or ".." in revision:
        raise MetadataUnusableError(shown, "it names no repository, or no revision that can be", hint=_KINDS)
    subdirectory = _fragment(url).get("subdirectory", "").strip("/")
    if ".." in subdirectory.split("/") or "\\" in subdirectory:
        raise MetadataUnusableError(shown, f"the subdirectory {subdirectory!r} is outside of it")
    plain = urlunsplit((parts.scheme.removeprefix("git+"), parts.netloc, path, "", ""))
    return _Repository(url=plain, revision=revision, subdirectory=subdirectory)


def _project_folder(root: Path, subdirectory: str, label: str) -> Path:
    project = (root / subdirectory).resolve()
    if not project.is_relative_to(root.resolve()) or not project.is_dir():
        raise MetadataUnusableError(label, f"it has no folder {subdirectory!r}")
    return project


def _commit_key(repository: _Repository, commit: str, name: Name) -> str:
    return f"{repository.pinned(commit)} {name}"


def _static(project: Path, name: Name, label: str) -> Declared | None:
    from envsolver.sources.metadata.project_table import read_toml, static_project

    path = project / _PYPROJECT
    # A link could lead to any file of this machine.
    if not path.is_file() or path.is_symlink() or path.stat().st_size > _MAX_PYPROJECT:
        return None
    pyproject = read_toml(path.read_bytes())
    return None if pyproject is None else static_project(pyproject, filename=label, name=name, version=None)


def _built(data: bytes, name: Name, label: str, interpreter: str) -> Declared:
    from envsolver.sources.metadata.core import parse_core_metadata

    declared = parse_core_metadata(data, filename=label, source="built", name=name, version=None)
    return replace(declared, metadata=replace(declared.metadata, built_with=interpreter))


def _entry(declared: Declared) -> _Entry:
    from packaging.version import Version

    return _Entry(version=str(Version(declared.version)), metadata=declared.metadata)


def _page(file: File, metadata: Metadata) -> Page:
    file = replace(file, requires_python=metadata.requires_python)
    shape = Shape(kind=file.kind, tags=file.tags, requires_python=metadata.requires_python or "", yanked=False)
    return Page(
        name=file.name,
        index=DIRECT_INDEX,
        shapes=(shape,),
        releases=(Release(version=file.version, shapes=(0,), uploaded=None),),
        load_files=lambda version: (file,) if version == file.version else (),
    )

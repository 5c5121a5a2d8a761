"""Frozen indexes: what an index had of some projects, recorded in a file that serves in place of the network.

The file is JSON with one artefact a line, sorted, so that a change reads well in a review. Paths are relative to the
index's URL: a mirror of the index serves the same record. What was not seen with one's own eyes says so in its
``provenance``; where each line comes from stands in ``sources``.
"""

from __future__ import annotations

from dataclasses import field, replace
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote, unquote, urljoin, urlsplit

import msgspec

from envsolver.model.candidate import Metadata, Name, normalize_name
from envsolver.model.errors import FileError
from envsolver.model.values import dataclass
from envsolver.sources.compact import Link, build_page, digest_of, open_page
from envsolver.sources.filenames import project_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envsolver.model.candidate import File, Page

__all__ = ["FORMAT", "FrozenFile", "FrozenIndex", "dumps", "freeze", "loads"]

FORMAT = "envsolver-frozen-index-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenFile:
    """One artefact.

    Attributes:
        path: percent-encoded, relative to the index's URL (or absolute on its host).
        sha256: lower-case hex.
        requires_dist: PEP 508 texts, or None where they are not known.
        uploaded: seconds since 1970 UTC.
        yanked: the reason, or None.
        provenance: ``seen``; or ``inferred: …``, how the requirements are known.
        sources: where this line was found.
    """

    name: Name
    filename: str
    path: str
    sha256: str
    size: int | None = None
    requires_dist: tuple[str, ...] | None = None
    provides_extra: tuple[str, ...] = ()
    requires_python: str | None = None
    uploaded: int | None = None
    yanked: str | None = None
    provenance: str = "seen"
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenIndex:
    """A recorded index.

    Attributes:
        url: base URL of the index that was recorded.
        files: sorted by project and file name.
        sources: how and when the record as a whole came about, in words.
        path: the file it was read from, for messages.
    """

    url: str
    files: tuple[FrozenFile, ...]
    sources: tuple[str, ...] = ()
    path: str = field(default="", compare=False)

    def names(self) -> frozenset[Name]:
        """Return the projects that are recorded."""
        return frozenset(file.name for file in self.files)

    def page(self, name: Name, alias: str, url: str) -> Page | None:
        """Return what is recorded of a project, or None.

        Args:
            name: of the project.
            alias: of the index in the spec.
            url: of the index in the spec, which may be a mirror of the recorded one.

        Raises:
            FileError: a file name is not one of the project's.
        """
        records = {file.filename: file for file in self.files if file.name == name}
        if not records:
            return None
        compact = build_page(name, [_link(record, url) for record in records.values()])
        if compact.left_out:
            raise FileError(f"{self.path}: a file of {name!r} has a name that is not one of a wheel or sdist of it")
        page = open_page(compact, name, alias)

        def load(version: str) -> tuple[File, ...]:
            return tuple(replace(file, provenance=records[file.filename].provenance) for file in page.files(version))

        return replace(page, load_files=load)

    def metadata(self, file: File) -> Metadata | None:
        """Return the recorded requirements of a file, or None where there are none."""
        for record in self.files:
            if record.filename == file.filename and record.sha256 == file.sha256:
                if record.requires_dist is None:
                    return None
                return Metadata(
                    requires_dist=record.requires_dist,
                    source="frozen",
                    requires_python=record.requires_python,
                    provides_extra=record.provides_extra,
                )
        return None


def _link(record: FrozenFile, url: str) -> Link:
    return Link(
        filename=record.filename,
        url=urljoin(url.rstrip("/") + "/", record.path),
        sha256=digest_of(record.sha256),
        size=record.size,
        requires_python=record.requires_python or "",
        uploaded=record.uploaded,
        yanked=record.yanked,
    )


class _Line(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """A line of the file. The order of the fields is that of the file."""

    name: str
    filename: str
    sha256: str
    path: str | None = None
    size: Annotated[int, msgspec.Meta(ge=0)] | None = None
    requires_dist: list[str] | None = None
    provides_extra: list[str] = []
    requires_python: str | None = None
    uploaded: int | None = None
    yanked: str | None = None
    provenance: str = "seen"
    sources: list[str] = []


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    format: str
    index: str
    sources: list[str]
    files: list[_Line]


_decoder = msgspec.json.Decoder(_Document)


def dumps(index: FrozenIndex) -> str:
    """Return the file's text: the same record always gives the same text."""
    import json

    def text(value: object) -> str:
        return json.dumps(value, ensure_ascii=False)

    lines = [text(msgspec.to_builtins(_line(file))) for file in sorted(index.files, key=_order)]
    parts = ["{", f'"format": {text(FORMAT)},', f'"index": {text(index.url)},', '"sources": [']
    parts += [f"{text(source)}," for source in index.sources[:-1]]
    parts += [text(source) for source in index.sources[-1:]]
    parts += ["],", '"files": [']
    parts += [f"{line}," for line in lines[:-1]]
    parts += lines[-1:]
    return "\n".join([*parts, "]", "}", ""])


def loads(text: str, path: str) -> FrozenIndex:
    """Return what a file's text says.

    Args:
        text: the file.
        path: its name, for messages.

    Raises:
        FileError: it is not such a file.
    """
    try:
        document = _decoder.decode(text.encode())
    except (msgspec.DecodeError, RecursionError) as error:
        raise FileError(f"{path}: not a frozen index: {error}") from None
    if document.format != FORMAT:
        raise FileError(
            f"{path}: its format is {document.format!r}, not {FORMAT!r}", hint="look for a newer release of envsolver"
        )
    try:
        known = urlsplit(document.index).scheme in {"https", "http", "file"}
    except ValueError:
        known = False
    if not known:
        raise FileError(f"{path}: the index's URL is not one: {document.index!r}")
    files = tuple(_file(line, path) for line in document.files)
    seen: set[tuple[str, str]] = set()
    for file in files:
        # Within one index a name means one file; across indexes it does not.
        if (file.name, file.filename) in seen:
            raise FileError(f"{path}: {file.filename} is recorded twice")
        seen.add((file.name, file.filename))
    return FrozenIndex(
        url=document.index,
        files=tuple(sorted(files, key=_order)),
        sources=tuple(document.sources),
        path=path,
    )


def freeze(
    index_url: str, artefacts: Iterable[tuple[File, Metadata | None]], *, sources: tuple[str, ...]
) -> FrozenIndex:
    """Return a record of live files.

    Args:
        index_url: of the index that has them, without credentials.
        artefacts: files, each with its metadata if that is to be recorded. Files need their sha256.
        sources: how and when, in words.

    Raises:
        ValueError: a file has no digest.
    """
    base = index_url.rstrip("/") + "/"
    files = []
    for file, metadata in artefacts:
        if file.sha256 is None:
            raise ValueError(f"{file.filename} has no digest")
        files.append(
            FrozenFile(
                name=file.name,
                filename=file.filename,
                path=_relative(file.url, base),
                sha256=file.sha256,
                size=file.size,
                requires_dist=None if metadata is None else metadata.requires_dist,
                provides_extra=() if metadata is None else metadata.provides_extra,
                requires_python=file.requires_python or (metadata.requires_python if metadata else None),
                uploaded=file.uploaded,
                yanked=file.yanked,
                provenance=file.provenance,
            )
        )
    return FrozenIndex(url=index_url.rstrip("/"), files=tuple(sorted(files, key=_order)), sources=sources)


def _relative(url: str, base: str) -> str:
    if url.startswith(base):
        return url.removeprefix(base)
    here, there = urlsplit(base), urlsplit(url)
    # A file on another host can be recorded only with that host.
    return there.path if (here.scheme, here.netloc) == (there.scheme, there.netloc) else url


def _order(file: FrozenFile) -> tuple[str, str]:
    return file.name, file.filename


def _default_path(filename: str) -> str:
    return quote(filename)


def _line(file: FrozenFile) -> _Line:
    return _Line(
        name=file.name,
        filename=file.filename,
        sha256=file.sha256,
        path=None if file.path == _default_path(file.filename) else file.path,
        size=file.size,
        requires_dist=None if file.requires_dist is None else list(file.requires_dist),
        provides_extra=list(file.provides_extra),
        requires_python=file.requires_python,
        uploaded=file.uploaded,
        yanked=file.yanked,
        provenance=file.provenance,
        sources=list(file.sources),
    )


def _file(line: _Line, path: str) -> FrozenFile:
    if digest_of(line.sha256) is None or line.sha256 != line.sha256.lower():
        raise FileError(f"{path}: {line.filename}: sha256 must be 64 lower-case hexadecimal digits")
    if normalize_name(line.name) != line.name or normalize_name(project_of(line.filename) or "") != line.name:
        raise FileError(f"{path}: {line.filename} is not a wheel or sdist of {line.name!r}")
    where = line.path or _default_path(line.filename)
    try:
        parts = urlsplit(where)
    except ValueError:
        raise FileError(f"{path}: {line.filename}: its path is no URL: {where!r}") from None
    if where.startswith("//") or parts.scheme not in {"", "https", "http"}:
        raise FileError(f"{path}: {line.filename}: its path must be relative to the index, or a whole URL")
    if unquote(parts.path).rpartition("/")[2] != line.filename:
        raise FileError(f"{path}: {line.filename}: its path leads to another file")
    return FrozenFile(
        name=Name(line.name),
        filename=line.filename,
        path=where,
        sha256=line.sha256,
        size=line.size,
        requires_dist=None if line.requires_dist is None else tuple(line.requires_dist),
        provides_extra=tuple(line.provides_extra),
        requires_python=line.requires_python,
        uploaded=line.uploaded,
        yanked=line.yanked,
        provenance=line.provenance,
        sources=tuple(line.sources),
    )

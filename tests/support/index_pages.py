"""The pages of a package index, in each dialect that is met in the wild."""

from __future__ import annotations

import html
import json
import posixpath
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from packaging.utils import parse_sdist_filename, parse_wheel_filename

from tests.support.packages import sha256

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "HTML_TYPE",
    "JSON_TYPE",
    "Index",
    "IndexFormat",
    "LinkStyle",
    "RangeSupport",
    "StoredFile",
    "find_links_page",
    "project_list",
    "project_page",
]

JSON_TYPE = "application/vnd.pypi.simple.v1+json"
HTML_TYPE = "text/html"

IndexFormat = Literal["json", "html", "find-links"]
"""``json`` negotiates (PEP 691): HTML for clients that do not accept JSON. ``html`` never serves JSON."""
LinkStyle = Literal["absolute", "root", "relative"]
RangeSupport = Literal["full", "no-suffix", "ignored", "refused"]
"""``no-suffix`` answers 501 to ``bytes=-n``, ``ignored`` sends all with 200, ``refused`` answers 416 to any range."""


@dataclass(kw_only=True)
class StoredFile:
    """A file that an index serves, with what its page says of it."""

    filename: str
    data: bytes
    requires_python: str | None = None
    yanked: bool | str = False
    upload_time: str | None = None
    hashes: dict[str, str] = field(default_factory=dict)
    metadata: bytes | None = None
    announce_metadata: bool = True

    @property
    def project(self) -> str:
        """The canonical name that the file name carries."""
        if self.filename.endswith(".whl"):
            return parse_wheel_filename(self.filename)[0]
        return parse_sdist_filename(self.filename)[0]

    @property
    def version(self) -> str:
        """The version that the file name carries, in normal form."""
        if self.filename.endswith(".whl"):
            return str(parse_wheel_filename(self.filename)[1])
        return str(parse_sdist_filename(self.filename)[1])


@dataclass(kw_only=True)
class Index:
    """One index of the server and its manners.

    Attributes:
        format: dialect of its pages.
        etag: send an ETag with every page and answer 304 to a matching ``If-None-Match``.
        cache_control: value of Cache-Control on pages and files.
        ranges: how file requests with Range are answered.
        auth: user and password that pages and files ask for (HTTP Basic).
        links: how pages refer to files.
        files_at: base URL of another server that serves the files under the same paths.
        core_metadata: serve ``.metadata`` files at all (PEP 658).
        sizes: JSON says sizes and upload times (PEP 700), else its API version is 1.0.
        compress: gzip pages for clients that accept it.
    """

    name: str
    format: IndexFormat = "json"
    etag: bool = False
    cache_control: str | None = None
    ranges: RangeSupport = "full"
    auth: tuple[str, str] | None = None
    links: LinkStyle = "absolute"
    files_at: str | None = None
    core_metadata: bool = True
    sizes: bool = True
    compress: bool = False
    files: dict[str, StoredFile] = field(default_factory=dict)

    def project_files(self, project: str) -> list[StoredFile]:
        """Return a project's files in the order added."""
        return [file for file in self.files.values() if file.project == project]

    def projects(self) -> list[str]:
        """Return the canonical names of all projects, sorted."""
        return sorted({file.project for file in self.files.values()})

    def file_path(self, filename: str) -> str:
        """Return the path under which a file is served."""
        return f"/files/{self.name}/{quote(filename)}"

    def link(self, filename: str, *, page: str, base: str) -> str:
        """Return the link to a file as the page at path ``page`` has it."""
        path = self.file_path(filename)
        if self.files_at is not None:
            return self.files_at + path
        if self.links == "absolute":
            return base + path
        return path if self.links == "root" else posixpath.relpath(path, posixpath.dirname(page))


def project_page(index: Index, project: str, *, page: str, base: str, as_json: bool) -> bytes:
    """Return a project's page (PEP 503 or 691)."""
    files = index.project_files(project)
    if not as_json:
        anchors = [_anchor(index, file, page=page, base=base) for file in files]
        return _html(f"Links for {project}", anchors)
    document: dict[str, Any] = {
        "meta": {"api-version": "1.1" if index.sizes else "1.0"},
        "name": project,
        "files": [_json_file(index, file, page=page, base=base) for file in files],
    }
    if index.sizes:
        document["versions"] = sorted({file.version for file in files})
    return json.dumps(document).encode()


def find_links_page(index: Index, *, page: str, base: str) -> bytes:
    """Return all files of an index on one flat page, as ``--find-links`` reads it."""
    return _html("Files", [_anchor(index, file, page=page, base=base) for file in index.files.values()])


def project_list(index: Index, *, as_json: bool) -> bytes:
    """Return the list of an index's projects."""
    if as_json:
        projects = [{"name": name} for name in index.projects()]
        return json.dumps({"meta": {"api-version": "1.1"}, "projects": projects}).encode()
    return _html("Simple index", [f'<a href="{name}/">{name}</a>' for name in index.projects()])


def _html(title: str, anchors: Iterable[str]) -> bytes:
    head = (
        f'<!DOCTYPE html>\n<html><head><meta name="pypi:repository-version" content="1.1"><title>{title}</title></head>'
    )
    return "\n".join([head, "<body>", *(f"{anchor}<br>" for anchor in anchors), "</body></html>", ""]).encode()


def _anchor(index: Index, file: StoredFile, *, page: str, base: str) -> str:
    link = index.link(file.filename, page=page, base=base)
    # PEP 503 has room for one hash; sha256 is the one asked for.
    chosen = "sha256" if "sha256" in file.hashes else next(iter(file.hashes), None)
    fragment = f"#{chosen}={file.hashes[chosen]}" if chosen else ""
    attributes = {"href": link + fragment}
    if file.requires_python is not None:
        attributes["data-requires-python"] = file.requires_python
    if file.yanked is not False:
        attributes["data-yanked"] = file.yanked if isinstance(file.yanked, str) else ""
    if index.core_metadata and file.metadata is not None and file.announce_metadata:
        # PEP 714: the old name too, for readers that know only PEP 658.
        value = f"sha256={sha256(file.metadata)}"
        attributes |= {"data-core-metadata": value, "data-dist-info-metadata": value}
    written = " ".join(f'{key}="{html.escape(value)}"' for key, value in attributes.items())
    return f"<a {written}>{html.escape(file.filename)}</a>"


def _json_file(index: Index, file: StoredFile, *, page: str, base: str) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "filename": file.filename,
        "url": index.link(file.filename, page=page, base=base),
        "hashes": file.hashes,
        "requires-python": file.requires_python,
        "yanked": file.yanked,
    }
    if index.core_metadata and file.metadata is not None and file.announce_metadata:
        entry["core-metadata"] = entry["dist-info-metadata"] = {"sha256": sha256(file.metadata)}
    if index.sizes:
        entry["size"] = len(file.data)
        if file.upload_time is not None:
            entry["upload-time"] = file.upload_time
    return entry

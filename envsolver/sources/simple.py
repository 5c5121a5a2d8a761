"""The simple API: JSON (PEP 691, 700, 714) and HTML (PEP 503, 592, 629, 658, 714) → links."""

from __future__ import annotations

import re
from datetime import datetime
from html.parser import HTMLParser
from urllib.parse import unquote, urljoin, urlsplit

import msgspec

from envsolver.model.errors import NetworkError
from envsolver.sources.compact import Link, digest_of
from envsolver.sources.filenames import is_distribution
from envsolver.sources.urls import join, redact

__all__ = ["ACCEPT", "parse_links"]

ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01"
"""JSON where there is any: it has sizes and upload times, and is read ten times faster."""

_HTML_TYPES = {
    "application/vnd.pypi.simple.v1+html",
    "application/vnd.pypi.simple.latest+html",
    "text/html",
    "application/xhtml+xml",
}
_JSON_TYPES = {"application/vnd.pypi.simple.v1+json", "application/vnd.pypi.simple.latest+json", "application/json"}
_UNTYPED = {"", "text/plain", "application/octet-stream", "binary/octet-stream"}
_SUPPORTED_MAJOR = "1"
_MAX_SIZE = 1 << 62


def parse_links(body: bytes, content_type: str, url: str, *, project: str = "") -> list[Link]:
    """Return the files that a page lists.

    Args:
        body: the page.
        content_type: of the answer; empty if there was none.
        url: where the page came from, after redirects; links are resolved against it.
        project: whose page it should be, in canonical form; empty for a page of all projects.

    Raises:
        NetworkError: this is not an index page, or of a version of the API that is not known.
    """
    kind, _, parameters = content_type.partition(";")
    kind = kind.strip().lower()
    if kind in _UNTYPED:
        # Static file servers do not know what they serve.
        kind = "application/json" if body.lstrip()[:1] == b"{" else "text/html"
    if kind in _JSON_TYPES:
        return _from_json(body, url)
    if kind in _HTML_TYPES:
        return _from_html(_decoded(body, parameters), url, project)
    raise _not_a_page(url, f"it is {kind!r}")


class _Hashes(msgspec.Struct, gc=False):
    sha256: str | None = None


class _JsonFile(msgspec.Struct, gc=False, rename="kebab"):
    filename: str
    url: str
    hashes: _Hashes | None = None
    requires_python: str | None = None
    size: int | None = None
    upload_time: str | None = None
    yanked: bool | str | None = None
    core_metadata: bool | _Hashes | None = None
    dist_info_metadata: bool | _Hashes | None = None
    data_dist_info_metadata: bool | _Hashes | None = None


class _JsonMeta(msgspec.Struct, rename="kebab"):
    api_version: str


class _JsonPage(msgspec.Struct):
    meta: _JsonMeta
    files: list[_JsonFile]


_json_decoder = msgspec.json.Decoder(_JsonPage)


def _from_json(body: bytes, url: str) -> list[Link]:
    try:
        page = _json_decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _not_a_page(url, f"it is JSON of something else ({error})") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _not_a_page(url, "its JSON is broken or breaks off", hint=_DAMAGED) from None
    _check_version(page.meta.api_version, url)
    links = []
    for file in page.files:
        try:
            links.append(_from_json_file(file, url))
        except ValueError:
            continue
    return links


def _from_json_file(file: _JsonFile, page_url: str) -> Link:
    yanked = file.yanked
    # PEP 714: the first of these that is there counts.
    metadata = file.core_metadata
    if metadata is None:
        metadata = file.dist_info_metadata
    if metadata is None:
        metadata = file.data_dist_info_metadata
    size = file.size
    return Link(
        filename=file.filename,
        url=_checked(join(page_url, file.url), page_url),
        sha256=digest_of(file.hashes.sha256) if file.hashes else None,
        size=size if size is not None and 0 <= size < _MAX_SIZE else None,
        requires_python=file.requires_python or "",
        uploaded=_seconds(file.upload_time),
        yanked=None if not yanked else ("" if yanked is True else yanked),
        metadata=_metadata_digest(metadata),
    )


def _metadata_digest(metadata: bool | _Hashes | None) -> str | None:
    if isinstance(metadata, _Hashes):
        digest = digest_of(metadata.sha256)
        return digest.hex() if digest else ""
    return "" if metadata else None


class _Anchors(HTMLParser):
    """Collects what an index page consists of."""

    def __init__(self) -> None:
        super().__init__()
        self.base: str | None = None
        self.version: str | None = None
        self.anchors: list[tuple[dict[str, str | None], str]] = []
        self.form = False
        self.words: list[str] = []
        self._open: dict[str, str | None] | None = None
        self._text: list[str] = []

    def parse_marked_section(self, i: int, report: int = 1) -> int:  # noqa: ARG002 - as the standard library has it
        """Pass over ``<![…>``: the standard library's own method stops at kinds that it does not know."""
        return self.rawdata.find(">", i) + 1 or -1

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self._close()
            self._open = dict(attrs)
        elif tag == "base" and self.base is None:
            self.base = dict(attrs).get("href")
        elif tag == "meta":
            meta = dict(attrs)
            if meta.get("name") == "pypi:repository-version":
                self.version = meta.get("content")
        elif tag in {"form", "input"}:
            self.form = True

    def handle_data(self, data: str) -> None:
        if self._open is not None:
            self._text.append(data)
        elif not self.anchors:
            self.words.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._close()

    def close(self) -> None:
        super().close()
        self._close()

    def _close(self) -> None:
        if self._open is not None:
            self.anchors.append((self._open, "".join(self._text).strip()))
        self._open, self._text = None, []


def _from_html(text: str, url: str, project: str) -> list[Link]:
    parser = _Anchors()
    parser.feed(_closed(text))
    parser.close()
    if parser.version is not None:
        _check_version(parser.version, url)
    try:
        base = urljoin(url, parser.base) if parser.base else url
    except ValueError:
        raise _not_a_page(url, f"its <base> is no URL: {(parser.base or '')[:60]!r}", hint=_DAMAGED) from None
    links = []
    for attributes, label in parser.anchors:
        try:
            link = _from_anchor(attributes, label, base, url)
        except ValueError:
            continue
        if link is not None:
            links.append(link)
    if not links and parser.version is None:
        _check_empty(text, parser, url, project)
    return links


def _closed(text: str) -> str:
    """Return a page without comments and without a tag at its end that is not closed.

    html.parser looks for the end of each comment and tag that is not closed up to the end of the page: a page of
    nothing else would take hours.
    """
    parts = []
    at = 0
    while (start := text.find("<!--", at)) >= 0:
        parts.append(text[at:start])
        end = text.find("-->", start + 4)
        if end < 0:
            at = len(text)
            break
        at = end + 3
    parts.append(text[at:])
    whole = "".join(parts)
    last = whole.rfind(">") + 1
    return whole[:last] + whole[last:].partition("<")[0]


def _from_anchor(attributes: dict[str, str | None], label: str, base: str, page_url: str) -> Link | None:
    href = attributes.get("href")
    if not href:
        return None
    filename = unquote(urlsplit(href).path.rpartition("/")[2])
    if not is_distribution(filename):
        # Some servers hide the file behind a download address; PEP 503 has the name in the text as well.
        if not is_distribution(label):
            return None
        filename = label
    return Link(
        filename=filename,
        url=_checked(join(base, href), page_url),
        sha256=digest_of(_sha256_in(urlsplit(href).fragment)),
        requires_python=attributes.get("data-requires-python") or "",
        uploaded=_seconds(attributes.get("data-upload-time")),
        yanked=attributes["data-yanked"] or "" if "data-yanked" in attributes else None,
        metadata=_announced(attributes),
    )


def _announced(attributes: dict[str, str | None]) -> str | None:
    # PEP 714: the new name of the attribute counts where both are there.
    for name in ("data-core-metadata", "data-dist-info-metadata"):
        if name in attributes:
            value = attributes[name] or ""
            digest = digest_of(_sha256_in(value))
            return digest.hex() if digest else (None if value == "false" else "")
    return None


def _sha256_in(fragment: str) -> str | None:
    for part in fragment.split("&"):
        algorithm, _, value = part.partition("=")
        if algorithm == "sha256":
            return value
    return None


def _check_empty(text: str, parser: _Anchors, url: str, project: str) -> None:
    """Tell an empty project page from something that is no index page at all."""
    if parser.form:
        raise _not_a_page(url, "it is a web page with a form, perhaps for signing in")
    # Listings of folders link to their parent and to other sort orders of themselves.
    others = [
        href
        for attributes, _ in parser.anchors
        if (href := attributes.get("href")) and not href.startswith(("?", "#", "/", "..")) and href not in {".", "./"}
    ]
    if others:
        raise _not_a_page(url, "it is a web page that links to no distribution file")
    if "<" not in text:
        raise _not_a_page(url, "it is neither HTML nor JSON")
    words = re.sub(r"[-_.\s]+", "-", " ".join(parser.words).lower()).strip("-")
    # "Links for torch", "Index of /simple/torch": what has no files says so in one way or another, or nothing at all.
    if project and words and not any(word in words for word in (project, "links", "index")):
        raise _not_a_page(url, f"it is a web page that neither links to a file nor names {project}")


def _decoded(body: bytes, parameters: str) -> str:
    name, _, charset = parameters.strip().partition("=")
    if name.strip().lower() == "charset":
        try:
            return body.decode(charset.strip(" \"'"), errors="replace")
        except (LookupError, ValueError):  # codecs such as idna cannot replace what they do not understand
            pass
    return body.decode("utf-8", errors="replace")


def _checked(url: str, page_url: str) -> str:
    # A page on the network must not point into the file system of the machine that reads it.
    if url.startswith(("https://", "http://")) or (url.startswith("file:") and page_url.startswith("file:")):
        return url
    raise ValueError("not a scheme that an index may link to")


def _seconds(text: str | None) -> int | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        from datetime import UTC

        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp())


def _check_version(version: str, url: str) -> None:
    # PEP 629: another major version must not be read, a newer minor one may.
    if version.partition(".")[0] != _SUPPORTED_MAJOR:
        raise NetworkError(
            f"{redact(url)} speaks version {version[:20]!r} of the index API; version 1 is understood",
            hint="look for a newer release of envsolver",
        )


_WRONG_PLACE = "check the index's URL (it usually ends in /simple) and whether it wants credentials"
_DAMAGED = "try again; if it stays so, the index or a proxy on the way to it sends damaged pages"


def _not_a_page(url: str, what: str, *, hint: str = _WRONG_PLACE) -> NetworkError:
    return NetworkError(f"{redact(url)} is not an index page: {what}", hint=hint)

"""The compact form of an index page: what the cache keeps, and what a :class:`Page` is made of.

Everything that depends on packaging is done once, when a page is new: versions are normalised, grouped and sorted.
Reading it back takes one pass of a decoder over the releases; the files of a release stay encoded until somebody asks
for them.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import msgspec

from envsolver.model.candidate import File, Page, Release, Shape
from envsolver.sources.filenames import FilenameParser

if TYPE_CHECKING:
    from collections.abc import Iterable

    from packaging.version import Version

    from envsolver.model.candidate import Name

__all__ = ["CompactPage", "Link", "build_page", "decode_page", "digest_of", "encode_page", "open_page"]

_UNKNOWN = -1
_DIGEST_BYTES = 32


class Link(msgspec.Struct, gc=False, kw_only=True):
    """One file as a page lists it, whatever the page's format.

    Attributes:
        url: absolute, without fragment and credentials.
        sha256: the digest, or None.
        uploaded: seconds since 1970 UTC, or None.
        yanked: the reason, or None.
        metadata: hex digest of the PEP 658 file; empty if announced without one; None if not announced.
    """

    filename: str
    url: str
    sha256: bytes | None = None
    size: int | None = None
    requires_python: str = ""
    uploaded: int | None = None
    yanked: str | None = None
    metadata: str | None = None


class _Row(msgspec.Struct, array_like=True, gc=False):
    """A file. ``where`` completes the page's base: with the file name after it, or, if it ends in ``#``, without."""

    filename: str
    where: str
    shape: int
    sha256: bytes | None
    size: int | None
    uploaded: int | None
    yanked: str | None
    metadata: str | None


class CompactPage(msgspec.Struct, array_like=True, gc=False):
    """A page. ``versions``, ``shape_sets_of``, ``uploaded`` and ``files`` run side by side, a release each."""

    base: str
    shapes: list[tuple[str, str, bool]]
    shape_sets: list[tuple[int, ...]]
    versions: list[str]
    shape_sets_of: list[int]
    uploaded: list[int]
    files: list[msgspec.Raw]
    left_out: int
    """Files that no resolver can use: unparsable names, formats that are no longer installed."""


class _Bucket:
    """The files of one version while a page is being read."""

    __slots__ = ("links", "version")

    def __init__(self, version: Version) -> None:
        self.version = version
        self.links: dict[str, tuple[Link, str, str]] = {}


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(CompactPage)
_row_decoder = msgspec.msgpack.Decoder(list[_Row])


def build_page(name: Name, links: Iterable[Link]) -> CompactPage:
    """Return the compact form of what a page lists; files of other projects are left out."""
    parser = FilenameParser(name)
    buckets: dict[Version, _Bucket] = {}
    left_out = 0
    for link in links:
        parsed = parser.parse(link.filename)
        if parsed is None:
            left_out += 1
            continue
        bucket = buckets.get(parsed.version)
        if bucket is None:
            bucket = buckets[parsed.version] = _Bucket(parsed.version)
        elif bucket.version is not parsed.version:
            # 1.0 and 1.0.0 are one version (PEP 440): the shorter spelling stands for it, whatever came first.
            bucket.version = min(bucket.version, parsed.version, key=lambda each: (len(str(each)), str(each)))
        # Of two links with one name the page's first counts.
        if link.filename not in bucket.links:
            bucket.links[link.filename] = (link, parsed.tags, _place(link))
    return _assemble(buckets, left_out)


def _assemble(buckets: dict[Version, _Bucket], left_out: int) -> CompactPage:
    ordered = [buckets[version] for version in sorted(buckets)]
    places = [place for bucket in ordered for _, _, place in bucket.links.values()]
    base = _common_start(min(places), max(places)) if places else ""
    page = CompactPage(base, [], [], [], [], [], [], left_out)
    shape_numbers: dict[tuple[str, str, bool], int] = {}
    set_numbers: dict[tuple[int, ...], int] = {}
    start = len(base)
    for bucket in ordered:
        rows = []
        for filename in sorted(bucket.links):
            link, tags, place = bucket.links[filename]
            shape = shape_numbers.setdefault((tags, link.requires_python, link.yanked is not None), len(shape_numbers))
            rows.append(
                _Row(
                    filename, place[start:], shape, link.sha256, link.size, link.uploaded, link.yanked,
                    link.metadata,
                )
            )  # fmt: skip
        shapes = tuple(sorted({row.shape for row in rows}))
        page.versions.append(str(bucket.version))
        page.shape_sets_of.append(set_numbers.setdefault(shapes, len(set_numbers)))
        page.uploaded.append(min((row.uploaded for row in rows if row.uploaded is not None), default=_UNKNOWN))
        page.files.append(msgspec.Raw(_encoder.encode(rows)))
    page.shapes.extend(shape_numbers)
    page.shape_sets.extend(set_numbers)
    return page


def _place(link: Link) -> str:
    # Almost every URL ends with the file's name, and is then kept without it.
    return link.url[: -len(link.filename)] if link.url.endswith("/" + link.filename) else link.url + "#"


def _common_start(first: str, second: str) -> str:
    """Return what two strings begin with; those of a whole list begin with that of its least and greatest."""
    for position, (one, other) in enumerate(zip(first, second, strict=False)):
        if one != other:
            return first[:position]
    return min(first, second)


def encode_page(page: CompactPage) -> bytes:
    """Return the bytes for the cache."""
    return _encoder.encode(page)


def decode_page(data: bytes | msgspec.Raw) -> CompactPage:
    """Return what was encoded.

    Raises:
        msgspec.MsgspecError: these are not the bytes of a page.
    """
    return _decoder.decode(data)


def open_page(compact: CompactPage, name: Name, index: str) -> Page:
    """Return the page as the solver sees it."""
    shapes = tuple(Shape("wheel" if tags else "sdist", tags, python, yanked) for tags, python, yanked in compact.shapes)
    sets = compact.shape_sets
    releases = tuple(
        [
            Release(version, sets[number], None if uploaded == _UNKNOWN else uploaded)
            for version, number, uploaded in zip(compact.versions, compact.shape_sets_of, compact.uploaded, strict=True)
        ]
    )
    numbers: dict[str, int] = {}

    @cache
    def load(version: str) -> tuple[File, ...]:
        if not numbers:
            numbers.update((text, number) for number, text in enumerate(compact.versions))
        number = numbers.get(version)
        return () if number is None else _files(compact, number, name, index)

    return Page(name=name, index=index, shapes=shapes, releases=releases, load_files=load)


def _files(compact: CompactPage, number: int, name: Name, index: str) -> tuple[File, ...]:
    version = compact.versions[number]
    files = []
    for row in _row_decoder.decode(compact.files[number]):
        tags, python, _ = compact.shapes[row.shape]
        where = compact.base + row.where
        files.append(
            File(
                name=name,
                version=version,
                kind="wheel" if tags else "sdist",
                filename=row.filename,
                index=index,
                url=where[:-1] if where.endswith("#") else where + row.filename,
                sha256=None if row.sha256 is None else row.sha256.hex(),
                size=row.size,
                requires_python=python or None,
                uploaded=row.uploaded,
                yanked=row.yanked,
                metadata_sha256=row.metadata,
            )
        )
    return tuple(files)


def digest_of(text: str | None) -> bytes | None:
    """Return the bytes of a hexadecimal sha256, or None if it is none."""
    if text is None or len(text) != 2 * _DIGEST_BYTES:
        return None
    try:
        digest = bytes.fromhex(text)
    except ValueError:
        return None
    return digest if len(digest) == _DIGEST_BYTES else None

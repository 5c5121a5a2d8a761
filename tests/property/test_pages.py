"""Laws of index pages: file names mean what packaging says, and the compact form keeps everything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import InvalidSdistFilename, InvalidWheelFilename, parse_sdist_filename, parse_wheel_filename
from packaging.version import Version

from envsolver.model.candidate import Name, Shape, normalize_name
from envsolver.sources.compact import Link, build_page, decode_page, encode_page, open_page
from envsolver.sources.filenames import FilenameParser

if TYPE_CHECKING:
    from random import Random

    from envsolver.model.candidate import File

NAMES = st.from_regex(r"[a-zA-Z0-9]([a-zA-Z0-9._-]{0,8}[a-zA-Z0-9])?", fullmatch=True)
VERSIONS = st.one_of(
    st.from_regex(
        r"v?([0-9]!)?[0-9]{1,2}(\.[0-9]{1,2}){0,3}((a|b|rc|alpha|c)[0-9])?([._-]?post[0-9]|-[0-9])?(\.dev[0-9])?"
        r"(\+[a-z0-9]+(\.[a-z0-9]+)?)?",
        fullmatch=True,
    ),
    st.text("0123456789.abrcdevpost-_+!v ", max_size=8),
)
TAGS = st.one_of(
    st.sampled_from(
        ["py3-none-any", "py2.py3-none-any", "cp38-cp38-manylinux_2_17_x86_64.manylinux2014_x86_64", "cp37-abi3-win32"]
    ),
    st.text("abcp3-._", max_size=12),
)
BUILDS = st.sampled_from(["", "", "", "-1", "-1local", "-x", "--"])


@given(NAMES, VERSIONS, BUILDS, TAGS)
def test_wheel_names_mean_what_packaging_says(name: str, version: str, build: str, tags: str) -> None:
    filename = f"{name.replace('-', '_')}-{version.replace('-', '_')}{build}-{tags}.whl"
    try:
        found_name, found_version, _, _ = parse_wheel_filename(filename)
    except InvalidWheelFilename:
        expected = None
    else:
        expected = found_version if str(found_name) == normalize_name(name) else None
    parsed = FilenameParser(normalize_name(name)).parse(filename)
    assert (parsed.version if parsed else None) == expected
    if parsed is not None:
        assert str(parsed.version) == str(expected)
        assert parsed.tags == "-".join(filename[:-4].rsplit("-", 3)[1:])


@given(NAMES, NAMES, VERSIONS, st.sampled_from([".tar.gz", ".zip"]))
def test_sdist_names_mean_what_packaging_says(project: str, name: str, version: str, suffix: str) -> None:
    filename = f"{name}-{version}{suffix}"
    try:
        found_name, found_version = parse_sdist_filename(filename)
    except InvalidSdistFilename:
        return
    for asked in (project, name):
        parsed = FilenameParser(normalize_name(asked)).parse(filename)
        if str(found_name) == normalize_name(asked):
            assert parsed is not None
            assert str(parsed.version) == str(found_version)
        elif parsed is not None:
            # packaging cannot know where the name ends: the rest must then be a version with a hyphen in it.
            assert normalize_name(filename).startswith(normalize_name(asked) + "-")


LINKS = st.builds(
    lambda version, tags, **more: Link(
        filename=f"demo-{version}-{tags}.whl" if tags else f"demo-{version}.tar.gz", **more
    ),
    st.sampled_from(["1.0", "1.0.0", "2.0rc1", "2.0", "2.0+cu116", "1!0.5"]),
    st.sampled_from(["", "py3-none-any", "cp38-cp38-win32", "cp39-abi3-linux_x86_64"]),
    url=st.sampled_from(["https://a.example/f", "https://a.example/ff", "https://b.example", "http://[::1]/x?y"]),
    sha256=st.none() | st.binary(min_size=32, max_size=32),
    size=st.none() | st.integers(0, 2**62 - 1),
    requires_python=st.sampled_from(["", ">=3.8"]),
    uploaded=st.none() | st.integers(0, 2**33),
    yanked=st.none() | st.text(max_size=3),
    metadata=st.none() | st.sampled_from(["", "ab" * 32]),
)


@given(st.lists(LINKS, max_size=12, unique_by=lambda link: link.filename), st.booleans())
def test_the_compact_form_keeps_everything(links: list[Link], full: bool) -> None:
    if full:
        for link in links:
            link.url = f"{link.url}/{link.filename}"
    page = open_page(decode_page(encode_page(build_page(Name("demo"), links))), Name("demo"), "main")
    by_name = {link.filename: link for link in links}
    seen = 0
    for release in page.releases:
        files = page.files(release.version)
        assert [file.filename for file in files] == sorted(file.filename for file in files)
        assert release.uploaded == min((file.uploaded for file in files if file.uploaded is not None), default=None)
        assert release.shapes == tuple(sorted({page.shapes.index(_shape(file)) for file in files}))
        for file in files:
            seen += 1
            _same(file, by_name[file.filename], release.version)
    assert seen == len(links)
    versions = [Version(release.version) for release in page.releases]
    assert versions == sorted(set(versions))


@given(st.lists(LINKS, max_size=12, unique_by=lambda link: link.filename), st.randoms())
def test_the_order_of_a_page_does_not_matter(links: list[Link], random: Random) -> None:
    shuffled = list(links)
    random.shuffle(shuffled)
    assert encode_page(build_page(Name("demo"), links)) == encode_page(build_page(Name("demo"), shuffled))


def _shape(file: File) -> Shape:
    return Shape(file.kind, file.tags, file.requires_python or "", file.yanked is not None)


def _same(file: File, link: Link, version: str) -> None:
    assert Version(file.version) == Version(version)
    assert file.url == link.url
    assert file.sha256 == (link.sha256.hex() if link.sha256 else None)
    assert (file.size, file.uploaded, file.yanked, file.metadata_sha256) == (
        link.size, link.uploaded, link.yanked, link.metadata,
    )  # fmt: skip
    assert (file.requires_python or "") == link.requires_python

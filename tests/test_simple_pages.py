"""Index pages: JSON and HTML, well-formed and not, and what a page of the solver is made of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from envsolver.model.candidate import File, Name, Release, Shape
from envsolver.model.errors import NetworkError
from envsolver.sources.compact import build_page, decode_page, encode_page, open_page
from envsolver.sources.simple import parse_links

if TYPE_CHECKING:
    from envsolver.model.candidate import Page

URL = "https://index.example/simple/demo/"
JSON = "application/vnd.pypi.simple.v1+json"
HTML = "text/html; charset=utf-8"
DIGEST = "ab" * 32
OTHER = "cd" * 32


def json_page(*files: dict[str, Any], **more: Any) -> bytes:
    page = {"meta": {"api-version": "1.1"}, "name": "demo", "files": list(files)} | more
    return json.dumps(page).encode()


def json_file(filename: str = "demo-1.0-py3-none-any.whl", /, **more: Any) -> dict[str, Any]:
    return {"filename": filename, "url": f"https://files.example/{filename}", "hashes": {"sha256": DIGEST}} | more


def page_of(body: bytes, content_type: str = JSON, *, name: str = "demo", url: str = URL) -> Page:
    compact = build_page(Name(name), parse_links(body, content_type, url))
    return open_page(decode_page(encode_page(compact)), Name(name), "main")


def only_file(page: Page) -> File:
    (release,) = page.releases
    (file,) = page.files(release.version)
    return file


class TestJson:
    def test_everything_a_file_can_say(self) -> None:
        page = page_of(
            json_page(
                json_file(
                    **{
                        "requires-python": ">=3.8,<4",
                        "size": 1234,
                        "upload-time": "2023-01-02T03:04:05.678901Z",
                        "yanked": "broken",
                        "core-metadata": {"sha256": OTHER},
                    }
                )
            )
        )
        assert only_file(page) == File(
            name=Name("demo"),
            version="1.0",
            kind="wheel",
            filename="demo-1.0-py3-none-any.whl",
            index="main",
            url="https://files.example/demo-1.0-py3-none-any.whl",
            sha256=DIGEST,
            size=1234,
            requires_python=">=3.8,<4",
            uploaded=1672628645,
            yanked="broken",
            metadata_sha256=OTHER,
        )
        assert page.shapes == (Shape("wheel", "py3-none-any", ">=3.8,<4", True),)
        assert page.releases == (Release("1.0", (0,), 1672628645),)

    def test_as_little_as_a_file_can_say(self) -> None:
        page = page_of(json_page({"filename": "demo-1.0.tar.gz", "url": "../../f/demo-1.0.tar.gz", "hashes": {}}))
        file = only_file(page)
        assert file.url == "https://index.example/f/demo-1.0.tar.gz"
        assert (file.kind, file.sha256, file.size, file.uploaded, file.yanked) == ("sdist", None, None, None, None)
        assert (file.requires_python, file.metadata_sha256) == (None, None)
        assert page.shapes == (Shape("sdist", "", "", False),)
        assert page.releases == (Release("1.0", (0,), None),)

    @pytest.mark.parametrize(
        ("yanked", "expected"), [(True, ""), (False, None), (None, None), ("", None), ("bad", "bad")]
    )
    def test_yanked(self, yanked: bool | str | None, expected: str | None) -> None:
        assert only_file(page_of(json_page(json_file(yanked=yanked)))).yanked == expected

    @pytest.mark.parametrize(
        ("said", "expected"),
        [
            ({"core-metadata": True}, ""),
            ({"core-metadata": False}, None),
            ({"core-metadata": {}}, ""),
            ({"core-metadata": {"sha256": "short"}}, ""),
            ({"dist-info-metadata": {"sha256": DIGEST}}, DIGEST),
            ({"data-dist-info-metadata": True}, ""),
            ({"core-metadata": {"sha256": OTHER}, "dist-info-metadata": {"sha256": DIGEST}}, OTHER),
            ({"core-metadata": False, "dist-info-metadata": True}, None),
        ],
    )
    def test_metadata_files(self, said: dict[str, Any], expected: str | None) -> None:
        assert only_file(page_of(json_page(json_file(**said)))).metadata_sha256 == expected

    @pytest.mark.parametrize(
        ("hashes", "expected"),
        [
            ({"sha256": DIGEST.upper()}, DIGEST),
            ({"md5": "ab"}, None),
            ({"sha256": "short"}, None),
            ({"sha256": "zz" * 32}, None),
            ({"sha256": " " + "ab" * 31 + "a"}, None),
            (None, None),
        ],
    )
    def test_hashes(self, hashes: dict[str, str] | None, expected: str | None) -> None:
        assert only_file(page_of(json_page(json_file(hashes=hashes)))).sha256 == expected

    @pytest.mark.parametrize("size", [-1, None, 2**63])
    def test_senseless_sizes_are_unknown(self, size: int | None) -> None:
        assert only_file(page_of(json_page(json_file(size=size)))).size is None

    @pytest.mark.parametrize(
        ("time", "expected"),
        [("2023-01-02T03:04:05Z", 1672628645), ("2023-01-02T04:04:05+01:00", 1672628645), ("yesterday", None)],
    )
    def test_upload_times(self, time: str, expected: int | None) -> None:
        assert only_file(page_of(json_page(json_file(**{"upload-time": time})))).uploaded == expected

    def test_a_link_elsewhere_without_a_web_scheme_is_left_out(self) -> None:
        page = page_of(json_page(json_file(url="file:///etc/passwd"), json_file("demo-2.0.tar.gz")))
        assert [release.version for release in page.releases] == ["2.0"]

    def test_credentials_in_links_are_dropped(self) -> None:
        file = only_file(
            page_of(json_page(json_file(url="https://user:secret@files.example/demo-1.0-py3-none-any.whl")))
        )
        assert file.url == "https://files.example/demo-1.0-py3-none-any.whl"

    def test_a_url_that_does_not_end_with_the_file_name(self) -> None:
        file = only_file(page_of(json_page(json_file(url="https://files.example/get?id=7"))))
        assert file.url == "https://files.example/get?id=7"

    def test_a_newer_minor_version_is_read(self) -> None:
        assert page_of(json_page(json_file(), meta={"api-version": "1.9", "new": []}, more=1)).releases

    @pytest.mark.parametrize("version", ["2.0", "2", "10.1", "x"])
    def test_another_major_version_is_not(self, version: str) -> None:
        with pytest.raises(NetworkError, match=f"speaks version '{version}'"):
            page_of(json_page(meta={"api-version": version}))


class TestHtml:
    def page(self, *anchors: str, head: str = "", **options: Any) -> Page:
        text = f"<!DOCTYPE html><html><head>{head}</head><body>{'<br/>'.join(anchors)}</body></html>"
        return page_of(text.encode(), HTML, **options)

    def test_everything_an_anchor_can_say(self) -> None:
        page = self.page(
            f'<a href="../../f/demo-1.0%2Bcu116-py3-none-any.whl#sha256={DIGEST}"'
            ' data-requires-python="&gt;=3.8" data-yanked="broken &amp; bad" data-upload-time="2023-01-02T03:04:05Z"'
            f' data-core-metadata="sha256={OTHER}">demo-1.0+cu116-py3-none-any.whl</a>'
        )
        assert only_file(page) == File(
            name=Name("demo"),
            version="1.0+cu116",
            kind="wheel",
            filename="demo-1.0+cu116-py3-none-any.whl",
            index="main",
            url="https://index.example/f/demo-1.0%2Bcu116-py3-none-any.whl",
            sha256=DIGEST,
            requires_python=">=3.8",
            uploaded=1672628645,
            yanked="broken & bad",
            metadata_sha256=OTHER,
        )

    @pytest.mark.parametrize(
        ("attributes", "expected"),
        [
            ("", None),
            ('data-dist-info-metadata="true"', ""),
            (f'data-dist-info-metadata="sha256={DIGEST}"', DIGEST),
            (f'data-core-metadata="true" data-dist-info-metadata="sha256={DIGEST}"', ""),
            ('data-core-metadata="false"', None),
            ('data-core-metadata="md5=ab"', ""),
            ("data-core-metadata", ""),
        ],
    )
    def test_metadata_files(self, attributes: str, expected: str | None) -> None:
        page = self.page(f'<a href="demo-1.0-py3-none-any.whl" {attributes}>demo</a>')
        assert only_file(page).metadata_sha256 == expected

    @pytest.mark.parametrize(
        ("attributes", "expected"), [("", None), ("data-yanked", ""), ('data-yanked=""', ""), ('data-yanked="x"', "x")]
    )
    def test_yanked(self, attributes: str, expected: str | None) -> None:
        assert only_file(self.page(f'<a href="demo-1.0.zip" {attributes}>demo</a>')).yanked == expected

    @pytest.mark.parametrize(
        ("fragment", "expected"),
        [
            ("", None),
            ("#md5=ab", None),
            (f"#sha256={DIGEST}", DIGEST),
            (f"#egg=demo&sha256={DIGEST}", DIGEST),
            ("#sha256=wrong", None),
        ],
    )
    def test_hashes(self, fragment: str, expected: str | None) -> None:
        file = only_file(self.page(f'<a href="demo-1.0.zip{fragment}">demo</a>'))
        assert (file.sha256, file.url) == (expected, "https://index.example/simple/demo/demo-1.0.zip")

    @pytest.mark.parametrize(
        ("base", "link", "expected"),
        [
            ("", "demo-1.0.zip", "https://index.example/simple/demo/demo-1.0.zip"),
            ("", "/f/demo-1.0.zip", "https://index.example/f/demo-1.0.zip"),
            ("", "//cdn.example/demo-1.0.zip", "https://cdn.example/demo-1.0.zip"),
            ("", "https://cdn.example/demo-1.0.zip", "https://cdn.example/demo-1.0.zip"),
            ('<base href="https://cdn.example/a/">', "demo-1.0.zip", "https://cdn.example/a/demo-1.0.zip"),
            ('<base href="/b/">', "demo-1.0.zip", "https://index.example/b/demo-1.0.zip"),
            ("", " demo-1.0.zip ", "https://index.example/simple/demo/demo-1.0.zip"),
        ],
    )
    def test_links(self, base: str, link: str, expected: str) -> None:
        assert only_file(self.page(f'<a href="{link}">demo-1.0.zip</a>', head=base)).url == expected

    def test_a_download_address_with_the_name_in_the_text(self) -> None:
        file = only_file(self.page('<a href="/download?id=7">demo-1.0.zip</a>'))
        assert (file.filename, file.url) == ("demo-1.0.zip", "https://index.example/download?id=7")

    def test_anchors_that_are_never_closed(self) -> None:
        page = self.page('<a href="demo-1.0.zip">demo-1.0.zip', '<a href="demo-2.0.zip">demo-2.0.zip')
        assert [release.version for release in page.releases] == ["1.0", "2.0"]

    def test_broken_links_are_left_out(self) -> None:
        page = self.page('<a href="http://[bad/demo-1.0.zip">x</a>', "<a>y</a>", '<a href="demo-2.0.zip">z</a>')
        assert [release.version for release in page.releases] == ["2.0"]

    def test_a_folder_listing(self) -> None:
        page = self.page('<a href="?C=N">Name</a>', '<a href="../">Parent</a>', '<a href="demo-1.0.zip">demo</a>')
        assert [release.version for release in page.releases] == ["1.0"]

    @pytest.mark.parametrize("content_type", ["", "text/plain", "application/octet-stream", "binary/octet-stream"])
    def test_servers_that_do_not_know_what_they_serve(self, content_type: str) -> None:
        assert page_of(b'<a href="demo-1.0.zip">demo-1.0.zip</a>', content_type).releases
        assert page_of(b"\n" + json_page(json_file()), content_type).releases

    def test_other_encodings(self) -> None:
        text = '<a href="demo-1.0.zip" data-yanked="böse">demo</a>'
        assert only_file(page_of(text.encode("latin-1"), "text/html; charset=latin-1")).yanked == "böse"
        assert only_file(page_of(text.encode(), "text/html; charset=nonsense")).yanked == "böse"

    def test_a_page_without_files_is_a_page(self) -> None:
        meta = '<meta name="pypi:repository-version" content="1.0">'
        assert self.page().releases == ()
        assert self.page('<a href="x">docs</a>', head=meta).releases == ()

    def test_another_major_version(self) -> None:
        with pytest.raises(NetworkError, match=r"speaks version '2\.0'"):
            self.page(head='<meta name="pypi:repository-version" content="2.0">')


class TestNotAPage:
    @pytest.mark.parametrize(
        ("body", "content_type", "reason"),
        [
            (b'{"meta": {"api-version": "1.0"}, "files": [', JSON, "broken or breaks off"),
            (b"{}", JSON, "JSON of something else"),
            (b'{"info": {}, "urls": []}', "application/json", "JSON of something else"),
            (b"[]", JSON, "JSON of something else"),
            (json_page({"filename": 1, "url": "x"}), JSON, "JSON of something else"),
            (b"\xff\xfe", JSON, "broken or breaks off"),
            (b"", JSON, "broken or breaks off"),
            (b"<html><form action=login><input name=password></form></html>", HTML, "perhaps for signing in"),
            (b"<html><a href='https://example.org/about'>About</a></html>", HTML, "links to no distribution file"),
            (b"nothing to see", HTML, "neither HTML nor JSON"),
            (b"", "", "neither HTML nor JSON"),
            (b"%PDF-1.4", "application/pdf", "it is 'application/pdf'"),
        ],
    )
    def test_it_says_what_came_and_what_to_do(self, body: bytes, content_type: str, reason: str) -> None:
        url = "https://user:secret@index.example/simple/demo/"
        with pytest.raises(NetworkError, match=reason) as caught:
            parse_links(body, content_type, url)
        assert "https://****@index.example/simple/demo/ is not an index page" in str(caught.value)
        assert caught.value.hint is not None

    @pytest.mark.parametrize(
        ("body", "page"),
        [
            ("<html><body>Please log in</body></html>", False),
            ("<!DOCTYPE html><html><head><title>Portal</title></head><body><h1>Not found</h1></body></html>", False),
            ("<html><body></body></html>", True),
            ("<html><head><title>Links for demo</title></head><body><h1>Links for demo</h1></body></html>", True),
            ("<html><body>Index of /x<a href='../'>Parent</a></body></html>", True),
            ("<html><body><h1>My_Demo.Project</h1></body></html>", True),
        ],
    )
    def test_a_page_without_links_names_its_project(self, body: str, page: bool) -> None:
        project = "my-demo-project" if "Demo" in body else "demo"
        if page:
            assert parse_links(body.encode(), HTML, "https://index.example/x/", project=project) == []
        else:
            with pytest.raises(NetworkError, match="neither links to a file nor names demo"):
                parse_links(body.encode(), HTML, "https://index.example/x/", project=project)


class TestPages:
    def files(self, *names: str, name: str = "demo") -> Page:
        return page_of(json_page(*(json_file(each) for each in names)), name=name)

    def test_releases_ascend_by_pep_440(self) -> None:
        versions = ["1.10", "1.9", "1!0.1", "1.9.post1", "1.9rc1", "1.9.dev1", "2.0+local", "2.0"]
        page = self.files(*(f"demo-{version}.tar.gz" for version in versions))
        assert [release.version for release in page.releases] == [
            "1.9.dev1", "1.9rc1", "1.9", "1.9.post1", "1.10", "2.0", "2.0+local", "1!0.1",
        ]  # fmt: skip

    def test_files_come_by_name_whatever_the_page_s_order(self) -> None:
        names = ["demo-1.0-cp39-cp39-linux_x86_64.whl", "demo-1.0.tar.gz", "demo-1.0-cp310-cp310-linux_x86_64.whl"]
        for order in (names, names[::-1]):
            page = self.files(*order)
            assert [file.filename for file in page.files("1.0")] == sorted(names)
            assert [shape.tags for shape in page.shapes] == ["cp310-cp310-linux_x86_64", "cp39-cp39-linux_x86_64", ""]

    def test_spellings_of_one_version_are_one_release(self) -> None:
        for names in (
            ("demo-1.0.0.tar.gz", "demo-1.0-py3-none-any.whl"),
            ("demo-1.0.zip", "demo-1.0.0-py3-none-any.whl"),
        ):
            page = self.files(*names)
            assert [release.version for release in page.releases] == ["1.0"]
            assert len(page.files("1.0")) == 2

    def test_both_kinds_of_sdist_are_kept(self) -> None:
        assert [file.filename for file in self.files("demo-1.0.zip", "demo-1.0.tar.gz").files("1.0")] == [
            "demo-1.0.tar.gz",
            "demo-1.0.zip",
        ]

    def test_a_version_that_is_not_there_has_no_files(self) -> None:
        assert self.files("demo-1.0.zip").files("2.0") == ()

    def test_what_cannot_be_used_is_counted(self) -> None:
        names = [
            "demo-1.0.tar.gz",
            "demo-1.0.win32.exe",
            "demo-1.0-py3.8.egg",
            "demo-1.0-1.noarch.rpm",
            "demo-1.0.linux-x86_64.tar.gz",
            "demo-not.a.version.tar.gz",
            "other-1.0.tar.gz",
            "demo-1.0-py3-none.whl",
            "demo-1.0-x-py3-none-any.whl",
            "demo__x-1.0-py3-none-any.whl",
            "demo-1.0-py3--any.whl",
            "README.txt",
        ]
        compact = build_page(Name("demo"), parse_links(json_page(*(json_file(each) for each in names)), JSON, URL))
        assert compact.versions == ["1.0"]
        assert compact.left_out == len(names) - 1

    @pytest.mark.parametrize(
        ("name", "filename", "version"),
        [
            ("zope-interface", "zope.interface-5.0.tar.gz", "5.0"),
            ("zope-interface", "zope_interface-5.0-py3-none-any.whl", "5.0"),
            ("python-dateutil", "Python-DateUtil-2.8.2.zip", "2.8.2"),
            ("cffi", "cffi-1.0.2-2.tar.gz", "1.0.2.post2"),
            ("foo-2", "foo-2-1.0.tar.gz", "1.0"),
            ("demo", "demo-1.0-1_build-py3-none-any.whl", "1.0"),
            ("demo", "demo-v1.0-py2.py3-none-any.whl", "1.0"),
            ("demo", "demo-01.0.tar.bz2", "1.0"),
        ],
    )
    def test_names_and_versions(self, name: str, filename: str, version: str) -> None:
        page = self.files(filename, name=name)
        assert [release.version for release in page.releases] == [version]

    def test_of_two_links_with_one_name_the_first_counts(self) -> None:
        page = page_of(json_page(json_file(url="https://one.example/x"), json_file(url="https://two.example/x")))
        assert only_file(page).url == "https://one.example/x"

    def test_a_release_appeared_with_its_first_file(self) -> None:
        page = page_of(
            json_page(
                json_file("demo-1.0.tar.gz", **{"upload-time": "1970-01-01T00:01:00Z"}),
                json_file("demo-1.0-py3-none-any.whl", **{"upload-time": "1970-01-01T00:00:30Z"}),
                json_file("demo-1.0-py2-none-any.whl"),
            )
        )
        assert page.releases[0].uploaded == 30

    def test_shapes_are_shared(self) -> None:
        page = self.files(*(f"demo-{minor}.0-py3-none-any.whl" for minor in range(50)))
        assert len(page.shapes) == 1
        assert {release.shapes for release in page.releases} == {(0,)}

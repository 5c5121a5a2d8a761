"""Indexes: which one a package comes from, and what a session shares."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from envsolver.model.candidate import DEFAULT_INDEX, DIRECT_INDEX, Name
from envsolver.model.errors import FileError, NetworkError, UnknownPackageError
from envsolver.sources.cache import Cache
from envsolver.sources.compact import build_page, open_page
from envsolver.sources.config import default_index_url
from envsolver.sources.digests import Digests
from envsolver.sources.http import HttpClient
from envsolver.sources.indexes import BoundIndex, IndexSet, SharedMetadata, absent_statuses
from envsolver.sources.pagestore import IndexAddress, PageStore
from envsolver.sources.simple import ACCEPT, parse_links
from tests.support.packages import make_sdist, make_wheel, sdist_filename, sha256, wheel_filename
from tests.support.sources import LINUX, World, add, index_spec, spec_with

if TYPE_CHECKING:
    from envsolver.model.candidate import File, Page
    from envsolver.model.spec import IndexSpec
    from tests.support.index_server import IndexServer


class TestWhereAPackageComesFrom:
    @pytest.fixture
    def server(self, index_server: IndexServer) -> IndexServer:
        add(index_server, "torch", "1.0")
        add(index_server, "torch", "99.0", index="other")
        add(index_server, "requests", "2.0")
        add(index_server, "requests", "99.0", index="other")
        return index_server

    def world(self, server: IndexServer, root: Path, *indexes: IndexSpec) -> World:
        return World(root, server.url(), spec_with(*indexes))

    def test_the_default_index(self, server: IndexServer, tmp_path: Path) -> None:
        assert self.world(server, tmp_path).versions("torch") == [f"1.0 of {DEFAULT_INDEX}"]

    def test_an_index_with_packages_serves_those_alone(self, server: IndexServer, tmp_path: Path) -> None:
        world = self.world(server, tmp_path, index_spec("other", server.url("other"), "torch"))
        assert world.versions("torch") == ["99.0 of other"]
        assert world.versions("requests") == ["2.0 of default"]
        assert server.asked("/other/requests/*") == []

    def test_a_higher_version_elsewhere_changes_nothing(self, server: IndexServer, tmp_path: Path) -> None:
        # Dependency confusion: somebody puts a higher version of a private package on a public index.
        add(server, "private", "1.0", index="other")
        add(server, "private", "100.0")
        world = self.world(server, tmp_path, index_spec("other", server.url("other"), "private"))
        assert world.versions("private") == ["1.0 of other"]
        assert server.asked("/simple/private/*") == []

    def test_a_bound_package_comes_from_nowhere_else(self, server: IndexServer, tmp_path: Path) -> None:
        add(server, "private", "100.0")
        world = self.world(server, tmp_path, index_spec("other", server.url("other"), "private"))
        with pytest.raises(UnknownPackageError, match=r"no index has a package 'private' \(asked: other\)") as caught:
            world.page("private")
        assert "to which the spec binds it" in str(caught.value.hint)
        assert server.asked("/simple/private/*") == []

    def test_named_indexes_come_before_the_default_and_the_first_match_wins(
        self, server: IndexServer, tmp_path: Path
    ) -> None:
        add(server, "requests", "50.0", index="third")
        world = self.world(
            server, tmp_path, index_spec("third", server.url("third")), index_spec("other", server.url("other"))
        )
        assert world.versions("requests") == ["50.0 of third"]
        assert world.versions("torch") == ["99.0 of other"]

    def test_patterns_and_the_most_exact_binding(self, server: IndexServer, tmp_path: Path) -> None:
        add(server, "nvidia-nccl-cu12", "1.0", index="other")
        add(server, "nvidia-cublas-cu12", "2.0", index="third")
        world = self.world(
            server,
            tmp_path,
            index_spec("other", server.url("other"), "nvidia-*"),
            index_spec("third", server.url("third"), "nvidia-cublas-*"),
            index_spec("default-too", server.url(), "nvidia-cublas-cu11"),
        )
        assert world.versions("nvidia-nccl-cu12") == ["1.0 of other"]
        assert world.versions("nvidia-cublas-cu12") == ["2.0 of third"]
        with pytest.raises(UnknownPackageError, match="asked: default-too"):
            world.page("nvidia-cublas-cu11")

    def test_a_binding_for_one_platform(self, server: IndexServer, tmp_path: Path) -> None:
        world = self.world(server, tmp_path, index_spec("other", server.url("other"), "torch", platforms=("win-64",)))
        assert world.versions("torch", platform="win-64") == ["99.0 of other"]
        assert world.versions("torch", platform=LINUX) == ["1.0 of default"]

    @pytest.mark.parametrize(("status", "reason"), [(401, "refuses"), (403, "refuses"), (418, "status 418")])
    def test_an_index_that_refuses_stops_the_search(
        self, server: IndexServer, tmp_path: Path, status: int, reason: str
    ) -> None:
        server.fault("/other/*", status=status)
        world = self.world(server, tmp_path, index_spec("other", server.url("other")))
        with pytest.raises(NetworkError, match=f"index 'other': .*{reason}"):
            world.page("requests")

    def test_an_index_that_is_down_stops_the_search(self, server: IndexServer, tmp_path: Path) -> None:
        server.fault("/other/*", status=503)
        world = self.world(server, tmp_path, index_spec("other", server.url("other")))
        with pytest.raises(NetworkError, match=r"index 'other': .*answered 503 \(tried 4 times\)"):
            world.page("requests")

    def test_object_storage_answers_403_for_what_is_not_there(self, server: IndexServer, tmp_path: Path) -> None:
        assert absent_statuses("https://download.pytorch.org/whl/cu116") == {403}
        assert absent_statuses("https://pytorch.org.evil.example/whl") == frozenset()
        server.fault("/other/*", status=403)

        async def run() -> Page:
            async with HttpClient(environ={}) as http:
                store = PageStore(http=http, cache=Cache(None))
                other = IndexAddress(url=server.url("other"), absent=frozenset({403}))
                source = IndexSet(
                    [
                        BoundIndex(alias="other", address=other),
                        BoundIndex(alias="default", address=IndexAddress(url=server.url())),
                    ],
                    pages=store,
                    metadata=SharedMetadata(_unread, _unread, _unread),
                    digests=Digests(http=http, cache=Cache(None)),
                    direct=_unread,
                )
                return await source.page(Name("requests"))

        assert asyncio.run(run()).index == "default"

    def test_an_unknown_package_says_who_was_asked_and_what_there_is(self, server: IndexServer, tmp_path: Path) -> None:
        world = World(
            tmp_path,
            server.url().replace("//", "//user:secret@"),
            spec_with(
                index_spec("other", server.url("other")), requirements=("requests>=2", "requestz-oauthlib", "torch")
            ),
        )
        with pytest.raises(UnknownPackageError, match=r"'requestz' \(asked: other, default\)") as caught:
            world.page("requestz")
        # Suggested is only what an index really has.
        assert caught.value.hint == (
            f"did you mean 'requests'? (other is {server.url('other')}, from specs/demo.yaml:7; "
            f"default is {server.url()}, from UV_DEFAULT_INDEX)"
        )
        assert server.asked("/simple/") == []

    def test_an_index_of_another_dialect(self, index_server: IndexServer, tmp_path: Path) -> None:
        index_server.index(format="html", links="relative")
        add(index_server, "demo", "1.0", requires_python=">=3.7", yanked="bad")
        (file,) = World(tmp_path, index_server.url()).page("demo").files("1.0")
        assert file.url == index_server.file_url(file.filename)
        assert (file.sha256, file.requires_python, file.yanked) == (
            sha256(make_wheel("demo", "1.0")),
            ">=3.7",
            "bad",
        )

    def test_what_is_not_a_page_is_named(self, server: IndexServer, tmp_path: Path) -> None:
        server.fault("/simple/torch/*", body=b"<html><form>Log in</form></html>", content_type="text/html")
        with pytest.raises(NetworkError, match=r"index 'default': .* is not an index page: .*signing in"):
            self.world(server, tmp_path).page("torch")


class TestFindLinks:
    def test_a_flat_page(self, index_server: IndexServer, tmp_path: Path) -> None:
        index_server.index("flat", format="find-links", links="relative")
        add(index_server, "onnxruntime-training", "1.11.1+cu113", "1.12.0", index="flat")
        add(index_server, "torch-ort", "1.0", index="flat")
        index_server.add(sdist_filename("torch-ort", "0.9"), make_sdist("torch-ort", "0.9"), index="flat")
        spec = spec_with(
            index_spec("ort", index_server.url("flat"), "onnxruntime-training", "torch-*", kind="find-links")
        )
        world = World(tmp_path, index_server.url(), spec)

        async def several(source: IndexSet) -> list[Page]:
            return [await source.page(Name(name)) for name in ("onnxruntime-training", "torch-ort")]

        pages = world.ask(several)
        assert [[release.version for release in page.releases] for page in pages] == [
            ["1.11.1+cu113", "1.12.0"],
            ["0.9", "1.0"],
        ]
        assert len(index_server.asked("/flat.html")) == 1
        world.ask(several)
        assert len(index_server.asked("/flat.html")) == 1
        with pytest.raises(UnknownPackageError, match="asked: ort"):
            world.page("torch-nebula")

    def test_a_flat_page_that_is_gone(self, index_server: IndexServer, tmp_path: Path) -> None:
        spec = spec_with(index_spec("ort", f"{index_server.base}/gone.html", "demo", kind="find-links"))
        with pytest.raises(NetworkError, match=r"index 'ort': .*gone\.html is not there"):
            World(tmp_path, index_server.url(), spec).page("demo")

    def test_a_local_folder(self, index_server: IndexServer, tmp_path: Path) -> None:
        folder = tmp_path / "wheels"
        folder.mkdir()
        wheel = make_wheel("demo", "1.0+local")
        (folder / wheel_filename("demo", "1.0+local")).write_bytes(wheel)
        (folder / "README").write_text("hello")
        (folder / "sub").mkdir()
        spec = spec_with(index_spec("local", "wheels", kind="find-links"))
        world = World(tmp_path, index_server.url(), spec)
        (file,) = world.page("demo", offline=True).files("1.0+local")
        assert (file.index, file.size, file.sha256) == ("local", len(wheel), None)

        async def read(source: IndexSet) -> Any:
            return await source.digest(file), await source.metadata(file)

        digest, metadata = world.ask(read, offline=True)
        assert digest == (sha256(wheel), len(wheel))
        assert metadata.source == "wheel"

    def test_a_folder_that_is_not_there(self, index_server: IndexServer, tmp_path: Path) -> None:
        spec = spec_with(index_spec("local", "wheels", kind="find-links"))
        with pytest.raises(FileError, match="wheels: cannot be read as a folder"):
            World(tmp_path, index_server.url(), spec).page("demo")

    def test_a_local_simple_index(self, index_server: IndexServer, tmp_path: Path) -> None:
        (tmp_path / "index" / "demo").mkdir(parents=True)
        (tmp_path / "index" / "demo" / "index.html").write_text('<a href="demo-1.0.tar.gz">demo-1.0.tar.gz</a>')
        spec = spec_with(index_spec("local", (tmp_path / "index").as_uri()))
        world = World(tmp_path, index_server.url(), spec)
        (file,) = world.page("demo").files("1.0")
        assert file.url == (tmp_path / "index" / "demo" / "demo-1.0.tar.gz").as_uri()
        with pytest.raises(UnknownPackageError):
            world.page("other")


class TestSessions:
    def test_metadata_is_read_once_for_all_sources(self, index_server: IndexServer, tmp_path: Path) -> None:
        index_server.add("demo-1.0-py3-none-any.whl", make_wheel("demo", "1.0", requires=["six>=1"]), metadata=True)
        world = World(tmp_path, index_server.url())

        async def run() -> list[Any]:
            async with world.session() as session:
                found = []
                for platform in (LINUX, "win-64"):
                    source = session.source_for(world.spec, platform, tmp_path)
                    (file,) = (await source.page(Name("demo"))).files("1.0")
                    source.hint_metadata(file)
                    found.append(await source.metadata(file))
                return found

        found = asyncio.run(run())
        assert found[0] is found[1]
        assert found[0].requires_dist == ("six>=1",)
        assert len(index_server.asked("/files/*")) == 1

    def test_direct_references_are_read_once_with_their_credentials(
        self, index_server: IndexServer, tmp_path: Path
    ) -> None:
        wheel = make_wheel("demo", "1.0", requires=["six"])
        index_server.index("private", auth=("user", "secret"))
        index_server.add("demo-1.0-py3-none-any.whl", wheel, index="private")
        url = index_server.file_url("demo-1.0-py3-none-any.whl", "private").replace("//", "//user:secret@")
        world = World(tmp_path, index_server.url())

        async def read(source: IndexSet) -> Any:
            pages = await asyncio.gather(*(source.direct(Name("demo"), url) for _ in range(3)))
            (file,) = pages[0].files("1.0")
            return pages, file, await source.metadata(file)

        pages, file, metadata = world.ask(read, no_cache=True)
        assert pages[0] is pages[2]
        assert (file.index, file.sha256, metadata.requires_dist) == (DIRECT_INDEX, sha256(wheel), ("six",))
        assert "secret" not in repr(pages)
        assert not (tmp_path / "cache").exists()

    def test_credentials_of_a_named_index_come_from_the_environment(
        self, index_server: IndexServer, tmp_path: Path
    ) -> None:
        index_server.index("other", auth=("user", "secret"))
        add(index_server, "demo", "1.0", index="other", metadata=True)
        spec = spec_with(index_spec("my-corp", index_server.url("other"), "demo"))
        environ = {"UV_INDEX_MY_CORP_USERNAME": "user", "UV_INDEX_MY_CORP_PASSWORD": "secret"}
        page = World(tmp_path, index_server.url(), spec, environ).page("demo")
        assert "secret" not in repr(page.files("1.0"))
        with pytest.raises(NetworkError, match="refuses to answer") as caught:
            World(tmp_path / "elsewhere", index_server.url(), spec).page("demo")
        assert "UV_INDEX_MY_CORP_PASSWORD" in str(caught.value.hint)

    def test_the_default_index_may_have_a_name_of_uv_s(self, index_server: IndexServer, tmp_path: Path) -> None:
        index_server.index(auth=("user", "secret"))
        add(index_server, "demo", "1.0")
        environ = {"UV_INDEX_CORP_USERNAME": "user", "UV_INDEX_CORP_PASSWORD": "secret"}
        assert World(tmp_path, f"corp={index_server.url()}", environ=environ).versions("demo") == ["1.0 of default"]


@pytest.mark.live
@pytest.mark.parametrize("name", ["cffi", "numpy", "pillow", "pyyaml", "zope-interface"])
def test_the_real_index_says_the_same_in_both_dialects(name: str) -> None:
    location = default_index_url(os.environ, Path.home(), Path.cwd())

    async def fetch(accept: str) -> Page:
        async with HttpClient() as http:
            url = http.credentials.register(location.url)
            reply = await http.get(f"{url.rstrip('/')}/{name}/", headers={"Accept": accept})
            links = parse_links(reply.body, reply.headers["content-type"], reply.url)
            return open_page(build_page(Name(name), links), Name(name), "live")

    def files(page: Page) -> list[File]:
        found = [file for release in page.releases for file in page.files(release.version)]
        # HTML says neither size nor time.
        return [replace(file, size=None, uploaded=None) for file in found]

    as_json, as_html = asyncio.run(fetch(ACCEPT)), asyncio.run(fetch("text/html"))
    assert len(as_json.releases) > 10
    assert files(as_json) == files(as_html)
    assert as_json.shapes == as_html.shapes


async def _unread(*what: object) -> Any:
    raise AssertionError(what)

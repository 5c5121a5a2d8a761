"""Indexes: which one a package comes from, what is asked when, and what a run remembers of another."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from envsolver.model.candidate import DEFAULT_INDEX, DIRECT_INDEX, Name, Page
from envsolver.model.errors import FileError, NetworkError, UnknownPackageError
from envsolver.model.origin import Origin
from envsolver.model.spec import IndexSpec, Spec, SpecRequirement
from envsolver.sources.cache import Cache
from envsolver.sources.compact import build_page, open_page
from envsolver.sources.config import default_index_url
from envsolver.sources.digests import Digests
from envsolver.sources.freshness import is_fresh, lifetime
from envsolver.sources.http import HttpClient
from envsolver.sources.indexes import BoundIndex, IndexSet, SharedMetadata, absent_statuses
from envsolver.sources.open import SourceSettings, open_session
from envsolver.sources.pagestore import IndexAddress, PageStore
from envsolver.sources.simple import ACCEPT, parse_links
from envsolver.sources.tasks import SharedTasks
from tests.support.packages import make_sdist, make_wheel, sdist_filename, sha256, wheel_filename

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from envsolver.model.candidate import File
    from envsolver.sources.open import Session
    from tests.support.index_server import IndexServer

LINUX = "linux-64"


async def _no_sleep(_seconds: float) -> None:
    """Wait for nothing between tries."""


class Clock:
    """A clock that stands still unless it is moved."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


def spec_with(*indexes: IndexSpec, requirements: tuple[str, ...] = ()) -> Spec:
    origin = Origin("specs/demo.yaml", 1)
    return Spec(
        name="demo",
        origin=origin,
        python="3.11",
        python_origin=origin,
        platforms=(LINUX,),
        requirements=tuple(SpecRequirement(text=text, origin=origin) for text in requirements),
        indexes=indexes,
    )


def index_spec(alias: str, url: str, *packages: str, **more: Any) -> IndexSpec:
    return IndexSpec(alias=alias, url=url, origin=Origin("specs/demo.yaml", 7), packages=packages, **more)


class World:
    """A cache, a default index and a spec: asks as one run after another would."""

    def __init__(
        self, root: Path, default: str, spec: Spec | None = None, environ: dict[str, str] | None = None
    ) -> None:
        self.root = root
        self.spec = spec or spec_with()
        self.environ = {
            "UV_DEFAULT_INDEX": default,
            "UV_NO_CONFIG": "1",
            "PIP_CONFIG_FILE": os.devnull,
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        } | (environ or {})

    @asynccontextmanager
    async def session(self, **options: Any) -> AsyncIterator[Session]:
        settings = SourceSettings(
            cache_dir=self.root / "cache", environ=self.environ, home=self.root, cwd=self.root, **options
        )
        async with open_session(settings) as session:
            session.http._sleep = _no_sleep
            yield session

    def ask(self, use: Callable[[IndexSet], Coroutine[Any, Any, Any]], *, platform: str = LINUX, **options: Any) -> Any:
        async def run() -> Any:
            async with self.session(**options) as session:
                return await use(session.source_for(self.spec, platform, self.root))

        return asyncio.run(run())

    def page(self, name: str, **options: Any) -> Page:
        page = self.ask(lambda source: source.page(Name(name)), **options)
        assert isinstance(page, Page)
        return page

    def versions(self, name: str, **options: Any) -> list[str]:
        page = self.page(name, **options)
        return [f"{release.version} of {page.index}" for release in page.releases]


def add(server: IndexServer, name: str, *versions: str, index: str = "simple", **said: Any) -> None:
    for version in versions:
        server.add(wheel_filename(name, version), make_wheel(name, version), index=index, **said)


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
                    metadata=SharedMetadata(_unread, _unread),
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
            f"did you mean requests? (other is {server.url('other')}, from specs/demo.yaml:7; "
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


class TestFreshness:
    @pytest.mark.parametrize(
        ("headers", "expected"),
        [
            ({}, 600.0),
            ({"cache-control": "max-age=60"}, 60.0),
            ({"cache-control": "public, max-age=600", "age": "500"}, 100.0),
            ({"cache-control": "max-age=60", "age": "90"}, 0.0),
            ({"cache-control": "s-maxage=60"}, 600.0),
            ({"cache-control": "no-store, max-age=60"}, 0.0),
            ({"cache-control": "no-cache"}, 0.0),
            ({"etag": '"x"'}, 0.0),
            ({"last-modified": "yesterday"}, 0.0),
            ({"etag": '"x"', "cache-control": "max-age=5"}, 5.0),
            ({"cache-control": "max-age=never"}, 600.0),
        ],
    )
    def test_lifetime(self, headers: dict[str, str], expected: float) -> None:
        assert lifetime(headers) == expected

    def test_an_answer_from_the_future_is_stale(self) -> None:
        assert is_fresh(100.0, 600.0, 100.0)
        assert is_fresh(100.0, 600.0, 699.0)
        assert not is_fresh(100.0, 600.0, 700.0)
        assert not is_fresh(100.0, 600.0, 99.0)

    def stores(self, root: Path, clock: Clock, server: IndexServer) -> Callable[..., list[str] | None]:
        def ask(**options: Any) -> list[str] | None:
            async def run() -> list[str] | None:
                async with HttpClient(environ={}, offline=options.get("offline", False)) as http:
                    store = PageStore(http=http, cache=Cache(root), clock=clock, **options)
                    page = await store.page(IndexAddress(url=server.url()), Name("demo"))
                    return None if page is None else page.versions

            return asyncio.run(run())

        return ask

    def test_without_any_header_a_page_is_good_for_ten_minutes(self, index_server: IndexServer, tmp_path: Path) -> None:
        add(index_server, "demo", "1.0")
        clock = Clock()
        ask = self.stores(tmp_path, clock, index_server)
        assert ask() == ["1.0"]
        add(index_server, "demo", "2.0")
        clock.now += 599
        assert ask() == ["1.0"]
        clock.now += 1
        assert ask() == ["1.0", "2.0"]
        assert len(index_server.asked("/simple/demo/")) == 2

    def test_refresh_asks_again(self, index_server: IndexServer, tmp_path: Path) -> None:
        add(index_server, "demo", "1.0")
        ask = self.stores(tmp_path, Clock(), index_server)
        ask()
        add(index_server, "demo", "2.0")
        assert ask(refresh=True) == ["1.0", "2.0"]
        assert ask() == ["1.0", "2.0"]

    def test_a_clock_set_back_only_costs_a_request(self, index_server: IndexServer, tmp_path: Path) -> None:
        add(index_server, "demo", "1.0")
        clock = Clock()
        ask = self.stores(tmp_path, clock, index_server)
        ask()
        clock.now -= 86400
        assert ask() == ["1.0"]
        assert len(index_server.asked("/simple/demo/")) == 2

    def test_validators_make_asking_cheap(self, index_server: IndexServer, tmp_path: Path) -> None:
        index_server.index(etag=True)
        add(index_server, "demo", "1.0")
        ask = self.stores(tmp_path, Clock(), index_server)
        assert ask() == ["1.0"]
        # Only an answer without a body (304) is not spoilt by this.
        spoilt = index_server.fault("/simple/demo/", body=b"spoilt")
        assert ask() == ["1.0"]
        spoilt.times = 0
        add(index_server, "demo", "2.0")
        assert ask() == ["1.0", "2.0"]
        sent = ["if-none-match" in request.headers for request in index_server.asked("/simple/demo/")]
        assert sent == [False, True, True]

    def test_max_age_is_honoured_and_renewed(self, index_server: IndexServer, tmp_path: Path) -> None:
        index_server.index(etag=True, cache_control="max-age=100")
        add(index_server, "demo", "1.0")
        clock = Clock()
        ask = self.stores(tmp_path, clock, index_server)
        for advance, requests in ((0, 1), (99, 1), (1, 2), (99, 2), (1, 3)):
            clock.now += advance
            assert ask() == ["1.0"]
            assert len(index_server.asked("/simple/demo/")) == requests

    def test_what_an_index_does_not_know_is_remembered_too(self, index_server: IndexServer, tmp_path: Path) -> None:
        clock = Clock()
        ask = self.stores(tmp_path, clock, index_server)
        assert ask() is None
        assert ask() is None
        assert len(index_server.asked("/simple/demo/")) == 1
        assert ask(offline=True) is None
        add(index_server, "demo", "1.0")
        clock.now += 600
        assert ask() == ["1.0"]

    def test_offline_takes_what_is_there_whatever_its_age(self, index_server: IndexServer, tmp_path: Path) -> None:
        add(index_server, "demo", "1.0")
        clock = Clock()
        ask = self.stores(tmp_path, clock, index_server)
        with pytest.raises(NetworkError, match=r"offline, and .* is not in the cache"):
            ask(offline=True)
        ask()
        clock.now += 10**9
        index_server.stop()
        assert ask(offline=True) == ["1.0"]

    def test_a_failure_leaves_the_cached_page_for_later(self, index_server: IndexServer, tmp_path: Path) -> None:
        add(index_server, "demo", "1.0")
        clock = Clock()
        ask = self.stores(tmp_path, clock, index_server)
        ask()
        clock.now += 601
        index_server.fault("*", status=418)
        with pytest.raises(NetworkError):
            ask()
        assert ask(offline=True) == ["1.0"]

    @pytest.mark.parametrize("seed", range(5))
    def test_any_part_of_the_cache_may_be_missing_or_cut(
        self, index_server: IndexServer, tmp_path: Path, seed: int
    ) -> None:
        for name in ("one", "two", "three", "four"):
            add(index_server, name, "1.0", "2.0")
        world = World(tmp_path, index_server.url())

        async def everything(source: IndexSet) -> list[Any]:
            pages = [await source.page(Name(name)) for name in ("one", "two", "three", "four")]
            files = [file for page in pages for release in page.releases for file in page.files(release.version)]
            return [pages, files, [await source.metadata(file) for file in files]]

        first = world.ask(everything)
        chance = random.Random(seed)  # noqa: S311 - which files suffer
        for path in sorted((tmp_path / "cache").rglob("*")):
            if path.is_file() and chance.random() < 0.6:
                path.write_bytes(path.read_bytes()[: chance.randrange(60)])
            elif path.is_file() and chance.random() < 0.5:
                path.unlink()
        assert world.ask(everything) == first

    def test_the_cache_is_keyed_without_credentials(self, index_server: IndexServer, tmp_path: Path) -> None:
        add(index_server, "demo", "1.0")
        World(tmp_path, index_server.url().replace("//", "//user:secret@")).page("demo")
        World(tmp_path, index_server.url()).page("demo")
        assert len(index_server.asked("/simple/demo/")) == 1
        for path in (tmp_path / "cache").rglob("*"):
            assert "secret" not in str(path)
            assert path.is_dir() or b"secret" not in path.read_bytes()


class TestOneRun:
    def test_a_page_is_asked_for_once_by_however_many(self, index_server: IndexServer, tmp_path: Path) -> None:
        add(index_server, "demo", "1.0")
        index_server.fault("/simple/*", delay=0.05)
        world = World(tmp_path, index_server.url())

        async def run() -> list[Page]:
            async with world.session() as session:
                sources = [session.source_for(world.spec, platform, tmp_path) for platform in (LINUX, "win-64")]
                for source in sources:
                    source.hint(Name("demo"))
                return await asyncio.gather(*(source.page(Name("demo")) for source in sources for _ in range(4)))

        pages = asyncio.run(run())
        assert len(index_server.asked("/simple/demo/")) == 1
        assert pages == [pages[0]] * 8

    def test_hints_are_swallowed_whatever_becomes_of_them(self, index_server: IndexServer, tmp_path: Path) -> None:
        index_server.fault("/simple/broken/*", status=418)
        add(index_server, "demo", "1.0")
        world = World(tmp_path, index_server.url())

        async def run(source: IndexSet) -> Page:
            for name in ("broken", "missing", "demo"):
                source.hint(Name(name))
            page = await source.page(Name("demo"))
            source.hint_metadata(page.files("1.0")[0])
            await asyncio.sleep(0.05)
            return page

        assert world.ask(run).releases
        with pytest.raises(NetworkError, match="status 418"):
            world.page("broken")

    def test_leaving_cancels_what_is_under_way(self, index_server: IndexServer, tmp_path: Path) -> None:
        add(index_server, "demo", "1.0")
        index_server.fault("/simple/*", delay=0.3)

        async def run(source: IndexSet) -> None:
            for number in range(100):
                source.hint(Name(f"demo-{number}"))
            await asyncio.sleep(0.05)

        World(tmp_path, index_server.url()).ask(run)
        assert len(index_server.requests) <= 48

    def test_one_who_stops_waiting_does_not_stop_the_others(self) -> None:
        async def run() -> tuple[int, int]:
            tasks: SharedTasks[int] = SharedTasks(background=1)
            started = 0

            async def work() -> int:
                nonlocal started
                started += 1
                await asyncio.sleep(0.02)
                return 7

            first = asyncio.create_task(tasks.get("key", work))
            second = asyncio.create_task(tasks.get("key", work))
            await asyncio.sleep(0)
            first.cancel()
            return await second, started

        assert asyncio.run(run()) == (7, 1)

    def test_a_failure_is_told_to_all_and_forgotten(self) -> None:
        async def run() -> list[Any]:
            tasks: SharedTasks[int] = SharedTasks(background=1)
            answers: list[Any] = [ValueError("first"), 7]

            async def work() -> int:
                await asyncio.sleep(0)
                answer = answers.pop(0)
                if isinstance(answer, Exception):
                    raise answer
                return int(answer)

            both = await asyncio.gather(tasks.get("k", work), tasks.get("k", work), return_exceptions=True)
            return [*(str(each) for each in both), await tasks.get("k", work), await tasks.get("k", work)]

        assert asyncio.run(run()) == ["first", "first", 7, 7]

    def test_a_warm_run_imports_neither_aiohttp_nor_packaging(self, index_server: IndexServer, tmp_path: Path) -> None:
        add(index_server, "demo", "1.0")
        script = (
            "import asyncio, sys\n"
            "from pathlib import Path\n"
            "from envsolver.sources.open import SourceSettings, open_session\n"
            "from tests.test_indexes import World, spec_with\n"
            "for name in [each for each in sys.modules if each.startswith(('aiohttp', 'packaging'))]:\n"
            "    del sys.modules[name]\n"
            "page = World(Path(sys.argv[1]), sys.argv[2]).page('demo')\n"
            "assert page.files('1.0')\n"
            "print(sorted(sys.modules.keys() & {'aiohttp', 'packaging.version'}))\n"
        )
        arguments = [sys.executable, "-c", script, str(tmp_path), index_server.url()]
        printed = [
            subprocess.run(arguments, capture_output=True, text=True, check=True, timeout=60).stdout.strip()
            for _ in range(2)
        ]
        assert printed == ["['aiohttp', 'packaging.version']", "[]"]


class TestDigests:
    def test_a_file_without_hash_is_read_and_remembered_by_its_validator(
        self, index_server: IndexServer, tmp_path: Path
    ) -> None:
        index_server.add("demo-1.0-py3-none-any.whl", b"first" * 1000, hashes=False)
        index_server.fault("/files/*", headers={"ETag": '"one"'}, times=2)
        changed = index_server.fault("/files/*", headers={"ETag": '"two"'}, times=0)
        world = World(tmp_path, index_server.url())

        async def read(source: IndexSet) -> Any:
            (file,) = (await source.page(Name("demo"))).files("1.0")
            assert file.sha256 is None
            return await source.digest(file)

        expected = (sha256(b"first" * 1000), 5000)
        assert world.ask(read) == expected
        assert world.ask(read) == expected
        assert world.ask(read, offline=True) == expected
        index_server.add("demo-1.0-py3-none-any.whl", b"other" * 1000, hashes=False)
        changed.times = None
        assert world.ask(read) == (sha256(b"other" * 1000), 5000)

    def test_without_a_validator_nothing_is_taken_on_trust(self, index_server: IndexServer, tmp_path: Path) -> None:
        index_server.add("demo-1.0-py3-none-any.whl", b"first", hashes=False)
        world = World(tmp_path, index_server.url())

        async def read(source: IndexSet) -> Any:
            (file,) = (await source.page(Name("demo"))).files("1.0")
            return await source.digest(file)

        assert world.ask(read)[0] == sha256(b"first")
        index_server.add("demo-1.0-py3-none-any.whl", b"other", hashes=False)
        assert world.ask(read)[0] == sha256(b"other")

    def test_the_digest_of_the_metadata_file_is_not_that_of_the_file(
        self, index_server: IndexServer, tmp_path: Path
    ) -> None:
        wheel = make_wheel("demo", "1.0")
        index_server.index(format="html")
        index_server.add("demo-1.0-py3-none-any.whl", wheel, hashes=False, metadata=True)

        async def read(source: IndexSet) -> Any:
            (file,) = (await source.page(Name("demo"))).files("1.0")
            assert file.metadata_sha256
            assert file.sha256 is None
            return await source.digest(file)

        assert World(tmp_path, index_server.url()).ask(read) == (sha256(wheel), len(wheel))

    def test_a_download_that_breaks_off_is_begun_again(self, index_server: IndexServer, tmp_path: Path) -> None:
        index_server.add("demo-1.0-py3-none-any.whl", b"x" * 9000, hashes=False)
        index_server.fault("/files/*", drop_after=100, times=2)

        async def read(source: IndexSet) -> Any:
            (file,) = (await source.page(Name("demo"))).files("1.0")
            return await source.digest(file)

        world = World(tmp_path, index_server.url())
        assert world.ask(read) == (sha256(b"x" * 9000), 9000)
        index_server.fault("/files/*", drop_after=100)
        with pytest.raises(NetworkError, match="the answer broke off"):
            world.ask(read)

    def test_a_size_that_differs_from_the_page(self, index_server: IndexServer, tmp_path: Path) -> None:
        index_server.add("demo-1.0-py3-none-any.whl", b"x" * 9000, hashes=False)
        index_server.fault("/files/*", truncate=100)

        async def read(source: IndexSet) -> Any:
            (file,) = (await source.page(Name("demo"))).files("1.0")
            return await source.digest(file)

        with pytest.raises(NetworkError, match="has 100 bytes; the index says 9000"):
            World(tmp_path, index_server.url()).ask(read)

    def test_a_file_that_is_gone(self, index_server: IndexServer, tmp_path: Path) -> None:
        index_server.add("demo-1.0-py3-none-any.whl", b"x", hashes=False)
        index_server.fault("/files/*", status=404)

        async def read(source: IndexSet) -> Any:
            (file,) = (await source.page(Name("demo"))).files("1.0")
            return await source.digest(file)

        with pytest.raises(NetworkError, match="status 404"):
            World(tmp_path, index_server.url()).ask(read)


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

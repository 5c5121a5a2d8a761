"""What is asked of an index when, what a run remembers of another, and the digests of files."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from envsolver.model.candidate import Name
from envsolver.model.errors import NetworkError
from envsolver.sources.cache import Cache
from envsolver.sources.freshness import is_fresh, lifetime
from envsolver.sources.http import HttpClient
from envsolver.sources.pagestore import IndexAddress, PageStore
from envsolver.sources.tasks import SharedTasks
from tests.support.packages import make_wheel, sha256
from tests.support.sources import LINUX, Clock, World, add

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from envsolver.model.candidate import Page
    from envsolver.sources.indexes import IndexSet
    from tests.support.index_server import IndexServer


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
                    page = await store.page(IndexAddress(url=server.url()), Name("demo"), "demo-index")
                    return None if page is None else [release.version for release in page.releases]

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
            "from tests.support.sources import World, spec_with\n"
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

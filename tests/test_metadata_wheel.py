from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from envsolver.model.errors import MetadataUnusableError, NetworkError
from envsolver.sources.metadata.limits import TAIL
from tests.support.metadata import Notes, listed, reader
from tests.support.packages import make_wheel, metadata_text, sha256

if TYPE_CHECKING:
    from pathlib import Path

    from envsolver.model.candidate import File, Metadata
    from tests.support.index_server import IndexServer

DEMO = "demo-1.0-py3-none-any.whl"
BULK: dict[str, str | bytes] = {"demo/data.bin": bytes(range(256)) * 4000}
"""A megabyte: more than is read of a wheel's end."""


def big() -> bytes:
    return make_wheel("demo", "1.0", requires=["six>=1.0"], files=BULK, stored=True)


def read(file: File, *, notes: Notes | None = None, cache: Path | None = None, offline: bool = False) -> Metadata:
    async def go() -> Metadata:
        async with reader(cache, notes=notes, offline=offline) as metadata:
            return await metadata.read(file)

    return asyncio.run(go())


def refusal(file: File) -> str:
    with pytest.raises(MetadataUnusableError) as caught:
        read(file)
    assert caught.value.filename == file.filename
    return caught.value.reason


class TestMetadataFile:
    def test_an_announced_file_is_all_that_is_read(self, index_server: IndexServer) -> None:
        index_server.add(DEMO, big(), metadata=True)
        metadata = read(listed(index_server, DEMO))
        assert metadata.requires_dist == ("six>=1.0",)
        assert metadata.source == "metadata-file"
        assert [request.path for request in index_server.requests] == [f"/files/simple/{DEMO}.metadata"]

    def test_its_digest_is_checked(self, index_server: IndexServer) -> None:
        from dataclasses import replace

        text = metadata_text("demo", "1.0", requires=["evil"]).encode()
        index_server.add(DEMO, big(), metadata=text)
        notes = Notes()
        file = replace(listed(index_server, DEMO), metadata_sha256=sha256(b"something else"))
        metadata = read(file, notes=notes)
        assert metadata.requires_dist == ("six>=1.0",)
        assert metadata.source == "wheel"
        assert notes.texts == [f"{DEMO}.metadata has not the announced sha256: the wheel itself is read"]
        assert read(replace(file, metadata_sha256=sha256(text))).requires_dist == ("evil",)

    @pytest.mark.parametrize(
        ("text", "wrong"),
        [
            (b"<html>Sign in</html>", "no Name"),
            (metadata_text("other", "1.0").encode(), "those of 'other'"),
            (metadata_text("demo", "2.0").encode(), "those of version '2.0'"),
        ],
    )
    def test_what_is_not_the_wheels_metadata_is_noted_and_passed_over(
        self, index_server: IndexServer, text: bytes, wrong: str
    ) -> None:
        index_server.add(DEMO, big(), metadata=text)
        notes = Notes()
        assert read(listed(index_server, DEMO), notes=notes).requires_dist == ("six>=1.0",)
        assert wrong in notes.texts[0]

    def test_a_missing_file_is_never_no_requirements(self, index_server: IndexServer) -> None:
        index_server.add(DEMO, big(), metadata=True)
        file = listed(index_server, DEMO)
        index_server.index(core_metadata=False)
        notes = Notes()
        metadata = read(file, notes=notes)
        assert metadata.requires_dist == ("six>=1.0",)
        assert metadata.source == "wheel"
        assert "is not there" in notes.texts[0]

    def test_a_query_stays_behind_the_path(self, index_server: IndexServer) -> None:
        from dataclasses import replace

        index_server.add(DEMO, big(), metadata=True)
        file = listed(index_server, DEMO)
        read(replace(file, url=f"{file.url}?signature=x"))
        assert index_server.requests[0].path == f"/files/simple/{DEMO}.metadata?signature=x"


class TestUnannounced:
    def test_it_is_tried_and_counts_as_the_wheels(self, index_server: IndexServer) -> None:
        index_server.add(DEMO, big(), metadata=True, announce_metadata=False)
        metadata = read(listed(index_server, DEMO))
        assert metadata.source == "wheel"
        assert metadata.requires_dist == ("six>=1.0",)
        assert len(index_server.requests) == 1

    def test_an_index_that_never_has_it_is_asked_three_times(self, index_server: IndexServer) -> None:
        names = [f"demo{number}-1.0-py3-none-any.whl" for number in range(20)]
        for name in names:
            index_server.add(name, make_wheel(name.partition("-")[0], "1.0"))

        async def go() -> None:
            async with reader() as metadata:
                await asyncio.gather(*(metadata.read(listed(index_server, name)) for name in names))

        asyncio.run(go())
        assert len(index_server.asked("*.metadata")) == 3
        assert len(index_server.asked("*.whl")) == 20

    def test_an_index_that_has_it_for_some_is_asked_for_all(self, index_server: IndexServer) -> None:
        names = [f"demo{number}-1.0-py3-none-any.whl" for number in range(12)]
        for number, name in enumerate(names):
            has = number % 4 == 1
            index_server.add(name, make_wheel(f"demo{number}", "1.0"), metadata=has or None, announce_metadata=False)

        async def go() -> set[str]:
            async with reader() as metadata:
                return {(await metadata.read(listed(index_server, name))).source for name in names}

        assert asyncio.run(go()) == {"wheel"}
        assert len(index_server.asked("*.metadata")) == 12
        assert len(index_server.asked("*.whl")) == 9

    def test_pages_and_errors_in_its_place_do_no_harm(self, index_server: IndexServer) -> None:
        for number in range(2):
            name = f"demo{number}-1.0-py3-none-any.whl"
            index_server.add(name, make_wheel(f"demo{number}", "1.0", requires=["six"]))
            if number:
                index_server.fault(f"*{name}.metadata", status=500)
            else:
                index_server.route(f"/files/simple/{name}.metadata", b"<html>not here</html>")
            assert read(listed(index_server, name)).requires_dist == ("six",)

    def test_a_wheel_that_cannot_be_read_is_helped_by_it_whether_it_was_probed_or_not(
        self, index_server: IndexServer
    ) -> None:
        names = [f"demo{number}-1.0-py3-none-any.whl" for number in range(5)]
        for number, name in enumerate(names):
            good = metadata_text(f"demo{number}", "1.0", requires=["six"]).encode()
            index_server.add(name, b"not a wheel", metadata=good if number == 4 else None, announce_metadata=False)

        async def go() -> Metadata:
            async with reader() as metadata:
                for name in names[:4]:
                    with pytest.raises(MetadataUnusableError, match="too short"):
                        await metadata.read(listed(index_server, name))
                return await metadata.read(listed(index_server, names[4]))

        assert asyncio.run(go()).requires_dist == ("six",)


class TestRanges:
    def test_little_of_a_large_wheel_is_read(self, index_server: IndexServer) -> None:
        index_server.add(DEMO, big())
        metadata = read(listed(index_server, DEMO))
        assert metadata.requires_dist == ("six>=1.0",)
        assert metadata.source == "wheel"
        assert len(index_server.asked("*.whl")) == 1
        assert index_server.served < 40_000

    def test_metadata_at_the_front_cost_one_more_request(self, index_server: IndexServer) -> None:
        text = metadata_text("demo", "1.0", requires=["six>=1.0"])
        files: dict[str, str | bytes] = {"demo-1.0.dist-info/METADATA": text, **BULK}
        wheel = make_wheel("demo", "1.0", files=files, metadata=text, stored=True)
        index_server.add(DEMO, wheel)
        assert read(listed(index_server, DEMO)).requires_dist == ("six>=1.0",)
        assert len(index_server.asked("*.whl")) == 2

    def test_a_central_directory_longer_than_the_tail(self, index_server: IndexServer) -> None:
        files: dict[str, str | bytes] = {f"demo/{'x' * 80}{number}.py": b"" for number in range(1000)}
        index_server.add(DEMO, make_wheel("demo", "1.0", requires=["six"], files=files | BULK, stored=True))
        assert read(listed(index_server, DEMO)).requires_dist == ("six",)
        assert index_server.served < 400_000

    @pytest.mark.parametrize("support", ["full", "no-suffix", "ignored", "refused"])
    @pytest.mark.parametrize("size", [True, False])
    @pytest.mark.parametrize("wheel", [make_wheel("demo", "1.0", requires=["six>=1.0"]), big()])
    def test_whatever_the_server_knows_of_ranges(
        self, index_server: IndexServer, support: str, size: bool, wheel: bytes
    ) -> None:
        index_server.index(ranges=support)
        index_server.add(DEMO, wheel)
        assert read(listed(index_server, DEMO, size=size)).requires_dist == ("six>=1.0",)

    def test_a_large_wheel_without_ranges_is_fetched_whole_once(self, index_server: IndexServer) -> None:
        index_server.index(ranges="ignored")
        files: dict[str, str | bytes] = {"demo/data.bin": b"\0" * (9 << 20)}
        wheel = make_wheel("demo", "1.0", requires=["six"], files=files, stored=True)
        index_server.add(DEMO, wheel)
        assert read(listed(index_server, DEMO)).requires_dist == ("six",)
        assert len(index_server.asked("*.whl")) == 2

    def test_a_small_wheel_is_seen_whole_and_its_digest_checked(self, index_server: IndexServer) -> None:
        index_server.add(DEMO, make_wheel("demo", "1.0"), hashes={"sha256": "0" * 64})
        with pytest.raises(NetworkError, match=r"its sha256 is .*, index 'simple' says 0000"):
            read(listed(index_server, DEMO))

    def test_so_is_one_that_is_fetched_whole(self, index_server: IndexServer) -> None:
        index_server.index(ranges="refused")
        index_server.add(DEMO, big(), hashes={"sha256": "0" * 64})
        with pytest.raises(NetworkError, match="its sha256 is"):
            read(listed(index_server, DEMO))

    def test_a_damaged_one_is_read_whole_to_see_whose_fault_it_is(self, index_server: IndexServer) -> None:
        index_server.add(DEMO, big())
        file = listed(index_server, DEMO)
        # The signature of the central directory's end: nothing can be found without it.
        index_server.fault("*.whl", corrupt=TAIL - 22)
        with pytest.raises(NetworkError, match="is not the file that it should be: its sha256 is"):
            read(file)
        index_server.faults.clear()
        index_server.add(DEMO, big().replace(b"PK\5\6", b"PK\5\7"))
        assert "zip archive" in refusal(listed(index_server, DEMO))

    def test_another_size_than_the_index_says(self, index_server: IndexServer) -> None:
        from dataclasses import replace

        index_server.add(DEMO, big())
        file = listed(index_server, DEMO)
        with pytest.raises(NetworkError, match=f"it has {len(big()):,} bytes, index 'simple' says {len(big()) + 7:,}"):
            read(replace(file, size=len(big()) + 7))
        index_server.index(ranges="refused")
        with pytest.raises(NetworkError, match="it has more than 10 bytes"):
            read(replace(file, size=10))

    def test_a_server_that_sends_other_ranges_than_it_says(self, index_server: IndexServer) -> None:
        index_server.add(DEMO, big())
        fault = index_server.fault("*.whl", headers={"Content-Range": "bytes 0-9/100"})
        with pytest.raises(NetworkError, match="without saying which"):
            read(listed(index_server, DEMO))
        fault.headers = {"Content-Range": "nonsense"}
        with pytest.raises(NetworkError, match="without saying which"):
            read(listed(index_server, DEMO))


class TestWheels:
    def wheel(self, *paths: str) -> bytes:
        return make_wheel("demo", "1.0", requires=["six"], files=dict.fromkeys(paths, metadata_text("demo", "1.0")))

    def test_only_the_projects_own_metadata_count(self, index_server: IndexServer) -> None:
        wheel = self.wheel("vendored-2.0.dist-info/METADATA", "demo/_vendor/demo-1.0.dist-info/METADATA")
        index_server.add(DEMO, wheel)
        assert read(listed(index_server, DEMO)).requires_dist == ("six",)

    def test_two_of_them_are_refused(self, index_server: IndexServer) -> None:
        index_server.add(DEMO, self.wheel("Demo-1.0.dist-info/METADATA"))
        assert "has not one METADATA of 'demo' but: Demo-1.0" in refusal(listed(index_server, DEMO))

    @pytest.mark.parametrize("folder", ["my-demo-1.0", "my_demo-1.0", "My.Demo-1.0", "my-demo-1.0-1"])
    def test_old_wheels_do_not_escape_names(self, index_server: IndexServer, folder: str) -> None:
        text = metadata_text("my-demo", "1.0", requires=["six"])
        other = make_wheel("other", "1.0", files={f"{folder}.dist-info/METADATA": text})
        filename = "my_demo-1.0-py3-none-any.whl"
        index_server.add(filename, other)
        assert read(listed(index_server, filename)).requires_dist == ("six",)

    def test_a_longer_name_is_another_project(self, index_server: IndexServer) -> None:
        index_server.add(DEMO, make_wheel("demo-extra", "1.0"))
        assert "no" in (reason := refusal(listed(index_server, DEMO)))
        assert "demo_extra-1.0.dist-info" in reason

    def test_no_metadata_at_all(self, index_server: IndexServer) -> None:
        from tests.support.packages import make_sdist

        index_server.add(DEMO, make_sdist("demo", "1.0"))
        assert "zip" in refusal(listed(index_server, DEMO))

    @pytest.mark.parametrize(("status", "error"), [(404, MetadataUnusableError), (410, MetadataUnusableError)])
    def test_a_file_that_is_gone_is_one_candidate_less(
        self, index_server: IndexServer, status: int, error: type[Exception]
    ) -> None:
        index_server.add(DEMO, big())
        index_server.fault("*.whl", status=status)
        with pytest.raises(error, match=f"not there \\({status}\\)"):
            read(listed(index_server, DEMO))

    @pytest.mark.parametrize("status", [403, 500])
    def test_a_refusal_is_an_error_of_the_run(self, index_server: IndexServer, status: int) -> None:
        index_server.add(DEMO, big())
        index_server.fault("*", status=status)
        with pytest.raises(NetworkError, match=str(status)):
            read(listed(index_server, DEMO))

    def test_local_files_are_read_like_others(self, tmp_path: Path, index_server: IndexServer) -> None:
        from dataclasses import replace

        (tmp_path / DEMO).write_bytes(big())
        index_server.add(DEMO, big())
        file = replace(listed(index_server, DEMO), url=(tmp_path / DEMO).as_uri())
        assert read(file, offline=True).requires_dist == ("six>=1.0",)


class TestCache:
    def test_a_second_run_asks_nothing(self, index_server: IndexServer, tmp_path: Path) -> None:
        index_server.add(DEMO, big())
        file = listed(index_server, DEMO)
        first = read(file, cache=tmp_path)
        index_server.forget()
        assert read(file, cache=tmp_path) == first
        assert read(file, cache=tmp_path, offline=True) == first
        assert index_server.requests == []

    def test_offline_without_it_is_an_error(self, index_server: IndexServer, tmp_path: Path) -> None:
        index_server.add(DEMO, big())
        with pytest.raises(NetworkError, match="this run is offline"):
            read(listed(index_server, DEMO), cache=tmp_path, offline=True)

    def test_a_file_without_a_digest_is_not_kept(self, index_server: IndexServer, tmp_path: Path) -> None:
        index_server.add(DEMO, big())
        file = listed(index_server, DEMO, sha256=False)
        read(file, cache=tmp_path)
        index_server.forget()
        read(file, cache=tmp_path)
        assert index_server.requests

    def test_what_an_index_announces_is_kept_apart(self, index_server: IndexServer, tmp_path: Path) -> None:
        index_server.add(DEMO, big(), metadata=True)
        announced = listed(index_server, DEMO)
        index_server.index().files[DEMO].announce_metadata = False
        plain = listed(index_server, DEMO)
        for first, second in [(announced, plain), (plain, announced)]:
            cache = tmp_path / first.filename / str(first.metadata_sha256)
            assert read(first, cache=cache) == read(first, cache=cache)
            assert read(second, cache=cache).source == read(second).source

    def test_an_entry_in_another_form_is_none(self, index_server: IndexServer, tmp_path: Path) -> None:
        from envsolver.sources.cache import Cache
        from envsolver.sources.metadata import reader as module

        index_server.add(DEMO, big())
        file = listed(index_server, DEMO)
        Cache(tmp_path).put(module._BUCKET, module._key(file), b'{"requires_dist": 7}')
        assert read(file, cache=tmp_path).requires_dist == ("six>=1.0",)

    def test_one_file_is_read_once_however_many_ask(self, index_server: IndexServer) -> None:
        index_server.add(DEMO, big())
        index_server.fault("*.whl", delay=0.05)
        file = listed(index_server, DEMO)

        async def go() -> list[Metadata]:
            async with reader() as metadata:
                one = asyncio.create_task(metadata.read(file))
                await asyncio.sleep(0.01)
                others = [asyncio.create_task(metadata.read(file)) for _ in range(5)]
                await asyncio.sleep(0)
                one.cancel()
                return await asyncio.gather(*others)

        assert len({id(metadata) for metadata in asyncio.run(go())}) == 1
        assert len(index_server.asked("*.whl")) == 1

    def test_a_refusal_is_remembered_and_a_failure_is_not(self, index_server: IndexServer) -> None:
        index_server.add(DEMO, b"not a wheel")
        file = listed(index_server, DEMO)

        async def go() -> None:
            async with reader() as metadata:
                broken = index_server.fault("*", status=500)
                with pytest.raises(NetworkError):
                    await metadata.read(file)
                broken.times = 0
                for _ in range(2):
                    with pytest.raises(MetadataUnusableError):
                        await metadata.read(file)

        asyncio.run(go())
        # The failure; the wheel's end; the whole of it, to see whether it is what the index means.
        assert len(index_server.asked("*.whl")) == 3

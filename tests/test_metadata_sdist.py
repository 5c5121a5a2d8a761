from __future__ import annotations

import asyncio
import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from envsolver.model.candidate import Name, normalize_name
from envsolver.model.errors import MetadataUnusableError, NetworkError
from envsolver.sources.metadata.evidence import Evidence
from envsolver.sources.metadata.limits import HEADS
from envsolver.sources.metadata.requires_txt import parse_requires_txt, with_condition
from envsolver.sources.metadata.tarhead import TarError, TarHead
from tests.support.metadata import CountingBuilder, Notes, listed, reader
from tests.support.packages import make_sdist, metadata_text, requires_txt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from envsolver.model.candidate import File, Metadata
    from tests.support.index_server import IndexServer

DEMO = "demo-1.0.tar.gz"
PKG_INFO = metadata_text("demo", "1.0")


def read(
    file: File,
    builder: CountingBuilder | None = None,
    *,
    cache: Path | None = None,
    offline: bool = False,
    notes: Notes | None = None,
) -> Metadata:
    async def go() -> Metadata:
        async with reader(cache, builder, offline=offline, notes=notes) as metadata:
            return await metadata.read(file)

    return asyncio.run(go())


def served(server: IndexServer, data: bytes, filename: str = DEMO) -> File:
    server.add(filename, data)
    return listed(server, filename)


def tar(members: Iterable[tuple[str, str | bytes]], **options: Any) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", **options) as archive:
        for path, content in members:
            data = content.encode() if isinstance(content, str) else content
            info = tarfile.TarInfo(path)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def sdist(**members: str) -> bytes:
    """An sdist of members below its top folder; ``__`` stands for ``/`` and ``_DOT_`` for ``.``."""
    return gzip.compress(tar((f"demo-1.0/{path}", content) for path, content in members.items()))


class TestPrepared:
    """What is read before it is asked for."""

    def test_no_candidate_is_built_on_suspicion(self, index_server: IndexServer, tmp_path: Path) -> None:
        file = served(index_server, make_sdist("demo", "1.0", style="none"))
        builder = CountingBuilder("numpy")

        async def go() -> Metadata:
            async with reader(tmp_path, builder) as metadata:
                await metadata.prepare(file)
                assert builder.built == []
                requests = len(index_server.requests)
                found = await metadata.read(file)
                assert len(index_server.requests) == requests
                return found

        assert asyncio.run(go()).requires_dist == ("numpy",)
        assert builder.built == [DEMO]

    def test_what_was_prepared_and_never_asked_for_is_cached(self, index_server: IndexServer, tmp_path: Path) -> None:
        file = served(index_server, make_sdist("demo", "1.0", requires=["six"]))

        async def go() -> None:
            async with reader(tmp_path) as metadata:
                await asyncio.gather(metadata.prepare(file), metadata.prepare(file))

        asyncio.run(go())
        assert len(index_server.requests) == 1
        assert read(file, cache=tmp_path, offline=True).requires_dist == ("six",)


class TestOffline:
    """A run offline chooses as the last one online did, or fails; it never settles for another version."""

    def test_a_build_is_an_error_even_of_a_local_file(self, index_server: IndexServer, tmp_path: Path) -> None:
        file = served(index_server, make_sdist("demo", "1.0", style="none"))
        (tmp_path / DEMO).write_bytes(index_server.index().files[DEMO].data)
        builder = CountingBuilder()
        with pytest.raises(NetworkError, match=f"what {DEMO} requires, and this run is offline") as caught:
            read(replace(file, url=(tmp_path / DEMO).as_uri()), builder, offline=True)
        assert caught.value.hint is not None
        assert builder.built == []

    def test_what_failed_online_fails_alike(self, index_server: IndexServer, tmp_path: Path) -> None:
        file = served(index_server, make_sdist("demo", "1.0", style="none"))

        class Broken(CountingBuilder):
            async def metadata(self, file: File) -> bytes:
                self.built.append(file.filename)
                raise MetadataUnusableError(file.filename, "no compiler", hint="get one")

        broken = Broken()
        for _ in range(2):
            with pytest.raises(MetadataUnusableError, match="no compiler"):
                read(file, broken, cache=tmp_path)
        assert broken.built == [DEMO, DEMO], "online it is tried again"
        with pytest.raises(MetadataUnusableError, match="no compiler") as caught:
            read(file, broken, cache=tmp_path, offline=True)
        assert caught.value.hint == "get one"
        # With a compiler it works, and then that is what counts.
        builder = CountingBuilder("numpy")
        assert read(file, builder, cache=tmp_path).requires_dist == ("numpy",)
        assert read(file, builder, cache=tmp_path, offline=True).requires_dist == ("numpy",)

    @pytest.mark.parametrize("change", ["release", "interpreter"])
    def test_another_judge_has_to_look_for_itself(
        self, index_server: IndexServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
    ) -> None:
        file = served(index_server, b"no archive at all")
        builder = CountingBuilder()
        with pytest.raises(MetadataUnusableError):
            read(file, builder, cache=tmp_path)
        if change == "release":
            monkeypatch.setattr("envsolver.__version__", "99.0")
        else:
            builder.interpreter = "CPython 4.0.0 test"
        with pytest.raises(NetworkError, match="this run is offline"):
            read(file, builder, cache=tmp_path, offline=True)

    def test_a_file_that_is_gone_stays_gone(self, index_server: IndexServer, tmp_path: Path) -> None:
        file = served(index_server, make_sdist("demo", "1.0", static=True))
        fault = index_server.fault("/files/*", status=404)
        with pytest.raises(MetadataUnusableError, match="not there"):
            read(file, cache=tmp_path)
        with pytest.raises(MetadataUnusableError, match="not there"):
            read(file, cache=tmp_path, offline=True)
        fault.times = 0
        assert read(file, cache=tmp_path).source == "sdist-static"
        assert read(file, cache=tmp_path, offline=True).source == "sdist-static"

    def test_files_without_digest_are_believed_offline_only(self, index_server: IndexServer, tmp_path: Path) -> None:
        file = replace(served(index_server, make_sdist("demo", "1.0", requires=["six"], static=True)), sha256=None)
        read(file, cache=tmp_path)
        newer = make_sdist("demo", "1.0", requires=["seven"], static=True)
        file = replace(file, size=None)
        index_server.add(DEMO, newer)
        assert read(file, cache=tmp_path).requires_dist == ("seven",)
        index_server.add(DEMO, make_sdist("demo", "1.0", requires=["eight"], static=True))
        assert read(file, cache=tmp_path, offline=True).requires_dist == ("seven",)
        assert read(file, cache=tmp_path).requires_dist == ("eight",)


class TestLadder:
    def test_static_metadata_are_certain(self, index_server: IndexServer) -> None:
        file = served(index_server, make_sdist("demo", "1.0", requires=["six"], requires_python=">=3.7", static=True))
        metadata = read(file)
        assert metadata.source == "sdist-static"
        assert metadata.requires_dist == ("six",)
        assert metadata.requires_python == ">=3.7"

    @pytest.mark.parametrize("field", ["Requires-Dist", "Requires-Python", "Provides-Extra"])
    def test_what_is_dynamic_is_a_claim(self, index_server: IndexServer, field: str) -> None:
        text = metadata_text("demo", "1.0", requires=["six"], metadata_version="2.2", dynamic=[field])
        file = served(index_server, make_sdist("demo", "1.0", pkg_info=text))
        assert read(file).source == "sdist-claim"

    def test_requirements_of_an_old_pkg_info_are_a_claim(self, index_server: IndexServer) -> None:
        metadata = read(served(index_server, make_sdist("demo", "1.0", requires=["six"])))
        assert (metadata.source, metadata.requires_dist) == ("sdist-claim", ("six",))

    @pytest.mark.parametrize("info_last", [False, True])
    def test_requires_txt(self, index_server: IndexServer, info_last: bool) -> None:
        extras = {"test": ["pytest", 'mock ; python_version < "3.3"'], "all": ["tox"]}
        data = make_sdist(
            "demo", "1.0", requires=["six", "enum34 ; python_version < '3'"], extras=extras, style="egg-info",
            requires_python=">=2.7", info_last=info_last,
        )  # fmt: skip
        metadata = read(served(index_server, data))
        assert metadata.source == "sdist-claim"
        assert set(metadata.requires_dist) == {
            "six",
            "enum34 ; python_version < '3'",
            'pytest ; extra == "test"',
            'mock ; python_version < "3.3" and extra == "test"',
            'tox ; extra == "all"',
        }
        assert set(metadata.provides_extra) == {"test", "all"}
        assert metadata.requires_python == ">=2.7"

    def test_no_requirements_anywhere_need_a_build(self, index_server: IndexServer, tmp_path: Path) -> None:
        file = served(index_server, make_sdist("demo", "1.0", style="none"))
        builder, notes = CountingBuilder("numpy"), Notes()
        metadata = read(file, builder, cache=tmp_path, notes=notes)
        assert (metadata.source, metadata.requires_dist) == ("built", ("numpy",))
        assert metadata.built_with == "CPython 3.0.0 test"
        assert notes.texts == [
            f"{DEMO} is built for its metadata with CPython 3.0.0 test, not with the target's Python"
        ]
        assert read(file, builder, cache=tmp_path) == metadata
        assert read(file, builder, cache=tmp_path, offline=True) == metadata
        assert builder.built == [DEMO]

    def test_another_interpreter_builds_anew(self, index_server: IndexServer, tmp_path: Path) -> None:
        file = served(index_server, make_sdist("demo", "1.0", style="none"))
        read(file, CountingBuilder("numpy"), cache=tmp_path)
        other = CountingBuilder("scipy")
        other.interpreter = "CPython 4.0.0 test"
        assert read(file, other, cache=tmp_path).requires_dist == ("scipy",)

    def test_a_run_that_builds_nothing_has_one_candidate_less(self, index_server: IndexServer) -> None:
        file = served(index_server, make_sdist("demo", "1.0", style="none"))
        with pytest.raises(MetadataUnusableError, match="this run builds nothing"):
            read(file)

    def test_metadata_of_another_version_are_left_to_the_backend(self, index_server: IndexServer) -> None:
        text = metadata_text("demo", "1.1", requires=["six"], metadata_version="2.2")
        file = served(index_server, make_sdist("demo", "1.0", pkg_info=text))
        assert read(file, CountingBuilder("numpy")).requires_dist == ("numpy",)

    def test_an_unreadable_requirement_makes_it_unusable(self, index_server: IndexServer) -> None:
        data = make_sdist("demo", "1.0", requires=["six (>=1"], style="egg-info")
        with pytest.raises(MetadataUnusableError, match=r"'six \(>=1' is not valid"):
            read(served(index_server, data))

    def test_repairs_are_told(self, index_server: IndexServer) -> None:
        metadata = read(served(index_server, make_sdist("demo", "1.0", requires=["torch>=1.9.*"], style="egg-info")))
        assert metadata.requires_dist == ("torch>=1.9",)
        assert metadata.repaired == ("torch>=1.9.* -> torch>=1.9",)


class TestHowMuchIsRead:
    FILLING = bytes(range(256)) * 40_000
    """Ten megabytes; written stored, so that the archive has them too."""

    def big(self, before: dict[str, str], after: dict[str, str]) -> bytes:
        members: list[tuple[str, str | bytes]] = [*before.items(), ("data.bin", self.FILLING), *after.items()]
        return gzip.compress(tar((f"demo-1.0/{path}", content) for path, content in members), compresslevel=0)

    def test_a_head_that_says_enough_is_all_that_is_read(self, index_server: IndexServer) -> None:
        text = metadata_text("demo", "1.0", requires=["six"])
        index_server.fault(f"*{DEMO}", pause=0.001)
        file = served(index_server, self.big({"PKG-INFO": text}, {}))
        assert read(file).requires_dist == ("six",)
        assert index_server.served < 5_000_000

    def test_of_a_size_that_is_known_no_more_is_sent_than_was_asked_for(self, index_server: IndexServer) -> None:
        data = self.big({"PKG-INFO": metadata_text("demo", "1.0", requires=["six"])}, {})
        file = replace(served(index_server, data), size=len(data))
        assert read(file).requires_dist == ("six",)
        assert [request.range for request in index_server.asked(f"*{DEMO}")] == [f"bytes=0-{HEADS[0] - 1}"]

    def test_ranges_grow_and_the_rest_is_streamed(self, index_server: IndexServer) -> None:
        head = {"PKG-INFO": PKG_INFO, "demo.egg-info/SOURCES.txt": "setup.py\ndemo.egg-info/requires.txt\n"}
        data = self.big(head, {"demo.egg-info/requires.txt": "six\n"})
        file = replace(served(index_server, data), size=len(data))
        assert read(file).requires_dist == ("six",)
        first, second, third = (sum(HEADS[:count]) for count in (1, 2, 3))
        assert [request.range for request in index_server.asked(f"*{DEMO}")] == [
            f"bytes=0-{first - 1}",
            f"bytes={first}-{second - 1}",
            f"bytes={second}-{third - 1}",
            f"bytes={third}-",
        ]

    def test_a_server_without_ranges_sends_it_as_it_comes(self, index_server: IndexServer) -> None:
        data = self.big({"PKG-INFO": metadata_text("demo", "1.0", requires=["six"])}, {})
        file = replace(served(index_server, data), size=len(data))
        index_server.index(ranges="ignored")
        assert read(file).requires_dist == ("six",)
        assert len(index_server.asked(f"*{DEMO}")) == 2

    def test_a_file_of_another_size_is_another_file(self, index_server: IndexServer) -> None:
        data = self.big({"PKG-INFO": metadata_text("demo", "1.0", requires=["six"])}, {})
        file = replace(served(index_server, data), size=len(data) + 1)
        with pytest.raises(NetworkError, match=f"it has {len(data):,} bytes"):
            read(file)

    def test_sources_txt_tells_that_there_will_be_no_requires_txt(self, index_server: IndexServer) -> None:
        head = {"PKG-INFO": PKG_INFO, "demo.egg-info/SOURCES.txt": "setup.py\ndemo.egg-info/PKG-INFO\n"}
        index_server.fault(f"*{DEMO}", pause=0.001)
        metadata = read(served(index_server, self.big(head, {})))
        assert (metadata.source, metadata.requires_dist) == ("sdist-claim", ())
        assert index_server.served < 5_000_000

    def test_a_requires_txt_that_is_listed_is_waited_for(self, index_server: IndexServer) -> None:
        head = {"PKG-INFO": PKG_INFO, "demo.egg-info/SOURCES.txt": "setup.py\ndemo.egg-info/requires.txt\n"}
        metadata = read(served(index_server, self.big(head, {"demo.egg-info/requires.txt": "six\n"})))
        assert metadata.requires_dist == ("six",)

    def test_one_that_is_not_listed_may_come_before(self, index_server: IndexServer) -> None:
        metadata = read(
            served(
                index_server,
                sdist(
                    **{
                        "PKG-INFO": PKG_INFO,
                        "demo.egg-info/requires.txt": "six\n",
                        "demo.egg-info/SOURCES.txt": "setup.py\n",
                    }
                ),
            )
        )
        assert metadata.requires_dist == ("six",)

    def test_an_sdist_read_to_its_end_is_checked(self, index_server: IndexServer) -> None:
        index_server.add(DEMO, make_sdist("demo", "1.0", style="none"), hashes={"sha256": "0" * 64})
        builder = CountingBuilder()
        with pytest.raises(NetworkError, match="is not the file that it should be: its sha256 is") as caught:
            read(listed(index_server, DEMO), builder)
        assert caught.value.hint is not None
        assert "demo!=1.0" in caught.value.hint
        assert builder.built == []

    def test_one_that_breaks_off_is_not_one_without_requirements(self, index_server: IndexServer) -> None:
        data = gzip.decompress(make_sdist("demo", "1.0", style="egg-info"))
        index_server.add(DEMO, gzip.compress(data[:2048]))
        with pytest.raises(MetadataUnusableError, match="breaks off"):
            read(listed(index_server, DEMO, sha256=False))
        index_server.fault("*.tar.gz", truncate=100)
        with pytest.raises(NetworkError, match="it has 100 bytes, index 'simple' says"):
            read(listed(index_server, DEMO, sha256=False))

    def test_damage_is_the_author_s_if_the_digest_is_right(self, index_server: IndexServer) -> None:
        data = make_sdist("demo", "1.0", style="egg-info", files={"filling": bytes(range(256)) * 999})
        broken = data[:40] + bytes([data[40] ^ 255]) + data[41:]
        index_server.add(DEMO, broken)
        with pytest.raises(MetadataUnusableError):
            read(listed(index_server, DEMO))
        index_server.add(DEMO, data)
        index_server.fault("/files/*", corrupt=40)
        with pytest.raises(NetworkError, match="is not the file that it should be: its sha256 is"):
            read(listed(index_server, DEMO))

    def test_more_than_the_index_says(self, index_server: IndexServer) -> None:
        file = served(index_server, make_sdist("demo", "1.0", style="none"))
        with pytest.raises(NetworkError, match="more than 9 bytes"):
            read(replace(file, size=9))

    @pytest.mark.parametrize(("status", "error"), [(404, MetadataUnusableError), (403, NetworkError)])
    def test_a_file_that_is_not_there(self, index_server: IndexServer, status: int, error: type[Exception]) -> None:
        file = served(index_server, make_sdist("demo", "1.0"))
        index_server.fault("*.tar.gz", status=status)
        with pytest.raises(error, match=str(status)):
            read(file)


class TestPyproject:
    STATIC = '[project]\nname = "Demo"\nversion = "1.0"\ndependencies = ["six"]\nrequires-python = ">=3.8"\n'

    def test_a_static_table_suffices(self, index_server: IndexServer) -> None:
        text = self.STATIC + "[project.optional-dependencies]\nTest = [\"pytest ; os_name == 'nt'\"]\n"
        metadata = read(served(index_server, sdist(**{"pyproject.toml": text, "setup.py": ""})))
        assert metadata.source == "sdist-static"
        assert metadata.requires_dist == ("six", "pytest ; os_name == 'nt' and extra == \"Test\"")
        assert metadata.provides_extra == ("test",)
        assert metadata.requires_python == ">=3.8"

    def test_the_version_may_be_dynamic(self, index_server: IndexServer) -> None:
        text = '[project]\nname = "demo"\ndynamic = ["version"]\n'
        assert read(served(index_server, sdist(**{"pyproject.toml": text}))).requires_dist == ()

    def test_without_dependencies_there_are_none(self, index_server: IndexServer) -> None:
        text = '[project]\nname = "demo"\nversion = "1.0"\n'
        data = sdist(**{"PKG-INFO": PKG_INFO, "pyproject.toml": text})
        assert read(served(index_server, data)).source == "sdist-static"

    @pytest.mark.parametrize(
        "text",
        [
            "not toml at all [",
            "[build-system]\nrequires = []\n",
            'project = "demo"\n',
            '[project]\nname = "demo"\nversion = "1.0"\ndynamic = ["dependencies"]\n',
            '[project]\nname = "demo"\nversion = "1.0"\ndynamic = ["optional-dependencies"]\n',
            '[project]\nname = "demo"\nversion = "1.0"\ndynamic = "requires-python"\n',
            '[project]\nname = "other"\nversion = "1.0"\n',
            '[project]\nname = "demo"\nversion = "2.0"\n',
            '[project]\nname = "demo"\nversion = "nine"\n',
            '[project]\nname = "demo"\nversion = 1\n',
            '[project]\nname = 1\nversion = "1.0"\n',
            '[project]\nname = "demo"\nversion = "1.0"\ndependencies = "six"\n',
            '[project]\nname = "demo"\nversion = "1.0"\ndependencies = [1]\n',
            '[project]\nname = "demo"\nversion = "1.0"\noptional-dependencies = []\n',
            '[project]\nname = "demo"\nversion = "1.0"\nrequires-python = "three"\n',
            '[project]\nname = "demo"\nversion = "1.0"\n[tool.poetry.dependencies]\nsix = "*"\n',
            "a = " + "[" * 20000,
        ],
    )
    def test_other_tables_decide_nothing(self, index_server: IndexServer, text: str) -> None:
        data = sdist(**{"PKG-INFO": PKG_INFO, "pyproject.toml": text, "setup.py": ""})
        assert read(served(index_server, data), CountingBuilder("built")).requires_dist == ("built",)


class TestWhichMembersCount:
    def evidence(self, name: str = "my-demo") -> Evidence:
        return Evidence("my_demo-1.0.tar.gz", Name(name), "1.0")

    @pytest.mark.parametrize(
        "path",
        [
            "my_demo-1.0/PKG-INFO",
            "my_demo-1.0/pyproject.toml",
            "my_demo-1.0/my_demo.egg-info/requires.txt",
            "my_demo-1.0/My.Demo.egg-info/SOURCES.txt",
            "my_demo-1.0/src/my_demo.egg-info/PKG-INFO",
        ],
    )
    def test_these_do(self, path: str) -> None:
        assert self.evidence().wants(path)

    @pytest.mark.parametrize(
        "path",
        [
            "PKG-INFO",
            "my_demo-1.0/vendor/PKG-INFO",
            "my_demo-1.0/tests/pyproject.toml",
            "my_demo-1.0/other.egg-info/requires.txt",
            "my_demo-1.0/my_demo.egg-info/top_level.txt",
            "my_demo-1.0/tests/data/my_demo.egg-info/requires.txt",
            "my_demo-1.0/requires.txt",
        ],
    )
    def test_these_do_not(self, path: str) -> None:
        assert not self.evidence().wants(path)

    def test_the_egg_info_has_a_pkg_info_too(self, index_server: IndexServer) -> None:
        data = sdist(**{"demo.egg-info/PKG-INFO": PKG_INFO, "demo.egg-info/requires.txt": "six\n"})
        assert read(served(index_server, data)).requires_dist == ("six",)

    def test_a_requires_txt_alone_says_nothing_of_whose_it_is(self, index_server: IndexServer) -> None:
        data = sdist(**{"demo.egg-info/requires.txt": "six\n"})
        assert read(served(index_server, data), CountingBuilder("built")).source == "built"

    def test_an_egg_info_without_requires_txt_claims_that_there_are_none(self, index_server: IndexServer) -> None:
        data = sdist(**{"PKG-INFO": PKG_INFO, "demo.egg-info/PKG-INFO": PKG_INFO})
        metadata = read(served(index_server, data))
        assert (metadata.source, metadata.requires_dist) == ("sdist-claim", ())

    def test_a_requires_txt_that_is_none(self, index_server: IndexServer) -> None:
        for content in (b"[test\nsix", b"\xff\xfe"):
            members = [("demo-1.0/PKG-INFO", PKG_INFO.encode()), ("demo-1.0/demo.egg-info/requires.txt", content)]
            file = served(index_server, gzip.compress(tar(members)))
            assert read(file, CountingBuilder("built")).source == "built"


class TestZip:
    def zipped(self, members: dict[str, str]) -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for path, content in members.items():
                archive.writestr(path, content)
        return buffer.getvalue()

    def test_it_is_read_by_ranges(self, index_server: IndexServer) -> None:
        data = self.zipped(
            {
                "demo-1.0/PKG-INFO": PKG_INFO,
                "demo-1.0/data.bin": "x" * 1_000_000,
                "demo-1.0/demo.egg-info/requires.txt": requires_txt(["six"], {"test": ["pytest"]}),
            }
        )
        metadata = read(served(index_server, data, "demo-1.0.zip"))
        assert metadata.requires_dist == ("six", 'pytest ; extra == "test"')
        assert index_server.served < 100_000

    def test_it_may_need_a_build(self, index_server: IndexServer) -> None:
        data = self.zipped({"demo-1.0/PKG-INFO": PKG_INFO, "demo-1.0/setup.py": ""})
        assert read(served(index_server, data, "demo-1.0.zip"), CountingBuilder()).source == "built"

    def test_one_that_is_none(self, index_server: IndexServer) -> None:
        with pytest.raises(MetadataUnusableError, match="not a zip"):
            read(served(index_server, b"x" * 100, "demo-1.0.zip"))


class TestRequiresTxt:
    def test_sections(self) -> None:
        text = (
            "six>=1.0\n# a comment\n\n[:python_version < '3']\nenum34\n[test]\npytest ; os_name == 'nt' or x == 'y'\n"
            "[test:sys_platform == 'win32' or os_name == 'nt']\npywin32\n[empty]\n"
        )
        requirements, extras = parse_requires_txt(text)
        assert requirements == [
            "six>=1.0",
            "enum34 ; python_version < '3'",
            "pytest ; (os_name == 'nt' or x == 'y') and extra == \"test\"",
            "pywin32 ; (sys_platform == 'win32' or os_name == 'nt') and extra == \"test\"",
        ]
        assert extras == ["test", "empty"]

    def test_urls_keep_their_semicolons(self) -> None:
        url = "demo @ https://example.org/a;b"
        assert with_condition(url, extra="x") == f'{url} ; extra == "x"'
        assert with_condition(f"{url} ; os_name == 'nt'", extra="x") == f"{url} ; os_name == 'nt' and extra == \"x\""

    @pytest.mark.parametrize("text", ["[test\nsix", "[te'st]\nsix"])
    def test_headers_that_are_none(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"test|st"):
            parse_requires_txt(text)


def walk(filename: str, data: bytes, *, piece: int = 1 << 16, wanted: Callable[[str], bool] | None = None) -> list[Any]:
    head = TarHead(filename, wanted or (lambda _: True))
    found: list[tuple[str, bytes]] = []
    for start in range(0, len(data), piece):
        found.extend(head.feed(data[start : start + piece]))
    assert head.ended
    return found


class TestTarHead:
    MEMBERS = (("a/PKG-INFO", b"one"), ("a/" + "long" * 60, b"two" * 1000), ("a/ä", b""), ("./a/dot", b"three"))
    FOUND = [("a/PKG-INFO", b"one"), ("a/" + "long" * 60, b"two" * 1000), ("a/ä", b""), ("a/dot", b"three")]  # noqa: RUF012 - never changed

    @pytest.mark.parametrize("piece", [1, 7, 512, 4096])
    @pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
    def test_pieces_of_any_length(self, piece: int, form: int) -> None:
        data = gzip.compress(tar(self.MEMBERS, format=form, pax_headers={"comment": "x"} if form else None))
        assert walk("a.tar.gz", data, piece=piece) == self.FOUND

    @pytest.mark.parametrize(
        ("filename", "compress"),
        [
            ("a.tar", bytes),
            ("a.TGZ", gzip.compress),
            ("a.tar.bz2", bz2.compress),
            ("a.tar.xz", lzma.compress),
            ("a.tar.gz", lambda data: gzip.compress(data[:700]) + gzip.compress(data[700:]) + b"\0" * 100),
            ("a.tar.bz2", lambda data: bz2.compress(data[:700]) + bz2.compress(data[700:])),
        ],
    )
    @pytest.mark.parametrize("piece", [1, 50_000])
    def test_compressions(self, filename: str, compress: Callable[[bytes], bytes], piece: int) -> None:
        data = compress(tar([("a/noise", bytes(range(256)) * 4000), *self.MEMBERS]))
        piece = 97 if piece == 1 and len(data) > 10_000 else piece
        assert walk(filename, data, piece=piece, wanted=lambda path: path != "a/noise") == self.FOUND

    def test_what_is_no_plain_file_within_the_archive_is_passed_over(self) -> None:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE):
                info = tarfile.TarInfo("a/PKG-INFO")
                info.type, info.linkname = kind, "/etc/passwd"
                archive.addfile(info)
            for path in ("/a/PKG-INFO", "../a/PKG-INFO", "a/../PKG-INFO"):
                info = tarfile.TarInfo(path)
                info.size = 3
                archive.addfile(info, io.BytesIO(b"bad"))
            info = tarfile.TarInfo("a/good")
            archive.addfile(info)
        assert walk("a.tar", buffer.getvalue()) == [("a/good", b"")]

    def test_members_that_nobody_wants_may_be_of_any_size(self) -> None:
        data = tar([("a/huge", b"\0" * (9 << 20)), ("a/small", b"x")])
        assert walk("a.tar", data, wanted=lambda path: path == "a/small") == [("a/small", b"x")]

    def test_one_that_is_wanted_may_not(self) -> None:
        with pytest.raises(TarError, match="bytes long"):
            walk("a.tar", tar([("a/PKG-INFO", b"\0" * (5 << 20))]))

    def test_bombs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from envsolver.sources.metadata import tarhead

        monkeypatch.setattr(tarhead, "MAX_UNPACKED", 1 << 20)
        with pytest.raises(TarError, match="unpacks to more"):
            walk("a.tar.gz", gzip.compress(tar([("a/huge", b"\0" * (2 << 20))])), wanted=lambda _: False)
        monkeypatch.setattr(tarhead, "MAX_MEMBERS", 10)
        with pytest.raises(TarError, match="more than 10 members"):
            walk("a.tar", tar((f"a/{number}", b"") for number in range(20)))

    @pytest.mark.parametrize(
        ("filename", "data", "reason"),
        [
            ("a.tar.gz", b"not gzip at all", "decompressed"),
            ("a.tar.bz2", b"not bzip2 at all", "decompressed"),
            ("a.tar.xz", b"not xz at all", "decompressed"),
            ("a.tar", b"z" * 2000, "not a tar"),
            ("a.tar", b"x" * 156 + b"x" + b"x" * (2 << 20), "not a tar"),
            ("a.tar.gz", gzip.compress(b"y" * 2000), "not a tar"),
        ],
    )
    def test_what_is_no_archive(self, filename: str, data: bytes, reason: str) -> None:
        with pytest.raises(TarError, match=reason):
            walk(filename, data)

    def test_a_negative_size(self) -> None:
        info = tarfile.TarInfo("a/b")
        header = bytearray(info.tobuf())
        header[124:136] = b"\xff" * 8 + (-1024).to_bytes(4, "big", signed=True)
        header[148:156] = b" " * 8
        header[148:156] = b"%06o\0 " % sum(header)
        with pytest.raises(TarError):
            walk("a.tar", bytes(header) + b"\0" * 2048)


def test_archives_of_other_kinds(index_server: IndexServer) -> None:
    from envsolver.model.candidate import File

    file = File(
        name=normalize_name("demo"),
        version="1.0",
        kind="sdist",
        filename="demo-1.0.tar.Z",
        index="simple",
        url=f"{index_server.base}/x",
    )
    with pytest.raises(MetadataUnusableError, match="a kind that Python cannot unpack"):
        read(file)

"""Frozen indexes: the file, what it refuses, and how it serves in place of the network."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement

from envsolver.model.candidate import File, Metadata, Name
from envsolver.model.errors import FileError, NetworkError, UnknownPackageError
from envsolver.sources.filenames import FilenameParser
from envsolver.sources.frozen import FORMAT, FrozenFile, FrozenIndex, dumps, freeze, loads
from envsolver.sources.open import load_frozen
from tests.support.packages import make_wheel, sha256
from tests.support.sources import World, index_spec, spec_with

if TYPE_CHECKING:
    from envsolver.sources.indexes import IndexSet
    from tests.support.index_server import IndexServer

DIGEST = "ab" * 32
OTHER = "cd" * 32
SHIPPED = sorted((Path(__file__).parent.parent / "specs" / "indexes").glob("*.json"))


def record(filename: str = "torch-1.12.1+cu116-cp39-cp39-linux_x86_64.whl", **more: Any) -> FrozenFile:
    fields: dict[str, Any] = {"name": Name("torch"), "path": filename.replace("+", "%2B"), "sha256": DIGEST}
    return FrozenFile(filename=filename, **(fields | more))


def index(*files: FrozenFile, **more: Any) -> FrozenIndex:
    fields: dict[str, Any] = {"url": "https://index.example/whl/cu116", "sources": ("by hand",)}
    return FrozenIndex(files=files, **(fields | more))


TEXTS = st.text(max_size=12)
FILES = st.builds(
    record,
    st.sampled_from(
        ["torch-1.0-py3-none-any.whl", "torch-1.0.tar.gz", "Torch-2.0+cu116.zip", "torch-3-py3-none-any.whl"]
    ),
    sha256=st.sampled_from([DIGEST, OTHER]),
    size=st.none() | st.integers(0, 2**53),
    requires_dist=st.none() | st.lists(TEXTS, max_size=3).map(tuple),
    provides_extra=st.lists(TEXTS, max_size=2).map(tuple),
    requires_python=st.none() | TEXTS,
    uploaded=st.none() | st.integers(0, 2**33),
    yanked=st.none() | TEXTS,
    provenance=st.just("seen") | TEXTS,
    sources=st.lists(TEXTS, max_size=2).map(tuple),
)


class TestFile:
    @given(st.lists(FILES, max_size=4, unique_by=lambda file: file.filename), st.lists(TEXTS, max_size=3))
    def test_text_and_record_are_the_same_thing(self, files: list[FrozenFile], sources: list[str]) -> None:
        files.sort(key=lambda file: file.filename)
        frozen = index(*files, sources=tuple(sources))
        text = dumps(frozen)
        assert loads(text, "x.json") == frozen
        assert dumps(loads(text, "x.json")) == text

    def test_one_artefact_a_line(self) -> None:
        text = dumps(index(record("torch-1-py3-none-any.whl"), record("torch-1-py2-none-any.whl", size=7)))
        lines = text.splitlines()
        assert lines[:4] == [
            "{",
            f'"format": "{FORMAT}",',
            '"index": "https://index.example/whl/cu116",',
            '"sources": [',
        ]
        assert lines[7:9] == [
            f'{{"name": "torch", "filename": "torch-1-py2-none-any.whl", "sha256": "{DIGEST}", "size": 7}},',
            f'{{"name": "torch", "filename": "torch-1-py3-none-any.whl", "sha256": "{DIGEST}"}}',
        ]

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"format": "envsolver-frozen-index-9"}, "its format is 'envsolver-frozen-index-9'"),
            ({"index": "torch"}, "the index's URL is not one"),
            ({"more": 1}, "unknown field `more`"),
            ({"files": [{"name": "torch"}]}, "missing required field `filename`"),
            ({"name": "Torch"}, "is not a wheel or sdist of 'Torch'"),
            ({"name": "torchvision"}, "is not a wheel or sdist of 'torchvision'"),
            ({"filename": "torch.txt"}, "is not a wheel or sdist of 'torch'"),
            ({"sha256": "ab"}, "64 lower-case hexadecimal digits"),
            ({"sha256": DIGEST.upper()}, "64 lower-case hexadecimal digits"),
            ({"size": -1}, "size"),
            ({"path": "torch-2.0-py3-none-any.whl"}, "its path leads to another file"),
            ({"path": "//evil.example/torch-1.0-py3-none-any.whl"}, "relative to the index, or a whole URL"),
            ({"path": "file:///torch-1.0-py3-none-any.whl"}, "relative to the index, or a whole URL"),
            ({"unknown": 1}, "unknown field `unknown`"),
        ],
    )
    def test_what_it_refuses(self, change: dict[str, Any], reason: str) -> None:
        document: dict[str, Any] = {"format": FORMAT, "index": "https://index.example/", "sources": [], "files": []}
        line = {"name": "torch", "filename": "torch-1.0-py3-none-any.whl", "sha256": DIGEST}
        if change.keys() & {"format", "index", "more", "files"}:
            document |= change
        else:
            document["files"] = [line | change]
        with pytest.raises(FileError, match=reason) as caught:
            loads(json.dumps(document), "specs/indexes/x.json")
        assert str(caught.value).startswith("specs/indexes/x.json: ")

    @pytest.mark.parametrize("text", ["", "{", "[]", "null", "\ud800".encode("utf-8", "replace").decode()])
    def test_what_is_no_such_file_at_all(self, text: str) -> None:
        with pytest.raises(FileError, match=r"x\.json: not a frozen index"):
            loads(text, "x.json")

    def test_one_name_twice(self) -> None:
        text = dumps(index(record(), record(sha256=OTHER)))
        with pytest.raises(FileError, match="is recorded twice"):
            loads(text, "x.json")


class TestService:
    def write(self, root: Path, frozen: FrozenIndex) -> None:
        (root / "specs" / "indexes").mkdir(parents=True)
        (root / "specs" / "indexes" / "cu116.json").write_text(dumps(frozen))

    def world(self, root: Path, server: IndexServer, url: str = "https://index.example/whl/cu116") -> World:
        spec = spec_with(index_spec("cu116", url, "torch", frozen="indexes/cu116.json"))
        return World(root, server.url(), spec)

    def test_it_stands_in_for_the_network(self, index_server: IndexServer, tmp_path: Path) -> None:
        self.write(
            tmp_path,
            index(
                record(
                    size=5,
                    requires_dist=("typing-extensions",),
                    requires_python=">=3.7",
                    provenance="inferred: from elsewhere",
                )
            ),
        )
        world = self.world(tmp_path, index_server)

        async def read(source: IndexSet) -> Any:
            source.hint(Name("torch"))
            page = await source.page(Name("torch"))
            (file,) = page.files("1.12.1+cu116")
            source.hint_metadata(file)
            return file, await source.metadata(file)

        file, metadata = world.ask(read, offline=True)
        assert file == File(
            name=Name("torch"),
            version="1.12.1+cu116",
            kind="wheel",
            filename="torch-1.12.1+cu116-cp39-cp39-linux_x86_64.whl",
            index="cu116",
            url="https://index.example/whl/cu116/torch-1.12.1%2Bcu116-cp39-cp39-linux_x86_64.whl",
            sha256=DIGEST,
            size=5,
            requires_python=">=3.7",
            provenance="inferred: from elsewhere",
        )
        assert metadata == Metadata(requires_dist=("typing-extensions",), source="frozen", requires_python=">=3.7")
        assert index_server.requests == []

    def test_a_mirror_serves_the_same_record(self, index_server: IndexServer, tmp_path: Path) -> None:
        self.write(tmp_path, index(record(requires_dist=())))
        (file,) = (
            self.world(tmp_path, index_server, "https://mirror.example/pytorch/").page("torch").files("1.12.1+cu116")
        )
        assert file.url == "https://mirror.example/pytorch/torch-1.12.1%2Bcu116-cp39-cp39-linux_x86_64.whl"

    def test_what_is_not_recorded_is_unknown(self, index_server: IndexServer, tmp_path: Path) -> None:
        self.write(tmp_path, index(record(name=Name("torch"))))
        spec = spec_with(
            index_spec("cu116", "https://index.example/", "torch", "torchvision", frozen="indexes/cu116.json")
        )
        with pytest.raises(UnknownPackageError, match=r"'torchvision' \(asked: cu116\)") as caught:
            World(tmp_path, index_server.url(), spec).page("torchvision")
        assert "cu116 is specs/indexes/cu116.json" in str(caught.value.hint)

    def test_requirements_that_are_not_recorded_are_read_from_the_index(
        self, index_server: IndexServer, tmp_path: Path
    ) -> None:
        wheel = make_wheel("torch", "1.0", requires=["numpy"])
        name = "torch-1.0-py3-none-any.whl"
        index_server.add(name, wheel)
        self.write(tmp_path, index(record(name, sha256=sha256(wheel))))
        world = self.world(tmp_path, index_server, f"{index_server.base}/files/simple")

        async def read(source: IndexSet) -> Any:
            (file,) = (await source.page(Name("torch"))).files("1.0")
            return await source.metadata(file)

        with pytest.raises(NetworkError, match=r"cu116\.json \(index 'cu116'\) does not record .* offline"):
            world.ask(read, offline=True)
        assert world.ask(read).requires_dist == ("numpy",)
        index_server.stop()
        shutil.rmtree(tmp_path / "cache")
        with pytest.raises(NetworkError, match=r"does not record the requirements of torch-1.0-py3.* otherwise"):
            world.ask(read)

    @pytest.mark.parametrize("frozen", ["../../elsewhere.json", "/etc/hostname"])
    def test_it_lies_in_the_project(self, index_server: IndexServer, tmp_path: Path, frozen: str) -> None:
        project = tmp_path / "project"
        project.mkdir()
        (tmp_path / "elsewhere.json").write_text(dumps(index()))
        spec = spec_with(index_spec("cu116", "https://index.example/", "torch", frozen=frozen))
        with pytest.raises(FileError, match=r"specs/demo\.yaml:7: the frozen index .* lies outside the project"):
            World(project, index_server.url(), spec).page("torch")

    def test_a_missing_file_is_named_with_the_place_that_names_it(
        self, index_server: IndexServer, tmp_path: Path
    ) -> None:
        with pytest.raises(
            FileError, match=r"specs/demo\.yaml:7: the frozen index specs/indexes/cu116\.json is not there"
        ):
            self.world(tmp_path, index_server).page("torch")

    def test_bytes_that_are_no_text(self, tmp_path: Path) -> None:
        (tmp_path / "x.json").write_bytes(b"\xff\xfe\x00")
        with pytest.raises(FileError, match="cannot be read"):
            load_frozen(tmp_path.resolve() / "x.json", tmp_path, "spec:1")


class TestFreezing:
    def test_a_live_index_gives_a_record_that_serves_the_same(self, index_server: IndexServer, tmp_path: Path) -> None:
        for version in ("1.0", "2.0+cu116"):
            wheel = make_wheel("torch", version, requires=["numpy; extra == 'fast'"])
            index_server.add(
                f"torch-{version}-py3-none-any.whl",
                wheel,
                requires_python=">=3.8",
                yanked="bad" if version == "1.0" else False,
                upload_time="2023-01-02T03:04:05Z",
            )
        world = World(tmp_path, index_server.url())

        async def record_all(source: IndexSet) -> Any:
            page = await source.page(Name("torch"))
            files = [file for release in page.releases for file in page.files(release.version)]
            return page, [(file, await source.metadata(file)) for file in files]

        page, artefacts = world.ask(record_all)
        frozen = loads(dumps(freeze(index_server.url(), artefacts, sources=("a test",))), "x.json")
        again = frozen.page(Name("torch"), "default", index_server.url())
        assert again is not None
        assert (again.shapes, again.releases) == (page.shapes, page.releases)
        for release in page.releases:
            assert again.files(release.version) == page.files(release.version)
        for file, metadata in artefacts:
            recorded = frozen.metadata(file)
            assert recorded is not None
            assert recorded.requires_dist == metadata.requires_dist
            assert recorded.provides_extra == metadata.provides_extra

    @pytest.mark.parametrize(
        ("url", "path"),
        [
            ("https://index.example/whl/cu116/a-1.zip", "a-1.zip"),
            ("https://index.example/whl/a-1.zip", "/whl/a-1.zip"),
            ("https://files.example/a-1.zip", "https://files.example/a-1.zip"),
        ],
    )
    def test_paths_are_as_relative_as_can_be(self, url: str, path: str) -> None:
        file = File(name=Name("a"), version="1", kind="sdist", filename="a-1.zip", index="x", url=url, sha256=DIGEST)
        frozen = freeze("https://index.example/whl/cu116", [(file, None)], sources=())
        assert frozen.files[0].path == path
        page = loads(dumps(frozen), "x.json").page(Name("a"), "x", "https://index.example/whl/cu116/")
        assert page is not None
        assert page.files("1")[0].url == url

    def test_a_file_without_digest_cannot_be_recorded(self) -> None:
        file = File(name=Name("a"), version="1", kind="sdist", filename="a-1.zip", index="x", url="https://x/a-1.zip")
        with pytest.raises(ValueError, match=r"a-1\.zip has no digest"):
            freeze("https://x", [(file, None)], sources=())


class TestShipped:
    """The records under ``specs/indexes/``."""

    def read(self, path: Path) -> FrozenIndex:
        return loads(path.read_text(encoding="utf-8"), path.name)

    @pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
    def test_they_are_canonical_and_usable(self, path: Path) -> None:
        frozen = self.read(path)
        assert dumps(frozen) == path.read_text(encoding="utf-8")
        assert path.stem == f"pytorch-{frozen.url.rpartition('/')[2]}"
        assert path.stat().st_size < 1_500_000
        for name in frozen.names():
            page = frozen.page(name, "x", frozen.url)
            assert page is not None
            for release in page.releases:
                for file in page.files(release.version):
                    assert file.url.startswith(frozen.url + "/")

    @pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
    def test_each_line_says_what_it_is_and_whence(self, path: Path) -> None:
        variant = path.stem.removeprefix("pytorch-")
        for file in self.read(path).files:
            parsed = FilenameParser(file.name).parse(file.filename)
            assert parsed is not None
            assert parsed.version.local == variant
            assert file.sources
            assert file.provenance == "seen" or file.provenance.startswith("inferred: ")
            for text in file.requires_dist or ():
                requirement = Requirement(text)
                if variant == "cpu" and not requirement.marker:
                    assert not requirement.name.startswith("nvidia")

    def test_the_wheels_of_the_cuda_11_6_environment(self) -> None:
        frozen = self.read(next(path for path in SHIPPED if path.stem == "pytorch-cu116"))
        files = {file.filename: file for file in frozen.files}
        torch = files["torch-1.12.1+cu116-cp39-cp39-linux_x86_64.whl"]
        assert torch.sha256.startswith("7725420d")
        assert torch.sha256.endswith("26e3")
        assert (torch.requires_dist, torch.provenance) == (("typing-extensions",), "seen")
        vision = files["torchvision-0.13.1+cu116-cp39-cp39-linux_x86_64.whl"]
        assert "torch (==1.12.1)" in (vision.requires_dist or ())
        assert vision.provenance.startswith("inferred: ")

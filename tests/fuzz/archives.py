"""Targets that come over the network: index pages, metadata, wheels, sdists, packages and channels of conda."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import tarfile
import warnings
import zipfile
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from envsolver.model.candidate import File, Name
from tests.fuzz.guard import Target
from tests.support.building import MINOR, raw_wheel
from tests.support.channels import ChannelFolder
from tests.support.condapackages import CondaPackage
from tests.support.packages import make_sdist, make_wheel, metadata_text

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from envsolver.sources.reply import Reply, Stream

__all__ = ["ARCHIVES"]

_URL = "https://h.example/simple/demo/"
_DEMO = Name("demo")
_WHEEL = "demo-1.0-py3-none-any.whl"
_SHA = "ab" * 32


def _page(content_type: str, data: bytes, _folder: Path) -> object:
    from envsolver.sources.compact import build_page, decode_page, encode_page, open_page
    from envsolver.sources.simple import parse_links

    links = parse_links(data, content_type, _URL, project="demo")
    page = open_page(decode_page(encode_page(build_page(_DEMO, links))), _DEMO, "main")
    for release in page.releases:
        for file in page.files(release.version):
            assert file.url.startswith(("https://", "http://")), file.url
    return page


def _metadata(data: bytes, _folder: Path) -> object:
    from packaging.requirements import Requirement

    from envsolver.sources.metadata.core import parse_core_metadata

    declared = parse_core_metadata(data, filename=_WHEEL, source="wheel", name=_DEMO, version="1.0")
    return [Requirement(text) for text in declared.metadata.requires_dist]


@dataclass(frozen=True, slots=True)
class _Served:
    """A server that has one file, and answers as it should."""

    data: bytes

    async def get(self, url: str, *, max_bytes: int = 0) -> Reply:
        return self._reply(200, url, self.data)

    async def get_range(self, url: str, start: int | None, end: int | None) -> Reply:
        stop = len(self.data) if start is None or end is None else min(len(self.data), end + 1)
        begin = max(0, len(self.data) - (end or 0)) if start is None else start
        if not self.data or begin >= stop:
            return self._reply(416, url, b"")
        return self._reply(206, url, self.data[begin:stop], begin)

    @asynccontextmanager
    async def stream(self, url: str, *, headers: Mapping[str, str] | None = None) -> AsyncIterator[Stream]:
        from envsolver.sources.reply import Stream

        async def chunks() -> AsyncIterator[bytes]:
            for start in range(0, len(self.data), 4096):
                yield self.data[start : start + 4096]

        yield Stream(status=200, url=url, headers={}, chunks=chunks())

    def _reply(self, status: int, url: str, body: bytes, start: int = 0) -> Reply:
        from envsolver.sources.reply import Reply

        place = f"bytes {start}-{start + len(body) - 1}/{len(self.data)}"
        return Reply(status=status, url=url, headers={"content-range": place}, body=body)


def _file(filename: str, data: bytes) -> File:
    return File(
        name=_DEMO,
        version="1.0",
        kind="wheel" if filename.endswith(".whl") else "sdist",
        filename=filename,
        index="main",
        url=_URL + filename,
        sha256=sha256(data).hexdigest(),
        size=len(data) or None,
    )


def _wheel_metadata(data: bytes, _folder: Path) -> object:
    from envsolver.sources.metadata.wheel import read_wheel_metadata

    return asyncio.run(read_wheel_metadata(_Served(data), _file(_WHEEL, data)))


def _wheel(data: bytes, folder: Path) -> object:
    from envsolver.build.layout import Layout
    from envsolver.build.unpack import unpack

    target = folder / "target"
    target.mkdir(parents=True)
    (folder / "archive").write_bytes(data)
    made = unpack(folder / "archive", _WHEEL, Layout(MINOR), target)
    assert {path.name for path in folder.iterdir()} == {"archive", "target"}, "written beside its folder"
    return made


def _sdist_metadata(filename: str, data: bytes, _folder: Path) -> object:
    from envsolver.sources.metadata.sdist import read_sdist_metadata

    return asyncio.run(read_sdist_metadata(_Served(data), _file(filename, data), "1.0"))


def _sdist(filename: str, data: bytes, folder: Path) -> object:
    from envsolver.sources.metadata.unpack import unpack_sdist

    target = folder / "target"
    target.mkdir(parents=True)
    (folder / "archive").write_bytes(data)
    try:
        return unpack_sdist(folder / "archive", target, filename)
    finally:
        assert {path.name for path in folder.iterdir()} == {"archive", "target"}, "written beside its folder"
        for path in target.rglob("*"):
            assert path.resolve().is_relative_to(target.resolve()), f"a way out: {path}"


def _conda_package(data: bytes, folder: Path) -> object:
    from envsolver.build.condarecord import facts_of, record_of
    from envsolver.lock.model import LockedFile, LockedPackage, Pin

    filename = "demo-1.0-0.conda"
    folder.mkdir()
    archive = folder / filename
    archive.write_bytes(data)
    file = LockedFile(filename=filename, index="main", sha256=sha256(data).hexdigest(), subdir="linux-64")
    pin = Pin(package=LockedPackage(name=Name("conda:demo"), version="1.0", files=(file,)), file=file, extras=())
    return record_of(pin, facts_of(pin, archive), archive, "https://h.example/c")


def _repodata(data: bytes, folder: Path) -> object:
    from envsolver.model.origin import Origin
    from envsolver.model.spec import ChannelSpec
    from envsolver.sources.conda import CondaChannels, open_gateway

    channel = ChannelFolder(folder / "main")
    channel.write()
    (folder / "main" / "linux-64" / "repodata.json").write_bytes(data)
    made = CondaChannels(
        [ChannelSpec(name=channel.url, url=channel.url, origin=Origin("specs/a.yaml", 1))],
        "linux-64",
        gateway=open_gateway(folder / "cache", offline=False, refresh=True),
        mirrors={},
    )
    return [made.file(record) for records in asyncio.run(made.load(["demo", "python"])) for record in records]


# Seeds and structures

_PATHS = st.sampled_from(
    [
        "demo/a.py",
        "demo/A.py",
        "demo/a.py/b.py",
        "../up.py",
        "/abs.py",
        "demo//b.py",
        "demo\\c.py",
        "C:/d.py",
        "demo/é.py",
        "demo/é.py",
        "demo-1.0.data/scripts/run",
        "demo-1.0.data/data/bin/python",
        "demo-1.0.data/purelib/demo/a.py",
        "demo-1.0.data/odd/x",
        "demo-1.0.data/headers/h.h",
        "demo-1.0.dist-info/RECORD.jws",
        "demo-1.0.dist-info/METADATA",
        "other-1.0.dist-info/METADATA",
        "demo/__pycache__/a.pyc",
        ".envsolver/manifest",
        "pyvenv.cfg",
        "x" * 300,
        "a/" * 200 + "b",
        "demo-1.0/PKG-INFO",
        "demo-1.0/setup.py",
        "demo-1.0/pyproject.toml",
        "demo-1.0/demo.egg-info/requires.txt",
        "demo-1.0/demo.egg-info/SOURCES.txt",
        "demo-1.0/demo.egg-info/PKG-INFO",
        "./demo-1.0/setup.py",
        "con",
        "a\x00b",
    ]
)
_CONTENTS = st.binary(max_size=40) | st.sampled_from(
    [
        b"#!python\nprint()\n",
        b"#!pythonw -x",
        b"[console_scripts]\nx = a:b\n",
        b"\xff",
        b"[a]\nsix>=1\n[:python_version<'3']\ny\n",
        b"[" * 3000,
        metadata_text("demo", "1.0", requires=["six"], metadata_version="2.2").encode(),
        metadata_text("demo", "1.0").encode(),
        b"[project]\nname='demo'\nversion='1.0'\ndependencies=['six']\n",
        b"[project]\nname=1\nversion=[]\ndependencies={}\n",
        b"a = " + b"9" * 5000,
        b"a = " + b"[" * 2000,
    ]
)
_MODES = st.sampled_from([0o100644, 0o100755, 0o120777, 0o040755, 0o020644, 0, 0o104755])


@st.composite
def _wheels(draw: st.DrawFn) -> bytes:
    pairs = [(path.replace("\0", ""), data) for path, data in draw(st.lists(st.tuples(_PATHS, _CONTENTS), max_size=5))]
    modes = {path: draw(_MODES) for path, _ in pairs}
    points = draw(
        st.none()
        | st.sampled_from(
            ["[console_scripts]\na = b:c\n", "[console_scripts]\n../a = b:c\n", "[", "a\n", "[x]\na=b:c:d"]
        )
    )
    with _quiet():
        return raw_wheel(pairs, name="demo", modes=modes, entry_points=points)


def _quiet() -> warnings.catch_warnings[None]:
    """Return a context in which zipfile does not warn of names that stand twice."""
    return warnings.catch_warnings(action="ignore")


@st.composite
def _tars(draw: st.DrawFn, *, packed: bool) -> bytes:
    out = io.BytesIO()
    with tarfile.open(
        fileobj=out, mode="w", format=draw(st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]))
    ) as archive:
        for path, data in draw(st.lists(st.tuples(_PATHS, _CONTENTS), max_size=6)):
            entry = tarfile.TarInfo(path.replace("\0", ""))
            entry.type = draw(
                st.sampled_from(
                    [tarfile.REGTYPE] * 5
                    + [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE]
                )
            )
            entry.linkname = (
                draw(st.sampled_from(["../../x", "/etc/passwd", "demo-1.0/setup.py", "."]))
                if entry.type != tarfile.REGTYPE
                else ""
            )
            entry.mode = draw(st.sampled_from([0o644, 0o4777, 0]))
            entry.mtime = draw(st.sampled_from([0, 2**33, -1 if entry.type == tarfile.DIRTYPE else 1]))
            entry.size = len(data) if entry.type == tarfile.REGTYPE else 0
            archive.addfile(entry, io.BytesIO(data))
    return gzip.compress(out.getvalue(), mtime=0) if packed else out.getvalue()


@st.composite
def _zips(draw: st.DrawFn) -> bytes:
    out = io.BytesIO()
    with _quiet(), zipfile.ZipFile(out, "w") as archive:
        for path, data in draw(st.lists(st.tuples(_PATHS, _CONTENTS), max_size=6)):
            entry = zipfile.ZipInfo(path, (1980, 1, 1, 0, 0, 0))
            entry.external_attr = draw(_MODES) << 16
            entry.flag_bits = draw(st.sampled_from([0, 0, 0, 1, 8]))
            archive.writestr(entry, data)
    return out.getvalue()


_JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**65), 2**65)
    | st.floats()
    | st.sampled_from(
        ["", "demo", "1.0", "0", "linux-64", "../x", "/x", "python", "softlink", "hardlink", "text", "\0", "a" * 300]
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["_path", "path_type", "name", "paths", "sha256", "type"]), inner, max_size=3)
    ),
    max_leaves=5,
)


@st.composite
def _conda_packages(draw: st.DrawFn) -> bytes:
    made = CondaPackage(name="demo", version="1.0", files={"lib/a.txt": b"x", "lib/b.txt": "->a.txt"})
    inside = {name: json.loads(text) for name, text in made._info() if name.endswith(".json")}
    document = inside[draw(st.sampled_from(sorted(inside)))]
    rows = document.get("paths", [document])
    row = draw(st.sampled_from([document, *rows]))
    row[draw(st.sampled_from([*sorted(row), "timestamp", "noarch", "constrains", "paths_version"]))] = draw(
        _JSON_VALUES
    )
    made._info = lambda: iter([(name, json.dumps(value).encode()) for name, value in inside.items()])  # type: ignore[method-assign] # its own text instead
    return made.archive()


@st.composite
def _repodatas(draw: st.DrawFn) -> bytes:
    document = json.loads(_REPODATA)
    rows = list(document["packages.conda"].values())
    row = draw(st.sampled_from([document, document["packages.conda"], *rows]))
    row[draw(st.sampled_from([*sorted(row), "timestamp", "noarch", "removed", "repodata_version"]))] = draw(
        _JSON_VALUES
    )
    return json.dumps(document).encode()


_RECORD = {
    "name": "demo", "version": "1.0", "build": "0", "build_number": 0, "depends": ["python >=3.9"], "constrains": [],
    "subdir": "linux-64", "sha256": _SHA, "md5": _SHA[:32], "size": 10, "timestamp": 1_660_000_000_000, "noarch": None,
    "track_features": "a",
}  # fmt: skip
_REPODATA = json.dumps(
    {
        "info": {"subdir": "linux-64"},
        "packages": {},
        "packages.conda": {"demo-1.0-0.conda": _RECORD, "demo-2.0-0.conda": {**_RECORD, "version": "2.0"}},
        "repodata_version": 1,
    }
).encode()
_JSON_PAGE = json.dumps(
    {
        "meta": {"api-version": "1.1"},
        "name": "demo",
        "files": [
            {
                "filename": _WHEEL,
                "url": f"../../f/{_WHEEL}",
                "hashes": {"sha256": _SHA},
                "size": 5,
                "requires-python": ">=3.8",
                "upload-time": "2024-01-01T00:00:00.1Z",
                "yanked": "why",
                "core-metadata": {"sha256": _SHA},
            },
            {
                "filename": "demo-2.0.tar.gz",
                "url": "https://[::1]/x/demo-2.0.tar.gz",
                "hashes": {},
                "yanked": True,
                "data-dist-info-metadata": False,
            },
        ],
    }
).encode()
_HTML_PAGE = (
    b'<!DOCTYPE html><html><head><meta name="pypi:repository-version" content="1.0"><base href="https://h.example/f/">'
    b"<title>Links for demo</title></head><body><h1>Links for demo</h1>"
    b'<a href="demo-1.0-py3-none-any.whl#sha256='
    + _SHA.encode()
    + b'" data-requires-python="&gt;=3.8" data-core-metadata="true" '
    b'data-yanked="x" data-upload-time="2024-01-01T00:00:00Z">demo-1.0-py3-none-any.whl</a><br>'
    b'<a href="file:///etc/demo-2.0.tar.gz">demo-2.0.tar.gz</a></body></html>'
)
_METADATA = (
    metadata_text(
        "demo",
        "1.0",
        requires=["six>=1 ; python_version < '3.8' or extra == 'x'", "torch[a]==1.0"],
        requires_python=">=3.7",
        extras={"x": ["demo[x]"]},
    ).encode(),
    b"""\
Metadata-Version: 2.2
Name: Demo
Version: 1.0
Dynamic: Requires-Dist
Requires-Dist: a (>=1.0,<2)
License: x
  y

body
""".replace(b"\n", b"\r\n"),
)
_ZIP_WORDS = (b"PK\1\2", b"PK\3\4", b"PK\5\6", b"PK\6\6", b"PK\6\7", b"\xff\xff\xff\xff", b"\1\0\x10\0", b"RECORD")
_SDISTS = tuple(
    gzip.decompress(make_sdist("demo", "1.0", style=style, requires=["six"]))
    for style in ("static", "claimed", "egg-info", "none")
)


def _zip_of(tar: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(tar)) as source, zipfile.ZipFile(out, "w") as archive:
        for member in source:
            if (stream := source.extractfile(member)) is not None:
                archive.writestr(zipfile.ZipInfo(member.name, (1980, 1, 1, 0, 0, 0)), stream.read())
    return out.getvalue()


_WHEELS = (
    make_wheel("demo", "1.0", requires=["six"], stored=True),
    raw_wheel({"demo.py": b"1"}, name="demo", entry_points="[console_scripts]\nx = demo:main\n"),
)
_ZIPS = tuple(map(_zip_of, _SDISTS))
_CONDA = (CondaPackage(name="demo", version="1.0", files={"lib/a.txt": b"x", "lib/b.txt": "->a.txt"}).archive(),)

ARCHIVES: tuple[Target, ...] = (
    Target(
        name="page-json",
        parse=partial(_page, "application/vnd.pypi.simple.v1+json"),
        seeds=(_JSON_PAGE,),
        words=(b"null,", b'"files": ', b"-1", b"file:///x", b"//h/", b"http://[", b"\\u0000"),
    ),
    Target(
        name="page-html",
        parse=partial(_page, "text/html; charset=utf-8"),
        seeds=(_HTML_PAGE,),
        words=(
            b"<a href=",
            b"<base href='http://['>",
            b"&#0;",
            b"&#xd800;",
            b"<!--",
            b"<![",
            b"<!",
            b"//[",
            b"data-yanked",
        ),
    ),
    Target(name="page-untyped", parse=partial(_page, ""), seeds=(_HTML_PAGE, _JSON_PAGE, b""), words=(b"{", b"<")),
    Target(name="page-charset", parse=partial(_page, "text/html; charset=idna"), seeds=(_HTML_PAGE,)),
    Target(
        name="metadata",
        parse=_metadata,
        seeds=_METADATA,
        words=(
            b"\nRequires-Dist: ",
            b"\nName: demo",
            b"\nVersion: 1",
            b"\n ",
            b"=?utf-8?q?=",
            b"; extra == ",
            b"(",
            b")",
            b" or ",
            b" and ",
            b"not in",
        ),
    ),
    Target(name="wheel-metadata", parse=_wheel_metadata, seeds=_WHEELS, words=_ZIP_WORDS, crafted=_wheels()),
    Target(name="wheel", parse=_wheel, seeds=_WHEELS, words=_ZIP_WORDS, crafted=_wheels(), refuses=(OSError,)),
    Target(
        name="sdist-metadata-tar",
        parse=partial(_sdist_metadata, "demo-1.0.tar"),
        seeds=_SDISTS,
        words=(b"ustar", b"27 path=x\n", b"GNU.sparse"),
        crafted=_tars(packed=False),
    ),
    Target(
        name="sdist-metadata-gz",
        parse=partial(_sdist_metadata, "demo-1.0.tar.gz"),
        seeds=tuple(gzip.compress(tar, mtime=0) for tar in _SDISTS),
        crafted=_tars(packed=True),
    ),
    Target(
        name="sdist-metadata-xz",
        parse=partial(_sdist_metadata, "demo-1.0.tar.xz"),
        seeds=(b"\xfd7zXZ\0", __import__("lzma").compress(_SDISTS[0])),
    ),
    Target(
        name="sdist-metadata-bz2",
        parse=partial(_sdist_metadata, "demo-1.0.tar.bz2"),
        seeds=(b"BZh9", __import__("bz2").compress(_SDISTS[0])),
    ),
    Target(
        name="sdist-metadata-zip",
        parse=partial(_sdist_metadata, "demo-1.0.zip"),
        seeds=_ZIPS,
        words=_ZIP_WORDS,
        crafted=_zips(),
    ),
    Target(
        name="sdist-tar",
        parse=partial(_sdist, "demo-1.0.tar"),
        seeds=_SDISTS,
        words=(b"ustar", b"27 path=x\n", b"\x002"),
        crafted=_tars(packed=False),
    ),
    Target(name="sdist-zip", parse=partial(_sdist, "demo-1.0.zip"), seeds=_ZIPS, words=_ZIP_WORDS, crafted=_zips()),
    Target(
        name="conda-package",
        parse=_conda_package,
        seeds=_CONDA,
        words=(*_ZIP_WORDS, b"ustar", b"../"),
        crafted=_conda_packages(),
    ),
    Target(
        name="repodata",
        parse=_repodata,
        seeds=(_REPODATA,),
        words=(b'"packages": ', b'"packages.conda": ', b"null"),
        crafted=_repodatas(),
    ),
)

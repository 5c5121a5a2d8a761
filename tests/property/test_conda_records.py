"""What a lock keeps of a record of conda is all that there is to say of it: rattler gets it back out of a pixi.lock."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st
from rattler import BuildString, LockFile, PackageRecord, RepoDataRecord
from rattler.package.no_arch_type import NoArchType

from envsolver.formats.pixi import dumps
from envsolver.lock.build import build_lock
from envsolver.model.origin import Origin
from envsolver.model.resolution import Resolution, ResolvedPackage, Root, SolveStats
from envsolver.model.spec import ChannelSpec, IndexSpec
from envsolver.model.target import Target
from envsolver.sources.conda import CondaChannels, channel_alias, open_gateway

if TYPE_CHECKING:
    from rattler.platform import SubdirLiteral

    from envsolver.lock.model import Lock, LockedFile

URL = "https://conda.example/forge"
CHANNEL = ChannelSpec(name=URL, url=URL, origin=Origin("specs/a.yaml", 1))
TARGET = Target(platform="linux-64", python="3.9.13", glibc="2.31")

_specs = st.sampled_from(["cpuonly <0", "other 1|2", "a >=1,<2.0a0", "b 1.0 *_cuda", "c"])
_virtual = st.sampled_from(["__glibc >=2.17,<3.0.a0", "__cuda >=11", "__unix"])
_builds = st.from_regex(r"[a-z]{0,2}(py39|py|cuda11\.6)?[a-z_0-9]{1,6}", fullmatch=True)


@st.composite
def records(draw: st.DrawFn) -> RepoDataRecord:
    subdirs: list[SubdirLiteral] = ["linux-64", "noarch"]
    subdir = draw(st.sampled_from(subdirs))
    build = draw(_builds)
    kinds = (NoArchType("python"), NoArchType("generic"), NoArchType())
    noarch = draw(st.sampled_from(kinds)) if subdir == "noarch" else NoArchType()
    record = PackageRecord(
        "lib_a",
        draw(st.sampled_from(["1.0", "1!2.0", "2023c"])),
        BuildString(build),
        draw(st.integers(0, 50)),
        subdir,
        depends=draw(st.lists(_virtual, unique=True)),
        constrains=draw(st.lists(_specs, unique=True)),
        noarch=noarch,
        sha256=bytes(range(32)),
        md5=bytes(range(16)),
        size=7,
    )
    record.track_features = draw(st.lists(st.sampled_from(["f", "blas_mkl"]), unique=True))
    filename = f"lib_a-{record.version}-{build}.conda"
    return RepoDataRecord(record, filename, f"{URL}/{subdir}/{filename}", f"{URL}/")


def locked(record: RepoDataRecord) -> Lock:
    channels = CondaChannels([CHANNEL], "linux-64", gateway=open_gateway(None, offline=True, refresh=False), mirrors={})
    file = channels.file(record)
    package = ResolvedPackage(
        name=file.name, version=file.version, file=file, extras=(), edges=(), metadata_source="metadata-file"
    )
    root = Root(name=file.name, extras=(), specifier="", group="", text="lib_a", origin=Origin("specs/a.yaml", 2))
    return build_lock(
        name="a",
        inputs_digest="0" * 64,
        python=TARGET.python,
        targets=[TARGET],
        groups=(),
        exclusive=(),
        indexes=[IndexSpec(alias=channel_alias(CHANNEL), url=URL, origin=CHANNEL.origin, kind="conda")],
        resolutions=[
            Resolution(
                target=TARGET,
                roots=(root,),
                packages=(package,),
                stats=SolveStats(rounds=1, solves=1, records=1, metadata_read=0),
            )
        ],
    )


def nowhere(_file: LockedFile) -> str:
    raise AssertionError("there is no package of pip")


@given(record=records())
def test_a_record_comes_back_whole(record: RepoDataRecord) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pixi.lock"
        path.write_text(dumps(locked(record), url_of=nowhere), encoding="utf-8")
        lock_file = LockFile.from_path(path)
    environment = lock_file.default_environment()
    assert environment is not None
    found = environment.conda_repodata_records_for_platform(lock_file.platforms()[0])
    assert found is not None
    (again,) = found
    assert (again.build_number, str(again.build)) == (record.build_number, str(record.build))
    assert (again.noarch.python, again.noarch.generic) == (record.noarch.python, record.noarch.generic)
    assert sorted(again.depends) == sorted(record.depends)
    assert sorted(again.constrains) == sorted(record.constrains)
    assert sorted(again.track_features) == sorted(record.track_features)
    assert (again.url, again.sha256, again.md5, again.size) == (record.url, record.sha256, record.md5, record.size)

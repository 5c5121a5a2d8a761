"""What is read of a wheel by ranges is what zipfile reads of the whole wheel."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING, Any, TypeVar

from hypothesis import given
from hypothesis import strategies as st

from envsolver.sources.metadata.remote import zip_member, zip_members
from envsolver.sources.metadata.zipdir import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Coroutine

LIMIT = 1 << 20
METADATA = "demo-1.0.dist-info/METADATA"

T = TypeVar("T")


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never waits."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    raise AssertionError("it waited")


class Bytes:
    """A file of which the last bytes are at hand."""

    def __init__(self, data: bytes, tail: int) -> None:
        self._data = data
        self.total = len(data)
        self.at_hand = max(0, self.total - tail)

    async def read(self, start: int, stop: int) -> bytes:
        assert 0 <= start <= stop <= self.total
        return self._data[start:stop]


def by_ranges(data: bytes, tail: int) -> bytes:
    source = Bytes(data, tail)
    members = run(zip_members(source, lambda path: path == METADATA.encode()))
    if len(members) != 1:
        raise ArchiveError("not one METADATA")
    return run(zip_member(source, members[0], LIMIT))


def by_zipfile(data: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.read(METADATA)


paths = st.text(st.characters(codec="utf-8", exclude_characters="\0\\:"), min_size=1, max_size=30)
members = st.lists(st.tuples(paths, st.binary(max_size=3000)), max_size=8)
methods = st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])


@st.composite
def wheels(draw: st.DrawFn) -> bytes:
    before, after = draw(members), draw(members)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, data in [*before, (METADATA, draw(st.binary(max_size=5000))), *after]:
            if path not in archive.namelist():
                info = zipfile.ZipInfo(path)
                info.compress_type = draw(methods)
                with archive.open(info, "w", force_zip64=draw(st.booleans())) as member:
                    member.write(data)
        # A comment that looks like an end record is refused: readers disagree about which one is the end.
        archive.comment = draw(st.binary(max_size=60)).replace(b"PK\5\6", b"")
    return buffer.getvalue()


@given(wheels(), st.integers(0, 30_000))
def test_the_same_bytes_as_of_the_whole(data: bytes, tail: int) -> None:
    assert by_ranges(data, tail) == by_zipfile(data)


@given(wheels(), st.integers(0, 30_000), st.data())
def test_a_damaged_wheel_is_refused_or_read_as_zipfile_reads_it(wheel: bytes, tail: int, data: st.DataObject) -> None:
    damaged = bytearray(wheel)
    # The end is where the structure is.
    for _ in range(data.draw(st.integers(1, 4))):
        at = len(damaged) - 1 - data.draw(st.integers(0, min(len(damaged) - 1, 600)))
        damaged[at] = data.draw(st.sampled_from([0, 1, 0xFF, damaged[at] ^ 1, damaged[at] ^ 0x80]))
    if data.draw(st.booleans()):
        del damaged[data.draw(st.integers(0, len(damaged) - 1)) :]
    try:
        found = by_ranges(bytes(damaged), tail)
    except ArchiveError:
        return
    try:
        expected = by_zipfile(bytes(damaged))
    except (zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError, KeyError, RuntimeError):
        return  # zipfile opens no archive of which any member is strange: then no installer will
    assert found == expected

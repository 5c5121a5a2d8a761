from __future__ import annotations

import io
import struct
import zipfile
from typing import TYPE_CHECKING, cast

import pytest

from envsolver.sources.metadata.zipdir import (
    MAX_END,
    ArchiveError,
    find_directory,
    find_members,
    read_member,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from envsolver.sources.metadata.zipdir import (
        Member,
    )

LIMIT = 1 << 20


def archive(
    members: dict[str, bytes], *, method: int = zipfile.ZIP_DEFLATED, comment: bytes = b"", force_zip64: bool = False
) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as made:
        for path, data in members.items():
            info = zipfile.ZipInfo(path)
            info.compress_type = method
            with made.open(info, "w", force_zip64=force_zip64) as member:
                member.write(data)
        made.comment = comment
    return buffer.getvalue()


def members_of(data: bytes, wanted: Callable[[bytes], bool] = lambda _: True) -> list[Member]:
    directory = find_directory(data, len(data))
    assert directory is not None
    return find_members(data[directory.start : directory.stop], directory, wanted)


def content(data: bytes, path: str) -> bytes:
    (member,) = members_of(data, lambda raw: raw == path.encode())
    found = read_member(member, data[member.start : member.stop], LIMIT)
    assert found is not None
    return found


def test_members_are_found_and_read() -> None:
    data = archive({"a/b.txt": b"first" * 100, "c": b"", "ä.txt": b"last"})
    assert [member.path for member in members_of(data)] == ["a/b.txt", "c", "ä.txt"]
    assert content(data, "a/b.txt") == b"first" * 100
    assert content(data, "c") == b""
    assert content(data, "ä.txt") == b"last"


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_methods_that_installers_know(method: int) -> None:
    assert content(archive({"a": b"x" * 999}, method=method), "a") == b"x" * 999


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_without_a_bound_are_refused(method: int) -> None:
    with pytest.raises(ArchiveError, match="method"):
        content(archive({"a": b"x" * 999}, method=method), "a")


def test_members_with_zip64_fields() -> None:
    assert content(archive({"a": b"x", "b": b"y"}, force_zip64=True), "b") == b"y"


def zip64_archive() -> bytes:
    """An archive whose end records say no more than: see the zip64 records."""
    data = archive({"a": b"hello"})
    directory = find_directory(data, len(data))
    assert directory is not None
    start, stop = directory.start, directory.stop
    end64 = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, stop - start, start)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, stop, 1)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return data[:stop] + end64 + locator + end


def test_zip64_end_records() -> None:
    data = zip64_archive()
    assert zipfile.ZipFile(io.BytesIO(data)).read("a") == b"hello"
    assert content(data, "a") == b"hello"


def test_zip64_records_cut_off_by_a_short_tail() -> None:
    data = zip64_archive()
    assert find_directory(data[-30:], len(data)) is None
    broken = data.replace(b"PK\6\6", b"PK\0\0")
    with pytest.raises(ArchiveError, match="zip64"):
        find_directory(broken, len(broken))


def test_a_comment_is_found_with_a_longer_tail() -> None:
    data = archive({"a": b"x"}, comment=b"c" * 1000)
    assert find_directory(data[-500:], len(data)) is None
    assert content(data, "a") == b"x"
    assert content(archive({"a": b"y"}, comment=b"c" * 0xFFFF), "a") == b"y"


def test_a_tail_of_the_longest_end_suffices() -> None:
    data = b"\0" * 10 + archive({"a": b"x" * MAX_END}, method=zipfile.ZIP_STORED, comment=b"c" * 0xFFFF)
    with pytest.raises(ArchiveError, match="not where it should be"):
        find_directory(data[-MAX_END:], len(data))
    assert find_directory(data[10:][-MAX_END:], len(data) - 10) is not None


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda data: b"", "too short"),
        (lambda data: b"x" * 100, "not a zip"),
        (lambda data: b"prefix" + data, "not where it should be"),
        (lambda data: data + b"suffix", "behind its end"),
        (lambda data: data[:-18] + b"\1\0" + data[-16:], "several disks"),
        (lambda data: data[:-14] + b"\2\0" + data[-12:], "several disks"),
        (lambda data: data[:-14] + b"\2\0\2\0" + data[-10:], "damaged"),
        (lambda data: data.replace(b"PK\1\2", b"PK\1\3"), "damaged"),
        (lambda data: data.replace(b"a.txt", b"a\0txt"), "NUL"),
    ],
)
def test_what_is_not_exactly_a_zip_is_refused(spoil: object, reason: str) -> None:
    spoiled = cast("Callable[[bytes], bytes]", spoil)(archive({"a.txt": b"x"}))
    with pytest.raises(ArchiveError, match=reason):
        members_of(spoiled)


def test_a_member_that_reaches_into_the_directory_is_refused() -> None:
    data = bytearray(archive({"a": b"x"}))
    entry = data.index(b"PK\1\2")
    data[entry + 20 : entry + 24] = struct.pack("<L", 5000)
    with pytest.raises(ArchiveError, match="reaches into"):
        members_of(bytes(data))


def test_damaged_content_is_refused() -> None:
    data = archive({"a": b"hello world"}, method=zipfile.ZIP_STORED).replace(b"hello", b"jello")
    with pytest.raises(ArchiveError, match="CRC"):
        content(data, "a")


def test_another_name_in_the_local_header_is_refused() -> None:
    data = archive({"abcdef": b"x"})
    data = data.replace(b"abcdef", b"ABCDEF", 1)
    with pytest.raises(ArchiveError, match="differ"):
        content(data, "abcdef")


def test_an_encrypted_member_is_refused() -> None:
    data = bytearray(archive({"a": b"x" * 20}))
    data[data.index(b"PK\1\2") + 8] |= 1
    data[6] |= 1
    with pytest.raises(ArchiveError, match="encrypted"):
        content(bytes(data), "a")


def test_a_bomb_is_refused_by_its_declared_and_by_its_real_size() -> None:
    data = archive({"a": b"\0" * (LIMIT + 1)})
    with pytest.raises(ArchiveError, match="bytes long"):
        content(data, "a")
    lying = bytearray(data)
    entry = lying.index(b"PK\1\2")
    lying[entry + 24 : entry + 28] = struct.pack("<L", 10)
    with pytest.raises(ArchiveError, match="CRC"):
        content(bytes(lying), "a")


def test_a_member_of_which_not_all_has_come() -> None:
    data = archive({"a": b"hello"}, method=zipfile.ZIP_STORED)
    (member,) = members_of(data)
    assert read_member(member, b"", LIMIT) is None
    assert read_member(member, data[: member.start + 33], LIMIT) is None

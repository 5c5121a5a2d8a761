"""Run paths of shared libraries, on ELF files made by hand."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envsolver.build.elf import relocate, same_program

SITE = "/build/make/env/lib/python3.9/site-packages"
BUILD = "/build/make"


def library(runpath: str, *, tag: int = 29, extra: bytes = b"libtorch.so\0") -> bytes:
    """Return a 64-bit little-endian library with one loaded segment, a dynamic section and a string table."""
    strings = b"\0" + extra + runpath.encode() + b"\0"
    address = 0x10000
    table = 64 + 2 * 56
    dynamic = struct.pack("<qQqQqQqQ", 1, 1, 5, address + table, tag, 1 + len(extra), 0, 0)
    place = table + len(strings)
    size = place + len(dynamic)
    header = (
        b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, 0, 0, 64, 56, 2, 64, 0, 0)
    )
    segments = struct.pack("<IIQQQQQQ", 1, 5, 0, address, address, size, size, 0x1000)
    segments += struct.pack("<IIQQQQQQ", 2, 6, place, address + place, 0, len(dynamic), len(dynamic), 8)
    return header + segments + strings + dynamic


def program(code: bytes, *, debug: bytes, build_id: bytes) -> bytes:
    """Return a library with a build id and code, which are loaded, and debug information, which is not."""
    names = b"\0.note.gnu.build-id\0.text\0.debug_info\0.shstrtab\0"
    note = 64 + 56
    text = note + len(build_id)
    loaded = text + len(code)
    strings = loaded + len(debug)
    table = strings + len(names)
    sections = [
        (0, 0, 0, 0),
        (names.index(b".note"), 7, note, len(build_id)),
        (names.index(b".text"), 1, text, len(code)),
        (names.index(b".debug"), 1, loaded, len(debug)),
        (names.index(b".shstr"), 3, strings, len(names)),
    ]
    header = (
        b"\x7fELF\x02\x01\x01"
        + bytes(9)
        + struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, table, 0, 64, 56, 1, 64, 5, 4)
    )
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, 0, 0, loaded, loaded, 0x1000)
    entries = (struct.pack("<IIQQQQIIQQ", name, kind, 0, 0, at, size, 0, 0, 1, 0) for name, kind, at, size in sections)
    return header + segment + build_id + code + debug + names + b"".join(entries)


def test_same_program() -> None:
    one = program(b"code", debug=b"/a", build_id=b"1" * 20)
    assert same_program(one, one)
    assert same_program(one, program(b"code", debug=b"/another", build_id=b"2" * 20))
    assert not same_program(one, program(b"evil", debug=b"/a", build_id=b"1" * 20))
    # What is too long for a build id may be anything.
    long = [program(b"code", debug=b"", build_id=byte * 100) for byte in (b"1", b"2")]
    assert not same_program(*long)
    assert not same_program(b"", b"")


@given(st.data())
def test_damaged_programs(data: st.DataObject) -> None:
    """Whatever stands there, there is an answer; equal files are the same unless they make no sense."""
    one = bytearray(program(b"code", debug=b"/a", build_id=b"1" * 20))
    at = data.draw(st.integers(0, len(one) - 1))
    one[at] = data.draw(st.integers(0, 255))
    assert same_program(bytes(one), bytes(one)[: data.draw(st.integers(0, len(one)))]) in {True, False}


def moved(runpath: str, path: str = "horovod/torch/mpi_lib.so", *, tag: int = 29) -> str:
    before = library(runpath, tag=tag)
    after = relocate(before, path, site=SITE, build=BUILD)
    assert len(after) == len(before)
    start = before.index(b"libtorch.so\0") + len(b"libtorch.so\0")
    changed = {at for at in range(len(before)) if before[at] != after[at]}
    assert changed <= set(range(start, start + len(runpath)))
    return after[start : after.index(b"\0", start)].decode()


@pytest.mark.parametrize("tag", [15, 29])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (f"{SITE}/torch/lib", "$ORIGIN/../../torch/lib"),
        (f"{SITE}/torch/lib:/opt/nccl/lib", "$ORIGIN/../../torch/lib:/opt/nccl/lib"),
        (f"{SITE}", "$ORIGIN/../.."),
        (f"{SITE}/horovod/torch", "$ORIGIN/."),
        (f"{BUILD}/source/build:/opt/nccl/lib:{BUILD}/env/lib", "/opt/nccl/lib"),
        (f"{BUILD}/source", ""),
        ("/opt/a:/opt/b", "/opt/a:/opt/b"),
        ("/build/makeshift:$ORIGIN", "/build/makeshift:$ORIGIN"),
        ("", ""),
    ],
)
def test_run_paths(before: str, after: str, tag: int) -> None:
    assert moved(before, tag=tag) == after


def test_library_at_the_top() -> None:
    assert moved(f"{SITE}/torch/lib", "module.so") == "$ORIGIN/torch/lib"


@pytest.mark.parametrize("data", [b"", b"\x7fELF", b"\x7fELF\x01\x01" + bytes(100), b"PK\x03\x04" + bytes(100)])
def test_what_is_no_such_library(data: bytes) -> None:
    assert relocate(data, "a.so", site=SITE, build=BUILD) == data


@given(st.data())
def test_damaged(data: st.DataObject) -> None:
    """Whatever is wrong with a file, it comes out with the same length, and nothing is raised."""
    broken = bytearray(library(f"{SITE}/torch/lib"))
    for _ in range(data.draw(st.integers(1, 8))):
        broken[data.draw(st.integers(6, len(broken) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(broken[: data.draw(st.integers(0, len(broken)))])
    assert len(relocate(cut, "a.so", site=SITE, build=BUILD)) == len(cut)

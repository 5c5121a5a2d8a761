"""Inputs made of seeds and words: copied, cut, repeated, exchanged, nested, as hypothesis draws it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st

if TYPE_CHECKING:
    from tests.fuzz.guard import Target

__all__ = ["LARGEST", "inputs_for"]

LARGEST = 1 << 16
"""Bytes of an input. What is wrong only with larger ones has tests of its own."""
_NASTY = (
    b"",
    b"\0",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\r",
    b"\n\n",
    b"\x85",
    "\u2028".encode(),
    "\udcff".encode("utf-8", "surrogatepass"),
    b"\xc3\x28",
    b"-1",
    b"0",
    b"1e999",
    b"nan",
    b"9" * 5000,
    b"4294967295",
    b"9223372036854775808",
    b"../",
    b"/etc/passwd",
    b"[" * 2000,
    b"{" * 2000,
    b"(" * 2000,
    b'{"a":' * 1500,
    b"a" * 20000,
    b"%00",
    b"${HOME}",
    b"!!python/object:os.system",
    b"true",
    b"null",
    b"[]",
    b"{}",
    b'""',
    b"2024-02-30",
    b"0001-01-01T00:00:00+23:59",
    b"\\u0000",
    b"\\ud800",
    b"~",
    b"-",
)


@st.composite
def _changed(draw: st.DrawFn, target: Target) -> bytes:
    data = bytearray(draw(st.sampled_from(target.seeds)))
    words = st.sampled_from((*target.words, *_NASTY)) | st.binary(max_size=8)
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(data)))
        to = min(len(data), at + draw(st.integers(0, 4) | st.integers(0, 200)))
        match draw(st.integers(0, 7)):
            case 0:
                data[at:at] = draw(words)
            case 1:
                data[at:to] = draw(words)
            case 2:
                del data[at:to]
            case 3:
                data[at:to] = data[at:to] * draw(st.integers(2, 40))
            case 4 if data:
                data[at % len(data)] = draw(st.integers(0, 255))
            case 5:
                other = draw(st.sampled_from(target.seeds))
                start = draw(st.integers(0, len(other)))
                data[at:to] = other[start : start + draw(st.integers(0, 200))]
            case 6:
                _exchange_value(data, at, draw(words))
            case _:
                del data[at:]
        del data[LARGEST:]
    return bytes(data)


def _exchange_value(data: bytearray, at: int, word: bytes) -> None:
    """Put a word in the place of the quoted text, or of the rest of the line, behind a place."""
    start = data.find(b'"', at)
    stop = data.find(b'"', start + 1) if start >= 0 else -1
    if start < 0 or stop < 0:
        start, stop = data.find(b" ", at), data.find(b"\n", at)
    if 0 <= start < stop:
        data[start + 1 : stop] = word


def inputs_for(target: Target) -> st.SearchStrategy[bytes]:
    """Return the inputs of a target."""
    changed = _changed(target)
    return changed if target.crafted is None else changed | target.crafted

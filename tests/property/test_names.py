"""Laws of slips: no well-known name is one, and every swap of two letters in a long name is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from envsolver.knowledge import names
from envsolver.knowledge.names import meant_by, well_known
from envsolver.model.candidate import normalize_name

KNOWN = sorted(well_known())
HONEST = well_known() | names._table()["neighbours"]
LONG = [name for name in KNOWN if len(name) >= 5]


@given(st.sampled_from(KNOWN), st.booleans())
def test_no_well_known_name_is_a_slip(name: str, conda: bool) -> None:
    assert meant_by(name, conda=conda) is None


@given(st.sampled_from(LONG), st.data())
def test_two_letters_that_changed_places(name: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(name) - 2))
    written = name[:at] + name[at + 1] + name[at] + name[at + 2 :]
    if written == name or normalize_name(written) != written or written.strip("-") != written:
        return
    assert written in HONEST or meant_by(written) is not None


@given(st.sampled_from(LONG), st.data())
def test_a_letter_that_is_doubled(name: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(name) - 1))
    if name[at].isalpha():
        written = name[: at + 1] + name[at:]
        assert written in HONEST or meant_by(written) is not None


@given(st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=40))
def test_any_name_has_an_answer(written: str) -> None:
    meant = meant_by(normalize_name(written))
    assert meant is None or meant in well_known()

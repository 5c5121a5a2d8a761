"""Laws of the lock: text and value are the same thing, and order, mirrors and hash seeds do not show."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envsolver.lock.build import build_lock
from envsolver.lock.canonical import canonical
from envsolver.lock.check import defects
from envsolver.lock.diff import diff_locks
from envsolver.lock.difftext import diff_data, diff_markdown, diff_text
from envsolver.lock.model import BASE_GROUP
from envsolver.lock.toml import content_digest, dumps, loads, read_header
from envsolver.lock.writer import toml_string
from envsolver.model.errors import LockError
from tests.property.strategies_lock import locks, solutions

if TYPE_CHECKING:
    import random

    from envsolver.lock.model import Lock

# A lock is a big example to draw; the profile decides, but a third of its examples find what there is.
fewer = settings(max_examples=settings().max_examples // 3)


@fewer
@given(locks())
def test_lock_to_text_to_lock_is_the_identity(lock: Lock) -> None:
    text = dumps(lock)
    assert loads(text) == lock
    assert dumps(loads(text)) == text


@fewer
@given(locks())
def test_the_text_is_toml_whose_head_says_what_it_is(lock: Lock) -> None:
    text = dumps(lock)
    assert tomllib.loads(text)["name"] == lock.name
    header = read_header(text)
    assert (header.name, header.inputs_digest) == (lock.name, lock.inputs_digest)


@given(st.text())
def test_every_string_survives_toml_and_hides_nothing(text: str) -> None:
    written = toml_string(text)
    assert tomllib.loads(f"key = {written}") == {"key": text}
    assert not set(written) & {"\n", "\r", "\x00", "\x7f", "\x85", "\u202e", "\u2066", "\u200b", "\ufeff"}


@given(st.characters(categories=["Cs"]))
def test_a_lone_surrogate_is_refused(character: str) -> None:
    with pytest.raises(ValueError, match="not valid Unicode"):
        toml_string(f"a{character}b")


@fewer
@given(solutions(), st.randoms(use_true_random=False))
def test_no_order_of_the_input_shows(arguments: dict[str, Any], rng: random.Random) -> None:
    def shuffled(values: Any) -> list[Any]:
        copy = list(values)
        rng.shuffle(copy)
        return copy

    other = dict(arguments)
    for key in ("targets", "groups", "indexes"):
        other[key] = shuffled(other[key])
    other["resolutions"] = [
        replace(
            resolution,
            roots=tuple(shuffled(resolution.roots)),
            packages=tuple(
                replace(package, edges=tuple(shuffled(package.edges))) for package in shuffled(resolution.packages)
            ),
        )
        for resolution in shuffled(arguments["resolutions"])
    ]
    assert dumps(build_lock(**arguments)) == dumps(build_lock(**other))


@fewer
@given(solutions(), st.integers(0, 2**31))
def test_hints_change_neither_digest_nor_diff(arguments: dict[str, Any], uploaded: int) -> None:
    lock = build_lock(**arguments)
    mirrored = replace(
        lock,
        inputs_digest="sha256:other",
        packages=tuple(
            replace(
                package,
                files=tuple(
                    replace(file, path="/mirror/x" if file.path else None, uploaded="2020-01-01T00:00:00Z")
                    for file in package.files
                ),
            )
            for package in lock.packages
        ),
    )
    assert content_digest(mirrored) == content_digest(lock)
    assert not diff_locks(lock, mirrored)


@fewer
@given(locks())
def test_a_built_lock_is_canonical_and_sound(lock: Lock) -> None:
    assert canonical(lock) == lock
    assert list(defects(lock)) == []


@fewer
@given(locks(), st.data())
def test_a_selection_is_closed_and_grows_with_the_groups(lock: Lock, data: st.DataObject) -> None:
    target = data.draw(st.sampled_from(lock.targets))
    allowed = [group for group in lock.groups if not any(group in members for members in lock.exclusive)]
    groups = [*target.choice, *data.draw(st.lists(st.sampled_from(allowed), unique=True) if allowed else st.just([]))]
    pins = {pin.package.name: pin for pin in lock.select(target.platform, groups)}
    served = lock.target(target.platform, groups).name
    for root in lock.roots:
        if root.group in {BASE_GROUP, *groups} and (not root.targets or served in root.targets):
            assert set(root.extras) <= set(pins[root.name].extras)
    for pin in pins.values():
        assert pin.package.on(served)
        assert pin.file == pin.package.file(served)
        for edge in pin.package.edges(served):
            if edge.extra is None or edge.extra in pin.extras:
                assert set(edge.extras) <= set(pins[edge.name].extras)
    alone = {pin.package.name for pin in lock.select(target.platform, target.choice)}
    assert alone <= pins.keys()


@fewer
@given(locks(), locks())
def test_a_diff_is_empty_exactly_for_one_lock_and_names_both_sides(one: Lock, other: Lock) -> None:
    assert not diff_locks(one, one)
    forth, back = diff_locks(one, other), diff_locks(other, one)
    assert {(c.name, c.old, c.new, c.targets) for c in forth.changes} == {
        (c.name, c.new, c.old, c.targets) for c in back.changes
    }
    for render in (diff_text, diff_markdown, diff_data):
        assert render(forth) == render(diff_locks(one, other))


@fewer
@given(locks(), st.data())
def test_a_damaged_lock_is_refused_or_still_sound(lock: Lock, data: st.DataObject) -> None:
    text = dumps(lock)
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 40)))
    damaged = text[:start] + data.draw(st.text(max_size=4) | st.just(text[end:])) + text[end:]
    try:
        read = loads(damaged, "demo.lock.toml")
    except LockError as error:
        where = str(error)
    else:
        where = "demo.lock.toml"
        assert list(defects(read)) == []
        assert loads(dumps(read)) == read
    assert where.startswith("demo.lock.toml")

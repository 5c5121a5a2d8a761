"""Every parser against hostile input: what was found once, and a little of what ``nox -s fuzz`` does for long."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from envsolver.formats import aliases
from envsolver.formats.aliases import weighs_too_much
from envsolver.model.errors import NetworkError
from envsolver.sources.simple import parse_links
from tests.fuzz import guard
from tests.fuzz.guard import HungError, Target, judge
from tests.fuzz.inputs import LARGEST, inputs_for
from tests.fuzz.targets import KEPT, TARGETS, kept

PAGE = "https://h.example/simple/demo/"
HTML = "text/html"


@pytest.mark.parametrize(("target", "path"), kept(), ids=lambda value: getattr(value, "name", value))
def test_what_was_found_once(target: str, path: object) -> None:
    judge(TARGETS[target], (KEPT / target / str(getattr(path, "name", path))).read_bytes())


@pytest.mark.parametrize("name", TARGETS)
def test_every_target_takes_a_seed(name: str) -> None:
    taken = [judge(TARGETS[name], seed) for seed in TARGETS[name].seeds]
    assert any(taken), "its seeds do not get beyond the first check"


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=6, derandomize=True, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(st.data())
def test_a_little_of_everything(name: str, data: st.DataObject) -> None:
    judge(TARGETS[name], data.draw(inputs_for(TARGETS[name])))


@given(st.data())
@settings(max_examples=20)
def test_inputs_are_bounded(data: st.DataObject) -> None:
    assert len(data.draw(inputs_for(TARGETS["pip-config"]))) <= LARGEST


# The oracle itself


def _target(parse: object) -> Target:
    return Target(name="x", parse=parse, seeds=(b"",), refuses=(LookupError,))  # type: ignore[arg-type] # a lambda


def test_other_exceptions_are_findings() -> None:
    def fail(data: bytes, _folder: object) -> None:
        raise {b"k": KeyError("x"), b"n": NetworkError("x"), b"z": ZeroDivisionError("x")}[data]

    assert not judge(_target(fail), b"k")
    assert not judge(_target(fail), b"n")
    with pytest.raises(ZeroDivisionError):
        judge(_target(fail), b"z")


def test_what_does_not_end_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "SECONDS", 0.05)

    def turn(_data: bytes, _folder: object) -> None:
        while True:
            pass

    with pytest.raises(HungError):
        judge(_target(turn), b"")


def test_what_is_written_elsewhere_is_a_finding() -> None:
    def write(_data: bytes, folder: object) -> None:
        (folder.parent / "elsewhere").write_bytes(b"")  # type: ignore[attr-defined] # a path

    with pytest.raises(AssertionError, match="elsewhere"):
        judge(_target(write), b"")


# Larger than an input of the fuzzer


@pytest.mark.parametrize("piece", ["<!--", "<a ", "<![CDATA[", "<?", "<a href='", "</", "<a>x<b>", "&#", "<!x"])
def test_pages_of_what_is_not_closed_are_read_at_once(piece: str) -> None:
    # With the standard library's own way of looking for an end this is a matter of hours.
    body = (f'<a href="demo-1.0.tar.gz">demo</a>{piece * (600_000 // len(piece))}').encode()
    monkey = guard.Target(name="page", parse=lambda data, _: parse_links(data, HTML, PAGE), seeds=())
    assert judge(monkey, body)


def test_comments_hide_what_is_in_them() -> None:
    page = (
        b'<!-- <a href="demo-1.0.tar.gz">x</a> --><a href="demo-2.0.tar.gz">y</a> <!-- <a href="demo-3.0.tar.gz">z</a>'
    )
    assert [link.filename for link in parse_links(page, HTML, PAGE)] == ["demo-2.0.tar.gz"]


@pytest.mark.parametrize("declaration", ["<![if IE]>", "<![foo[bar]]>", "<!ELEMENT x>", "<?php x ?>"])
def test_declarations_are_passed_over(declaration: str) -> None:
    page = f'{declaration}<a href="demo-2.0.tar.gz">y</a>'.encode()
    assert [link.filename for link in parse_links(page, HTML, PAGE)] == ["demo-2.0.tar.gz"]


def test_a_base_that_is_no_url_is_named() -> None:
    page = b'<base href="http://["><a href="demo-2.0.tar.gz">y</a>'
    with pytest.raises(NetworkError, match="<base> is no URL"):
        parse_links(page, HTML, PAGE)


def test_what_aliases_stand_for_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aliases, "MAX_VALUES", 2000)
    row: list[object] = ["x"] * 10
    for _ in range(2):
        row = [row] * 10
    assert not weighs_too_much({"a": row})
    assert weighs_too_much({"a": [row] * 3})
    assert weighs_too_much(["x"] * 2000)
    row.append(row)
    assert weighs_too_much(row)

"""What keeps newer versions of a package out, and what only seems to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from envsolver.app.holders import Holder, strongest
from envsolver.app.holding import held_back
from envsolver.lock.knowledge import LockedEffect, LockedRule
from envsolver.model.candidate import Name
from tests.support.locks import locked, resolution


def held(version: str, *specifiers: str | None) -> list[str | None]:
    return [holder.admits for holder in strongest([Holder(text="", admits=text) for text in specifiers], version)]


@pytest.mark.parametrize(
    ("version", "specifiers", "expected"),
    [
        ("3.0", [">=1", ""], []),
        ("3.0", ["<4,>=2", "<9", "!=5.0"], ["<4,>=2"]),
        ("3.0", ["<4", "<4.0"], ["<4", "<4.0"]),
        ("3.0", ["<4", "!=3.1.*"], ["<4", "!=3.1.*"]),
        ("3.0", ["!=2.9", "<=3.0", "<4"], ["<=3.0"]),
        ("3.0", ["~=3.0", "==3.0"], ["==3.0"]),
        ("1.12.1+cu116", ["==1.12.1", "==1.12.*"], ["==1.12.1"]),
        ("3.0", ["===3.0", None], ["===3.0", None]),
        ("3.0", ["nonsense", "<4"], ["<4"]),
        ("nonsense", ["<4"], []),
    ],
)
def test_the_strongest(version: str, specifiers: list[str | None], expected: list[str | None]) -> None:
    assert held(version, *specifiers) == expected


def test_an_exclusion_may_be_the_strongest() -> None:
    holders = [Holder(text="not 4", excludes="==4.*"), Holder(text="not 2", excludes="==2.*")]
    assert [holder.text for holder in strongest(holders, "3.0")] == ["not 4"]


@pytest.mark.parametrize(("requirement", "counts"), [("lib!=1.1.*,!=1.2", True), ("lib<2", True), ("lib!=0.9", False)])
def test_a_rule_holds_what_it_keeps_newer_versions_out_of(requirement: str, *, counts: bool) -> None:
    lock = locked(resolution({"app==1.0": ["lib"], "lib==1.0": []}, {"": ["app"]}))
    effect = LockedEffect(package=Name("app"), kind="constrains", requirement=requirement)
    lock = replace(lock, rules=(LockedRule(id="APP-LIB", title="app breaks", effects=(effect,)),))
    assert [package.package for package in held_back(lock).held] == (["lib"] if counts else [])

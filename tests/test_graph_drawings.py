"""``graph``: the packages of a lock as DOT, Mermaid and SVG."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings

from envsolver.app.api import load_lock
from envsolver.formats import graphs
from envsolver.lock.graph import lock_graph
from envsolver.lock.layout import layout
from tests.property.strategies_lock import locks
from tests.support.cli import CommandLine
from tests.support.locks import locked, resolution

if TYPE_CHECKING:
    from envsolver.lock.model import Lock

ROOT = Path(__file__).resolve().parent.parent
SVG = "{http://www.w3.org/2000/svg}"
PACKAGES = {
    "app==1.0": ["lib>=1", "tool"],
    "lib==1.1": ["deep"],
    "tool==2.0": ["deep", "lib"],
    "deep==0.1": ["app"],  # a circle
}


@pytest.fixture
def lock() -> Lock:
    return locked(resolution(PACKAGES, {"": ["app"]}))


@pytest.fixture(scope="module")
def real() -> Lock:
    return load_lock(ROOT / "locks" / "acpt-1.12-py39.lock.toml")


def test_dot(lock: Lock) -> None:
    assert graphs.dot(lock).splitlines() == [
        'digraph "demo" {',
        "  rankdir=LR;",
        "  node [shape=box];",
        '  "app" [label="app 1.0", style=bold];',
        '  "deep" [label="deep 0.1"];',
        '  "lib" [label="lib 1.1"];',
        '  "tool" [label="tool 2.0"];',
        '  "app" -> "lib";',
        '  "app" -> "tool";',
        '  "deep" -> "app";',
        '  "lib" -> "deep";',
        '  "tool" -> "deep";',
        '  "tool" -> "lib";',
        "}",
    ]


def test_mermaid_takes_no_name_for_a_word_of_its_own() -> None:
    drawn = graphs.mermaid(locked(resolution({"end==1.0": ["graph"], "graph==1!2.0+cu116": []}, {"": ["end"]})))
    assert drawn == (
        'flowchart LR\n  p0["end 1.0"]\n  p1["graph 1#33;2.0+cu116"]\n  p0 --> p1\n'
        "  classDef asked stroke-width:3px\n  class p0 asked\n"
    )


def test_the_picture_has_a_box_for_each_package_and_a_line_for_each_requirement(real: Lock) -> None:
    tree = ET.fromstring(graphs.svg(real))  # noqa: S314 - our own text
    graph = lock_graph(real, "linux-64")
    boxes = {box.get("data-name") for box in tree.iter(f"{SVG}g")}
    assert boxes == {package.name for package in real.packages}
    lines = {(line.get("data-above"), line.get("data-below")) for line in tree.iter(f"{SVG}path")}
    assert lines == {(a, b) for a, b in graph.edges if isinstance(a, str) and isinstance(b, str)}


def test_the_picture_needs_nothing_else(real: Lock) -> None:
    drawn = graphs.svg(real)
    assert re.findall(r"https?://[^\s\"]+", drawn) == ["http://www.w3.org/2000/svg"]
    assert not re.search(r"<script|href|url\(|@import|\bon[a-z]+=", drawn)
    assert "prefers-color-scheme:dark" in drawn


def test_boxes_do_not_cover_each_other_and_lines_lead_to_the_right(real: Lock) -> None:
    drawing = layout(lock_graph(real, "linux-64"))
    at = {box.name: box for box in drawing.boxes}
    columns: dict[int, list[tuple[int, int]]] = {}
    for box in drawing.boxes:
        assert box.x >= 0
        assert box.x + box.width <= drawing.width
        assert box.y + box.height <= drawing.height
        columns.setdefault(box.x, []).append((box.y, box.y + box.height))
    for spans in columns.values():
        assert all(above[1] < below[0] for above, below in pairwise(sorted(spans)))
    assert all(at[line.above].x < at[line.below].x for line in drawing.lines)


def test_what_another_way_says_already_is_faint() -> None:
    drawing = layout(
        lock_graph(locked(resolution({"a==1": ["b", "c"], "b==1": ["c"], "c==1": []}, {"": ["a"]})), "linux-64")
    )
    assert {(line.above, line.below): line.direct for line in drawing.lines} == {
        ("a", "b"): True,
        ("a", "c"): False,
        ("b", "c"): True,
    }  # fmt: skip


@settings(max_examples=12)
@given(locks())
def test_any_lock_is_drawn_and_always_the_same(lock: Lock) -> None:
    for write in (graphs.dot, graphs.mermaid, graphs.svg):
        text = write(lock)
        assert write(lock) == text
    ET.fromstring(graphs.svg(lock))  # noqa: S314 - our own text


def test_what_xml_cannot_hold_is_replaced(lock: Lock) -> None:
    """A lock may come from a stranger, and its name is any text."""
    drawn = graphs.svg(replace(lock, name='a\x00\x08<b>&"\ud800'))
    assert ET.fromstring(drawn).findtext(f"{SVG}title") == (  # noqa: S314 - our own text
        'The packages of a\ufffd\ufffd<b>&"\ufffd, and what they require'
    )


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    cli = CommandLine(tmp_path, capsys)
    (tmp_path / "specs").symlink_to(ROOT / "specs")
    (tmp_path / "locks").symlink_to(ROOT / "locks")
    assert cli("graph", "acpt-1.12-py39").out.startswith("<svg ")
    done = cli("graph", "acpt-1.12-py39", "--format", "dot", "--json")
    assert (done.json["environment"], done.json["format"]) == ("acpt-1.12-py39", "dot")
    assert cli("graph", "acpt-1.12-py39", "-o", "g.svg").said == "wrote g.svg"
    assert cli("graph", "acpt-1.12-py39", "--platform", "win-64").status == 2

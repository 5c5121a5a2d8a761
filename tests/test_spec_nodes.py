"""YAML as the spec loader sees it: texts and lines, and nothing that YAML could do to the reader."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from envsolver.spec.nodes import MAX_BYTES, MappingNode, ScalarNode, SequenceNode, parse_yaml

if TYPE_CHECKING:
    from envsolver.model.errors import Problem
    from envsolver.spec.nodes import Node


@pytest.fixture(params=["libyaml", "python"], autouse=True)
def _parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """PyYAML without libyaml must give the same."""
    if request.param == "python":
        monkeypatch.delattr(yaml, "CSafeLoader", raising=False)


def parse(text: str | bytes) -> tuple[Node | None, list[str]]:
    problems: list[Problem] = []
    data = text.encode() if isinstance(text, str) else text
    return parse_yaml(data, "specs/x.yaml", problems), [str(problem) for problem in problems]


def plain(node: Node | None) -> object:
    if isinstance(node, ScalarNode):
        return node.text
    if isinstance(node, SequenceNode):
        return [plain(item) for item in node.items]
    if isinstance(node, MappingNode):
        return {key.text: plain(value) for key, value in node.entries}
    return None


def test_scalars_keep_their_text() -> None:
    node, problems = parse("python: 3.10\nyes: no\nhex: 0x10\nday: 2023-03-09\nnothing:\n")
    assert plain(node) == {"python": "3.10", "yes": "no", "hex": "0x10", "day": "2023-03-09", "nothing": ""}
    assert problems == []


def test_nothing_is_not_an_empty_text() -> None:
    node, _ = parse("a:\nb: ''\nc: ~\nd: 'null'\n")
    assert isinstance(node, MappingNode)
    assert [value.is_null for _, value in node.entries if isinstance(value, ScalarNode)] == [True, False, True, False]


def test_lines() -> None:
    node, _ = parse("# comment\n\na: 1\nb:\n  - x\n\n  - y\n")
    assert isinstance(node, MappingNode)
    (_, first), (key, second) = node.entries
    assert (first.line, key.line) == (3, 4)
    assert isinstance(second, SequenceNode)
    assert [item.line for item in second.items] == [5, 7]


@pytest.mark.parametrize(
    "text",
    [
        "a: [x, y]\nb: {c: z}\n",
        "a:\n- x\n- y\nb:\n  c: z\n",
        '{"a": ["x", "y"], "b": {"c": "z"}}',
        "%YAML 1.1\n---\n? a\n: - x\n  - >-\n    y\n'b':\n    c: |-\n        z\n...\n",
        "\ufeffa: [x, y]\nb: {c: z}\n",
        "base: &base [x, y]\na: *base\nb: {c: z}\n",
        "base: &base {a: [x, y]}\n<<: *base\nb: {c: z}\n",
        "base: &base {a: [x, y], b: lost}\n<<: [*base, {b: also lost}]\nb: {c: z}\n",
    ],
)
def test_any_style(text: str) -> None:
    node, problems = parse(text)
    data = plain(node)
    assert isinstance(data, dict)
    assert (data["a"], data["b"]) == (["x", "y"], {"c": "z"})
    assert problems == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: 2\na: 3\n", "specs/x.yaml:3: the key 'a' stands here a second time (first in line 1)"),
        (
            "a: !!python/object:os.system x\n",
            "specs/x.yaml:1: the YAML tag '!!python/object:os.system' is not accepted",
        ),
        ("a:\n  b: !custom\n    c: d\n", "specs/x.yaml:2: the YAML tag '!custom' is not accepted"),
        ("a: 1\n---\nb: 2\n", "specs/x.yaml:2: a second YAML document begins here"),
        ("a:\n\t- x\n", "(the line is indented with a tab; YAML wants spaces)"),
        ("a: [x, y\nb: 1\n", "specs/x.yaml:2: not valid YAML"),
        ("title: a: b\n", "(write KEY: VALUE, and quote a text that contains ': ')"),
        ('a: "b\nc: d\n', "specs/x.yaml:1: not valid YAML: while scanning a quoted scalar"),
        ("a: *missing\n", "specs/x.yaml:1: no anchor &missing stands before the alias *missing"),
        ("a: &a\n  - *a\n", "specs/x.yaml:2: the alias *a stands inside the value that it names"),
        ("? [a, b]\n: c\n", "specs/x.yaml:1: a key must be a text, found a list"),
        ("<<: text\na: 1\n", "'<<' takes a mapping or a list of mappings, found 'text'"),
        ("a: 1\nb: \x07\n", "specs/x.yaml:2: not valid YAML: character U+0007 is not allowed"),
    ],
)
def test_what_is_wrong_and_where(text: str, said: str) -> None:
    _, problems = parse(text)
    assert len(problems) == 1
    assert said in problems[0]


def test_not_utf8() -> None:
    node, problems = parse(b"a: 1\nb: caf\xe9\n")
    assert node is None
    assert problems == ["specs/x.yaml:2: byte 0xe9 is not UTF-8 (save the file as UTF-8)"]
    assert "not UTF-8" in parse("a: 1\n".encode("utf-16"))[1][0]


def test_too_large() -> None:
    node, problems = parse(b"# " + b"x" * MAX_BYTES)
    assert node is None
    assert "a spec may have 1,000,000" in problems[0]


def test_aliases_cannot_multiply_without_end() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    node, problems = parse("\n".join(lines))
    assert node is None
    assert "more than 50,000 values, aliases counted as often as they are used" in problems[0]


@pytest.mark.parametrize("text", ["[" * 100_000, "- " * 100_000, "{a: " * 50_000, "? " * 100_000])
def test_depth_is_bounded(text: str) -> None:
    node, problems = parse(text)
    assert node is None
    assert "nested more than 50 deep" in problems[0]


def test_other_problems_are_found_too() -> None:
    _, problems = parse("a: !x 1\nb: !y 2\na: 3\n")
    assert len(problems) == 3

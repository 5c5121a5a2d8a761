"""One text of a spec changed where it stands, everything else left as it is."""

from __future__ import annotations

import pytest

from envsolver.spec.edit import NotFoundError, edit_toml, edit_yaml

SPEC = """\
# what trains our models
python: 3.9   # not newer
pip:
  - torch==1.12.1   # the one
  - 'numpy<2'
  - "six"
  - {requirement: scipy<1.8, reason: "because of torch==1.12.1"}
  - reason: later ones break
    requirement: protobuf<4  # indeed
flow: [a==1, b==1,c==1 , "d==1"] # numpy<2
anchored: &x e==1
again: *x
folded: >-
  f==1
long: g==1,
  <2
key: {h==1: i==1, k: h==1}
"""


@pytest.mark.parametrize(
    ("line", "old", "new", "written"),
    [
        (4, "torch==1.12.1", "torch==1.13.0", "  - torch==1.13.0   # the one"),
        (5, "numpy<2", "numpy<=2.1", "  - 'numpy<=2.1'"),
        (6, "six", "six>=1; python_version < '3'", '''  - "six>=1; python_version < '3'"'''),
        (5, "numpy<2", "numpy; python_version < '3'", "  - 'numpy; python_version < ''3'''"),
        (4, "torch==1.12.1", "torch==1.13; x: y", '  - "torch==1.13; x: y"   # the one'),
        (4, "torch==1.12.1", "torch==1.13 #1", '  - "torch==1.13 #1"   # the one'),
        (7, "scipy<1.8", "scipy<=1.9", '  - {requirement: scipy<=1.9, reason: "because of torch==1.12.1"}'),
        (7, "scipy<1.8", "scipy>=1,<2", """  - {requirement: "scipy>=1,<2", reason: "because of torch==1.12.1"}"""),
        (8, "protobuf<4", "protobuf<=4.1", "    requirement: protobuf<=4.1  # indeed"),
        (9, "protobuf<4", "protobuf<=4.1", "    requirement: protobuf<=4.1  # indeed"),
        (10, "a==1", "a==2", 'flow: [a==2, b==1,c==1 , "d==1"] # numpy<2'),
        (10, "c==1", "c==2", 'flow: [a==1, b==1,c==2 , "d==1"] # numpy<2'),
        (10, "b==1", "b[x,y]==1", 'flow: [a==1, "b[x,y]==1",c==1 , "d==1"] # numpy<2'),
        (17, "h==1", "h==2", "key: {h==1: i==1, k: h==2}"),
        (4, "torch==1.12.1", None, None),
        (5, "numpy<2", None, None),
        (10, "a==1", None, 'flow: [b==1,c==1 , "d==1"] # numpy<2'),
        (10, "c==1", None, 'flow: [a==1, b==1 , "d==1"] # numpy<2'),
        (10, "d==1", None, "flow: [a==1, b==1,c==1] # numpy<2"),
    ],
)
def test_one_line_changes(line: int, old: str, new: str | None, written: str | None) -> None:
    before = SPEC.splitlines()
    after = edit_yaml(SPEC, line, old, new).splitlines()
    at = next(at for at, text in enumerate(before) if at >= len(after) or after[at] != text)
    assert after == [*before[:at], *([] if written is None else [written]), *before[at + 1 :]]


@pytest.mark.parametrize(
    ("line", "old", "message"),
    [
        (5, "torch==1.12.1", "stands there nowhere"),
        (10, "numpy<2", "stands there nowhere"),
        (7, "because", "stands there nowhere"),
        (11, "e==1", "stands there nowhere"),
        (12, "e==1", "stands there nowhere"),
        (17, "i", "stands there nowhere"),
        (99, "six", "stands there nowhere"),
        (13, "f==1", "cannot be changed alone"),
    ],
)
def test_what_does_not_stand_there_is_not_changed(line: int, old: str, message: str) -> None:
    with pytest.raises(NotFoundError, match=message):
        edit_yaml(SPEC, line, old, "new==1")


def test_what_stands_there_twice_is_not_changed() -> None:
    with pytest.raises(NotFoundError, match="'a' stands there twice"):
        edit_yaml("pip: [a, b, a]\n", 1, "a", "a==1")
    with pytest.raises(NotFoundError, match="'a' stands there 3 times"):
        edit_yaml("pip: [a, a, a]\n", 1, "a", "a==1")


def test_a_text_of_two_lines_becomes_one() -> None:
    assert edit_yaml(SPEC, 15, "g==1, <2", "g==1").splitlines()[14:16] == ["long: g==1", SPEC.splitlines()[16]]


@pytest.mark.parametrize("text", ["pip:\n  - a\nx: y\n", "pip:\n  - {requirement: a, reason: b}\n  - c\n"])
def test_the_last_item_and_a_part_of_an_item_cannot_go(text: str) -> None:
    with pytest.raises(NotFoundError, match="cannot be changed alone"):
        edit_yaml(text, 2, "a", None)


def test_the_last_item_of_a_list_in_brackets_can() -> None:
    assert edit_yaml("pip: [a]\n", 1, "a", None) == "pip: []\n"


def test_line_ends_and_what_comes_before_the_first_line_stay() -> None:
    text = "\ufeffpip:\r\n- ä==1 # ß\r\n- b\r\n"
    assert edit_yaml(text, 2, "ä==1", "ä==2") == "\ufeffpip:\r\n- ä==2 # ß\r\n- b\r\n"
    assert edit_yaml(text, 2, "ä==1", None) == "\ufeffpip:\r\n- b\r\n"
    assert edit_yaml("pip: [a==1]", 1, "a==1", "a==2") == "pip: [a==2]"


TOML = """\
[project]
dependencies = [
  "torch==1.12.1",  # the one
  'numpy<2', "numpy<3",
  "six", # not "six"
]
"""


@pytest.mark.parametrize(
    ("line", "old", "new", "written"),
    [
        (3, "torch==1.12.1", "torch==1.13", '  "torch==1.13",  # the one'),
        (4, "numpy<2", "numpy<=2", """  'numpy<=2', "numpy<3","""),
        (4, "numpy<2", "numpy; python_version < '3'", """  "numpy; python_version < '3'", "numpy<3","""),
        (3, "torch==1.12.1", 'torch; os_name == "nt"', """  "torch; os_name == \\"nt\\"",  # the one"""),
    ],
)
def test_a_string_of_a_project_changes(line: int, old: str, new: str, written: str) -> None:
    lines = TOML.splitlines()
    assert edit_toml(TOML, line, old, new).splitlines() == [*lines[: line - 1], written, *lines[line:]]


@pytest.mark.parametrize(
    ("line", "old", "new"),
    [(3, "numpy<2", "x"), (5, "six", "x"), (0, "six", "x"), (99, "six", "x"), (3, "torch==1.12.1", None)],
)
def test_a_string_that_is_not_found_once_stays(line: int, old: str, new: str | None) -> None:
    with pytest.raises(NotFoundError):
        edit_toml(TOML, line, old, new)


def test_a_comment_is_no_string() -> None:
    with pytest.raises(NotFoundError, match="cannot be changed alone"):
        edit_toml('x = 1 # "six"\n', 1, "six", "seven")

"""Something added to a spec file: nothing else in it changes, and it means what was wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from envsolver.spec.edit import NotFoundError
from envsolver.spec.insert import add_yaml, remove_yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

RULE: dict[str, Any] = {"rules": {"ignore": [{"id": "A-RULE", "reason": "why: not"}]}}
INDEX: dict[str, Any] = {"indexes": {"ours": {"url": "https://x.example/whl", "packages": ["torch"]}}}


@pytest.mark.parametrize(
    ("text", "content", "changed"),
    [
        ("pip: [a]\n", RULE, "pip: [a]\nrules:\n  ignore:\n    - id: A-RULE\n      reason: 'why: not'\n"),
        ("pip: [a]", {"exclusive": [["a", "b"]]}, "pip: [a]\nexclusive:\n  - [a, b]\n"),
        (
            "a: b\n\npip:\n- c # d\n# e\n",
            {"exclusive": [["x", "y"]]},
            "a: b\n\npip:\n- c # d\n\nexclusive:\n  - [x, y]\n# e\n",
        ),
        (
            "rules:\n  ignore:\n  - id: B # of ours\n    reason: r\n# behind\npip: [a]\n",
            RULE,
            (
                "rules:\n  ignore:\n  - id: B # of ours\n    reason: r\n  - id: A-RULE\n    reason: 'why: not'\n"
                "# behind\npip: [a]\n"
            ),
        ),
        (
            "rules: {ignore: [{id: B, reason: r}]} # x\n",
            RULE,
            "rules: {ignore: [{id: B, reason: r}, {id: A-RULE, reason: 'why: not'}]} # x\n",
        ),
        ("rules: {ignore: []}\n", RULE, "rules: {ignore: [{id: A-RULE, reason: 'why: not'}]}\n"),
        (
            "indexes:\n    ours:\n        url: u\n        packages:\n          - a\npip: [b]\n",
            {"indexes": {"ours": {"packages": ["torch"]}}},
            "indexes:\n    ours:\n        url: u\n        packages:\n          - a\n          - torch\npip: [b]\n",
        ),
        (
            "indexes:\n  other: {url: u, packages: [a,]}\n",
            INDEX,
            (
                "indexes:\n  other: {url: u, packages: [a,]}\n  ours:\n    url: https://x.example/whl\n"
                "    packages: [torch]\n"
            ),
        ),
        (
            "indexes: {o: {packages: [a,]}}\n",
            {"indexes": {"o": {"packages": ["b"]}}},
            "indexes: {o: {packages: [a, b]}}\n",
        ),
        ('{"pip": ["a"]}', {"exclusive": [["a", "b"]]}, '{"pip": ["a"], exclusive: [[a, b]]}'),
        ("pip:\r\n- a\r\n", {"exclusive": [["a", "b"]]}, "pip:\r\n- a\r\nexclusive:\r\n  - [a, b]\r\n"),
        (
            "pip: [a]\ndescription: >-\n  long\n  text\n\n",
            {"exclusive": [["a", "b"]]},
            "pip: [a]\ndescription: >-\n  long\n  text\n\n\nexclusive:\n  - [a, b]\n",
        ),
    ],
)
def test_it_stands_where_it_belongs(text: str, content: Mapping[str, Any], changed: str) -> None:
    assert add_yaml(text, content) == changed


@pytest.mark.parametrize(
    "text",
    [
        "- a list\n",
        "",
        "rules: {ignore: all}\n",
        "rules:\npip: [a]\n",
        "base: &r {ignore: []}\nrules: *r\n",
        "rules: {ignore: [ # open\n  ]}\nx: [\n",
    ],
)
def test_what_cannot_be_added_alone_is_refused(text: str) -> None:
    with pytest.raises(NotFoundError):
        add_yaml(text, RULE)


@pytest.mark.parametrize(
    ("text", "keys", "changed"),
    [
        ("a: 1\nb:\n  c: {d: e} # of ours\n  # behind\n  f: g\n", ["b", "c"], "a: 1\nb:\n  # behind\n  f: g\n"),
        ("a: 1\nb:\n  c:\n    - d\n# end\nf: g\n", ["b", "c"], "a: 1\n# end\nf: g\n"),
        ("a: 1\nb:\n  c:\n    d: e\n", ["b", "c", "d"], "a: 1\n"),
        ("a: 1\nb: 2", ["b"], "a: 1\n"),
    ],
)
def test_an_entry_is_taken_out_with_its_lines(text: str, keys: list[str], changed: str) -> None:
    assert remove_yaml(text, keys) == changed


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("a: 1\n", ["b"]),
        ("a: {b: 1, c: 2}\n", ["a", "b"]),
        ("a: [b]\n", ["a", "b"]),
        ("a: &x {b: 1}\nc: *x\n", ["a"]),
        ("- a\n", ["a"]),
    ],
)
def test_what_cannot_be_taken_out_alone_is_refused(text: str, keys: list[str]) -> None:
    with pytest.raises(NotFoundError):
        remove_yaml(text, keys)


words = st.text(st.characters(categories=["L", "N", "P", "S", "Zs"], include_characters=":#'\"\n"), max_size=12)
values = st.recursive(words, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3))


@given(st.dictionaries(words, values, max_size=4), st.booleans(), st.dictionaries(st.just("rules"), values, max_size=1))
def test_whatever_stands_there_the_rest_means_the_same(
    document: dict[str, Any], flow: bool, more: dict[str, Any]
) -> None:
    text = yaml.safe_dump(document | more, default_flow_style=flow, allow_unicode=True)
    try:
        changed = add_yaml(text, RULE)
    except NotFoundError:
        return
    before, after = (yaml.load(one, Loader=yaml.BaseLoader) for one in (text, changed))  # noqa: S506 - texts only
    assert {key: value for key, value in after.items() if key != "rules"} == {
        key: value for key, value in before.items() if key != "rules"
    }
    assert RULE["rules"]["ignore"][0] in after["rules"]["ignore"]

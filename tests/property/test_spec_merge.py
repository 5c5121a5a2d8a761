"""Laws of specs: inheritance only adds, formatting means nothing, and no text makes the loader fail in its own way."""

from __future__ import annotations

import json
import tempfile
from dataclasses import fields as fields_of
from dataclasses import is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from envsolver.model.errors import SpecError
from envsolver.model.origin import Origin
from envsolver.spec.digest import inputs_digest
from envsolver.spec.fields import SPEC
from envsolver.spec.load import load_spec
from envsolver.spec.merge import merge
from envsolver.spec.nodes import parse_yaml
from envsolver.spec.values import Part, Reading

if TYPE_CHECKING:
    from envsolver.model.errors import Problem
    from envsolver.model.spec import Spec

PROJECTS = ["torch", "numpy", "six", "a-b"]
_requirements = st.lists(
    st.tuples(st.sampled_from(PROJECTS), st.sampled_from(["", ">=1", "<9"])).map("".join), max_size=4
)
_constraints = st.lists(st.sampled_from(PROJECTS).map(lambda name: f"{name}<99"), max_size=3)
_reasoned = _requirements | _requirements.map(lambda texts: [{"requirement": text, "reason": "r"} for text in texts])


def _optional(**keys: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=dict(keys))


_specs = _optional(
    python=st.just("3.9"),
    platforms=st.just(["linux-64", "osx-64"]),
    title=st.sampled_from(["x", "y: z", "# no", "'", "ß"]),
    system=_optional(glibc=st.just("2.31"), os=st.just("debian12")),
    gpu=st.fixed_dictionaries(
        {"cuda": st.just("11.7")}, optional={"driver": st.just("515.43"), "architectures": st.just(["7.0", "8.0"])}
    ),
    pip=_reasoned,
    constraints=_constraints,
    overrides=_requirements,
    groups=st.dictionaries(st.sampled_from(["dev", "docs"]), _reasoned, max_size=2),
    imports=st.lists(st.sampled_from(["torch", "numpy"]), max_size=2),
    indexes=st.dictionaries(
        st.sampled_from(["a", "b1"]),
        st.fixed_dictionaries({"url": st.just("https://h/simple")}, optional={"frozen": st.just("x.json")}),
        max_size=2,
    ),
    **{
        "implied-bounds": st.just("180d") | st.fixed_dictionaries({}, optional={"packages": st.just({"a-b": "off"})}),
        "rules": st.just({"ignore": []}),
    },
    labels=st.dictionaries(st.sampled_from(["k", "l"]), st.sampled_from(["1", "two"]), max_size=2),
)
"""Specs that never contradict each other: what must agree has one value."""


def read(data: dict[str, Any], path: str) -> Part:
    problems: list[Problem] = []
    node = parse_yaml(json.dumps(data, indent=1).encode(), path, problems)
    assert node is not None
    part = SPEC.read(node, Reading(path, problems), "")
    assert part is not None
    assert not problems
    return part


def plain(value: Any) -> Any:
    """Return a value without the places where it was written."""
    if isinstance(value, Part):
        return {key: plain(inner) for key, inner in sorted(value.values.items())}
    if isinstance(value, Origin):
        return None
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields_of(value) if field.name != "given"}
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, (tuple, list)):
        return [plain(inner) for inner in value]
    return value


def texts(part: Part, key: str) -> list[str]:
    listed = part.values.get(key)
    return [item.values["requirement"].value for item in listed.value] if listed else []


def merged(*specs: dict[str, Any], replace: list[str] | None = None) -> Part:
    """Return the last spec with all others as its bases."""
    *bases, child = specs
    problems: list[Problem] = []
    own = {**child, "replace": replace} if replace else child
    parts = [read(base, f"b{place}") for place, base in enumerate(bases)]
    result = merge(parts, read(own, "child"), problems)
    assert not problems
    return result


@given(_specs)
def test_no_base_changes_nothing(spec: dict[str, Any]) -> None:
    assert merged(spec) == read(spec, "child")


@given(_specs)
def test_an_empty_base_and_an_empty_child_change_nothing(spec: dict[str, Any]) -> None:
    own = {"title"}
    assert plain(merged({}, spec)) == plain(read(spec, "x"))
    inherited = {key: value for key, value in spec.items() if key not in own}
    assert plain(merged(spec, {})) == plain(read(inherited, "x"))


@given(_specs, _specs)
def test_inheritance_only_adds_and_the_base_comes_first(base: dict[str, Any], child: dict[str, Any]) -> None:
    both = merged(base, child)
    for key in ("pip", "constraints", "overrides"):
        assert texts(both, key) == texts(read(base, "x"), key) + texts(read(child, "x"), key)
    assert set(both.values) == set(base) - {"title"} | set(child)


@given(_specs, _specs, _specs)
def test_a_chain_of_bases_is_a_list_of_bases(a: dict[str, Any], b: dict[str, Any], c: dict[str, Any]) -> None:
    problems: list[Problem] = []
    inner = merge([read(a, "a")], read(b, "b"), problems)
    chain = merge([inner], read(c, "c"), problems)
    beside = merge([read(a, "a"), read(b, "b")], read(c, "c"), problems)
    assert not problems
    assert plain(chain) == plain(beside)


@given(_specs, _specs, st.sampled_from(PROJECTS))
def test_replacing_a_package_drops_it_and_nothing_else(base: dict[str, Any], child: dict[str, Any], name: str) -> None:
    def is_other(text: str) -> bool:
        return text.rstrip("<>=0123456789") != name

    base = {**base, "pip": [*base.get("pip", []), name]}
    both = merged(base, child, replace=[name])
    kept = read(base, "x")
    for key in ("pip", "constraints", "overrides"):
        assert texts(both, key) == [*filter(is_other, texts(kept, key)), *texts(read(child, "x"), key)]
    for key in set(base) & set(both.values) - {"pip", "constraints", "overrides", "groups"} - set(child):
        assert plain(both.values[key]) == plain(kept.values[key])


_COMPLETE = {"python": "3.9", "platforms": ["linux-64"], "pip": ["torch", "numpy"]}


def _styles(data: dict[str, Any], order: list[str]) -> list[str]:
    """Write the same spec in ways that differ in everything that does not matter."""
    shuffled = {key: data[key] for key in order}
    return [
        json.dumps(shuffled),
        json.dumps(data, indent=4),
        yaml.safe_dump(shuffled, default_flow_style=False, sort_keys=False, allow_unicode=True),
        yaml.safe_dump(data, default_flow_style=True, width=20, sort_keys=False),
        "# comment\n\n---\n" + yaml.safe_dump(data, default_style="'", indent=6, explicit_end=True, sort_keys=False),
        yaml.safe_dump(shuffled, sort_keys=False).replace("\n", "  # comment\n").replace("'  # comment", "' # c"),
        yaml.safe_dump(data, sort_keys=False).replace("\n", "\r\n"),
    ]


@given(_specs.map(lambda spec: {**_COMPLETE, **spec, "platforms": ["linux-64"]}), st.randoms(use_true_random=False))
def test_formatting_means_nothing(data: dict[str, Any], random: Any) -> None:
    order = list(data)
    random.shuffle(order)
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        path = project / "specs" / "env.yaml"
        path.parent.mkdir()
        loaded: list[Spec] = []
        for text in _styles(data, order):
            path.write_text(text, encoding="utf-8", newline="")
            loaded.append(load_spec(path, project))
    assert len({json.dumps(plain(spec), sort_keys=True) for spec in loaded}) == 1
    assert len({inputs_digest(spec) for spec in loaded}) == 1


_SAMPLE = """\
extends: env
python: 3.9
platforms: [linux-64]
gpu: {cuda: 11.7, driver: 515.43, architectures: [7.0]}
indexes: &i {a: {url: "https://u:p@h/s", packages: [torch]}}
pip: [torch==1.0, {requirement: numpy, reason: r}, '-r x', "a @ https://t@h/x.whl"]
groups: {dev: [pytest], docs: {requirements: []}}
exclusive: [[dev, docs]]
as-of: 2023-03-09
from: pyproject.toml[x]
replace: [numpy]
"""
_edits = st.lists(
    st.tuples(
        st.integers(0, len(_SAMPLE)),
        st.integers(0, 12),
        st.sampled_from(
            [*"{}[]:,#&*!|>'\"%@`-? \n\t\\0xß", "<<: ", "- ", "*i", "&i ", "~", "\x00", "\ud7ff", "..", "$"]
        ),
    ),
    max_size=6,
)


def _edited(edits: list[tuple[int, int, str]]) -> bytes:
    text = _SAMPLE
    for start, length, inserted in edits:
        text = text[:start] + inserted + text[start + length :]
    return text.encode("utf-8", "surrogatepass")


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode) | _edits.map(_edited))
@example(b"\xff\xfe")
@example(b"? ")
@example(b"a: &a [*a]")
@example(b"pip: !!set {a}")
@example(b"%TAG ! tag:x,2000:\n---\n!y z")
@example(b"groups: {dev: {from: pyproject.toml}}")
def test_whatever_stands_in_the_file_is_a_spec_or_a_list_of_problems(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "specs" / "env.yaml"
        path.parent.mkdir()
        path.write_bytes(data)
        problems = _problems(path, Path(folder))
    for problem in problems:
        assert problem.origin is not None
        assert problem.origin.path == "specs/env.yaml"
        assert problem.origin.line <= max(1, len(data.decode(errors="replace").splitlines()))


def _problems(path: Path, project: Path) -> tuple[Problem, ...]:
    try:
        assert len(inputs_digest(load_spec(path, project))) == 64
    except SpecError as error:
        return error.problems
    return ()

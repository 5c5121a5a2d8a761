"""JSON Schema and reference: both from the table of keys, both of one mind with the loader."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from envsolver.model.errors import SpecError
from envsolver.spec import fields
from envsolver.spec.kinds import ListOf, Record, Table, Text
from envsolver.spec.load import load_spec
from envsolver.spec.reference import reference_markdown, schema

ROOT = Path(__file__).parent.parent
SPECS = sorted((ROOT / "specs").glob("*.yaml"))
VALID: dict[str, Any] = {
    "name": "env",
    "python": "3.9",
    "platforms": ["linux-64"],
    "system": {"glibc": "2.31", "osx-arm64": {"macos": "13.0"}},
    "gpu": {"cuda": "11.7", "architectures": ["8.0"], "allow": [{"package": "a", "cuda": "11.6", "reason": "r"}]},
    "indexes": {"a": {"url": "https://h/a", "packages": ["torch", "nvidia-*"], "platforms": ["linux-64"]}},
    "pip": ["numpy", {"requirement": "torch", "reason": "r"}],
    "groups": {"dev": ["pytest"], "docs": {"requirements": ["sphinx"], "imports": ["sphinx"]}},
    "exclusive": [["dev", "docs"]],
    "notes": [{"subject": "s", "text": "t"}],
    "labels": {"a": "b"},
    "implied-bounds": {"horizon": "180d", "packages": {"numpy": "off"}},
    "audit": {"ignore": {"CVE-2022-45907": {"reason": "r", "until": "2027-03-01"}}},
    "rules": {"ignore": [{"id": "TORCH-NUMPY2", "reason": "r", "until": "2027-03-01"}]},
}


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    written = json.loads(json.dumps(schema()))
    jsonschema.Draft202012Validator.check_schema(written)
    return jsonschema.Draft202012Validator(written)


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
@pytest.mark.parametrize("loader", [yaml.BaseLoader, yaml.SafeLoader])
def test_the_specs_of_the_catalogue_are_valid(
    path: Path, loader: type[yaml.SafeLoader], validator: jsonschema.Draft202012Validator
) -> None:
    """Also as tools read them that turn 3.8 into a number."""
    validator.validate(yaml.load(path.read_text(), Loader=loader))  # noqa: S506 -- both of them are safe


def loads(data: Any, folder: Path) -> bool:
    path = folder / "specs" / "env.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(data))
    try:
        load_spec(path, folder)
    except SpecError:
        return False
    return True


def test_the_valid_one(tmp_path: Path, validator: jsonschema.Draft202012Validator) -> None:
    validator.validate(VALID)
    assert loads(VALID, tmp_path)


@pytest.mark.parametrize("value", ["off", False, "9d", True, "on", 9, {"horizon": False}, {"packages": {"a": False}}])
def test_off_as_tools_read_it_that_see_a_boolean(
    value: object, tmp_path: Path, validator: jsonschema.Draft202012Validator
) -> None:
    data = {**VALID, "implied-bounds": value}
    assert validator.is_valid(data) is loads(data, tmp_path)


def _broken(value: Any) -> list[Any]:
    """Return the value with each part of it replaced by something of a wrong shape, one at a time."""
    wrong: list[Any] = [None, [[[]]], {"no such key": 1}] if not isinstance(value, str) else [None, [], {}, ""]
    found = list(wrong)
    if isinstance(value, dict):
        found += [{**value, "No Such Key": "x"}]
        for key, inner in value.items():
            found += [{**value, key: other} for other in _broken(inner)]
    if isinstance(value, list):
        for place, inner in enumerate(value):
            found += [[*value[:place], other, *value[place + 1 :]] for other in _broken(inner)]
    return found


def test_what_one_refuses_the_other_refuses(tmp_path: Path, validator: jsonschema.Draft202012Validator) -> None:
    cases = [data for data in _broken(VALID) if data is not None]
    assert len(cases) > 100
    for data in cases:
        refused = not validator.is_valid(data)
        assert refused is not loads(data, tmp_path), data


def test_every_key_is_explained() -> None:
    reference = reference_markdown()
    seen: list[Record] = []

    def walk(kind: object) -> None:
        if isinstance(kind, Record) and kind not in seen:
            seen.append(kind)
            for known in kind.fields:
                assert known.doc.endswith((".", ")")), known.key
                assert f"| `{known.key}` | {known.kind.expected}" in reference
                walk(known.kind)
        elif isinstance(kind, ListOf):
            walk(kind.item)
        elif isinstance(kind, Table):
            walk(kind.value)

    walk(fields.SPEC)
    assert len(seen) >= 10


def test_examples_are_valid(tmp_path: Path) -> None:
    for known in fields.SPEC.fields:
        if known.example is None or known.key in {"extends", "replace", "name", "from", "exclusive"}:
            continue
        minimal = {"python": "3.9", "platforms": ["linux-64"], "pip": ["numpy"], "channels": ["conda-forge"]}
        example = yaml.load(known.example, Loader=yaml.BaseLoader)  # noqa: S506 -- texts only
        assert loads({**minimal, known.key: example}, tmp_path), known.key


def test_patterns_mean_the_same_in_both_dialects() -> None:
    """ECMA 262 has no ``\\Z``, ``(?P<``, ``(?i)``; ``\\d`` is ASCII there."""
    patterns = [kind.pattern for kind in _texts(fields.SPEC) if kind.pattern]
    assert len(patterns) > 20
    assert not [pattern for pattern in patterns if any(odd in pattern for odd in (r"\Z", r"\A", "(?P", "(?i"))]


def _texts(kind: object) -> list[Text]:
    if isinstance(kind, Text):
        return [kind]
    if isinstance(kind, ListOf):
        return _texts(kind.item)
    if isinstance(kind, Table):
        return _texts(kind.key) + _texts(kind.value)
    if isinstance(kind, Record):
        return [text for known in kind.fields for text in _texts(known.kind)]
    return []


def test_the_documentation_is_up_to_date() -> None:
    """Written by ``python -m envsolver.spec.reference``."""
    page = (ROOT / "docs" / "spec.md").read_text(encoding="utf-8")
    assert page.endswith(f"\n{reference_markdown()}")


def test_the_examples_of_the_documentation_load(tmp_path: Path) -> None:
    """Each YAML block of the page is a spec once what it leaves out is added."""
    page = (ROOT / "docs" / "spec.md").read_text(encoding="utf-8")
    blocks = [block.split("```")[0] for block in page.split("```yaml\n")[1:]]
    examples = [yaml.load(block, Loader=yaml.BaseLoader) for block in blocks]  # noqa: S506 -- texts only
    specs = [example for example in examples if example and "extends" not in example]
    assert len(specs) >= 5
    for spec in specs:
        assert loads({"python": "3.8", "platforms": ["linux-64"], "pip": ["x"], **spec}, tmp_path), spec

"""The documentation of the lock against the code."""

from __future__ import annotations

import re
from pathlib import Path

from envsolver.lock import reader
from envsolver.lock.toml import dumps, loads

PAGE = Path(__file__).parent.parent / "docs" / "lock.md"


def test_the_example_is_what_envsolver_writes() -> None:
    example = PAGE.read_text(encoding="utf-8").split("```toml\n")[1].split("```")[0]
    body, seal = example.rsplit("\n", 2)[:2]
    assert dumps(loads(example)) == f"{body}\n"
    assert seal.startswith("# sealed: sha256:")


def test_every_key_that_is_read_is_described() -> None:
    source = Path(reader.__file__).read_text(encoding="utf-8")
    text = PAGE.read_text(encoding="utf-8")
    read = set(re.findall(r'table\.\w+\("([a-z0-9-]+)"', source))
    assert {"lock-version", "inputs-digest", "commit", "declared"} <= read
    described = set(re.findall(r"^\| `([a-z0-9-]+)` \|", text, re.MULTILINE))
    tables = set(re.findall(r"\[\[(?:package\.)?([a-z]+)\]\]", text))
    assert read <= described | tables

"""docs/rules.md is the reference that is made of the rules."""

from __future__ import annotations

import re
from pathlib import Path

from envsolver.knowledge.markdown import rules_markdown
from envsolver.knowledge.rulefile import parse_rules
from envsolver.knowledge.rules import load_rulebook

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "rules.md"


def test_the_document_is_the_one_that_the_rules_make() -> None:
    command = "python -c 'from envsolver.knowledge.markdown import rules_markdown as r; print(r(), end=\"\")'"
    assert DOCUMENT.read_text(encoding="utf-8") == rules_markdown(), f"{command} > docs/rules.md"


def test_every_rule_has_a_row_and_a_section() -> None:
    text = rules_markdown()
    for rule in load_rulebook().rules:
        assert f"| [{rule.id}](#{rule.id.lower()}) |" in text
        assert f"\n### {rule.id}\n" in text
        for source in rule.sources:
            assert source in text


def test_the_example_of_a_rule_can_be_read() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", rules_markdown(), re.DOTALL)
    (rule,) = parse_rules(example, "rules/example.toml")
    assert rule.hard


def test_each_heading_stands_once() -> None:
    headings = re.findall(r"^### (.*)$", rules_markdown(), re.MULTILINE)
    assert len(headings) == len(set(headings))

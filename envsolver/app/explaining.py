"""What a code of a finding, or a rule, stands for; and the documents of all codes.

``python -m envsolver.app.explaining docs/findings`` writes the documents.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from envsolver.model.errors import UsageError
from envsolver.model.wording import did_you_mean

if TYPE_CHECKING:
    from envsolver.app.project import Project
    from envsolver.knowledge.rules import Rule

__all__ = ["code_list", "documents", "explain", "index_text"]


def explain(name: str, project: Project | None = None) -> str:
    """Return the document of a code, or what is known of a rule, as Markdown.

    Args:
        name: ``GPU003``, or the id of a rule: ``TORCH-NUMPY2``; case does not matter.
        project: whose own rules are known too.

    Raises:
        UsageError: there is no such code or rule; the hint names the nearest.
        SpecError: a rule file of the project is wrong.
        FileError: a rule file cannot be read.
    """
    from envsolver.app.rulefiles import rule_texts
    from envsolver.findings.codes import codes
    from envsolver.findings.markdown import code_markdown
    from envsolver.knowledge.names import name_rule
    from envsolver.knowledge.rules import load_rulebook

    wanted = name.upper()
    if wanted in codes():
        return code_markdown(codes()[wanted])
    book = load_rulebook(rule_texts(project) if project is not None else ())
    rule = book.rule(wanted)
    if rule is not None:
        return _rule_text(rule)
    if name_rule(wanted) is not None:  # what a spec accepts by such an id
        return code_markdown(codes()["SEC007"])
    from difflib import get_close_matches

    near = get_close_matches(wanted, [*codes(), *(one.id for one in book.rules)], n=3)
    raise UsageError(
        f"no code or rule is called {name!r}",
        hint=did_you_mean(near) or "`envsolver explain` lists the codes",
    )


def _rule_text(rule: Rule) -> str:
    from envsolver.findings.codes import code_of_rule
    from envsolver.findings.rules import severity_of
    from envsolver.knowledge.markdown import effect_text
    from envsolver.knowledge.rules import Finding

    merely_told = isinstance(rule.effects[0], Finding)
    scope = f" beside `{rule.beside}`" if rule.beside else ""
    scope += f" on Python `{rule.python}`" if rule.python else ""
    scope += f" on {', '.join(rule.platforms)}" if rule.platforms else ""
    effects = ", ".join(dict.fromkeys(effect_text(effect) for effect in rule.effects)).removesuffix(".")
    code = code_of_rule(rule, rule.effects[0])
    reported = f"{code}, note" if merely_told else f"{code}, {severity_of(rule)}; strength: {rule.strength}"
    parts = [
        f"# {rule.id}: {rule.title}",
        f"For {', '.join(f'`{one}`' for one in rule.when)}{scope}: {effects}.",
        f"Reported as {reported}. Without it: {rule.severity}.",
    ]
    if rule.symptom:
        parts.append(f"Symptom: {rule.symptom}")
    if rule.evidence:
        parts.append(f"Evidence ({rule.verified}): {rule.evidence}" if rule.verified else f"Evidence: {rule.evidence}")
    if rule.check:
        parts.append(f"Check: {rule.check}")
    if rule.sources:
        parts.append("\n".join(["Sources:", "", *(f"- {source}" for source in rule.sources)]))
    return "\n\n".join([*parts, f"Written in {rule.origin}."]) + "\n"


def code_list() -> tuple[tuple[str, str, str], ...]:
    """Return ``(code, usual severity, title)`` of all codes."""
    from envsolver.findings.codes import codes

    return tuple((code.code, code.severity, code.title) for code in codes().values())


def index_text() -> str:
    """Return the list of all codes as Markdown: a table."""
    from envsolver.findings.markdown import list_markdown

    return list_markdown()


def documents() -> dict[str, str]:
    """Return the files of ``docs/findings/`` by name."""
    from envsolver.findings.codes import codes
    from envsolver.findings.markdown import code_markdown, index_markdown

    return {"index.md": index_markdown()} | {f"{code.code}.md": code_markdown(code) for code in codes().values()}


if __name__ == "__main__":
    from envsolver.app.files import write_together

    write_together({Path(sys.argv[1]) / name: text.encode() for name, text in documents().items()})

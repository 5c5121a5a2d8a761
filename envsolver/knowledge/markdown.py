"""The reference of all shipped rules, as Markdown. ``docs/rules.md`` is this text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envsolver.knowledge.rules import Conflicts, Constrains, Finding, Replaces, Requires, Unusable, load_rulebook

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envsolver.knowledge.rules import Effect, Rule

__all__ = ["effect_text", "rules_markdown"]

_INTRODUCTION = """\
# Rules

What packages do not declare, and what envsolver knows of it. A *hard* rule always holds: its failure was reproduced, or
is proven by the published files, for the versions that it names. A *preference* holds where a solution allows it. A
*finding* changes no lock; it says what a person should know or do.

A rule of a project of your own stands in a file `rules/NAME.toml` beside the specs:

```toml
[[rule]]
id = 'OUR-LOADER-NUMPY2'
when = 'our-loader<3'
constrains = 'numpy<2'
sources = ['https://tracker.example/1234']
```

One effect a rule: `constrains`, `requires`, `conflicts`, `replaces` with `by`, `unusable` or `finding`. `when` and the
first three take one project with versions or a list of them. `beside`, `python` and `platforms` narrow the rule down.
Without `strength = 'preference'` it is hard. To switch a shipped rule off, a spec names it with a reason.

A preference whose severity is `unsupported` or `info` is told and never solved for. Such are `LIGHTNING-TESTED-*` (the
newest torch that a Lightning was tested with) and `TORCH-ORT-1*` (torch-ort and onnxruntime-training under one number).
That nobody tested a pair does not say that it fails: of [the stacks](stacks.md), pytorch-lightning 1.6.4 runs with
torch 1.12.0, for which it was not tested, and 2.0.9 beside FairScale, which Lightning 2 does not support. To solve for
them would trade versions that work for older ones. A pair that was seen to fail has a rule of its own, which is solved
for. `check` reports what is untested as a warning, or as a note.
"""


def rules_markdown() -> str:
    """Return the reference: a table of all rules, then each with its evidence."""
    rules = load_rulebook().rules
    binding = [rule for rule in rules if not _is_finding(rule)]
    findings = [rule for rule in rules if _is_finding(rule)]
    parts = [
        _INTRODUCTION,
        f"{len(binding)} rules, {sum(rule.hard for rule in binding)} of them hard, and {len(findings)} findings.\n",
        _table(binding),
        "## Findings\n",
        _table(findings),
        "## Each rule\n",
        *(_section(rule) for rule in (*binding, *findings)),
    ]
    return "\n".join(parts).rstrip() + "\n"


def effect_text(effect: Effect) -> str:
    """Return what an effect says, in words."""
    match effect:
        case Constrains():
            return f"`{effect.project}{effect.specifier}`"
        case Requires():
            return f"needs `{effect.project}{effect.specifier}`"
        case Conflicts():
            return f"not beside `{effect.project}{effect.specifier}`"
        case Replaces():
            return f"`{effect.project}{effect.declared}` reads `{effect.project}{effect.specifier}`"
        case Unusable():
            return f"not usable, `{effect.instead}` is"
        case Finding():
            return effect.advice


def _is_finding(rule: Rule) -> bool:
    return any(isinstance(effect, Finding) for effect in rule.effects)


def _table(rules: Iterable[Rule]) -> str:
    rows = ["| rule | strength | what |", "| --- | --- | --- |"]
    for rule in rules:
        strength = "finding" if _is_finding(rule) else rule.strength
        rows.append(f"| [{rule.id}](#{rule.id.lower()}) | {strength} | {_cell(rule.title)} |")
    return "\n".join(rows) + "\n"


def _section(rule: Rule) -> str:
    lines = [f"### {rule.id}", "", f"{rule.title}.", ""]
    lines.append(f"- For {_either(str(one) for one in rule.when)}{_scope(rule)}: {_effects(rule)}.")
    if not _is_finding(rule):
        lines.append(f"- Strength: {rule.strength}. Without it: {rule.severity}.")
    if rule.symptom:
        lines.append(f"- Symptom: {_code(rule.symptom)}")
    lines.append(f"- Evidence ({rule.verified}): {rule.evidence}")
    if rule.check:
        lines.append(f"- Check: {_code(rule.check)}")
    lines.append(f"- Sources: {'; '.join(_source(source) for source in rule.sources)}")
    return "\n".join(lines) + "\n"


def _effects(rule: Rule) -> str:
    texts = [effect_text(effect) for effect in rule.effects]
    if all(isinstance(effect, Conflicts) for effect in rule.effects) and len(texts) > 1:
        return "no two of them together"
    return ", ".join(texts).rstrip(".")


def _either(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _scope(rule: Rule) -> str:
    found = ""
    if rule.beside is not None:
        found += f" beside `{rule.beside}`"
    if rule.python:
        found += f" on Python `{rule.python}`"
    if rule.platforms:
        found += f" on {', '.join(rule.platforms)}"
    return found


def _code(text: str) -> str:
    """Return a code span, with a fence longer than any run of backquotes in the text (CommonMark 6.1)."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * (longest + 1)
    return f"{fence} {text} {fence}" if longest else f"`{text}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _source(source: str) -> str:
    return f"<{source}>" if source.startswith("https://") and " " not in source else source

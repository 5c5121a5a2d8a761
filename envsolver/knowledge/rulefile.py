"""A rule file: TOML text → rules, with every problem and the line it stands on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast, get_args

from envsolver.knowledge._toml import Document
from envsolver.knowledge.rules import (
    Condition,
    Conflicts,
    Constrains,
    Finding,
    Replaces,
    Requires,
    Rule,
    Severity,
    Strength,
    Unusable,
    Verified,
)
from envsolver.model.candidate import normalize_name
from envsolver.model.origin import Origin
from envsolver.model.target import KNOWN_PLATFORMS

if TYPE_CHECKING:
    from envsolver.knowledge._toml import Row
    from envsolver.knowledge.rules import Effect

__all__ = ["EFFECT_KEYS", "RULE_ID", "RULE_KEYS", "parse_rules"]

RULE_ID = r"[A-Z][A-Z0-9]*(-[A-Z0-9]+)*"
EFFECT_KEYS = ("constrains", "requires", "conflicts", "replaces", "unusable", "finding")
RULE_KEYS = frozenset(
    {
        *EFFECT_KEYS,
        "beside",
        "by",
        "check",
        "evidence",
        "id",
        "platforms",
        "python",
        "severity",
        "sources",
        "strength",
        "symptom",
        "title",
        "verified",
        "when",
    }
)
_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*([<>=!~].*)?", re.DOTALL)


def parse_rules(text: str, path: str, *, shipped: bool = False) -> tuple[Rule, ...]:
    """Return the rules of a file, in its order.

    Args:
        text: the file's content.
        path: for messages and the rules' origin.
        shipped: the file was checked when it was released: specifiers are not parsed until they are used.

    Raises:
        SpecError: with all problems of the file.
    """
    document = Document(text, path)
    document.only("rule")
    rules = [_rule(row, checked=shipped) for row in document.rows("rule")]
    seen: dict[str, int] = {}
    for rule in rules:
        if rule.id in seen:
            document.add(f"rule {rule.id} is written twice, first in line {seen[rule.id]}", line=rule.origin.line)
        seen.setdefault(rule.id, rule.origin.line)
    document.raise_problems()
    return tuple(rules)


def _rule(row: Row, *, checked: bool) -> Rule:
    row.only(RULE_KEYS)
    rule_id = row.text("id")
    if rule_id and not re.fullmatch(RULE_ID, rule_id):
        row.problem(f"{rule_id!r} is no rule id", "id", hint="capitals and digits in parts joined by '-': TORCH-NUMPY2")
    return Rule(
        id=rule_id,
        title=row.text("title", ""),
        when=_conditions(row, "when", row.texts("when", required=True), checked=checked),
        effects=_effects(row, checked=checked),
        origin=Origin(row.document.path, row.line),
        strength=cast(
            "Strength", row.choice("strength", get_args(Strength), "preference" if _finding(row) else "hard")
        ),
        severity=cast("Severity", row.choice("severity", get_args(Severity), "unsupported")),
        beside=_condition(row, "beside", beside, checked=checked) if (beside := row.text("beside", "")) else None,
        python=_specifier(row, "python", row.text("python", ""), checked=checked),
        platforms=_platforms(row),
        symptom=row.text("symptom", ""),
        verified=cast("Verified", row.choice("verified", get_args(Verified))) if "verified" in row.data else None,
        evidence=row.text("evidence", ""),
        sources=row.texts("sources", required=True),
        check=row.text("check", ""),
    )


def _finding(row: Row) -> bool:
    return "finding" in row.data


def _effects(row: Row, *, checked: bool) -> tuple[Effect, ...]:
    keys = [key for key in EFFECT_KEYS if key in row.data]
    if len(keys) != 1:
        found = f"not {' and '.join(keys)}" if keys else "and there is none"
        row.problem(
            f"a rule has one effect, {found}", keys[1] if keys else None, hint=f"one of {', '.join(EFFECT_KEYS)}"
        )
        return ()
    key = keys[0]
    if key != "replaces" and "by" in row.data:
        row.problem("'by' belongs to 'replaces'", "by")
    if key == "replaces":
        return _replaces(row)
    if key == "finding":
        if row.data.get("strength") == "hard":
            row.problem("a finding changes no lock: it cannot be hard", "strength")
        return (Finding(row.text(key)),)
    if key == "unusable":
        return _unusable(row, checked=checked)
    kind = {"constrains": Constrains, "requires": Requires, "conflicts": Conflicts}[key]
    conditions = _conditions(row, key, row.texts(key, required=True), checked=checked)
    for condition in conditions:
        if kind is Constrains and not condition.specifier:
            row.problem(f"{str(condition)!r} constrains nothing", key, hint=f"write versions: {condition}<2")
    return tuple(kind(condition.name, condition.specifier) for condition in conditions)


def _unusable(row: Row, *, checked: bool) -> tuple[Effect, ...]:
    """Read ``unusable``: which versions of the rule's own project can be used instead."""
    text = row.text("unusable")
    instead = _condition(row, "unusable", text, checked=checked) if text else None
    if instead is None:
        return ()
    names = [found[1] for one in row.texts("when") if (found := _REQUIREMENT.fullmatch(one))]
    if instead.name not in map(normalize_name, names):
        row.problem(f"'unusable' must say what can be used of {' or '.join(names)} instead", "unusable")
    return (Unusable(str(instead)),)


def _replaces(row: Row) -> tuple[Effect, ...]:
    """Read ``replaces`` (as declared, hence perhaps no valid requirement) and ``by``."""
    declared = _REQUIREMENT.fullmatch(re.sub(r"[\s()]", "", row.text("replaces")))
    written = row.text("by")
    by = _condition(row, "by", written, checked=False) if written else None
    if declared is None:
        row.problem("'replaces' names no project", "replaces")
        return ()
    if by is None:
        return ()
    name = normalize_name(declared[1])
    if name != by.name:
        row.problem(f"'by' must be about {name}, not {by.name}", "by")
    return (Replaces(name, declared[2] or "", by.specifier),)


def _conditions(row: Row, key: str, texts: tuple[str, ...], *, checked: bool) -> tuple[Condition, ...]:
    found = (_condition(row, key, text, checked=checked) for text in texts)
    return tuple(condition for condition in found if condition is not None)


def _condition(row: Row, key: str, text: str, *, checked: bool) -> Condition | None:
    found = _REQUIREMENT.fullmatch(text)
    if found is None:
        row.problem(f"{text!r} is no project with versions", key, hint="such as torch>=1.8,<2.3")
        return None
    specifier = re.sub(r"\s+", "", found[2] or "")
    if key == "when" and ("+" in specifier or "===" in specifier):
        row.problem(f"{text!r} is about one build", key, hint="a rule on a version holds for all its builds (+cu116)")
    return Condition(normalize_name(found[1]), _specifier(row, key, specifier, checked=checked))


def _specifier(row: Row, key: str, text: str, *, checked: bool) -> str:
    if text and not checked:
        from packaging.specifiers import InvalidSpecifier, SpecifierSet

        try:
            SpecifierSet(text)
        except InvalidSpecifier:
            row.problem(f"{text!r} is no version specifier (PEP 440)", key)
    return text


def _platforms(row: Row) -> tuple[str, ...]:
    platforms = row.texts("platforms")
    for platform in platforms:
        if platform not in KNOWN_PLATFORMS:
            row.problem(f"unknown platform {platform!r}", "platforms", hint=f"one of {', '.join(KNOWN_PLATFORMS)}")
    return platforms

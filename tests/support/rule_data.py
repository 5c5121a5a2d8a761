"""The recorded excerpts of what releases declare, and what the rules are expected to match (tests/data/rules)."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.markers import Marker
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envsolver.knowledge.rules import Finding

if TYPE_CHECKING:
    from envsolver.knowledge.rules import Effect, Rule, RuleBook
    from envsolver.model.candidate import Name
    from envsolver.model.target import Target

FOLDER = Path(__file__).resolve().parent.parent / "data" / "rules"

_REQUIREMENT = re.compile(r"[A-Za-z0-9._-]+\s*(?:\[[^\]]*\])?\s*(?P<specifier>[^;]*)")


@dataclass(frozen=True)
class Run:
    """Releases of one project, from the first to the last, that declare the same."""

    first: Version
    last: Version
    requires: tuple[str, ...]

    def holds(self, version: str) -> bool:
        return self.first <= Version(version) <= self.last


@cache
def _load(name: str) -> dict[str, Any]:
    return tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))


@cache
def releases() -> dict[str, tuple[str, ...]]:
    """Project → its releases, ascending."""
    return {row["name"]: tuple(row["versions"]) for row in _load("releases")["project"]}


@cache
def packages() -> dict[str, dict[str, Any]]:
    """Project that a rule is about → what is recorded of its metadata."""
    return {row["name"]: row for row in _load("declared")["package"]}


@cache
def _runs(package: str, project: str) -> tuple[Run, ...]:
    rows = packages()[package].get("declares", ())
    return tuple(
        Run(Version(row["first"]), Version(row["last"]), tuple(row["requires"]))
        for row in rows
        if row["project"] == project
    )


def declared(package: str, version: str, project: str) -> tuple[str, ...]:
    """Return the requirements on a project that a release declares."""
    return next((run.requires for run in _runs(package, project) if run.holds(version)), ())


def requires_python(package: str, version: str) -> str:
    """Return what a release declares of Python, empty if nothing."""
    for row in packages()[package].get("python", ()):
        if Version(row["first"]) <= Version(version) <= Version(row["last"]):
            return str(row["specifier"])
    return ""


def specifier_of(requirement: str) -> SpecifierSet:
    """Return the specifier of a declared requirement; ``>=1.9.*`` is read as it was meant."""
    found = _REQUIREMENT.match(requirement)
    assert found is not None, requirement
    return SpecifierSet(re.sub(r"([<>]=?\s*[0-9.]+)\.\*", r"\1", found["specifier"].strip("() ")))


def holds_on(requirement: str, target: Target) -> bool:
    """Whether a declared requirement applies on a target, without any extra."""
    marker = requirement.partition(";")[2].strip()
    return not marker or Marker(marker).evaluate({**target.marker_environment, "extra": ""})


@cache
def expected() -> dict[str, dict[str, dict[str, Any]]]:
    """Rule → project → first and last release that it matches, how many, and the releases next to them."""
    return {
        row["id"]: {match["project"]: match for match in row.get("matches", ())} for row in _load("matches")["rule"]
    }


def effects_of(book: RuleBook, name: Name, version: str, target: Target) -> tuple[tuple[Rule, Effect], ...]:
    """Return what choosing a version entails on a target, findings left out, each with its rule."""
    return tuple(
        (rule, effect)
        for rule in book.for_package(name)
        if rule.applies(name, version, target)
        for effect in rule.effects_on(name)
        if not isinstance(effect, Finding)
    )

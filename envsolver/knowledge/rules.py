"""Rules: what packages do not declare about each other, and the book that finds those that concern a package.

A rule says of some versions of a package what their metadata does not: that another project must keep to some
versions (:class:`Constrains`), is needed as well (:class:`Requires`), cannot stand beside them (:class:`Conflicts`),
that a requirement was written wrongly (:class:`Replaces`), that the versions cannot be used on the target at all
(:class:`Unusable`), or something that only a person can act on (:class:`Finding`).

A rule is *hard* where the failure was reproduced or is proven by the published files, and only within the versions of
that evidence. All others are preferences: they hold where a solution allows it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from envsolver.model.candidate import normalize_name
from envsolver.model.errors import Problem, SpecError
from envsolver.model.pep440 import parse_specifier
from envsolver.model.values import dataclass
from envsolver.model.wording import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from envsolver.model.candidate import Name
    from envsolver.model.origin import Origin
    from envsolver.model.target import Target

__all__ = [
    "Condition",
    "Conflicts",
    "Constrains",
    "Effect",
    "Finding",
    "Ignored",
    "Replaces",
    "Requires",
    "Rule",
    "RuleBook",
    "Severity",
    "Strength",
    "Unusable",
    "Verified",
    "admits",
    "load_rulebook",
    "shipped_replacement",
]

Strength = Literal["hard", "preference"]

Severity = Literal[
    "import-error",  # the package, or a main part of it, cannot be imported
    "runtime-error",  # it imports, and a main function of it fails
    "silent-degrade",  # it runs, but slower or without its GPU
    "wrong-library",  # whichever of two copies comes first is used
    "build-failure",  # its source archive cannot be built
    "install-error",  # an installer refuses it
    "unsupported",  # its makers do not test or support the combination
    "info",
]

Verified = Literal[
    "reproduced",  # the failure, and where possible the neighbour that works, was observed
    "file-lists",  # the file lists of the published wheels were compared
    "wheel-source",  # read in the published wheels or source archives
    "metadata",  # read in the metadata of the releases
    "issue",  # reported and confirmed in public
    "documentation",  # stated by the makers
]


@dataclass(frozen=True, slots=True)
class Condition:
    """Some versions of a project; any of them where ``specifier`` is empty."""

    name: Name
    specifier: str = ""

    def admits(self, version: str) -> bool:
        """Whether a version is among them. A local version counts as the public version that it is a build of."""
        return admits(self.specifier, version)

    def __str__(self) -> str:
        return f"{self.name}{self.specifier}"


@dataclass(frozen=True, slots=True)
class Constrains:
    """If the other project is there at all, then in a version that the specifier admits."""

    project: Name
    specifier: str


@dataclass(frozen=True, slots=True)
class Requires:
    """The other project must be there, in a version that the specifier admits (any, where it is empty)."""

    project: Name
    specifier: str = ""


@dataclass(frozen=True, slots=True)
class Conflicts:
    """The versions of the other project that the specifier admits (all, where it is empty) must not be there."""

    project: Name
    specifier: str = ""


@dataclass(frozen=True, slots=True)
class Replaces:
    """A declared requirement on the project reads otherwise than written.

    Attributes:
        declared: version specifier as the metadata has it, without blanks and parentheses (``>=2011k``).
        specifier: what stands in its place.
    """

    project: Name
    declared: str
    specifier: str


@dataclass(frozen=True, slots=True)
class Unusable:
    """The version itself cannot be used on the target. ``instead`` says which versions can: ``tensorboard>=2.20``."""

    instead: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What a person should know or do; it changes no lock."""

    advice: str


Effect = Constrains | Requires | Conflicts | Replaces | Unusable | Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule.

    Attributes:
        id: unique, upper case: ``TORCH-NUMPY2``.
        title: one line that says what is wrong.
        when: the versions that the rule is about; one of the conditions must hold.
        effects: what follows for them.
        beside: the rule holds only if this is part of the environment too.
        python: specifier for the target's full Python version; empty for any.
        platforms: platforms on which it holds; empty for all.
        symptom: the exact text that users see.
        verified: how it is known; None for a rule of a project.
        evidence: what was seen, with versions.
        sources: where it can be read.
        check: the command that shows it.
        origin: where the rule is written; a shipped rule has a path that begins with ``envsolver/``.
    """

    id: str
    title: str
    when: tuple[Condition, ...]
    effects: tuple[Effect, ...]
    origin: Origin
    strength: Strength = "preference"
    severity: Severity = "unsupported"
    beside: Condition | None = None
    python: str = ""
    platforms: tuple[str, ...] = ()
    symptom: str = ""
    verified: Verified | None = None
    evidence: str = ""
    sources: tuple[str, ...] = ()
    check: str = ""

    @property
    def hard(self) -> bool:
        """Whether the rule must hold."""
        return self.strength == "hard"

    def applies_on(self, target: Target) -> bool:
        """Whether the rule can hold on a target at all."""
        return (not self.platforms or target.platform in self.platforms) and admits(self.python, target.python)

    def applies(self, name: Name, version: str, target: Target) -> bool:
        """Whether the rule is about this version on this target. What ``beside`` asks for is not looked at."""
        return self.applies_on(target) and any(one.name == name and one.admits(version) for one in self.when)

    def effects_on(self, name: Name) -> tuple[Effect, ...]:
        """Return the effects for one of the packages that the rule is about.

        A rule may list projects of which no two go together both as its packages and as its conflicts: no project is
        in conflict with itself.
        """
        return tuple(one for one in self.effects if not (isinstance(one, Conflicts) and one.project == name))


@dataclass(frozen=True, slots=True)
class Ignored:
    """A rule that the project switched off, and why."""

    rule: Rule
    reason: str


class RuleBook:
    """The rules that hold in one solve.

    Attributes:
        rules: ordered by id, without those that are ignored.
        ignored: what was switched off, by id.
    """

    def __init__(self, rules: Iterable[Rule], ignored: Mapping[str, Ignored] | None = None) -> None:
        self.ignored = dict(ignored or {})
        self.rules = tuple(sorted((rule for rule in rules if rule.id not in self.ignored), key=lambda rule: rule.id))
        self._by_id = {rule.id: rule for rule in self.rules}
        by_package: dict[Name, list[Rule]] = {}
        for rule in self.rules:
            for name in dict.fromkeys(one.name for one in rule.when):
                by_package.setdefault(name, []).append(rule)
        self._by_package = {name: tuple(found) for name, found in by_package.items()}

    def rule(self, rule_id: str) -> Rule | None:
        """Return a rule by its id, None if it is unknown or ignored."""
        return self._by_id.get(rule_id)

    def for_package(self, name: Name) -> tuple[Rule, ...]:
        """Return the rules that are about some versions of a package, ordered by id."""
        return self._by_package.get(name, ())

    def findings(self, name: Name, version: str, target: Target) -> tuple[Rule, ...]:
        """Return the rules that say something of a version which no choice of versions can mend."""
        return tuple(
            rule
            for rule in self.for_package(name)
            if any(isinstance(effect, Finding) for effect in rule.effects) and rule.applies(name, version, target)
        )


def load_rulebook(
    extra: Sequence[tuple[str, str]] = (),
    ignore: Mapping[str, str] | None = None,
    *,
    origins: Mapping[str, Origin] | None = None,
) -> RuleBook:
    """Return the shipped rules together with a project's own.

    Args:
        extra: ``(path, text)`` of the project's rule files.
        ignore: id of a rule to switch off, or of a name to accept (``NAME-TROCH``) → the reason.
        origins: where each id to ignore was written, for messages.

    Raises:
        SpecError: a rule file is wrong, two rules share an id, or a rule to be ignored does not exist; all of it.
    """
    from envsolver.knowledge.names import name_rule
    from envsolver.knowledge.rulefile import parse_rules

    rules = list(_shipped_rules())
    problems: list[Problem] = []
    for path, text in extra:
        try:
            found = parse_rules(text, path)
        except SpecError as error:
            problems += error.problems
            continue
        known = {rule.id: rule for rule in rules}
        for rule in found:
            if rule.id in known:
                problems.append(Problem(f"there is a rule {rule.id} already, in {known[rule.id].origin}", rule.origin))
        rules += found
    by_id = {rule.id: rule for rule in rules}
    ignored = {}
    for rule_id, reason in (ignore or {}).items():
        rule_or_name = by_id.get(rule_id) or name_rule(rule_id)
        if rule_or_name is not None:
            ignored[rule_id] = Ignored(rule_or_name, reason)
        else:
            problems.append(_unknown(rule_id, by_id, (origins or {}).get(rule_id)))
    if problems:
        raise SpecError(problems)
    return RuleBook(rules, ignored)


def shipped_replacement(name: Name, version: str, requirement: str) -> str | None:
    """Return how a shipped rule reads a requirement that no PEP allows, None if none knows it.

    For those who read metadata: such a release is unusable without it. Extras and marker are kept.
    """
    head, semicolon, marker = requirement.partition(";")
    written = re.fullmatch(r"\s*([A-Za-z0-9._-]+)\s*(\[[^\]]*\])?(.*)", head, re.DOTALL)
    if written is None:
        return None
    project, extras = normalize_name(written[1]), written[2] or ""
    declared = re.sub(r"[\s()]", "", written[3])
    for rule in load_rulebook().for_package(name):
        for effect in rule.effects:
            if not isinstance(effect, Replaces) or (effect.project, effect.declared) != (project, declared):
                continue
            if any(one.name == name and one.admits(version) for one in rule.when):
                return f"{project}{extras}{effect.specifier}" + (f" ;{marker}" if semicolon else "")
    return None


def _unknown(rule_id: str, known: Iterable[str], origin: Origin | None) -> Problem:
    from difflib import get_close_matches

    near = get_close_matches(rule_id.upper(), sorted(known), n=1, cutoff=0.5)
    return Problem(f"no rule is called {rule_id}", origin, did_you_mean(near))


@lru_cache(maxsize=1)
def _shipped_rules() -> tuple[Rule, ...]:
    from envsolver.knowledge._toml import SHIPPED, read_shipped
    from envsolver.knowledge.rulefile import parse_rules

    return tuple(
        rule
        for name in SHIPPED["rules"]
        for rule in parse_rules(read_shipped("rules", name), f"envsolver/knowledge/rules/{name}.toml", shipped=True)
    )


@lru_cache(maxsize=65536)
def admits(specifier: str, version: str) -> bool:
    """Whether a specifier admits a version, pre-releases included; the local part of the version is not looked at.

    Raises:
        packaging.specifiers.InvalidSpecifier: it is none.
        packaging.version.InvalidVersion: it is none.
    """
    return not specifier or parse_specifier(specifier).contains(version.partition("+")[0], prereleases=True)

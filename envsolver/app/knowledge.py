"""What is known beyond the spec and the packages' metadata, as one solve needs it: implied bounds and rules."""

from __future__ import annotations

from dataclasses import field, replace
from typing import TYPE_CHECKING

from envsolver.model.candidate import DIRECT_INDEX, is_conda, normalize_name
from envsolver.model.fix import REASON_TO_WRITE
from envsolver.model.pep508 import parse_requirement
from envsolver.model.resolution import RuleUse
from envsolver.model.rule import NoRules, effects_on
from envsolver.model.values import dataclass
from envsolver.solve.horizon import DAY, DEFAULT_HORIZON, Bounds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from envsolver.app.bases import Base
    from envsolver.app.project import Project
    from envsolver.model.candidate import Name
    from envsolver.model.resolution import Resolution
    from envsolver.model.rule import RuleEffect, Rules
    from envsolver.model.spec import Horizon, Spec

__all__ = ["Knowledge", "bounds_of", "load_knowledge", "overdue", "unreasoned", "with_rule_uses", "without_dates"]

_FEW = 4

_EVER = 36_500 * DAY
"""A horizon beyond which nothing lies: off for all projects but those that have one of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """What takes part in a solve beside the spec and the metadata.

    Attributes:
        version: of the shipped knowledge; None if it takes no part.
        titles: id of each rule, ignored ones as well → what it says, in one line.
        symptoms: id of each rule → what users see who do without it.
        bases: the environments that the spec builds on top of.
    """

    version: str | None = None
    bounds: Bounds = field(default_factory=lambda: Bounds(horizon=None))
    rules: Rules = field(default_factory=NoRules)
    titles: Mapping[str, str] = field(default_factory=dict)
    symptoms: Mapping[str, str] = field(default_factory=dict)
    bases: tuple[Base, ...] = ()


def load_knowledge(project: Project, spec: Spec) -> Knowledge:
    """Return what is known for an environment.

    Raises:
        SpecError: a rule file of the project is wrong, the spec ignores a rule that does not exist, or a base that is
            to be frozen has no lock.
        FileError: a rule file or a lock cannot be read.
        LockError: the lock of a base makes no sense.
    """
    from envsolver.app.bases import load_bases
    from envsolver.app.rulefiles import load_rules
    from envsolver.knowledge.effects import SolverRules
    from envsolver.knowledge.version import knowledge_version

    book = load_rules(project, spec)
    known = (*book.rules, *(ignored.rule for ignored in book.ignored.values()))
    return Knowledge(
        version=knowledge_version(),
        bounds=bounds_of(spec),
        rules=SolverRules(book),
        titles={rule.id: rule.title for rule in known},
        symptoms={rule.id: rule.symptom for rule in known},
        bases=load_bases(project, spec) if spec.bases else (),
    )


def bounds_of(spec: Spec) -> Bounds:
    """Return the implied bounds that a spec asks for, the default ones where it says nothing."""
    from envsolver.knowledge.bounds import exemptions

    asked = spec.implied_bounds
    exempt = frozenset(exemptions())
    single = {normalize_name(name): _seconds(horizon) for name, horizon in asked.packages.items()}
    horizon = DEFAULT_HORIZON if asked.horizon is None else _seconds(asked.horizon)
    if horizon is None and any(seconds is not None for seconds in single.values()):
        horizon = _EVER
    return Bounds(horizon=horizon, of_project=single, exempt=exempt - single.keys())


def _seconds(horizon: Horizon) -> int | None:
    return None if horizon == "off" else horizon * DAY


def without_dates(resolutions: Iterable[Resolution], bounds: Bounds) -> Iterator[str]:
    """Yield a note for each index that does not say when its files were uploaded: nothing is implied there."""
    if bounds.horizon is None:
        return
    found: dict[str, set[Name]] = {}
    for resolution in resolutions:
        for package in resolution.packages:
            if package.file.uploaded is None and package.file.index != DIRECT_INDEX and package.file.kind != "conda":
                found.setdefault(package.file.index, set()).add(package.name)
    for index, names in sorted(found.items()):
        some = ", ".join(sorted(names)[:_FEW]) + (f" and {len(names) - _FEW} more" if len(names) > _FEW else "")
        yield f"index {index!r} does not say when files were uploaded: no implied bounds for {some}"


def overdue(spec: Spec, today: str) -> Iterator[str]:
    """Yield a note for each rule that the spec meant to ignore up to a day that has passed.

    Args:
        spec: of the environment.
        today: the date, ``2027-03-01``.
    """
    for ignored in spec.ignored_rules:
        if ignored.until is not None and ignored.until <= today:
            yield f"{ignored.origin}: rule {ignored.id} was to be ignored until {ignored.until}; is that still right?"


def unreasoned(spec: Spec) -> Iterator[str]:
    """Yield a note for each rule that is ignored for the reason that a fix wrote in place of one."""
    for ignored in spec.ignored_rules:
        if ignored.reason == REASON_TO_WRITE:
            yield f"{ignored.origin}: rule {ignored.id} is ignored: write the reason there"


def with_rule_uses(resolution: Resolution, rules: Rules) -> Resolution:
    """Return a solution that says which rules had a say in it, beside those that its edges name."""
    versions = {package.name: package.version for package in resolution.packages}
    versions |= {provided.project: versions[provided.package] for provided in resolution.provided}
    under = {provided.project: provided.package for provided in resolution.provided}
    gave_way = {(given.rule, given.requirer, given.name) for given in resolution.given_up}
    uses = {
        use
        for name, version in versions.items()
        if not is_conda(name)
        for effect in effects_on(rules, name, version, resolution.target)
        for use in _uses(name, effect, versions, gave_way)
    }
    uses = {replace(use, name=under.get(use.name, use.name)) for use in uses}
    return replace(resolution, rules=tuple(sorted(uses)))


def _uses(
    name: Name, effect: RuleEffect, versions: Mapping[Name, str], gave_way: set[tuple[str | None, Name, Name]]
) -> Iterator[RuleUse]:
    # What cannot be used concerns the package itself.
    about = name if effect.kind == "unusable" else normalize_name(parse_requirement(effect.requirement).name)
    gone = (effect.rule, name, about) in gave_way
    # What a rule requires or replaces is an edge, if it did not give way.
    holds = effect.kind in {"constrains", "excludes"} and about in versions and _in_company(effect, versions)
    if gone or holds:
        yield RuleUse(rule=effect.rule, name=name, kind=effect.kind, requirement=effect.requirement, gave_way=gone)


def _in_company(effect: RuleEffect, versions: Mapping[Name, str]) -> bool:
    """Say whether a solution has what a rule wants beside it."""
    if not effect.beside:
        return True
    company = parse_requirement(effect.beside)
    version = versions.get(normalize_name(company.name))
    return version is not None and company.specifier.contains(version, prereleases=True)

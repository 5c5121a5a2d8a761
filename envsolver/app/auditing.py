"""The use case ``audit``: which packages of a lock have known flaws, and what gets rid of them."""

from __future__ import annotations

import asyncio
from dataclasses import field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envsolver.app.lockfile import read_lock, read_lock_text
from envsolver.catalog.audit import inventory, vulnerabilities
from envsolver.model.advisory import SERVICE
from envsolver.model.errors import EnvsolverError, UsageError
from envsolver.model.values import dataclass
from envsolver.model.wording import markdown_cell

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from envsolver.app.patching import Patch, Patches
    from envsolver.app.project import Environment, Project
    from envsolver.catalog.audit import Inventory, Uncovered, Vulnerability
    from envsolver.model.advisory import Advisory, AdvisorySource
    from envsolver.model.candidate import Name
    from envsolver.model.origin import Origin
    from envsolver.model.ports import Progress
    from envsolver.model.spec import Spec
    from envsolver.sources.open import Session

__all__ = ["AuditOptions", "AuditOutcome", "Audited", "audit", "outcome_data", "outcome_markdown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditOptions:
    """What the user asks of a run of ``audit``.

    Attributes:
        advisories: folder, zip or URL of a service; None: the OSV service.
        fixes: look for upgrades, and solve each.
        offline: use the cache and local files only.
        today: the day (``2027-03-01``) on which acceptances are looked at; None: this day.
    """

    advisories: str | None = None
    fixes: bool = True
    offline: bool = False
    today: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditOutcome:
    """What was found about one environment.

    Attributes:
        name: of the environment.
        found: flaws, the worst first and those that the spec accepts last.
        builds: flaws of what source archives are built with and nothing installs, in the same order.
        packages: number of those installed that advisories could be about.
        builders: number of those of build environments likewise.
        uncovered: packages that no advisory can be matched with.
        expired: acceptances of the spec whose day has come: id, day, place.
        unused: ids that the spec accepts and that concern nothing any more, with their places.
        patches: upgrades, each solved; None unless they were looked for.
        error: why nothing could be said, or None.
        spec: path of its spec in the project.
        places: (name, version) of a package → where it stands in the lock.
    """

    name: str
    found: tuple[Vulnerability, ...] = ()
    builds: tuple[Vulnerability, ...] = ()
    packages: int = 0
    builders: int = 0
    uncovered: tuple[Uncovered, ...] = ()
    expired: tuple[tuple[str, str, str], ...] = ()
    unused: tuple[tuple[str, str], ...] = ()
    patches: Patches | None = None
    error: EnvsolverError | None = None
    spec: str = ""
    places: Mapping[tuple[str, str], Origin] = field(default_factory=dict, repr=False)

    @property
    def open(self) -> tuple[Vulnerability, ...]:
        """Flaws that the spec does not accept."""
        return tuple(one for one in self.found if one.accepted is None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """The outcomes of a run, and records that could not be read."""

    outcomes: tuple[AuditOutcome, ...]
    unread: tuple[str, ...] = ()


def audit(project: Project, environments: Sequence[Environment], options: AuditOptions, progress: Progress) -> Audited:
    """Say which packages of some locks have known flaws.

    One environment that fails does not keep the others from being audited.

    Raises:
        UsageError: ``options.advisories`` is neither a folder nor a file nor a URL.
        FileError: it cannot be read.
        NetworkError: the service does not answer.
    """
    return asyncio.run(_audit(project, environments, options, progress))


async def _audit(
    project: Project, environments: Sequence[Environment], options: AuditOptions, progress: Progress
) -> Audited:
    from envsolver.knowledge.rules import shipped_replacement
    from envsolver.sources.open import SourceSettings, open_session

    failed: dict[str, AuditOutcome] = {}
    read: dict[str, tuple[Spec, Inventory]] = {}
    for environment in environments:
        try:
            spec = project.spec(environment)
            lock = read_lock(project, environment)
        except EnvsolverError as error:
            shown = project.relative(environment.path)
            failed[environment.name] = AuditOutcome(name=environment.name, error=error, spec=shown)
            continue
        read[environment.name] = spec, inventory(lock, spec.conda.names if spec.conda else {})
    async with open_session(SourceSettings(offline=options.offline, known=shipped_replacement), progress) as session:
        source = _source(options.advisories, session)
        progress.stage("reading advisories")
        known = await source.about(_together(one for _, one in read.values()))
        day = options.today or datetime.now(UTC).date().isoformat()
        outcomes = dict(failed)
        for environment in environments:
            if environment.name not in read:
                continue
            spec, packages = read[environment.name]
            outcome = _placed(project, environment, _outcome(spec, packages, known.found, day))
            if options.fixes and outcome.open:
                outcome = await _patched(project, environment, spec, outcome, source, session, progress, day)
            outcomes[environment.name] = outcome
    return Audited(outcomes=tuple(outcomes[one.name] for one in environments), unread=known.unread)


def _source(where: str | None, session: Session) -> AdvisorySource:
    from envsolver.sources.osv import advisory_files
    from envsolver.sources.osvservice import OsvService

    if where is not None and not where.startswith(("https://", "http://")):
        if "://" in where:
            raise UsageError(f"--advisories {where} is no URL that can be asked", hint="it takes https:// and http://")
        return advisory_files(Path(where))
    return OsvService(where or SERVICE, http=session.http, cache=session.cache)


def _together(inventories: Iterable[Inventory]) -> Mapping[Name, set[str]]:
    asked: dict[Name, set[str]] = {}
    for one in inventories:
        for project, versions in one.asked().items():
            asked.setdefault(project, set()).update(versions)
    return asked


def _outcome(spec: Spec, packages: Inventory, advisories: Sequence[Advisory], day: str) -> AuditOutcome:
    valid = _accepted(spec, day)
    found = vulnerabilities(packages.components, advisories, valid)
    builds = vulnerabilities(packages.builders, advisories, valid)
    named = {name for one in (*found, *builds) for name in one.names}
    return AuditOutcome(
        name=spec.name,
        found=found,
        builds=builds,
        packages=len(packages.components),
        builders=len(packages.builders),
        uncovered=packages.uncovered,
        expired=tuple(
            (one.id, one.until or "", str(one.origin))
            for one in spec.accepted_advisories
            if one.id not in valid and one.id in named
        ),
        unused=tuple((one.id, str(one.origin)) for one in spec.accepted_advisories if one.id not in named),
    )


def _placed(project: Project, environment: Environment, outcome: AuditOutcome) -> AuditOutcome:
    from envsolver.lock.places import block_lines
    from envsolver.model.origin import Origin

    path = project.relative(project.lock_path(environment.name))
    lines = block_lines(read_lock_text(project, environment) or "")
    return replace(
        outcome,
        spec=project.relative(environment.path),
        places={key: Origin(path, line) for key, line in lines.items()},
    )


def _accepted(spec: Spec, day: str) -> Mapping[str, str]:
    """Return the advisories that the spec accepts on a day, with its reasons."""
    return {one.id: one.reason for one in spec.accepted_advisories if one.until is None or day < one.until}


async def _patched(
    project: Project,
    environment: Environment,
    spec: Spec,
    outcome: AuditOutcome,
    source: AdvisorySource,
    session: Session,
    progress: Progress,
    day: str,
) -> AuditOutcome:
    from envsolver.app.patching import Patching

    progress.stage(f"looking for fixes for {environment.name}")
    try:
        patching = Patching(project, environment, spec, session, progress)
        return replace(outcome, patches=await patching.patches(outcome.open, source, _accepted(spec, day)))
    except EnvsolverError as error:  # an index that does not answer: what was found stays found
        progress.note(f"fixes for {environment.name} could not be looked for: {error}")
        return outcome


def _vulnerability_data(one: Vulnerability) -> dict[str, Any]:
    """Return a flaw as JSON has it (docs/audit.md)."""
    return {
        "id": one.id,
        "aliases": list(one.aliases),
        "package": one.component.name,
        "project": one.component.project,
        "version": one.component.version,
        "targets": list(one.component.targets),
        "builds": list(one.component.builds),
        "level": one.level,
        "summary": one.summary,
        "published": one.published,
        "url": one.url,
        "fixed": list(one.fixed),
        "accepted": one.accepted,
    }


def outcome_data(outcome: AuditOutcome) -> dict[str, Any]:
    """Return an outcome as JSON has it (docs/audit.md), without its error."""
    patches = outcome.patches
    return {
        "name": outcome.name,
        "packages": outcome.packages,
        "vulnerabilities": [_vulnerability_data(one) for one in outcome.found],
        "builders": outcome.builders,
        "build_vulnerabilities": [_vulnerability_data(one) for one in outcome.builds],
        "uncovered": [{"package": one.name, "version": one.version, "reason": one.reason} for one in outcome.uncovered],
        "expired": [{"id": number, "until": day, "place": place} for number, day, place in outcome.expired],
        "unused": [{"id": number, "place": place} for number, place in outcome.unused],
        "fixes": None
        if patches is None
        else [
            {
                "package": one.package,
                "resolves": list(one.resolves),
                "to": one.version,
                "command": one.command,
                "change": one.change,
                "outcome": one.outcome,
                "why_not": one.why_not,
            }
            for one in patches.each
        ],
        "together": None
        if patches is None or patches.together is None
        else {
            "command": patches.together.command,
            "outcome": patches.together.outcome,
            "left": list(patches.together.left),
        },
    }


def outcome_markdown(outcome: AuditOutcome) -> str:
    """Return an outcome as a section of Markdown, for a pull request."""
    lines = [f"### Advisories: {outcome.name}", ""]
    if not outcome.found:
        lines.append(f"Nothing is known of the {outcome.packages} packages that advisories cover.")
    else:
        lines += _markdown_table(outcome.found)
    if outcome.patches is not None:
        lines += ["", *(f"- {_patch_markdown(patch)}" for patch in outcome.patches.each)]
    if outcome.builds:
        lines += ["", "In build environments only:", "", *_markdown_table(outcome.builds)]
    if outcome.uncovered:
        lines += ["", f"Not covered: {markdown_cell(', '.join(one.name for one in outcome.uncovered))}."]
    return "\n".join(lines) + "\n"


def _markdown_table(found: Iterable[Vulnerability]) -> Iterator[str]:
    yield "| package | advisory | level | flaw | fixed in |"
    yield "| --- | --- | --- | --- | --- |"
    for one in found:
        link = f"[{markdown_cell(one.id)}]({one.url})"
        level = f"accepted: {one.accepted}" if one.accepted is not None else one.level or "unrated"
        package = f"{one.component.name} {one.component.version}"
        fixed = ", ".join(one.fixed) or "none is known"
        cells = [markdown_cell(package), link, *map(markdown_cell, (level, one.summary, fixed))]
        yield f"| {' | '.join(cells)} |"


def _patch_markdown(patch: Patch) -> str:
    name = markdown_cell(patch.package)
    if patch.why_not:
        return f"{name}: no fix: {markdown_cell(patch.why_not)}"
    what = f"`{patch.command}`" if patch.command is not None else markdown_cell(patch.change or "")
    return f"{name}: {what} (gives {markdown_cell(patch.outcome)})"

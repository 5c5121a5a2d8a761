"""Known flaws as findings: so that the formats of ``check`` show them at their lines in the lock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envsolver.app.checking import CheckOutcome
from envsolver.findings.model import Finding, Mending
from envsolver.model.origin import Origin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envsolver.app.auditing import AuditOutcome
    from envsolver.catalog.audit import Vulnerability
    from envsolver.findings.model import Severity
    from envsolver.model.advisory import Level

__all__ = ["as_checked"]

_SEVERITIES: dict[Level | None, Severity] = {
    "critical": "error",
    "high": "error",
    "medium": "warning",
    "low": "note",
    None: "warning",  # nobody says that it is harmless
}


def as_checked(outcome: AuditOutcome) -> CheckOutcome:
    """Return what was found about an environment as findings; what kept it from being audited stays its error."""
    return CheckOutcome(
        name=outcome.name, standing=None, findings=tuple(_findings(outcome)), error=outcome.error, spec=outcome.spec
    )


def _findings(outcome: AuditOutcome) -> Iterator[Finding]:
    patches = {patch.package: patch for patch in outcome.patches.each} if outcome.patches is not None else {}
    for flaw in outcome.found:
        patch = patches.get(flaw.component.name)
        title = patch.command or patch.change if patch is not None and flaw.id in patch.resolves else None
        fix = Mending(title=title, outcome=patch.outcome) if patch is not None and title else None
        yield _finding(outcome, flaw, code="SEC005", severity=_SEVERITIES[flaw.level], fix=fix)
    for flaw in outcome.builds:
        yield _finding(outcome, flaw, code="SEC006", severity="note", fix=None)


def _finding(
    outcome: AuditOutcome, flaw: Vulnerability, *, code: str, severity: Severity, fix: Mending | None
) -> Finding:
    component = flaw.component
    package = f"{component.name} {component.version}"
    names = ", ".join((flaw.id, *flaw.aliases))
    level = flaw.level or "unrated"
    where = f", which builds {', '.join(component.builds)}" if component.builds else ""
    fixed = f"fixed in {', '.join(flaw.fixed)}" if flaw.fixed else "no version is known that fixes it"
    said = f": {flaw.summary}" if flaw.summary else ""
    return Finding(
        code=code,
        severity=severity,
        message=f"{package}{where} has a known flaw ({level}, {names}; {fixed}){said}",
        environment=outcome.name,
        packages=(package,),
        place=outcome.places.get((component.name, component.version), Origin(outcome.spec, 1)),
        hint=flaw.url,
        targets=component.targets,
        allowed=flaw.accepted,
        fix=fix,
    )

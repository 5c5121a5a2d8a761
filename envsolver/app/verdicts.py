"""What ``check`` found, for programs: JSON, SARIF, annotations of GitHub."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from envsolver.findings.model import SEVERITIES
from envsolver.model.origin import Origin

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from envsolver.app.checking import CheckOutcome
    from envsolver.findings.model import Finding

__all__ = ["counts", "failing", "outcome_data", "to_github", "to_sarif"]


def counts(findings: Iterable[Finding]) -> dict[str, int]:
    """Return the number of findings by severity, and of those that the spec accepts."""
    found = tuple(findings)
    by: dict[str, int] = {
        severity: sum(one.severity == severity and one.allowed is None for one in found) for severity in SEVERITIES
    }
    return by | {"accepted": sum(one.allowed is not None for one in found)}


def failing(findings: Iterable[Finding], *, strict: bool) -> tuple[Finding, ...]:
    """Return the findings that fail the check: errors, and with ``strict`` warnings, unless the spec accepts them."""
    return tuple(one for one in findings if one.fails or (strict and one.allowed is None and one.severity == "warning"))


def outcome_data(outcome: CheckOutcome) -> dict[str, Any]:
    """Return what was found about an environment as what JSON can say; docs/findings.md describes the keys."""
    from envsolver.findings.render import as_data

    return {
        "name": outcome.name,
        "lock": outcome.standing,
        "packages": outcome.packages,
        "counts": counts(outcome.findings),
        "findings": [as_data(finding) for finding in outcome.findings],
        "unpinned": list(outcome.unpinned),
        "unread": list(outcome.unread),
        "newer": [
            {
                "package": one.package,
                "version": one.version,
                "newest": one.newest,
                "held": one.held,
                "why": one.why or None,
            }
            for one in outcome.newer
        ],
    }


def to_sarif(outcomes: Sequence[CheckOutcome], root: Path) -> dict[str, Any]:
    """Return a SARIF 2.1.0 log.

    Args:
        outcomes: of the check.
        root: folder at which the paths of the findings begin. In what is returned they begin at the one that is under
            version control, as services expect it.
    """
    from envsolver import __version__
    from envsolver.findings.sarif import to_sarif as sarif

    return sarif(_placed(outcomes, root), version=__version__)


def to_github(outcomes: Sequence[CheckOutcome], root: Path) -> str:
    """Return a workflow command of GitHub for each finding. Arguments as :func:`to_sarif`."""
    from envsolver.findings.render import github_annotations

    return github_annotations(_placed(outcomes, root))


def _placed(outcomes: Sequence[CheckOutcome], root: Path) -> Iterator[Finding]:
    prefix = _prefix(root)
    for outcome in outcomes:
        for finding in (*_unjudged(outcome), *outcome.findings):
            lock = finding.lock_place
            yield replace(
                finding,
                place=_under(prefix, finding.place),
                lock_place=None if lock is None else _under(prefix, lock),
            )


def _unjudged(outcome: CheckOutcome) -> Iterator[Finding]:
    """Yield why nothing could be judged, as findings: else a format of results alone would show nothing at all."""
    from envsolver.findings.model import Finding
    from envsolver.model.errors import LockError, SpecError

    error = outcome.error
    if error is None:
        return
    spec = Origin(outcome.spec or outcome.name, 1)
    said: list[tuple[str, Origin, str | None]] = [(str(error), spec, error.hint)]
    if isinstance(error, SpecError):
        said = [(one.message, one.origin or spec, one.hint or error.hint) for one in error.problems]
    elif isinstance(error, LockError):
        path, _, line = error.path.rpartition(":")
        place = Origin(path, int(line)) if path and line.isdecimal() else Origin(error.path, 1)
        said = [(str(error).removeprefix(f"{error.path}: "), place, error.hint)]
    for message, place, hint in said:
        yield Finding(
            code="LCK004",
            severity="error",
            message=message,
            environment=outcome.name,
            packages=(),
            place=place if place.line else replace(place, line=1),
            hint=hint or "",
        )


def _under(prefix: str, place: Origin) -> Origin:
    return place if place.path.startswith("/") else replace(place, path=f"{prefix}{place.path}")


def _prefix(root: Path) -> str:
    """Return the path of a project in its repository, with ``/`` at its end; empty where it is the repository."""
    for folder in (root, *root.parents):
        if (folder / ".git").exists():
            inner = root.relative_to(folder).as_posix()
            return "" if inner == "." else f"{inner}/"
    return ""

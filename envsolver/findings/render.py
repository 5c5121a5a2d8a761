"""Findings for programs: as plain values for JSON, as workflow commands of GitHub."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envsolver.findings.model import Finding
    from envsolver.model.origin import Origin

__all__ = ["as_data", "from_data", "github_annotations"]


def as_data(finding: Finding) -> dict[str, Any]:
    """Return a finding as what JSON can say; docs/findings.md describes the keys."""
    return {
        "code": finding.code,
        "severity": finding.severity,
        "message": finding.message,
        "packages": list(finding.packages),
        "path": list(finding.path),
        "place": _place(finding.place),
        "lock_place": _place(finding.lock_place),
        "hint": finding.hint or None,
        "rule": finding.rule,
        "targets": list(finding.targets),
        "allowed": finding.allowed,
        "since_locked": finding.since_locked,
        "fix": None if finding.fix is None else {"title": finding.fix.title, "outcome": finding.fix.outcome},
    }


def from_data(data: dict[str, Any], environment: str) -> Finding:
    """Return the finding that :func:`as_data` made the values of; fixes are not kept.

    Raises:
        KeyError: they were not made by it.
        TypeError: likewise.
    """
    from envsolver.findings.model import Finding

    place = _origin(data["place"])
    if place is None:
        raise TypeError(data)
    return Finding(
        code=data["code"],
        severity=data["severity"],
        message=data["message"],
        environment=environment,
        packages=tuple(data["packages"]),
        path=tuple(data["path"]),
        place=place,
        lock_place=_origin(data["lock_place"]),
        hint=data["hint"] or "",
        rule=data["rule"],
        targets=tuple(data["targets"]),
        allowed=data["allowed"],
        since_locked=data["since_locked"],
    )


def _place(place: Origin | None) -> dict[str, Any] | None:
    return None if place is None else {"path": place.path, "line": place.line or None}


def _origin(data: dict[str, Any] | None) -> Origin | None:
    from envsolver.model.origin import Origin

    return None if data is None else Origin(data["path"], data["line"] or 0)


_COMMANDS = {"error": "error", "warning": "warning", "note": "notice"}


def github_annotations(findings: Iterable[Finding]) -> str:
    """Return a workflow command for each finding, which GitHub shows at its line. What is accepted is a notice."""
    lines = []
    for finding in findings:
        command = "notice" if finding.allowed is not None else _COMMANDS[finding.severity]
        facts = [f"file={_property(finding.place.path)}"]
        if finding.place.line:
            facts.append(f"line={finding.place.line}")
        facts.append(f"title={_property(f'{finding.code} {finding.environment}')}")
        text = [finding.message]
        if finding.path:
            text.append(f"required by: {' > '.join(finding.path)}")
        if finding.allowed is not None:
            text.append(f"accepted: {finding.allowed}")
        elif finding.fix is not None:
            text.append(f"fix (solved): {finding.fix.title}")
        lines.append(f"::{command} {','.join(facts)}::{_escaped(chr(10).join(text))}\n")
    return "".join(lines)


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")

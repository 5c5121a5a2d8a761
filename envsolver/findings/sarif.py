"""Findings as SARIF 2.1.0 (OASIS), which code scanning services read."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from envsolver.findings.codes import codes
from envsolver.findings.markdown import code_markdown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envsolver.findings.model import Finding
    from envsolver.model.origin import Origin

__all__ = ["to_sarif"]

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def to_sarif(findings: Iterable[Finding], *, version: str) -> dict[str, Any]:
    """Return a SARIF log of one run.

    Args:
        findings: in the order in which they are to stand.
        version: of envsolver.
    """
    found = tuple(findings)
    used = sorted({finding.code for finding in found})
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "envsolver",
                        "version": version,
                        "semanticVersion": version,
                        "rules": [_rule(code) for code in used],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "results": [_result(finding, used.index(finding.code)) for finding in found],
            }
        ],
    }


def _rule(name: str) -> dict[str, Any]:
    code = codes()[name]
    return {
        "id": code.code,
        "shortDescription": {"text": code.title},
        "fullDescription": {"text": code.text},
        "help": {"text": code.remedy, "markdown": code_markdown(code)},
        "defaultConfiguration": {"level": code.severity},
    }


def _result(finding: Finding, index: int) -> dict[str, Any]:
    lines = [f"{finding.environment}: {finding.message}"]
    if finding.path:
        lines.append(f"Required by: {' > '.join(finding.path)}")
    if finding.fix is not None:
        lines.append(f"Fix (solved): {finding.fix.title}")
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": index,
        "level": finding.severity,
        "message": {"text": "\n".join(lines)},
        "locations": [_location(finding.place)],
        # What a result is, wherever its line has moved to: code scanning tells new from known by it.
        "partialFingerprints": {"envsolver/1": _fingerprint(finding)},
        "properties": {"environment": finding.environment, "packages": list(finding.packages)},
    }
    if finding.rule is not None:
        result["properties"]["rule"] = finding.rule
    if finding.lock_place is not None:
        result["relatedLocations"] = [{"id": 0, **_location(finding.lock_place)}]
    if finding.allowed is not None:
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": finding.allowed}]
    return result


def _location(place: Origin) -> dict[str, Any]:
    from urllib.parse import quote

    # A path relative to the folder that is checked out is a relative reference (RFC 3986, 4.2).
    physical: dict[str, Any] = {"artifactLocation": {"uri": quote(place.path, safe="/._-~+")}}
    if place.line:
        physical["region"] = {"startLine": place.line}
    return {"physicalLocation": physical}


def _fingerprint(finding: Finding) -> str:
    parts = (finding.environment, finding.code, finding.message, *finding.targets)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()

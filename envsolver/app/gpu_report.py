"""Expectations and verdicts for people: sections, lines with the fix of each finding, documents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envsolver.gpu.codec import dumps
from envsolver.gpu.junit import junit
from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from envsolver.app.gpu_check import Checked
    from envsolver.gpu.model import Expectations, Result, Status

__all__ = ["Expected", "ResultLine", "as_json", "describe", "junit_text", "lines_of", "report_text"]

_NAMES = {"cuda": "CUDA", "rocm": "ROCm", "cpu": "CPU"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """A section of what a lock expects."""

    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultLine:
    """A result with the fix to show: its own, or what the document of its code says."""

    check: str
    status: Status
    message: str
    code: str | None
    fix: str | None
    seconds: float


def lines_of(results: Iterable[Result]) -> Iterator[ResultLine]:
    """Yield results with their fixes."""
    from envsolver.findings.codes import codes

    for one in results:
        fix = one.fix
        if fix is None and one.code is not None:
            fix = " ".join(codes()[one.code].remedy.split())
        yield ResultLine(
            check=one.check, status=one.status, message=one.message, code=one.code, fix=fix, seconds=one.seconds
        )


def as_json(expected: Expectations) -> str:
    """Return the document that the probe takes."""
    return dumps(expected)


def report_text(checked: Checked) -> str:
    """Return the report of the probe."""
    return dumps(checked.report)


def junit_text(checked: Checked) -> str:
    """Return the verdict as JUnit XML."""
    return junit(checked.verdict, checked.report.time)


def describe(expected: Expectations) -> Iterator[Expected]:
    """Yield what a lock expects, section by section; empty ones are left out."""
    for title, lines in (
        ("environment", _environment(expected)),
        ("driver", _driver(expected)),
        ("built for", _built(expected)),
        ("architectures", _architectures(expected)),
        ("libraries", _libraries(expected)),
        ("execution providers", (f"{one.package}: {', '.join(one.providers)}" for one in expected.providers)),
        ("imports", [", ".join(expected.imports)] if expected.imports else []),
        ("features", (f"{one.feature}: {one.state} ({one.detail})" for one in expected.features)),
        ("checks", _checks(expected)),
        ("expected failures", (f"{one.check}: {one.reason} (rule {one.rule})" for one in expected.expected_failures)),
    ):
        found = tuple(lines)
        if found:
            yield Expected(title=title, lines=found)


def _environment(expected: Expectations) -> Iterator[str]:
    groups = f" with {', '.join(expected.groups)}" if expected.groups else ""
    yield f"{expected.environment}{groups}, Python {expected.python}, {expected.platform}"
    if expected.backend is not None:
        yield f"for {_NAMES[expected.backend]}{f' {expected.toolkit}' if expected.toolkit else ''}"


def _driver(expected: Expectations) -> Iterator[str]:
    need = expected.driver
    if need is not None:
        yield f"{need.minimum or 'unknown'} or newer, for CUDA {need.toolkit}: {', '.join(need.packages)}"
        if need.packaged is not None:
            yield f"{need.packaged} or newer for PTX that is compiled on the node, and all features"
        if need.nodes is not None:
            yield f"the nodes have {need.nodes} or newer, by the spec"


def _built(expected: Expectations) -> Iterator[str]:
    for one in expected.built_for:
        what = f"{_NAMES[one.backend]}{f' {one.toolkit}' if one.toolkit else ''}"
        yield f"{one.package} {one.version}: {what} ({one.source})"


def _architectures(expected: Expectations) -> Iterator[str]:
    for package, code in expected.code.items():
        yield f"{package} has code for {', '.join(code)}"
    for one in expected.coverage:
        by = {"binary": f"by {one.by}", "ptx": f"by PTX of {one.by}, compiled by the driver", "none": "NOT covered"}
        yield f"{one.capability} of the nodes: {by[one.kind]}"


def _libraries(expected: Expectations) -> Iterator[str]:
    for one in expected.libraries:
        copies = "one copy" if one.copies == 1 else f"at most {one.copies} copies"
        version = one.version or (f"{one.major}, its minor version is not known" if one.major else "unknown")
        must = "" if one.required else ", if it is loaded"
        yield f"{one.library} {version}, of {one.package}: {copies}{must}"


def _checks(expected: Expectations) -> Iterator[str]:
    for device, words in (("any", "anywhere"), ("gpu", "on a GPU")):
        names = [one.check for one in expected.checks if one.device == device]
        if names:
            yield f"{words}: {', '.join(names)}"

"""A verdict as JUnit XML, which runners show as tests."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from envsolver.gpu.model import Verdict

__all__ = ["junit"]


def junit(verdict: Verdict, time: str) -> str:
    """Return the test suite of a verdict.

    Args:
        verdict: whose results are the test cases; what was not run, or failed as expected, is skipped.
        time: when the probe began, RFC 3339.
    """
    suite = ET.Element(
        "testsuite",
        name=f"gpu.{verdict.environment}",
        tests=str(len(verdict.results)),
        failures=str(verdict.count("fail")),
        errors="0",
        skipped=str(verdict.count("not-run") + verdict.count("expected")),
        time=f"{sum(one.seconds for one in verdict.results):.1f}",
        timestamp=time.removesuffix("Z"),
    )
    for one in verdict.results:
        case = ET.SubElement(
            suite, "testcase", classname=f"gpu.{verdict.environment}", name=one.check, time=f"{one.seconds:.1f}"
        )
        if one.status == "fail":
            failure = ET.SubElement(case, "failure", type=one.code or "", message=_legal(f"{one.code}: {one.message}"))
            failure.text = _legal(one.fix or "")
        elif one.status != "pass":
            ET.SubElement(case, "skipped", message=_legal(one.message))
    ET.indent(suite)
    return ET.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def _legal(text: str) -> str:
    """Return a text without the characters that XML 1.0 (section 2.2) has no way to write."""
    return "".join(
        one
        for one in text
        if one in "\t\n\r" or " " <= one <= "\ud7ff" or (one >= "\ue000" and one not in "\ufffe\uffff")
    )

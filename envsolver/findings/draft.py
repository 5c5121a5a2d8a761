"""What a detector says, before the way through the graph and the places are added."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from envsolver.findings.model import Severity
    from envsolver.findings.subject import Part
    from envsolver.model.origin import Origin

__all__ = ["Draft"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One finding as a detector sees it.

    Attributes:
        code: of the finding.
        message: what was found.
        parts: the packages concerned; the way to the first one is shown.
        severity: where it is not the one of the code.
        hint: what to do.
        rule: that it rests on, or None.
        allowed: the reason for which the spec accepts it, or None.
        place: where the user can change it, where that is not the requirement that leads to the first package.
        newer: rests on knowledge that a lock of envsolver may be older than.
    """

    code: str
    message: str
    parts: tuple[Part, ...] = ()
    severity: Severity | None = None
    hint: str = ""
    rule: str | None = None
    allowed: str | None = None
    place: Origin | None = None
    newer: bool = False

"""A finding: one thing that is wrong, or worth knowing, about a lock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from envsolver.model.origin import Origin

__all__ = ["SEVERITIES", "Finding", "Mending", "Severity"]

Severity = Literal[
    "error",  # the environment will not work as it is meant to, or not at all
    "warning",  # it may not, or nobody has tried
    "note",  # it does, provided that somebody knows or does something
]

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
"""The worst first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mending:
    """A change that was solved, and whose solution has not the finding any more.

    Attributes:
        title: what to do.
        outcome: which versions come of it.
    """

    title: str
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One finding.

    Attributes:
        code: stable, such as ``GPU001``; ``envsolver explain`` describes it.
        severity: of this one; that of its code is only the usual one.
        message: what was found, in a sentence without a full stop.
        environment: name of the environment, or the file that was judged.
        packages: ``name version`` of those concerned, the one that the path leads to first.
        path: from a requirement of the spec down to the first of them; empty where the graph is not known.
        place: where the user can change it.
        lock_place: where the first package stands in the lock, if that is another file.
        hint: what to do; empty where the document of the code says all.
        rule: id of the rule that it rests on, or None.
        targets: names of the targets on which it holds; empty for all.
        allowed: the reason for which the spec accepts it, or None. Such a finding fails no check.
        since_locked: it rests on knowledge that is newer than the lock, and would be an error otherwise.
        fix: what mends it, or None.
    """

    code: str
    severity: Severity
    message: str
    environment: str
    packages: tuple[str, ...]
    place: Origin
    path: tuple[str, ...] = ()
    lock_place: Origin | None = None
    hint: str = ""
    rule: str | None = None
    targets: tuple[str, ...] = ()
    allowed: str | None = None
    since_locked: bool = False
    fix: Mending | None = None

    @property
    def fails(self) -> bool:
        """Whether it fails a check."""
        return self.severity == "error" and self.allowed is None

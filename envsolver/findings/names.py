"""Detector: a name in a spec that is one slip away from a well-known one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envsolver.findings.draft import Draft
from envsolver.knowledge.names import meant_by, name_rule_id
from envsolver.model.candidate import CONDA_PREFIX, DEFAULT_INDEX, normalize_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envsolver.findings.subject import Subject

__all__ = ["mistaken_names"]


def mistaken_names(subject: Subject, accepted: Mapping[str, str]) -> Iterator[Draft]:
    """Yield the names that a person wrote and most likely meant otherwise.

    What packages require is the business of their authors. What is bound to an index of its own, or named by its URL,
    was not found by its name.

    Args:
        subject: whose roots are looked at.
        accepted: id of each rule that the spec ignores → the reason; those of names among them.
    """
    for root in {root.name: root for root in reversed(subject.roots)}.values():
        part = subject.parts.get(root.name)
        if part is None or (part.manager == "pip" and part.index != DEFAULT_INDEX):
            continue
        name = normalize_name(root.name.removeprefix(CONDA_PREFIX))
        meant = meant_by(name, conda=part.manager == "conda")
        if meant is None:
            continue
        rule = name_rule_id(name)
        yield Draft(
            code="SEC007",
            message=f"{name} is one slip away from {meant}, which is well known",
            parts=(part,),
            hint=""
            if rule in accepted
            else f"write {meant} if that is meant; else accept the name under `rules.ignore`, "
            f"with `id: {rule}` and a reason",
            rule=rule if rule in accepted else None,
            allowed=accepted.get(rule),
            place=root.origin,
        )

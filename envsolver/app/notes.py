"""What a user should read about a spec that was locked: nothing of it is wrong, but it may not be what was meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envsolver.model.candidate import normalize_name
from envsolver.model.pep508 import parse_requirement
from envsolver.model.target import LATEST_PATCH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envsolver.lock.model import Lock
    from envsolver.model.spec import Spec

__all__ = ["notes_on_spec"]


def notes_on_spec(spec: Spec, lock: Lock) -> Iterator[str]:
    """Yield what is remarkable about a spec, given the lock that came of it."""
    yield from _unknown_python(spec)
    yield from _idle(spec, lock)
    yield from _mistaken(spec, lock)


def _unknown_python(spec: Spec) -> Iterator[str]:
    """Yield a note on a release of a living series that is newer than those known when this envsolver was made."""
    series, _, patch = spec.python.rpartition(".")
    latest = LATEST_PATCH.get(series, "")
    if latest and int(patch) > int(latest.rpartition(".")[2]):
        yield f"{spec.python_origin}: this envsolver knows of no Python {spec.python}; its newest {series} is {latest}"


def _idle(spec: Spec, lock: Lock) -> Iterator[str]:
    """Yield a note for each constraint and override that concerns nothing in the lock: often a typing mistake.

    Those of a base are for many environments, and need not concern each of them.
    """
    locked = {package.name for package in lock.packages}
    for kind, listed in (("constraint", spec.constraints), ("override", spec.overrides)):
        for written in listed:
            own = written.origin.path == spec.origin.path
            if own and normalize_name(parse_requirement(written.text).name) not in locked:
                yield f"{written.origin}: the {kind} {written.text} concerns nothing that is locked"


def _mistaken(spec: Spec, lock: Lock) -> Iterator[str]:
    """Yield a note for each name that was most likely meant to be another one, unless the spec accepts it."""
    from envsolver.app.condaside import conda_requirements
    from envsolver.findings.names import mistaken_names
    from envsolver.findings.subject import subjects_of
    from envsolver.knowledge.names import well_known

    if well_known().issuperset(root.name for root in lock.roots):
        return
    places = {(one.origin.path, one.text): one.origin for one in (*spec.requirements, *conda_requirements(spec))}
    accepted = {rule.id: rule.reason for rule in spec.ignored_rules}
    for subject in subjects_of(lock, path=lock.name, text="", roots=places):
        for draft in mistaken_names(subject, accepted):
            if draft.allowed is None:
                yield f"{draft.place}: {draft.message}; {draft.hint}"

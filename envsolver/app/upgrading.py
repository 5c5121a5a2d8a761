"""What ``lock --upgrade`` and ``--upgrade-package`` ask for, and whether a run gave it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from envsolver.model.candidate import CONDA_PREFIX, is_conda, normalize_name
from envsolver.model.errors import NoSolutionError, UsageError
from envsolver.model.origin import Origin
from envsolver.model.pep508 import parse_requirement
from envsolver.model.spec import SpecRequirement
from envsolver.model.wording import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable

    from packaging.requirements import Requirement

    from envsolver.app.locking import LockOptions
    from envsolver.lock.model import Lock
    from envsolver.model.candidate import Name
    from envsolver.model.spec import Spec

__all__ = ["Upgrades", "requiring", "vanished"]

OPTION = "--upgrade-package"


class Upgrades:
    """What a run of ``lock`` is to move.

    Attributes:
        everything: no version of the old lock is kept.
        start: a lock of another tool whose versions are kept in their place; None for none.
        moving: packages whose old versions need not stay.
        constraints: the versions asked for, as the solver takes them: they bring nothing in.
    """

    def __init__(self, options: LockOptions) -> None:
        """Parse the options.

        Raises:
            UsageError: one is neither ``X`` nor ``X`` with versions.
        """
        self.everything = options.upgrade
        self.start = options.start
        self._asked = [_parsed(text) for text in options.upgrade_packages]
        self.moving: frozenset[Name] = frozenset(normalize_name(asked.name) for asked in self._asked)
        self.constraints = [_as_written(asked) for asked in self._asked if asked.specifier]

    def missing_from(self, new: Lock, old: Lock | None) -> tuple[SpecRequirement, ...]:
        """Return the versions asked for of packages that an old lock has and the new one has nowhere.

        The constraints hold wherever a package is, so that a package that is there has the version asked for.
        """
        there = _names([new])
        return tuple(asked for asked in self.asked_of(old) if _name(asked) not in there)

    def asked_of(self, old: Lock | None) -> tuple[SpecRequirement, ...]:
        """Return the versions asked for of packages that an old lock has."""
        there = _names([old])
        return tuple(asked for asked in self.constraints if _name(asked) in there)

    def unknown_in(self, locks: Iterable[Lock | None]) -> list[Name]:
        """Return the packages asked for that none of these locks has, sorted."""
        there = _names(locks)
        return sorted(name for name in self.moving if name not in there)

    def refuse_unknown(self, locks: Iterable[Lock | None]) -> None:
        """Refuse what concerns none of the environments of a run: most often a typing mistake.

        Args:
            locks: the old and the new ones of all environments.

        Raises:
            UsageError: a package asked for is in none of them.
        """
        known = list(locks)
        unknown = self.unknown_in(known)
        if not unknown:
            return
        from envsolver.spec.values import nearest

        names = _names(known)
        guesses = list(dict.fromkeys(guess for name in unknown for guess in nearest(name, sorted(names), count=3)))
        listed = ", ".join(map(repr, unknown))
        raise UsageError(
            f"{OPTION}: no environment that is being locked has a package {listed}",
            hint=did_you_mean(guesses) or "`envsolver tree NAME` lists them",
        )


def requiring(spec: Spec, asked: Iterable[SpecRequirement]) -> Spec:
    """Return a spec that also requires what was asked for."""
    return replace(spec, requirements=(*spec.requirements, *asked))


def vanished(missing: Iterable[SpecRequirement]) -> NoSolutionError:
    """Return the error for packages that could have the version asked for, if anything required them then."""
    texts = ", ".join(requirement.text for requirement in missing)
    return NoSolutionError(
        f"{OPTION} {texts}: with this version nothing requires the package any more",
        hint="leave the version to the solver, or add the package to the spec",
    )


def _parsed(text: str) -> Requirement:
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        asked = Requirement(text)
    except InvalidRequirement as error:
        raise _refused(text, f"is no requirement: {str(error).splitlines()[0]}") from None
    if asked.url or asked.extras or asked.marker:
        raise _refused(text, "says more than a package and its version")
    return asked


def _refused(text: str, why: str) -> UsageError:
    return UsageError(f"{OPTION} {text!r} {why}", hint="write X or X==VERSION")


def _as_written(asked: Requirement) -> SpecRequirement:
    return SpecRequirement(text=f"{asked.name}{asked.specifier}", origin=Origin(OPTION))


def _name(asked: SpecRequirement) -> Name:
    return normalize_name(parse_requirement(asked.text).name)


def _names(locks: Iterable[Lock | None]) -> set[Name]:
    found = {package.name for locked in locks if locked is not None for package in locked.packages}
    # A package of conda is asked for by its own name.
    return found | {normalize_name(name.removeprefix(CONDA_PREFIX)) for name in found if is_conda(name)}

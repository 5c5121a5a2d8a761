"""Well-known names, and which of them a name that is none was most likely meant to be.

Whoever registers ``reqeusts`` waits for those who cannot type. Nothing in metadata tells such a project from an honest
one, so a slip is all that can be seen: one edit, a changed separator, ``python-`` where the project has none.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from envsolver.knowledge._toml import read_shipped
from envsolver.model.candidate import Name, normalize_name

if TYPE_CHECKING:
    from envsolver.knowledge._toml import Row
    from envsolver.knowledge.rules import Rule

__all__ = ["meant_by", "name_rule", "name_rule_id", "names_version", "well_known"]

_PREFIX: Final = "NAME-"
_AFFIXES: Final = ("python-", "python3-", "py-")
_SUFFIXES: Final = ("-python", "-python3", "-py")
_NUMBER: Final = re.compile(r"\d+x?")
_SHORT: Final = 4
"""Of names this short all neighbours are names; only two letters that changed places are taken for a slip."""


@lru_cache(maxsize=1)
def well_known() -> frozenset[Name]:
    """Return the well-known names: those of the table, and all projects that the rest of the knowledge mentions."""
    from envsolver.knowledge.bounds import exemptions
    from envsolver.knowledge.rules import Finding, Unusable, load_rulebook

    found = {*_table()["names"], *exemptions()}
    for rule in load_rulebook().rules:
        found |= {condition.name for condition in rule.when}
        found |= {effect.project for effect in rule.effects if not isinstance(effect, Finding | Unusable)}
    return frozenset(found)


@lru_cache(maxsize=1)
def _table() -> dict[str, frozenset[Name]]:
    from envsolver.knowledge.tables import parse_table

    text = read_shipped("data", "names")
    parsed = parse_table(text, "envsolver/knowledge/data/names.toml", names=_row, neighbours=_row, conda=_row)
    return {
        header: frozenset(normalize_name(name) for row in rows if isinstance(row, tuple) for name in row)
        for header, rows in parsed.items()
    }


@lru_cache(maxsize=1)
def names_version() -> str:
    """Return a digest of the table, which is no part of the version of the knowledge: it changes no solution."""
    return hashlib.sha256(read_shipped("data", "names").encode()).hexdigest()[:12]


@lru_cache(maxsize=1)
def _of_conda() -> frozenset[Name]:
    from envsolver.knowledge.conda import NAMES

    return _table()["conda"] | {Name(name) for name in NAMES}


def meant_by(name: str, *, conda: bool = False) -> Name | None:
    """Return the well-known name that another one was most likely meant to be.

    None if it is well-known itself, an honest neighbour of such a name, or near none. Of several the likelier slip goes
    first (changed places, then separators, then ``python-``, then one letter), then the alphabet decides.

    Args:
        name: canonical, of a project or of a package of conda.
        conda: it is one of conda, of which some have names of their own.
    """
    known = well_known() | _of_conda() if conda else well_known()
    if name in known or name in _table()["neighbours"]:
        return None
    found = sorted((slip, other) for other in known if (slip := _slip(name, other)) is not None)
    return found[0][1] if found else None


def name_rule_id(name: str) -> str:
    """Return the id under which a spec accepts a name: ``NAME-TROCH``."""
    return _PREFIX + name.upper()


def name_rule(rule_id: str) -> Rule | None:
    """Return what a spec accepts by such an id as a rule without any effect, None for ids of another kind."""
    from envsolver.knowledge.rules import Rule
    from envsolver.model.origin import Origin

    name = rule_id.removeprefix(_PREFIX).lower()
    if not rule_id.startswith(_PREFIX) or normalize_name(name) != name:
        return None
    meant = meant_by(name) or meant_by(name, conda=True)
    if meant is None:
        return None
    origin = Origin("envsolver/knowledge/data/names.toml")
    return Rule(id=rule_id, title=f"{name} is one slip away from {meant}", when=(), effects=(), origin=origin)


def _row(row: Row) -> tuple[str, ...]:
    row.only(frozenset({"topic", "source", "packages"}))
    row.text("topic")
    row.text("source")
    return row.texts("packages", required=True)


def _slip(name: str, other: str) -> int | None:
    """Return how alike two different names are, 0 most; None if no single slip leads from one to the other."""
    length = len(other)
    if length < _SHORT:
        return None
    if _swapped(name, other):
        return 0
    if name.replace("-", "") == other.replace("-", ""):
        return 1
    if any(name == affix + other for affix in _AFFIXES) or any(name == other + suffix for suffix in _SUFFIXES):
        return 2
    if length == _SHORT:
        return None
    if name == f"py{other}":  # the name of the repository, or of conda's package: pytorch
        return 2
    # Names that differ in their numbers alone are of one family: nvidia-nccl-cu11 and -cu12, cupy-cuda112 and -cuda11x.
    return 3 if _one_edit(name, other) and _NUMBER.sub("#", name) != _NUMBER.sub("#", other) else None


def _swapped(name: str, other: str) -> bool:
    """Say whether two neighbouring letters have changed places."""
    if len(name) != len(other):
        return False
    at = [place for place in range(len(name)) if name[place] != other[place]]
    if len(at) != 2 or at[1] != at[0] + 1:
        return False
    return name[at[0]] == other[at[1]] and name[at[1]] == other[at[0]]


def _one_edit(name: str, other: str) -> bool:
    """Say whether one letter was changed, left out, or is too many."""
    short, long = sorted((name, other), key=len)
    if len(long) - len(short) > 1:
        return False
    at = next((place for place, letter in enumerate(short) if letter != long[place]), len(short))
    if len(short) == len(long):
        return short[at + 1 :] == long[at + 1 :]
    return short[at:] == long[at + 1 :]

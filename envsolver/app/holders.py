"""Of all that keeps newer versions of a package out, what does so: a pin makes the bounds around it superfluous."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable

    from packaging.ranges import VersionRange

__all__ = ["Holder", "strongest"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Something that admits some versions of a package only.

    Attributes:
        text: in words.
        admits: the specifier of what it admits; None if it names one file.
        excludes: the specifier of what it excludes from that.
    """

    text: str
    admits: str | None = ""
    excludes: str | None = None


def strongest(holders: Iterable[Holder], version: str) -> list[Holder]:
    """Return those that keep newer versions out which no other one alone keeps out as well, in their order.

    Args:
        holders: of one package.
        version: that is locked.
    """
    # A specifier cannot order local versions, and what is newer than 1.0+cu116 is newer than 1.0.
    older = _range(f"<={version.partition('+')[0]}")
    kept_out = [(holder, _admitted(holder, older).union(older).complement()) for holder in holders]
    kept_out = [(holder, newer) for holder, newer in kept_out if not newer.is_empty]
    return [
        holder
        for holder, newer in kept_out
        if not any(newer.is_subset(other) and not other.is_subset(newer) for _, other in kept_out)
    ]


def _admitted(holder: Holder, older: VersionRange) -> VersionRange:
    if holder.admits is None:
        return older
    admitted = _range(holder.admits)
    return admitted if holder.excludes is None else admitted.difference(_range(holder.excludes))


def _range(text: str) -> VersionRange:
    """Return the versions of a specifier; all, where a lock that was written by hand has none that can be parsed."""
    from packaging.ranges import VersionRange
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        return SpecifierSet(text.replace("===", "=="), prereleases=True).to_range()
    except InvalidSpecifier:
        return VersionRange.full(prereleases=True)

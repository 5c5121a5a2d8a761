"""Security advisories as the OSV format has them (https://ossf.github.io/osv-schema/), as far as Python projects go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from envsolver.model.candidate import Name

__all__ = [
    "SERVICE",
    "Advisories",
    "Advisory",
    "AdvisorySource",
    "Affected",
    "AffectedRange",
    "Event",
    "EventKind",
    "Level",
]

SERVICE = "https://api.osv.dev"
"""The OSV service, which gathers the advisories of PyPA, GitHub and others."""

EventKind = Literal["introduced", "fixed", "last_affected", "limit"]

Level = Literal["critical", "high", "medium", "low"]
"""How bad it is, in the words of CVSS (https://www.first.org/cvss/)."""


@dataclass(frozen=True, slots=True)
class Event:
    """Where a range begins or ends.

    Attributes:
        kind: from ``introduced`` on and up to ``last_affected`` versions are affected, from ``fixed`` on they are not;
            beyond ``limit`` the range says nothing.
        version: as written; ``0`` of ``introduced`` is before everything.
    """

    kind: EventKind
    version: str


@dataclass(frozen=True, slots=True)
class AffectedRange:
    """One range of versions."""

    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Affected:
    """Which versions of a project an advisory is about: those in any range, and those listed.

    Attributes:
        project: canonical name.
        ranges: of versions; ranges of commits are left out.
        versions: listed one by one, as written.
    """

    project: Name
    ranges: tuple[AffectedRange, ...] = ()
    versions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Advisory:
    """One advisory.

    Attributes:
        id: in its data base, such as ``GHSA-…`` or ``PYSEC-…``.
        affected: Python projects only.
        aliases: ids of the same flaw elsewhere, sorted.
        summary: one line; empty where there is none.
        level: how bad it is, or None where nobody says.
        published: RFC 3339, or None.
        withdrawn: when it was taken back (RFC 3339), or None.
        url: to read more.
    """

    id: str
    affected: tuple[Affected, ...]
    aliases: tuple[str, ...] = ()
    summary: str = ""
    level: Level | None = None
    published: str | None = None
    withdrawn: str | None = None
    url: str = ""

    @property
    def names(self) -> frozenset[str]:
        """All ids under which the flaw is known."""
        return frozenset((self.id, *self.aliases))


@dataclass(frozen=True, slots=True)
class Advisories:
    """What a source has.

    Attributes:
        found: sorted by id, each once, the withdrawn ones left out.
        unread: records that could not be read, and why.
    """

    found: tuple[Advisory, ...]
    unread: tuple[str, ...] = ()


class AdvisorySource(Protocol):
    """Where advisories come from."""

    async def about(self, versions: Mapping[Name, Collection[str]], /) -> Advisories:
        """Return all advisories that may concern these versions of these projects; others may be among them.

        Raises:
            FileError: a file or folder cannot be read.
            NetworkError: a service did not answer.
        """
        ...

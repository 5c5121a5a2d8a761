"""Requirements as the solver sees them: parsed, canonical, and reduced to what applies on the target."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement

from envsolver.model.candidate import normalize_name
from envsolver.model.pep508 import parse_requirement
from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable

    from packaging.markers import Marker
    from packaging.specifiers import SpecifierSet

    from envsolver.model.candidate import Metadata, Name
    from envsolver.model.target import Target

__all__ = ["Declared", "applying", "declared_by", "parse"]


@dataclass(frozen=True, slots=True)
class Declared:
    """One PEP 508 requirement.

    Attributes:
        extras: canonical, sorted.
        specifier: of PEP 440; its ``str()`` is canonical and serves as its identity.
        marker: as declared, or None.
        url: of a direct reference, or None.
        text: the requirement as it was written.
        rule: the id of the rule that brought it, empty if the package declares it.
        soft: whether it gives way when nothing else resolves.
        only_extra: the extra, where the marker asks for that alone: most do, and judging a marker is dear.
        instead_of: the specifier that the package declares, where a rule or an override of the spec replaced it.
    """

    name: Name
    extras: tuple[str, ...]
    specifier: SpecifierSet
    marker: Marker | None
    url: str | None
    text: str
    rule: str = ""
    soft: bool = False
    instead_of: str | None = None
    only_extra: str | None = None

    def applies(self, target: Target, extra: str = "") -> bool:
        """Say whether the marker holds on the target, with this extra of the requiring package active."""
        if self.only_extra is not None:
            return extra == self.only_extra
        return self.marker is None or self.marker.evaluate({**target.marker_environment, "extra": extra})


@lru_cache(maxsize=32768)
def parse(text: str) -> Declared:
    """Parse a PEP 508 requirement.

    Raises:
        packaging.requirements.InvalidRequirement: if it is none.
    """
    requirement = parse_requirement(text)
    return Declared(
        normalize_name(requirement.name),
        tuple(sorted({normalize_name(extra) for extra in requirement.extras})),
        requirement.specifier,
        requirement.marker,
        requirement.url,
        text,
        only_extra=_only_extra(requirement.marker),
    )


_ONLY_EXTRA = re.compile(r'extra == "([^"]+)"')


def _only_extra(marker: Marker | None) -> str | None:
    match = _ONLY_EXTRA.fullmatch(str(marker)) if marker is not None else None
    return normalize_name(match[1]) if match else None


def declared_by(metadata: Metadata) -> tuple[Declared, ...]:
    """Return the requirements that a file declares, in the file's order.

    Raises:
        packaging.requirements.InvalidRequirement: a line cannot be parsed; the message carries the line.
    """
    requirements = []
    for line in metadata.requires_dist:
        try:
            requirements.append(parse(line))
        except InvalidRequirement as error:
            raise InvalidRequirement(f"{line!r}: {error}") from error
    return tuple(requirements)


def applying(requirements: Iterable[Declared], target: Target, extra: str = "") -> list[Declared]:
    """Return the requirements that ``extra`` of a package brings on the target; for ``""`` those of the package itself.

    What the package requires anyway is not repeated for an extra.
    """
    if not extra:
        return [requirement for requirement in requirements if requirement.applies(target)]
    return [
        requirement
        for requirement in requirements
        if requirement.marker is not None and requirement.applies(target, extra) and not requirement.applies(target)
    ]

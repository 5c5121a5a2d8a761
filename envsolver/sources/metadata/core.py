"""Core metadata (METADATA, PKG-INFO) as text → :class:`Metadata`.

Reference: https://packaging.python.org/specifications/core-metadata/
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from envsolver.model.candidate import Metadata, normalize_name
from envsolver.model.errors import MetadataUnusableError
from envsolver.model.values import dataclass
from envsolver.sources.metadata.limits import MAX_METADATA, MAX_REQUIREMENT
from envsolver.sources.metadata.ports import known_of_none
from envsolver.sources.metadata.repair import checked_requirement, checked_specifier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from envsolver.model.candidate import MetadataSource, Name
    from envsolver.sources.metadata.ports import Known

__all__ = ["Declared", "IdentityError", "declared_requirements", "parse_core_metadata"]

_NEWLINE = re.compile(rb"\r*\n|\r+")
_NO_HEADER = re.compile(rb"^(?![ \t]|[!-9;-~]+:).*\n?", re.MULTILINE)


class IdentityError(MetadataUnusableError):
    """The metadata belong to another project or version than the file's name says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """Core metadata with what only their reader needs.

    Attributes:
        version: as declared, valid by PEP 440.
        metadata_version: ``(2, 1)``; ``(0, 0)`` where it is missing or no number.
        dynamic: lower-case names of the fields that the wheel may have otherwise (PEP 643).
    """

    version: str
    metadata_version: tuple[int, int]
    dynamic: frozenset[str]
    metadata: Metadata


def parse_core_metadata(
    data: bytes,
    *,
    filename: str,
    source: MetadataSource,
    name: Name,
    version: str | None,
    known: Known = known_of_none,
) -> Declared:
    """Read core metadata leniently where nothing is at stake, strictly where requirements might get lost.

    Args:
        data: the file's bytes; only the header block is looked at.
        filename: of the artefact, for messages.
        source: passed through to the result.
        name: canonical name that the metadata must have.
        version: version that it must have; None where any will do (a direct reference).
        known: how requirements that cannot be repaired are to be read.

    Raises:
        IdentityError: name or version differ.
        MetadataUnusableError: a field that matters cannot be read; the reason quotes it.
    """
    if len(data) > MAX_METADATA:
        raise MetadataUnusableError(filename, f"its metadata are {len(data):,} bytes long")
    from packaging.metadata import parse_email

    head, repaired = _header_block(data)
    raw, odd = parse_email(head)
    fields = _Fields({**odd, **raw}, filename)
    declared_version = _check_identity(fields, filename, name, version)
    requires_dist, repairs = declared_requirements(
        fields.many("requires_dist"), filename, partial(known, name, declared_version)
    )
    repaired.extend(repairs)
    requires_python = fields.one("requires_python")
    if requires_python is not None:
        requires_python = _requires_python(requires_python, filename, repaired)
    return Declared(
        version=declared_version,
        metadata_version=_metadata_version(fields.one("metadata_version")),
        dynamic=frozenset(value.strip().lower() for value in fields.many("dynamic")),
        metadata=Metadata(
            requires_dist=requires_dist,
            source=source,
            requires_python=requires_python or None,
            provides_extra=_extras(fields.many("provides_extra")),
            repaired=tuple(repaired),
        ),
    )


def declared_requirements(
    lines: Iterable[str], filename: str, known: Callable[[str], str | None]
) -> tuple[tuple[str, ...], list[str]]:
    """Return the requirements, valid by PEP 508, and what had to be repaired for that.

    Args:
        lines: as declared.
        filename: of the artefact, for messages.
        known: how a requirement is to be read that cannot be repaired; None where it does not know.

    Raises:
        MetadataUnusableError: a requirement cannot be read; the reason quotes it.
    """
    kept: list[str] = []
    repaired: list[str] = []
    for line in lines:
        text = " ".join(line.split()) if "\n" in line else line.strip()
        if len(text) > MAX_REQUIREMENT:
            raise MetadataUnusableError(filename, f"a requirement is {len(text):,} characters long: {text[:60]!r}…")
        checked = checked_requirement(text)
        if checked is None and (meant := known(text)) is not None:
            checked = (meant, True)
        if checked is None:
            raise MetadataUnusableError(
                filename, f"the requirement {_shown(text)} is not valid by PEP 508 and cannot be repaired"
            )
        kept.append(checked[0])
        if checked[1]:
            repaired.append(f"{text} -> {checked[0]}")
    return tuple(kept), repaired


class _Fields:
    """The header fields as packaging gives them: strings, lists, and under their raw names what is neither."""

    def __init__(self, values: dict[str, object], filename: str) -> None:
        self._values = values
        self._filename = filename

    def many(self, field: str) -> list[str]:
        # packaging keeps a field that holds bytes other than UTF-8 under its raw name, as Latin-1.
        value = self._values.get(field, self._values.get(field.replace("_", "-"), []))
        return [str(item) for item in value] if isinstance(value, list) else [str(value)]

    def one(self, field: str) -> str | None:
        values = self.many(field)
        if len(values) > 1:
            header = field.replace("_", "-").title()
            raise MetadataUnusableError(self._filename, f"{header} is given {len(values)} times")
        return values[0].strip() if values else None


def _header_block(data: bytes) -> tuple[bytes, list[str]]:
    """Cut the description off, and lines that would make a mail parser take the fields after them for it."""
    if b"\r" in data:
        data = _NEWLINE.sub(b"\n", data)
    end = data.find(b"\n\n")
    head = data if end < 0 else data[: end + 1]
    dropped = [line.strip() for line in _NO_HEADER.findall(head) if line.strip()]
    if not dropped:
        return head, []
    return _NO_HEADER.sub(b"", head), [f"{_shown(line.decode(errors='replace'))} dropped" for line in dropped]


def _check_identity(fields: _Fields, filename: str, name: Name, version: str | None) -> str:
    from packaging.version import InvalidVersion, Version

    found = fields.one("name")
    if found is None:
        raise MetadataUnusableError(filename, "its metadata have no Name")
    if normalize_name(found) != name:
        raise IdentityError(filename, f"its metadata are those of {_shown(found)}, not of {name!r}")
    found = fields.one("version")
    if found is None:
        raise MetadataUnusableError(filename, "its metadata have no Version")
    try:
        same = version is None or Version(found) == Version(version)
        Version(found)
    except InvalidVersion:
        raise MetadataUnusableError(filename, f"its Version {_shown(found)} is not valid by PEP 440") from None
    if not same:
        raise IdentityError(filename, f"its metadata are those of version {_shown(found)}, not of {version}")
    return found


def _requires_python(text: str, filename: str, repaired: list[str]) -> str:
    checked = checked_specifier(text)
    if checked is None:
        raise MetadataUnusableError(filename, f"its Requires-Python {_shown(text)} is not valid by PEP 440")
    if checked[1]:
        repaired.append(f"Requires-Python: {text} -> {checked[0]}")
    return checked[0]


def _metadata_version(text: str | None) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,3})\.(\d{1,3})", text or "")
    return (int(match[1]), int(match[2])) if match else (0, 0)


def _extras(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(normalize_name(value.strip()) for value in values if value.strip()))


def _shown(text: str) -> str:
    return repr(text if len(text) <= 200 else f"{text[:200]}…")

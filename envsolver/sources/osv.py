"""Advisories in the OSV format: one record, and folders and zips of them, as OSV, GitHub and PyPA publish theirs."""

from __future__ import annotations

import re
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, get_args
from urllib.parse import quote

from envsolver.model.advisory import Advisories, Advisory, Affected, AffectedRange, Event, EventKind, Level
from envsolver.model.candidate import normalize_name
from envsolver.model.errors import FileError
from envsolver.model.wording import system_reason

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
    from pathlib import Path
    from zipfile import ZipFile

    from envsolver.model.advisory import AdvisorySource
    from envsolver.model.candidate import Name

__all__ = ["BadRecordError", "OsvFiles", "advisory_files", "parse_record", "read_record"]

ECOSYSTEM = "PyPI"
MOST_BYTES = 8 << 20
"""A record is a few kilobytes; a hostile archive gets no further."""
_SUFFIXES = (".json", ".yaml", ".yml")
_LEVELS: dict[str, Level] = {level: level for level in get_args(Level)}
_KINDS: dict[str, EventKind] = {kind: kind for kind in get_args(EventKind)}


class BadRecordError(ValueError):
    """Something is no record in the OSV format."""


def read_record(data: bytes, name: str) -> Advisory | None:
    """Return the advisory of a file; None if it is about no project of the Python ecosystem.

    Args:
        data: JSON, or YAML as PyPA's data base has it.
        name: of the file; its suffix says which.

    Raises:
        BadRecordError: it is none.
    """
    try:
        if name.endswith(".json"):
            import json

            return parse_record(json.loads(data))
        import yaml

        # Everything is a text for this loader: a version such as 1.10 must not become a number.
        loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
        return parse_record(yaml.load(data, Loader=loader))  # noqa: S506 - it makes texts, lists and mappings only
    except BadRecordError:
        raise
    except (ValueError, RecursionError, yaml_error()) as error:
        raise BadRecordError(str(error).partition("\n")[0] or type(error).__name__) from error


def yaml_error() -> type[Exception]:
    """Return what the YAML library raises."""
    import yaml

    return yaml.YAMLError


def parse_record(data: Any) -> Advisory | None:
    """Return the advisory of a decoded record; None if it is about no project of the Python ecosystem.

    Raises:
        BadRecordError: it is none.
    """
    record = _mapping(data, "a record")
    affected = tuple(_affected(_mapping(one, "affected")) for one in _items(record, "affected") if _is_ours(one))
    if not affected:
        return None
    number = _text(record, "id")
    if not number:
        raise BadRecordError("it has no id")
    details = _text(record, "summary") or _text(record, "details")
    return Advisory(
        id=number,
        affected=affected,
        aliases=tuple(sorted({each for each in _items(record, "aliases") if isinstance(each, str)})),
        summary=" ".join(details.split()),
        level=_level(record),
        published=_text(record, "published") or None,
        withdrawn=_text(record, "withdrawn") or None,
        url=f"https://osv.dev/vulnerability/{quote(number, safe='')}",
    )


def _is_ours(entry: Any) -> bool:
    package = _mapping(entry, "affected").get("package")
    # "PyPI:…" would be a part of the ecosystem, as other ecosystems have them (OSV, "Defined ecosystems").
    return isinstance(package, dict) and str(package.get("ecosystem", "")).partition(":")[0] == ECOSYSTEM


def _affected(entry: Mapping[str, Any]) -> Affected:
    name = _text(entry["package"], "name")
    if not name:
        raise BadRecordError("a package has no name")
    # Commits say nothing of what is on an index.
    ranges = [one for one in _items(entry, "ranges") if _text(_mapping(one, "a range"), "type") != "GIT"]
    return Affected(
        project=normalize_name(name),
        ranges=tuple(AffectedRange(tuple(_events(one))) for one in ranges),
        versions=tuple(one for one in _items(entry, "versions") if isinstance(one, str)),
    )


def _events(entry: Mapping[str, Any]) -> Iterator[Event]:
    for event in _items(entry, "events"):
        for kind, version in _mapping(event, "an event").items():
            if kind in _KINDS:
                if not isinstance(version, str):
                    raise BadRecordError(f"{kind} is no text")
                yield Event(_KINDS[kind], version)


def _level(record: Mapping[str, Any]) -> Level | None:
    """Return the worst of what CVSS vectors say, else what the data base calls it."""
    entries = [*_items(record, "severity")]
    for one in _items(record, "affected"):
        entries += _items(_mapping(one, "affected"), "severity")
    found = [level for entry in entries if isinstance(entry, dict) and (level := _of_vector(_text(entry, "score")))]
    if found:
        return min(found, key=list(_LEVELS.values()).index)
    specific = record.get("database_specific")
    named = _text(specific, "severity").lower() if isinstance(specific, dict) else ""
    return _LEVELS.get({"moderate": "medium", "important": "high"}.get(named, named))


def _of_vector(vector: str) -> Level | None:
    from cvss import CVSS2, CVSS3, CVSS4  # type: ignore[import-untyped] # it has no types
    from cvss.exceptions import CVSSError  # type: ignore[import-untyped] # it has no types

    kind = CVSS4 if vector.startswith("CVSS:4") else CVSS3 if vector.startswith("CVSS:3") else CVSS2
    # Who scores with something else than CVSS has not said anything that could be compared.
    with suppress(CVSSError, ValueError, TypeError):
        severities = kind(vector).severities()
        return _LEVELS.get(str(severities[0]).lower())
    return None


def _mapping(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadRecordError(f"{what} is no mapping")
    return value


def _items(value: Mapping[str, Any], key: str) -> list[Any]:
    found = value.get(key)
    if found is None:
        return []
    if not isinstance(found, list):
        raise BadRecordError(f"{key} is no list")
    return found


def _text(value: Mapping[str, Any], key: str) -> str:
    found = value.get(key)
    return found if isinstance(found, str) else ""


class OsvFiles:
    """Advisories in files.

    Args:
        files: returns name and a function that reads the content, of each, in a fixed order.
    """

    def __init__(self, files: Callable[[], Iterator[tuple[str, Callable[[], bytes]]]]) -> None:
        self._files = files

    async def about(self, versions: Mapping[Name, Collection[str]], /) -> Advisories:
        """Return those that name one of the projects.

        Raises:
            FileError: a file cannot be read.
        """
        mentioned = _mentions(versions)
        found: dict[str, Advisory] = {}
        unread = []
        for name, read in self._files():
            try:
                data = read()
                # Thousands of records are about others: those need not be parsed.
                advisory = read_record(data, name) if mentioned(data) else None
            except BadRecordError as error:
                unread.append(f"{name}: {error}")
                continue
            if advisory is not None and advisory.withdrawn is None:
                found.setdefault(advisory.id, advisory)
        return Advisories(tuple(found[key] for key in sorted(found)), tuple(unread))


def _mentions(names: Iterable[str]) -> Callable[[bytes], object]:
    spelled = "|".join(sorted(re.escape(name).replace(r"\-", "[-_.]+") for name in names))
    return re.compile(f"(?<![a-z0-9])(?:{spelled})(?![a-z0-9])".encode(), re.IGNORECASE).search


def advisory_files(path: Path) -> AdvisorySource:
    """Return the advisories in a folder, with all below it, or in a zip such as ``all.zip`` of OSV.

    Raises:
        FileError: there is neither.
    """
    import zipfile

    if path.is_dir():
        return OsvFiles(lambda: _in_folder(path))
    if not path.is_file():
        raise FileError(f"{path} is neither a folder nor a file", hint="--advisories takes a folder, a zip or a URL")
    if not zipfile.is_zipfile(path):
        raise FileError(f"{path} is no zip", hint="--advisories takes a folder, a zip or a URL")
    return OsvFiles(lambda: _in_zip(path))


def _in_folder(root: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    # A link may lead anywhere; no data base has any.
    found = (path for path in sorted(root.rglob("*")) if path.name.endswith(_SUFFIXES) and not path.is_symlink())
    for path in found:
        if path.is_file():
            yield path.relative_to(root).as_posix(), partial(_read_file, path)


def _read_file(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            data = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise FileError(f"{path} cannot be read: {system_reason(error)}") from error
    return _checked(data)


def _in_zip(path: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    import zipfile

    try:
        with zipfile.ZipFile(path) as archive:
            for name in sorted(set(archive.namelist())):
                if name.endswith(_SUFFIXES):
                    yield name, partial(_read_member, archive, name)
    except (OSError, zipfile.BadZipFile) as error:
        reason = system_reason(error) if isinstance(error, OSError) else str(error)
        raise FileError(f"{path} cannot be read: {reason}") from error


def _read_member(archive: ZipFile, name: str) -> bytes:
    import zlib
    from zipfile import BadZipFile

    try:
        with archive.open(name) as stream:
            return _checked(stream.read(MOST_BYTES + 1))
    except (BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise BadRecordError(f"it cannot be unpacked: {error}") from error


def _checked(data: bytes) -> bytes:
    if len(data) > MOST_BYTES:
        raise BadRecordError(f"it is larger than {MOST_BYTES >> 20} MiB")
    return data

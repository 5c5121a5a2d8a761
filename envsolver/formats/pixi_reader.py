"""``pixi.lock`` of pixi, from version 4 on: the environment ``default`` of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from envsolver.formats.foreign import (
    ForeignLock,
    ForeignLockError,
    ForeignPackage,
    channels_in,
    load_yaml,
    mapping,
    rows,
    unrequired,
)
from envsolver.model.candidate import normalize_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envsolver.model.candidate import Name
    from envsolver.model.target import Target

__all__ = ["loads", "platforms"]

_OLDEST = 4
_DEFAULT = "default"
_STEM = re.compile(r"(.+)-([^-]+)-([^-]+)\.(?:conda|tar\.bz2)")
_REQUIRED = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")


def loads(text: str, path: str, target: Target) -> ForeignLock:
    """Read a ``pixi.lock`` as it is for the platform of a target.

    Raises:
        ForeignLockError: it is not one, of a version that is not known, or not for that platform.
    """
    data = load_yaml(text, path)
    version = data.get("version")
    if not isinstance(version, int) or version < _OLDEST or "environments" not in data:
        raise ForeignLockError(f"{path}: this is no pixi.lock of version {_OLDEST} or newer")
    environment = mapping(mapping(data["environments"]).get(_DEFAULT))
    listed = mapping(environment.get("packages"))
    named = next((name for name, subdir in platforms(data).items() if subdir == target.platform and name in listed), "")
    wanted = {place for row in rows(listed.get(named)) if (place := _place(row)) is not None}
    packages = rows(data.get("packages"))
    found = [
        _package(row, place, line)
        for row, line in zip(packages, _lines(text) or [0] * len(packages), strict=False)
        if (place := _place(row)) in wanted and place is not None
    ]
    if not found:
        raise ForeignLockError(
            f"{path}: its environment {_DEFAULT!r} has no packages for {target.platform}",
            hint="--platform chooses another one",
        )
    channels = channels_in(environment.get("channels"))
    return ForeignLock(kind="pixi", packages=tuple(found), roots=unrequired(found), channels=channels)


def platforms(data: Mapping[str, Any]) -> dict[str, str]:
    """Return platform, as a lock calls it, to subdir of conda: since version 7 they need not be called the same."""
    listed = rows(data.get("platforms"))
    named = {str(row["name"]): str(row.get("subdir") or row["name"]) for row in listed if "name" in row}
    default = mapping(mapping(mapping(data.get("environments")).get(_DEFAULT)).get("packages"))
    return named or {str(name): str(name) for name in default}


def _place(row: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return who installs a package, and from where; versions 4 and 5 say so in words of their own."""
    kind = row.get("kind")
    for manager in ("conda", "pypi"):
        url = row.get("url", row.get("path")) if kind == manager else row.get(manager)
        if isinstance(url, str):
            return manager, url
    return None


def _package(row: Mapping[str, Any], place: tuple[str, str], line: int) -> ForeignPackage:
    manager, url = place
    filename = unquote(url.partition("#")[0].partition("?")[0].rpartition("/")[2])
    stem = _STEM.fullmatch(filename) if manager == "conda" else None
    name = row.get("name") or (stem[1] if stem else filename)
    sha256, md5 = row.get("sha256"), row.get("md5")
    return ForeignPackage(
        name=normalize_name(str(name)),
        version=str(row.get("version") or (stem[2] if stem else "0")),
        line=line,
        filename="" if manager == "conda" else filename,
        sha256=sha256 if isinstance(sha256, str) else None,
        url=url,
        index_url=row["index"] if isinstance(row.get("index"), str) else None,
        needs=tuple(sorted(set(_needs(row.get("depends" if manager == "conda" else "requires_dist"))))),
        hashed=bool(sha256 or md5),
        manager="conda" if manager == "conda" else "pip",
        build_string=stem[3] if stem else None,
    )


def _needs(value: Any) -> Iterator[Name]:
    for text in value if isinstance(value, list) else ():
        name = _REQUIRED.match(str(text))
        if name and "extra ==" not in str(text):
            yield normalize_name(name[1])


def _lines(text: str) -> list[int]:
    """Return the lines on which the packages begin."""
    at = re.search(r"^packages:[ \t]*$", text, re.MULTILINE)
    starts = re.finditer(r"^- ", text[at.end() :], re.MULTILINE) if at else ()
    return [text.count("\n", 0, at.end() + found.start()) + 1 for found in starts] if at else []

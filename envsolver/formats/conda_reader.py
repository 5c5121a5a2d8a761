"""``conda-lock.yml`` of conda-lock, explicit lists of conda, and an ``environment.yml`` whose packages are pinned."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from envsolver.formats.foreign import (
    ForeignLock,
    ForeignLockError,
    ForeignPackage,
    ForeignRoot,
    channels_in,
    load_yaml,
    mapping,
    unrequired,
)
from envsolver.formats.requirements_reader import loads as load_requirements
from envsolver.model.candidate import normalize_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envsolver.model.target import Target

__all__ = ["loads_conda_lock", "loads_environment", "loads_explicit"]

_PIP_COMMENT = re.compile(r"# pip (?P<name>[A-Za-z0-9._-]+) @ (?P<url>[^\s#]+)(?:#sha256=(?P<sha256>[0-9a-f]{64}))?")
"""How conda-lock, and micromamba after it, put what comes by pip into an explicit list."""
_PINNED = re.compile(r"(?:[^\s:]+::)?([A-Za-z0-9._-]+)\s*==?\s*([^\s=<>!*,|]+)(?:\s*=+\s*(\S+))?")


def loads_conda_lock(text: str, path: str, target: Target) -> ForeignLock:
    """Read a ``conda-lock.yml`` as it is for the platform of a target.

    Raises:
        ForeignLockError: it is not one, or not for that platform.
    """
    data = load_yaml(text, path)
    rows = data.get("package")
    if not isinstance(rows, list):
        raise ForeignLockError(f"{path}: this is no conda-lock.yml: it has no list of packages")
    lines = _lines(text)
    found = []
    for row, line in zip(rows, lines or [0] * len(rows), strict=False):
        if isinstance(row, dict) and row.get("platform") == target.platform and "name" in row and "version" in row:
            found.append(_of_conda_lock(row, line))
    if not found:
        raise ForeignLockError(
            f"{path}: it has no packages for {target.platform}", hint="--platform chooses another one"
        )
    channels = channels_in(mapping(data.get("metadata")).get("channels"))
    return ForeignLock(kind="conda-lock", packages=tuple(found), roots=unrequired(found), channels=channels)


def _of_conda_lock(row: Mapping[str, Any], line: int) -> ForeignPackage:
    url = str(row.get("url", ""))
    filename = url.partition("#")[0].partition("?")[0].rpartition("/")[2]
    is_conda = row.get("manager") == "conda"
    stem = re.sub(r"\.(?:conda|tar\.bz2)$", "", filename)
    digests = mapping(row.get("hash"))
    return ForeignPackage(
        name=normalize_name(str(row["name"])),
        version=str(row["version"]),
        line=line,
        filename="" if is_conda else filename,
        sha256=str(digests["sha256"]) if "sha256" in digests else None,
        url=url or None,
        needs=tuple(sorted(normalize_name(str(name)) for name in mapping(row.get("dependencies")))),
        hashed=bool(digests),
        manager="conda" if is_conda else "pip",
        build_string=stem.rpartition("-")[2] if is_conda and stem.count("-") >= 2 else None,
    )


def loads_explicit(text: str, path: str, target: Target) -> ForeignLock:
    """Read an explicit list of conda: one URL a line behind ``@EXPLICIT``, what comes by pip in comments.

    Raises:
        ForeignLockError: a line is no URL of a package, or of another platform.
    """
    packages = []
    for number, line in enumerate(text.splitlines(), start=1):
        entry = line.strip()
        if found := _PIP_COMMENT.fullmatch(entry):
            packages.append(_of_comment(found, number))
        if not entry or entry.startswith(("#", "@")):
            continue
        url, _, digest = entry.partition("#")
        found = re.fullmatch(r".*/([^/]+)/([^/]+)-([^/-]+)-([^/-]+)\.(?:conda|tar\.bz2)", url)
        if found is None:
            raise ForeignLockError(f"{path}:{number}: {entry!r} is no package of conda")
        if found[1] not in {target.platform, "noarch"}:
            raise ForeignLockError(
                f"{path}:{number}: {found[2]} is for {found[1]}, not for {target.platform}",
                hint="--platform chooses another one",
            )
        packages.append(
            ForeignPackage(
                name=normalize_name(found[2]),
                version=found[3],
                line=number,
                url=url,
                hashed=bool(digest),
                manager="conda",
                build_string=found[4],
            )
        )
    return ForeignLock(kind="explicit", packages=tuple(packages))


def _of_comment(found: re.Match[str], line: int) -> ForeignPackage:
    url = found["url"]
    filename = unquote(url.partition("?")[0].rpartition("/")[2])
    stem = filename.removesuffix(".tar.gz").removesuffix(".zip")
    return ForeignPackage(
        name=normalize_name(found["name"]),
        version=stem.split("-")[1] if filename.endswith(".whl") and "-" in stem else stem.rpartition("-")[2],
        line=line,
        filename=filename,
        sha256=found["sha256"],
        url=url,
        hashed=found["sha256"] is not None,
    )


def loads_environment(text: str, path: str, target: Target) -> ForeignLock:
    """Read an ``environment.yml``. What it does not pin is named as such.

    Raises:
        ForeignLockError: it is not one.
    """
    data = load_yaml(text, path)
    entries = data.get("dependencies")
    if not isinstance(entries, list):
        raise ForeignLockError(f"{path}: this is no environment.yml: it has no list of dependencies")
    lines = text.splitlines()
    packages: list[ForeignPackage] = []
    unpinned: list[str] = []
    for entry in entries:
        if isinstance(entry, dict):
            inner = _pip_section(entry.get("pip") or [], path, lines, target)
            packages += inner.packages
            unpinned += inner.unpinned
            continue
        spec = str(entry).strip()
        line = _line_of(lines, spec)
        pin = _PINNED.fullmatch(spec)
        if pin is None:
            unpinned.append(f"{path}:{line}: {spec}")
            continue
        packages.append(
            ForeignPackage(name=normalize_name(pin[1]), version=pin[2], line=line, manager="conda", build_string=pin[3])
        )
    roots = [ForeignRoot(name=one.name, text=f"{one.name}={one.version}", line=one.line) for one in packages]
    return ForeignLock(kind="environment", packages=tuple(packages), roots=tuple(roots), unpinned=tuple(unpinned))


def _pip_section(entries: Any, path: str, lines: list[str], target: Target) -> ForeignLock:
    from dataclasses import replace

    texts = [str(entry) for entry in entries] if isinstance(entries, list) else []
    inner = load_requirements("\n".join(texts), path, target)
    places = [_line_of(lines, text) for text in texts]
    return replace(
        inner, packages=tuple(replace(one, line=places[one.line - 1] if one.line else 0) for one in inner.packages)
    )


def _line_of(lines: list[str], text: str) -> int:
    return next((number for number, line in enumerate(lines, start=1) if text in line), 0)


def _lines(text: str) -> list[int]:
    """Return the lines on which the packages of a conda-lock.yml begin."""
    at = re.search(r"^package:\s*$", text, re.MULTILINE)
    return list(_item_lines(text, at.end())) if at else []


def _item_lines(text: str, start: int) -> Iterator[int]:
    first = re.compile(r"^(\s*)- ", re.MULTILINE).search(text, start)
    if first is None:
        return
    indent = first[1].rpartition("\n")[2]
    for found in re.finditer(rf"^{indent}- ", text[start:], re.MULTILINE):
        yield text.count("\n", 0, start + found.start()) + 1

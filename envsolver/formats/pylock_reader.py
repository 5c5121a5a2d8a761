"""A ``pylock.toml`` (PEP 751) of any tool, and the ``uv.lock`` of uv, which is built alike."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from envsolver.formats.foreign import (
    ForeignLock,
    ForeignLockError,
    ForeignPackage,
    ForeignRoot,
    best_file,
    mapping,
    rows,
)
from envsolver.model.candidate import normalize_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from packaging.pylock import Package

    from envsolver.model.candidate import Name
    from envsolver.model.target import Target

__all__ = ["loads", "loads_uv"]

_Need = tuple["Name", "str | None", "tuple[str, ...]"]
"""A package that is required, its version where several are locked, the extras asked for."""

_HEADER = re.compile(r"^[ \t]*\[\[[ \t]*packages?[ \t]*\]\]", re.MULTILINE)


def loads(text: str, path: str, target: Target) -> ForeignLock:
    """Read a ``pylock.toml``, as its default groups have it on a target.

    Raises:
        ForeignLockError: it is not one.
    """
    from packaging.pylock import Pylock, PylockValidationError

    data = _parsed(text, path)
    try:
        pylock = Pylock.from_dict(data)
    except PylockValidationError as error:
        raise ForeignLockError(f"{path}: {error}") from None
    lines = _lines(text)
    environment: dict[str, Any] = {
        **target.marker_environment,
        "extras": set(),
        "dependency_groups": set(pylock.default_groups or ()),
    }
    packages = []
    for number, package in enumerate(pylock.packages):
        if package.marker is None or package.marker.evaluate(environment, context="lock_file"):
            packages.append(_of_pylock(package, lines[number], target))
    # An entry lists what it requires on any platform.
    there = {package.name for package in packages}
    packages = [replace(one, needs=tuple(name for name in one.needs if name in there)) for one in packages]
    required = {name for package in packages for name in package.needs}
    roots = [
        ForeignRoot(name=package.name, text=f"{package.name}=={package.version}", line=package.line)
        for package in packages
        if package.name not in required
    ]
    return ForeignLock(kind="pylock", packages=tuple(packages), roots=tuple(roots))


def _of_pylock(package: Package, line: int, target: Target) -> ForeignPackage:
    files = {(one.name or _filename(one.url or one.path or "")): one for one in package.wheels or ()}
    sdist = package.sdist
    names = [*files, *([sdist.name or _filename(sdist.url or sdist.path or "")] if sdist is not None else [])]
    chosen = best_file(names, target) or ""
    file = files.get(chosen, sdist)
    direct = package.archive or package.vcs or package.directory
    if package.archive is not None:
        chosen = _filename(package.archive.url or package.archive.path or "")
    hashes = package.archive.hashes if package.archive is not None else file.hashes if file is not None else {}
    return ForeignPackage(
        name=normalize_name(package.name),
        version=str(package.version) if package.version is not None else "0",
        line=line,
        filename=chosen or ("checkout" if direct is not None else ""),
        sha256=hashes.get("sha256"),
        url=file.url if file is not None and direct is None else None,
        index_url=package.index,
        needs=tuple(sorted({normalize_name(str(one["name"])) for one in package.dependencies or () if "name" in one})),
        hashed=bool(hashes) or package.vcs is not None,
    )


def loads_uv(text: str, path: str, target: Target) -> ForeignLock:
    """Read a ``uv.lock`` as its project installs it on a target, without extras and groups.

    Raises:
        ForeignLockError: it is not one.
    """
    packages = _parsed(text, path).get("package")
    if not isinstance(packages, list) or not all(isinstance(mapping(row).get("name"), str) for row in packages):
        raise ForeignLockError(f"{path}: this is no uv.lock: it has no [[package]]")
    by_name: dict[Name, list[tuple[int, dict[str, Any]]]] = {}
    for row, line in zip(packages, _lines(text), strict=False):
        by_name.setdefault(normalize_name(row["name"]), []).append((line, row))
    roots: list[ForeignRoot] = []
    waiting: list[_Need] = []
    for row, line in ((row, line) for entries in by_name.values() for line, row in entries):
        if {"virtual", "editable"} & set(mapping(row.get("source"))):
            needs = list(_needs(row.get("dependencies"), target))
            asked = _asked(row)
            roots += [ForeignRoot(name=below, text=asked.get(below, below), line=line) for below, _, _ in needs]
            waiting += needs
    found = _walk(by_name, waiting, target)
    return ForeignLock(kind="uv", packages=tuple(found[name] for name in sorted(found)), roots=tuple(roots))


def _asked(row: Mapping[str, Any]) -> dict[Name, str]:
    """Return what a project requires as it is written there, by name."""
    return {
        normalize_name(one["name"]): f"{one['name']}{one.get('specifier', '')}"
        for one in rows(mapping(row.get("metadata")).get("requires-dist"))
        if isinstance(one.get("name"), str)
    }


def _walk(
    by_name: Mapping[Name, list[tuple[int, dict[str, Any]]]], waiting: list[_Need], target: Target
) -> dict[Name, ForeignPackage]:
    """Return the packages that some requirements lead to. A package is met once for each set of extras."""
    packages: dict[Name, ForeignPackage] = {}
    seen = {(name, extras) for name, _, extras in waiting}
    while waiting:
        name, wanted, extras = waiting.pop()
        for line, row in by_name.get(name, ()):
            if wanted is not None and row.get("version") != wanted:
                continue
            needs = list(_needs(row.get("dependencies"), target))
            for extra in extras:
                needs += _needs(mapping(row.get("optional-dependencies")).get(extra), target)
            fresh = [need for need in needs if (need[0], need[2]) not in seen]
            seen |= {(need[0], need[2]) for need in fresh}
            waiting += fresh
            known = packages.get(name)
            below = {need[0] for need in needs} | set(known.needs if known else ())
            packages[name] = _of_uv(row, name, line, tuple(sorted(below)), target)
    return packages


def _needs(value: Any, target: Target) -> Iterator[_Need]:
    from packaging.markers import InvalidMarker, Marker, UndefinedComparison, UndefinedEnvironmentName

    for row in rows(value):
        if not isinstance(row.get("name"), str):
            continue
        try:
            if "marker" in row and not Marker(str(row["marker"])).evaluate({**target.marker_environment, "extra": ""}):
                continue
        except (InvalidMarker, UndefinedComparison, UndefinedEnvironmentName):
            continue
        version, extras = row.get("version"), row.get("extra")
        yield (
            normalize_name(row["name"]),
            version if isinstance(version, str) else None,
            tuple(extra for extra in extras if isinstance(extra, str)) if isinstance(extras, list) else (),
        )


def _of_uv(row: Mapping[str, Any], name: Name, line: int, needs: tuple[Name, ...], target: Target) -> ForeignPackage:
    source = mapping(row.get("source"))
    files = {
        _filename(str(one.get("url") or one.get("path") or one.get("filename") or "")): one
        for one in (*rows(row.get("wheels")), *rows([row.get("sdist")]))
    }
    chosen = best_file(files, target) or ""
    file = files.get(chosen, {})
    digest = str(file.get("hash", ""))
    return ForeignPackage(
        name=name,
        version=str(row.get("version", "0")),
        line=line,
        filename=chosen or ("checkout" if "git" in source or "directory" in source else ""),
        sha256=digest.removeprefix("sha256:") if digest.startswith("sha256:") else None,
        url=_text(file.get("url")),
        index_url=_text(source.get("registry")),
        needs=needs,
        hashed=bool(digest) or "git" in source,
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _parsed(text: str, path: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ForeignLockError(f"{path}: not TOML: {error}") from None


def _lines(text: str) -> list[int]:
    return [text.count("\n", 0, match.start()) + 1 for match in _HEADER.finditer(text)]


def _filename(url: str) -> str:
    from urllib.parse import unquote

    return unquote(url.partition("#")[0].partition("?")[0].replace("\\", "/").rpartition("/")[2])

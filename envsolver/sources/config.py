"""The default index: what the user has configured for uv or pip, else what pip would use.

First match wins:

1. uv: ``UV_DEFAULT_INDEX``, ``UV_INDEX_URL``; the nearest ``uv.toml`` or ``pyproject.toml`` upwards; the user's
   ``uv.toml``; the system's. ``UV_CONFIG_FILE`` replaces all files, ``UV_NO_CONFIG`` switches them off.
2. pip: ``PIP_INDEX_URL``; the file that ``PIP_CONFIG_FILE`` names; those of the interpreter, of the user (unless that
   variable names a file), of the system. ``PIP_CONFIG_FILE`` pointing to the null device switches the files off.

Extra indexes and find-links of these configurations are *not* taken over: they mix sources by version, which is how
dependency confusion works. What was passed over is listed, so that ``--verbose`` can say it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envsolver.model.values import dataclass
from envsolver.sources.urls import redact

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["IndexLocation", "default_index_url"]

_EXTRA_VARIABLES = ("UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS")
_PIP_SECTIONS = ("install", "global")
"""In pip a command's section counts more than [global], whatever the file; locking is closest to installing."""
_EXTRA_KEYS = ("extra-index-url", "find-links")


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexLocation:
    """Where the default index is.

    Attributes:
        url: as configured: it may hold credentials.
        origin: the variable or file that said so.
        name: the name that uv's configuration gives the index: its credentials may stand under it.
        ignored: what else was configured and is not used, in words, without secrets.
    """

    url: str
    origin: str
    name: str | None = None
    ignored: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"IndexLocation({redact(self.url)!r}, from {self.origin})"


def default_index_url(environ: Mapping[str, str], home: Path, cwd: Path) -> IndexLocation:
    """Return the user's default index."""
    ignored: list[str] = []
    found = None
    for candidate in _candidates(environ, home, cwd, ignored):
        found = found or candidate
    if found is None:
        # The constant of a library, so that the address stands nowhere in envsolver.
        from pip._internal.models.index import PyPI

        found = IndexLocation(url=PyPI.simple_url, origin="pip's own default")
    return IndexLocation(url=found.url, origin=found.origin, name=found.name, ignored=tuple(ignored))


def _candidates(
    environ: Mapping[str, str], home: Path, cwd: Path, ignored: list[str]
) -> Iterator[IndexLocation | None]:
    ignored += [f"{variable}={redact(environ[variable])}" for variable in _EXTRA_VARIABLES if environ.get(variable)]
    if value := environ.get("UV_DEFAULT_INDEX"):
        # uv allows NAME=URL here.
        name, equals, url = value.partition("=")
        named = bool(equals) and "/" not in name and ":" not in name
        yield IndexLocation(url=url if named else value, origin="UV_DEFAULT_INDEX", name=name if named else None)
    if value := environ.get("UV_INDEX_URL"):
        yield IndexLocation(url=value, origin="UV_INDEX_URL")
    for path in _uv_files(environ, home, cwd):
        yield _from_uv(path, ignored)
    if value := environ.get("PIP_INDEX_URL"):
        yield IndexLocation(url=value, origin="PIP_INDEX_URL")
    yield _from_pip(_pip_files(environ, home), ignored)


def _uv_files(environ: Mapping[str, str], home: Path, cwd: Path) -> Iterator[Path]:
    if chosen := environ.get("UV_CONFIG_FILE"):
        yield Path(chosen)
        return
    if environ.get("UV_NO_CONFIG", "").lower() in {"1", "true", "yes", "on", "y", "t"}:
        return
    for folder in (cwd, *cwd.parents):
        # uv: a uv.toml hides the pyproject.toml beside it, and the nearest folder that has one ends the search.
        if (folder / "uv.toml").is_file():
            yield folder / "uv.toml"
            break
        project = folder / "pyproject.toml"
        if project.is_file() and b"tool.uv" in _bytes(project):
            yield project
            break
    if sys.platform == "win32":
        yield Path(environ.get("APPDATA") or home / "AppData" / "Roaming") / "uv" / "uv.toml"
        yield Path(environ.get("PROGRAMDATA", "C:\\ProgramData")) / "uv" / "uv.toml"
        return
    yield _xdg(environ, home) / "uv" / "uv.toml"
    for folder_name in (environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":"):
        yield Path(folder_name) / "uv" / "uv.toml"
    yield Path("/etc/uv/uv.toml")


def _from_uv(path: Path, ignored: list[str]) -> IndexLocation | None:
    raw = _bytes(path)
    if b"index" not in raw and b"find-links" not in raw:
        return None
    import tomllib

    try:
        document: Any = tomllib.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError):
        ignored.append(f"{path}: not readable as TOML")
        return None
    settings = _table(_table(document, "tool"), "uv") if path.name == "pyproject.toml" else document
    sections = [section for section in (settings, settings.get("pip")) if isinstance(section, dict)]
    indexes = [index for index in _list(settings.get("index")) if isinstance(index, dict)]
    ignored += [
        f"{path}: index {redact(str(index.get('url')))}" for index in indexes if index.get("default") is not True
    ]
    for section in sections:
        ignored += [
            f"{path}: {key} {redact(str(value))}" for key in _EXTRA_KEYS for value in _list(section.get(key)) if value
        ]
    for index in indexes:
        if index.get("default") is True and isinstance(index.get("url"), str):
            name = index.get("name")
            return IndexLocation(url=index["url"], origin=str(path), name=name if isinstance(name, str) else None)
    for section in sections:
        if isinstance(section.get("index-url"), str):
            return IndexLocation(url=section["index-url"], origin=str(path))
    return None


def _pip_files(environ: Mapping[str, str], home: Path) -> Iterator[Path]:
    """Yield pip's files, the one that counts most first."""
    chosen = environ.get("PIP_CONFIG_FILE")
    if chosen == os.devnull:
        return
    if chosen:
        yield Path(chosen)
    name = "pip.ini" if sys.platform == "win32" else "pip.conf"
    yield Path(sys.prefix) / name
    # pip: a file chosen by the variable stands in for the user's own.
    user, system = _pip_folders(environ, home)
    yield from (folder / name for folder in ([] if chosen and Path(chosen).exists() else user) + system)


def _pip_folders(environ: Mapping[str, str], home: Path) -> tuple[list[Path], list[Path]]:
    if sys.platform == "win32":
        user = Path(environ.get("APPDATA") or home / "AppData" / "Roaming") / "pip"
        return [user, home / "pip"], [Path(environ.get("PROGRAMDATA", "C:\\ProgramData")) / "pip"]
    user = _xdg(environ, home) / "pip"
    if sys.platform == "darwin":
        mac = home / "Library" / "Application Support" / "pip"
        return [mac if mac.is_dir() else user, home / ".pip"], [Path("/Library/Application Support/pip")]
    shared = (environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":")
    return [user, home / ".pip"], [Path("/etc"), *(Path(folder) / "pip" for folder in reversed(shared))]


def _from_pip(paths: Iterable[Path], ignored: list[str]) -> IndexLocation | None:
    import configparser

    found: dict[str, IndexLocation] = {}
    for path in paths:
        raw = _bytes(path)
        if not raw:
            continue
        # pip reads its files without interpolation: a percent sign in a URL is one.
        parser = configparser.RawConfigParser(strict=False)
        try:
            parser.read_string(raw.decode("utf-8-sig", errors="replace"))
        except configparser.Error:
            ignored.append(f"{path}: not readable as a pip configuration")
            continue
        for section in _PIP_SECTIONS:
            values = dict(parser.items(section)) if parser.has_section(section) else {}
            values = {key.replace("_", "-"): value for key, value in values.items()}
            ignored += [f"{path}: {key} {redact(values[key])}" for key in _EXTRA_KEYS if values.get(key)]
            if values.get("index-url"):
                found.setdefault(section, IndexLocation(url=values["index-url"], origin=str(path)))
    return next((found[section] for section in _PIP_SECTIONS if section in found), None)


def _xdg(environ: Mapping[str, str], home: Path) -> Path:
    configured = environ.get("XDG_CONFIG_HOME", "")
    return Path(configured) if configured.startswith("/") else home / ".config"


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _table(document: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = document.get(key)
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]

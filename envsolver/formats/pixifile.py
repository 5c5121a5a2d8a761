"""``pixi.toml`` as the source of a spec: channels, packages of conda and of pip, features as groups."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any

from envsolver.formats.imported import CONDA_TOOLS, ImportedIndex, Written
from envsolver.formats.markers import platforms_of
from envsolver.model.candidate import normalize_name
from envsolver.model.origin import Origin
from envsolver.model.target import KNOWN_PLATFORMS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envsolver.formats.imported import Imported

__all__ = ["read_pixi"]

_CONDA = ("dependencies", "host-dependencies", "build-dependencies")
_READ = frozenset({"workspace", "project", *_CONDA, "pypi-dependencies", "pypi-options", "system-requirements"})
_SYSTEMS = {
    "linux": "sys_platform == 'linux'",
    "osx": "sys_platform == 'darwin'",
    "unix": "sys_platform != 'win32'",
    "win": "sys_platform == 'win32'",
}
_ELSEWHERE = "a spec asks the same of conda for every group; leave it out, or make a spec of its own of it"


def read_pixi(text: str, shown: str, into: Imported) -> None:
    """Read a project file of pixi. Features become groups as far as they hold packages of pip.

    Args:
        text: of the file.
        shown: its name for messages.
        into: gets what it says.
    """
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        line = re.search(r"at line (\d+)", str(error))
        into.refuse(f"not valid TOML: {error}", Origin(shown, int(line[1]) if line else 0))
        return
    _Pixi(text, shown, into).read(data)


class _Pixi:
    def __init__(self, text: str, shown: str, into: Imported) -> None:
        self._text = text
        self._shown = shown
        self._into = into

    def read(self, data: dict[str, Any]) -> None:
        into = self._into
        workspace = _table(data, "workspace") or _table(data, "project")
        if not workspace:
            into.refuse("it has no [workspace] table, as a pixi.toml has", Origin(self._shown))
            return
        if isinstance(name := workspace.get("name"), str):
            into.name = name
        into.platforms += [one for one in _list(workspace, "platforms") if one in KNOWN_PLATFORMS]
        for one in _items(workspace, "channels"):
            channel = one.get("channel") if isinstance(one, dict) else one
            into.add_channel(Written(str(channel), self._origin(str(channel))))
        self._system(_table(data, "system-requirements"))
        self._indexes(_table(data, "pypi-options"))
        self._part(data, group="")
        for feature, table in _table(data, "feature").items():
            if isinstance(table, dict):
                self._feature(feature, table)
        for key in data:
            if key not in _READ and key not in {"feature", "target"}:
                into.notes.append(f"{self._origin(f'[{key}')}: left out {key}")

    def _feature(self, name: str, table: dict[str, Any]) -> None:
        self._part(table, group=normalize_name(name))
        for key in sorted(table.keys() - _READ - {"target"}):
            self._into.notes.append(f"{self._origin(f'feature.{name}')}: left out {key} of the feature {name}")

    def _part(self, table: dict[str, Any], *, group: str) -> None:
        """Read the dependencies of the base or of a feature, and those of single platforms."""
        for kind in _CONDA:
            for name, value in _table(table, kind).items():
                self._conda(name, value, group, marker=None)
        for name, value in _table(table, "pypi-dependencies").items():
            self._pip(name, value, group, marker=None)
        for platform, inner in _table(table, "target").items():
            marker = _marker(platform)
            if not isinstance(inner, dict) or marker is None:
                self._into.notes.append(f"{self._origin(f'[target.{platform}')}: left out what is for {platform} alone")
                continue
            for name, value in (item for kind in _CONDA for item in _table(inner, kind).items()):
                self._conda(name, value, group, marker=marker)
            for name, value in _table(inner, "pypi-dependencies").items():
                self._pip(name, value, group, marker=marker)

    def _conda(self, name: str, value: Any, group: str, *, marker: str | None) -> None:
        origin = self._origin(name)
        table = value if isinstance(value, dict) else {"version": value}
        if unknown := sorted(table.keys() - {"version", "build", "channel"}):
            self._into.refuse(f"{name} has {', '.join(unknown)}, which a spec cannot say of a package of conda", origin)
            return
        version = str(table.get("version", "*")).strip()
        if name == "python" and marker:
            self._into.refuse("a spec has one Python for all platforms", origin, "name it under [dependencies]")
        elif name == "python":
            self._into.ask_for_python(Written(version, origin))
        elif group:
            self._into.refuse(f"the feature {group} asks for {name} of conda", origin, _ELSEWHERE)
        elif name in CONDA_TOOLS:
            if version != "*":
                self._into.notes.append(f"{origin}: left out {name} {version}")
        else:
            build = f" {table['build']}" if "build" in table else ""
            wanted = f" {version}{build}" if version != "*" or build else ""
            channel = f"{table['channel']}::" if "channel" in table else ""
            platforms = platforms_of(marker) if marker else ()
            self._into.require_of_conda(Written(f"{channel}{name}{wanted}", origin, platforms))

    def _pip(self, name: str, value: Any, group: str, *, marker: str | None) -> None:
        origin = self._origin(name)
        table = value if isinstance(value, dict) else {"version": value}
        reference = _reference(table)
        if "path" in table or (reference is None and "version" not in table):
            self._into.refuse(f"a project on disk ({name}) has no place in a spec", origin, "import its pyproject.toml")
            return
        extras = ",".join(str(extra) for extra in _items(table, "extras"))
        version = str(table.get("version", "*")).strip()
        # pixi takes a bare version for the start of one, as Cargo and conda do.
        specifier = "" if version == "*" else version if version[:1] in "=<>!~" else f"=={version.removesuffix('.*')}.*"
        text = f"{name}{f'[{extras}]' if extras else ''}{f' @ {reference}' if reference else specifier}"
        if isinstance(index := table.get("index"), str):
            self._into.add_index(ImportedIndex("extra", index, origin))
        self._into.require(Written(f"{text} ; {marker}" if marker else text, origin), group)

    def _system(self, table: dict[str, Any]) -> None:
        libc = table.get("libc")
        glibc = libc.get("version") if isinstance(libc, dict) else libc
        for key, value in (("cuda", table.get("cuda")), ("glibc", glibc)):
            if value is not None and re.fullmatch(r"\d+(?:\.\d+){1,2}", str(value)):
                written = Written(".".join(str(value).split(".")[:2]), self._origin(key if key == "cuda" else "libc"))
                setattr(self._into, key, written)
            elif value is not None:
                self._into.notes.append(f"{self._origin(key)}: left out {key} {value}: a spec wants its minor version")

    def _indexes(self, options: dict[str, Any]) -> None:
        if isinstance(url := options.get("index-url"), str):
            self._into.add_index(ImportedIndex("default", url, self._origin(url)))
        for url in _list(options, "extra-index-urls"):
            self._into.add_index(ImportedIndex("extra", url, self._origin(url)))
        for place in _items(options, "find-links"):
            url = (place.get("url") or place.get("path")) if isinstance(place, dict) else None
            if isinstance(url, str):
                self._into.add_index(ImportedIndex("find-links", url, self._origin(url)))
        for key in sorted(options.keys() - {"index-url", "extra-index-urls", "find-links"}):
            self._into.notes.append(f"{self._origin(key)}: left out {key} of pypi-options")

    def _origin(self, literal: str) -> Origin:
        """Return the line of a text, as near as it can be told: tomllib keeps no lines."""
        found = re.search(rf"^\s*\"?{re.escape(literal)}\b", self._text, re.MULTILINE)
        at = found.end() if found else self._text.find(literal)
        return Origin(self._shown, self._text.count("\n", 0, at) + 1 if at >= 0 else 0)


def _reference(table: dict[str, Any]) -> str | None:
    """Return the URL of a direct reference, as PEP 508 and pip have it."""
    if isinstance(url := table.get("url"), str):
        return url
    if not isinstance(git := table.get("git"), str):
        return None
    commit = next((f"@{table[key]}" for key in ("rev", "tag", "branch") if key in table), "")
    folder = f"#subdirectory={table['subdirectory']}" if "subdirectory" in table else ""
    return f"{git if git.startswith('git+') else f'git+{git}'}{commit}{folder}"


def _marker(platform: str) -> str | None:
    """Return what the name of a target of pixi is in PEP 508, None for a platform that is none of a spec."""
    if platform in KNOWN_PLATFORMS:
        facts = KNOWN_PLATFORMS[platform]
        return f"sys_platform == '{facts.sys_platform}' and platform_machine == '{facts.platform_machine}'"
    return _SYSTEMS.get(platform)


def _table(data: dict[str, Any], key: str) -> dict[str, Any]:
    table = data.get(key)
    return table if isinstance(table, dict) else {}


def _items(data: dict[str, Any], key: str) -> list[Any]:
    listed = data.get(key)
    return listed if isinstance(listed, list) else []


def _list(data: dict[str, Any], key: str) -> Iterator[str]:
    return (one for one in _items(data, key) if isinstance(one, str))

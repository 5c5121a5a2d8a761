"""``environment.yml`` as conda reads it: channels, packages of conda, and what stands under ``pip``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envsolver.formats.imported import CONDA_TOOLS, Written
from envsolver.formats.markers import platforms_of
from envsolver.formats.piplines import read_line
from envsolver.model.origin import Origin
from envsolver.spec.nodes import MappingNode, ScalarNode, SequenceNode, describe, parse_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envsolver.formats.imported import Imported
    from envsolver.formats.piplines import Include, Place
    from envsolver.spec.nodes import Node

__all__ = ["read_environment"]

_SELECTOR = re.compile(r"\s#\s*\[(?P<selector>[^\]]+)\]\s*$")
_MARKERS = {
    "linux": "sys_platform == 'linux'",
    "linux64": "sys_platform == 'linux' and platform_machine == 'x86_64'",
    "aarch64": "sys_platform == 'linux' and platform_machine == 'aarch64'",
    "osx": "sys_platform == 'darwin'",
    "osx64": "sys_platform == 'darwin' and platform_machine == 'x86_64'",
    "arm64": "sys_platform == 'darwin' and platform_machine == 'arm64'",
    "unix": "sys_platform != 'win32'",
    "win": "sys_platform == 'win32'",
    "win64": "sys_platform == 'win32'",
    "not win": "sys_platform != 'win32'",
    "not linux": "sys_platform != 'linux'",
    "not osx": "sys_platform != 'darwin'",
}
"""Selectors as conda-lock and conda-build know them → what they are in PEP 508. Hyphens and underscores add nothing."""

_CONDA_NAME = re.compile(r"(?:[^\s:]+::)?(?P<name>[A-Za-z0-9_][A-Za-z0-9_.-]*)(?P<rest>.*)", re.DOTALL)
_IGNORED = frozenset({"name", "dependencies", "channels", "prefix", "platforms", "variables", "category"})


def read_environment(text: str, place: Place, into: Imported) -> Iterator[Include]:
    """Read an environment file; yield what its pip part includes.

    Args:
        text: of the file.
        place: what the file is.
        into: gets what it says.
    """
    root = parse_yaml(text.encode(), place.shown, into.problems)
    if not isinstance(root, MappingNode):
        if not into.problems:
            into.refuse("an environment file is a mapping with dependencies", Origin(place.shown))
        return
    entries = {key.text: value for key, value in root.entries}
    name = entries.get("name")
    if isinstance(name, ScalarNode) and not name.is_null:
        into.name = name.text
    for key, value in root.entries:
        if key.text not in _IGNORED:
            into.notes.append(f"{place.shown}:{key.line}: left out {key.text}")
        if key.text == "platforms" and isinstance(value, SequenceNode):
            into.platforms += [item.text for item in value.items if isinstance(item, ScalarNode)]
        if key.text == "variables" and isinstance(value, MappingNode) and value.entries:
            into.notes.append(f"{place.shown}:{key.line}: left out variables: a lock sets no environment variables")
    dependencies = entries.get("dependencies")
    if not isinstance(dependencies, SequenceNode):
        into.refuse("an environment file has a list of dependencies", Origin(place.shown, root.line))
        return
    reader = _Reader(text.splitlines(), place, into)
    reader.channels(entries.get("channels"))
    for item in dependencies.items:
        yield from reader.dependency(item)
    reader.finish()


class _Reader:
    def __init__(self, lines: list[str], place: Place, into: Imported) -> None:
        self._lines = lines
        self._place = place
        self._into = into

    def channels(self, node: Node | None) -> None:
        """Read the list of channels."""
        for item in node.items if isinstance(node, SequenceNode) else ():
            if isinstance(item, ScalarNode):
                self._into.add_channel(Written(item.text.strip(), Origin(self._place.shown, item.line)))

    def dependency(self, node: Node) -> Iterator[Include]:
        """Read one entry of ``dependencies``."""
        if isinstance(node, MappingNode):
            for key, value in node.entries:
                if key.text == "pip" and isinstance(value, SequenceNode):
                    for item in value.items:
                        yield from self._pip(item)
                elif key.text != "pip" or not (isinstance(value, ScalarNode) and value.is_null):
                    origin = Origin(self._place.shown, key.line)
                    self._into.refuse(f"expected a list under pip, found {key.text}: {describe(value)}", origin)
        elif isinstance(node, ScalarNode):
            self._package(Written(node.text.strip(), Origin(self._place.shown, node.line)))
        else:
            self._into.refuse(f"expected a package, found {describe(node)}", Origin(self._place.shown, node.line))

    def finish(self) -> None:
        """Add channels where the file names packages of conda and no channel: those that conda itself takes then."""
        if self._into.conda and not self._into.channels:
            self._into.add_channel(Written("defaults", self._into.conda[0].origin))

    def _package(self, written: Written) -> None:
        match = _CONDA_NAME.fullmatch(written.text)
        name = match["name"].lower() if match else ""
        rest = match["rest"].strip() if match else ""
        if name == "python":
            self._into.ask_for_python(Written(rest, written.origin))
        elif name in CONDA_TOOLS:
            if rest:
                self._into.notes.append(f"{written.origin}: left out {written.text}")
        elif selector := self._selector(written.origin.line):
            if marker := self._marker(selector, written.origin, "as platforms"):
                self._into.require_of_conda(written._replace(platforms=platforms_of(marker)))
        else:
            self._into.require_of_conda(written)

    def _pip(self, node: Node) -> Iterator[Include]:
        origin = Origin(self._place.shown, node.line)
        if not isinstance(node, ScalarNode):
            self._into.refuse(f"expected a requirement under pip, found {describe(node)}", origin)
            return
        line = node.text.strip()
        if selector := self._selector(node.line):
            if ";" in line:
                self._into.refuse(f"{line} has a marker beside the selector [{selector}]", origin, "keep one of them")
                return
            marker = self._marker(selector, origin, "as a marker")
            if marker is None:
                return
            line = f"{line} ; {marker}"
        yield from read_line(line, self._place, origin, self._into)

    def _marker(self, selector: str, origin: Origin, form: str) -> str | None:
        """Return what a selector is in PEP 508, or None after having refused it."""
        marker = _MARKERS.get(" ".join(selector.replace("-", "").replace("_", "").split()))
        if marker is None:
            self._into.refuse(f"the selector [{selector}] cannot be said {form}", origin)
        return marker

    def _selector(self, line: int) -> str | None:
        """Return the selector in the comment at the end of a line."""
        found = _SELECTOR.search(self._lines[line - 1]) if line <= len(self._lines) else None
        return found["selector"] if found else None

"""What the single words of a spec look like, wherever they stand: names, platforms, versions."""

from __future__ import annotations

import re
from typing import Any

from envsolver.model.candidate import normalize_name
from envsolver.model.target import KNOWN_PLATFORMS, LATEST_PATCH
from envsolver.spec.kinds import Choice, Text

__all__ = [
    "ADVISORY_PATTERN",
    "GROUP_NAME",
    "MODULE",
    "NAME_PATTERN",
    "PLATFORM",
    "PROJECT",
    "PROSE",
    "PYTHON_PATTERN",
    "RULE_PATTERN",
    "SPEC_NAME",
    "line",
]

NAME_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_BASE_NAME_PATTERN = r"[A-Za-z0-9_][A-Za-z0-9._-]*"
PYTHON_PATTERN = rf"(?:{'|'.join(map(re.escape, LATEST_PATCH))})(?:\.(?:0|[1-9]\d*))?"
_GROUP_PATTERN = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
ADVISORY_PATTERN = r"[A-Za-z][A-Za-z0-9]*(?:-[A-Za-z0-9]+)+"
RULE_PATTERN = r"[A-Z][A-Z0-9]*(?:-[A-Z0-9]+)*"

_PLATFORM_SYNONYMS = {
    "linux": "linux-64",
    "linux-x86_64": "linux-64",
    "linux_x86_64": "linux-64",
    "x86_64-unknown-linux-gnu": "linux-64",
    "linux-arm64": "linux-aarch64",
    "linux_aarch64": "linux-aarch64",
    "aarch64-unknown-linux-gnu": "linux-aarch64",
    "macos": "osx-arm64",
    "macos-arm64": "osx-arm64",
    "darwin": "osx-arm64",
    "aarch64-apple-darwin": "osx-arm64",
    "macos-x86_64": "osx-64",
    "x86_64-apple-darwin": "osx-64",
    "windows": "win-64",
    "win32": "win-64",
    "win_amd64": "win-64",
    "x86_64-pc-windows-msvc": "win-64",
    "manylinux": "linux-64",
}


def line(expected: str, pattern: str | None = None, **more: Any) -> Text:
    """Return a text on one line that matches a pattern; more as :class:`Text` takes it."""
    return Text(expected, pattern=pattern, **more)


PLATFORM = Choice("a platform", tuple(KNOWN_PLATFORMS), _PLATFORM_SYNONYMS)
PROJECT = line("the name of a package", _GROUP_PATTERN, normalise=normalize_name)
GROUP_NAME = line("the name of a group", _GROUP_PATTERN, normalise=normalize_name)
MODULE = line("the name of a module", r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*")
SPEC_NAME = line("the name of a spec, without '.yaml'", _BASE_NAME_PATTERN)
PROSE = Text("a text", lines=True)

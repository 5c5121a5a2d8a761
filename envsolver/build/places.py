"""Files of packages of conda that carry the place of their environment, and what they are without it.

Such a file has a long placeholder in its package, which an installation replaces by the prefix. To be the same
wherever the environment lies, it counts as it is in its package: the prefix is taken out again.
"""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Literal

from envsolver.build.layout import OWN_FOLDER
from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["PLACES", "STARTERS", "Place", "Places", "normal", "read_places", "write_places"]

PLACES = f"{OWN_FOLDER}/places.json"
"""Where an environment keeps what it knows of such files, relative to its prefix."""
_VERSION = 1
_BY_SHELL = re.compile(rb"\A#!/bin/sh\n'''exec' \"([^\"\n]*)\"([^\n]*) \"\$0\" \"\$@\" #'''\n")
_BY_ENV = re.compile(rb"\A#!/usr/bin/env ")
Starter = Literal["", "shell", "env"]


STARTERS: tuple[Starter, ...] = ("", "shell", "env")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One file.

    Attributes:
        placeholder: what stands in its package where the prefix stands here.
        binary: whether strings end with a NUL and are padded with more where they became shorter.
        starter: how its first line names an interpreter where a kernel would not take it, too long as it is.
    """

    placeholder: str
    binary: bool
    starter: Starter = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """What an environment knows of its place.

    Attributes:
        prefix: for which it was made, absolute.
        files: path relative to the prefix → how the prefix stands in it.
    """

    prefix: str
    files: dict[str, Place]

    def is_unproven(self, path: str) -> bool:
        """Say whether a path is bytecode of a module that carries the prefix: Python writes it as it likes."""
        folder, _, name = path.rpartition("/")
        if not folder.endswith("/__pycache__") or not name.endswith(".pyc"):
            return False
        return f"{folder.removesuffix('/__pycache__')}/{name.split('.', 1)[0]}.py" in self.files


def normal(data: bytes, prefix: str, place: Place) -> bytes:
    """Return a file as it is in its package.

    Args:
        data: of the file as it is installed.
        prefix: that stands in it.
        place: how.
    """
    here, there = os.fsencode(prefix), place.placeholder.encode()
    if not place.binary:
        if place.starter == "shell":
            data = _BY_SHELL.sub(rb"#!\1\2\n", data)
        elif place.starter == "env":
            data = _BY_ENV.sub(b"#!" + here.replace(b"\\", b"\\\\") + b"/bin/", data)
        return data.replace(here, there)
    found = []
    start = 0
    while (at := data.find(here, start)) >= 0:
        stop = data.find(b"\0", at)
        stop = len(data) if stop < 0 else stop
        text = data[at:stop].replace(here, there)
        padding = len(text) - (stop - at)
        if data[stop : stop + padding].strip(b"\0"):
            break  # it was not made so
        found += [data[start:at], text]
        start = stop + padding
    return b"".join([*found, data[start:]])


def write_places(root: Path, places: Places) -> None:
    """Write what an environment knows of its place.

    Raises:
        OSError: it cannot be written.
    """
    files = {
        path: {"placeholder": place.placeholder, "binary": place.binary, "starter": place.starter}
        for path, place in sorted(places.files.items())
    }
    text = json.dumps({"version": _VERSION, "prefix": places.prefix, "files": files}, indent=1)
    (root / PLACES).write_text(f"{text}\n", encoding="utf-8")


def read_places(root: Path) -> Places | None:
    """Return what an environment knows of its place, None if it knows nothing that can be read."""
    try:
        content = json.loads((root / PLACES).read_text(encoding="utf-8"))
        if content["version"] != _VERSION:
            return None
        files = {
            str(path): Place(placeholder=str(one["placeholder"]), binary=bool(one["binary"]), starter=one["starter"])
            for path, one in content["files"].items()
            if one["placeholder"]
        }
        return Places(prefix=str(content["prefix"]), files=files)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None

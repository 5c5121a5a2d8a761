"""What an environment holds, file by file, and the one digest of it.

Everything is written down as if the environment lay at ``@PREFIX@`` over an interpreter at ``@PYTHON@``, so that one
lock gives one manifest, wherever it is built.
"""

from __future__ import annotations

import os
import re
from dataclasses import field
from hashlib import sha256
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from envsolver.build.layout import OWN_FOLDER
from envsolver.model.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

__all__ = [
    "LINK",
    "MANIFEST",
    "PYTHON",
    "Entry",
    "Manifest",
    "Part",
    "dump_entries",
    "dumps",
    "link_entry",
    "load_entries",
    "loads",
    "normal_config",
    "read_manifest",
    "tree_digest",
]

MANIFEST = f"{OWN_FOLDER}/manifest"
"""Where an environment keeps its manifest, relative to its prefix."""
LINK = "link"
PYTHON = "@PYTHON@"
_HEAD = "envsolver-manifest 1"
_HOME = re.compile(rb"(?m)^home = .*$")


class Entry(NamedTuple):
    """One file. A named tuple: an environment has fifty thousand of them.

    Attributes:
        path: relative to the prefix, with ``/``.
        mode: ``644``, ``755`` or :data:`LINK`.
        sha256: of the content; of a link, of its target.
        size: bytes; of a link 0.
    """

    path: str
    mode: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one package brings.

    Attributes:
        name: canonical; empty for the environment's own files.
        version: empty likewise.
        sha256: of the wheel.
        entries: sorted by path.
    """

    name: str
    version: str
    sha256: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """An environment as it is meant to be.

    Attributes:
        environment: its name.
        platform: ``linux-64``.
        python: minor version.
        groups: beside the base, sorted.
        bytecode: whether it is compiled.
        parts: sorted by name; each path stands in one of them only.
        digest: ``sha256:`` and the tree digest, which follows from them.
    """

    environment: str
    platform: str
    python: str
    groups: tuple[str, ...]
    bytecode: bool
    parts: tuple[Part, ...]
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        """Take the digest, once: it is asked for several times, and takes a while."""
        object.__setattr__(self, "digest", tree_digest(entry for part in self.parts for entry in part.entries))

    @property
    def files(self) -> int:
        """How many files and links there are."""
        return sum(len(part.entries) for part in self.parts)


def tree_digest(entries: Iterable[Entry]) -> str:
    """Return the digest of a tree: of ``path NUL mode NUL sha256 LF`` for each file, sorted by path."""
    # UTF-8 sorts as the characters that it stands for do.
    lines = [f"{path}\0{mode}\0{digest}\n" for path, mode, digest, _ in sorted(entries, key=itemgetter(0))]
    return f"sha256:{sha256(''.join(lines).encode('utf-8', 'surrogateescape')).hexdigest()}"


def normal_config(data: bytes) -> bytes:
    """Return a ``pyvenv.cfg`` as it counts: without the place of the interpreter."""
    return _HOME.sub(f"home = {PYTHON}".encode(), data)


def dump_entries(entries: Iterable[Entry]) -> str:
    """Return one line for each entry, the path last; paths hold no control characters."""
    return "".join(f"{entry.mode} {entry.sha256} {entry.size} {entry.path}\n" for entry in entries)


def load_entries(lines: Iterable[str]) -> tuple[Entry, ...]:
    """Undo :func:`dump_entries`.

    Raises:
        ValueError: a line is none of its lines.
    """
    entries = []
    for line in lines:
        mode, digest, size, path = line.split(" ", 3)
        entries.append(Entry(path, mode, digest, int(size)))
    return tuple(entries)


def dumps(manifest: Manifest) -> str:
    """Return the text of a manifest."""
    head = [
        _HEAD,
        f"environment {manifest.environment}",
        f"platform {manifest.platform}",
        f"python {manifest.python}",
        f"groups {' '.join(manifest.groups)}",
        f"bytecode {'yes' if manifest.bytecode else 'no'}",
        f"tree {manifest.digest}",
        "",
    ]
    parts = [
        f"package {part.name} {part.version} {part.sha256}\n{dump_entries(part.entries)}" for part in manifest.parts
    ]
    return "\n".join(head) + "".join(parts)


def loads(text: str) -> Manifest:
    """Undo :func:`dumps`.

    Raises:
        ValueError: it is no manifest, or its digest is not that of its lines.
    """
    lines = text.splitlines()
    if len(lines) < 7 or lines[0] != _HEAD:
        raise ValueError("not a manifest of this version")
    head = dict(line.partition(" ")[::2] for line in lines[1:7])
    manifest = Manifest(
        environment=head["environment"],
        platform=head["platform"],
        python=head["python"],
        groups=tuple(head["groups"].split()),
        bytecode=head["bytecode"] == "yes",
        parts=tuple(_parts(lines[7:])),
    )
    if manifest.digest != head["tree"]:
        raise ValueError("its digest is not that of its lines")
    return manifest


def _parts(lines: Sequence[str]) -> Iterable[Part]:
    starts = [number for number, line in enumerate(lines) if line.startswith("package ")]
    for start, stop in zip(starts, [*starts[1:], len(lines)], strict=True):
        name, version, digest = lines[start].split(" ")[1:]
        yield Part(name=name, version=version, sha256=digest, entries=load_entries(lines[start + 1 : stop]))


def link_entry(path: str, target: str) -> Entry:
    """Return the entry of a symbolic link."""
    return Entry(path, LINK, sha256(os.fsencode(target)).hexdigest(), 0)


def read_manifest(prefix: Path) -> Manifest | None:
    """Return the manifest of an environment, or None if it has none that can be read."""
    try:
        return loads((prefix / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError):
        return None

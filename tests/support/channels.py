"""Channels of conda in folders, made of repodata alone: enough to lock from."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["ChannelFolder"]

PYTHON = "python >=3.9,<3.10.0a0"
MOMENT = 1_660_000_000_000
"""Milliseconds: August 2022."""


@dataclass
class ChannelFolder:
    """A channel; written anew whenever a package is added."""

    folder: Path
    subdirs: dict[str, dict[str, dict[str, Any]]] = field(default_factory=lambda: {"linux-64": {}, "noarch": {}})

    @property
    def url(self) -> str:
        return self.folder.as_uri()

    def add(
        self,
        name: str,
        version: str,
        depends: Sequence[str] = (),
        *,
        build: str = "0",
        number: int = 0,
        subdir: str = "linux-64",
        constrains: Sequence[str] = (),
        suffix: str = ".conda",
        **changed: Any,
    ) -> str:
        """Add a package; ``changed`` replaces keys of its record, None takes one out. Return its file name."""
        filename = f"{name}-{version}-{build}{suffix}"
        digest = hashlib.sha256(f"{self.folder.name}/{filename}".encode()).hexdigest()
        record = {
            "name": name,
            "version": version,
            "build": build,
            "build_number": number,
            "depends": list(depends),
            "constrains": list(constrains),
            "subdir": subdir,
            "sha256": digest,
            "md5": digest[:32],
            "size": 1000,
            "timestamp": MOMENT,
            **changed,
        }
        self.subdirs.setdefault(subdir, {})[filename] = {k: v for k, v in record.items() if v is not None}
        self.write()
        return filename

    def python(self, *versions: str) -> None:
        """Add interpreters."""
        for version in versions:
            self.add("python", version)

    def write(self) -> None:
        for subdir, packages in self.subdirs.items():
            path = self.folder / subdir / "repodata.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            document: dict[str, Any] = {"info": {"subdir": subdir}, "repodata_version": 1}
            for key, old in (("packages", True), ("packages.conda", False)):
                document[key] = {name: one for name, one in packages.items() if name.endswith(".tar.bz2") is old}
            path.write_text(json.dumps(document), encoding="utf-8")

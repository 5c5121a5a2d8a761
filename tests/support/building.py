"""A project with a loopback index whose environments are built, and hostile wheels."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import sys
import zipfile
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["MINOR", "raw_wheel", "record_of", "snapshot"]

MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"
"""Of the interpreter that runs the tests, which the environments of tests are built with."""


def record_of(members: Mapping[str, bytes], info: str) -> bytes:
    """Return the RECORD of some members."""
    lines = []
    for path, data in members.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        lines.append(f"{path},sha256={digest},{len(data)}")
    return "\n".join([*lines, f"{info}/RECORD,,", ""]).encode()


def raw_wheel(
    members: Mapping[str, bytes] | Sequence[tuple[str, bytes]] = (),
    *,
    name: str = "evil",
    modes: Mapping[str, int] | None = None,
    record: bytes | None = None,
    entry_points: str | None = None,
) -> bytes:
    """Return a wheel of version 1.0 with these members as they are; nothing about it need make sense.

    Args:
        members: path → content, or pairs where one path is to stand twice.
        name: of the project.
        modes: path → mode, with its type bits.
        record: RECORD, instead of the one that fits.
        entry_points: content of ``entry_points.txt``.
    """
    info = f"{name}-1.0.dist-info"
    pairs: list[tuple[str, bytes]] = list(members.items() if isinstance(members, Mapping) else members)
    pairs += [
        (f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode()),
        (f"{info}/WHEEL", b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"),
    ]
    if entry_points is not None:
        pairs.append((f"{info}/entry_points.txt", entry_points.encode()))
    files = {path: data for path, data in pairs if not path.endswith("/")}
    pairs.append((f"{info}/RECORD", record_of(files, info) if record is None else record))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, data in pairs:
            entry = zipfile.ZipInfo(path, (1980, 1, 1, 0, 0, 0))
            entry.external_attr = (modes or {}).get(path, 0o100644) << 16
            archive.writestr(entry, data)
    return buffer.getvalue()


def snapshot(folder: Path) -> dict[str, tuple[str, int, int]]:
    """Return digest or target, mode and time of each file below a folder, by its path."""
    found = {}
    for path in sorted(folder.rglob("*")):
        stat = path.lstat()
        if path.is_symlink():
            found[path.relative_to(folder).as_posix()] = (os.readlink(path), 0, 0)  # noqa: PTH115 - as text
        elif path.is_file():
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            found[path.relative_to(folder).as_posix()] = (digest, stat.st_mode & 0o777, int(stat.st_mtime))
    return found

"""The lock file: values to text and back."""

from __future__ import annotations

from envsolver.lock.digest import content_digest
from envsolver.lock.header import LockHeader, read_header
from envsolver.lock.reader import loads
from envsolver.lock.writer import dumps

__all__ = ["LockHeader", "content_digest", "dumps", "loads", "read_header"]

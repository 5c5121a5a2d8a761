"""What differs between two states of a lock."""

from __future__ import annotations

from envsolver.lock.diff import LockDiff, diff_locks
from envsolver.lock.difftext import diff_data, diff_markdown, diff_text

__all__ = ["LockDiff", "diff_data", "diff_locks", "diff_markdown", "diff_text"]

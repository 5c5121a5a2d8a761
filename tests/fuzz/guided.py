"""Inputs that libFuzzer makes, led by the branches of envsolver that they reach (atheris)."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.fuzz.guard import SECONDS, judge
from tests.fuzz.inputs import LARGEST

if TYPE_CHECKING:
    from tests.fuzz.guard import Target

__all__ = ["explore"]

_MEGABYTES = 2500


def explore(target: Target, seconds: float, found: Path) -> int:
    """Feed a target until the time is over. libFuzzer ends the process itself, with a status of its own if it found."""
    import atheris  # type: ignore[import-untyped,unused-ignore] # it has no types, and need not be installed

    for seed in target.seeds:  # imports everything that the parser needs, with its branches marked
        with atheris.instrument_imports(include=["envsolver"]):
            judge(target, seed)
    corpus, kept = Path(tempfile.mkdtemp(prefix="corpus-")), found / target.name
    for number, seed in enumerate(target.seeds):
        (corpus / str(number)).write_bytes(seed)
    kept.mkdir(parents=True, exist_ok=True)
    flags: dict[str, object] = {
        "max_total_time": int(seconds),
        "max_len": LARGEST,
        "timeout": int(SECONDS),
        "rss_limit_mb": _MEGABYTES,
        "artifact_prefix": f"{kept}{os.sep}",
    }
    if target.words:
        flags["dict"] = words = corpus.with_suffix(".dict")
        quoted = ("".join(f"\\x{byte:02x}" for byte in word) for word in target.words)
        words.write_text("".join(f'"{word}"\n' for word in quoted), encoding="ascii")
    atheris.Setup(
        [sys.argv[0], *(f"-{key}={value}" for key, value in flags.items()), str(corpus)],
        lambda data: judge(target, data) and None,
    )
    atheris.Fuzz()
    return 0

"""``python -m smoke RESULTS CHECK …``."""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from typing import Any

from . import CHECKS, load, models, others, training

__all__ = ["models", "others", "training"]  # imported for the checks that they register


def run(name: str) -> dict[str, Any]:
    """Run one check (or, for ``import:NAME``, import a module) and return what is to be said about it."""
    started = time.time()
    found: dict[str, Any] = {"check": name, "ok": True}
    try:
        if name.startswith("import:"):
            load(name[len("import:") :])
        else:
            CHECKS[name]()
    except BaseException as error:  # noqa: BLE001  # packages raise SystemExit too, and what is raised is the finding
        found.update(ok=False, error=_one_line(error), at=_place(error), trace=_tail(traceback.format_exc()))
    found["seconds"] = round(time.time() - started, 1)
    return found


def _one_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else ''}".rstrip(": ")[:400]


def _place(error: BaseException) -> str:
    """Return file and line of the innermost frame that is in site-packages, relative to it; empty if there is none."""
    frames = [(frame.filename.replace("\\", "/"), frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    inside = [(name, line) for name, line in frames if "/site-packages/" in name]
    return f"{inside[-1][0].rsplit('/site-packages/', 1)[1]}:{inside[-1][1]}" if inside else ""


def _tail(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-40:])


def main(arguments: list[str]) -> None:
    """Run the checks named on the command line, one after another."""
    with open(arguments[0], "a", encoding="utf-8") as results:  # noqa: PTH123  # unbuffered by line
        for name in arguments[1:]:
            results.write(json.dumps({"began": name}) + "\n")
            results.flush()
            results.write(json.dumps(run(name)) + "\n")
            results.flush()
    # Threads that packages leave behind must not keep a finished test from ending.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])

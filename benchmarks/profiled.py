"""envsolver under a profiler: ``python profiled.py OUT ARGUMENTS`` writes where the main thread's time went.

Time is counted where it is spent, and what is built into Python where it is called from; waiting for sockets and for
other threads stands by itself.
"""

from __future__ import annotations

import cProfile
import json
import pstats
import sys
from collections import defaultdict
from pathlib import Path

import envsolver

_HOUSE = Path(envsolver.__file__).parent
_WAITING = ("'poll' of 'select.", "'acquire' of '_thread", "'select' of")


def _area(file: str, function: str) -> str:
    """Return what a function belongs to: a package of envsolver, a library, or Python."""
    if file == "~":
        return "waiting" if any(part in function for part in _WAITING) else ""
    path = Path(file)
    if path.is_relative_to(_HOUSE):
        return f"envsolver.{path.relative_to(_HOUSE).parts[0].removesuffix('.py')}"
    parts = path.parts
    if "site-packages" in parts:
        return parts[parts.index("site-packages") + 1].removesuffix(".py")
    if file.startswith("<frozen importlib"):
        return "imports"
    # Of the standard library: the module, which stands below the folder of Python's own.
    home = Path(json.__file__).parent.parent
    return path.relative_to(home).parts[0].removesuffix(".py") if path.is_relative_to(home) else "Python"


def areas(profile: cProfile.Profile) -> dict[str, float]:
    """Return area → seconds, most first."""
    found: dict[str, float] = defaultdict(float)
    statistics: dict[tuple[str, int, str], tuple[int, int, float, float, dict[tuple[str, int, str], tuple[float, ...]]]]
    statistics = pstats.Stats(profile).stats  # type: ignore[attr-defined] # typeshed knows the methods only
    for (file, _, function), (_, _, own, _, callers) in statistics.items():
        area = _area(file, function)
        if area or not callers:
            found[area or "Python"] += own
            continue
        for (caller, _, name), (*_, spent, _) in callers.items():
            found[_area(caller, name) or "Python"] += spent
    return dict(sorted(found.items(), key=lambda pair: -pair[1]))


def main() -> None:
    """Run envsolver and end as it does."""
    output = Path(sys.argv.pop(1))
    profile = cProfile.Profile()
    profile.enable()
    try:
        from envsolver.cli.main import main as run

        status = run()
    finally:
        profile.disable()
        output.write_text(json.dumps(areas(profile)), encoding="utf-8")
    sys.exit(status)


if __name__ == "__main__":
    main()

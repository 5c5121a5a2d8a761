"""Reports of probes for tests: recorded ones, and what is derived from them by edits that stand beside them.

``python -m tests.support.probes`` writes the derived ones anew. ``tests/data/probes/edits.json`` has, for each, the
report that it is made of, what it stands for and what that rests on, and a merge patch (RFC 7396); the checks of a
report are merged by their names.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envsolver.gpu.codec import load_report

if TYPE_CHECKING:
    from envsolver.gpu.model import Expectations, Report

__all__ = ["FOLDER", "derived", "expected_then", "recorded", "report"]

FOLDER = Path(__file__).resolve().parent.parent / "data" / "probes"


def report(name: str) -> Report:
    """Return a report by the name of its file without suffix."""
    return load_report((FOLDER / f"{name}.json").read_bytes())


def expected_then(name: str) -> Expectations:
    """Return what the lock expected of which a report was recorded: locks move on, recordings do not."""
    import msgspec

    from envsolver.gpu.model import Expectations

    return msgspec.json.decode((FOLDER / f"expect-{name}.json").read_bytes(), type=Expectations)


def recorded() -> tuple[str, ...]:
    """Return the names of the reports that a probe wrote."""
    return tuple(sorted(path.stem for path in FOLDER.glob("recorded-*.json")))


def derived() -> dict[str, str]:
    """Return name → text of all derived reports, as the edits make them; one may be made of an earlier one."""
    found: dict[str, str] = {}
    for name, edit in json.loads((FOLDER / "edits.json").read_text(encoding="utf-8")).items():
        base = edit["from"]
        found[name] = _text(found.get(base) or (FOLDER / f"{base}.json").read_text(encoding="utf-8"), edit)
    return found


def _text(base: str, edit: dict[str, Any]) -> str:
    data = json.loads(base)
    checks = {one["check"]: one for one in data["checks"]}
    patch = dict(edit["patch"])
    for name, change in patch.pop("checks", {}).items():
        checks[name] = _merged(checks.get(name, {"check": name}), change)
    data = _merged(data, patch)
    data["checks"] = list(checks.values())
    data["origin"] = f"derived from {edit['from']}: {edit['stands for']}"
    return json.dumps(data, indent=2, sort_keys=True) + "\n"


def _merged(value: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    found = dict(value) if isinstance(value, dict) else {}
    for key, change in patch.items():
        if change is None:
            found.pop(key, None)
        else:
            found[key] = _merged(found.get(key), change)
    return found


if __name__ == "__main__":
    for report_name, text in derived().items():
        (FOLDER / f"{report_name}.json").write_text(text, encoding="utf-8")

"""A difference between locks as text for a terminal, Markdown for a pull request, or plain data for JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envsolver.lock.diff import Change, ChangeKind, LockDiff, Setting

__all__ = ["diff_data", "diff_markdown", "diff_text"]

_SIGNS: dict[ChangeKind, str] = {
    "added": "+",
    "removed": "-",
    "upgraded": "↑",
    "downgraded": "↓",
    "rehashed": "!",
    "reindexed": "!",
    "refiled": "~",
    "rewired": "~",
}


def diff_text(diff: LockDiff) -> str:
    """Return the difference as plain lines, empty if there is none."""
    lines = [f"{setting.what}: {_values(setting)}" for setting in diff.settings]
    for change in diff.changes:
        targets = f"  ({', '.join(change.targets)})" if change.targets else ""
        lines.append(f"{_SIGNS[change.kind]} {change.name} {_versions(change)}{targets}")
        lines += [f"    {text}" for text in _remarks(change)]
    return "".join(f"{line}\n" for line in lines)


def diff_markdown(diff: LockDiff) -> str:
    """Return the difference as a section of a Markdown document."""
    lines = [f"### {_cell(diff.name)}", ""]
    if not diff:
        return "\n".join([*lines, "No change.", ""])
    if diff.settings:
        lines += [f"- {_cell(setting.what)}: {_cell(_values(setting))}" for setting in diff.settings]
        lines.append("")
    if diff.changes:
        lines += ["| package | old | new | what | why |", "| --- | --- | --- | --- | --- |"]
        for change in diff.changes:
            where = [f"only {', '.join(change.targets)}"] if change.targets else []
            cells = [
                change.name,
                change.old or "",
                change.new or "",
                "; ".join([change.kind, *change.details, *where]),
                "; ".join(change.reasons),
            ]
            lines.append(f"| {' | '.join(_cell(cell) for cell in cells)} |")
        lines.append("")
    return "\n".join(lines)


def diff_data(diff: LockDiff) -> dict[str, object]:
    """Return the difference as what ``json.dumps`` takes."""
    return {
        "name": diff.name,
        "settings": [{"what": item.what, "old": item.old, "new": item.new} for item in diff.settings],
        "changes": [
            {
                "package": change.name,
                "kind": change.kind,
                "old": change.old,
                "new": change.new,
                "targets": list(change.targets),
                "details": list(change.details),
                "reasons": list(change.reasons),
            }
            for change in diff.changes
        ],
    }


def _values(setting: Setting) -> str:
    if setting.old is None:
        return f"added ({setting.new})"
    if setting.new is None:
        return f"removed ({setting.old})"
    return f"{setting.old} → {setting.new}"


def _versions(change: Change) -> str:
    if change.old is None or change.new is None:
        return change.new or change.old or ""
    return change.old if change.old == change.new else f"{change.old} → {change.new}"


def _remarks(change: Change) -> Iterator[str]:
    if change.kind in {"rehashed", "reindexed", "refiled", "rewired"}:
        yield f"{change.kind}, same version"
    yield from change.details
    yield from change.reasons


def _cell(text: str) -> str:
    """Return text that Markdown shows as it is: names and versions come from strangers."""
    escaped = "".join(f"\\{character}" if character in "\\|`*_[]<>#~" else character for character in text)
    return " ".join(escaped.split())

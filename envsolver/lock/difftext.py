"""A difference between locks as text for a terminal, Markdown for a pull request, or plain data for JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envsolver.model.wording import size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envsolver.lock.diff import Change, ChangeKind, LockDiff, Setting, SizeChange

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


_MUCH = 1_000_000
"""Bytes of which a reviewer wants to know."""


def diff_text(diff: LockDiff) -> str:
    """Return the difference as plain lines, empty if there is none."""
    lines = [f"{setting.what}: {_values(setting)}" for setting in diff.settings]
    for change in diff.changes:
        targets = f"  ({', '.join(change.targets)})" if change.targets else ""
        lines.append(f"{_SIGNS[change.kind]} {change.name} {_versions(change)}{targets}")
        lines += [f"    {text}" for text in _remarks(change)]
    for build in diff.builds:
        lines.append(f"~ build of {build.name} on {build.platform}")
        lines += [f"    {text}" for text in build.details]
    lines += [f"download for {one.target}: {_sizes(one)}" for one in _told(diff)]
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
                "; ".join([change.kind, *change.details, *_licensed(change), *_grown(change), *where]),
                "; ".join(change.reasons),
            ]
            lines.append(f"| {' | '.join(_cell(cell) for cell in cells)} |")
        lines.append("")
    if diff.builds:
        lines += ["| source archive | platform | what changed in its build |", "| --- | --- | --- |"]
        for build in diff.builds:
            cells = [build.name, build.platform, "; ".join(build.details)]
            lines.append(f"| {' | '.join(_cell(cell) for cell in cells)} |")
        lines.append("")
    if told := _told(diff):
        lines += [f"- download for {_cell(one.target)}: {_cell(_sizes(one))}" for one in told]
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
                "direct": change.direct,
                "old_size": change.old_size,
                "new_size": change.new_size,
                "old_license": change.old_license,
                "new_license": change.new_license,
            }
            for change in diff.changes
        ],
        "builds": [
            {"package": build.name, "platform": build.platform, "details": list(build.details)} for build in diff.builds
        ],
        "sizes": [{"target": one.target, "old": one.old, "new": one.new} for one in diff.sizes],
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
    yield from _licensed(change)
    yield from _grown(change)


def _licensed(change: Change) -> Iterator[str]:
    """Yield under which other license a package is now, or that of one that is new."""
    old, new = change.old_license, change.new_license
    if change.kind == "added":
        if new is not None:
            yield f"license {new}"
    elif old != new:
        yield f"license {old or 'not known'} → {new or 'not known'}"


def _grown(change: Change) -> Iterator[str]:
    """Yield how much larger or smaller a file is, where that is worth a look: a tenth, and a megabyte."""
    old, new = change.old_size, change.new_size
    if change.kind == "added" and new is not None and new >= _MUCH:
        yield f"{size(new)} to download"
    elif old is not None and new is not None and abs(new - old) >= max(_MUCH, old // 10):
        yield f"{size(old)} → {size(new)}"


def _told(diff: LockDiff) -> list[SizeChange]:
    return [one for one in diff.sizes if abs(one.new - one.old) >= _MUCH]


def _sizes(change: SizeChange) -> str:
    sign = "+" if change.new > change.old else "-"
    known = "" if change.whole else ", as far as sizes are known"
    return f"{size(change.old)} → {size(change.new)} ({sign}{size(abs(change.new - change.old))}{known})"


def _cell(text: str) -> str:
    """Return text that Markdown shows as it is: names and versions come from strangers."""
    escaped = "".join(f"\\{character}" if character in "\\|`*_[]<>#~" else character for character in text)
    return " ".join(escaped.split())

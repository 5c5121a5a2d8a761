"""A lock as ``requirements.txt`` with hashes, annotated like those of pip-tools. For pip, uv and pip-tools."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envsolver.formats.pins import select
from envsolver.lock.writer import HIDDEN
from envsolver.model.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from envsolver.formats.pins import PinLine, Selection
    from envsolver.lock.model import Lock, LockedTarget

__all__ = ["comment", "dumps", "heading"]


def dumps(lock: Lock, *, platform: str | None = None, groups: Iterable[str] = (), hashes: bool = True) -> str:
    """Return a requirements file.

    Indexes that the spec names are written as options, the default index is not: the reader has one.

    Args:
        lock: of the environment.
        platform: None for all platforms of the lock; what only some of them have then carries a marker.
        groups: names of groups to take beside the base.
        hashes: leave them out to allow checkouts of a version control system, which have none.

    Raises:
        UsageError: the lock has no such platform or group, the groups exclude each other, or something in it has no
            hash.
    """
    selection = select(lock, platform, groups)
    if hashes:
        for line in selection.lines:
            if not line.digests:
                raise UsageError(
                    f"{line.name} of {lock.name} is a checkout, and pip wants a hash of everything or of nothing",
                    hint="export without hashes, or as pylock, which locks the commit",
                )
    form = "requirements" if hashes else "requirements --no-hashes"
    lines = [*heading(lock, selection, platform, form), *_beside(lock, selection), *_advice(selection)]
    for index in selection.indexes:
        option = "--find-links" if index.kind == "find-links" else "--extra-index-url"
        lines.append(f"{option} {index.url}")
    lines.append("")
    for line in selection.lines:
        lines += _entry(line, hashes=hashes)
    return "\n".join([*lines, ""])


def heading(lock: Lock, selection: Selection, platform: str | None, form: str) -> Iterator[str]:
    """Yield the comment at the top: how the file was made, and what it holds for."""
    command = ["envsolver export", lock.name, "--format", form]
    command += [f"--platform {platform}"] if platform is not None else []
    command += [f"--group {group}" for group in selection.groups]
    yield "# Exported from a lock of envsolver. Do not edit it; change the spec, lock again, then:"
    yield comment(f"#     {' '.join(command)}")
    yield f"# For CPython {lock.python} on {', '.join(_system(target) for target in selection.targets)}."


def comment(text: str) -> str:
    """Return text on one line, all of it visible: names and paths in a lock may come from strangers."""
    start = len(text) - len(text.lstrip(" #"))
    return text[:start] + " ".join(re.sub(f"[{HIDDEN}]", " ", text[start:]).split())


def _advice(selection: Selection) -> Iterator[str]:
    """Yield what installers have to be told on their command lines."""
    if any(index.kind == "simple" for index in selection.indexes):
        # uv stops at the first index that knows a project, and looks at extra indexes first: on that of a PyTorch
        # variant it would find its few old copies of common projects and not the version that is pinned.
        yield "# Several indexes: uv needs --index-strategy unsafe-best-match; the hashes say which file is meant."
    if selection.overridden:
        yield "# The spec overrides what packages require: install with --no-deps."


def _beside(lock: Lock, selection: Selection) -> Iterator[str]:
    """Yield what has to be there before: a requirements file cannot say it otherwise."""
    packages = {package.name for target in selection.targets for package in lock.conda(target.name)}
    if packages:
        yield f"# For an environment with the {len(packages)} packages of conda of the same lock."
        yield "# Install with --no-deps: pip would look for what they provide."


def _system(target: LockedTarget) -> str:
    facts = f"glibc {target.glibc}" if target.glibc else f"macOS {target.macos}" if target.macos else ""
    return f"{target.platform} ({facts} or newer)" if facts else target.platform


def _entry(line: PinLine, *, hashes: bool) -> Iterator[str]:
    parts: Sequence[str] = [line.requirement(extras=True)]
    if hashes:
        parts = [*parts, *(f"    --hash=sha256:{digest}" for digest in line.digests)]
    yield " \\\n".join(parts)
    if len(line.via) == 1:
        yield comment(f"    # via {line.via[0]}")
    elif line.via:
        yield "    # via"
        yield from (comment(f"    #   {name}") for name in line.via)

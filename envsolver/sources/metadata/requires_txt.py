"""``requires.txt`` of setuptools' egg-info, and ``[project]`` of pyproject.toml → PEP 508 requirements."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["parse_requires_txt", "with_condition"]


def parse_requires_txt(text: str) -> tuple[list[str], list[str]]:
    """Return ``(requirements, extras)`` of a requires.txt.

    Its sections are extras with markers: ``[test]``, ``[:python_version < "3"]``, ``[test:sys_platform == "win32"]``.

    Raises:
        ValueError: a section header does not end.
    """
    requirements: list[str] = []
    extras: list[str] = []
    for extra, marker, line in _lines(text):
        if extra and extra not in extras:
            extras.append(extra)
        if line:
            requirements.append(with_condition(line, marker=marker, extra=extra))
    return requirements, extras


def with_condition(requirement: str, *, marker: str = "", extra: str = "") -> str:
    """Return a requirement that holds only where a marker does too, and for an extra."""
    text, semicolon, own = _split_marker(requirement)
    conditions = [part.strip() for part in (own if semicolon else "", marker) if part.strip()]
    if extra:
        conditions.append(f'extra == "{extra}"')
    if not conditions:
        return requirement.strip()
    if len(conditions) > 1:
        conditions = [f"({part})" if " or " in f" {part} " else part for part in conditions]
    # The blank before the semicolon ends a URL (PEP 508).
    return f"{text.strip()} ; {' and '.join(conditions)}"


def _lines(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield ``(extra, marker, requirement)``; a section yields once with an empty requirement for itself."""
    extra = marker = ""
    for raw in text.splitlines():
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            if not line.endswith("]"):
                raise ValueError(f"the section {line!r} does not end")
            extra, _, marker = (part.strip() for part in line[1:-1].partition(":"))
            if any(character in extra for character in "\"'[]"):
                raise ValueError(f"{extra!r} is no extra")
            yield extra, marker, ""
        else:
            yield extra, marker, line


def _split_marker(requirement: str) -> tuple[str, str, str]:
    # In `name @ https://host/a;b` only a semicolon behind a blank begins a marker.
    return requirement.partition(" ;") if "@" in requirement.partition(";")[0] else requirement.partition(";")

"""Words that messages everywhere have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["did_you_mean", "listed", "markdown_cell", "size", "system_reason", "there_are"]


def did_you_mean(names: Sequence[str]) -> str | None:
    """Return the question whether one of some names was meant, None without any."""
    return f"did you mean {listed([repr(name) for name in names], 'or')}?" if names else None


def listed(words: Sequence[str], last: str = "and") -> str:
    """Return ``a, b and c``; ``last`` is the word before the last one."""
    return f" {last} ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def there_are(names: Sequence[str]) -> str:
    """Return what there is in the place of something that there is not: ``there are 'a' and 'b'``; at least one."""
    return f"there {'is' if len(names) == 1 else 'are'} {listed([repr(name) for name in names])}"


def markdown_cell(text: str) -> str:
    """Return a text that Markdown shows as it is, on one line: names and summaries come from strangers."""
    escaped = "".join(f"\\{character}" if character in "\\|`*_[]<>#~" else character for character in text)
    return " ".join(escaped.split())


def size(bytes_: int) -> str:
    """Return a number of bytes for people, in decimal units: ``999 B``, ``12.3 MB``."""
    value = float(bytes_)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def system_reason(error: OSError) -> str:
    """Return why the system refuses something, as a part of a sentence."""
    return (error.strerror or str(error) or type(error).__name__).lower()

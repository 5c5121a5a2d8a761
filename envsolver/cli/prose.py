"""Markdown as people read it on a terminal: of what envsolver itself writes, no more than that uses."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envsolver.cli.text import fill

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["plain_text"]

_FENCE = "```"
_HEADING = re.compile(r"#{1,6} +(.*)")
_ITEM = re.compile(r"([-*]|\d+\.) +")
_LINK = re.compile(r"\[([^\]]*)\]\(([^)\s]*)\)")
_ESCAPE = re.compile(r"\\([\\`*_\[\]<>#~|])")


def plain_text(markdown: str, *, width: int, heading: Callable[[str], str] = str) -> str:
    """Return a Markdown text with its paragraphs and lists wrapped, and without the marks of headings and links.

    Args:
        markdown: headings, paragraphs, lists and fenced blocks; the last are left as they are, two columns in.
        width: of a line.
        heading: gives a heading its style.
    """
    return "\n\n".join(_blocks(markdown, width, heading)) + "\n"


def _blocks(markdown: str, width: int, heading: Callable[[str], str]) -> Iterator[str]:
    lines = iter(markdown.splitlines())
    paragraph: list[str] = []
    for line in lines:
        title = _HEADING.match(line)
        fenced = line.startswith(_FENCE)
        if paragraph and (title or fenced or not line.strip()):
            yield _paragraph(paragraph, width)
            paragraph = []
        if fenced:
            # An iterator: what is taken here is not seen again.
            code = list(iter(lambda: next(lines, _FENCE), _FENCE))
            yield "\n".join(f"  {one}".rstrip() for one in code)
        elif title:
            yield "\n".join(map(heading, fill(_inline(title[1]), width=width, indent="  ", first="").splitlines()))
        elif line.strip():
            paragraph.append(line)
    if paragraph:
        yield _paragraph(paragraph, width)


def _paragraph(lines: list[str], width: int) -> str:
    """Wrap a paragraph, or each item of a list."""
    items: list[list[str]] = []
    for line in lines:
        if _ITEM.match(line) or not items:
            items.append([])
        items[-1].append(line.strip())
    return "\n".join(_item(_inline(" ".join(item)), width) for item in items)


def _item(text: str, width: int) -> str:
    mark = _ITEM.match(text)
    if mark is None:
        return fill(text, width=width)
    lead = " " * (2 + mark.end())
    return fill(text[mark.end() :], width=width, indent=lead, first=f"  {mark[0]}")


def _inline(text: str) -> str:
    named = _LINK.sub(lambda link: link[1] if link[1] == link[2] or not link[2] else f"{link[1]} ({link[2]})", text)
    return _ESCAPE.sub(r"\1", named)

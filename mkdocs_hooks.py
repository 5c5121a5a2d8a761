"""Hooks of mkdocs: the site takes in what stands above ``docs/``, and names headings as GitHub does."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent
ABOVE = {"README.md": "readme.md", "CHANGELOG.md": "changelog.md", "benchmarks/README.md": "benchmarks.md"}
"""File of the repository → page of the site."""
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[([^\[\]]*)\]\(([^()\s#]+)(#[^()\s]*)?\)")


def slug(text: str, _separator: str = "-") -> str:
    """Return the anchor that GitHub makes of a heading: links in the documents are those that work there."""
    return re.sub(r"[^\w\- ]", "", text.lower()).strip().replace(" ", "-")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Name headings as GitHub does."""
    config.mdx_configs["toc"] = {**config.mdx_configs.get("toc", {}), "slugify": slug}
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that stand above ``docs/``."""
    from mkdocs.structure.files import File

    for source, page in ABOVE.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Page, **_more: Any) -> str:
    """Let links between files of the repository lead to the pages of the site; others stay as text."""
    source = next((above for above, name in ABOVE.items() if name == page.file.src_uri), f"docs/{page.file.src_uri}")

    def leading(match: re.Match[str]) -> str:
        text, link, anchor = match[1], match[2], match[3] or ""
        if re.match(r"[a-z]+:", link):
            return match[0]
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), link))
        if target in ABOVE or target.startswith("docs/"):
            goal = ABOVE.get(target, target.removeprefix("docs/"))
            return f"[{text}]({posixpath.relpath(goal, posixpath.dirname(page.file.src_uri) or '.')}{anchor})"
        return f"{text} (`{target}` of the repository)" if (ROOT / target).exists() else match[0]

    parts = []
    at = 0
    for fence in _FENCE.finditer(markdown):
        parts += [_LINK.sub(leading, markdown[at : fence.start()]), fence[0]]
        at = fence.end()
    parts.append(_LINK.sub(leading, markdown[at:]))
    return "".join(parts)

"""The documentation: every page is found from the first one, and every link leads to a heading that is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "benchmarks" / "README.md"])
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^()\s]+)\)")


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def links(page: Path) -> list[str]:
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    return [link for link in _LINK.findall(text) if not re.match(r"[a-z]+:", link)]


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub makes of headings."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    heads = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.replace("`", "").lower()).strip().replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_tests_that_documents_name_exist() -> None:
    named = {
        found for page in PAGES for found in re.findall(r"`(tests/[\w/]+\.py)((?:::\w+)*)`", page.read_text("utf-8"))
    }
    assert len(named) > 50
    for path, parts in sorted(named):
        text = (ROOT / path).read_text(encoding="utf-8")
        for part in parts.split("::")[1:]:
            assert re.search(rf"^\s*(?:async )?(?:def|class) {part}\b", text, re.MULTILINE), f"{path}{parts}"


def test_targets_of_the_fuzzer_that_documents_name_exist() -> None:
    from tests.fuzz.targets import TARGETS

    text = (DOCS / "security.md").read_text(encoding="utf-8")
    named = {
        one for found in re.findall(r"test_fuzz\.py` \(([^)]*)\)", text) for one in re.findall(r"`([\w-]+)`", found)
    }
    assert named
    assert named <= TARGETS.keys()


def test_every_page_is_found_from_the_first() -> None:
    found = {DOCS / "index.md"}
    waiting = list(found)
    while waiting:
        page = waiting.pop()
        near = {(page.parent / link.partition("#")[0]).resolve() for link in links(page) if link[0] != "#"}
        fresh = {path for path in near if path.suffix == ".md" and path.is_file()} - found
        found |= fresh
        waiting += fresh
    assert not [name(page) for page in PAGES if page not in found]

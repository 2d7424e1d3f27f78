"""The documentation holds together: no dead link, no page that no index names, a glossary in order."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
PAGES = [*DOCS.rglob("*.md"), *ROOT.glob("*.md")]
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)


def dead_links(page: Path, text: str) -> list[str]:
    """Relative links of a page that lead to no file or to no heading."""
    dead = []
    for link in _LINK.findall(re.sub(r"`[^`\n]*`", "", _FENCE.sub("", text))):
        path, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", link):
            continue
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            dead.append(link)
    return dead


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    assert dead_links(page, page.read_text()) == []


def test_a_planted_dead_link_is_found() -> None:
    text = "[a](nowhere.md) [b](index.md) [c](index.md#nothing) [d](https://x.example) `[e](no.md)`"
    assert dead_links(DOCS / "planted.md", text) == ["nowhere.md", "index.md#nothing"]


@pytest.mark.parametrize("kind", ["tutorial", "howto", "reference", "explanation"])
def test_every_page_is_named_by_its_index(kind: str) -> None:
    index = (DOCS / kind / "index.md").read_text()
    pages = {str(page.relative_to(DOCS / kind)) for page in (DOCS / kind).rglob("*.md")} - {"index.md"}
    assert {page for page in pages if f"({page})" not in index} == set()


def test_the_glossary_is_in_order_and_has_each_word_once() -> None:
    words = re.findall(r"^\| ([^|]+?) \|", (DOCS / "glossary.md").read_text(), re.MULTILINE)[2:]
    assert words == sorted(set(words), key=str.lower)


def test_decisions_have_a_number_each() -> None:
    numbers = [page.name[:4] for page in (DOCS / "decisions").glob("*.md")]
    assert sorted(numbers) == sorted(set(numbers))

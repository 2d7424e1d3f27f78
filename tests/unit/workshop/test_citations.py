"""What the source cites can be looked up: a page of this repository, or a public standard by its name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.workshop.test_docs import anchors

ROOT = Path(__file__).parents[3]
FOLDERS = ("bench", "catalog", "docs", "scripts", "sdk", "src", "tests")
SUFFIXES = {".cjs", ".html", ".js", ".md", ".mjs", ".py", ".sh", ".ts", ".yaml"}
PAGES = [*ROOT.glob("*.md"), *(page for folder in FOLDERS for page in (ROOT / folder).rglob("*.md"))]
NOT_READ = (Path(__file__).parent, ROOT / "sdk" / "jsonata.js")
"""These tests, which plant citations, and a library's own file."""

_PAGE = re.compile(r"(?<![\w./*<>{}-])([\w./-]*\w\.md)(?!\w)(?:#([\w-]+))?")
_SECTION = re.compile(r"§")
_STANDARD = re.compile(r"(RFC \d{3,5}|ECMA-\d+|ISO \d+|Unicode|WHATWG)[^;]*$")
_RULE = re.compile(r"\((?:`[\w.]+` )?(?:§[\d.]+,? )?[ABDQ]-?[1-9]\d?\)")
MADE_BY_READERS = {"quillboard/docs.md"}
"""Pages that a tutorial has its reader write."""


def find_dead_citations(text: str) -> list[str]:
    """Citations that lead nowhere: a page or a heading that does not exist, a section of no named standard, a
    numbered rule."""
    cited = _PAGE.finditer("\n".join(line for line in text.splitlines() if "shared" not in line))
    dead = [found[0] for found in cited if not _leads_to_page(found[1], found[2])]
    flat = re.sub(r"\s+(#|//)?\s*", " ", text)
    for found in _SECTION.finditer(flat):
        if not _STANDARD.search(flat[max(0, found.start() - 100) : found.start()]):
            dead.append(flat[max(0, found.start() - 20) : found.end() + 8])
    return dead


def _leads_to_page(path: str, anchor: str | None) -> bool:
    if path in MADE_BY_READERS:
        return True
    pages = [page for page in PAGES if f"/{page.relative_to(ROOT)}".endswith(f"/{path.lstrip('./')}")]
    return any(anchor is None or anchor in anchors(page) for page in pages)


def read_sources() -> Iterator[Path]:
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in SUFFIXES and not any(path.is_relative_to(left_out) for left_out in NOT_READ):
                yield path


def test_every_citation_leads_somewhere() -> None:
    dead = {
        f"{path.relative_to(ROOT)}: {citation}"
        for path in read_sources()
        for citation in find_dead_citations(path.read_text(encoding="utf-8"))
    }
    assert sorted(dead) == []


def test_no_source_cites_a_numbered_rule() -> None:
    """`(A28)` means nothing to a reader without the list of rules."""
    dead = {
        f"{path.relative_to(ROOT)}: {found}"
        for path in read_sources()
        if path.suffix == ".py"
        for found in _RULE.findall(path.read_text(encoding="utf-8"))
    }
    assert sorted(dead) == []


@pytest.mark.parametrize(
    "text",
    [
        "as `spec.md` says",
        "see docs/reference/errors.md#nothing",
        "in the order of `errors.md` \N{SECTION SIGN}4",
        "split first (\N{SECTION SIGN}1.8)",
    ],
)
def test_a_planted_citation_that_leads_nowhere_is_found(text: str) -> None:
    assert find_dead_citations(text) != []


@pytest.mark.parametrize(
    "text",
    [
        "docs/reference/errors.md",
        "RFC 9110 §9.3.2",
        "RFC 6749 §4.1 and §5.2",
        "`errors.md#whose-fault-is-it`",
    ],
)
def test_a_citation_that_can_be_looked_up_is_taken(text: str) -> None:
    assert find_dead_citations(text) == []

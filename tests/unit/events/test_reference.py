"""The reference page of events is that of the catalogue."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from isthmus.events.catalogue import EVENTS
from isthmus.events.reference import render_reference

ROOT = Path(__file__).parents[3]


def test_the_page_is_the_one_the_catalogue_makes() -> None:
    page = ROOT / "docs" / "reference" / "events.md"
    assert page.read_text(encoding="utf-8") == render_reference(), "run: python -m isthmus.events.reference"


def named_in_source(wanted: set[str]) -> set[str]:
    """Which of these names the code of the product uses outside of the room of events."""
    room = ROOT / "src" / "isthmus"
    sources = [path for path in room.rglob("*.py") if (room / "events") not in path.parents]
    texts = [path.read_text(encoding="utf-8") for path in sources]
    trees = [ast.parse(text) for text in texts if any(name in text for name in wanted)]
    return wanted & {node.id for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Name)}


def test_an_event_is_told_as_sent_where_something_sends_it() -> None:
    used = named_in_source({each.__name__ for each in EVENTS.values()})
    assert {name for name, each in EVENTS.items() if each.__name__ in used} == {
        name for name, each in EVENTS.items() if each.is_sent
    }
    sent, _, later = render_reference().partition("## Not sent yet")
    for name, each in EVENTS.items():
        assert f"| `{name}` |" in (sent if each.is_sent else later)


def test_the_catalogue_has_every_event_of_the_specification() -> None:
    spec = ROOT.parent / "shared" / "spec" / "events.md"
    if not spec.exists():
        pytest.skip("shared specification absent")
    section = spec.read_text(encoding="utf-8").partition("## 1. Event catalogue")[2].partition("### 1.1")[0]
    prefix, names = "", set()
    for line in section.splitlines():
        if line.startswith("| `"):
            for each in line.split("|")[1].split(" / "):
                word = each.split("`")[1]
                prefix = word.partition(":")[0] if ":" in word else prefix
                names.add(word if ":" in word or word == "test" else f"{prefix}:{word}")
    assert names == set(EVENTS)

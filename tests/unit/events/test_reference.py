"""The reference page of events is that of the catalogue."""

from __future__ import annotations

from pathlib import Path

import pytest

from isthmus.events.catalogue import EVENTS
from isthmus.events.reference import reference

ROOT = Path(__file__).parents[3]


def test_the_page_is_the_one_the_catalogue_makes() -> None:
    page = ROOT / "docs" / "reference" / "events.md"
    assert page.read_text(encoding="utf-8") == reference(), "run: python -m isthmus.events.reference"


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

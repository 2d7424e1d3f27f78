"""The reference of the catalogue says what its files say."""

from __future__ import annotations

from pathlib import Path

from isthmus.definitions.catalogue_reference import render_pages
from tests.contract.catalog import CATALOG

_REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


def test_the_pages_are_what_the_catalogue_says() -> None:
    made = render_pages(CATALOG)
    for name, text in made.items():
        assert (_REFERENCE / name).read_text("utf-8") == text.rstrip("\n") + "\n", (
            "run: python -m isthmus.definitions.catalogue_reference catalog docs/reference"
        )
    here = {path.relative_to(_REFERENCE).as_posix() for path in _REFERENCE.glob("models/*.md")}
    assert here <= made.keys(), "the page of a model that is gone"

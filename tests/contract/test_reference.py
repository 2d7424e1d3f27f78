"""The reference of the catalogue says what its files say."""

from __future__ import annotations

from pathlib import Path

import pytest

from isthmus.definitions.catalogue_reference import pages
from tests.contract.catalog import CATALOG

_REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
_PAGES = pages(CATALOG)


@pytest.mark.parametrize("name", sorted(_PAGES))
def test_a_page_is_what_the_catalogue_says(name: str) -> None:
    written = (_REFERENCE / name).read_text("utf-8")
    assert written == _PAGES[name].rstrip("\n") + "\n", (
        "run: python -m isthmus.definitions.catalogue_reference catalog docs/reference"
    )


def test_no_page_is_left_of_a_model_that_is_gone() -> None:
    here = {path.relative_to(_REFERENCE).as_posix() for path in _REFERENCE.glob("models/*.md")}
    assert here <= set(_PAGES)

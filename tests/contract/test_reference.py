"""The reference of the catalogue says what its files say."""

from __future__ import annotations

from pathlib import Path

from isthmus.definitions.catalogue_reference import render_pages
from tests.contract.catalog import CATALOG
from tests.unit.integrations.small_catalog import MAPPING, write_catalog

_CELLS = """  - {resource_name: tickets, method_name: get, config: {}}
  - {resource_name: tickets, method_name: list, config: {}}
"""
_REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


def test_the_pages_are_what_the_catalogue_says() -> None:
    made = render_pages(CATALOG)
    for name, text in made.items():
        assert (_REFERENCE / name).read_text("utf-8") == text.rstrip("\n") + "\n", (
            "run: python -m isthmus.definitions.catalogue_reference catalog docs/reference"
        )
    here = {path.relative_to(_REFERENCE).as_posix() for path in _REFERENCE.glob("models/*.md")}
    assert here <= made.keys(), "the page of a model that is gone"


def test_methods_are_in_their_usual_order_and_those_of_the_model_last(tmp_path: Path) -> None:
    custom = "  - {resource_name: tickets, method_name: archive, config: {}}\n"
    write_catalog(tmp_path, mapping=f"{MAPPING.partition('  - resource_name')[0]}{custom}" + _CELLS)
    (tmp_path / "unified" / "desk" / "work-logs.schema.yaml").write_text("{type: object, properties: {}}")
    (page,) = (text for name, text in render_pages(tmp_path).items() if name.startswith("models/"))
    assert "| Brightfold Desk | tickets | list, get, archive |" in page

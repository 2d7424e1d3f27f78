"""Nothing that a caller sends to the catalogue vanishes: it is used, named or refused."""

from __future__ import annotations

from typing import Final

import pytest

from isthmus.authoring.contract.catalog_entry import CatalogEntry, MappedMethod
from tests.contract.catalog import entry, integration_names
from tests.contract.sent_names import MISSPELT, SentName, find_fate, names_of
from tests.contract.vanishing_names import VANISHING, find_vanishing
from tests.selection import Walk

_METHODS: Final = ("list", "create", "update")
_SHARE: Final = 0.02
_MAPPINGS = [(name, each) for name in integration_names() for each in entry(name).mappings]


def _sent_names(catalogued: CatalogEntry, model_name: str) -> list[tuple[MappedMethod, SentName]]:
    """Returns the names that callers may send to the lists and writes of a mapping."""
    return [
        (cell, name)
        for cell in catalogued.mapped_methods
        if cell.model == model_name and cell.method in _METHODS
        for name in names_of(catalogued, cell)
    ]


@pytest.mark.walk(share=0.3)
@pytest.mark.parametrize(("integration", "model_name"), _MAPPINGS, ids=["-".join(each) for each in _MAPPINGS])
async def test_a_name_is_used_or_named_or_refused(integration: str, model_name: str, walk: Walk) -> None:
    catalogued = entry(integration)
    complaints = [
        f"{cell.name} {name}: {fate}"
        for cell, name in walk.draw(_sent_names(catalogued, model_name), share=_SHARE, at_least=4)
        if find_vanishing(integration, cell.name, str(name)) is None
        and (fate := await find_fate(catalogued, cell, name)) not in ("used", "named", "refused")
    ]
    assert complaints == []


@pytest.mark.walk(share=0.3)
@pytest.mark.parametrize(("integration", "model_name"), _MAPPINGS, ids=["-".join(each) for each in _MAPPINGS])
async def test_a_misspelt_name_is_named_or_refused(integration: str, model_name: str, walk: Walk) -> None:
    catalogued = entry(integration)
    misspelt = [each for each in _sent_names(catalogued, model_name) if each[1].path == (MISSPELT,)]
    fates = {cell.name: await find_fate(catalogued, cell, name) for cell, name in walk.draw(misspelt)}
    assert {cell: fate for cell, fate in fates.items() if fate not in ("named", "refused")} == {}


async def test_each_name_that_vanishes_for_a_reason_vanishes(walk: Walk) -> None:
    excused = [
        (found, catalogued, cell, name)
        for catalogued in map(entry, integration_names())
        for model_name in catalogued.mappings
        for cell, name in _sent_names(catalogued, model_name)
        if (found := find_vanishing(catalogued.name, cell.name, str(name))) is not None
    ]
    assert [each for each in VANISHING if each not in {found for found, *_ in excused}] == []
    fates = {
        f"{catalogued.name} {cell.name} {name}": await find_fate(catalogued, cell, name)
        for _, catalogued, cell, name in walk.draw(excused, share=_SHARE)
    }
    assert {case: fate for case, fate in fates.items() if fate != "vanished"} == {}


@pytest.mark.parametrize(
    ("written", "fate"), [("(body.title; nothing)", "vanished"), ("nothing", "named"), ("body.title", "used")]
)
async def test_a_field_that_a_mapping_reads_and_drops_is_found(written: str, fate: str) -> None:
    def rewrite(copy: CatalogEntry) -> None:
        for cell in copy.mappings["crm"]["cells"]:
            if (cell["resource_name"], cell["method_name"]) == ("contacts", "create"):
                mapping = cell["config"]["request_body_mapping"]
                assert "body.title" in mapping
                cell["config"]["request_body_mapping"] = mapping.replace("body.title", written)

    changed = entry("hubspot").copy_changed(rewrite)
    cell = changed.find_mapped_method("crm", "contacts", "create")
    assert cell is not None
    (title,) = [name for name in names_of(changed, cell) if str(name) == "body.title"]

    assert await find_fate(changed, cell, title) == fate

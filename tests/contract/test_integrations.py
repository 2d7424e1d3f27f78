"""Every integration of the catalogue, by being there."""

from __future__ import annotations

import hashlib
import inspect
from functools import cache
from pathlib import Path

import pytest

from isthmus.authoring.contract.suite import CHECKS, Check
from tests.contract.catalog import CATALOG, CatalogEntry, entry, integration_names

SOURCE = Path(__file__).parents[2] / "src" / "isthmus"
BY_NAME = {check.name: check for check in CHECKS}
LONG = ("losses", "gaps")


@pytest.fixture(params=integration_names())
def integration(request: pytest.FixtureRequest) -> CatalogEntry:
    return entry(request.param)


async def complaints_of(check: Check, integration: CatalogEntry) -> list[str]:
    found = check.run(integration)
    return await found if inspect.isawaitable(found) else found


@pytest.mark.parametrize("name", [name for name in BY_NAME if name not in LONG])
async def test_an_integration_keeps_the_contract(integration: CatalogEntry, name: str) -> None:
    assert await complaints_of(BY_NAME[name], integration) == [], BY_NAME[name].holds_when


async def test_no_value_of_an_answer_is_lost(integration: CatalogEntry, pytestconfig: pytest.Config) -> None:
    """Not asked again of files, and a source, that had no losses before."""
    known = getattr(pytestconfig, "cache", None)
    key, digest = f"isthmus/losses/{integration.name}", _digest(integration.name)
    if known is not None and known.get(key, None) == digest:
        return
    assert await complaints_of(BY_NAME["losses"], integration) == [], BY_NAME["losses"].holds_when
    if known is not None:
        known.set(key, digest)


@pytest.mark.walk(share=0.1)
async def test_a_gap_in_an_answer_is_borne(integration: CatalogEntry) -> None:
    assert await complaints_of(BY_NAME["gaps"], integration) == [], BY_NAME["gaps"].holds_when


@cache
def _digest(name: str) -> str:
    """Of everything that decides which values of an integration's answers are lost."""
    folders = (SOURCE, CATALOG / "unified", CATALOG / "integrations" / name)
    digest = hashlib.sha256()
    for path in (path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()):
        if "__pycache__" not in path.parts:
            digest.update(f"{path.relative_to(CATALOG.parent)}\0".encode() + path.read_bytes())
    return digest.hexdigest()

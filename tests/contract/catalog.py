"""The shipped catalogue as its files say it: raw JSON, so that a control can plant a fault in a copy."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from isthmus.authoring.contract.catalog_entry import CatalogEntry, MappedMethod, Model, Models, read_entry

__all__ = [
    "CATALOG",
    "CatalogEntry",
    "MappedMethod",
    "Model",
    "entry",
    "integration_names",
    "model",
    "model_names",
]

CATALOG = Path(__file__).parents[2] / "catalog"
_MODELS = Models(CATALOG / "unified")


@cache
def integration_names() -> list[str]:
    """Returns the names of the catalogue's integrations, sorted."""
    return sorted(path.parent.name for path in CATALOG.glob("integrations/*/integration.yaml"))


def model_names() -> list[str]:
    """Returns the names of the catalogue's unified models."""
    return _MODELS.names


def model(name: str) -> Model:
    """Reads a unified model of the catalogue."""
    return _MODELS[name]


@cache
def entry(name: str) -> CatalogEntry:
    """Reads an integration of the catalogue, and keeps it."""
    return read_entry(CATALOG / "integrations" / name, _MODELS)

"""Reads the recorded exchanges of the shipped catalogue: requests to providers with their answers, for
sandbox accounts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final, Protocol

from pydantic import ValidationError

from isthmus.definitions.file_models import EXCHANGES, Exchange
from isthmus.errors import SetupError
from isthmus.integrations.catalog.shipped_files import Catalog

__all__ = ["ExchangeSource", "Exchanges"]

_FILES_KEPT: Final = 128


class ExchangeSource(Protocol):
    """Recorded exchanges of integrations, from which a sandbox account answers."""

    def find_exchanges(self, integration: str, resource: str, method: str) -> Sequence[Exchange]:
        """Returns the exchanges of one method in recorded order; empty if there are none."""
        ...

    def iter_all(self, integration: str) -> Iterator[Exchange]:
        """Returns all exchanges of an integration."""
        ...


class Exchanges:
    """Reads `examples/<resource>.<method>.json` of shipped integrations; keeps up to 128 files in memory."""

    def __init__(self, catalog: Catalog) -> None:
        self._root = catalog.path / "integrations"
        self._indexes: dict[str, dict[str, Path]] = {}
        self._read = lru_cache(maxsize=_FILES_KEPT)(_read_exchanges)

    def find_exchanges(self, integration: str, resource: str, method: str) -> Sequence[Exchange]:
        """Returns the exchanges of one method in the order of their file; empty if the catalogue has none."""
        path = self._index_files(integration).get(f"{resource}.{method}.json")
        return () if path is None else self._read(path)

    def iter_all(self, integration: str) -> Iterator[Exchange]:
        """Returns all exchanges of an integration; each file is read when the iteration reaches it."""
        for path in self._index_files(integration).values():
            yield from self._read(path)

    def _index_files(self, integration: str) -> dict[str, Path]:
        """Returns the example files of an integration by file name; empty for an unknown integration.

        Paths come from a listing and are never built from names, since a resource may have any name.
        """
        index = self._indexes.get(integration)
        if index is None:
            names = {entry.name: entry for entry in self._root.iterdir()} if self._root.is_dir() else {}
            folder = names.get(integration, self._root) / "examples"
            index = (
                {}
                if integration not in names
                else {entry.name: entry for entry in sorted(folder.glob("*.json"))}
            )
            self._indexes[integration] = index
        return index


def _read_exchanges(path: Path) -> tuple[Exchange, ...]:
    """Returns the exchanges in a file. Raises SetupError for an invalid file."""
    try:
        return EXCHANGES.validate_json(path.read_bytes())
    except ValidationError as error:
        raise SetupError(f"{path} holds no exchanges: {error.error_count()} problem(s)") from error

"""The catalogue's exchanges: what a product answered to which request. Read when a sandbox needs them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Protocol

from pydantic import ValidationError

from isthmus.definitions.files import EXCHANGES, Exchange
from isthmus.errors import SetupError
from isthmus.integrations.catalog.shipped_files import Catalog

__all__ = ["ExchangeSource", "Exchanges"]

_FILES_KEPT: Final = 128


class ExchangeSource(Protocol):
    """Where a sandbox's answers come from."""

    def of(self, integration: str, resource: str, method: str) -> Sequence[Exchange]:
        """In the order in which they were recorded; none where there are none."""
        ...

    def everything(self, integration: str) -> Iterator[Exchange]:
        """Every exchange of an integration."""
        ...


class Exchanges:
    """`examples/<resource>.<method>.json` of each shipped integration, at most 128 files kept in memory."""

    def __init__(self, catalog: Catalog) -> None:
        self._root = catalog.path / "integrations"
        self._indexes: dict[str, dict[str, Path]] = {}
        self._files: OrderedDict[Path, tuple[Exchange, ...]] = OrderedDict()

    def of(self, integration: str, resource: str, method: str) -> Sequence[Exchange]:
        """In the order of the file; none where the catalogue has none."""
        path = self._index(integration).get(f"{resource}.{method}.json")
        return () if path is None else self._read(path)

    def everything(self, integration: str) -> Iterator[Exchange]:
        """Every exchange of an integration, file by file, each read when it is come to."""
        for path in self._index(integration).values():
            yield from self._read(path)

    def _index(self, integration: str) -> dict[str, Path]:
        """File names, looked up and never built from a name: a definition may call a resource anything."""
        found = self._indexes.get(integration)
        if found is None:
            names = {each.name: each for each in self._root.iterdir()} if self._root.is_dir() else {}
            folder = names.get(integration, self._root) / "examples"
            found = (
                {}
                if integration not in names
                else {each.name: each for each in sorted(folder.glob("*.json"))}
            )
            self._indexes[integration] = found
        return found

    def _read(self, path: Path) -> tuple[Exchange, ...]:
        kept = self._files.get(path)
        if kept is not None:
            self._files.move_to_end(path)
            return kept
        try:
            read = EXCHANGES.validate_json(path.read_bytes())
        except ValidationError as error:
            raise SetupError(f"{path} holds no exchanges: {error.error_count()} problem(s)") from error
        self._files[path] = read
        if len(self._files) > _FILES_KEPT:
            self._files.popitem(last=False)
        return read

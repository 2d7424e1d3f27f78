"""Finds the ids of the records in an answer of a list, by which `get` reads them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from isthmus.authoring.contract.catalog_entry import CatalogEntry
from isthmus.authoring.contract.recorded_calls import build_call, read_unified_records
from isthmus.authoring.contract.replay_upstreams import SingleAnswerUpstream
from isthmus.authoring.recording.body_places import is_scalar
from isthmus.definitions.body_path import BodyPath
from isthmus.definitions.file_models import Exchange
from isthmus.definitions.integration import IntegrationConfig
from isthmus.engine.queries import format_scalar
from isthmus.errors import IsthmusError, SetupError

__all__ = ["IdFields", "read_ids"]

_DEFAULT_FIELD: Final = BodyPath("id")


@dataclass(frozen=True, slots=True)
class IdFields:
    """Where the author says that a provider's records have their ids. `by_resource`: paths into a record.
    `other`: that of all other resources; None to take it from the mapping."""

    by_resource: dict[str, BodyPath] = field(default_factory=dict)
    other: BodyPath | None = None

    def find_path(self, resource: str) -> BodyPath | None:
        """Returns the path of a resource's ids; None if the author names none."""
        return self.by_resource.get(resource, self.other)


async def read_ids(
    entry: CatalogEntry, config: IntegrationConfig, resource: str, exchange: Exchange, fields: IdFields
) -> list[str]:
    """Returns the ids in an answer of a resource's list: by the field that the author names, else by the
    mapping, and without one by the field `id`. Raises SetupError if the mapping fails."""
    path = fields.find_path(resource)
    if path is None and (mapped := await _read_mapped_ids(entry, resource, exchange)) is not None:
        return mapped
    method = config.find_method(resource, "list")
    at = None if method is None or method.response_path is None else BodyPath(method.response_path.text)
    rows = exchange.response.body if at is None else at.read(exchange.response.body)
    values = [(path or _DEFAULT_FIELD).read(row) for row in rows] if isinstance(rows, list) else []
    return [format_scalar(value) for value in values if is_scalar(value)]


async def _read_mapped_ids(entry: CatalogEntry, resource: str, exchange: Exchange) -> list[str] | None:
    """Returns the ids of the unified records of an answer; None if no mapping calls the list."""
    proxy_method = (resource, "list")
    for mapped_method in entry.mapped_methods:
        if mapped_method.method != "list" or proxy_method not in mapped_method.proxy_methods:
            continue
        call = build_call(entry, mapped_method, proxy_method, exchange)
        upstream = SingleAnswerUpstream(entry, exchange)
        try:
            records = await read_unified_records(entry, mapped_method, proxy_method, call, upstream)
        except IsthmusError as error:
            raise SetupError(
                f"the mapping of {mapped_method.name} fails on what {resource}.list answered, so its ids "
                f"are not known: {error.message} Correct it, or name the field of the ids by --id-field."
            ) from error
        return [str(record["id"]) for record in records if record.get("id") is not None]
    return None

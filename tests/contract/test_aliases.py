"""What a shipped model's aliases say reaches each product whose mapping reads their lists."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import pytest

from isthmus.authoring.contract.recorded_calls import build_sample
from isthmus.definitions.aliases import FieldAlias
from isthmus.definitions.schema_examples import make_example
from isthmus.engine.unified import UnifiedTarget
from isthmus.engine.unified.mapping_plans import plan_mapping
from tests.contract.catalog import entry, integration_names, model
from tests.contract.sending import last_request

MARK = "7007007"
Taken = tuple[str, str, FieldAlias]


def list_taken(part: str) -> list[Taken]:
    """Lists (integration, unified method, alias) of each alias that a shipped method takes. `part`: `body` or
    `query`."""
    return [
        (name, cell.name, alias)
        for name in integration_names()
        for cell in entry(name).mapped_methods
        for alias in getattr(plan_of(name, cell.name).aliases, part)
    ]


def plan_of(name: str, path: str) -> Any:
    cell = next(cell for cell in entry(name).mapped_methods if cell.name == path)
    resource = model(cell.model).file.resources[cell.resource]
    return plan_mapping(cell.config, UnifiedTarget(cell.model, cell.resource, resource), cell.method)


@pytest.mark.parametrize(("name", "path", "alias"), list_taken("body"))
async def test_what_an_alias_says_in_a_body_is_sent(name: str, path: str, alias: FieldAlias) -> None:
    cell = next(cell for cell in entry(name).mapped_methods if cell.name == path)
    sample = build_sample(cell.config.request_body_schema or {})
    sample.pop(alias.field, None)
    fields = model(cell.model).schemas[cell.resource]["properties"]
    (whole,) = make_example({"type": "array", "items": fields[alias.field]["items"]})
    value = MARK if alias.key is not None else dict.fromkeys(whole.keys() - {"type"}, MARK)
    id = "1" if cell.method == "update" else None
    _, _, _, sent = await last_request(name, path, id=id, body={**sample, alias.name: value}, answer={})
    assert MARK in str(sent)


@pytest.mark.parametrize(("name", "path", "alias"), list_taken("query"))
async def test_what_an_alias_says_in_a_filter_is_sent(name: str, path: str, alias: FieldAlias) -> None:
    cell = next(cell for cell in entry(name).mapped_methods if cell.name == path)
    schema: Any = model(cell.model).file.resources[cell.resource].query_schema[cell.method]
    keys = schema["properties"][alias.field]["properties"] if alias.key is None else ()
    query = "&".join(f"{alias.name}[{key}]={MARK}" for key in keys) or f"{alias.name}={MARK}"
    _, at, sent, body = await last_request(name, path, query, answer=[])
    assert MARK in unquote(f"{at} {sent} {body}")


def test_the_sample_of_a_contact_is_taken_by_every_product_that_writes_contacts() -> None:
    taken = {(name, path) for name, path, alias in list_taken("body") if alias.name == "email"}
    assert {
        (name, cell.name)
        for name in integration_names()
        for cell in entry(name).mapped_methods
        if cell.resource == "contacts" and cell.method in ("create", "update")
    } <= taken

"""What agents get to see of each integration of the catalogue."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from isthmus.definitions.methods import STANDARD_METHODS
from isthmus.integrations.meta.integration_description import describe_config
from isthmus.integrations.meta.tools import build_tools
from tests.contract.catalog import CATALOG, CatalogEntry, entry, integration_names, model_names
from tests.contract.catalog import model as model_of

PARTS = ("query_schema", "body_schema", "response_schema")


@pytest.fixture(params=integration_names())
def integration(request: pytest.FixtureRequest) -> CatalogEntry:
    return entry(request.param)


def tools(of: CatalogEntry) -> list[dict[str, Any]]:
    return build_tools(describe_config(of.name, of.definition["config"]))


def test_every_method_is_a_tool(integration: CatalogEntry) -> None:
    methods = {
        (resource, name)
        for resource, named in integration.file.config.resources.items()
        for name, method in named.items()
        if method is not None
    }
    assert {(tool["resource"], tool["method"]) for tool in tools(integration)} == methods


def test_each_tool_is_json_schema_that_a_toolset_can_use(integration: CatalogEntry) -> None:
    names = [tool["name"] for tool in tools(integration)]
    assert len(set(names)) == len(names)
    for tool in tools(integration):
        assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", tool["name"])
        assert tool["description"]
        for part in PARTS:
            Draft202012Validator.check_schema(tool[part])
        query, body = (tool[part]["properties"] for part in PARTS[:2])
        assert set(tool["required"]) <= query.keys() | body.keys(), tool["name"]
        if tool["method"] == "list":
            assert {"limit", "next_cursor"} <= query.keys()
        if tool["method"] in ("get", "update", "delete"):
            assert "id" in query
            assert "id" in tool["required"]
        if tool["method"] not in STANDARD_METHODS or tool["method"] == "create":
            assert not query.keys() & body.keys(), tool["name"]


def test_the_path_can_be_made_of_what_a_tool_requires(integration: CatalogEntry) -> None:
    """No tool leaves out a name without which its call fails."""
    for tool in tools(integration):
        method = integration.file.config.find_method(tool["resource"], tool["method"])
        assert method is not None
        for placeholder in method.path.placeholders:
            if placeholder.default or placeholder.or_null or placeholder.or_undefined:
                continue
            paths = [alternative.path for alternative in placeholder.alternatives]
            needed = [path[-1] for path in paths if path[0] in ("query", "body") or path == ("id",)]
            assert not needed or set(needed) & set(tool["required"]), (tool["name"], placeholder.text)


def test_what_examples_write_is_valid_by_the_schema_of_the_body(integration: CatalogEntry) -> None:
    """And has no name that the schema does not know, except those that the method itself adds."""
    for tool in tools(integration):
        place = (tool["resource"], tool["method"])
        method = integration.file.config.find_method(*place)
        assert method is not None
        in_path = {
            alternative.path[-1]
            for placeholder in method.path.placeholders
            for alternative in placeholder.alternatives
        }
        written = integration.definition["config"]["resources"][place[0]][place[1]].get("body")
        added = set(written) if isinstance(written, dict) else set()
        schema = {**tool["body_schema"]}
        schema["required"] = [name for name in schema.get("required", ()) if name not in in_path]
        for exchange in integration.find_exchanges(*place, error=False):
            if isinstance(exchange.request.body, dict) and schema["properties"]:
                Draft202012Validator(schema).validate(exchange.request.body)
                assert exchange.request.body.keys() <= schema["properties"].keys() | added, place


def test_categories_of_the_catalogue_are_listed() -> None:
    listed = {each["name"] for each in yaml.safe_load((CATALOG / "categories.yaml").read_text())}
    used = {entry(name).file.category for name in integration_names()}
    used |= {model_of(name).file.category for name in model_names()}
    assert used - {None} <= listed

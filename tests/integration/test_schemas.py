"""Schemas and the OpenAPI document, as editors and generators read them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from isthmus.definitions.yaml_source import read_document
from tests.integration.environments import foreign_token
from tests.integration.serving import Server

CATALOG = Path(__file__).parents[2] / "catalog"


async def override(server: Server) -> None:
    """The environment gives tickets a field of its own."""
    install = await server.install_of_model("ticketing")
    schema = {"properties": {"colour": {"type": "string"}}}
    query = {"list": {"type": "object", "properties": {"shade": {"type": "string"}}}}
    body = {"override": {"resources": {"tickets": {"schema": schema, "query_schema": query}}}}
    await server.ok("PATCH", f"/environment-unified-model/{install}", json=body)


async def test_every_schema_that_is_listed_is_there_and_valid(server: Server) -> None:
    listed = (await server.ok("GET", "/schemas", token=""))["result"]
    assert {"integration", "mappings", "unified/crm/contacts"} <= {each["name"] for each in listed}
    for each in listed:
        schema = await server.ok("GET", each["path"], token="")
        jsonschema.Draft202012Validator.check_schema(schema)
        for example in schema.get("examples", ()):
            jsonschema.Draft202012Validator(schema).validate(example)


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("integration", "integrations/*/integration.yaml"),
        ("mappings", "integrations/*/mappings/*.yaml"),
        ("exchanges", "integrations/zendesk/examples/*.json"),
        ("model", "unified/*/model.yaml"),
        ("record-schema", "unified/*/*.schema.yaml"),
    ],
)
async def test_the_shipped_files_are_valid_by_what_an_editor_gets(
    server: Server, name: str, pattern: str
) -> None:
    schema = await server.ok("GET", f"/schemas/{name}.schema.json", token="")
    assert await server.ok("GET", f"/schemas/{name}", token="") == schema
    validator = jsonschema.Draft202012Validator(schema)
    paths = list(CATALOG.glob(pattern))
    assert paths
    for path in paths:
        assert [error.message for error in validator.iter_errors(read_document(path).data)] == [], path
    assert not validator.is_valid(["x"])


async def test_a_record_schema_with_a_wrong_keyword_is_refused(server: Server) -> None:
    schema = await server.ok("GET", "/schemas/record-schema")
    validator = jsonschema.Draft202012Validator(schema)
    below = {"type": "object", "properties": {"a": {"x-filter-operators": ["near"]}}}
    assert not validator.is_valid(below)
    assert not validator.is_valid({"type": "strin"})


async def test_a_unified_schema_is_as_the_tokens_environment_has_it(server: Server) -> None:
    await override(server)
    path = "/schemas/unified/ticketing/tickets.schema.json"
    mine = await server.ok("GET", path)
    assert mine["examples"][0]["colour"]
    token = await foreign_token(server)
    for other in ("", token):
        assert "colour" not in (await server.ok("GET", path, token=other))["properties"]
    status, _ = await server.call("GET", path, token="isthmus_unknown")
    assert status == 401


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/schemas/integratio", "Close to it: integration"),
        ("/schemas/unified/ticketin/tickets", "Close to it: ticketing"),
        ("/schemas/unified/ticketing/ticket", "Close to it: tickets"),
    ],
)
async def test_a_schema_that_is_not_there_is_not_found(server: Server, path: str, said: str) -> None:
    await server.install_of_model("ticketing")
    for token in ("", None):
        status, body = await server.call("GET", path, token=token)
        assert (status, said in body["message"]) == (404, True)


class TestDocument:
    @pytest.mark.matrix
    async def test_it_is_valid_with_a_token_and_without(self, server: Server) -> None:
        await override(server)
        await server.install_of_model("crm")
        for token in ("", None):
            document = await server.ok("GET", "/openapi.json", token=token)
            OpenAPIV31SpecValidator(document).validate()

    async def test_a_token_gives_the_document_of_its_environment(self, server: Server) -> None:
        await override(server)
        await server.install_of_model("crm")
        documents = [await server.ok("GET", "/openapi.json", token=token) for token in ("", None)]
        for document in documents:
            ids = [each["operationId"] for path in document["paths"].values() for each in path.values()]
            assert len(ids) == len(set(ids))
            titles = [
                re.sub("[^a-z0-9]", "", schema.get("title", name).lower())
                for name, schema in document["components"]["schemas"].items()
            ]
            assert len(titles) == len(set(titles))
            tags = {tag["name"] for tag in document["tags"]}
            operations = [each for path in document["paths"].values() for each in path.values()]
            assert {name for each in operations for name in each["tags"]} == tags
            assert document["servers"] == [{"url": server.url}]
        shipped, mine = (each["components"]["schemas"]["ticketing.tickets"] for each in documents)
        assert "colour" in mine["properties"]
        assert "colour" not in shipped["properties"]
        jsonschema.Draft202012Validator(mine).validate(mine["examples"][0])
        listing = documents[1]["paths"]["/unified/ticketing/tickets"]["get"]
        assert "shade" in {each["name"] for each in listing["parameters"]}
        assert "model" not in {each["name"] for each in listing["parameters"]}
        answer = listing["responses"]["200"]["content"]["application/json"]["schema"]
        assert answer["properties"]["result"]["items"]["$ref"].endswith("/ticketing.tickets")
        search = documents[1]["paths"]["/unified/crm/contacts/search"]
        assert search.keys() == {"post"}

    async def test_a_model_that_is_not_installed_is_not_in_it(self, server: Server) -> None:
        install = await server.install_of_model("crm")
        before = await server.ok("GET", "/openapi.json")
        assert "/unified/crm/contacts" in before["paths"]
        await server.ok("DELETE", f"/environment-unified-model/{install}")
        after = await server.ok("GET", "/openapi.json")
        assert "/unified/crm/contacts" not in after["paths"]
        assert "/unified/crm/contacts" in (await server.ok("GET", "/openapi.json", token=""))["paths"]

    async def test_a_teams_own_model_is_in_its_own_document_alone(self, server: Server) -> None:
        schema = {
            "$defs": {"hue": {"type": "string"}},
            "type": "object",
            "properties": {"hue": {"$ref": "#/$defs/hue"}},
        }
        resources: dict[str, Any] = {"lamps": {"schema": schema, "methods": ["list", "dim"]}}
        model = {"name": "lights", "category": "home", "resources": resources}
        created = await server.ok("POST", "/unified-model", json=model)
        await server.ok("POST", "/environment-unified-model", json={"unified_model_id": created["id"]})
        document = await server.ok("GET", "/openapi.json")
        OpenAPIV31SpecValidator(document).validate()
        assert document["paths"].keys() >= {"/unified/lights/lamps", "/unified/lights/lamps/dim"}
        reference = document["components"]["schemas"]["lights.lamps"]["properties"]["hue"]["$ref"]
        assert reference == "#/components/schemas/lights.lamps/$defs/hue"
        for token in ("", await foreign_token(server)):
            other = await server.ok("GET", "/openapi.json", token=token)
            assert not any(path.startswith("/unified/lights") for path in other["paths"])

"""Another environment calls every route with the first one's ids wherever an id can be: nothing of the first
one is in an answer, and none of its rows is another afterwards."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import pytest
from sqlalchemy import select

from isthmus.db import Database
from isthmus.db.tables import metadata
from tests.integration.environments import foreign_token, own_ids
from tests.integration.larkdesk import MODEL
from tests.integration.serving import Server

pytestmark = pytest.mark.both_databases

MARK: Final = "zq7-belongs-to-the-first-one"
MARKED: Final[Mapping[str, Any]] = {
    "/documentation": {"content": MARK},
    "/environment-integration": {"override": {"headers": {"X-Mark": MARK}}},
    "/environment-unified-model-resource-method": {"config": {"method": "list", "documentation_link": MARK}},
    "/integrated-account": {"tenant_id": MARK, "context": {"note": MARK, "api_key": MARK}},
    "/team": {"name": MARK},
    "/unified-model": {"description": MARK},
    "/unified-model-resource-method": {"config": {"method": "get", "documentation_link": MARK}},
}
NAMES: Final = {
    "model": MODEL, "resource": "tickets", "integration": "larkdesk", "integration_name": "larkdesk",
    "method": "list", "action": "zap", "name": MODEL, "path": "v1/tickets", "category": "ticketing",
    "resource_name": "tickets", "method_name": "list", "tenant_id": "mine", "entity_type": "integration",
    "authentication_method": "api_key", "email": "mine@example.com",
}  # fmt: skip
MOVING: Final = {"job_schedule", "job_timer", "peer"}
"""Tables of the running processes themselves."""
RELAYED: Final = {"attempts", "relayed_at", "retry_at", "taken"}
"""What the outbox notes about an event."""


@pytest.fixture
def server(own_server: Server) -> Server:
    return own_server


class Caller:
    """Fills in a request of an operation, with the first environment's ids."""

    def __init__(self, document: Mapping[str, Any], ids: Mapping[str, str]) -> None:
        self._schemas = document["components"]["schemas"]
        self._ids = ids
        self._by_name = {
            "entity_id": ids["/integration"],
            **{f"{path[1:].replace('-', '_')}_id": each for path, each in ids.items()},
        }

    def request(self, template: str, operation: Mapping[str, Any]) -> tuple[str, Any]:
        """(path with query, JSON body or None)."""
        prefix = next((path for path in self._ids if template.startswith(f"{path}/{{id}}")), None)
        identity = "1" if prefix is None else self._ids[prefix]
        path, query = template, []
        parameters = operation.get("parameters", ())
        # A list without filters gives every row that its caller sees.
        is_list_of_rows = any(parameter["name"] == "sort_by" for parameter in parameters)
        for parameter in parameters:
            name = parameter["name"]
            if parameter["in"] == "path":
                path = path.replace(f"{{{name}}}", identity if name == "id" else NAMES[name])
            elif parameter["in"] == "header" or is_list_of_rows:
                continue
            elif name in self._by_name or parameter.get("required"):
                query.append(f"{name}={self._by_name.get(name, NAMES.get(name, 'x'))}")
        content = operation.get("requestBody", {}).get("content", {})
        schema = content.get("application/json", {}).get("schema")
        body = None if schema is None else self.value("", schema)
        return f"{path}?{'&'.join(query)}", body

    def value(self, name: str, schema: Mapping[str, Any]) -> Any:
        """Of a part of a body: ids wherever there can be one, and what is required."""
        if "$ref" in schema:
            return self.value(name, self._schemas[schema["$ref"].rpartition("/")[2]])
        if name in self._by_name:
            return self._by_name[name]
        if name == "id":
            return self._ids["/integrated-account"]
        if name == "ids":
            return [self._ids["/integrated-account"]]
        if name in NAMES:
            return NAMES[name]
        kind = schema.get("type")
        if kind == "object" or "properties" in schema:
            required = schema.get("required", ())
            return {
                each: self.value(each, part)
                for each, part in schema.get("properties", {}).items()
                if each in required or each in self._by_name or each in {"id", "ids"}
            }
        if kind == "array":
            return [self.value("", schema.get("items", {}))]
        return {"string": schema.get("enum", ["x"])[0], "boolean": True, "integer": 1}.get(kind or "", {})


async def dump(database: Database) -> dict[tuple[str, str], str]:
    """Every row of every table, by table and primary key."""
    rows = {}
    async with database.read() as conn:
        for table in metadata.sorted_tables:
            if table.name in MOVING:
                continue
            for row in (await conn.execute(select(table))).mappings():
                key = ",".join(str(row[column.name]) for column in table.primary_key)
                rows[table.name, key] = repr(sorted((k, v) for k, v in row.items() if k not in RELAYED))
    return rows


async def test_nothing_of_an_environment_is_shown_to_or_changed_by_another(server: Server) -> None:
    ids = await own_ids(server)
    for path, changes in MARKED.items():
        await server.ok("PATCH", f"{path}/{ids[path]}", json=changes)
    token = await foreign_token(server)
    document = await server.ok("GET", "/openapi.json", token=token)
    assert MARK not in json.dumps(document)
    caller = Caller(document, ids)
    before = await dump(server.database)
    held = sum(MARK in row for row in before.values())
    assert held >= len(MARKED)
    walked, done = 0, 0
    for template, operations in document["paths"].items():
        for verb, operation in operations.items():
            path, body = caller.request(template, operation)
            status, answer = await server.call(verb.upper(), path, token=token, json=body)
            told = json.dumps(answer)
            sent = path + json.dumps(body)
            assert status < 500, (verb, path, told)
            assert MARK not in told, (verb, path, told)
            leaked = {each for each in ids.values() if each in told and each not in sent}
            assert not leaked, (verb, path, told)
            walked += 1
            done += status == 200
    assert walked > 150
    assert 20 < done < walked / 2
    after = await dump(server.database)
    (own,) = (await server.ok("GET", "/environment", token=token))["result"]
    changed = {key for key, row in before.items() if after.get(key) != row}
    assert changed <= {("epoch", own["id"])}
    first = {MARK, *(ids[path] for path in ids if path != "/user")}
    for key in after.keys() - before.keys():
        assert not [each for each in first if each in after[key]], (key, after[key])

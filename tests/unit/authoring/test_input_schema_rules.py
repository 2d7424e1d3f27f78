"""A write or custom method says which fields its body has, since toolsets send no others."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.definitions.desk import CLEAN, changed

from isthmus.authoring.lint import lint_config

CREATE = "resources.tickets.create"
FIELDS = {"type": "object", "properties": {"subject": {"type": "string"}}}
WITHOUT = "names no field"
SHARED = "toolsets send it in both"


def found(path: str, value: object, rows: tuple[dict[str, Any], ...] = ()) -> list[tuple[str, str]]:
    findings = lint_config(changed(path, value), documentation=rows)
    return [(item.path, item.message) for item in findings if item.source == "tools"]


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("create", {"method": "post", "path": "/t"}),
        ("update", {"method": "put", "path": "/t/{{id}}", "body_schema": {}}),
        ("close", {"method": "patch", "path": "/t/close", "body_schema": {"type": "object"}}),
        ("close", {"method": "post", "path": "/t", "body": {"a": {"$truto_merge": "{{body:json}}"}}}),
        ("close", {"method": "post", "path": "/t", "body": {"input": "{{body.subject:undefined}}"}}),
        ("close", {"method": "post", "path": "/t", "body": "{{body:json}}"}),
        ("close", {"method": "post", "path": "/t", "body": '{ "input": body.subject }'}),
        ("close", {"method": "delete", "path": "/t", "body": {"ids": "{{body.ids:json}}"}}),
    ],
)
def test_a_body_that_callers_send_without_a_schema_is_found(name: str, method: dict[str, Any]) -> None:
    ((path, message),) = found(f"resources.tickets.{name}", method)
    assert path == f"resources.tickets.{name}.body_schema"
    assert WITHOUT in message


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("create", {"method": "post", "path": "/t", "body_schema": FIELDS}),
        ("create", {"method": "post", "path": "/t", "body_schema": "subject: {type: string}"}),
        ("close", {"method": "post", "path": "/t", "ignore_body": True}),
        ("close", {"method": "post", "path": "/t", "set_body_to_null": True}),
        ("close", {"method": "post", "path": "/t", "body": {"state": "closed", "id": "{{query.id}}"}}),
        ("close", {"method": "post", "path": "/t", "body": '{ "body": query.text }'}),
        ("close", {"method": "delete", "path": "/t"}),
        ("close", {"path": "/t"}),
        ("store", {"method": "put", "path": "/t", "body_format": "raw", "body_schema": {"type": "string"}}),
        ("list", {"method": "post", "path": "/t", "response_path": "rows"}),
    ],
)
def test_a_body_that_is_described_or_none_of_the_callers_is_right(name: str, method: dict[str, Any]) -> None:
    assert found(f"resources.tickets.{name}", method) == []


def test_a_documentation_row_describes_a_body_too() -> None:
    row = {"type": "body_schema", "resource": "tickets", "method": "create", "content": "a: {type: string}"}
    assert found(f"{CREATE}.body_schema", ...) != []
    assert found(f"{CREATE}.body_schema", ..., (row,)) == []


def test_a_name_of_query_and_body_is_found() -> None:
    config = {**CLEAN["resources"]["tickets"]["create"], "query_schema": {"subject": {"type": "string"}}}
    ((path, message),) = found(CREATE, config)
    assert path == f"{CREATE}.body_schema.properties.subject"
    assert SHARED in message


def test_the_id_of_a_path_is_a_name_of_the_query() -> None:
    assert found(f"{CREATE}.body_schema", {"id": {"type": "string"}}) == []
    update = "resources.tickets.update"
    ((path, message),) = found(f"{update}.body_schema", {"id": {"type": "string"}})
    assert path == f"{update}.body_schema.properties.id"
    assert SHARED in message


@pytest.mark.parametrize("kind", ["query_schema", "body_schema", "response_schema"])
@pytest.mark.parametrize("written", [{"subject": {"type": "text"}}, "- subject", "{"])
def test_a_schema_that_is_none_is_found_once(kind: str, written: object) -> None:
    findings = [each for each in lint_config(changed(f"{CREATE}.{kind}", written)) if each.source == "tools"]
    assert [each.severity for each in findings] == ["error"]
    assert findings[0].path.startswith(f"{CREATE}.{kind}")

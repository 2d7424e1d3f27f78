"""JSON Schemas as they are written, and examples for them."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from isthmus.definitions.authored_schemas import as_json_schema, parse_schema
from isthmus.definitions.schema_examples import make_example


@pytest.mark.parametrize(
    ("written", "schema"),
    [
        (None, None),
        ("", None),
        ({}, None),
        ({"type": "object"}, {"type": "object"}),
        ("type: object\nproperties: {a: {}}", {"type": "object", "properties": {"a": {}}}),
        ('{"a": {"type": "string"}}', {"type": "object", "properties": {"a": {"type": "string"}}}),
        ({"type": {"type": "string"}}, {"type": "object", "properties": {"type": {"type": "string"}}}),
        ({"items": {"type": "string"}}, {"type": "object", "properties": {"items": {"type": "string"}}}),
        (
            {"a": {"type": "string", "required": True}, "b": {"required": False}},
            {"type": "object", "properties": {"a": {"type": "string"}, "b": {}}, "required": ["a"]},
        ),
        (
            {"type": "array", "items": {"properties": {"a": {"required": True}}, "required": ["b"]}},
            {"type": "array", "items": {"properties": {"a": {}}, "required": ["b", "a"]}},
        ),
        ({"$ref": "#/$defs/a", "$defs": {"a": {}}}, {"$ref": "#/$defs/a", "$defs": {"a": {}}}),
        ("- a", None),
        ("a: [", None),
        ({"type": "objekt"}, None),
    ],
)  # fmt: skip
def test_a_schema_is_read_in_every_form(written: Any, schema: Any) -> None:
    found = as_json_schema(written)
    assert found == schema
    if found is not None:
        jsonschema.Draft202012Validator.check_schema(found)


def test_what_is_wrong_has_its_path() -> None:
    _, problems = parse_schema({"properties": {"a": {"type": "strin"}}})
    assert [path for path, _ in problems] == ["properties.a.type"]


@pytest.mark.parametrize(
    ("schema", "example"),
    [
        ({"type": "string", "x-example": "mine", "x-enum": ["other"]}, "mine"),
        ({"enum": ["a", "b"]}, "a"),
        ({"type": "string", "x-enum": ["work"]}, "work"),
        ({"type": ["null", "string"], "format": "email"}, "ada@example.com"),
        ({"type": "string", "minLength": 10, "maxLength": 12}, "textxxxxxx"),
        ({"type": "string", "maxLength": 2}, "te"),
        ({"type": "integer", "minimum": 7}, 7),
        ({"type": "array", "items": {"type": "boolean"}}, [True]),
        ({"properties": {"id": {"type": "string"}, "a_b": {"type": "string"}}}, {"id": "1042", "a_b": "a b"}),
        ({"anyOf": [{"type": "number"}, {"type": "string"}]}, 1),
        ({}, None),
        (True, None),
    ],
)  # fmt: skip
def test_an_example_is_made_and_valid(schema: Any, example: Any) -> None:
    assert make_example(schema) == example
    jsonschema.Draft202012Validator(schema).validate(example)

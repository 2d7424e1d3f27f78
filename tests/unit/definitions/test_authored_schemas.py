"""JSON Schemas as they are written, and examples for them."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from isthmus.definitions.authored_schemas import as_json_schema, check_schema_part, parse_schema
from isthmus.definitions.schema_examples import make_example

_NO_SCHEMAS = "must be an object of schemas"


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
)
def test_a_schema_is_read_in_every_form(written: Any, schema: Any) -> None:
    found = as_json_schema(written)
    assert found == schema
    if found is not None:
        jsonschema.Draft202012Validator.check_schema(found)


def test_what_is_wrong_has_its_path() -> None:
    _, problems = parse_schema({"properties": {"a": {"type": "strin"}}})
    assert [path for path, _ in problems] == ["properties.a.type"]


@pytest.mark.parametrize(
    ("part", "problems"),
    [
        ({"type": "date", "properties": {"a": {"type": "odd"}}, "required": ["a"]}, {}),
        ({"properties": None}, {}),
        ({"a": {"required": True}}, {}),
        ({"required": [1]}, {"p.required": "1 is no name; name properties"}),
        ({"properties": []}, {"p.properties": _NO_SCHEMAS}),
        ({"a": {"required": [1]}, "b": 5}, {"p.a.required": "1 is no name; name properties"}),
        ({"properties": {"a": {"properties": 5}}}, {"p.properties.a.properties": _NO_SCHEMAS}),
    ],
)  # fmt: skip
def test_a_part_that_no_call_could_work_with_is_told_by_its_path(part: Any, problems: dict[str, str]) -> None:
    assert dict(check_schema_part(part, "p")) == problems


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


@pytest.mark.parametrize(("depth", "innermost"), [(8, "text"), (9, {})])
def test_an_example_is_8_objects_deep_at_the_most(depth: int, innermost: Any) -> None:
    schema: dict[str, Any] = {"type": "string", "default": "text"}
    for _ in range(depth):
        schema = {"properties": {"a": schema}}
    example = innermost
    for _ in range(8):
        example = {"a": example}
    assert make_example(schema) == example

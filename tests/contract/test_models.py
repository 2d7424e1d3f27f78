"""Every unified model of the catalogue, by being there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from isthmus.authoring.lint import validate_file
from tests.contract.catalog import CATALOG, Model, model, model_names

_TAIL = ("created_at", "updated_at", "remote_data")
_SOURCES = {"S", "S?", "D"}


@pytest.fixture(params=model_names())
def unified(request: pytest.FixtureRequest) -> Model:
    return model(request.param)


def test_each_resource_has_a_schema_and_each_schema_a_resource(unified: Model) -> None:
    assert sorted(unified.file.resources) == sorted(unified.schemas)


def test_lint_finds_nothing(unified: Model) -> None:
    report = validate_file(CATALOG / "unified" / unified.file.name / "model.yaml")
    assert [line for line in report.format_lines() if ": info: " not in line] == []
    assert report.mode == "model"


def test_the_name_is_that_of_the_directory(unified: Model) -> None:
    assert (CATALOG / "unified" / unified.file.name / "model.yaml").is_file()


def test_schemas_are_json_schema_2020_12(unified: Model) -> None:
    for schema in unified.schemas.values():
        assert schema["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
        Draft202012Validator.check_schema(schema)
    for resource in unified.file.resources.values():
        for query in resource.query_schema.values():
            Draft202012Validator.check_schema(query)


def test_records_end_with_the_tail(unified: Model) -> None:
    for name, schema in unified.schemas.items():
        assert set(_TAIL) <= set(schema["properties"]), name


def test_fields_and_filters_are_described_and_say_where_they_come_from(unified: Model) -> None:
    bare = [
        path
        for path, schema in _fields(unified)
        if not str(schema.get("description", "")).endswith(".") or schema.get("x-source") not in _SOURCES
    ]
    assert bare == []


def test_references_lead_to_resources_of_the_catalogue(unified: Model) -> None:
    for path, schema in _fields(unified):
        if "x-ref" in schema:
            name, _, resource = schema["x-ref"].partition("/")
            assert resource in model(name).schemas, path


def test_filters_belong_to_methods_that_the_resource_has(unified: Model) -> None:
    for name, resource in unified.file.resources.items():
        assert set(resource.query_schema) <= set(resource.methods), name


def _fields(unified: Model) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, schema in unified.schemas.items():
        for field, item in schema["properties"].items():
            yield f"{name}.{field}", item
    for name, resource in unified.file.resources.items():
        for method, query in resource.query_schema.items():
            properties = query["properties"]
            assert isinstance(properties, dict)
            for field, item in properties.items():
                assert isinstance(item, dict)
                yield f"{name}.{method}?{field}", item

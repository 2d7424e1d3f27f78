"""What mappings parse to, the paths they read, and the files that definitions stand in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from tests.unit.definitions.brightfold import DESK, failures

from isthmus.definitions import load_mapping, load_unified_model
from isthmus.definitions.body_path import BodyPath
from isthmus.definitions.file_models import EXCHANGES, IntegrationFile, MappingFile, MappingsExport, ModelFile
from isthmus.definitions.mapping import ResourceChoice, is_envelope
from isthmus.definitions.object_mapping import ObjectMapping
from isthmus.definitions.yaml_source import read_document
from isthmus.expressions import UNDEFINED


class TestMapping:
    def test_names_and_choices(self) -> None:
        mapping = load_mapping(
            {
                "resource": {"expression": "'a'", "resources": ["a", "b"]},
                "method": "list",
                "response_mapping": "",
            }
        )
        assert isinstance(mapping.resource, ResourceChoice)
        assert mapping.resource.resources == ("a", "b")
        assert mapping.method == "list"
        assert mapping.response_mapping is None
        assert mapping.response_mapping_method == "array"

    @pytest.mark.parametrize(
        ("config", "path", "message"),
        [
            ({"resource": {"expression": "'a'"}}, "resource.resources", "is required"),
            ({"method": {"expression": "'a'", "methods": []}}, "method.methods", "not be empty"),
            ({"resource": 5}, "resource", "must be a resource's name"),
            ({"query_mapping": "a.("}, "query_mapping", "at position 3"),
            ({"query_mapping": {"a": {"b": ["1", "x.("]}}}, "query_mapping.a.b.1", "at position 3"),
            ({"response_mapping_method": "each"}, "response_mapping_method", "must be 'array' or 'item'"),
            ({"side_load": {"a": {}}}, "side_load.a.resource", "is required"),
            ({"before": [{"type": "nap"}]}, "before.0", "one of request"),
        ],
    )
    def test_what_is_wrong_is_named(self, config: object, path: str, message: str) -> None:
        found = failures(load_mapping, config)
        assert message in found[path], found

    def test_an_object_is_jsonata_at_its_leaves(self) -> None:
        mapping = load_mapping(
            {
                "query_mapping": {
                    "size": "query.limit",
                    "kind": {"$literal": "query.limit"},
                    "nested": {"missing": "query.nope", "all": ["query.limit", "query.nope"]},
                    "fixed": 3,
                    "no": None,
                    "empty": " ",
                }
            }
        ).query_mapping
        assert isinstance(mapping, ObjectMapping)
        assert mapping.evaluate({"query": {"limit": 7}}) == {
            "size": 7,
            "kind": "query.limit",
            "nested": {"all": [7, None]},
            "fixed": 3,
            "no": None,
        }
        assert mapping.reads_path("query", "limit")
        assert not mapping.reads_path("body")
        assert mapping.reads_field("limit")
        assert not mapping.reads_field("size")
        assert mapping.can_give_key("size")
        assert not mapping.can_give_key("missing")

    async def test_an_object_evaluates_the_same_asynchronously(self) -> None:
        mapping = ObjectMapping({"a": "x", "b": ["y", "x"]})
        scope = {"x": 1}
        assert await mapping.evaluate_async(scope) == mapping.evaluate(scope) == {"a": 1, "b": [None, 1]}


class TestBodyPath:
    @pytest.mark.parametrize(
        ("path", "body", "expected"),
        [
            ("paging.after", {"paging": {"after": "x"}}, "x"),
            ("a-b.c_d", {"a-b": {"c_d": 1}}, 1),
            ("@odata.nextLink", {"@odata.nextLink": "u"}, "u"),
            ("meta.page.next", {"meta": {"page.next": 2}}, 2),
            ("rows.0.id", {"rows": [{"id": 3}]}, 3),
            ("rows.5.id", {"rows": []}, UNDEFINED),
            ("rows.1", {"rows": [{"id": 3}]}, UNDEFINED),
            ("a.b", {"a": None}, UNDEFINED),
            ("a.b", None, UNDEFINED),
            ("a", {"a": None}, None),
            ("rows[-1].id", {"rows": [{"id": 1}, {"id": 9}]}, 9),
            ("$count(rows)", {"rows": [1, 2]}, 2),
        ],
    )
    def test_reads_names_or_evaluates(self, path: str, body: object, expected: object) -> None:
        found = BodyPath(path).read(body)
        assert found is expected or found == expected


@pytest.mark.parametrize(
    ("value", "is_one"),
    [
        ({}, True),
        ({"next_cursor": "n"}, True),
        ({"result": {"id": 1}, "next_cursor": "n", "prev_cursor": "p"}, True),
        ({"result": [], "total": 0}, True),
        ({"result": {"id": 1}, "total": 1}, False),
        ([], False),
    ],
)
def test_an_envelope_is_told_by_its_keys_or_by_its_records(value: object, is_one: bool) -> None:
    assert is_envelope(value) is is_one


class TestFiles:
    def test_an_integration_file(self) -> None:
        file = IntegrationFile.model_validate({"name": "brightfold", "config": DESK})
        assert file.sharing == "ask"
        with pytest.raises(ValidationError):
            IntegrationFile.model_validate({"name": "Not A Slug", "config": {}})

    @pytest.mark.parametrize("model", [MappingFile, MappingsExport])
    def test_a_cell_stands_once(self, model: type[MappingFile] | type[MappingsExport]) -> None:
        names = {
            "unified_model": "crm",
            "integration": "x",
            "unified_model_name": "crm",
            "integration_name": "x",
        }
        cell = {"resource_name": "contacts", "method_name": "list", "config": {}}
        assert len(model.model_validate({**names, "cells": [cell]}).cells) == 1
        with pytest.raises(ValidationError, match=r"contacts\.list"):
            model.model_validate({**names, "cells": [cell, cell]})

    def test_exchanges_need_a_provenance(self) -> None:
        exchange = {"response": {"status": 200, "body": []}}
        assert EXCHANGES.validate_python([{**exchange, "provenance": "documented"}])[0].response.body == []
        with pytest.raises(ValidationError):
            EXCHANGES.validate_python([exchange])

    def test_meta_is_no_models_name(self) -> None:
        assert "reserved" in failures(load_unified_model, {"name": "meta"})["name"]

    def test_a_models_schema_is_read_by_its_wire_name(self) -> None:
        model = load_unified_model({"name": "crm", "resources": {"c": {"schema": {"type": "object"}}}})
        assert model.resources["c"].record_schema == {"type": "object"}

    @pytest.mark.filterwarnings("ignore:Default value:UserWarning")
    @pytest.mark.parametrize("model", [IntegrationFile, MappingFile, MappingsExport, ModelFile])
    def test_a_json_schema_can_be_made(self, model: Any) -> None:
        assert model.model_json_schema()["type"] == "object"


def test_the_shipped_catalogue_is_valid() -> None:
    root = Path(__file__).parents[3] / "catalog"
    for path in sorted(root.glob("integrations/*/integration.yaml")):
        IntegrationFile.model_validate(read_document(path).data)
    for path in sorted(root.glob("integrations/*/mappings/*.yaml")):
        MappingFile.model_validate(read_document(path).data)

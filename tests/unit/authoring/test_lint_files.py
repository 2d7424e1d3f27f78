"""Whole files: what they are taken for, where findings stand, and what the files beside them add."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.definitions.desk import CLEAN, changed

from isthmus.authoring.lint import Corpus, Report, validate_file


class TestFiles:
    def validate(self, path: Path, text: str) -> Report:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return validate_file(path)

    def test_an_integration_yaml_has_lines(self, tmp_path: Path) -> None:
        text = (
            "name: desk\nlabel: Desk\nconfig:\n  base_url: http://desk.example\n"
            "  error_expression: |-\n    (\n      data.x-\n    )\n"
        )
        report = self.validate(tmp_path / "integration.yaml", text)
        assert report.mode == "integration"
        lines = {item.path: item.line for item in report.findings}
        assert lines["config.base_url"] == 4
        assert lines["config.error_expression"] in (7, 8)
        assert lines["config.credentials"] == 3
        assert report.compute_exit_code() == 1

    def test_the_text_form_names_file_line_path_and_fix(self, tmp_path: Path) -> None:
        path = tmp_path / "a.integration.json"
        report = self.validate(
            path, json.dumps({"name": "desk", "config": changed("base_url", "http://d.example")})
        )
        assert report.format_lines() == [
            f"{path}:1: warn: config.base_url: is not https: credentials travel in the clear (use https)"
        ]
        assert report.as_json()["summary"] == {"total": 1, "error": 0, "warn": 1, "info": 0}
        assert report.compute_exit_code() == 1
        assert report.compute_exit_code(ignore_warnings=True) == 0

    def test_a_bare_config_is_accepted(self, tmp_path: Path) -> None:
        report = self.validate(tmp_path / "config.json", json.dumps(CLEAN))
        assert (report.mode, report.findings, report.compute_exit_code()) == ("config", (), 0)

    @pytest.mark.parametrize("text", ["{", '"text"'])
    def test_what_cannot_be_read_is_told_apart(self, tmp_path: Path, text: str) -> None:
        report = self.validate(tmp_path / "a.json", text)
        assert report.compute_exit_code() == 2
        assert report.compute_exit_code(ignore_warnings=True) == 2

    def test_an_absent_file_is_unreadable(self, tmp_path: Path) -> None:
        assert validate_file(tmp_path / "absent.yaml").compute_exit_code() == 2

    def test_a_bad_slug_and_a_config_that_is_no_object(self, tmp_path: Path) -> None:
        report = self.validate(tmp_path / "a.yaml", "name: Not A Slug\nconfig: []")
        assert [(item.severity, item.path) for item in report.findings] == [
            ("error", "name"),
            ("error", "config"),
        ]

    def test_exchanges_and_models(self, tmp_path: Path) -> None:
        good = [{"provenance": "documented", "response": {"status": 200}}]
        assert self.validate(tmp_path / "t.list.json", json.dumps(good)).compute_exit_code() == 0
        bad = self.validate(tmp_path / "t.get.json", json.dumps([{"response": {"status": 200}}]))
        assert (bad.mode, [item.path for item in bad.findings]) == ("exchanges", ["0.provenance"])
        model = self.validate(tmp_path / "model.yaml", "name: crm\nresources: {contacts: {method: [list]}}")
        assert (model.mode, [item.path for item in model.findings]) == (
            "model",
            ["resources.contacts.method"],
        )

    def test_findings_name_the_resource_and_method_they_are_about(self, tmp_path: Path) -> None:
        config = changed("resources.tickets.list.method", "leap")
        report = self.validate(tmp_path / "a.json", json.dumps(config))
        assert [(item.resource, item.method) for item in report.findings] == [("tickets", "list")]
        for path, resource, method in (
            ("resources.tickets.list", "tickets", "list"),
            ("resources.tickets", None, None),
        ):
            report = self.validate(tmp_path / "a.json", json.dumps(changed(path, "none")))
            found = [item for item in report.findings if item.path == path]
            assert [(item.resource, item.method) for item in found] == [(resource, method)]
        cell = {"resource_name": "tickets", "method_name": "get", "config": {"resource": 5}}
        cells = {"unified_model": "m", "integration": "i", "cells": [cell]}
        report = self.validate(tmp_path / "b.json", json.dumps(cells))
        assert [(item.resource, item.method) for item in report.findings] == [("tickets", "get")]

    @pytest.mark.parametrize(
        ("part", "path", "severity"),
        [
            ({"type": "text"}, "properties.a.type", "error"),
            ({"type": ["string", "nil"]}, "properties.a.type", "error"),
            ({"type": "array", "items": {"type": "x"}}, "properties.a.items.type", "error"),
            ({"anyOf": [{"type": "x"}]}, "properties.a.anyOf.0.type", "error"),
            ({"type": "object", "properties": {"b": {}}, "required": ["c"]}, "properties.a.required", "warn"),
            ({"x-filter-operators": ["eq", "near"]}, "properties.a.x-filter-operators", "error"),
            ({"enum": "open"}, "properties.a.enum", "error"),
            ("string", "properties.a", "error"),
        ],
    )
    def test_schemas(self, tmp_path: Path, part: object, path: str, severity: str) -> None:
        record = {
            "type": "object",
            "properties": {"a": part, "ok": {"type": ["string", "null"], "enum": ["x"]}},
        }
        report = self.validate(tmp_path / "a.schema.yaml", json.dumps(record))
        assert (report.mode, [(item.severity, item.path) for item in report.findings]) == (
            "schema",
            [(severity, path)],
        )
        model = {"name": "m", "resources": {"r": {"schema": record}}}
        report = self.validate(tmp_path / "model.yaml", json.dumps(model))
        assert [item.path for item in report.findings] == [f"resources.r.schema.{path}"]

    @pytest.mark.parametrize("is_beside", [True, False])
    def test_an_alias_leads_to_a_list_of_the_schema(self, tmp_path: Path, is_beside: bool) -> None:
        entries = {"type": "array", "items": {"type": "object", "properties": {"email": {}}}}
        schema = {"type": "object", "properties": {"id": {"type": "string"}, "emails": entries}}
        people: dict[str, Any] = {"aliases": {"email": "emails[].email", "mail": "emails[].mail"}}
        if is_beside:
            (tmp_path / "people.schema.yaml").write_text(json.dumps(schema))
        else:
            people["schema"] = schema
        model = {"name": "staff", "resources": {"people": people}}
        report = self.validate(tmp_path / "model.yaml", json.dumps(model))
        (found,) = [item for item in report.findings if item.severity == "error"]
        assert found.path == "resources.people.aliases.mail"
        assert found.message == "stands for mail of an entry of emails, which has email"


class TestMappings:
    def home(self, root: Path) -> Path:
        """A little catalogue with one integration and one model; where its mapping file goes."""
        config = {"name": "desk", "config": CLEAN}
        other = {"name": "rival", "config": CLEAN}
        methods = ["list", "get", "create", "update"]
        model = {"name": "ticketing", "resources": {"tickets": {"methods": methods}}}
        record = {"type": "object", "properties": {"id": {}, "title": {}, "status": {}}}
        for path, data in {
            "integrations/desk/integration.yaml": config,
            "integrations/rival/integration.yaml": other,
            "unified/ticketing/model.yaml": model,
            "unified/ticketing/tickets.schema.yaml": record,
        }.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(json.dumps(data))
        (root / "integrations/desk/mappings").mkdir(exist_ok=True)
        return root / "integrations/desk/mappings/ticketing.yaml"

    def findings(self, root: Path, *cells: dict[str, Any]) -> list[tuple[str, str, str]]:
        path = self.home(root)
        path.write_text(json.dumps({"unified_model": "ticketing", "integration": "desk", "cells": cells}))
        return [(item.severity, item.source, item.path) for item in validate_file(path).findings]

    def cell(self, method: str, config: dict[str, Any], resource: str = "tickets") -> dict[str, Any]:
        return {"resource_name": resource, "method_name": method, "config": config}

    def test_a_mapping_that_is_right_has_no_findings(self, tmp_path: Path) -> None:
        record = "{ 'id': $string(response.no), 'title': response.subject }"
        schema = {"type": "object", "properties": {"title": {"type": "string"}}}
        write = {"request_body_schema": schema, "request_body_mapping": "{ 'subject': body.title }"}
        cells = (
            self.cell("list", {"response_mapping": record}),
            self.cell("get", {"response_mapping": record}),
            self.cell("create", write),
        )
        assert self.findings(tmp_path, *cells) == []

    @pytest.mark.parametrize(
        ("config", "severity", "source", "path"),
        [
            ({"resource": "tikets"}, "error", "mapping", "resource"),
            ({"method": "search"}, "error", "mapping", "method"),
            (
                {"resource": {"expression": "'x'", "resources": ["tickets", "x"]}},
                "error",
                "mapping",
                "resource",
            ),
            ({"resource": {"expression": "'x'"}}, "error", "schema", "resource.resources"),
            ({"query_mapping": "{ 'a': rawQuery.b }"}, "warn", "jsonata", "query_mapping"),
            ({"query_mapping": {"a": "rawQuery.b"}}, "warn", "jsonata", "query_mapping.a"),
            ({"query_mapping": "a.("}, "error", "jsonata", "query_mapping"),
            ({"query": {"a": "{{b[0]}}"}}, "error", "placeholder", "query.a"),
            (
                {"query_schema": {"properties": {"a": {"type": "x"}}}},
                "error",
                "schema",
                "query_schema.properties.a.type",
            ),
            ({"response_mapping": "{ 'id': $number(response.no) }"}, "warn", "mapping", "response_mapping"),
            ({"response_mapping": {"id": "$number(response.no)"}}, "warn", "mapping", "response_mapping"),
            ({"response_mapping": "{ 'titel': response.subject }"}, "info", "mapping", "response_mapping"),
            ({"response_mapping": "{ 'id': response.`x` = 'rival' }"}, "warn", "mapping", "response_mapping"),
            ({"response_maping": "response"}, "warn", "schema", "response_maping"),
            (
                {"side_load": {"a": {"resource": "tickets", "response_mapping": "context.x"}}},
                "warn",
                "jsonata",
                "side_load.a.response_mapping",
            ),
            (
                {"before": [{"type": "form", "config": [{"name": "a"}]}]},
                "error",
                "execution",
                "before.0.type",
            ),
        ],
    )
    def test_a_planted_mistake_is_found(
        self, tmp_path: Path, config: dict[str, Any], severity: str, source: str, path: str
    ) -> None:
        found = self.findings(tmp_path, self.cell("list", config))
        assert (severity, source, f"cells.0.config.{path}") in found, found

    @pytest.mark.parametrize(("method", "resource"), [("list", "tikets"), ("delete", "tickets")])
    def test_names_that_the_model_does_not_have(self, tmp_path: Path, method: str, resource: str) -> None:
        cell = self.cell(method, {"resource": "tickets", "method": "list"}, resource)
        assert self.findings(tmp_path, cell) == [("error", "mapping", "cells.0.config")]

    def test_a_write_needs_a_schema(self, tmp_path: Path) -> None:
        found = self.findings(tmp_path, self.cell("create", {}))
        assert found == [("warn", "mapping", "cells.0.config.request_body_schema")]

    @pytest.mark.parametrize(
        ("config", "silent"),
        [
            ({"request_body_mapping": "{ 's': body.title }"}, False),
            ({"request_body_mapping": "$merge([body, {'a': 1}])"}, True),
            ({"request_body_mapping": {"s": "body.title", "t": "body.tags"}}, True),
            ({"request_body_mapping": "{ 's': body.title }", "path_mapping": "'/x/' & body.tags[0]"}, True),
            ({}, True),
        ],
    )
    def test_a_write_sends_what_it_accepts(
        self, tmp_path: Path, config: dict[str, Any], silent: bool
    ) -> None:
        schema = {"request_body_schema": {"properties": {"title": {"title": "Tags"}, "tags": {}}}}
        found = self.findings(tmp_path, self.cell("create", {**config, **schema}))
        assert found == ([] if silent else [("warn", "mapping", "cells.0.config.request_body_mapping")])

    def test_a_field_that_one_write_takes_is_missed_in_the_other(self, tmp_path: Path) -> None:
        def write(method: str, *names: str) -> dict[str, Any]:
            schema: dict[str, Any] = {"properties": {name: {} for name in names}}
            return self.cell(method, {"request_body_schema": schema, "method": "update"})

        def wrong(*cells: dict[str, Any]) -> list[tuple[str, str, str]]:
            return [item for item in self.findings(tmp_path, *cells) if "request_body_schema" in item[2]]

        reads = self.cell("get", {"response_mapping": "{ 'id': response.no, 'title': response.t }"})
        missed = [("warn", "mapping", "cells.1.config.request_body_schema")]
        assert wrong(reads, write("create", "status"), write("update", "status", "title")) == missed
        assert wrong(reads, write("create", "title"), write("update", "status", "title")) == []

    def test_each_method_that_may_be_chosen_is_there(self, tmp_path: Path) -> None:
        choice = {"expression": "query.q ? 'find' : 'list'", "methods": ["list", "find"]}
        found = self.findings(tmp_path, self.cell("list", {"method": choice}))
        assert found == [("error", "mapping", "cells.0.config.method")]

    def test_steps_and_side_loads_are_read_by_the_names_that_they_see(self, tmp_path: Path) -> None:
        def step(config: str) -> list[dict[str, Any]]:
            return [{"type": "transform", "config": config}]

        config = {
            "before": [*step("step.a & query.b"), *step("previous.a"), *step("data")],
            "after": [*step("data.a & context.b"), *step("steps.a")],
            "side_load": {"more": {"resource": "tickets", "run_if": "$exist(record.id)"}},
        }
        assert sorted(self.findings(tmp_path, self.cell("list", config))) == [
            ("error", "jsonata", "cells.0.config.side_load.more.run_if"),
            ("warn", "jsonata", "cells.0.config.after.1.config"),
            ("warn", "jsonata", "cells.0.config.before.1.config"),
            ("warn", "jsonata", "cells.0.config.before.2.config"),
        ]

    @pytest.mark.parametrize(
        ("field", "names"),
        [
            ("resource", "query rawQuery body context"),
            ("method", "query rawQuery body context"),
            ("query_mapping", "query body context before id"),
            ("request_body_mapping", "body context query rawQuery before id"),
            ("path_mapping", "headers body query rawQuery context before id"),
            (
                "response_mapping",
                "response query rawQuery context headers body documentParserApiUrl documentParserApiKey",
            ),
            ("error_mapping", "headers error body query rawQuery context before id"),
            ("is_partial_expression", "data query rawQuery before id requestBody rawBody"),
            ("side_load", "response query rawQuery body"),
            ("before", "id query body context step"),
            ("after", "id query body context step data"),
        ],
    )
    def test_an_expression_reads_the_names_of_its_field_and_no_other(
        self, tmp_path: Path, field: str, names: str
    ) -> None:
        text = f"[{', '.join([*names.split(), 'else'])}]"
        value: Any = {
            "resource": {"expression": text, "resources": ["tickets"]},
            "method": {"expression": text, "methods": ["list"]},
            "side_load": {"more": {"resource": "tickets", "response_mapping": text}},
            "before": [{"type": "transform", "config": text}],
            "after": [{"type": "transform", "config": text}],
        }.get(field, text)
        path = self.home(tmp_path)
        cells = [self.cell("list", {field: value})]
        path.write_text(json.dumps({"unified_model": "ticketing", "integration": "desk", "cells": cells}))
        told = [item.message for item in validate_file(path).findings if item.source == "jsonata"]
        assert told == ["else is not in scope here and is always undefined"]

    def test_what_is_called_beside_the_call_is_there(self, tmp_path: Path) -> None:
        def step(resource: str, method: str) -> dict[str, Any]:
            return {"type": "request", "config": {"resource": resource, "method": method}}

        config = {
            "before": [step("tickets", "list"), step("tickts", "list")],
            "after": [step("tickets", "gett")],
            "side_load": {"a": {"resource": "tickets"}, "b": {"resource": "users"}},
        }
        assert sorted(self.findings(tmp_path, self.cell("list", config))) == [
            ("error", "mapping", "cells.0.config.after.0.config.method"),
            ("error", "mapping", "cells.0.config.before.1.config.resource"),
            ("error", "mapping", "cells.0.config.side_load.b.resource"),
        ]

    def test_list_and_get_map_the_same_fields(self, tmp_path: Path) -> None:
        found = self.findings(
            tmp_path,
            self.cell("list", {"response_mapping": "{ 'id': response.no }"}),
            self.cell("get", {"response_mapping": "{ 'id': response.no, 'title': response.t }"}),
        )
        assert found == [("warn", "mapping", "cells.0.config.response_mapping")]

    @pytest.mark.parametrize(
        "mapping",
        [
            "{ 'result': response.rows.{ 'id': no }, 'next_cursor': response.next }",
            {"result": "response.rows.{ 'id': no }", "next_cursor": "response.next"},
        ],
    )
    def test_the_fields_in_an_envelope_are_those_of_its_records(
        self, tmp_path: Path, mapping: object
    ) -> None:
        single = self.cell("get", {"response_mapping": "{ 'id': response.no }"})
        assert self.findings(tmp_path, self.cell("list", {"response_mapping": mapping}), single) == []

    def test_an_export_is_checked_with_the_integration_beside_it(self, tmp_path: Path) -> None:
        (tmp_path / "desk.integration.json").write_text(json.dumps({"name": "desk", "config": CLEAN}))
        path = tmp_path / "desk.ticketing.mappings.json"
        cell = {**self.cell("list", {"method": "search"}), "apply_db_action": "skip"}
        names = {"integration_name": "desk", "unified_model_name": "ticketing"}
        path.write_text(json.dumps({"schema_version": 1, **names, "cells": [cell]}))
        report = validate_file(path)
        assert [(item.severity, item.path) for item in report.findings] == [
            ("error", "cells.0.config.method")
        ]

    def test_an_integration_beside_an_export_whose_config_is_no_object_is_as_none(
        self, tmp_path: Path
    ) -> None:
        (tmp_path / "desk.integration.json").write_text(json.dumps({"name": "desk", "config": "CLEAN"}))
        path = tmp_path / "desk.ticketing.mappings.json"
        names = {"integration_name": "desk", "unified_model_name": "ticketing"}
        cells = [{**self.cell("list", {"method": "search"}), "apply_db_action": "skip"}]
        path.write_text(json.dumps({"schema_version": 1, **names, "cells": cells}))
        assert validate_file(path).findings == ()


class TestSamples:
    MODEL = Path(__file__).parents[3] / "catalog" / "unified"

    def findings(self, tmp_path: Path, mapping: object, sample: object, *, model: str = "crm") -> list[str]:
        config = {"response_mapping": mapping, "response_mapping_method": "item"}
        cell = {"resource_name": "contacts", "method_name": "list", "config": config, "sample": sample}
        export = {"integration_name": "desk", "unified_model_name": model, "cells": [cell]}
        path = tmp_path / "desk.crm.mappings.json"
        path.write_text(json.dumps(export))
        report = validate_file(path, models=[self.MODEL])
        return [item.message for item in report.findings if "sample" in item.message]

    def test_a_sample_that_maps_to_a_valid_record(self, tmp_path: Path) -> None:
        assert self.findings(tmp_path, '{ "id": $string(response.no) }', [{"no": 7}]) == []

    def test_a_sample_that_maps_to_an_invalid_record_is_an_error(self, tmp_path: Path) -> None:
        (found,) = self.findings(tmp_path, '{ "id": response.no }', [{"no": 7}])
        assert "not valid: $.id: 7 is not of type 'string'" in found

    def test_a_sample_that_the_mapping_fails_on_is_an_error(self, tmp_path: Path) -> None:
        (found,) = self.findings(tmp_path, '{ "id": $number(response.no) }', {"no": "x"})
        assert "fails on the cell's own sample" in found

    def test_a_mapping_written_as_an_object_is_run_too(self, tmp_path: Path) -> None:
        assert self.findings(tmp_path, {"id": "$string(response.no)"}, [{"no": 7}]) == []
        (found,) = self.findings(tmp_path, {"id": "response.no"}, [{"no": 7}])
        assert "not valid: $.id" in found

    @pytest.mark.parametrize("made", ["$string(no)", "no"])
    def test_records_are_judged_out_of_their_envelope_and_without_nulls(
        self, tmp_path: Path, made: str
    ) -> None:
        mapping = f"{{ 'result': [null, response.{{ 'id': {made} }}], 'next_cursor': 'n' }}"
        assert len(self.findings(tmp_path, mapping, {"no": 7})) == (0 if "string" in made else 1)

    def test_a_model_that_is_not_known_is_left_out(self, tmp_path: Path) -> None:
        assert self.findings(tmp_path, '{ "id": response.no }', {"no": 7}, model="../crm") == []


def test_sections_are_compared_with_those_of_other_integrations(tmp_path: Path) -> None:
    path = tmp_path / "integration.json"
    config = changed("pagination", {"format": "page", "config": {}})
    path.write_text(json.dumps({"name": "desk", "config": config}))
    found = validate_file(path, corpus=Corpus({"desk": config, "rival": CLEAN})).findings
    assert [(item.source, item.path) for item in found] == [("pattern_match", "config.pagination")]
    assert validate_file(path).findings == ()


def test_methods_that_came_or_went_are_told(tmp_path: Path) -> None:
    before = {"name": "desk", "config": CLEAN}
    now = changed("resources.tickets.search", {"path": "/search"})
    del now["resources"]["tickets"]["get"]
    path = tmp_path / "integration.json"
    path.write_text(json.dumps({"name": "desk", "config": now}))
    found = validate_file(path, against=before).findings
    assert [(item.severity, item.path) for item in found if item.source == "method_coverage"] == [
        ("warn", "config.resources.tickets"),
        ("info", "config.resources.tickets.search"),
    ]
    assert validate_file(path, against=json.loads(path.read_text())).compute_exit_code() == 0

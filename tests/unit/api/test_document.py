"""The OpenAPI document."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from isthmus.api.data_plane import COLLECTION_METHODS, CUSTOM_VERBS, ITEM_METHODS
from isthmus.api.openapi.unified_operations import add_unified_models
from isthmus.api.platform_app import build_platform
from isthmus.api.resources import ROUTERS
from isthmus.integrations.effective.environment_models import EnvironmentModel


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return build_platform(ROUTERS).openapi()


def test_the_document_is_valid_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(document).validate()


def test_no_text_cites_what_its_reader_does_not_have(document: dict[str, Any]) -> None:
    assert "\u00a7" not in json.dumps(document, ensure_ascii=False)


def test_each_operation_has_an_id_of_its_own(document: dict[str, Any]) -> None:
    ids = Counter(each["operationId"] for path in document["paths"].values() for each in path.values())
    assert [name for name, count in ids.items() if count > 1] == []


def test_each_tag_of_an_operation_has_a_text(document: dict[str, Any]) -> None:
    used = {tag for path in document["paths"].values() for each in path.values() for tag in each["tags"]}
    assert used == {tag["name"] for tag in document["tags"] if tag["description"]}


@pytest.mark.parametrize("plane", ["/unified/{model}/{resource}", "/proxy/{resource}"])
def test_the_data_plane_is_documented_as_it_is_routed(document: dict[str, Any], plane: str) -> None:
    assert {verb.upper() for verb in document["paths"][plane]} == COLLECTION_METHODS.keys()
    assert {verb.upper() for verb in document["paths"][f"{plane}/{{id}}"]} == {*ITEM_METHODS, "POST"}


def test_custom_calls_and_actions_are_documented_as_they_are_routed(document: dict[str, Any]) -> None:
    assert {verb.upper() for verb in document["paths"]["/custom/{path}"]} == {*CUSTOM_VERBS}
    assert set(document["paths"]["/proxy/_/{action}"]) == {"post"}


def test_each_call_that_changes_something_may_have_a_key(document: dict[str, Any]) -> None:
    for path, operations in document["paths"].items():
        for verb, operation in operations.items():
            if path.startswith(("/unified/{model}/{resource}", "/proxy", "/custom")):
                names = {each["name"] for each in operation["parameters"]}
                takes_key = verb in ("post", "put", "patch", "delete")
                for name in ("Idempotency-Key", "isthmus_repeat_unknown"):
                    assert (name in names) == takes_key, path


def test_the_batch_request_is_documented_by_what_reads_it(document: dict[str, Any]) -> None:
    operation = document["paths"]["/batch-request"]["post"]
    schemas = document["components"]["schemas"]
    reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    model = schemas[reference.rpartition("/")[2]]
    assert set(model["properties"]) == {"integrated_account_id", "resources", "args"}
    assert set(schemas["RequestNode"]["properties"]) >= {"depends_on", "loop_on", "recurse", "persist"}
    names = [each["name"] for each in operation["parameters"]]
    assert names == ["Idempotency-Key", "isthmus_repeat_unknown"]


def test_no_operation_promises_a_status_that_is_never_sent(document: dict[str, Any]) -> None:
    promised = {
        status
        for path in document["paths"].values()
        for each in path.values()
        for status in each["responses"]
    }
    refusals = {"400", "401", "403", "404", "405", "409", "413", "422", "429", "4XX", "5XX"}
    assert promised == {"200", "503"} | refusals


def test_422_is_of_idempotency_keys_alone(document: dict[str, Any]) -> None:
    """The framework's own is answered with 400."""
    for path in document["paths"].values():
        for each in path.values():
            takes_key = "Idempotency-Key" in {one["name"] for one in each.get("parameters", ())}
            assert ("422" in each["responses"]) == takes_key, each["operationId"]


@pytest.mark.parametrize(
    ("route", "statuses"),
    [
        ("GET /ping", "400"),
        ("GET /integration", "400 401 403 429 503"),
        ("POST /integration", "400 401 403 404 409 413 429 503"),
        ("GET /integration/{id}", "400 401 403 404 429 503"),
        ("PATCH /integration/{id}", "400 401 403 404 409 413 429 503"),
        ("DELETE /integration/{id}", "400 401 403 404 409 429 503"),
        ("GET /proxy/{resource}", "400 401 403 404 405 429 4XX 5XX"),
        ("HEAD /custom/{path}", "400 401 403 404 405 429 4XX 5XX"),
        ("OPTIONS /custom/{path}", "400 401 403 404 405 429 4XX 5XX"),
        ("POST /proxy/{resource}", "400 401 403 404 405 409 413 422 429 4XX 5XX"),
        ("DELETE /proxy/{resource}/{id}", "400 401 403 404 405 409 422 429 4XX 5XX"),
    ],
)
def test_an_operation_tells_the_refusals_it_can_answer_with(
    document: dict[str, Any], route: str, statuses: str
) -> None:
    verb, path = route.split()
    assert sorted(document["paths"][path][verb.lower()]["responses"]) == ["200", *statuses.split()]


ONE, MANY = "/{id}", ""


@pytest.mark.parametrize("plane", ["unified", "proxy"])
@pytest.mark.parametrize(
    ("verb", "tail", "name", "body", "is_required"),
    [
        ("get", MANY, "list", False, False),
        ("get", ONE, "get", False, False),
        ("post", MANY, "create", True, True),
        ("patch", MANY, "update_by_body", True, False),
        ("patch", ONE, "update", True, False),
        ("delete", MANY, "delete_by_body", False, False),
        ("delete", ONE, "delete", False, False),
        ("post", ONE, "custom", True, False),
    ],
)
def test_a_method_is_documented_with_its_body_and_parameters(
    document: dict[str, Any], plane: str, verb: str, tail: str, name: str, body: bool, is_required: bool
) -> None:
    path = {"unified": "/unified/{model}/{resource}", "proxy": "/proxy/{resource}"}[plane]
    operation = document["paths"][path + tail][verb]
    assert operation["operationId"] == f"{plane}_{name}"
    assert ("requestBody" in operation) == body
    assert not body or operation["requestBody"]["required"] == is_required
    parameters = {each["name"]: each for each in operation["parameters"]}
    assert ("limit" in parameters) == (name == "list")
    assert ("truto_body_passthrough" in parameters) == body
    assert ("remote_query" in parameters) == (plane == "unified")
    assert {each for each, value in parameters.items() if value["required"]} == {
        "integrated_account_id",
        *re.findall(r"{(\w+)}", path + tail),
    }
    assert [each for each, value in parameters.items() if value.get("style") == "deepObject"] == (
        ["remote_query"] if plane == "unified" else []
    )


@pytest.mark.parametrize(
    ("route", "properties"),
    [
        ("GET /proxy/{resource}", "next_cursor prev_cursor result result_count is_partial_response"),
        ("DELETE /unified/{model}/{resource}/{id}", "id"),
        ("DELETE /proxy/{resource}/{id}", ""),
        ("POST /unified/{model}/{resource}/{id}", "result"),
        ("POST /proxy/{resource}/{id}", ""),
        ("GET /unified/{model}/{resource}/{id}", ""),
        ("POST /unified/{model}/{resource}", ""),
        ("POST /proxy/_/{action}", "result"),
        ("GET /custom/{path}", "result next_cursor prev_cursor"),
    ],
)
def test_an_answer_is_documented_with_the_fields_around_a_record(
    document: dict[str, Any], route: str, properties: str
) -> None:
    verb, path = route.split()
    answer = document["paths"][path][verb.lower()]["responses"]["200"]["content"]["application/json"]
    assert set(answer["schema"].get("properties", ())) == set(properties.split())
    assert set(answer["schema"].get("required", ())) == set(properties.split())


@pytest.mark.parametrize("verb", [each.lower() for each in CUSTOM_VERBS])
def test_a_custom_call_is_documented_by_what_its_verb_carries(document: dict[str, Any], verb: str) -> None:
    operation = document["paths"]["/custom/{path}"][verb]
    assert ("requestBody" in operation) == (verb in ("post", "put", "patch", "delete"))
    assert ("content" in operation["responses"]["200"]) == (verb not in ("head", "options"))


def test_every_change_of_a_row_may_answer_with_a_warning(document: dict[str, Any]) -> None:
    changes = [
        operations["patch"]
        for path, operations in document["paths"].items()
        if path.endswith("/{id}")
        and "patch" in operations
        and "get" in operations
        and not path.startswith(("/unified/", "/proxy/"))
    ]
    assert len(changes) > 8
    assert all("Isthmus-Warning" in operation["responses"]["200"]["headers"] for operation in changes)


def test_the_aliases_of_a_resource_are_in_its_body_and_its_filters(document: dict[str, Any]) -> None:
    emails = {"type": "array", "items": {"type": "object", "properties": {"email": {"format": "email"}}}}
    people = {
        "schema": {"type": "object", "properties": {"id": {"type": "string"}, "emails": emails}},
        "aliases": {"email": "emails[].email", "mail": "emails[].mail"},
        "query_schema": {"list": {"properties": {"emails": {"properties": {"email": {"type": "string"}}}}}},
    }
    model = EnvironmentModel("1", "staff", "crm", None, "2", {"people": people}, {}, {})
    made = add_unified_models(document, [model])
    sent = made["components"]["schemas"]["staff.people.sent"]["properties"]
    assert (sent.keys(), sent["email"]["format"]) == ({"id", "emails", "email"}, "email")
    assert "email" not in made["components"]["schemas"]["staff.people"]["properties"]
    parameters = {item["name"]: item for item in made["paths"]["/unified/staff/people"]["get"]["parameters"]}
    assert parameters["email"]["schema"]["x-alias-of"] == "emails[].email"
    assert "mail" not in parameters

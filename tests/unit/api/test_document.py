"""The OpenAPI document."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from isthmus.api.data_plane import COLLECTION_METHODS, CUSTOM_VERBS, ITEM_METHODS
from isthmus.api.platform_app import build_platform
from isthmus.api.resources import ROUTERS


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
                assert ("Idempotency-Key" in names) == (verb in ("post", "put", "patch", "delete")), path


def test_the_batch_request_is_documented_by_what_reads_it(document: dict[str, Any]) -> None:
    operation = document["paths"]["/batch-request"]["post"]
    schemas = document["components"]["schemas"]
    reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    model = schemas[reference.rpartition("/")[2]]
    assert set(model["properties"]) == {"integrated_account_id", "resources", "args"}
    assert set(schemas["RequestNode"]["properties"]) >= {"depends_on", "loop_on", "recurse", "persist"}
    assert [each["name"] for each in operation["parameters"]] == ["Idempotency-Key"]


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

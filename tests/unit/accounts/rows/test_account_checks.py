"""What an account may be created with and changed to: the fields of a request, and its credentials."""

from __future__ import annotations

from typing import Any

import pytest

from isthmus.accounts.rows.account_checks import (
    FAILED_STATUSES,
    REGIONS,
    STATUSES,
    check_fields,
    find_credential_format,
    validate_credentials,
)
from isthmus.definitions.load import load_integration
from isthmus.errors import BadRequest

WHOLE: dict[str, Any] = {
    "tenant_id": "acme",
    "environment_integration_id": "i",
    "authentication_method": "oauth2",
    "context": {},
}
CREDENTIALS = load_integration(
    {
        "credentials": {
            "api_key": {"config": {"fields": [{"name": "api_key", "required": True}]}},
            "oauth2": {"config": {"auth": {"tokenHost": "https://a.example"}, "scope": []}},
        }
    }
).credentials


def failures(values: dict[str, Any], *, creating: bool) -> list[str]:
    """The paths that are refused, in their order."""
    try:
        check_fields(values, creating=creating)
    except BadRequest as refused:
        return [each["path"] for each in refused.details["failures"]]
    return []


def test_a_whole_account_is_created_and_any_part_of_it_changed() -> None:
    assert failures(WHOLE, creating=True) == []
    assert failures({}, creating=False) == []


@pytest.mark.parametrize("name", WHOLE)
def test_what_an_account_needs_is_told_once_where_it_is_missing(name: str) -> None:
    assert failures({**WHOLE, name: None}, creating=True) == [name]
    assert failures({key: value for key, value in WHOLE.items() if key != name}, creating=True) == [name]


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("value", [None, 7, []])
def test_a_change_to_another_type_is_refused(name: str, value: object) -> None:
    assert failures({name: value}, creating=False) == [name]


@pytest.mark.parametrize("name", ["unified_model_override", "integration_override"])
def test_an_override_is_an_object_or_null(name: str) -> None:
    assert failures({name: None}, creating=False) == failures({name: {}}, creating=False) == []
    assert failures({name: "x"}, creating=False) == [name]


@pytest.mark.parametrize(("value", "is_taken"), [*((region, True) for region in REGIONS), ("mars", False)])
def test_a_region_is_one_of_four_and_is_chosen_at_the_start(value: str, is_taken: bool) -> None:
    assert failures({**WHOLE, "region": value}, creating=True) == ([] if is_taken else ["region"])
    assert failures({**WHOLE, "region": None}, creating=True) == []
    assert failures({"region": value}, creating=False) == []


@pytest.mark.parametrize(
    ("value", "is_taken"), [*((status, True) for status in STATUSES), ("odd", False), (None, False)]
)
def test_a_status_is_one_of_five_and_is_changed_alone(value: str | None, is_taken: bool) -> None:
    assert failures({"status": value}, creating=False) == ([] if is_taken else ["status"])
    assert failures({**WHOLE, "status": value}, creating=True) == []


def test_an_account_fails_in_three_ways() -> None:
    assert {"post_install_error", "validation_error", "needs_reauth"} == FAILED_STATUSES


@pytest.mark.parametrize(
    ("context", "path"),
    [
        ({"oauth": "x"}, "context.oauth"),
        ({"oauth": {"token": "x"}}, "context.oauth.token"),
        ({"oauth": None}, None),
        ({"oauth": {"token": None}}, None),
        ({"oauth": {"token": {}}}, None),
    ],
)
def test_no_token_is_replaced_by_another_type(context: dict[str, Any], path: str | None) -> None:
    assert failures({"context": context}, creating=False) == ([] if path is None else [path])


@pytest.mark.parametrize(
    ("method", "name"), [("api_key", "api_key"), ("basic", "api_key"), ("oauth2", "oauth2")]
)
def test_a_method_is_one_that_the_integration_offers(method: str, name: str) -> None:
    assert find_credential_format(CREDENTIALS, method) == name


def test_a_method_that_is_not_offered_is_told_with_those_that_are() -> None:
    with pytest.raises(BadRequest, match="It offers: api_key, oauth2"):
        find_credential_format(CREDENTIALS, "saml")
    with pytest.raises(BadRequest, match="It offers: none"):
        find_credential_format({}, "oauth2")


@pytest.mark.parametrize(
    ("method", "context", "complete", "path"),
    [
        ("sandbox", {}, True, None),
        ("api_key", {"api_key": "k"}, True, None),
        ("api_key", {}, True, "context.api_key"),
        ("api_key", {}, False, None),
        ("oauth2", {"oauth": {"token": {"access_token": "t"}}}, True, None),
        ("oauth2", {"oauth": {"token": {"access_token": ""}}}, True, "context.oauth.token.access_token"),
        ("oauth2", {"oauth": {"token": {"access_token": 7}}}, True, "context.oauth.token.access_token"),
        ("oauth2", {"oauth": {}}, True, "context.oauth.token.access_token"),
        ("oauth2", {}, True, "context.oauth.token.access_token"),
        ("oauth2", {}, False, None),
    ],
)
def test_whole_credentials_have_their_fields_and_a_token(
    method: str, context: dict[str, Any], complete: bool, path: str | None
) -> None:
    if path is None:
        assert validate_credentials(CREDENTIALS, method, context, complete=complete) == context
        return
    with pytest.raises(BadRequest) as refused:
        validate_credentials(CREDENTIALS, method, context, complete=complete)
    assert [each["path"] for each in refused.value.details["failures"]] == [path]

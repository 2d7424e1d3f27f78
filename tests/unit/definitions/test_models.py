"""What definitions parse to, and what is said of those that do not parse."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError
from tests.unit.definitions.brightfold import DESK, failures

from isthmus.definitions import (
    DefinitionInvalid,
    load_integration,
    load_mapping,
)
from isthmus.definitions.actions import FormField
from isthmus.definitions.authorization import BearerAuthorization, HeaderAuthorization
from isthmus.definitions.credentials import ApiKeyCredential, OAuth2Credential, resolve_credential_format
from isthmus.definitions.layers import apply_patch, merge_integration, merge_mapping
from isthmus.definitions.load import MAX_DEPTH
from isthmus.definitions.record_validation import find_violations, make_record_validator
from isthmus.expressions import Expression
from isthmus.expressions.placeholders import Template


@pytest.mark.parametrize("cron", ["", "* * * * * *", "0 25 * * *"])
def test_a_schedule_that_is_no_cron_expression_is_refused_by_name(cron: str) -> None:
    actions = {"sync": {"schedule": {"cron": cron}, "steps": []}}
    found = failures(load_integration, DESK | {"actions": actions})
    assert list(found) == ["actions.sync.schedule.cron"]
    assert "is no cron expression" in found["actions.sync.schedule.cron"]


def test_the_name_of_an_action_that_comes_back_has_a_length() -> None:
    schedule: dict[str, Any] = {"schedule": {"cron": "0 0 * * *"}, "steps": []}
    load_integration({"actions": {"a" * 200: schedule, "b" * 500: {"steps": []}}}, source="x")
    found = failures(load_integration, DESK | {"actions": {"a" * 201: schedule}})
    assert "has a schedule and a name of 201 characters" in found["actions"]


@pytest.mark.parametrize(
    ("field", "written", "meant"),
    [
        ("pagination", {"format": "curser"}, "cursor"),
        ("authorization", {"format": "Bearer"}, "bearer"),
        ("credentials", {"format": "api-key"}, "api_key"),
        ("resources", {"r": {"m": {"path": "/", "method": "gte"}}}, "get"),
        ("actions", {"a": {"steps": [{"type": "requst"}]}}, "request"),
    ],
)
def test_a_value_that_no_list_has_is_told_with_the_one_that_was_meant(
    field: str, written: dict[str, Any], meant: str
) -> None:
    (said,) = failures(load_integration, DESK | {field: written}).values()
    assert said.endswith(f"; did you mean {meant}?")


@pytest.mark.parametrize("written", [{"format": "scroll"}, {"format": 7}, {}, "cursor"])
def test_a_value_that_is_near_to_none_is_told_with_all(written: object) -> None:
    (said,) = failures(load_integration, DESK | {"pagination": written}).values()
    assert (
        said == "must be an object whose `format` is one of page, cursor, link_header, offset, range, dynamic"
    )


def with_method(**fields: object) -> dict[str, Any]:
    return {"resources": {"r": {"m": {"path": "/", **fields}}}}


class TestIntegration:
    def test_expressions_and_templates_are_compiled(self) -> None:
        config = load_integration(DESK)
        assert isinstance(config.base_url, Template)
        assert isinstance(config.error_expression, Expression)
        method = config.find_method("tickets", "list")
        assert method is not None
        assert method.response_path is not None
        assert method.response_path.evaluate({"items": [1, 2]}) == [1, 2]
        assert method.method == "get"
        assert method.timeout_seconds == 60

    def test_verbs_are_stored_in_lower_case(self) -> None:
        method = load_integration(DESK).find_method("tickets", "create")
        assert method is not None
        assert method.method == "post"

    def test_a_null_header_is_kept_as_a_removal(self) -> None:
        assert load_integration(DESK).headers["X-Old"] is None

    def test_names_are_exact_and_hidden_methods_are_none(self) -> None:
        config = load_integration(DESK)
        assert config.find_method("tickets", "hidden") is None
        assert config.find_method("Tickets", "list") is None
        assert config.find_method("nope", "list") is None
        assert load_integration({"resources": {"r": None}}).find_method("r", "list") is None

    def test_pagination_is_inherited_unless_the_method_names_it(self) -> None:
        config = load_integration(DESK)
        listing, single = config.find_method("tickets", "list"), config.find_method("tickets", "get")
        assert listing is not None
        assert single is not None
        assert config.choose_pagination(listing) is config.pagination
        assert config.choose_pagination(single) is None

    def test_authorization_is_the_methods_then_the_integrations_then_the_default(self) -> None:
        config = load_integration({**with_method(), "authorization": {"format": "bearer"}})
        method = config.find_method("r", "m")
        assert method is not None
        assert config.choose_authorization(method, "api_key") is config.authorization
        open_to_all = load_integration(with_method(no_auth=True))
        free = open_to_all.find_method("r", "m")
        assert free is not None
        assert open_to_all.choose_authorization(free, "api_key") is None
        bare = load_integration(with_method())
        plain = bare.find_method("r", "m")
        assert plain is not None
        assert isinstance(bare.choose_authorization(plain, "oauth2"), BearerAuthorization)
        default = bare.choose_authorization(plain, "api_key")
        assert isinstance(default, HeaderAuthorization)
        assert default.config.header_value is not None
        assert default.config.header_value.render({"credentials": {"api_key": "k"}}) == "Bearer k"

    def test_a_bearer_block_needs_no_config(self) -> None:
        for block in ({"format": "bearer"}, {"format": "bearer", "config": None}):
            config = load_integration({"authorization": block})
            assert isinstance(config.authorization, BearerAuthorization)
            assert config.authorization.config.token is None

    @pytest.mark.parametrize(
        "headers",
        ["{ 'x': context.y }", {"x": "{{y}}", "n": 1, "gone": None}],
        ids=["expression", "templates"],
    )
    def test_method_headers_are_templates_or_one_expression(self, headers: object) -> None:
        method = load_integration(with_method(headers=headers)).find_method("r", "m")
        assert method is not None
        assert isinstance(method.headers, Expression if isinstance(headers, str) else dict)

    def test_a_body_is_a_template_or_an_expression_and_one_placeholder_is_a_template(self) -> None:
        for body, kind in (
            ({"a": 1}, Template),
            ("{ 'a': body.b }", Expression),
            ("{{body.file:any}}", Template),
            ([1], Template),
        ):
            method = load_integration(with_method(body=body)).find_method("r", "m")
            assert method is not None
            assert isinstance(method.body, kind)

    def test_an_empty_expression_counts_as_absent(self) -> None:
        assert load_integration({"error_expression": " "}).error_expression is None

    def test_a_root_of_cursors_that_does_not_compile_is_refused(self) -> None:
        with pytest.raises(DefinitionInvalid, match=r"pagination_path: does not compile"):
            load_integration(with_method(pagination_path="meta.("))

    def test_null_counts_as_absent_where_it_is_no_value(self) -> None:
        config = load_integration(
            {
                **with_method(
                    body_format=None, scopes=None, no_auth=None, headers=None, body_format_config=None
                ),
                "headers": None,
                "credentials": None,
                "tool_tags": None,
                "actions": None,
            }
        )
        method = config.find_method("r", "m")
        assert method is not None
        assert (method.body_format, method.scopes, method.no_auth) == ("json", (), False)
        assert method.body_format_config.attribute_prefix == "@"
        assert (config.headers, config.credentials, config.actions) == ({}, {}, {})

    def test_unknown_keys_are_kept(self) -> None:
        config = load_integration({"shade": "blue"})
        assert config.model_extra == {"shade": "blue"}

    def test_definitions_are_frozen(self) -> None:
        config = load_integration(DESK)
        with pytest.raises(ValidationError):
            config.label = "x"

    def test_what_was_written_comes_back_out(self) -> None:
        written = load_integration(DESK).model_dump(by_alias=True, exclude_unset=True, mode="json")
        assert written["base_url"] == DESK["base_url"]
        assert written["resources"]["tickets"]["list"] == DESK["resources"]["tickets"]["list"]
        assert written["pagination"] == DESK["pagination"]

    def test_variables_reveal_secrets_and_nothing_prints_them(self) -> None:
        config = load_integration(
            {"environment_variables": {"a": 1}, "secret_environment_variables": {"b": "hush"}}
        )
        assert config.reveal_variables() == {"a": 1, "b": "hush"}
        assert "hush" not in repr(config)

    def test_no_secret_is_printed(self) -> None:
        config = load_integration(
            {
                "credentials": {
                    "oauth2": {
                        "config": {
                            "client": {"id": "i", "secret": "hush"},
                            "auth": {"tokenHost": "https://a.example"},
                        }
                    }
                },
                "authorization": {"format": "basic", "config": {"username": "u", "password": "hush"}},
            }
        )
        assert "hush" not in repr(config)
        assert "hush" not in str(config)


class TestCredentials:
    def test_one_object_is_a_map_of_one(self) -> None:
        assert isinstance(load_integration(DESK).credentials["api_key"], ApiKeyCredential)

    def test_the_key_supplies_the_format(self) -> None:
        config = load_integration(
            {"credentials": {"oauth2": {"config": {"auth": {"tokenHost": "https://a.example"}}}}}
        )
        credential = config.credentials["oauth2"]
        assert isinstance(credential, OAuth2Credential)
        assert credential.config.auth.token_path.source == "/oauth/token"
        assert credential.config.pkce is True
        assert credential.config.options.authorization_method == "header"

    @pytest.mark.parametrize("shape", [{"format": "basic"}, {}], ids=["one", "map"])
    def test_basic_is_an_alias_of_api_key(self, shape: dict[str, Any]) -> None:
        block = {**shape, "config": {"fields": [{"name": "username"}]}}
        config = load_integration({"credentials": block if shape else {"basic": block}})
        assert list(config.credentials) == ["api_key"]
        assert resolve_credential_format("basic") == "api_key"
        assert resolve_credential_format("oauth2") == "oauth2"

    @pytest.mark.parametrize(
        ("credentials", "path", "message"),
        [
            ([], "credentials", "not an array"),
            (
                {"oauth2": {"format": "api_key", "config": {"fields": [{"name": "a"}]}}},
                "credentials",
                "oauth2",
            ),
            ({"format": "magic", "config": {}}, "credentials", "one of api_key, oauth2"),
            ({"format": "api_key", "config": {"fields": []}}, "credentials.config.fields", "not be empty"),
            ({"oauth2": {"config": {"auth": {}}}}, "credentials.oauth2.config.auth.tokenHost", "is required"),
            (
                {"api_key": {"config": {"fields": [{"name": "a"}, {"name": "a"}]}}},
                "credentials.api_key.config.fields",
                "more than one field named a",
            ),
            (
                {"api_key": {"config": {"fields": [{"name": "a", "type": "single_select"}]}}},
                "credentials.api_key.config.fields.0",
                "needs `options`",
            ),
            (
                {"api_key": {"config": {"fields": [{"name": "a", "type": "tick"}]}}},
                "credentials.api_key.config.fields.0.type",
                "must be 'text', 'password' or 'single_select'",
            ),
        ],
    )
    def test_what_is_wrong_is_named(self, credentials: object, path: str, message: str) -> None:
        found = failures(load_integration, {"credentials": credentials})
        assert message in found[path], found


class TestFailures:
    @pytest.mark.parametrize(
        ("config", "path", "message"),
        [
            (with_method(method="gett"), "resources.r.m.method", "must be 'get'"),
            (with_method(path=None), "resources.r.m.path", "must be a string"),
            ({"resources": {"r": {"m": {}}}}, "resources.r.m.path", "is required"),
            ({"resources": {"r": {"m": "x"}}}, "resources.r.m", "must be an object"),
            (with_method(response_path="a.("), "resources.r.m.response_path", "at position 3"),
            (with_method(response_path=5), "resources.r.m.response_path", "must be a JSONata expression"),
            (
                with_method(pagination={"format": "endless"}),
                "resources.r.m.pagination",
                "one of page, cursor",
            ),
            ({"pagination": {"format": "cursor"}}, "pagination.config", "is required"),
            (
                {"pagination": {"format": "cursor", "config": {}}},
                "pagination.config.cursor_path",
                "is required",
            ),
            ({"authorization": {"format": "cookie"}}, "authorization", "one of bearer, header, basic"),
            (
                {"authorization": {"format": "header", "config": {}}},
                "authorization.config",
                "needs `header_name`",
            ),
            ({"authorization": "bearer"}, "authorization", "must be an object"),
            ({"rate_limit": {"is_rate_limited": "("}}, "rate_limit.is_rate_limited", "does not compile"),
            ({"headers": []}, "headers", "must be an object"),
            ({"webhook": {"payload_transform": "["}}, "webhook.payload_transform", "does not compile"),
            (
                {"webhook": {"signature_verification": {"format": "seal", "config": {}}}},
                "webhook.signature_verification",
                "one of hmac, basic, jwt, clerk",
            ),
            (
                {"webhook": {"signature_verification": {"format": "hmac", "config": {"secret": "x"}}}},
                "webhook.signature_verification.config.algorithm",
                "is required",
            ),
            ({"actions": {"a": {"steps": [{"type": "leap"}]}}}, "actions.a.steps.0", "one of request"),
            (
                {"actions": {"a": {"steps": [{"type": "request", "config": {"headers": {}}}]}}},
                "actions.a.steps.0.config.path",
                "is required",
            ),
            (
                {"actions": {"a": {"steps": [{"type": "transform", "config": "a.("}]}}},
                "actions.a.steps.0.config",
                "at position 3",
            ),
        ],
    )
    def test_each_names_its_path_and_what_would_be_right(
        self, config: object, path: str, message: str
    ) -> None:
        found = failures(load_integration, config)
        assert message in found[path], found

    def test_all_are_reported_and_the_message_shows_the_first(self) -> None:
        with pytest.raises(DefinitionInvalid) as caught:
            load_integration({"headers": 1, "query": 1, "label": 1, "logo": 1, "icon": 1})
        assert len(caught.value.failures) == 5
        assert "(and 2 more)" in caught.value.message
        with pytest.raises(DefinitionInvalid, match=r"query: must be an object$"):
            load_integration({"headers": 1, "query": 1, "label": 1})
        assert caught.value.details["failures"] == caught.value.failures
        assert caught.value.status == 400


def nested(depth: int) -> Any:
    value: Any = "1"
    for level in range(depth):
        value = {"a": value} if level % 2 else [value]
    return value


@pytest.mark.parametrize("depth", [MAX_DEPTH, 1_000])
@pytest.mark.parametrize(
    "use",
    [
        load_integration,
        load_mapping,
        lambda data: merge_integration({}, data),
        lambda data: merge_mapping(data, data),
        lambda data: apply_patch(data, data),
    ],
    ids=["integration", "mapping", "merge", "merge-mapping", "patch"],
)
def test_what_is_nested_too_deeply_is_refused(use: Any, depth: int) -> None:
    found = failures(use, {"query": nested(depth)})
    assert list(found.values()) == ["must not be nested deeper than 100 objects and arrays"]
    assert all(path.startswith("query.") for path in found)


def test_what_is_nested_as_deep_as_it_may_be_is_read() -> None:
    data = {"query": {"a": nested(MAX_DEPTH - 2)}, "body": nested(MAX_DEPTH - 1)}
    load_integration(data)
    load_mapping(data)
    assert merge_mapping(data, data) == data


@pytest.mark.parametrize(
    ("field", "is_multiple"),
    [
        ({"type": "multi_select", "options": [{"value": "a", "label": "A"}]}, True),
        ({"type": "single_select", "options": [{"value": "a", "label": "A"}], "multiple": True}, False),
        ({"type": "resource_select", "resource": "r", "multiple": True}, True),
        ({"type": "resource_select", "resource": "r"}, False),
        ({"type": "text", "multiple": True}, False),
    ],
)
def test_a_field_of_a_form_has_one_choice_or_several(field: dict[str, Any], is_multiple: bool) -> None:
    assert FormField.model_validate({"name": "f", "label": "F", **field}).is_multiple is is_multiple


@pytest.mark.parametrize(
    ("time", "is_valid"),
    [
        ("2024-01-02T03:04:05.678Z", True),
        ("2024-01-02T03:04:05Z", False),
        ("2024-01-02T03:04:05.678+00:00", False),
        (5, True),
    ],
)
def test_a_time_in_a_record_is_in_utc_with_milliseconds(time: object, is_valid: bool) -> None:
    validator = make_record_validator({"properties": {"at": {"format": "date-time"}}})
    assert (not list(find_violations({"at": time}, validator))) is is_valid

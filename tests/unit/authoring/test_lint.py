"""Each rule of the lint finds a planted violation, and finds nothing in a correct definition."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from tests.unit.definitions.desk import CLEAN, changed

from isthmus.authoring.lint import Corpus, jsonata_rules, lint_config
from isthmus.authoring.lint.integration_subject import IntegrationSubject
from isthmus.authoring.lint.shape_comparison import check_shapes
from isthmus.definitions.findings import Finding
from isthmus.expressions.library import Function, Library


def of(findings: list[Finding], source: str) -> list[tuple[str, str]]:
    return [(item.severity, item.path) for item in findings if item.source == source]


def test_a_definition_that_is_right_has_no_findings() -> None:
    assert lint_config(CLEAN) == []


LIST = "resources.tickets.list"
CREATE = "resources.tickets.create"
GET = "resources.tickets.get"
HMAC = {
    "algorithm": "sha256",
    "secret": "{{credentials.api_key}}",
    "parts": ["$body"],
    "compare_with": "$header.x",
}
TRANSFORM = {"type": "transform", "config": "1"}
SELECT = {"name": "project", "type": "resource_select", "resource": "tickets"}
NODES = {
    "path": "/t",
    "response_path": "edges.node",
    "examples": {"response": '{"edges": [{"node": {"id": 1}}]}'},
}

RULES: list[tuple[str, object, str, str, str]] = [
    # path, value, severity, source, path of the finding
    ("pagination.format", "endless", "error", "schema", "pagination"),
    ("credentials", [], "error", "schema", "credentials"),
    (
        "credentials",
        {"oauth2": {"format": "api_key", "config": {"fields": [{"name": "a"}]}}},
        "error",
        "schema",
        "credentials",
    ),
    (
        "credentials.config.fields",
        [{"name": "a"}, {"name": "a"}],
        "error",
        "schema",
        "credentials.config.fields",
    ),
    ("credentials", {"format": "oauth2", "config": {}}, "error", "schema", "credentials.config.auth"),
    (
        "credentials.config.fields",
        [{"name": "a", "type": "single_select"}],
        "error",
        "schema",
        "credentials.config.fields.0",
    ),
    ("authorization.format", "cookie", "error", "schema", "authorization"),
    ("shade", "blue", "info", "schema", "shade"),
    (f"{LIST}.respones_path", "rows", "warn", "schema", f"{LIST}.respones_path"),
    (
        "credentials.config.fields",
        [{"name": "region", "lable": "x"}, {"name": "api_key"}],
        "warn",
        "schema",
        "credentials.config.fields.0.lable",
    ),
    ("webhook", {"payload_transform": "body"}, "info", "execution", "webhook"),
    ("label", ..., "error", "presence_check", "label"),
    ("credentials", ..., "error", "presence_check", "credentials"),
    ("pagination", ..., "info", "presence_check", "pagination"),
    ("rate_limit", ..., "info", "presence_check", "rate_limit"),
    ("error_expression", ..., "info", "presence_check", "error_expression"),
    ("headers", ..., "warn", "presence_check", "headers"),
    ("actions", ..., "warn", "presence_check", "actions.validation"),
    ("actions.validation", {"steps": [TRANSFORM]}, "warn", "presence_check", "actions.validation"),
    ("actions.validation", ["request"], "warn", "presence_check", "actions.validation"),
    ("resources", {}, "warn", "presence_check", "resources"),
    (
        f"{LIST}",
        {"path": "/tickets/{{id}}", "method": "post", "response_path": "rows"},
        "error",
        "critic_method_config",
        f"{LIST}.path",
    ),
    (
        "resources.tickets.delete",
        {"path": "/tickets/{{id}}", "method": "delete", "body": {"a": "b"}},
        "warn",
        "critic_method_config",
        "resources.tickets.delete.body",
    ),
    (f"{CREATE}.path", "/tickets/{{id}}", "error", "critic_method_config", f"{CREATE}.path"),
    (
        "resources.tickets.close",
        {"path": "/t/{{id}}/close", "method": "post"},
        "warn",
        "critic_method_config",
        "resources.tickets.close.path",
    ),
    (f"{GET}.body", {"a": "b"}, "warn", "critic_method_config", f"{GET}.body"),
    (f"{LIST}.add_query_to_body", True, "warn", "critic_method_config", f"{LIST}.add_query_to_body"),
    (
        f"{LIST}.examples",
        {"response": '{"rows": {"a": 1}}'},
        "warn",
        "critic_method_config",
        f"{LIST}.response_path",
    ),
    (
        "resources.tickets.get_2",
        {"path": "/x/{{query.a}}"},
        "warn",
        "method_naming",
        "resources.tickets.get_2",
    ),
    (f"{GET}.path", "/tickets/{{query.ticket_id}}", "warn", "method_naming", f"{GET}.path"),
    (f"{LIST}.path", "/t/{{query.a[0]}}", "error", "placeholder", f"{LIST}.path"),
    (f"{LIST}.path", "/t/{{query.a:date}}", "error", "placeholder", f"{LIST}.path"),
    (f"{LIST}.path", "/t/{{query.a?:http://h:8080}}", "error", "placeholder", f"{LIST}.path"),
    (f"{LIST}.path", "/t/{{workspace}}", "warn", "placeholder", f"{LIST}.path"),
    ("base_url", "https://{{sub}}.example", "error", "placeholder", "base_url"),
    ("base_url", "https://{{sub?:www}}.example", "warn", "placeholder", "base_url"),
    (
        "authorization.config.header_value",
        "{{credentials.nope}}",
        "error",
        "placeholder",
        "authorization.config.header_value",
    ),
    (f"{GET}.base_url", "https://{{sub}}.example", "error", "placeholder", f"{GET}.base_url"),
    (f"{CREATE}.body", {"tags": "{{body.tags}}"}, "warn", "placeholder", f"{CREATE}.body.tags"),
    (f"{CREATE}.body", {"at": "$now()"}, "warn", "placeholder", f"{CREATE}.body.at"),
    ("error_expression", "data.(", "error", "jsonata", "error_expression"),
    ("error_expression", "response.headers.x-fault", "error", "jsonata", "error_expression"),
    ("error_expression", "body.fault", "warn", "jsonata", "error_expression"),
    ("rate_limit.is_rate_limited", "data.code = 7", "warn", "jsonata", "rate_limit.is_rate_limited"),
    ("pagination.config.cursor_path", "$lasst(x).id", "error", "jsonata", "pagination.config.cursor_path"),
    (f"{CREATE}.body", "{ 'a': rawQuery.a }", "warn", "jsonata", f"{CREATE}.body"),
    (f"{LIST}.headers", "{ 'a': contxt.a }", "warn", "jsonata", f"{LIST}.headers"),
    (
        "actions",
        {"x": {"steps": [{"type": "transform", "config": "data.a"}]}},
        "warn",
        "jsonata",
        "actions.x.steps.0.config",
    ),
    (
        "actions",
        {
            "post_connect_user_form": {
                "steps": [{"type": "form", "config": [{**SELECT, "label_path": "$nme(a)"}]}]
            }
        },
        "error",
        "jsonata",
        "actions.post_connect_user_form.steps.0.config.0.label_path",
    ),
    (
        "actions",
        {
            "post_connect_user_form": {
                "steps": [{"type": "form", "config": [{**SELECT, "query": {"a": "{{x}}"}}]}]
            }
        },
        "warn",
        "placeholder",
        "actions.post_connect_user_form.steps.0.config.0.query.a",
    ),
    ("headers.X-Api-Key", "abc", "warn", "security", "headers.X-Api-Key"),
    ("query", {"clientSecret": "abc"}, "warn", "security", "query.clientSecret"),
    (
        "authorization.config.header_value",
        "Bearer abc",
        "warn",
        "security",
        "authorization.config.header_value",
    ),
    (f"{LIST}.query", {"q": "ghp_0123456789abcdef"}, "warn", "security", f"{LIST}.query.q"),
    ("base_url", "http://desk.example", "warn", "security", "base_url"),
    ("base_url", "https://10.0.0.8/api", "warn", "security", "base_url"),
    ("base_url", "https://desk.internal", "warn", "security", "base_url"),
    ("webhook", {}, "warn", "webhook", "webhook"),
    ("webhook", {"payload_transform": "body"}, "warn", "webhook", "webhook.payload_transform"),
    (
        "webhook",
        {"signature_verification": {"format": "hmac", "config": {**HMAC, "parts": []}}},
        "error",
        "schema",
        "webhook.signature_verification.config",
    ),
    (
        "webhook",
        {"signature_verification": {"format": "hmac", "config": {**HMAC, "secret": "{{credentials.x}}"}}},
        "error",
        "webhook",
        "webhook.signature_verification.config.secret",
    ),
    (
        "webhook",
        {"signature_verification": {"format": "hmac", "config": {**HMAC, "secret": "{{hook_key}}"}}},
        "error",
        "webhook",
        "webhook.signature_verification.config.secret",
    ),
    ("actions", {"validation": {"steps": []}}, "warn", "actions", "actions.validation"),
    (
        "actions",
        {"post_install": {"steps": [{"type": "form", "config": []}]}},
        "warn",
        "actions",
        "actions.post_install.steps.0",
    ),
    ("actions", {"x": {"steps": [{"type": "nap"}]}}, "error", "schema", "actions.x.steps.0"),
    (
        "actions",
        {"x": {"steps": [{"type": "request", "config": {"resource": "tickets", "method": "gone"}}]}},
        "error",
        "actions",
        "actions.x.steps.0.config",
    ),
    ("tool_tags", {"nope": ["a"]}, "warn", "tool_tags", "tool_tags.nope"),
]


@pytest.mark.parametrize(("path", "value", "severity", "source", "found"), RULES)
def test_a_planted_mistake_is_found(path: str, value: object, severity: str, source: str, found: str) -> None:
    findings = lint_config(changed(path, value))
    assert (severity, found) in of(findings, source), [item.as_json() for item in findings]
    assert all(item.message for item in findings)


def test_a_client_secret_in_a_file_is_found_in_either_shape() -> None:
    oauth = {"auth": {"tokenHost": "https://a.example"}, "client": {"id": "i", "secret": "hush"}}
    for block, path in (
        ({"format": "oauth2", "config": oauth}, "credentials.config.client.secret"),
        ({"oauth2": {"config": oauth}}, "credentials.oauth2.config.client.secret"),
    ):
        findings = lint_config(changed("credentials", block))
        assert ("warn", path) in of(findings, "security")
        assert not any("hush" in item.message for item in findings)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (f"{LIST}.path", "/t/{{query.a|body.b?:c}}"),
        (f"{GET}.path", "/t/{{id}}?fields={{query.fields}}"),
        (f"{GET}.path", "/t/{{ id | query.number }}"),
        (LIST, NODES),
        (f"{CREATE}.body", "{ 'a': body.a, 'of': region, 'by': context.any }"),
        ("pagination.config.cursor_path", "headers.x-next"),
        ("actions.x", {"steps": [{"type": "transform", "config": "previous.a & steps.b & region"}]}),
        (
            "actions.post_connect_user_form",
            {"steps": [{"type": "form", "config": [{**SELECT, "query": {"a": "{{form.a}}"}}]}]},
        ),
        (f"{LIST}.path", "/t/{{account_id|region}}"),
        (f"{LIST}.path", "/t/{{context.oauth.token.access_token}}"),
        (f"{CREATE}.body", {"tags": "{{body.tags:json:undefined}}", "note": "{{body.note}}"}),
        (f"{CREATE}.body", "{ 'at': $now() }"),
        ("error_expression", "response.headers.`x-fault` or undefined"),
        ("error_expression", "response.body.a-response.body.b > 0"),
        ("headers.X-Api-Key", "{{credentials.api_key}}"),
        ("authorization", {"format": "basic", "config": {"username": "{{api_key}}", "password": "X"}}),
        ("headers.Accept", "application/vnd.brightfold.desk-api.v3+json"),
    ],
)
def test_what_is_right_is_not_reported(path: str, value: object) -> None:
    assert lint_config(changed(path, value)) == []


@pytest.mark.parametrize(
    ("path", "sample"), [("rows", "{"), ("rows", "[" * 100_000), ("$error('x')", "{}"), ("a.(", "{}")]
)
def test_a_sample_that_cannot_be_read_is_not_judged(path: str, sample: str) -> None:
    method = {"path": "/tickets", "response_path": path, "examples": {"response": sample}}
    assert not [item for item in lint_config(changed(LIST, method)) if "sample" in item.message]


def test_a_definition_that_can_authenticate_no_call_is_told() -> None:
    config = changed("credentials", ...)
    assert ("warn", "authorization") not in of(lint_config(config), "presence_check")
    del config["authorization"]
    assert ("warn", "authorization") in of(lint_config(config), "presence_check")


def test_a_token_host_that_is_not_https_is_told() -> None:
    auth = {"tokenHost": "http://a.example", "authorizeHost": "https://10.0.0.8"}
    findings = lint_config(changed("credentials", {"format": "oauth2", "config": {"auth": auth}}))
    assert of(findings, "security") == [
        ("warn", "credentials.config.auth.tokenHost"),
        ("warn", "credentials.config.auth.authorizeHost"),
    ]


def test_what_an_action_writes_is_known() -> None:
    config = changed("base_url", "https://{{workspace}}.example")
    config["actions"] = {
        "post_install": {"steps": [{"type": "update_context", "config": "{ 'workspace': previous.id }"}]}
    }
    assert of(lint_config(config), "placeholder") == []


ROOTS = "id query body credentials context environment_variables"


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("error_expression", "response headers status data"),
        ("rate_limit.is_rate_limited", "headers status"),
        (f"{LIST}.error_expression", "response headers status data"),
        (f"{CREATE}.body", f"{ROOTS} region api_key"),
        ("webhook.payload_transform", "body headers query method path rawBody"),
        ("webhook.handle_verification", "body headers query method path rawBody"),
        ("pagination.config.get_initial_dynamic_values_expression", "query url requestOptions"),
        (
            "pagination.config.get_request_options_expression",
            "query url requestOptions response body paginationValues",
        ),
        ("authorization.config.expression", "url requestOptions context"),
        ("actions.validation.steps", f"{ROOTS} previous steps account region api_key"),
    ],
)
def test_an_expression_reads_the_names_of_its_field_and_no_other(path: str, names: str) -> None:
    text = f"[{', '.join([*names.split(), 'else'])}]"
    value = [{"type": "transform", "config": text}] if path.endswith("steps") else text
    told = [item.message for item in lint_config(changed(path, value)) if item.source == "jsonata"]
    assert told == ["else is not in scope here and is always undefined"]


def test_an_invalid_part_hides_nothing_elsewhere() -> None:
    config = changed("authorization.format", "cookie")
    config["resources"]["tickets"]["get"]["body"] = {"a": 1}
    sources = {item.source for item in lint_config(config)}
    assert {"schema", "critic_method_config"} <= sources


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("authorization", "bearer"),
        ("pagination.config", {}),
        ("credentials.config.fields", [{"name": "a"}, {"nme": "b"}, {"type": "tick"}]),
        ("resources.tickets.get", {"method": "leap"}),
        ("error_expression", "data.("),
    ],
)
def test_a_misspelt_field_is_found_beside_an_invalid_one(path: str, value: object) -> None:
    config = changed(path, value)
    config["resources"]["tickets"]["list"]["respones_path"] = "rows"
    assert ("warn", f"{LIST}.respones_path") in of(lint_config(config), "schema")


def test_descriptions_are_read_where_documentation_is_in_the_file() -> None:
    rows = (
        {"type": "description", "resource": "tickets", "method": "list", "content": "Short"},
        {
            "type": "description",
            "resource": "tickets",
            "method": "escalate_ticket",
            "content": "Escalate ticket",
        },
        {
            "type": "description",
            "resource": "tickets",
            "method": "get",
            "content": "Reads one ticket by its id.",
        },
        {"type": "readme", "content": "x"},
    )
    assert of(lint_config(CLEAN, documentation=rows), "description_quality") == [
        ("warn", "documentation.0.content"),
        ("info", "documentation.1.content"),
    ]


@pytest.mark.parametrize(("content", "is_short"), [("Closes it", True), ("Closes it.", False), ("", True)])
def test_a_description_has_ten_characters(content: str, is_short: bool) -> None:
    row = {"type": "description", "resource": "tickets", "method": "get", "content": f" {content} "}
    found = of(lint_config(CLEAN, documentation=(row,)), "description_quality")
    assert found == ([("warn", "documentation.0.content")] if is_short else [])


def test_a_function_that_does_not_exist_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    functions = [Function(name, lambda value: value) for name in ("string", "number", "firstNonEmpty")]
    monkeypatch.setattr(jsonata_rules, "DIALECT", Library(functions, name="small"))
    config = changed("error_expression", "$frstNonEmpty(data.fault) & $string($own := 1)")
    (finding,) = [item for item in lint_config(config) if item.source == "jsonata"]
    assert (finding.severity, finding.position) == ("error", 0)
    assert finding.fix == "did you mean $firstNonEmpty?"


class TestPatterns:
    KNOWN: ClassVar = {
        "one": CLEAN,
        "two": changed("pagination.config", {"cursor_path": "a", "limit_param": "b"}),
    }

    def found(self, config: dict[str, Any], known: dict[str, Any]) -> list[tuple[str, str, str | None]]:
        found = check_shapes(IntegrationSubject(config), Corpus(known), name="desk")
        return [(item.severity, item.path, item.fix) for item in found]

    def test_a_section_like_a_known_one_is_not_reported(self) -> None:
        config = changed("pagination.config", {"cursor_path": "next", "cursor_param": "after"})
        config["resources"]["notes"] = {"get": {"path": "/notes/{{id}}", "headers": {"X-Any": "a"}}}
        assert self.found(config, self.KNOWN) == []

    @pytest.mark.parametrize(
        ("config", "is_like"),
        [
            ({"limit_param": "a"}, True),  # two names of four: format, config
            ({"limit_param": "a", "cursor_param": "b"}, False),  # two of five
        ],
    )
    def test_a_section_that_has_half_of_its_names_in_common_is_alike(
        self, config: dict[str, str], is_like: bool
    ) -> None:
        value = {"format": "cursor", "config": config}
        assert bool(self.found(changed("pagination", value), {"one": CLEAN})) is not is_like

    @pytest.mark.parametrize(
        ("path", "value"),
        [
            ("pagination", {"format": "range", "config": {"range_unit": "rows", "default_limit": 5}}),
            (f"{GET}", {"path": "/t/{{id}}", "no_auth": True, "ignore_body": True, "timeout_seconds": 1}),
        ],
    )
    def test_a_section_unlike_any_known_one_is_told_with_the_nearest(self, path: str, value: object) -> None:
        ((severity, found, fix),) = self.found(changed(path, value), self.KNOWN)
        assert (severity, found) == ("info", path)
        assert "that of one" in str(fix)

    def test_nothing_is_said_without_another_to_compare_with(self) -> None:
        config = changed("pagination", {"format": "range", "config": {}})
        assert self.found(config, {}) == []
        assert self.found(config, {"desk": CLEAN}) == []
        assert self.found({**config, "webhook": {"payload_transform": "body"}}, {"one": config}) == []

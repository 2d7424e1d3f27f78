"""Each place that may hold a secret written out, and each URL that may expose one, is looked at by itself."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.definitions.desk import changed

from isthmus.authoring.lint import lint_config
from isthmus.definitions.findings import Finding

LIST = "resources.tickets.list"
PAT = "ghp_0123456789abcdef"
TOKEN = "eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0"
LONG = "0123456789abcdef0123456789abcdef"
OAUTH = {"auth": {"tokenHost": "https://a.example"}}


def list_security(config: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Severity, section and path of the findings on security."""
    found: list[Finding] = [item for item in lint_config(config) if item.source == "security"]
    return [(item.severity, item.section, item.path) for item in found]


def signature(**config: object) -> dict[str, Any]:
    return {"signature_verification": {"format": "hmac", "config": config}, "payload_transform": "body"}


SECRETS: list[tuple[str, object, str, str]] = [
    # path, value, section and path of the finding
    ("headers", {"Accept": "a", "X-Api-Key": "abc"}, "headers", "headers.X-Api-Key"),
    ("headers", {"Accept": "a", "X-Any": PAT}, "headers", "headers.X-Any"),
    ("query", {"access_token": "abc"}, "query", "query.access_token"),
    ("query", {"q": f"is:{TOKEN}"}, "query", "query.q"),
    (f"{LIST}.headers", {"X-Api-Key": "abc"}, "resources", f"{LIST}.headers.X-Api-Key"),
    (f"{LIST}.query", {"q": LONG}, "resources", f"{LIST}.query.q"),
    (f"{LIST}.query", {"q": ["a", {"b": f"sk_live_{LONG}"}]}, "resources", f"{LIST}.query.q.1.b"),
    ("authorization", {"format": "bearer", "config": {"token": "abc"}}, "authorization", "token"),
    (
        "authorization",
        {"format": "header", "config": {"header_name": "X-Key", "header_value": "abc"}},
        "authorization",
        "header_value",
    ),
    (
        "authorization",
        {"format": "basic", "config": {"username": "me", "password": "abc"}},
        "authorization",
        "password",
    ),
    (
        f"{LIST}.authorization",
        {"format": "bearer", "config": {"token": "abc"}},
        "resources",
        f"{LIST}.authorization.config.token",
    ),
    (
        "webhook",
        signature(algorithm="sha256", secret="abc", parts=["$body"], compare_with="$header.x"),
        "webhook",
        "webhook.signature_verification.config.secret",
    ),
    (
        "webhook",
        signature(username="me", password="abc"),
        "webhook",
        "webhook.signature_verification.config.password",
    ),
    (
        "credentials",
        {"oauth2": {"config": {**OAUTH, "client": {"id": "i", "secret": "abc"}}}},
        "credentials",
        "credentials.oauth2.config.client.secret",
    ),
]


@pytest.mark.parametrize(("path", "value", "section", "found"), SECRETS)
def test_a_secret_that_is_written_out_is_found_where_it_stands(
    path: str, value: object, section: str, found: str
) -> None:
    where = found if "." in found else f"{path}.config.{found}"
    assert list_security(changed(path, value)) == [("warn", section, where)]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("headers", {"Accept": "a", "X-Api-Key": "{{credentials.api_key}}"}),
        ("headers", {"Accept": "a", "X-Any": "plain"}),
        ("query", {"access_token": "{{api_key}}"}),
        ("query", {"q": LONG[:31]}),
        ("query", {"q": "a" * 40}),
        (f"{LIST}.headers", "{ 'X-Api-Key': context.api_key }"),
        (f"{LIST}.query", f"{{ 'q': '{PAT}' }}"),
        ("authorization", {"format": "bearer", "config": {"token": "{{api_key}}"}}),
        ("authorization", {"format": "bearer", "config": {"token": ""}}),
        ("authorization", {"format": "basic", "config": {"username": "{{api_key}}", "password": "X"}}),
        (f"{LIST}.authorization", {"format": "bearer", "config": {"token": "{{api_key}}"}}),
        (
            "webhook",
            signature(algorithm="sha256", secret="{{api_key}}", parts=["$body"], compare_with="$header.x"),
        ),
        ("webhook", signature(username="{{api_key}}", password="X")),
        ("credentials", {"oauth2": {"config": {**OAUTH, "client": {"id": "i", "secret": "{{api_key}}"}}}}),
        ("credentials", {"oauth2": {"config": {**OAUTH, "client": {"id": "i"}}}}),
    ],
)
def test_a_secret_that_is_read_is_not_reported(path: str, value: object) -> None:
    assert list_security(changed(path, value)) == []


URL_FIELDS = [
    ("base_url", "base_url", lambda url: url),
    (f"{LIST}.base_url", "resources", lambda url: url),
    *(
        (
            f"credentials.oauth2.config.auth.{key}",
            "credentials",
            lambda url, key=key: {"tokenHost": "https://a.example", key: url},
        )
        for key in ("tokenHost", "authorizeHost")
    ),
    *(
        (
            f"credentials.oauth.config.{key}",
            "credentials",
            lambda url, key=key: {
                "requestTokenUrl": "https://a.example/r",
                "authorizeUrl": "https://a.example/a",
                "tokenUrl": "https://a.example/t",
                key: url,
            },
        )
        for key in ("requestTokenUrl", "authorizeUrl", "tokenUrl")
    ),
]


def with_url(path: str, content: Any) -> dict[str, Any]:
    if path.startswith("credentials.oauth2."):
        return changed("credentials", {"oauth2": {"config": {"auth": content}}})
    if path.startswith("credentials.oauth."):
        return changed("credentials", {"oauth": {"config": content}})
    return changed(path, content)


@pytest.mark.parametrize(("path", "section", "make"), URL_FIELDS, ids=[each[0] for each in URL_FIELDS])
def test_a_url_that_is_not_https_or_private_is_found_in_each_field(
    path: str, section: str, make: Any
) -> None:
    assert list_security(with_url(path, make("http://desk.example"))) == [("warn", section, path)]
    assert list_security(with_url(path, make("https://10.0.0.8/x"))) == [("warn", section, path)]
    assert list_security(with_url(path, make("https://desk.example"))) == []


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "desk.local",
        "desk.internal",
        "desk.localhost",
        "desk.lan",
        "127.0.0.1",
        "[::1]",
        "192.168.0.1",
    ],
)
def test_a_private_host_is_reported(host: str) -> None:
    assert list_security(changed("base_url", f"https://{host}/api")) == [("warn", "base_url", "base_url")]


@pytest.mark.parametrize(
    "host", ["localhost.example", "notlocal", "8.8.8.8", "[2001:4860::8]", "{{region}}.example"]
)
def test_a_public_host_is_not_reported(host: str) -> None:
    assert list_security(changed("base_url", f"https://{host}/api")) == []


def test_both_faults_of_a_url_are_reported() -> None:
    found = lint_config(changed("base_url", "HTTP://localhost"))
    messages = [item.message for item in found if item.source == "security"]
    assert messages == [
        "is not https: credentials travel in the clear",
        "localhost is a private address, which servers refuse to call",
    ]


def test_a_url_that_cannot_be_parsed_is_not_private() -> None:
    assert list_security(changed("base_url", "https://[::1")) == []

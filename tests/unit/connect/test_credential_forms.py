"""The form of an integration's credentials: what it shows, and what it takes of what a browser sends."""

from __future__ import annotations

from typing import Any

import pytest

from isthmus.connect.credential_forms import build_form, parse_form, redirects_to_provider
from isthmus.connect.screens import Form, IntegrationSummary
from isthmus.definitions.credentials import Credential
from isthmus.definitions.load import load_integration

DESK = IntegrationSummary("desk", "Desk", None, None)
TIERS = [{"label": "One", "value": 1}, {"label": "Free", "value": True}, {"label": "Own", "value": "own"}]
FIELDS = [
    {"name": "url", "required": True, "format": "url", "default": "https://a.example"},
    {"name": "key", "label": "Key", "type": "password", "required": True},
    {"name": "tier", "type": "single_select", "options": TIERS},
    {"name": "code", "pattern": "[0-9]+"},
]


def credential(*, format: str = "api_key", **config: Any) -> Credential:
    whole = {"fields": FIELDS, **config}
    return load_integration({"credentials": {format: {"config": whole}}}).credentials[format]


def form(sent: dict[str, Any] | None = None, link: dict[str, Any] | None = None, **config: Any) -> Form:
    return build_form(DESK, credential(**config), (), link or {}, can_go_back=False, sent=sent)


@pytest.mark.parametrize(("text", "value"), [("1", 1), ("True", True), ("own", "own")])
def test_an_option_is_stored_as_it_is_defined(text: str, value: object) -> None:
    parsed = parse_form(credential(), {"key": "k", "tier": text}, {})
    assert (parsed.values, parsed.errors) == ({"url": "https://a.example", "key": "k", "tier": value}, {})


def test_what_is_no_field_is_dropped_and_what_the_link_gives_is_not_asked_for() -> None:
    parsed = parse_form(
        credential(), {"key": "k", "url": "https://b.example", "odd": "x"}, {"url": "https://l.example"}
    )
    assert (parsed.values, parsed.errors) == ({"key": "k"}, {})
    assert [field.name for field in form(link={"url": "https://l.example"}).fields] == ["key", "tier", "code"]
    assert [field.name for field in form(link={"url": None}).fields] == ["url", "key", "tier", "code"]


@pytest.mark.parametrize(
    ("sent", "errors"),
    [
        ({}, {"key": "Please fill this in."}),
        ({"key": "k", "code": "x"}, {"code": "This does not look right."}),
        ({"key": "k", "url": "x"}, {"url": "It must be an absolute http or https URL."}),
        ({"key": "k", "tier": "2"}, {"tier": "It must be one of 1, True, own."}),
    ],
)
def test_what_is_wrong_is_told_in_a_sentence(sent: dict[str, str], errors: dict[str, str]) -> None:
    assert parse_form(credential(), sent, {}).errors == errors


def test_a_form_shows_what_was_typed_and_no_password() -> None:
    shown = {field.name: field for field in form({"url": "https://t.example", "key": "k", "tier": 1}).fields}
    assert {name: field.label for name, field in shown.items()} == {
        "url": "url",
        "key": "Key",
        "tier": "tier",
        "code": "code",
    }
    assert (shown["url"].value, shown["key"].value) == ("https://t.example", None)
    assert [choice.is_chosen for choice in shown["tier"].choices] == [True, False, False]
    assert not any(choice.is_chosen for field in form().fields for choice in field.choices)
    assert form().fields[0].value == "https://a.example"


@pytest.mark.parametrize(
    ("link", "is_kept"),
    [
        ("https://a.example/help", True),
        ("http://a.example", True),
        ("javascript:alert(1)", False),
        ("/help", False),
        (None, False),
    ],
)
def test_a_link_to_help_leads_to_a_web_page(link: str | None, is_kept: bool) -> None:
    config: dict[str, Any] = {} if link is None else {"documentation_link": link}
    assert form(**config).documentation_link == (link if is_kept else None)


@pytest.mark.parametrize(
    ("format", "config", "does"),
    [
        ("api_key", {}, False),
        ("oauth2", {"auth": {"tokenHost": "https://a.example"}}, True),
        ("oauth2_client_credentials", {"auth": {"tokenHost": "https://a.example"}}, False),
    ],
)
def test_a_person_is_sent_on_where_the_provider_asks_for_consent(
    format: str, config: dict[str, Any], does: bool
) -> None:
    assert redirects_to_provider(credential(format=format, **config)) is does

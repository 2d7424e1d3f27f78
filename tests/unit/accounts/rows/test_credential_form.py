"""Credential forms, checked on the server."""

from __future__ import annotations

from typing import Any

import pytest

from isthmus.accounts.rows.credential_form import validate_form
from isthmus.definitions.credentials import CredentialField


def submit(
    values: dict[str, Any], *, complete: bool = True, **definition: Any
) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    problems: list[tuple[str, str]] = []
    field = CredentialField.model_validate({"name": "f", **definition})
    result = validate_form(
        [field], values, lambda path, _, code: problems.append((path, code)), complete=complete
    )
    return result, problems


@pytest.mark.parametrize(
    ("definition", "sent", "stored"),
    [
        ({}, " x ", "x"),
        ({"default": "d"}, "", "d"),
        ({"default": "d"}, None, "d"),
        ({"format": "email"}, "a@b.example", "a@b.example"),
        ({"format": "number"}, "1.5", "1.5"),
        ({"format": "number"}, 3, 3),
        ({"format": "uuid"}, "00000000-0000-4000-8000-000000000000", "00000000-0000-4000-8000-000000000000"),
        ({"format": "url"}, "https://a.example/x", "https://a.example/x"),
        ({"format": "a-name-of-somebodys-own"}, "anything", "anything"),
        ({"pattern": "[a-z]+"}, "abc", "abc"),
        ({"transform": "uppercase"}, "abc", "ABC"),
        ({"transform": "lowercase", "pattern": "[A-Z]+"}, "ABC", "abc"),
        (
            {"transform": "sha256"},
            "abc",
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        ),
        ({"type": "single_select", "options": [{"label": "One", "value": 1}]}, 1, 1),
    ],
)
def test_a_value_is_stored_as_its_field_says(definition: dict[str, Any], sent: Any, stored: Any) -> None:
    result, problems = submit({"f": sent}, **definition)
    assert (result["f"], problems) == (stored, [])


@pytest.mark.parametrize(
    ("definition", "sent", "code"),
    [
        ({"required": True}, "  ", "required"),
        ({"required": True}, None, "required"),
        ({"format": "email"}, "nobody", "format"),
        ({"format": "number"}, "nan", "format"),
        ({"format": "uuid"}, "1", "format"),
        ({"format": "url"}, "ftp://a.example", "format"),
        ({"format": "url"}, "https://", "format"),
        ({"format": "url"}, "https://[", "format"),
        ({"format": "number"}, "one", "format"),
        ({"pattern": "[a-z]+"}, "abc1", "pattern"),
        ({"pattern": "("}, "abc", "pattern"),
        ({"pattern": "(a|aa)+b[bc]"}, "a" * 90 + "ba", "pattern"),
        ({"options": [{"label": "One", "value": "1"}]}, "2", "option"),
        ({"options": [{"label": "One", "value": "1"}]}, ["1"], "option"),
        ({}, {"an": "object"}, "type"),
        ({}, ["a", "list"], "type"),
    ],
)
def test_a_value_that_does_not_fit_is_reported(definition: dict[str, Any], sent: Any, code: str) -> None:
    _, problems = submit({"f": sent}, **definition)
    assert problems == [("context.f", code)]


def test_a_partial_submission_is_only_checked_where_it_speaks() -> None:
    assert submit({"g": 1}, complete=False, required=True, default="d") == ({"g": 1}, [])
    assert submit({"f": ""}, complete=False, default="d") == ({"f": ""}, [])


@pytest.mark.parametrize(
    ("definition", "described"),
    [
        ({}, "f"),
        ({"label": "Key"}, "Key"),
        ({"label": "Key", "help_text": "on your profile"}, "Key (on your profile)"),
    ],
)
def test_a_field_that_is_missing_is_told_as_people_see_it(definition: dict[str, Any], described: str) -> None:
    field = CredentialField.model_validate({"name": "f", "required": True, **definition})
    told: list[str] = []
    validate_form([field], {}, lambda _, message, __: told.append(message), complete=True)
    assert told == [f"is required: {described}"]

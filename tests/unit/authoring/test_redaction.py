"""What recordings keep of a value, at the limits that docs/reference/recordings.md names."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from isthmus.authoring.recording.redaction import Redaction, list_secret_forms


def redact(value: Any, *, secrets: tuple[str, ...] = ()) -> Any:
    made = Redaction(
        b"key",
        list_secret_forms(secrets),
        hosts=frozenset({"desk.acme.test"}),
        host="desk.example",
    )
    return made.redact(value)


def encode(text: str) -> str:
    return base64.b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    ("value", "is_kept"),
    [
        ({"id": 9_999}, True),
        ({"id": 10_000}, False),
        ({"id": -9_999}, True),
        ({"id": -10_000}, False),
        ({"count": 10_000}, True),
        ({"id": "99999"}, True),
        ({"id": "100000"}, False),
        ({"id": "T1234"}, False),
        ({"code": "T1234"}, True),
        ({"reference": "T1234"}, True),
        ({"reference": "T12345"}, False),
        ({"url": "https://desk.acme.test/tickets/9999"}, False),
    ],
)
def test_an_id_is_replaced_from_its_size_on(value: dict[str, Any], is_kept: bool) -> None:
    (name,) = value
    redacted = redact(value)[name]
    assert (redacted == value[name]) is is_kept
    if name in ("id", "reference"):
        assert (type(redacted), len(str(redacted))) == (type(value[name]), len(str(value[name])))


@pytest.mark.parametrize(
    ("path", "is_kept"),
    [("tickets/9999", True), ("tickets/10000", False), ("t/AB123", True), ("t/AB1234", False)],
)
def test_an_id_in_an_address_of_the_accounts_host_is_replaced_from_its_size_on(
    path: str, is_kept: bool
) -> None:
    redacted = redact({"self": f"https://desk.acme.test/{path}"})["self"]
    assert redacted.startswith("https://desk.example/t")
    assert (redacted == f"https://desk.example/{path}") is is_kept


def test_a_credential_is_found_in_each_form_from_four_characters_on() -> None:
    forms = list_secret_forms(["ab/d", "abc"])
    assert {"ab/d", "ab%2Fd", encode("ab/d"), encode("ab/d:abc"), encode("abc:X"), encode(":ab/d")} <= forms
    assert not forms & {"abc", encode("abc"), encode("abc:"), encode(":abc")}
    assert redact({"hint": "ab/d", "word": "abc"}, secrets=("ab/d", "abc")) == {
        "hint": "redacted",
        "word": "abc",
    }


def test_a_number_that_holds_a_credential_is_taken_out() -> None:
    assert redact({"a": 71234, "b": 7123}, secrets=("1234",)) == {"a": 0, "b": 7123}

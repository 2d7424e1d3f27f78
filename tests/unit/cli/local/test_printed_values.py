"""What local commands print of tokens and of layered values."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from typer.testing import CliRunner

from isthmus.cli.local.administration import _get_token_state
from isthmus.cli.local.explain import _MAX_PATH_WIDTH, _format_text, _format_value
from isthmus.cli.main import app
from isthmus.errors import SetupError

NOW = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("revoked_at", "expires_at", "state"),
    [
        (None, None, "valid"),
        (None, NOW + timedelta(microseconds=1), "valid"),
        (None, NOW, "expired"),
        (NOW, None, "revoked"),
        (NOW, NOW, "revoked"),
    ],
)
def test_a_token_expires_at_its_moment_and_is_revoked_for_good(
    revoked_at: datetime | None, expires_at: datetime | None, state: str
) -> None:
    assert _get_token_state({"revoked_at": revoked_at, "expires_at": expires_at}, NOW) == state


@pytest.mark.parametrize(("more", "is_cut"), [(0, False), (1, True)])
def test_a_layered_value_is_cut_where_it_is_too_long_for_a_line_of_a_terminal(
    monkeypatch: pytest.MonkeyPatch, more: int, is_cut: bool
) -> None:
    text = "v" * (_MAX_PATH_WIDTH * 2 + more)
    assert _format_value(text) == text
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert _format_value(text) == (f"{text[:-1]}…" if is_cut else text)


def test_a_value_is_printed_on_one_line_with_its_layer() -> None:
    layered = {"values": [{"path": "a.b", "layer": "account", "value": {"c": "1\n2"}}]}
    removed = {"removed": [{"path": "d", "layer": "environment"}]}
    mapping: dict[str, Any] = {
        "model": "crm",
        "resource": "contacts",
        "method": "list",
        **layered,
        "removed": [],
    }
    explanation = {"integration_name": "desk", "definition": {**layered, **removed}, "mappings": [mapping]}
    definition_lines = [
        "desk: definition",
        '  a.b  account      {"c": "1\\n2"}',
        "  d    environment  (removed)",
    ]
    mapping_lines = ["", "crm/contacts.list: mapping", '  a.b  account      {"c": "1\\n2"}']
    assert list(_format_text(explanation, definition=True, mappings=False)) == definition_lines
    assert list(_format_text(explanation, definition=False, mappings=True)) == mapping_lines
    assert list(_format_text(explanation, definition=True, mappings=True)) == definition_lines + mapping_lines


def test_an_unknown_form_of_output_is_refused_before_the_database_is_opened() -> None:
    error = CliRunner().invoke(app, ["explain", "x", "-o", "xml"]).exception
    assert isinstance(error, SetupError)
    assert error.message == "--output must be one of text, json."

"""The explanation of a call, as the command line prints it."""

from __future__ import annotations

from typing import Any

import pytest

from isthmus.cli.remote.data_plane.explanation_text import format_explanation

REQUEST = {"method": "POST", "url": "https://x.example/a", "headers": {"Accept": "*/*"}, "body": {"b": 1}}


@pytest.mark.parametrize(
    ("explanation", "expected"),
    [
        ({"request": REQUEST}, ["POST https://x.example/a", "Accept: */*", "", "{", '  "b": 1', "}"]),
        (
            {"request": REQUEST | {"body": "a\x1bb"}},
            ["POST https://x.example/a", "Accept: */*", "", "a\ufffdb"],
        ),
        ({"request": REQUEST | {"headers": {}, "body": None}}, ["POST https://x.example/a"]),
        ({"obstacle": "the step list failed"}, ["No request could be built: the step list failed"]),
        (
            {"request": REQUEST | {"headers": {}, "body": None}, "is_certain": False, "waits_for": "token"},
            ["POST https://x.example/a", "Not certain: it depends on the step token."],
        ),
        (
            {"request": REQUEST | {"headers": {}, "body": None}, "aliases": {"body.a": "body.b[].c"}},
            ["POST https://x.example/a", "body.a was read as body.b[].c."],
        ),
        (
            {
                "request": REQUEST | {"headers": {}, "body": None},
                "warnings": [{"code": "unknown_name", "message": "body.x is not known.", "field": "body.x"}],
            },
            ["POST https://x.example/a", "Warning: body.x is not known."],
        ),
    ],
)
def test_the_request_comes_first_or_why_there_is_none(
    explanation: dict[str, Any], expected: list[str]
) -> None:
    assert list(format_explanation(explanation)) == expected


def test_each_step_has_its_outcome() -> None:
    steps = {"before": [{"outcome": "sent", "n": 1}], "after": [{"outcome": "skipped"}]}
    printed = list(format_explanation({"request": REQUEST, **steps}))
    assert [line for line in printed if line.startswith("step")] == [
        "step before: sent",
        "step after: skipped",
    ]
    assert '        "n": 1' in printed


def test_each_value_has_its_layer_and_what_was_removed_is_named() -> None:
    explanation = {
        "request": REQUEST,
        "resource": "people",
        "method": "list",
        "definition_values": [{"path": "headers.A", "layer": "account", "value": "1\n2"}],
        "mapping": {
            "model": "crm", "resource": "contacts", "method": "list",
            "values": [{"path": "query", "layer": "model", "value": {}}],
            "removed": [{"path": "query.sort", "layer": "environment"}],
        },
    }  # fmt: skip
    assert list(format_explanation(explanation))[6:] == [
        "",
        "Definition of people.list:",
        "  headers.A  account",
        "      1",
        "      2",
        "",
        "Mapping of crm/contacts.list:",
        "  query       model        {}",
        "  query.sort  environment  (removed)",
    ]

"""A field that is accepted and not carried out is refused by name; later blocks are only reported."""

from __future__ import annotations

from typing import Any

import pytest

from isthmus.definitions import DefinitionInvalid, load_integration, load_mapping
from isthmus.definitions.execution import mapping_not_executed, not_executed, refuse


def with_method(**fields: object) -> dict[str, Any]:
    return {"resources": {"r": {"m": {"path": "/", **fields}}}}


@pytest.mark.parametrize(
    ("config", "path"),
    [
        ({"pagination": {"format": "range"}}, "pagination.format"),
        (with_method(pagination={"format": "dynamic", "config": {}}), "resources.r.m.pagination.format"),
        (with_method(body_format="multipart"), "resources.r.m.body_format"),
        (with_method(api_response_format="xml"), "resources.r.m.api_response_format"),
    ],
)
def test_a_field_that_would_change_a_call_is_refused(config: dict[str, Any], path: str) -> None:
    findings = not_executed(load_integration(config))
    assert [(item.severity, item.path) for item in findings] == [("error", path)]
    with pytest.raises(DefinitionInvalid) as caught:
        refuse(findings, source="integration", prefix="config")
    assert caught.value.failures[0]["path"] == f"config.{path}"
    assert caught.value.failures[0]["code"] == "not_executed"


@pytest.mark.parametrize("field", ["before", "after", "side_load", "file_upload"])
def test_a_mappings_field_is_refused(field: str) -> None:
    values: dict[str, Any] = {
        "before": [{"type": "transform", "config": "1"}],
        "after": [{"type": "transform", "config": "1"}],
        "side_load": {"a": {"resource": "r"}},
        "file_upload": True,
    }
    findings = mapping_not_executed(load_mapping({field: values[field]}))
    assert [(item.severity, item.path) for item in findings] == [("error", field)]


def test_blocks_of_later_stages_are_reported_and_not_refused() -> None:
    config = load_integration(
        {
            "credentials": {"oauth2": {"config": {"auth": {"tokenHost": "https://a.example"}}}},
            "actions": {"post_install": {"steps": [{"type": "transform", "config": "1"}]}},
            "webhook": {"payload_transform": "body"},
            "tool_tags": {"r": ["x"]},
        }
    )
    findings = not_executed(config)
    assert {(item.severity, item.path) for item in findings} == {
        ("info", "credentials.oauth2"),
        ("info", "actions"),
        ("info", "webhook"),
        ("info", "tool_tags"),
    }
    refuse(findings, source="integration")


def test_what_is_carried_out_is_not_mentioned() -> None:
    config = load_integration(
        {
            **with_method(body_format="form", api_response_format="text", pagination=None),
            "pagination": {"format": "link_header"},
            "authorization": {"format": "bearer"},
        }
    )
    assert not_executed(config) == []
    assert mapping_not_executed(load_mapping({"response_mapping": "response"})) == []

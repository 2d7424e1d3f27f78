"""A field that is accepted and not carried out is refused by name; later blocks are only reported."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from isthmus.definitions import DefinitionInvalid, load_integration, load_mapping
from isthmus.definitions.authorization import BasicConfig, BearerConfig, HeaderConfig
from isthmus.definitions.integration import IntegrationConfig, RateLimit
from isthmus.definitions.mapping import FileUpload, MappingConfig, SideLoad
from isthmus.definitions.methods import BodyFormatConfig, MethodDefinition
from isthmus.definitions.pagination import (
    CursorConfig,
    DynamicConfig,
    LinkHeaderConfig,
    OffsetConfig,
    PageConfig,
    RangeConfig,
)
from isthmus.definitions.unsupported_features import (
    UNSUPPORTED_BLOCKS,
    find_unsupported_blocks,
    find_unsupported_steps,
    refuse_errors,
)


def with_method(**fields: object) -> dict[str, Any]:
    return {"resources": {"r": {"m": {"path": "/", **fields}}}}


@pytest.mark.parametrize("field", ["before", "after"])
def test_a_form_in_a_mapping_is_refused(field: str) -> None:
    steps = [{"type": "transform", "config": "1"}, {"type": "form", "config": [{"name": "a"}]}]
    findings = find_unsupported_steps(load_mapping({field: steps}))
    assert [(item.severity, item.path) for item in findings] == [("error", f"{field}.1.type")]
    with pytest.raises(DefinitionInvalid) as caught:
        refuse_errors(findings, source="mapping", prefix="config")
    assert caught.value.failures[0]["path"] == f"config.{field}.1.type"
    assert caught.value.failures[0]["code"] == "not_executed"


def test_blocks_of_later_stages_are_reported_and_not_refused() -> None:
    config = load_integration(
        {
            "webhook": {"payload_transform": "body"},
        }
    )
    findings = find_unsupported_blocks(config)
    assert [(item.severity, item.path) for item in findings] == [("info", "webhook")]
    refuse_errors(findings, source="integration")


def test_what_is_carried_out_is_not_mentioned() -> None:
    config = load_integration(
        {
            **with_method(body_format="multipart", api_response_format="xml", pagination=None),
            "pagination": {"format": "range"},
            "authorization": {"format": "bearer"},
            "credentials": {"oauth2": {"config": {"auth": {"tokenHost": "https://a.example"}}}},
            "actions": {"post_install": {"steps": [{"type": "transform", "config": "1"}]}},
            "tool_tags": {"r": ["x"]},
        }
    )
    assert find_unsupported_blocks(config) == []
    assert find_unsupported_steps(load_mapping({"response_mapping": "response"})) == []


ROOM = Path(__file__).parents[3] / "src" / "isthmus"

DOCUMENTATION = {
    "label", "logo", "icon", "description", "api_documentation_url", "examples", "documentation_link",
    "query_schema", "body_schema", "response_schema", "request_body_schema",
}  # fmt: skip
"""Fields that tell people something and change no call."""


def read_by_a_call() -> str:
    """Everything that carries definitions out."""
    rooms = ("engine", "accounts", "integrations")
    files = [path for room in rooms for path in sorted((ROOM / room).rglob("*.py"))]
    return "\n".join(
        path.read_text(encoding="utf-8") for path in [*files, ROOM / "definitions" / "integration.py"]
    )


@pytest.mark.parametrize(
    "model", [IntegrationConfig, MethodDefinition, BodyFormatConfig, MappingConfig, RateLimit, PageConfig,
              CursorConfig, LinkHeaderConfig, OffsetConfig, RangeConfig, DynamicConfig, HeaderConfig,
              BasicConfig, BearerConfig, SideLoad, FileUpload]
)  # fmt: skip
def test_each_field_is_read_or_said_not_to_be(model: type[BaseModel]) -> None:
    """A field that nothing reads would be ignored in silence."""
    accounted = {*DOCUMENTATION, *UNSUPPORTED_BLOCKS}
    source = read_by_a_call()
    ignored = [
        name
        for name in model.model_fields
        if name not in accounted and not re.search(rf"\.{name}\b|[\"']{name}[\"']", source)
    ]
    assert ignored == []

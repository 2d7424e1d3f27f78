"""Whatever JSON a definition is, it is judged and never crashes the judge."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.selection import examples
from tests.unit.definitions.desk import CLEAN

from isthmus.authoring.lint import validate_document
from isthmus.definitions import DefinitionInvalid, load_integration, load_mapping
from isthmus.definitions.layers import apply_patch, merge_integration, merge_mapping
from isthmus.definitions.secrets import join_secrets, replace_config, split_secrets
from isthmus.definitions.yaml_source import Document

FULL: dict[str, Any] = {
    **CLEAN,
    "webhook": {
        "payload_transform": "body",
        "signature_verification": {
            "format": "hmac",
            "config": {
                "algorithm": "sha1",
                "secret": "{{s}}",
                "parts": ["$body"],
                "compare_with": "$header.x",
            },
        },
    },
    "actions": {
        "post_install": {
            "steps": [
                {"type": "request", "config": {"path": "/me"}},
                {"type": "update_context", "config": {"expression": "{ 'a': previous.b }"}},
                {"type": "form", "config": [{"name": "x"}]},
            ]
        }
    },
    "tool_tags": {"tickets": ["a"]},
    "secret_environment_variables": {"a": "b"},
}
CELL: dict[str, Any] = {
    "resource": {"expression": "'a'", "resources": ["a"]},
    "query": {"a": "{{b}}"},
    "query_mapping": {"a": "query.b"},
    "request_body_schema": {"properties": {"a": {}}},
    "request_body_mapping": "{ 'b': body.c }",
    "response_mapping": "{ 'id': response.id }",
    "before": [{"type": "transform", "config": "1"}],
    "side_load": {"x": {"resource": "a", "response_mapping": "response"}},
}

json_values: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=4)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.dictionaries(st.sampled_from(["format", "config", "a"]), inner, max_size=2),
    ),
    max_leaves=4,
)


def paths(value: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    below = [path for key, item in items for path in paths(item, (*above, key))]
    return [above, *below] if above else below


def put(document: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(document)
    place: Any = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return changed


@settings(max_examples=examples(300))
@given(st.sampled_from(paths(FULL)), json_values)
def test_an_integration_with_anything_anywhere(path: tuple[Any, ...], value: Any) -> None:
    config = put(FULL, path, value)
    try:
        load_integration(config)
        refused = False
    except DefinitionInvalid:
        refused = True
    report = validate_document(Document({"name": "desk", "config": config}), "desk", Path("desk.yaml"))
    shape = [
        item for item in report.findings if item.severity == "error" and item.source in ("schema", "jsonata")
    ]
    assert bool(shape) >= refused
    plain, secrets = split_secrets(config)
    assert join_secrets(plain, secrets) == config
    assert replace_config(plain, secrets, plain) == (config if plain else {})
    apply_patch(FULL, config)
    try:
        merge_integration(FULL, config)
    except DefinitionInvalid:
        assert "credentials" in path


@settings(max_examples=examples(200))
@given(st.sampled_from(paths(CELL)), json_values)
def test_a_mapping_with_anything_anywhere(path: tuple[Any, ...], value: Any) -> None:
    config = put(CELL, path, value)
    try:
        load_mapping(config)
        refused = False
    except DefinitionInvalid:
        refused = True
    cell = {"resource_name": "a", "method_name": "create", "config": config}
    document = {"unified_model": "m", "integration": "i", "cells": [cell]}
    findings = validate_document(Document(document), "m", Path("m.yaml")).findings
    assert any(item.severity == "error" for item in findings) >= refused
    merge_mapping(CELL, config)


@settings(max_examples=examples(100))
@given(json_values)
def test_any_document(value: Any) -> None:
    validate_document(Document(value), "any").as_json()

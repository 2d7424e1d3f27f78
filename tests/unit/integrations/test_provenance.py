"""Which layer a value is of."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.definitions.layers import merge_integration, merge_mapping
from isthmus.errors import NotFound
from isthmus.integrations.effective.provenance import NamedLayer, Provenance, trace_provenance

BASE = {
    "base_url": "https://a.test",
    "pagination": {"format": "cursor", "config": {"cursor_path": "next", "limit_param": "n"}},
    "headers": {"Accept": "x"},
}


def _layers(*contents: dict[str, Any]) -> list[NamedLayer]:
    names = ("integration", "environment", "account")
    return [NamedLayer(name, name[0], content) for name, content in zip(names, contents, strict=False)]


def _owners(found: Provenance) -> dict[str, str]:
    return {value["path"]: value["layer"] for value in found.values}


def test_each_value_is_of_the_highest_layer_that_says_it() -> None:
    found = trace_provenance(
        _layers(
            BASE,
            {"pagination": {"config": {"limit_param": "size"}}, "headers": {"Accept": "x"}},
            {"headers": {"X-B": None}},
        ),
        merge_integration,
    )
    assert _owners(found) == {
        "base_url": "integration",
        "pagination.format": "integration",
        "pagination.config.cursor_path": "integration",
        "pagination.config.limit_param": "environment",
        "headers.Accept": "environment",
        "headers.X-B": "account",
    }
    assert found.removed == []


def test_a_block_of_another_format_takes_the_lower_ones_fields_away() -> None:
    upper = {"pagination": {"format": "page", "config": {"page_param": "p"}}}
    found = trace_provenance(_layers(BASE, upper), merge_integration)
    assert _owners(found)["pagination.config.page_param"] == "environment"
    assert found.removed == [
        {"path": "pagination.config.cursor_path", "layer": "environment"},
        {"path": "pagination.config.limit_param", "layer": "environment"},
    ]


def test_null_at_the_top_of_an_override_is_no_say() -> None:
    found = trace_provenance(_layers(BASE, {"pagination": None}), merge_integration)
    assert _owners(found)["pagination.format"] == "integration"


def test_null_in_a_mapping_removes_and_an_upper_layer_may_say_it_again() -> None:
    low = {"query": {"a": "1"}, "response_mapping": "x"}
    found = trace_provenance(_layers(low, {"query": {"a": None}}), merge_mapping)
    assert (_owners(found)["response_mapping"], found.merged["query"]) == ("integration", {})
    assert found.removed == [{"path": "query.a", "layer": "environment"}]
    found = trace_provenance(_layers(low, {"query": {"a": None}}, {"query": {"a": "2"}}), merge_mapping)
    assert (_owners(found)["query.a"], found.removed) == ("account", [])


def test_a_credential_that_the_merge_moves_keeps_its_layer() -> None:
    low = {"credentials": {"format": "oauth2", "config": {"client": {"id": "x"}, "scope": ["a"]}}}
    upper = {"credentials": {"config": {"client": {"id": "mine"}}}}
    owners = _owners(trace_provenance(_layers(low, upper), merge_integration))
    assert owners["credentials.oauth2.config.client.id"] == "environment"
    assert owners["credentials.oauth2.config.scope"] == "integration"


def test_a_name_with_a_dot_is_told_from_two_names() -> None:
    found = trace_provenance(_layers({"headers": {"a.b": "1", "a": "2"}}), merge_integration)
    assert list(_owners(found)) == ['headers["a.b"]', "headers.a"]
    assert [each["path"] for each in found.as_json("headers")["values"]] == list(_owners(found))
    for nothing, beside in (
        ("head", "headers"),
        ("headers.b", 'headers.a, headers["a.b"]'),
        ('headers["a.c"].d', 'headers.a, headers["a.b"]'),
        ("headers.a.b", "headers.a"),
    ):
        with pytest.raises(NotFound, match=re.escape(f"There are: {beside}.")):
            found.as_json(nothing)


_CONTENT = st.dictionaries(
    st.sampled_from(["query", "body", "x"]),
    st.recursive(
        st.sampled_from([None, "1", "2", ["a"]]),
        lambda below: st.dictionaries(st.sampled_from("ab"), below, max_size=2),
        max_leaves=4,
    ),
    max_size=3,
)


@given(st.lists(_CONTENT, min_size=1, max_size=3))
def test_the_values_are_the_merged_mapping(contents: list[dict[str, Any]]) -> None:
    """Laid together again, leaf by leaf, they give what calls run on; and each owner is one of the layers."""
    found = trace_provenance(_layers(*contents), merge_mapping)
    rebuilt: dict[str, Any] = {}
    for value in found.values:
        *above, last = value["path"].split(".")
        place = rebuilt
        for name in above:
            place = place.setdefault(name, {})
        place[last] = value["value"]
    assert rebuilt == merge_mapping(*contents) == found.merged
    assert {value["layer"] for value in found.values} <= {layer.name for layer in found.layers}
    gone = {each["path"] for each in found.removed}
    assert gone.isdisjoint(_owners(found))

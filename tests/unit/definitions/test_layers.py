"""The three ways to merge layers (`docs/explanation/layers.md`), rule by rule."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.definitions import DefinitionInvalid, load_integration
from isthmus.definitions.layers import (
    apply_patch,
    find_account_mapping,
    make_patch,
    merge_integration,
    merge_mapping,
)

BASE: dict[str, Any] = {
    "label": "Desk",
    "base_url": "https://desk.example",
    "headers": {"Accept": "application/json", "X-A": "1"},
    "authorization": {"format": "bearer", "config": {"token": "{{token}}"}},
    "pagination": {"format": "cursor", "config": {"cursor_path": "next", "limit_param": "n"}},
    "rate_limit": {"is_rate_limited": "status = 429"},
    "error_expression": "data.fault",
    "resources": {
        "tickets": {
            "list": {
                "path": "/tickets",
                "scopes": ["a", "b"],
                "pagination": {"format": "page", "config": {"page_param": "p", "limit_param": "s"}},
            },
            "get": {"path": "/tickets/{{id}}"},
        }
    },
    "webhook": {
        "payload_transform": "body",
        "signature_verification": {"format": "basic", "config": {"username": "u", "password": "{{pw}}"}},
    },
}


class TestIntegration:
    def test_objects_merge_key_by_key_and_values_are_replaced(self) -> None:
        merged = merge_integration(
            BASE, {"headers": {"X-A": "2", "X-B": "3"}, "base_url": "https://b.example"}
        )
        assert merged["headers"] == {"Accept": "application/json", "X-A": "2", "X-B": "3"}
        assert merged["base_url"] == "https://b.example"
        assert merged["label"] == "Desk"

    def test_arrays_are_replaced_whole(self) -> None:
        merged = merge_integration(BASE, {"resources": {"tickets": {"list": {"scopes": ["c"]}}}})
        assert merged["resources"]["tickets"]["list"]["scopes"] == ["c"]
        assert merged["resources"]["tickets"]["list"]["path"] == "/tickets"

    def test_the_same_format_or_none_merges_a_tagged_union(self) -> None:
        for override in (
            {"config": {"limit_param": "size"}},
            {"format": "cursor", "config": {"limit_param": "size"}},
        ):
            merged = merge_integration(BASE, {"pagination": override})
            assert merged["pagination"] == {
                "format": "cursor",
                "config": {"cursor_path": "next", "limit_param": "size"},
            }

    def test_another_format_replaces_it_and_the_account_comes_last(self) -> None:
        merged = merge_integration(
            BASE,
            {"pagination": {"config": {"limit_param": "size"}}},
            {"pagination": {"format": "page", "config": {"page_param": "p"}}},
        )
        assert merged["pagination"] == {"format": "page", "config": {"page_param": "p"}}

    def test_the_unions_of_methods_and_webhooks_are_unions_too(self) -> None:
        merged = merge_integration(
            BASE,
            {
                "resources": {"tickets": {"list": {"pagination": {"format": "offset", "config": {}}}}},
                "webhook": {"signature_verification": {"format": "clerk", "config": {"secret": "{{s}}"}}},
            },
        )
        assert merged["resources"]["tickets"]["list"]["pagination"] == {"format": "offset", "config": {}}
        assert merged["webhook"] == {
            "payload_transform": "body",
            "signature_verification": {"format": "clerk", "config": {"secret": "{{s}}"}},
        }

    @pytest.mark.parametrize(
        "slot",
        ["authorization", "pagination", "rate_limit", "webhook", "error_expression", "resources", "headers"],
    )
    def test_null_at_a_top_slot_is_as_if_absent(self, slot: str) -> None:
        assert merge_integration(BASE, {slot: None}) == BASE

    def test_null_deeper_is_a_value(self) -> None:
        merged = merge_integration(
            BASE,
            {
                "headers": {"X-A": None},
                "resources": {"tickets": {"get": None, "list": {"pagination": None}}, "users": None},
            },
        )
        assert merged["headers"]["X-A"] is None
        config = load_integration(merged)
        listing = config.find_method("tickets", "list")
        assert listing is not None
        assert config.choose_pagination(listing) is None
        assert config.find_method("tickets", "get") is None
        assert config.find_method("users", "list") is None

    def test_a_hidden_method_can_come_back(self) -> None:
        hidden = {"resources": {"tickets": {"get": None}}}
        shown = {"resources": {"tickets": {"get": {"path": "/t/{{id}}"}}}}
        merged = merge_integration(BASE, hidden, shown)
        assert merged["resources"]["tickets"]["get"] == {"path": "/t/{{id}}"}

    def test_an_expression_and_an_object_replace_each_other(self) -> None:
        low = {"resources": {"r": {"m": {"path": "/", "query": {"a": "1"}}}}}
        high = {"resources": {"r": {"m": {"query": "{ 'b': 2 }"}}}}
        assert merge_integration(low, high)["resources"]["r"]["m"]["query"] == "{ 'b': 2 }"
        assert merge_integration(low, high, low)["resources"]["r"]["m"]["query"] == {"a": "1"}

    def test_no_override_changes_nothing(self) -> None:
        assert merge_integration(BASE, None, {}) == BASE

    def test_nothing_is_mutated(self) -> None:
        base = copy.deepcopy(BASE)
        override = {"headers": {"X-A": None}, "resources": {"tickets": {"list": {"scopes": []}}}}
        given_override = copy.deepcopy(override)
        merge_integration(base, override)
        assert base == BASE
        assert override == given_override


KEY = {"fields": [{"name": "k"}]}
OAUTH = {"auth": {"tokenHost": "https://a.example"}, "client": {"id": "ours"}}


class TestCredentials:
    def test_a_customers_app_merges_over_the_base(self) -> None:
        app = {"client": {"id": "theirs", "secret": "hush"}}
        for base in ({"format": "oauth2", "config": OAUTH}, {"oauth2": {"config": OAUTH}}):
            for override in (
                {"config": app},
                {"format": "oauth2", "config": app},
                {"oauth2": {"config": app}},
            ):
                merged = merge_integration({"credentials": base}, {"credentials": override})
                assert merged["credentials"]["oauth2"]["config"] == {**OAUTH, **app}

    def test_one_of_several_is_merged_and_the_others_stay(self) -> None:
        base = {"api_key": {"config": KEY}, "oauth2": {"config": OAUTH}}
        merged = merge_integration(
            {"credentials": base}, {"credentials": {"oauth2": {"config": {"scope": ["x"]}}}}
        )
        assert set(merged["credentials"]) == {"api_key", "oauth2"}
        assert merged["credentials"]["oauth2"]["config"]["scope"] == ["x"]

    def test_another_single_credential_replaces_a_single_one(self) -> None:
        merged = merge_integration(
            {"credentials": {"format": "api_key", "config": KEY}},
            {"credentials": {"format": "oauth2", "config": OAUTH}},
        )
        assert set(merged["credentials"]) == {"oauth2"}

    def test_a_config_that_could_belong_to_several_is_refused(self) -> None:
        base = {"api_key": {"config": KEY}, "oauth2": {"config": OAUTH}}
        with pytest.raises(DefinitionInvalid, match="2 ways to connect"):
            merge_integration({"credentials": base}, {"credentials": {"config": {"scope": []}}})

    def test_a_base_without_any_takes_the_override(self) -> None:
        merged = merge_integration({}, {"credentials": {"format": "basic", "config": KEY}})
        assert merged["credentials"] == {"api_key": {"format": "api_key", "config": KEY}}


CELL = {
    "resource": {"expression": "'t'", "resources": ["t", "u"]},
    "query": {"expand": "owner"},
    "query_mapping": {"size": "query.limit", "kind": {"$literal": {"a": 1}}},
    "response_mapping": "{ 'id': response.no, 'title': response.subject }",
    "before": [{"type": "transform", "config": "1"}],
}


class TestMapping:
    def test_objects_merge_and_expressions_are_replaced_whole(self) -> None:
        merged = merge_mapping(CELL, {"query": {"lang": "en"}, "response_mapping": "{ 'id': response.key }"})
        assert merged["query"] == {"expand": "owner", "lang": "en"}
        assert merged["response_mapping"] == "{ 'id': response.key }"

    def test_arrays_are_replaced_whole(self) -> None:
        merged = merge_mapping(CELL, {"resource": {"resources": ["u"]}, "before": []})
        assert merged["resource"] == {"expression": "'t'", "resources": ["u"]}
        assert merged["before"] == []

    def test_the_two_forms_of_a_field_replace_each_other(self) -> None:
        assert merge_mapping(CELL, {"resource": "t"})["resource"] == "t"
        assert merge_mapping(CELL, {"query_mapping": "{}"})["query_mapping"] == "{}"
        assert merge_mapping({"query_mapping": "{}"}, CELL)["query_mapping"] == CELL["query_mapping"]

    def test_literals_are_replaced_whole(self) -> None:
        merged = merge_mapping(CELL, {"query_mapping": {"kind": {"$literal": {"b": 2}}}})
        assert merged["query_mapping"]["kind"] == {"$literal": {"b": 2}}

    def test_null_removes_a_field(self) -> None:
        merged = merge_mapping(CELL, {"query": {"expand": None}, "before": None})
        assert merged["query"] == {}
        assert "before" not in merged

    def test_a_later_layer_can_bring_a_field_back(self) -> None:
        assert merge_mapping(CELL, {"query": None}, {"query": {"a": "b"}})["query"] == {"a": "b"}

    def test_an_override_without_a_base_is_the_mapping(self) -> None:
        assert merge_mapping(None, {"method": "list", "query": {"a": None}}) == {
            "method": "list",
            "query": {},
        }

    def test_the_base_is_taken_as_it_is(self) -> None:
        schema = {"query_schema": {"properties": {"a": {"default": None}}}}
        assert merge_mapping(schema) == schema

    @pytest.mark.parametrize(
        ("override", "found"),
        [
            ({"crm": {"contacts": {"list": {"method": "x"}}}}, {"method": "x"}),
            ({"crm": {"contacts": {"list": None}}}, None),
            ({"crm": {"contacts": None}}, None),
            ({"crm": None}, None),
            ({}, None),
            (None, None),
        ],
    )
    def test_an_accounts_mapping_is_found_by_names(self, override: Any, found: Any) -> None:
        assert find_account_mapping(override, "crm", "contacts", "list") == found


class TestPatch:
    def test_merges_deep_and_null_deletes(self) -> None:
        stored = {"a": {"b": 1, "c": [1, 2]}, "d": 4}
        assert apply_patch(stored, {"a": {"b": None, "c": [3], "e": {"f": 5, "g": None}}, "d": None}) == {
            "a": {"c": [3], "e": {"f": 5}}
        }

    def test_a_patch_between_two_says_what_is_to_go(self) -> None:
        stored = {"a": {"b": 1, "c": 2}, "d": [1], "e": None, "same": {"x": 1}, "l": {"$literal": {"m": 1}}}
        wanted = {"a": {"c": 3}, "d": [1, 2], "same": {"x": 1}, "new": {}, "l": {"$literal": {"n": 2}}}
        assert make_patch(stored, wanted) == {
            "a": {"b": None, "c": 3},
            "d": [1, 2],
            "new": {},
            "l": {"$literal": {"n": 2}},
        }

    def test_a_literal_and_an_object_replace_each_other_whole(self) -> None:
        literal, plain = {"a": {"$literal": {"x": 1}}}, {"a": {"y": "1"}}
        for stored, wanted in ((literal, plain), (plain, literal)):
            assert make_patch(stored, wanted) == wanted
            assert apply_patch(stored, wanted) == merge_mapping(stored, wanted) == wanted

    def test_nothing_is_mutated(self) -> None:
        stored = {"a": {"b": 1}}
        apply_patch(stored, {"a": {"b": None}})
        assert stored == {"a": {"b": 1}}


keys = st.sampled_from(["a", "b", "c", "$literal"])
scalars = st.one_of(st.integers(), st.text(max_size=3), st.booleans())
objects: st.SearchStrategy[dict[str, Any]] = st.dictionaries(
    st.sampled_from("abc"),
    st.recursive(scalars, lambda inner: st.dictionaries(keys, inner, max_size=3)),
    max_size=3,
)


@given(objects, objects)
def test_what_a_patch_says_is_afterwards_so(stored: dict[str, Any], patch: dict[str, Any]) -> None:
    once = apply_patch(stored, patch)
    assert apply_patch(once, patch) == once
    assert merge_mapping(stored, patch) == once


@given(objects, objects)
def test_a_patch_between_two_leads_from_one_to_the_other(
    stored: dict[str, Any], wanted: dict[str, Any]
) -> None:
    patch = make_patch(stored, wanted)
    assert apply_patch(stored, patch) == wanted
    assert (patch == {}) == (stored == wanted)

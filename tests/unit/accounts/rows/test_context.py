"""The rules of an account's context."""

from __future__ import annotations

from typing import Any

import pytest

from isthmus.accounts.rows.context import (
    build_effective_context,
    build_visible_context,
    get_oauth_token,
    list_object_store_fields,
    patch_context,
    split_context,
)


@pytest.mark.parametrize(
    ("stored", "patch", "result"),
    [
        ({"a": 1, "o": {"x": 1, "y": 2}}, {"o": {"x": 9}}, {"a": 1, "o": {"x": 9}}),
        ({"api_key": "k", "a": 1}, {"a": 2}, {"api_key": "k", "a": 2}),
        ({"api_key": "k"}, {"api_key": "n"}, {"api_key": "n"}),
        ({"a": 1}, {"a": None}, {"a": None}),
        ({"api_key": "k", "a": 1}, {"api_key": None}, {"a": 1}),
        ({"pin": "1"}, {"pin": None}, {}),
        ({}, {"environment_variables": {"x": 1}, "a": 1}, {"a": 1}),
        (
            {"oauth": {"token": {"access_token": "t", "refresh_token": "r"}, "scope": ["a"]}},
            {"oauth": {"scope": ["b"]}},
            {"oauth": {"token": {"access_token": "t", "refresh_token": "r"}, "scope": ["b"]}},
        ),
        (
            {"oauth": {"token": {"access_token": "t", "refresh_token": "r"}}},
            {"oauth": {"token": {"access_token": "n"}}},
            {"oauth": {"token": {"access_token": "n", "refresh_token": "r"}}},
        ),
        ({}, {"oauth": {"scope": ["b"]}}, {"oauth": {"scope": ["b"]}}),
        ({"oauth": "x"}, {"oauth": {"scope": ["b"]}}, {"oauth": {"scope": ["b"]}}),
        ({"oauth": {"scope": ["a"]}}, {"oauth": "x"}, {"oauth": "x"}),
        ({"a": 1}, {}, {"a": 1}),
    ],
)
def test_a_patch_is_shallow_and_careful(
    stored: dict[str, Any], patch: dict[str, Any], result: dict[str, Any]
) -> None:
    before = repr(stored)
    assert patch_context(stored, patch, frozenset({"pin"})) == result
    assert repr(stored) == before


def test_every_protected_path_is_parted_from_the_plain_context() -> None:
    names = ("api_key", "api_token", "token", "password", "secret", "client_secret", "access_token")
    context = dict.fromkeys(names, "hush") | {
        "oauth": {
            "token": {
                "access_token": "hush",
                "refresh_token": "hush",
                "access_token_secret": "hush",
                "expires_at": 1,
            },
            "scope": ["a"],
        },
        "pin": "hush",
        "subdomain": "acme",
    }
    plain, secrets = split_context(context, frozenset({"pin"}))
    assert plain == {"oauth": {"token": {"expires_at": 1}, "scope": ["a"]}, "subdomain": "acme"}
    assert "hush" not in repr(plain)
    assert repr(secrets).count("hush") == 11


def test_virtual_keys_are_there_for_expressions_only() -> None:
    whole = {"oauth": {"token": {"access_token": "t"}}}
    seen = build_effective_context(whole, {"tier": "gold"})
    assert (seen["access_token"], seen["environment_variables"]) == ("t", {"tier": "gold"})
    assert build_effective_context({**whole, "access_token": "own"}, {})["access_token"] == "own"
    assert whole == {"oauth": {"token": {"access_token": "t"}}}


def test_what_is_shown_has_the_plain_variables() -> None:
    assert build_visible_context({"a": 1}, {"environment_variables": {"x": "1"}}) == {
        "a": 1,
        "environment_variables": {"x": "1"},
    }
    assert build_visible_context({"a": 1}, {}) == {"a": 1}
    others: list[Any] = [{}, "x", None]
    for variables in others:
        assert build_visible_context({"a": 1}, {"environment_variables": variables}) == {"a": 1}


def test_values_sent_for_the_object_store_come_back_under_their_key() -> None:
    plain = {"big": {"truto_obj_store": True, "data": [1, 2]}, "small": 1}
    assert build_visible_context(plain, {}) == {"big": [1, 2], "small": 1}
    assert build_effective_context(plain, {})["big"] == [1, 2]
    assert list_object_store_fields(plain) == ["big"]


@pytest.mark.parametrize("flag", [False, "true", None])
def test_an_object_is_for_the_object_store_only_where_it_says_so(flag: object) -> None:
    plain = {"big": {"truto_obj_store": flag, "data": 1}}
    assert build_visible_context(plain, {}) == plain
    assert list_object_store_fields(plain) == []


@pytest.mark.parametrize(
    ("context", "token"),
    [
        ({}, {}),
        ({"oauth": "x"}, {}),
        ({"oauth": {}}, {}),
        ({"oauth": {"token": "x"}}, {}),
        ({"oauth": {"token": {"access_token": "t"}}}, {"access_token": "t"}),
    ],
)
def test_a_token_that_is_no_object_is_none(context: dict[str, Any], token: dict[str, Any]) -> None:
    assert get_oauth_token(context) == token
    assert build_effective_context(context, {}).get("access_token") == token.get("access_token")

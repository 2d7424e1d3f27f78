"""Secret leaves leave a config, come back, and survive a replacement that could not have seen them."""

from __future__ import annotations

from typing import Any

import pytest

from isthmus.definitions.secrets import (
    join_secrets,
    replace_config,
    split_context,
    split_secrets,
)

OVERRIDE: dict[str, Any] = {
    "credentials": {"oauth2": {"config": {"client": {"id": "theirs", "secret": "hush"}, "scope": ["a"]}}},
    "authorization": {"format": "basic", "config": {"username": "{{u}}", "password": "literal"}},
    "webhook": {"signature_verification": {"format": "clerk", "config": {"secret": "whsec_x"}}},
    "environment_variables": {"plain": 1},
    "secret_environment_variables": {"a": "s1", "b": "s2"},
    "resources": {
        "r": {"m": {"authorization": {"format": "bearer", "config": {"token": "t0k"}}, "path": "/"}}
    },
}
PLAIN: dict[str, Any] = {
    "credentials": {"oauth2": {"config": {"client": {"id": "theirs"}, "scope": ["a"]}}},
    "authorization": {"format": "basic", "config": {"username": "{{u}}"}},
    "webhook": {"signature_verification": {"format": "clerk"}},
    "environment_variables": {"plain": 1},
    "resources": {"r": {"m": {"authorization": {"format": "bearer"}, "path": "/"}}},
}
SECRETS: dict[str, Any] = {
    "credentials": {"oauth2": {"config": {"client": {"secret": "hush"}}}},
    "authorization": {"config": {"password": "literal"}},
    "webhook": {"signature_verification": {"config": {"secret": "whsec_x"}}},
    "secret_environment_variables": {"a": "s1", "b": "s2"},
    "resources": {"r": {"m": {"authorization": {"config": {"token": "t0k"}}}}},
}


class TestSplit:
    def test_secrets_part_from_the_rest_and_come_back(self) -> None:
        assert split_secrets(OVERRIDE) == (PLAIN, SECRETS)
        assert join_secrets(PLAIN, SECRETS) == OVERRIDE

    def test_a_single_credentials_secret_is_found_too(self) -> None:
        config = {"credentials": {"format": "oauth2", "config": {"client": {"id": "i", "secret": "s"}}}}
        plain, secrets = split_secrets(config)
        assert plain["credentials"]["config"]["client"] == {"id": "i"}
        assert secrets == {"credentials": {"config": {"client": {"secret": "s"}}}}

    @pytest.mark.parametrize("value", ["{{credentials.api_key}}", "Bearer {{token}}"])
    def test_a_template_is_no_secret(self, value: str) -> None:
        config = {
            "authorization": {"format": "header", "config": {"header_name": "X", "header_value": value}}
        }
        assert split_secrets(config) == (config, {})

    def test_a_literal_header_value_is_one(self) -> None:
        config = {"authorization": {"format": "header", "config": {"header_name": "X", "header_value": "k"}}}
        assert split_secrets(config)[1] == {"authorization": {"config": {"header_value": "k"}}}

    @pytest.mark.parametrize(
        "config", [{}, {"credentials": None}, {"credentials": []}, {"resources": {"r": None}}]
    )
    def test_what_has_none_is_left_alone(self, config: dict[str, Any]) -> None:
        assert split_secrets(config) == (config, {})


class TestHeadersAndQueries:
    @pytest.mark.parametrize(
        "name",
        ["Authorization", "authorization", "Cookie", "X-Api-Key", "api_key", "apikey", "accessToken",
         "X-Token", "client_secret", "X-Signature", "key"],
    )  # fmt: skip
    @pytest.mark.parametrize("field", ["headers", "query"])
    def test_a_literal_under_a_telling_name_is_a_secret(self, field: str, name: str) -> None:
        block = {field: {name: "Bearer k", "Accept": "application/json"}}
        config = {**block, "resources": {"r": {"m": {"path": "/", **block}}}}
        plain, secrets = split_secrets(config)
        visible, hidden = {field: {"Accept": "application/json"}}, {field: {name: "Bearer k"}}
        assert plain == {**visible, "resources": {"r": {"m": {"path": "/", **visible}}}}
        assert secrets == {**hidden, "resources": {"r": {"m": hidden}}}
        assert join_secrets(plain, secrets) == config
        assert replace_config(plain, secrets, plain) == config

    @pytest.mark.parametrize(
        "entries",
        [
            {"Authorization": "Bearer {{credentials.api_key}}"},
            {"X-Api-Key": None},
            {"api_key": ""},
            {"Accept": "application/json", "sort_key": "name", "monkey": "1", "with_tokens": True},
        ],
    )
    def test_what_is_none_stays_visible(self, entries: dict[str, Any]) -> None:
        config = {"headers": entries, "query": entries}
        assert split_secrets(config) == (config, {})

    def test_an_expression_is_no_block_of_entries(self) -> None:
        config = {"resources": {"r": {"m": {"headers": "{ 'Authorization': 'x' }"}}}}
        assert split_secrets(config) == (config, {})

    def test_a_value_that_is_nested_or_a_number_is_found(self) -> None:
        config = {
            "query": {"auth": {"token": "t", "x": "y"}, "filter": {"api_key": 7, "a": 1}, "token": ["a"]}
        }
        plain, secrets = split_secrets(config)
        assert plain == {"query": {"filter": {"a": 1}}}
        assert join_secrets(plain, secrets) == config

    def test_null_for_a_hidden_header_replaces_it_and_stays(self) -> None:
        plain, secrets = {"headers": {"Accept": "a"}}, {"headers": {"X-Token": "t"}}
        new = {"headers": {"Accept": "a", "X-Token": None}}
        assert replace_config(plain, secrets, new) == new

    def test_a_parameter_called_format_is_no_format(self) -> None:
        plain, secrets = {"query": {"format": "json"}}, {"query": {"api_key": "k"}}
        replaced = replace_config(plain, secrets, {"query": {"format": "xml"}})
        assert replaced == {"query": {"format": "xml", "api_key": "k"}}


class TestReplace:
    def replaced(self, new: dict[str, Any]) -> dict[str, Any]:
        return replace_config(PLAIN, SECRETS, new)

    def test_what_was_read_can_be_written_back(self) -> None:
        assert self.replaced(PLAIN) == OVERRIDE

    def test_an_edit_keeps_the_secrets_beside_it(self) -> None:
        new = {**PLAIN, "credentials": {"oauth2": {"config": {"client": {"id": "other"}}}}}
        assert self.replaced(new)["credentials"]["oauth2"]["config"] == {
            "client": {"id": "other", "secret": "hush"}
        }

    def test_a_given_secret_replaces_and_null_removes(self) -> None:
        result = self.replaced({"secret_environment_variables": {"a": None, "c": "s3"}})
        assert result["secret_environment_variables"] == {"b": "s2", "c": "s3"}

    def test_an_empty_object_clears_all(self) -> None:
        assert self.replaced({}) == {}
        assert self.replaced({"secret_environment_variables": {}})["secret_environment_variables"] == {}

    def test_null_for_a_block_clears_it(self) -> None:
        assert "credentials" not in self.replaced({"credentials": None})

    def test_secrets_that_are_never_visible_survive_anything_else(self) -> None:
        assert self.replaced({"base_url": "https://x.example"}) == {
            "base_url": "https://x.example",
            "secret_environment_variables": {"a": "s1", "b": "s2"},
        }

    def test_a_visible_block_that_is_gone_takes_its_secret_along(self) -> None:
        new = {key: value for key, value in PLAIN.items() if key != "credentials"}
        assert "credentials" not in self.replaced(new)

    def test_a_block_of_another_format_does_not_inherit_the_secret(self) -> None:
        new = {**PLAIN, "authorization": {"format": "bearer", "config": {"token": "{{t}}"}}}
        assert self.replaced(new)["authorization"] == new["authorization"]

    def test_nothing_stored_is_the_new_value(self) -> None:
        assert replace_config({}, {}, {"a": 1}) == {"a": 1}


def test_a_context_parts_with_protected_paths_and_password_fields() -> None:
    context = {
        "subdomain": "acme",
        "api_key": "k",
        "pin": "1234",
        "oauth": {"token": {"access_token": "t", "refresh_token": "r", "expires_at": 5}, "scope": ["a"]},
    }
    plain, secrets = split_context(context, frozenset({"pin"}))
    assert plain == {"subdomain": "acme", "oauth": {"token": {"expires_at": 5}, "scope": ["a"]}}
    assert secrets == {
        "api_key": "k",
        "pin": "1234",
        "oauth": {"token": {"access_token": "t", "refresh_token": "r"}},
    }
    assert join_secrets(plain, secrets) == context

"""Cursors that only this server can have made; values that do not show themselves; ids."""

from __future__ import annotations

import base64
import copy
import json
import pickle
from uuid import UUID

import orjson
import pytest

from isthmus.errors import BadRequest
from isthmus.kit.cursors import CursorSigner
from isthmus.kit.ids import derive_id, is_uuid, new_id
from isthmus.kit.secret import Secret

SIGNER = CursorSigner(b"0123456789abcdef")


@pytest.mark.parametrize("value", [None, 0, "text", ["a", 1], {"k": "2030", "id": "b"}])
def test_a_cursor_is_read_as_it_was_made(value: object) -> None:
    assert SIGNER.decode(SIGNER.encode(value)) == value


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",  # no length of base 64
        "é",
        "!!!!",
        base64.urlsafe_b64encode(b"short").decode(),
        base64.urlsafe_b64encode(bytes(16) + b'{"k":1}').decode(),
        CursorSigner(b"another-key-0123").encode({"k": 1}),
        SIGNER.for_list("/team").encode({"k": 1}),
        SIGNER.encode({"k": 1})[:-1],
        SIGNER.encode({"k": 1}) + "AAAA",
    ],
)
def test_what_this_server_did_not_write_is_refused(cursor: str) -> None:
    with pytest.raises(BadRequest) as refused:
        SIGNER.decode(cursor)
    assert refused.value.details["failures"][0]["code"] == "bad_cursor"


def test_signed_bytes_that_are_no_json_are_refused() -> None:
    tag = SIGNER._compute_tag(b"{")
    with pytest.raises(BadRequest):
        SIGNER.decode(base64.urlsafe_b64encode(tag + b"{").decode())


def test_a_secret_shows_itself_nowhere() -> None:
    secret = Secret("hunter2")
    assert [str(secret), f"{secret:>9}", repr(secret), f"{secret!r}"] == [
        "***",
        "***",
        "Secret(***)",
        "Secret(***)",
    ]
    with pytest.raises(TypeError):
        json.dumps(secret)
    with pytest.raises(TypeError):
        orjson.dumps(secret)
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        copy.deepcopy(secret)
    assert secret.reveal() == "hunter2"


def test_secrets_are_equal_by_their_values_and_to_nothing_else() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2


def test_ids_are_uuids() -> None:
    assert UUID(new_id()).version == 4
    assert new_id() != new_id()
    assert derive_id("a", "b") == derive_id("a", "b") != derive_id("ab")
    assert UUID(derive_id("a")).version == 5
    assert is_uuid(new_id())
    assert not is_uuid("a")

"""What pages submit: forms and JSON, well made or not."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.requests import Request

from isthmus.connect.errors import ConnectError
from isthmus.ui.form_input import read_form_input, wants_json


def request(body: bytes, content_type: str | None, accept: str = "") -> Request:
    headers = [(b"accept", accept.encode())]
    if content_type is not None:
        headers.append((b"content-type", content_type.encode()))

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    scope = {"type": "http", "method": "POST", "headers": headers, "query_string": b"", "app": None}
    return Request(scope, receive)


FORM = "application/x-www-form-urlencoded"


async def test_a_form_is_texts_by_name_and_the_pages_own_names_are_no_fields() -> None:
    found = await read_form_input(request(b"a=1&a=2&b=&_csrf=c&_step=s&_field=f&_cursor=u&_other=o", FORM))
    assert found.fields == {"a": ["1", "2"], "b": [""], "_other": ["o"]}
    assert found.texts == {"a": "2", "b": "", "_other": "o"}
    assert [found.get_text(name) for name in ("_csrf", "_step", "_field", "_cursor", "none")] == [
        "c", "s", "f", "u", "",
    ]  # fmt: skip


async def test_json_is_read_as_a_form_would_be() -> None:
    body = b'{"a": [1, [true, null]], "b": null, "c": false, "_csrf": "x"}'
    found = await read_form_input(request(body, "application/json; charset=utf-8"))
    assert found.fields == {"a": ["1", "true"], "b": [], "c": ["false"]}
    assert found.get_text("_csrf") == "x"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"1", b"\xff"])
async def test_json_that_is_no_object_is_nothing(body: bytes) -> None:
    assert (await read_form_input(request(body, "application/json"))).fields == {}


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"--b\r\nbroken\r\n\r\n", "multipart/form-data; boundary=b"),
        (b'--b\r\ncontent-disposition: form-data; name="a"; filename="f"\r\n\r\nx\r\n--b--\r\n',
         "multipart/form-data; boundary=b"),
    ],
    ids=["malformed", "with a file"],
)  # fmt: skip
async def test_a_form_that_cannot_be_read_says_so(body: bytes, content_type: str) -> None:
    with pytest.raises(ConnectError, match="could not be read"):
        await read_form_input(request(body, content_type))


@pytest.mark.parametrize(
    ("accept", "is_script"), [("application/json", True), ("text/html,application/json", False), ("", False)]
)
def test_a_script_asks_for_json(accept: str, is_script: bool) -> None:
    assert wants_json(request(b"", None, accept)) == is_script

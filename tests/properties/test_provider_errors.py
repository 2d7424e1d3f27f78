"""Whatever a provider answers as an error, its message has the product, the status and a reason."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any
from urllib.parse import urlencode

import pytest
from tests.unit.engine.mapped_calls import METHODS, run
from tests.unit.engine.upstreams import MemoryUpstream, integration

from isthmus.api.call_parsing import parse_call
from isthmus.engine import proxy
from isthmus.engine.custom import CustomCall, call_custom
from isthmus.errors import RemoteError, to_error_envelope
from isthmus.http.messages import HttpResponse

SECRET = "s3cr3t-of-the-account"
STATUSES = [
    400,
    401,
    403,
    404,
    405,
    409,
    410,
    415,
    418,
    422,
    423,
    429,
    451,
    499,
    500,
    501,
    502,
    503,
    504,
    521,
    599,
]
JSON_TYPES = ["application/json", "application/problem+json; charset=utf-8", "text/plain", "", "TEXT/JSON"]
PAGE_TYPES = ["text/html", "text/html; charset=utf-8", "application/xhtml+xml", "", "text/plain"]
XML_TYPES = ["application/xml", "text/xml; charset=utf-8", "application/soap+xml"]
ANY_TYPES = [
    *JSON_TYPES,
    *PAGE_TYPES,
    *XML_TYPES,
    "image/png",
    "application/octet-stream",
    "no type",
    "text/csv;;",
]
WORDS = [
    "no",
    "such",
    "ticket",
    "größer",
    "票",
    "'quoted'",
    "a,b",
    "100%",
    "{x}",
    "¶",
    "\u202e",
    "\x07",
    "\ttab\n",
]
Made = tuple[bytes, str, str | None]
"""The body, its content type, and the words that the message has to hold: None where any will do."""


def say(random: Random) -> str:
    return " ".join(random.choices(WORDS, k=random.randint(1, 6))) + random.choice(["", ".", f" {SECRET}"])


def as_told(words: str) -> str:
    """The words as one line, without control characters and secrets."""
    line = "".join(ch if ch.isprintable() else " " for ch in words).replace(SECRET, "***")
    return " ".join(line.split())


def wrap_json(random: Random, words: str) -> Any:
    shapes: list[Any] = [
        {"message": words},
        {"error": {"message": words, "code": 7}, "status": "error"},
        {"error": {"errors": [{"message": words}], "code": 7}},
        {"error": "invalid", "error_description": words},
        {"ok": False, "error": words},
        {"errors": [{"field": "x", "message": words}]},
        {"errors": [words]},
        {"errors": {"name": [words]}},
        {"type": "about:blank", "title": "Wrong", "status": 400, "detail": words},
        {"title": words},
        [{"message": words, "errorCode": "X"}],
        {"errorMessages": [words], "errors": {}},
        {"fault": {"faultstring": words}},
        {"code": "x", "msg": words},
        {"meta": {"code": 400, "error_message": words}},
        {"Message": words},
        {"error": True, "reason": words},
    ]
    return random.choice(shapes)


def make_json(random: Random) -> Made:
    words = say(random)
    data = json.dumps(wrap_json(random, words), ensure_ascii=random.random() < 0.5).encode()
    return data, random.choice(JSON_TYPES), as_told(words)


def make_xml(random: Random) -> Made:
    words = "".join(ch for ch in say(random) if ch.isprintable() or ch in "\t\n").replace("'", "")
    text = random.choice([
        f"<Error><Code>X</Code><Message>{words}</Message></Error>",
        f"<errors><error>{words}</error></errors>",
        f"<s:Envelope xmlns:s='urn:s'><s:Header/><s:Body><s:Fault><faultcode>1</faultcode>"
        f"<faultstring>{words}</faultstring></s:Fault></s:Body></s:Envelope>",
        f"<reply><error message='{words}'/></reply>",
    ])  # fmt: skip
    return text.encode(), random.choice(XML_TYPES), as_told(words)


def make_page(random: Random) -> Made:
    words = re.sub(r"[^\w ]", "", say(random)).strip() or "Oops"
    text = random.choice([
        f"<!DOCTYPE html>\n<html><head><title>{words}</title><script>x < 1</script></head><body></html>",
        f"<html><body><h1>{words}</h1><hr>nginx</body></html>",
        f"<HTML><TITLE>Error</TITLE><BODY><!-- <p> --><P>{words}",
    ])  # fmt: skip
    return text.encode(), random.choice(PAGE_TYPES), as_told(words)


def make_text(random: Random) -> Made:
    words = say(random)
    return words.encode(), "text/plain", as_told(words)


def make_nothing(random: Random) -> Made:
    return random.choice([b"", b" ", b"\r\n\r\n"]), random.choice(ANY_TYPES), "said nothing"


def make_wordless(random: Random) -> Made:
    """JSON without a message, and what is only announced as JSON, XML or a page."""
    body = random.choice([
        b"{}", b"[]", b"null", b"true", b"0", b'""', b'" "', b'{"code": 5}', b'{"message": null}',
        b'{"message": ""}', b'{"error": {}}', b'{"errors": []}', b'{"message": {"a": 1}}',
        b'{"message": "\\u0007"}', b'{"a": [1, {"b": 2}]}', b"<html></html>", b"<a/>", b"<a><b>1</b></a>",
        b"<", b"<<<", b"{", b'{"message": "cut', b"<title>", b"&nbsp;", b"a=b&c=d", b"\xef\xbb\xbf{}",
        b"[" * 5_000, b"<a>" * 500, b"x" * 50_000,
    ])  # fmt: skip
    return body, random.choice(ANY_TYPES), None


def make_bytes(random: Random) -> Made:
    return random.randbytes(random.randint(1, 400)) + b"!", random.choice(ANY_TYPES), None


def make_form(random: Random) -> Made:
    body = urlencode({"error": "no", "access_token": SECRET}).encode()
    return body, "application/x-www-form-urlencoded", "error=no"


KINDS: list[Callable[[Random], Made]] = [
    make_json,
    make_json,
    make_xml,
    make_page,
    make_text,
    make_nothing,
    make_wordless,
    make_bytes,
    make_form,
]
CONFIG = integration(METHODS)


def call_proxy(upstream: MemoryUpstream, random: Random) -> Coroutine[Any, Any, Any]:
    method = random.choice(["list", "get", "create", "delete", "search"])
    return proxy.call_method(upstream, CONFIG, "things", parse_call(method, id="1", body={}))


def call_unified(upstream: MemoryUpstream, random: Random) -> Coroutine[Any, Any, Any]:
    method = random.choice(["list", "get", "create"])
    mapping = {"error_mapping": random.choice(["$error('fails')", "error.nothing", "{'message': ' '}", "''"])}
    return run(upstream, mapping, parse_call(method, id="1", body={}))


def call_path(upstream: MemoryUpstream, random: Random) -> Coroutine[Any, Any, Any]:
    verb = random.choice(["GET", "POST", "DELETE"])
    return call_custom(upstream, CONFIG, CustomCall(verb=verb, path="x", parameters=parse_call("custom")))


@pytest.mark.parametrize("call", [call_proxy, call_unified, call_path])
async def test_a_thousand_errors_of_providers_have_the_product_the_status_and_a_reason(
    call: Callable[[MemoryUpstream, Random], Coroutine[Any, Any, Any]], seed: int
) -> None:
    random = Random(f"{seed}:{call.__name__}")
    for number in range(1_000):
        status = random.choice(STATUSES)
        body, content_type, words = KINDS[number % len(KINDS)](random)
        headers = {"content-type": content_type} if content_type else {}
        upstream = MemoryUpstream([HttpResponse(status, headers, body, "")], {"api_key": SECRET})
        with pytest.raises(RemoteError) as caught:
            await call(upstream, random)
        message = to_error_envelope(caught.value)["message"]
        told = f"{message!r} of {status} {content_type!r} {body[:200]!r}"
        said = re.fullmatch(rf"Acme answered {status}(?:: (\S.*)| and (said nothing)\.)", message)
        assert said is not None, told
        assert message.isprintable(), told
        assert len(message) <= 1_100, told
        assert SECRET not in message, told
        assert (said[2] is not None) == (not body.strip()), told
        if words is not None:
            assert words in message, told

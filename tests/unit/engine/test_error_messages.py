"""What the message of a provider's error says: the product, the status, and a reason."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.unit.engine.upstreams import answer, integration

from isthmus.definitions.methods import BodyFormatConfig
from isthmus.engine.error_messages import (
    clean_reason,
    describe_body,
    find_error_message,
    find_secret_values,
    word_error,
)
from isthmus.engine.xml import parse_xml


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"message": "a", "error": "b"}, "a"),
        ({"message": "", "error": {"message": "b"}}, "b"),
        ({"error_description": "c", "error": "d"}, "c"),
        ({"error": "d"}, "d"),
        ({"errors": [{"message": "e"}]}, "e"),
        ({"errors": ["f"]}, "f"),
        ({"errors": []}, ""),
        ({"detail": "g", "title": "h"}, "g"),
        ({"title": "h"}, "h"),
        ([{"message": "i"}], "i"),
        ([], ""),
        ({"message": {"no": 1}, "errors": {"a": 1}, "error": 5}, ""),
        ("text", ""),
        (None, ""),
        ({"errors": [{"message": "a"}, {"message": "a"}, {"message": "b"}, {"message": "c"}]}, "a; b"),
        (
            {"errors": {"email": ["is taken", "is odd"], "age": {"message": "is low"}}},
            "email: is taken; is odd; age: is low",
        ),
        ({"errorMessages": ["a", "b"], "errors": {}}, "a; b"),
        ({"error": True, "reason": "j"}, "j"),
        ({"error": "code", "message": None, "error_description": "k"}, "k"),
        ({"Error": {"Message": "l"}}, "l"),
        ({"meta": {"status": 400, "error_message": "m"}}, "m"),
        ({"response": {"errors": [{"detail": "n"}]}}, "n"),
        ({"status": {"message": "o", "code": 5}}, "o"),
        ({"status": "error", "msg": "p"}, "p"),
        ({"fault": {"faultstring": "q", "detail": {"errorcode": "x"}}}, "q"),
        ([["r"]], "r"),
        ({"a": {"b": [{"title": "s"}]}}, "s"),
        ({"a": {"title": "t"}, "n": 1}, ""),
    ],
)
def test_a_message_is_found_where_providers_put_it(body: Any, message: str) -> None:
    assert find_error_message(body) == message


NESTED: Any = {"message": "deep"}
for _ in range(1_000):
    NESTED = {"error": NESTED}


def test_a_message_is_looked_for_eight_levels_deep() -> None:
    assert find_error_message(NESTED) == ""
    assert find_error_message({"error": {"errors": [{"error": {"errors": ["found"]}}]}}) == "found"


class CountedObject(dict[str, Any]):
    """An object that counts how many of its keys and those of others are read."""

    reads: list[int]

    def __iter__(self) -> Iterator[str]:
        for key in super().__iter__():
            self.reads[0] += 1
            yield key


def nest(depth: int, keys: int, reads: list[int], places: tuple[str, ...]) -> dict[str, Any]:
    """Returns objects without a message, in the places of each other."""
    made = CountedObject({f"k{number}": 1 for number in range(keys)})
    made.reads = reads
    if depth:
        made.update({place: nest(depth - 1, keys, reads, places) for place in places})
    return made


def test_a_value_of_a_body_is_looked_at_once() -> None:
    reads = [0]
    assert find_error_message(nest(7, 3, reads, ("error",))) == ""
    assert reads[0] == 7 * 4 + 3


def test_a_body_of_any_size_is_looked_at_in_a_bounded_part() -> None:
    reads = [0]
    assert find_error_message(nest(4, 20, reads, ("error", "errors", "fault", "meta", "details", "x"))) == ""
    assert 3_000 < reads[0] <= 4_000


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("<Error><Code>NoSuchKey</Code><Message>No such key.</Message></Error>", "No such key."),
        (
            '<s:Envelope xmlns:s="urn:s"><s:Header/><s:Body><s:Fault><faultcode>s:Client</faultcode>'
            "<faultstring>No such field</faultstring></s:Fault></s:Body></s:Envelope>",
            "No such field",
        ),
        (
            '<e:Envelope xmlns:e="urn:e"><e:Body><e:Fault><e:Code><e:Value>e:Sender</e:Value></e:Code>'
            '<e:Reason><e:Text xml:lang="en">Wrong</e:Text></e:Reason></e:Fault></e:Body></e:Envelope>',
            "Wrong",
        ),
        (
            "<errors><error>Name is blank</error><error>Age is low</error></errors>",
            "Name is blank; Age is low",
        ),
        ('<response><error code="5" message="No"/></response>', "No"),
        ("<reply><code>5</code></reply>", ""),
    ],
)
def test_a_message_is_found_in_xml(document: str, message: str) -> None:
    assert find_error_message(parse_xml(document, BodyFormatConfig())) == message


PAGE = """<!DOCTYPE html><html><head><title>502 Bad
 Gateway</title><style>b{color:red}</style><script>if (a<b) alert("no")</script></head>
<body><!-- hidden <b>note</b> --><h1>502 Bad Gateway</h1><p>Try &amp; wait.</p>
<script>no()</script></body></html>"""


@pytest.mark.parametrize(
    ("body", "content_type", "said"),
    [
        (PAGE, "text/html", "502 Bad Gateway Try & wait."),
        (PAGE, "", "502 Bad Gateway Try & wait."),
        ("<html><title>Oops</title><body>Come back.", "text/html", "Oops: Come back."),
        ("<html><head><title>Gone</title></head></html>", "text/html", "Gone"),
        ("<p>back <b>soon", "text/html", "back soon"),
        ("<html><body></body></html>", "text/html", "<html><body></body></html>"),
        ('<reply code="5"/>', "text/xml", '<reply code="5"/>'),
        ("<reply><code>5</code> no</reply>", "text/xml", "5 no"),
        ("  not\n\tfound \x1b[31m ", "text/plain", "not found [31m"),
        (b"\x89PNG\r\n\x1a\n\x00\xff\xfe", "image/png", "11 bytes of image/png"),
        (b"\xff", "", "1 bytes of no type"),
        (b"caf\xe9", "text/plain; charset=iso-8859-1", "caf\u00e9"),
        ("a" * 301, "text/plain", "a" * 299 + "\u2026"),
        ("\u20ac" * 10_000, "text/plain", "\u20ac" * 299 + "\u2026"),
        ({"code": 7}, "application/json", '{"code":7}'),
        ([], "application/json", "[]"),
        ("", "text/html", ""),
        (" \r\n", "text/plain", ""),
        (
            {"access_token": "a b c", "api_key": 12345, "client": "x"},
            "application/json",
            '{"access_token":***,"api_key":***,"client":"x"}',
        ),
        ("token=abc123&x=1", "text/plain", "token=***&x=1"),
        ("Authorization: Bearer abc123", "text/plain", "Authorization: ***"),
        ("invalid access token: expired", "text/plain", "invalid access token: expired"),
        ("<" * 16_384, "text/html", "<" * 299 + "\u2026"),
        ("<!--" * 5_000, "text/html", ("<!--" * 75)[:299] + "\u2026"),
    ],
)
def test_without_a_message_the_beginning_of_what_came_is_told(
    body: Any, content_type: str, said: str
) -> None:
    assert describe_body(answer(body, 500, content_type)) == said


def test_a_reason_is_one_line_of_bounded_length_without_the_secrets() -> None:
    assert clean_reason("no\nsuch\u202e key: s3cr3t-key", ["s3cr3t-key"]) == "no such key: ***"
    assert clean_reason("<html><title>Down</title><p>Soon.", ()) == "Down: Soon."
    assert clean_reason("a" * 1_001, ()) == "a" * 999 + "\u2026"


PEM = '-----BEGIN KEY-----\nMIIB/w+Qa\nbc"d\n-----END KEY-----'


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("a" * 295 + "s3cr3t-key", "a" * 295 + "***"),
        (f"bad {PEM}!", "bad ***!"),
        ("bad " + PEM.replace("\n", "\r\n") + "!", "bad ***!"),
        ({"code": PEM}, '{"code":"***"}'),
        ('{"code": "-----BEGIN KEY-----\\nMIIB\\/w+Qa\\nbc\\"d\\n-----END KEY-----"}', '{"code": "***"}'),
        ("<p>bad s3cr3t&amp;key", "bad ***"),
        ("at s3cr3t-key%2Flonger", "at ***"),
        ("<p>a" + "<b>" * 5_458 + "s3cr3t-key", "a"),
    ],
)
def test_a_secret_is_masked_as_it_stands_before_anything_is_cut(body: Any, told: str) -> None:
    secrets = ["s3cr3t-key", PEM, "s3cr3t&key", "s3cr3t-key/longer"]
    assert describe_body(answer(body, 500, "text/plain"), secrets) == told
    assert describe_body(answer(body, 500, "text/plain"), reversed(secrets)) == told


def test_a_secret_that_crosses_the_end_of_a_page_is_not_told_in_part() -> None:
    page = "<p>a" + "<b>" * 5_458 + "s3cr3t-key"
    assert clean_reason(page, ["s3cr3t-key"]) == "a"


def test_a_secret_within_another_leaves_none_of_that() -> None:
    for secrets in (["s3cr3t-key", "s3cr3t-key-2"], ["s3cr3t-key-2", "s3cr3t-key"]):
        assert clean_reason("no s3cr3t-key-2", secrets) == "no ***"


def test_the_secrets_of_an_account_are_its_passwords_and_what_is_named_like_one() -> None:
    fields = [{"name": "pat", "type": "password"}, {"name": "site"}]
    config = integration(
        {},
        credentials={"api_key": {"config": {"fields": fields}}},
        secret_environment_variables={"salt": "x"},
    )
    context = {
        "pat": "personal-token",
        "site": "https://acme.test",
        "oauth": {"token": {"access_token": "at-123456", "token_type": "Bearer"}},
        "environment_variables": {"salt": "salt-of-ours", "region": "eu-central-1"},
        "password": "short",
    }
    assert sorted(find_secret_values(config, context)) == ["at-123456", "personal-token", "salt-of-ours"]


@pytest.mark.parametrize(
    ("answered", "status", "reason", "message"),
    [
        (404, 404, "no such thing", "Acme answered 404: no such thing"),
        (500, 500, "", "Acme answered 500 and said nothing."),
        (200, 401, "expired", "Acme answered 200, which means 401: expired"),
        (503, 429, "", "Acme answered 503, which means 429, and said nothing."),
    ],
)
def test_the_message_names_the_product_and_the_status(
    answered: int, status: int, reason: str, message: str
) -> None:
    assert word_error("Acme", answered, status, reason) == message

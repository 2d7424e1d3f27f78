"""OAuth 1.0a signatures (RFC 5849), checked by a verifier that shares nothing with the signer but the key."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import pytest
from tests.unit.engine.upstreams import MemoryUpstream, answer, integration

from isthmus.api.call_parsing import parse_call
from isthmus.definitions.credentials import OAuth1Config
from isthmus.engine import proxy
from isthmus.engine.authorization.oauth1_signature import sign_request
from isthmus.engine.queries import parse_query
from isthmus.engine.upstream import OAuth1Signature
from isthmus.errors import BadRequest
from isthmus.http.messages import HttpRequest

TOKEN = {"oauth": {"token": {"access_token": "to/ken", "access_token_secret": "se&cret"}}}
URLS = {
    "requestTokenUrl": "https://x.test/r",
    "authorizeUrl": "https://x.test/a",
    "tokenUrl": "https://x.test/t",
}


def _credential(**config: Any) -> dict[str, Any]:
    return {"oauth": {"config": {**URLS, "client": {"id": "key", "secret": "{{consumer_secret}}"}, **config}}}


async def _send(
    method: dict[str, Any], call: Any, context: dict[str, Any] | None = None, **config: Any
) -> HttpRequest:
    upstream = MemoryUpstream([answer({})], method="oauth")
    upstream.context = {"consumer_secret": "hush", **(TOKEN if context is None else context)}
    config.setdefault("credentials", _credential())
    await proxy.call_method(
        upstream, integration({call.method: {"path": "/x", **method}}, **config), "things", call
    )
    return upstream.request


def _encoded(text: str) -> str:
    return quote(text, safe="-._~")


def _parameters(request: HttpRequest) -> dict[str, str]:
    scheme, _, rest = request.headers["Authorization"].partition(" ")
    assert scheme == "OAuth"
    pairs = (part.strip().partition("=") for part in rest.split(","))
    return {unquote(name): unquote(value.strip('"')) for name, _, value in pairs}


def _verify(request: HttpRequest, digest: Any = hashlib.sha1, key: str = "hush&se%26cret") -> None:
    """RFC 5849 §3.4.1 and §3.4.2, written out."""
    said = _parameters(request)
    parts = urlsplit(request.url)
    pairs = [(name, value) for name, value in said.items() if name not in ("realm", "oauth_signature")]
    pairs += parse_qsl(parts.query, keep_blank_values=True)
    if "x-www-form-urlencoded" in request.headers.get("Content-Type", ""):
        assert isinstance(request.body, bytes)
        pairs += parse_qsl(request.body.decode(), keep_blank_values=True)
    normal = "&".join(
        f"{name}={value}" for name, value in sorted((_encoded(a), _encoded(b)) for a, b in pairs)
    )
    base = "&".join(map(_encoded, (request.method, f"https://{parts.netloc}{parts.path}", normal)))
    wanted = base64.b64encode(hmac.new(key.encode(), base.encode(), digest).digest()).decode()
    assert said["oauth_signature"] == wanted


async def test_a_request_is_signed_with_its_query() -> None:
    call = parse_call("list", query=parse_query("a[]=1&a[]=2&q=x%20y%2Bz&empty=&u=%C3%A9"))
    request = await _send({"query_array_format": "brackets"}, call)
    _verify(request)
    said = _parameters(request)
    assert (said["oauth_consumer_key"], said["oauth_token"]) == ("key", "to/ken")
    assert said["oauth_signature_method"] == "HMAC-SHA1"
    assert "realm" not in said


async def test_a_form_is_part_of_the_signature_and_json_is_not() -> None:
    call = parse_call("create", body={"name": "é &=", "tags": ["a", "b"]})
    _verify(await _send({"method": "post", "body_format": "form"}, call))
    _verify(await _send({"method": "post"}, call))


async def test_sha256_and_realm() -> None:
    credentials = _credential(signature_method="HMAC-SHA256", realm="{{company}}")
    context = {**TOKEN, "company": "12_SB1"}
    request = await _send({}, parse_call("list"), context, credentials=credentials)
    _verify(request, hashlib.sha256)
    assert _parameters(request)["realm"] == "12_SB1"


async def test_plaintext_is_the_two_secrets() -> None:
    request = await _send({}, parse_call("list"), credentials=_credential(signature_method="PLAINTEXT"))
    assert _parameters(request)["oauth_signature"] == "hush&se%26cret"


def test_the_example_of_the_standard() -> None:
    """OAuth Core 1.0, appendix A.5: the request for a photo."""
    config = OAuth1Config.model_validate(
        {**URLS, "client": {"id": "dpf43f3p2l4k3l03", "secret": "kd94hf93k423kf44"}, "realm": "Photos"}
    )
    token = {"access_token": "nnch734d00sl2jdk", "access_token_secret": "pfkkdhi9sl3r4s00"}
    http = HttpRequest("GET", "http://photos.example.net/photos?file=vacation.jpg&size=original")
    header = sign_request(
        OAuth1Signature(config),
        http,
        {"context": {"oauth": {"token": token}}},
        nonce="kllo9940pd9333jh",
        timestamp="1191242096",
    )
    assert 'realm="Photos"' in header
    assert 'oauth_signature="tR3%2BTy81lMeYAr%2FFid0kMTYa%2FWM%3D"' in header


async def test_another_authorization_is_not_signed() -> None:
    spec = {"format": "bearer", "config": {"token": "{{consumer_secret}}"}}
    assert (await _send({}, parse_call("list"), authorization=spec)).headers["Authorization"] == "Bearer hush"
    _verify(await _send({}, parse_call("list"), authorization={"format": "bearer"}))
    assert (await _send({"no_auth": True}, parse_call("list"))).headers == {}


async def test_an_account_that_connected_otherwise_is_not_signed() -> None:
    upstream = MemoryUpstream([answer({})], method="keka_oauth")
    upstream.context = TOKEN
    await proxy.call_method(upstream, integration({"list": {"path": "/x"}}), "things", parse_call("list"))
    assert upstream.request.headers["Authorization"] == "Bearer to/ken"


@pytest.mark.parametrize(
    ("context", "credentials", "named"),
    [
        ({}, _credential(), r"oauth\.token\.access_token"),
        ({"oauth": {"token": {"access_token": "t"}}}, _credential(), "access_token_secret"),
        (TOKEN, _credential(client={"id": "k"}), r"client\.secret"),
        (TOKEN, _credential(client={"id": "{{nobody}}", "secret": "s"}), r"\{\{nobody\}\}"),
    ],
)
async def test_a_signature_that_lacks_something_stops_the_call(
    context: dict[str, Any], credentials: dict[str, Any], named: str
) -> None:
    with pytest.raises(BadRequest, match=named):
        await _send({}, parse_call("list"), context, credentials=credentials)

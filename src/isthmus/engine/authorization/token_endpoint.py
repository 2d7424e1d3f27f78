"""Calls a token endpoint (RFC 6749 §3.2): writes the request, and reads the reply or the refusal."""

from __future__ import annotations

import base64
from collections.abc import Generator, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, quote_plus, urlencode, urlsplit

import orjson

from isthmus.engine.error_messages import clean_reason
from isthmus.engine.evaluation import render_strict
from isthmus.engine.queries import format_scalar
from isthmus.errors import BadRequest, CredentialsRefused, TokenEndpointFailed, failure
from isthmus.expressions import UNDEFINED
from isthmus.expressions.placeholders import Template
from isthmus.http.messages import HttpRequest, HttpResponse

__all__ = [
    "Grant",
    "Scope",
    "call_token_endpoint",
    "encode_basic_header",
    "make_form_request",
    "read_token_reply",
    "render_address",
    "render_entries",
    "render_text",
]

Scope = Mapping[str, Any]
"""What the templates of a definition see: `evaluation.make_template_scope(context, ...)`."""
Grant = Generator[HttpRequest, HttpResponse, dict[str, Any]]
"""A flow (see `flows`) that returns the provider's whole reply."""

FIELD: Final = "credentials"
_TIMEOUT_SECONDS: Final = 30.0
_MAX_REASON: Final = 500
_NO_SECRETS: Final = frozenset({"audience", "client_id", "grant_type", "redirect_uri", "resource", "scope"})
"""Fields of a token request that a provider's explanation may repeat."""
_RETRYABLE_CODES: Final = frozenset({"temporarily_unavailable", "server_error", "slow_down"})
_REFUSAL_STATUSES: Final = frozenset({400, 401, 403})
_FORBIDDEN: Final = 403
"""With a reply that cannot be read, the 403 comes from a firewall in front of the provider."""
_THROTTLED: Final = 429
_SERVER_ERROR: Final = 500


def call_token_endpoint(
    url: str,
    fields: Mapping[str, str],
    client: tuple[str, str],
    *,
    in_header: bool = True,
    as_json: bool = False,
) -> Grant:
    """POSTs `fields`, with the client's id and secret in the header or the body (RFC 6749 §2.3.1).

    An empty secret is a public client, whose id is sent in the body. Raises CredentialsRefused where the
    provider refuses, TokenEndpointFailed where it gives no usable answer.
    """
    name, secret = client
    headers, basic = {"Accept": "application/json"}, encode_basic_header(name, secret)
    if in_header and secret:
        headers["Authorization"] = basic
    else:
        fields = {**fields, "client_id": name, **({"client_secret": secret} if secret else {})}
    response = yield make_form_request(url, fields, headers, as_json=as_json)
    return read_token_reply(response, {**fields, "client_secret": secret, "basic": basic.partition(" ")[2]})


def encode_basic_header(name: str, secret: str) -> str:
    """Returns the value of a Basic `Authorization` header; both parts are form-encoded first (RFC 6749
    §2.3.1)."""
    pair = f"{quote_plus(name)}:{quote_plus(secret)}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def make_form_request(
    url: str, fields: Mapping[str, str], headers: Mapping[str, str], *, as_json: bool = False
) -> HttpRequest:
    """Returns a POST of `fields` as a form or JSON. It follows no redirect, which could lead the credentials
    to anyone."""
    kind = "application/json" if as_json else "application/x-www-form-urlencoded"
    body = orjson.dumps(dict(fields)) if as_json else urlencode(fields).encode()
    return HttpRequest(
        method="POST",
        url=url,
        headers={**headers, "Content-Type": kind},
        body=body,
        timeout_seconds=_TIMEOUT_SECONDS,
        max_redirects=0,
    )


def read_token_reply(response: HttpResponse, sent: Mapping[str, str]) -> dict[str, Any]:
    """Returns the whole reply of a token endpoint; it holds an `access_token`. `sent`: what the request
    held, by name, which but for _NO_SECRETS no message repeats.

    Raises CredentialsRefused for an `error` in the reply, whatever the status, and for a refusing status;
    TokenEndpointFailed for any other answer.
    """
    reply = _parse_reply(response)
    error = reply.get("error")
    code = error if isinstance(error, str) else None
    host = urlsplit(response.url).hostname
    secrets = [value for name, value in sent.items() if name not in _NO_SECRETS]
    reason = _find_reason(reply, secrets)
    said = f": {reason}" if reason else ""
    if response.status == _THROTTLED or response.status >= _SERVER_ERROR or code in _RETRYABLE_CODES:
        raise TokenEndpointFailed(
            f"{host} answered a token call with {response.status}{said}. It may be tried again.",
            is_retryable=True,
        )
    if error or (response.status in _REFUSAL_STATUSES and (reply or response.status != _FORBIDDEN)):
        answered = f"{response.status}, {clean_reason(code, secrets)}" if code else str(response.status)
        raise CredentialsRefused(_make_refusal_message(host, code, answered, said), code=code, reason=reason)
    if response.status >= 300:
        raise TokenEndpointFailed(
            f"{host} answered a token call with {response.status}: is {urlsplit(response.url).path} its "
            "token endpoint? It is set in the integration's credentials, under config.auth.",
            is_retryable=False,
        )
    if not isinstance(reply.get("access_token"), str) or not reply["access_token"]:
        raise TokenEndpointFailed(
            f"{host} answered a token call with {response.status} and no access_token.", is_retryable=False
        )
    return reply


def _parse_reply(response: HttpResponse) -> dict[str, Any]:
    """Returns the reply's JSON object, else the fields of a form, which some providers send; {} for an HTML
    page."""
    if response.body.lstrip().startswith(b"<"):
        return {}
    try:
        reply = orjson.loads(response.body)
    except orjson.JSONDecodeError:
        reply = dict(parse_qsl(response.body.decode("utf-8", "replace")))
    return reply if isinstance(reply, dict) else {}


def _make_refusal_message(host: str | None, code: str | None, answered: str, said: str) -> str:
    """Returns the message for a refusal. `code`: the OAuth error code, None for none. `answered`: the status
    and the code. `said`: the provider's explanation behind a colon, "" for none."""
    if code in {"invalid_client", "unauthorized_client"}:
        return (
            f"{host} does not accept the app's client id and secret ({answered}){said}. "
            "Correct them in the environment integration's override, under credentials."
        )
    return f"{host} refused the credentials ({answered}){said}. Reconnect the account."


def _find_reason(reply: Mapping[str, Any], secrets: list[str]) -> str:
    """Returns the provider's explanation of an error in one line, without the secrets and a full stop; "" for
    none."""
    reason = reply.get("error_description") or reply.get("message")
    return clean_reason(reason, secrets)[:_MAX_REASON].rstrip(".") if isinstance(reason, str) else ""


def render_address(host: Template, path: Template, scope: Scope, field: str) -> str:
    """Returns the address of an endpoint; a host without a scheme is https. Raises BadRequest for an unusable
    address. Whether it may be called is decided by the HTTP client."""
    return check_address(
        f"{render_text(host, scope, field).rstrip('/')}/{render_text(path, scope, field).lstrip('/')}", field
    )


def check_address(text: str, field: str) -> str:
    """Returns `text` as an absolute http(s) address, https where it has no scheme. Raises BadRequest for one
    with a user, a fragment or control characters, or that is no address."""
    url = text if "://" in text else f"https://{text}"
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable or "@" in parts.netloc or parts.fragment or any(ch <= " " or ch == "\\" for ch in url):
        raise BadRequest(
            f"{FIELD}.{field} does not give a usable address. Check what was entered.",
            failures=[failure(f"{FIELD}.{field}", "must give an http or https address", "bad_address")],
        )
    return url


def render_text(template: Template | None, scope: Scope, field: str) -> str:
    """Returns the text of a template; "" for none. Raises BadRequest for a placeholder without a value."""
    if template is None:
        return ""
    value = render_strict(template, scope, f"{FIELD}.{field}")
    return "" if value is None or value is UNDEFINED else format_scalar(value)


def render_entries(entries: Mapping[str, Template | None], scope: Scope, field: str) -> dict[str, str]:
    """Returns the texts of extra parameters; one that is null is left out."""
    return {
        name: render_text(template, scope, f"{field}.{name}")
        for name, template in entries.items()
        if template is not None
    }

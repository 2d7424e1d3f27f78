"""Signs requests by OAuth 1.0a (RFC 5849), in place of a bearer token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from isthmus.engine.evaluation import render_strict
from isthmus.engine.queries import format_scalar
from isthmus.engine.upstream import OAuth1Signature
from isthmus.errors import BadRequest, failure
from isthmus.expressions.placeholders import Template
from isthmus.http.messages import HttpRequest

__all__ = ["sign_request"]

_FORM = "application/x-www-form-urlencoded"
_FIELD = "credentials.oauth.config"


def sign_request(
    spec: OAuth1Signature,
    http: HttpRequest,
    scope: Mapping[str, Any],
    *,
    nonce: str | None = None,
    timestamp: str | None = None,
) -> str:
    """Returns the value of the `Authorization` header. `scope`: what templates see. `nonce`, `timestamp`: new
    ones where None.

    Raises BadRequest where the consumer's key and secret, or the account's token, are missing.
    """
    from oauthlib.oauth1 import Client  # few need it, and it is slow to import

    config = spec.config
    client = Client(
        _render_client_field(config.client.id, scope, "client.id"),
        client_secret=_render_client_field(config.client.secret, scope, "client.secret"),
        resource_owner_key=_find_token(scope, "access_token"),
        resource_owner_secret=_find_token(scope, "access_token_secret"),
        signature_method=config.signature_method,
        realm=None
        if config.realm is None
        else format_scalar(render_strict(config.realm, scope, f"{_FIELD}.realm")),
        nonce=nonce,
        timestamp=timestamp,
    )
    body, headers = _find_signed_form(http)
    verb: Any = http.method  # the stubs list the verbs
    _, signed, _ = client.sign(
        _normalize_url(http.url), http_method=verb, body=body, headers=headers, realm=client.realm
    )
    return str(signed["Authorization"])


def _normalize_url(url: str) -> str:
    """Returns the URL with its query in the spelling that the signing library reads. The signature covers the
    decoded names and values, so it stays valid for the original URL."""
    parts = urlsplit(url)
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    return urlunsplit(parts._replace(query=urlencode(pairs, quote_via=quote), fragment=""))


def _find_signed_form(http: HttpRequest) -> tuple[str | None, dict[str, str]]:
    """Returns the body to sign, and its content type as headers: that of a form, whose fields are part of the
    signature; None and {} for any other body."""
    kind = next((value for name, value in http.headers.items() if name.lower() == "content-type"), "")
    is_form = kind.partition(";")[0].strip().lower() == _FORM and http.method not in {"GET", "HEAD"}
    if not is_form or not isinstance(http.body, bytes) or not http.body:
        return None, {}
    pairs = parse_qsl(http.body.decode("utf-8", "replace"), keep_blank_values=True)
    return urlencode(pairs, quote_via=quote), {"Content-Type": _FORM}


def _render_client_field(template: Template | None, scope: Mapping[str, Any], name: str) -> str:
    """Returns the consumer's key or secret. Raises BadRequest where the integration has none."""
    value = "" if template is None else format_scalar(render_strict(template, scope, f"{_FIELD}.{name}"))
    if not value:
        raise BadRequest(
            f"The integration has no {_FIELD}.{name}, so the call was not sent. Set it on the integration, "
            "or in the environment's override.",
            failures=[failure(f"{_FIELD}.{name}", "is needed to sign requests", "missing_credential")],
        )
    return value


def _find_token(scope: Mapping[str, Any], name: str) -> str:
    """Returns a value of the account's token, by its name in the context. Raises BadRequest where there is
    none."""
    oauth = scope["context"].get("oauth")
    token = oauth.get("token") if isinstance(oauth, Mapping) else None
    value = token.get(name) if isinstance(token, Mapping) else None
    if not value:
        raise BadRequest(
            f"The account has no oauth.token.{name}, so the call was not sent. Put it into the account's "
            "context.",
            failures=[
                failure(f"context.oauth.token.{name}", "is needed to sign requests", "missing_credential")
            ],
        )
    return format_scalar(value)

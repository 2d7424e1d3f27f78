"""OAuth 1.0a (RFC 5849): the signature that takes the place of a bearer token (`definitions.md` §1.3.5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from isthmus.engine.evaluation import unresolved_placeholder_error
from isthmus.engine.queries import format_scalar
from isthmus.engine.upstream import OAuth1Signature
from isthmus.errors import BadRequest, failure
from isthmus.expressions.placeholders import PlaceholderError, Template
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
    """The value of `Authorization`. `scope`: of templates. `nonce`, `timestamp`: new ones where None.

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
        realm=None if config.realm is None else _render(config.realm, scope, "realm"),
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
    """The same query in the one spelling that the signer reads; only the decoded names and values count."""
    parts = urlsplit(url)
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    return urlunsplit(parts._replace(query=urlencode(pairs, quote_via=quote), fragment=""))


def _find_signed_form(http: HttpRequest) -> tuple[str | None, dict[str, str]]:
    """A form's fields are part of the signature; no other body is."""
    kind = next((value for name, value in http.headers.items() if name.lower() == "content-type"), "")
    is_form = kind.partition(";")[0].strip().lower() == _FORM and http.method not in {"GET", "HEAD"}
    if not is_form or not isinstance(http.body, bytes) or not http.body:
        return None, {}
    pairs = parse_qsl(http.body.decode("utf-8", "replace"), keep_blank_values=True)
    return urlencode(pairs, quote_via=quote), {"Content-Type": _FORM}


def _render_client_field(template: Template | None, scope: Mapping[str, Any], name: str) -> str:
    value = "" if template is None else _render(template, scope, name)
    if not value:
        raise BadRequest(
            f"The integration has no {_FIELD}.{name}, so the call was not sent. Set it on the integration, "
            "or in the environment's override.",
            failures=[failure(f"{_FIELD}.{name}", "is needed to sign requests", "missing_credential")],
        )
    return value


def _render(template: Template, scope: Mapping[str, Any], name: str) -> str:
    try:
        return format_scalar(template.render_strict(scope))
    except PlaceholderError as error:
        raise unresolved_placeholder_error(f"{_FIELD}.{name}", error) from error


def _find_token(scope: Mapping[str, Any], name: str) -> str:
    oauth = scope["context"].get("oauth")
    token = oauth.get("token") if isinstance(oauth, Mapping) else None
    found = token.get(name) if isinstance(token, Mapping) else None
    if not found:
        raise BadRequest(
            f"The account has no oauth.token.{name}, so the call was not sent. Put it into the account's "
            "context.",
            failures=[
                failure(f"context.oauth.token.{name}", "is needed to sign requests", "missing_credential")
            ],
        )
    return format_scalar(found)

"""Makes the headers that carry the credentials of an account, for each authorization format."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from isthmus.definitions.authorization import BasicAuthorization, BearerAuthorization, HeaderAuthorization
from isthmus.engine.authorization.oauth1_signature import sign_request
from isthmus.engine.evaluation import (
    evaluate,
    make_template_scope,
    make_unresolved_placeholder_error,
    make_wrong_result_error,
    render_strict,
)
from isthmus.engine.queries import format_header, format_scalar, parse_query
from isthmus.engine.upstream import OAuth1Signature, OutgoingRequest
from isthmus.errors import BadRequest, failure
from isthmus.expressions import UNDEFINED, Expression
from isthmus.expressions.placeholders import PlaceholderError

__all__ = ["make_credential_headers"]

_FIELD = "authorization.config"


def make_credential_headers(outgoing: OutgoingRequest, context: Mapping[str, Any]) -> dict[str, str]:
    """Returns the credential headers of a request by name; empty where the method needs none. Raises
    BadRequest where a credential has no value, MappingFailed for an expression that fails."""
    spec = outgoing.authorization
    if spec is None:
        return {}
    operation = outgoing.operation
    scope = make_template_scope(context, id=operation.id, query=operation.query, body=operation.body)
    if isinstance(spec, OAuth1Signature):
        return {"Authorization": sign_request(spec, outgoing.http, scope)}
    if isinstance(spec, BearerAuthorization):
        return {"Authorization": f"Bearer {_find_bearer_token(spec, scope, context)}"}
    if isinstance(spec, BasicAuthorization):
        return {"Authorization": f"Basic {_encode_basic_pair(spec, scope)}"}
    return _make_configured_headers(spec, scope, outgoing, context)


def _find_bearer_token(
    spec: BearerAuthorization, scope: Mapping[str, Any], context: Mapping[str, Any]
) -> str:
    """Returns the token that the definition names, else the first in the usual places of the context. Raises
    BadRequest where there is none."""
    if spec.config.token is not None:
        return format_scalar(render_strict(spec.config.token, scope, f"{_FIELD}.token"))
    oauth = context.get("oauth")
    token = oauth.get("token") if isinstance(oauth, Mapping) else None
    nested = token.get("access_token") if isinstance(token, Mapping) else None
    access_token = nested or context.get("access_token") or context.get("token") or context.get("api_key")
    if not access_token:
        raise BadRequest(
            "The account has no token, so the call was not sent. Put one into the account's context, as "
            "oauth.token.access_token, access_token, token or api_key.",
            failures=[
                failure("context.access_token", "is needed for bearer authorization", "missing_credential")
            ],
        )
    return format_scalar(access_token)


def _encode_basic_pair(spec: BasicAuthorization, scope: Mapping[str, Any]) -> str:
    """Returns user name and password as a Basic credential in base64 (RFC 7617)."""
    try:
        name, password = (
            _format_or_empty(template.render_or_empty(scope))
            for template in (spec.config.username, spec.config.password)
        )
    except PlaceholderError as error:
        raise make_unresolved_placeholder_error(_FIELD, error) from error
    return base64.b64encode(f"{name}:{password}".encode()).decode()


def _format_or_empty(value: Any) -> str:
    """Returns the text of a rendered value; "" for null and undefined."""
    return "" if value is None or value is UNDEFINED else format_scalar(value)


def _make_configured_headers(
    spec: HeaderAuthorization,
    scope: Mapping[str, Any],
    outgoing: OutgoingRequest,
    context: Mapping[str, Any],
) -> dict[str, str]:
    """Returns the headers of a `header` authorization: the one that it names, or those that its expression
    returns."""
    config = spec.config
    if config.expression is not None:
        return _compute_headers(config.expression, outgoing, context)
    assert config.header_name is not None
    assert config.header_value is not None
    return {
        config.header_name: format_scalar(render_strict(config.header_value, scope, f"{_FIELD}.header_value"))
    }


def _compute_headers(
    expression: Expression, outgoing: OutgoingRequest, context: Mapping[str, Any]
) -> dict[str, str]:
    """Returns the headers that an expression returns for the request, nulls left out. Raises
    MappingFailed."""
    http, body = outgoing.http, outgoing.operation.body
    options: dict[str, Any] = {
        "method": http.method,
        "headers": dict(http.headers),
        "query": dict(parse_query(urlsplit(http.url).query).nested),
    }
    if body is not None:
        options["body"] = body
    field = f"{_FIELD}.expression"
    root = {"url": http.url, "requestOptions": options, "context": dict(context)}
    value = evaluate(field, expression, root)
    if value is UNDEFINED or value is None:
        return {}
    if not isinstance(value, dict):
        raise make_wrong_result_error(field, "an object of header names and values")
    return {str(name): format_header(item) for name, item in value.items() if item is not None}

"""Grants: how tokens are obtained, refreshed and revoked. Each is a flow (see `flows`) that sends nothing
itself.

grant = refresh_access_token(config, scope, refresh_token)
try:
    request = next(grant)
    while True:
        request = grant.send(await http.send(request))
except StopIteration as done:
    reply = done.value  # the provider's whole reply; `make_oauth_context` makes a context of it

Connecting and refreshing share them. Each raises BadRequest before anything is sent where a value is missing,
CredentialsRefused where the provider refuses, TokenEndpointFailed where it gives no usable answer.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from isthmus.definitions.credentials import (
    AuthEndpoints,
    KekaConfig,
    OAuth1Config,
    OAuth2ClientCredentialsConfig,
    OAuth2Config,
    Pkce,
)
from isthmus.engine.authorization.token_endpoint import (
    FIELD,
    Grant,
    Scope,
    call_token_endpoint,
    check_address,
    make_form_request,
    read_token_reply,
    render_address,
    render_entries,
    render_text,
)
from isthmus.engine.queries import format_scalar
from isthmus.errors import BadRequest, CredentialsRefused, TokenEndpointFailed, failure
from isthmus.http.messages import HttpRequest

__all__ = [
    "Grant",
    "build_authorize_url",
    "build_oauth1_authorize_url",
    "compute_pkce_challenge",
    "exchange_code",
    "exchange_oauth1_token",
    "make_oauth_context",
    "refresh_access_token",
    "request_client_credentials_token",
    "request_keka_token",
    "request_oauth1_token",
    "revoke_token",
]

_RESERVED_PARAMETERS = frozenset(
    {"state", "redirect_uri", "code_challenge", "code_challenge_method", "client_id"}
)
_KEKA_GRANT = "kekaapi"


def build_authorize_url(
    config: OAuth2Config,
    scope: Scope,
    *,
    redirect_uri: str,
    state: str,
    scopes: Sequence[str],
    verifier: str,
) -> str:
    """Returns the authorize URL that the user is sent to (RFC 6749 §4.1.1). The definition's `params` may add
    parameters and replace `response_type` and `scope`, but not the client, the state or the redirect."""
    parts = urlsplit(_render_authorize_address(config.auth, scope))
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    query.update(response_type="code", client_id=_render_client(config, scope)[0], redirect_uri=redirect_uri)
    if scopes:
        query["scope"] = config.scope_separator.join(scopes)
    query["state"] = state
    method = choose_pkce_method(config)
    if method is not None:
        query.update(code_challenge=compute_pkce_challenge(verifier, method), code_challenge_method=method)
    extra = render_entries(config.params, scope, "oauth2.config.params")
    query.update({name: value for name, value in extra.items() if name not in _RESERVED_PARAMETERS})
    return urlunsplit(parts._replace(query=urlencode(query)))


def choose_pkce_method(config: OAuth2Config) -> str | None:
    """Returns the method of the proof key (`S256` or `plain`, RFC 7636); None where the provider takes
    none."""
    if isinstance(config.pkce, Pkce):
        return config.pkce.method
    return "S256" if config.pkce else None


def compute_pkce_challenge(verifier: str, method: str = "S256") -> str:
    """Returns the code challenge for a verifier (RFC 7636 §4.2)."""
    if method == "plain":
        return verifier
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def exchange_code(
    config: OAuth2Config, scope: Scope, *, code: str, redirect_uri: str, verifier: str
) -> Grant:
    """Exchanges the code of the callback for a token (RFC 6749 §4.1.3): a flow that returns the provider's
    reply. A code is valid once, so the request must not be repeated."""
    fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
    if choose_pkce_method(config) is not None:
        fields["code_verifier"] = verifier
    fields.update(render_entries(config.token_params, scope, "oauth2.config.tokenParams"))
    url = render_address(config.auth.token_host, config.auth.token_path, scope, "oauth2.config.auth")
    return (yield from _call_token_endpoint(config, url, fields, _render_client(config, scope)))


def refresh_access_token(config: OAuth2Config, scope: Scope, refresh_token: str) -> Grant:
    """Gets a new access token for a refresh token (RFC 6749 §6). The reply may hold a new refresh token,
    which replaces the old one."""
    fields = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    fields.update(render_entries(config.refresh_params, scope, "oauth2.config.refreshParams"))
    path = config.auth.refresh_path or config.auth.token_path
    url = render_address(config.auth.token_host, path, scope, "oauth2.config.auth")
    return (yield from _call_token_endpoint(config, url, fields, _render_client(config, scope)))


def request_client_credentials_token(config: OAuth2ClientCredentialsConfig, scope: Scope) -> Grant:
    """Gets a token by client credentials (RFC 6749 §4.4): the id and secret in the account's context."""
    fields = {"grant_type": "client_credentials"}
    if config.scope:
        fields["scope"] = config.scope_separator.join(config.scope)
    field = "oauth2_client_credentials.config"
    fields.update(render_entries(config.token_params, scope, f"{field}.tokenParams"))
    url = render_address(config.auth.token_host, config.auth.token_path, scope, f"{field}.auth")
    client = (
        _require_context_value(scope, "client_id", field),
        _require_context_value(scope, "client_secret", field),
    )
    return (yield from _call_token_endpoint(config, url, fields, client))


def request_keka_token(config: KekaConfig, scope: Scope) -> Grant:
    """Gets a token by the `keka_oauth` grant: a form with an API key beside the client's id and secret."""
    field = "keka_oauth.config"
    fields = {
        "grant_type": _KEKA_GRANT,
        "scope": " ".join(config.scope) or _KEKA_GRANT,
        **{
            name: _require_context_value(scope, name, field)
            for name in ("client_id", "client_secret", "api_key")
        },
        **render_entries(config.token_params, scope, f"{field}.tokenParams"),
    }
    url = render_address(config.auth.token_host, config.auth.token_path, scope, f"{field}.auth")
    response = yield make_form_request(url, fields, {"Accept": "application/json"})
    return read_token_reply(response, fields)


def revoke_token(config: OAuth2Config, scope: Scope, token: str) -> Grant | None:
    """Makes a grant that revokes a token at the provider (RFC 7009); None where the provider has no such
    endpoint.

    It returns {} and ignores a refusal, because the token is deleted here in any case.
    """
    if config.auth.revoke_path is None:
        return None
    return _revoke_token(config, scope, token)


def _revoke_token(config: OAuth2Config, scope: Scope, token: str) -> Grant:
    """Revokes a token, for a config that has a `revokePath`: the flow that `revoke_token` returns. It returns
    {} and ignores a refusal."""
    assert config.auth.revoke_path is not None
    url = render_address(config.auth.token_host, config.auth.revoke_path, scope, "oauth2.config.auth")
    with contextlib.suppress(CredentialsRefused, TokenEndpointFailed):
        yield from _call_token_endpoint(config, url, {"token": token}, _render_client(config, scope))
    return {}


def request_oauth1_token(config: OAuth1Config, scope: Scope, callback: str) -> Grant:
    """Gets a request token, the first leg of OAuth 1.0a (RFC 5849 §2.1): `{oauth_token, oauth_token_secret,
    ...}`."""
    url = check_address(render_text(config.request_token_url, scope, "oauth.config.requestTokenUrl"), FIELD)
    reply = yield from _send_oauth1_request(config, scope, url, callback_uri=callback)
    if reply.get("oauth_callback_confirmed") != "true":
        raise TokenEndpointFailed(
            f"{urlsplit(url).hostname} did not confirm the callback address: it does not speak OAuth 1.0a.",
            is_retryable=False,
        )
    return reply


def build_oauth1_authorize_url(config: OAuth1Config, scope: Scope, request_token: str) -> str:
    """Returns the authorize URL that the user is sent to, the second leg of OAuth 1.0a (RFC 5849 §2.2)."""
    url = check_address(render_text(config.authorize_url, scope, "oauth.config.authorizeUrl"), FIELD)
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    query.update(render_entries(config.params, scope, "oauth.config.params"))
    query["oauth_token"] = request_token
    return urlunsplit(parts._replace(query=urlencode(query)))


def exchange_oauth1_token(
    config: OAuth1Config, scope: Scope, *, token: str, secret: str, verifier: str
) -> Grant:
    """Exchanges a request token, the third leg of OAuth 1.0a (RFC 5849 §2.3): a flow that returns the reply,
    with the token as `access_token` and `access_token_secret`."""
    url = check_address(render_text(config.token_url, scope, "oauth.config.tokenUrl"), FIELD)
    reply = yield from _send_oauth1_request(
        config, scope, url, resource_owner_key=token, resource_owner_secret=secret, verifier=verifier
    )
    token_fields = {
        "access_token": reply.pop("oauth_token"),
        "access_token_secret": reply.pop("oauth_token_secret"),
    }
    return {**reply, **token_fields}


def make_oauth_context(
    reply: Mapping[str, Any],
    *,
    now: datetime,
    requested: Sequence[str] = (),
    previous: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Returns the `oauth` value of an account's context for a provider's reply: `{token, scope}`.

    `token`: the whole reply and `expires_at` (ISO, UTC), absent where the provider does not tell it.
    `scope`: what was granted, else the scopes of `previous`, else the `requested` ones. `previous`: the
    `oauth` that this one replaces, whose refresh token and scopes are kept where the reply has none.
    """
    previous_oauth = previous or {}
    token = dict(reply)
    old_token = previous_oauth.get("token")
    if not token.get("refresh_token") and isinstance(old_token, Mapping) and old_token.get("refresh_token"):
        token["refresh_token"] = old_token["refresh_token"]
    seconds = _parse_seconds(reply.get("expires_in"))
    if seconds is not None:
        moment = now + timedelta(seconds=seconds)
        token["expires_at"] = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {
        "token": token,
        "scope": _parse_scopes(reply.get("scope")) or list(previous_oauth.get("scope") or requested),
    }


def _render_authorize_address(auth: AuthEndpoints, scope: Scope) -> str:
    """Returns the address of the authorize page, without parameters."""
    host = auth.authorize_host or auth.token_host
    return render_address(host, auth.authorize_path, scope, "oauth2.config.auth")


def _render_client(config: OAuth2Config | OAuth1Config, scope: Scope) -> tuple[str, str]:
    """Returns the app's id and secret; the secret is "" for a public client."""
    kind = "oauth2" if isinstance(config, OAuth2Config) else "oauth"
    name = render_text(config.client.id, scope, f"{kind}.config.client.id")
    if not name:
        field = f"{FIELD}.{kind}.config.client.id"
        raise BadRequest(
            f"No app is registered for this integration: {field} is not set. Set it, with its secret, in the "
            "environment integration's override.",
            failures=[failure(field, "is needed to connect", "missing_credential")],
        )
    return name, render_text(config.client.secret, scope, f"{kind}.config.client.secret")


def _call_token_endpoint(
    config: OAuth2Config | OAuth2ClientCredentialsConfig,
    url: str,
    fields: Mapping[str, str],
    client: tuple[str, str],
) -> Grant:
    """Calls the endpoint in the way that the definition's `options` ask for: a flow that returns the reply.
    `client`: the app's id and secret. Raises what `call_token_endpoint` raises."""
    options = config.options
    return call_token_endpoint(
        url,
        fields,
        client,
        in_header=options.authorization_method == "header",
        as_json=options.body_format == "json",
    )


def _require_context_value(scope: Scope, name: str, field: str) -> str:
    """Returns a value of the account's context as text. Raises BadRequest where it is absent or empty."""
    value = scope["context"].get(name)
    if value is None or value == "":
        raise BadRequest(
            f"The account has no {name}, so no token was asked for. Put it into the account's context.",
            failures=[failure(f"context.{name}", f"is needed by {FIELD}.{field}", "missing_credential")],
        )
    return format_scalar(value)


def _send_oauth1_request(config: OAuth1Config, scope: Scope, url: str, **signing: str) -> Grant:
    """Sends a signed POST, and returns the fields of the reply. `signing`: further parameters of the
    signature.

    Raises CredentialsRefused and TokenEndpointFailed.
    """
    from oauthlib.oauth1 import Client  # few need it, and it is slow to import

    key, secret = _render_client(config, scope)
    realm = render_text(config.realm, scope, "oauth.config.realm") or None
    client = Client(key, client_secret=secret, signature_method=config.signature_method, **signing)
    _, headers, _ = client.sign(url, http_method="POST", realm=realm)
    response = yield HttpRequest(
        method="POST",
        url=url,
        headers={"Authorization": str(headers["Authorization"]), "Content-Length": "0"},
        timeout_seconds=30.0,
        max_redirects=0,
    )
    reply: dict[str, Any] = dict(parse_qsl(response.body.decode("utf-8", "replace")))
    host = urlsplit(url).hostname
    if response.status in {400, 401, 403}:
        raise CredentialsRefused(
            f"{host} refused the app's consumer key, or the request token ({response.status}).", code=None
        )
    if response.status >= 300 or not {"oauth_token", "oauth_token_secret"} <= reply.keys():
        raise TokenEndpointFailed(
            f"{host} answered {response.status} without a token.", is_retryable=response.status >= 500
        )
    return reply


def _parse_seconds(value: Any) -> float | None:
    """Returns the lifetime of a token in seconds; None where it is absent or no usable number."""
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        return None
    return seconds if 0 <= seconds < 1e10 else None


def _parse_scopes(value: Any) -> list[str]:
    """Returns the scopes in the `scope` of a reply: a list, or a text separated by spaces or commas; [] for
    anything else."""
    if isinstance(value, list):
        return [str(item) for item in value]
    return value.replace(",", " ").split() if isinstance(value, str) else []

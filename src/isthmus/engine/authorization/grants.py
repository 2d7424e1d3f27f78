"""How credentials are got and renewed (`connect.md` §5): each grant a generator that sends nothing itself.

grant = refresh(config, scope, token)
try:
    request = next(grant)
    while True:
        request = grant.send(await http.send(request))
except StopIteration as done:
    reply = done.value                       # the provider's whole reply; `stored_token` makes it a context

Connecting and refreshing share them. Each raises BadRequest before anything is sent where a value is missing,
CredentialsRefused where the provider says no, TokenEndpointFailed where it gives no usable answer.
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
    address,
    checked_address,
    form_request,
    read_token,
    rendered,
    rendered_entries,
    token_call,
)
from isthmus.engine.queries import scalar_text
from isthmus.errors import BadRequest, CredentialsRefused, TokenEndpointFailed, failure
from isthmus.http.messages import HttpRequest

__all__ = [
    "Grant",
    "authorization_code",
    "authorize_url",
    "client_credentials",
    "keka",
    "oauth1_access_token",
    "oauth1_authorize_url",
    "oauth1_request_token",
    "pkce_challenge",
    "refresh",
    "revocation",
    "stored_token",
]

_RESERVED = frozenset({"state", "redirect_uri", "code_challenge", "code_challenge_method", "client_id"})
_KEKA = "kekaapi"


def authorize_url(
    config: OAuth2Config,
    scope: Scope,
    *,
    redirect_uri: str,
    state: str,
    scopes: Sequence[str],
    verifier: str,
) -> str:
    """Where the user is sent (RFC 6749 §4.1.1). The definition's `params` may say more, or another
    `response_type` and `scope`; never who is asking, or where the answer goes."""
    parts = urlsplit(_authorize_address(config.auth, scope))
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    query.update(response_type="code", client_id=_client(config, scope)[0], redirect_uri=redirect_uri)
    if scopes:
        query["scope"] = config.scope_separator.join(scopes)
    query["state"] = state
    method = pkce_method(config)
    if method is not None:
        query.update(code_challenge=pkce_challenge(verifier, method), code_challenge_method=method)
    extra = rendered_entries(config.params, scope, "oauth2.config.params")
    query.update({name: value for name, value in extra.items() if name not in _RESERVED})
    return urlunsplit(parts._replace(query=urlencode(query)))


def pkce_method(config: OAuth2Config) -> str | None:
    """None where the provider takes no proof key."""
    if isinstance(config.pkce, Pkce):
        return config.pkce.method
    return "S256" if config.pkce else None


def pkce_challenge(verifier: str, method: str = "S256") -> str:
    """RFC 7636 §4.2."""
    if method == "plain":
        return verifier
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def authorization_code(
    config: OAuth2Config, scope: Scope, *, code: str, redirect_uri: str, verifier: str
) -> Grant:
    """Exchanges the code of the callback (RFC 6749 §4.1.3). A code is good once: never send it again."""
    fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
    if pkce_method(config) is not None:
        fields["code_verifier"] = verifier
    fields.update(rendered_entries(config.token_params, scope, "oauth2.config.tokenParams"))
    url = address(config.auth.token_host, config.auth.token_path, scope, "oauth2.config.auth")
    return (yield from _call(config, url, fields, _client(config, scope)))


def refresh(config: OAuth2Config, scope: Scope, refresh_token: str) -> Grant:
    """A new access token (RFC 6749 §6). The reply may hold a new refresh token, which replaces the old."""
    fields = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    fields.update(rendered_entries(config.refresh_params, scope, "oauth2.config.refreshParams"))
    path = config.auth.refresh_path or config.auth.token_path
    url = address(config.auth.token_host, path, scope, "oauth2.config.auth")
    return (yield from _call(config, url, fields, _client(config, scope)))


def client_credentials(config: OAuth2ClientCredentialsConfig, scope: Scope) -> Grant:
    """RFC 6749 §4.4; id and secret are the account's own, from its form."""
    fields = {"grant_type": "client_credentials"}
    if config.scope:
        fields["scope"] = config.scope_separator.join(config.scope)
    field = "oauth2_client_credentials.config"
    fields.update(rendered_entries(config.token_params, scope, f"{field}.tokenParams"))
    url = address(config.auth.token_host, config.auth.token_path, scope, f"{field}.auth")
    client = (_value(scope, "client_id", field), _value(scope, "client_secret", field))
    return (yield from _call(config, url, fields, client))


def keka(config: KekaConfig, scope: Scope) -> Grant:
    """A form with an API key beside the client's id and secret (`definitions.md` §1.3.6)."""
    field = "keka_oauth.config"
    fields = {
        "grant_type": _KEKA,
        "scope": " ".join(config.scope) or _KEKA,
        **{name: _value(scope, name, field) for name in ("client_id", "client_secret", "api_key")},
        **rendered_entries(config.token_params, scope, f"{field}.tokenParams"),
    }
    url = address(config.auth.token_host, config.auth.token_path, scope, f"{field}.auth")
    response = yield form_request(url, fields, {"Accept": "application/json"})
    return read_token(response)


def revocation(config: OAuth2Config, scope: Scope, token: str) -> Grant | None:
    """Tells the provider that a token is done with (RFC 7009); None where it has no such endpoint.

    Whatever it answers is fine: the token is forgotten here all the same. Returns {}.
    """
    if config.auth.revoke_path is None:
        return None
    return _revocation(config, scope, token)


def _revocation(config: OAuth2Config, scope: Scope, token: str) -> Grant:
    assert config.auth.revoke_path is not None
    url = address(config.auth.token_host, config.auth.revoke_path, scope, "oauth2.config.auth")
    with contextlib.suppress(CredentialsRefused, TokenEndpointFailed):
        yield from _call(config, url, {"token": token}, _client(config, scope))
    return {}


def oauth1_request_token(config: OAuth1Config, scope: Scope, callback: str) -> Grant:
    """The first leg (RFC 5849 §2.1): `{oauth_token, oauth_token_secret, ...}`."""
    url = checked_address(rendered(config.request_token_url, scope, "oauth.config.requestTokenUrl"), FIELD)
    reply = yield from _oauth1_leg(config, scope, url, callback_uri=callback)
    if reply.get("oauth_callback_confirmed") != "true":
        raise TokenEndpointFailed(
            f"{urlsplit(url).hostname} did not confirm the callback address: it does not speak OAuth 1.0a.",
            may_retry=False,
        )
    return reply


def oauth1_authorize_url(config: OAuth1Config, scope: Scope, request_token: str) -> str:
    """The second leg: where the user is sent (RFC 5849 §2.2)."""
    url = checked_address(rendered(config.authorize_url, scope, "oauth.config.authorizeUrl"), FIELD)
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    query.update(rendered_entries(config.params, scope, "oauth.config.params"))
    query["oauth_token"] = request_token
    return urlunsplit(parts._replace(query=urlencode(query)))


def oauth1_access_token(
    config: OAuth1Config, scope: Scope, *, token: str, secret: str, verifier: str
) -> Grant:
    """The third leg (RFC 5849 §2.3): the reply, its token as `access_token` and `access_token_secret`."""
    url = checked_address(rendered(config.token_url, scope, "oauth.config.tokenUrl"), FIELD)
    reply = yield from _oauth1_leg(
        config, scope, url, resource_owner_key=token, resource_owner_secret=secret, verifier=verifier
    )
    named = {"access_token": reply.pop("oauth_token"), "access_token_secret": reply.pop("oauth_token_secret")}
    return {**reply, **named}


def stored_token(
    reply: Mapping[str, Any],
    *,
    now: datetime,
    asked: Sequence[str] = (),
    previous: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """`context.oauth` for a provider's reply (`connect.md` §5.5): `{token, scope}`.

    `token`: the whole reply and `expires_at` (ISO, UTC), absent where the provider does not tell.
    `scope`: what was granted, else what was `asked`. `previous`: the `oauth` that this one replaces, whose
    refresh token and scopes stay where the reply has none of its own.
    """
    before = previous or {}
    token = dict(reply)
    old = before.get("token")
    if not token.get("refresh_token") and isinstance(old, Mapping) and old.get("refresh_token"):
        token["refresh_token"] = old["refresh_token"]
    seconds = _seconds(reply.get("expires_in"))
    if seconds is not None:
        moment = now + timedelta(seconds=seconds)
        token["expires_at"] = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"token": token, "scope": _granted(reply.get("scope")) or list(before.get("scope") or asked)}


def _authorize_address(auth: AuthEndpoints, scope: Scope) -> str:
    host = auth.authorize_host or auth.token_host
    return address(host, auth.authorize_path, scope, "oauth2.config.auth")


def _client(config: OAuth2Config | OAuth1Config, scope: Scope) -> tuple[str, str]:
    """The app's id and secret; the secret is "" for a public client."""
    kind = "oauth2" if isinstance(config, OAuth2Config) else "oauth"
    name = rendered(config.client.id, scope, f"{kind}.config.client.id")
    if not name:
        field = f"{FIELD}.{kind}.config.client.id"
        raise BadRequest(
            f"No app is registered for this integration: {field} is not set. Set it, with its secret, in the "
            "environment integration's override.",
            failures=[failure(field, "is needed to connect", "missing_credential")],
        )
    return name, rendered(config.client.secret, scope, f"{kind}.config.client.secret")


def _call(
    config: OAuth2Config | OAuth2ClientCredentialsConfig,
    url: str,
    fields: Mapping[str, str],
    client: tuple[str, str],
) -> Grant:
    options = config.options
    return token_call(
        url,
        fields,
        client,
        in_header=options.authorization_method == "header",
        as_json=options.body_format == "json",
    )


def _value(scope: Scope, name: str, field: str) -> str:
    found = scope["context"].get(name)
    if found is None or found == "":
        raise BadRequest(
            f"The account has no {name}, so no token was asked for. Put it into the account's context.",
            failures=[failure(f"context.{name}", f"is needed by {FIELD}.{field}", "missing_credential")],
        )
    return scalar_text(found)


def _oauth1_leg(config: OAuth1Config, scope: Scope, url: str, **signing: str) -> Grant:
    from oauthlib.oauth1 import Client  # few need it, and it is slow to import

    key, secret = _client(config, scope)
    realm = rendered(config.realm, scope, "oauth.config.realm") or None
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
            f"{host} answered {response.status} without a token.", may_retry=response.status >= 500
        )
    return reply


def _seconds(value: Any) -> float | None:
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        return None
    return seconds if 0 <= seconds < 1e10 else None


def _granted(value: Any) -> list[str]:
    """Scopes as the provider wrote them: a list, or a text parted by spaces or commas."""
    if isinstance(value, list):
        return [str(item) for item in value]
    return value.replace(",", " ").split() if isinstance(value, str) else []

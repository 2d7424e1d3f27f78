"""Exchanges what a person entered, or an authorization code, for the context of an account."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from isthmus.accounts.egress import Sender
from isthmus.accounts.rows.context import build_effective_context
from isthmus.connect.authorization_requests import AuthorizationRequest
from isthmus.connect.connectable_integrations import ConnectableIntegration
from isthmus.connect.errors import ConnectionFailed
from isthmus.connect.person_messages import describe_exchange_failure
from isthmus.connect.redirect_uris import CALLBACK_PATH, add_query
from isthmus.definitions.credentials import (
    KekaCredential,
    OAuth1Credential,
    OAuth2ClientCredentialsCredential,
    OAuth2Credential,
)
from isthmus.engine.authorization.flows import drive_flow
from isthmus.engine.authorization.grants import (
    Grant,
    build_authorize_url,
    build_oauth1_authorize_url,
    exchange_code,
    exchange_oauth1_token,
    make_oauth_context,
    request_client_credentials_token,
    request_keka_token,
    request_oauth1_token,
)
from isthmus.engine.calls import NO_BODY
from isthmus.engine.evaluation import make_template_scope
from isthmus.errors import EgressDenied, IsthmusError
from isthmus.http import Guard
from isthmus.http.guard import parse_literal_address
from isthmus.kit.clock import Clock

__all__ = ["CredentialExchange"]

_OAUTH_PARAMETERS: Final = frozenset(
    {"code", "state", "scope", "oauth_token", "oauth_verifier", "error", "error_description", "error_uri"}
)
_MAX_DESCRIPTION_LENGTH: Final = 500


class CredentialExchange:
    """Exchanges a form or a code for credentials, with requests through the Sender that each call is given.
    `public_url`: of the pages; the callback is below it."""

    def __init__(self, guard: Guard, clock: Clock, public_url: str) -> None:
        self._guard = guard
        self._clock = clock
        self.callback_url = public_url + CALLBACK_PATH

    async def exchange_form(
        self, http: Sender, integration: ConnectableIntegration, format: str, entered: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Returns the account's context for a submitted form: what was entered, and under `oauth` the token
        if the format has one. Raises ConnectionFailed if the provider refuses the credentials."""
        credential = integration.credentials[format]
        scope = _make_credential_scope(integration, entered)
        grant: Grant
        if isinstance(credential, OAuth2ClientCredentialsCredential):
            scopes, grant = (
                credential.config.scope,
                request_client_credentials_token(credential.config, scope),
            )
        elif isinstance(credential, KekaCredential):
            scopes, grant = credential.config.scope, request_keka_token(credential.config, scope)
        else:
            return dict(entered)
        reply = await _run_grant(http, integration, grant, has_own_client=True)
        return {**entered, "oauth": make_oauth_context(reply, now=self._clock.now(), requested=scopes)}

    async def build_authorization_url(
        self,
        http: Sender,
        integration: ConnectableIntegration,
        request: AuthorizationRequest,
        entered: Mapping[str, Any],
        scopes: Sequence[str],
    ) -> tuple[str, tuple[str, str] | None]:
        """Returns the provider's address to redirect the browser to; for OAuth 1.0a also the temporary token
        and its secret (RFC 5849 §2.1), which it requests, otherwise None. Raises ConnectionFailed."""
        credential = integration.credentials[request.format]
        scope = _make_credential_scope(integration, entered)
        if isinstance(credential, OAuth1Credential):
            callback = add_query(request.redirect_uri, {"state": request.state})
            reply = await _run_grant(
                http, integration, request_oauth1_token(credential.config, scope, callback)
            )
            token = str(reply["oauth_token"])
            address = self._build_url(
                integration, lambda: build_oauth1_authorize_url(credential.config, scope, token)
            )
            return address, (token, str(reply["oauth_token_secret"]))
        assert isinstance(credential, OAuth2Credential)
        config = credential.config
        return self._build_url(
            integration,
            lambda: build_authorize_url(
                config,
                scope,
                redirect_uri=request.redirect_uri,
                state=request.state,
                scopes=scopes,
                verifier=request.verifier,
            ),
        ), None

    def check_authorization_url(
        self, integration: ConnectableIntegration, format: str, entered: Mapping[str, Any]
    ) -> None:
        """Raises ConnectionFailed where no allowed address can be built from what was entered."""
        credential = integration.credentials[format]
        if isinstance(credential, OAuth2Credential):
            config, scope = credential.config, _make_credential_scope(integration, entered)
            self._build_url(
                integration,
                lambda: build_authorize_url(config, scope, redirect_uri="", state="", scopes=(), verifier=""),
            )

    async def exchange_callback(
        self,
        http: Sender,
        integration: ConnectableIntegration,
        request: AuthorizationRequest,
        entered: Mapping[str, Any],
        scopes: Sequence[str],
        query: Mapping[str, str],
    ) -> dict[str, Any]:
        """Returns the account's context for a browser that the provider redirected back. `query`: of the
        callback. Raises ConnectionFailed, with a message for the person."""
        _refuse_denial(integration, query)
        credential = integration.credentials[request.format]
        scope = _make_credential_scope(integration, entered, query)
        if isinstance(credential, OAuth1Credential):
            grant = _make_access_token_grant(integration, credential, scope, request, query)
        else:
            assert isinstance(credential, OAuth2Credential)
            if not query.get("code"):
                raise ConnectionFailed(
                    f"{integration.summary.label} sent no answer that can be used. Try again."
                )
            grant = exchange_code(
                credential.config,
                scope,
                code=query["code"],
                redirect_uri=request.redirect_uri,
                verifier=request.verifier,
            )
        reply = await _run_grant(http, integration, grant)
        oauth = make_oauth_context(reply, now=self._clock.now(), requested=scopes)
        others = {name: value for name, value in query.items() if name not in _OAUTH_PARAMETERS}
        if others:
            oauth["callback_params"] = others
        return {**entered, "oauth": oauth}

    def _build_url(self, integration: ConnectableIntegration, build: Callable[[], str]) -> str:
        """Returns the address that `build` makes. Raises ConnectionFailed if it fails, or if browsers must
        not be sent there."""
        try:
            address = build()
            self._require_public(address)
        except IsthmusError as failed:
            raise ConnectionFailed(describe_exchange_failure(integration.summary.label, failed)) from failed
        return address

    def _require_public(self, address: str) -> None:
        """Raises EgressDenied for an address in a private network, and for http unless the operator allows
        its host: the host may have been typed by the person."""
        parts = urlsplit(address)
        host = parts.hostname or ""
        self._guard.check_target(parts.scheme, host)
        if parts.scheme != "https":
            literal = "127.0.0.1" if host == "localhost" else parse_literal_address(host)
            if literal is None or not self._guard.is_permitted(literal):
                raise EgressDenied("Only https addresses are used to sign in.")


async def _run_grant(
    http: Sender, integration: ConnectableIntegration, grant: Grant, *, has_own_client: bool = False
) -> dict[str, Any]:
    """Requests a token and returns the provider's response. `has_own_client`: True if the client id and
    secret belong to the person, not to an app of the operator. Raises ConnectionFailed."""
    try:
        return await drive_flow(grant, http.send)
    except IsthmusError as failed:
        raise ConnectionFailed(
            describe_exchange_failure(integration.summary.label, failed, has_own_client=has_own_client)
        ) from failed


def _make_credential_scope(
    integration: ConnectableIntegration, values: Mapping[str, Any], query: Mapping[str, str] | None = None
) -> Mapping[str, Any]:
    """Returns the names that templates of the credential see: `values` (those of the form and of the link's
    context), the definition's environment variables, and the `query` of the provider's callback."""
    context = build_effective_context(values, integration.definition.reveal_variables())
    return make_template_scope(context, id=None, query=dict(query or {}), body=NO_BODY)


def _refuse_denial(integration: ConnectableIntegration, query: Mapping[str, str]) -> None:
    """Raises ConnectionFailed if the callback says that access was denied or failed."""
    error = query.get("error")
    if error == "access_denied" or "denied" in query:
        raise ConnectionFailed("Access was not granted.")
    if error:
        description = query.get("error_description") or error
        raise ConnectionFailed(
            f"{integration.summary.label} refused the connection: {description[:_MAX_DESCRIPTION_LENGTH]}"
        )


def _make_access_token_grant(
    integration: ConnectableIntegration,
    credential: OAuth1Credential,
    scope: Mapping[str, Any],
    request: AuthorizationRequest,
    query: Mapping[str, str],
) -> Grant:
    """Returns the request that exchanges the callback's verifier for an OAuth 1.0a access token. Raises
    ConnectionFailed if the callback belongs to another temporary token."""
    token, verifier = query.get("oauth_token"), query.get("oauth_verifier")
    if request.request_token is None or token != request.request_token[0] or not verifier:
        raise ConnectionFailed(f"{integration.summary.label} sent no answer that can be used. Try again.")
    return exchange_oauth1_token(
        credential.config,
        scope,
        token=request.request_token[0],
        secret=request.request_token[1],
        verifier=verifier,
    )

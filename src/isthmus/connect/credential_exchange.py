"""From what a person entered, or a provider sent back, to an account's context (`connect.md` §5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from isthmus.accounts.egress import Sender
from isthmus.accounts.rows.context import build_effective_context
from isthmus.connect.authorization_requests import Trip
from isthmus.connect.connectable_integrations import Offer
from isthmus.connect.errors import ConnectionFailed
from isthmus.connect.redirect_uris import CALLBACK_PATH, with_query
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
from isthmus.errors import BadRequest, CredentialsRefused, EgressDenied, IsthmusError, UpstreamError
from isthmus.http import Guard
from isthmus.http.guard import literal_address
from isthmus.kit.clock import Clock

__all__ = ["CredentialCalls"]

_OURS: Final = frozenset(
    {"code", "state", "scope", "oauth_token", "oauth_verifier", "error", "error_description", "error_uri"}
)
_LONGEST: Final = 500


class CredentialCalls:
    """The calls that turn a form or a code into credentials, each through the way out it is given.
    `public_url`: where the pages are reached."""

    def __init__(self, guard: Guard, clock: Clock, public_url: str) -> None:
        self._guard = guard
        self._clock = clock
        self.callback_url = public_url + CALLBACK_PATH

    async def of_form(
        self, http: Sender, offer: Offer, format: str, entered: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The context for a form that was sent. Raises ConnectionFailed where the provider refuses it."""
        credential = offer.credentials[format]
        scope = _scope(offer, entered)
        grant: Grant
        if isinstance(credential, OAuth2ClientCredentialsCredential):
            asked, grant = credential.config.scope, request_client_credentials_token(credential.config, scope)
        elif isinstance(credential, KekaCredential):
            asked, grant = credential.config.scope, request_keka_token(credential.config, scope)
        else:
            return dict(entered)
        reply = await _driven(http, offer, grant, of_person=True)
        return {**entered, "oauth": make_oauth_context(reply, now=self._clock.now(), asked=asked)}

    async def departure(
        self, http: Sender, offer: Offer, trip: Trip, entered: Mapping[str, Any], scopes: Sequence[str]
    ) -> tuple[str, tuple[str, str] | None]:
        """Where the browser goes, and what OAuth 1.0a's first leg gave. Raises ConnectionFailed."""
        credential = offer.credentials[trip.format]
        scope = _scope(offer, entered)
        if isinstance(credential, OAuth1Credential):
            callback = with_query(trip.redirect_uri, {"state": trip.state})
            reply = await _driven(http, offer, request_oauth1_token(credential.config, scope, callback))
            token = str(reply["oauth_token"])
            address = self._built(offer, lambda: build_oauth1_authorize_url(credential.config, scope, token))
            return address, (token, str(reply["oauth_token_secret"]))
        assert isinstance(credential, OAuth2Credential)
        config = credential.config
        return self._built(
            offer,
            lambda: build_authorize_url(
                config,
                scope,
                redirect_uri=trip.redirect_uri,
                state=trip.state,
                scopes=scopes,
                verifier=trip.verifier,
            ),
        ), None

    def check_departure(self, offer: Offer, format: str, entered: Mapping[str, Any]) -> None:
        """Raises ConnectionFailed where what was entered leads nowhere, before any trip is planned."""
        credential = offer.credentials[format]
        if isinstance(credential, OAuth2Credential):
            config, scope = credential.config, _scope(offer, entered)
            self._built(
                offer,
                lambda: build_authorize_url(config, scope, redirect_uri="", state="", scopes=(), verifier=""),
            )

    async def of_callback(
        self,
        http: Sender,
        offer: Offer,
        trip: Trip,
        entered: Mapping[str, Any],
        scopes: Sequence[str],
        query: Mapping[str, str],
    ) -> dict[str, Any]:
        """The context for a browser that came back. Raises ConnectionFailed, in words for the person."""
        _refuse_denial(offer, query)
        credential = offer.credentials[trip.format]
        scope = _scope(offer, entered, query)
        if isinstance(credential, OAuth1Credential):
            grant = _third_leg(offer, credential, scope, trip, query)
        else:
            assert isinstance(credential, OAuth2Credential)
            if not query.get("code"):
                raise ConnectionFailed(f"{offer.face.label} sent no answer that can be used. Try again.")
            grant = exchange_code(
                credential.config,
                scope,
                code=query["code"],
                redirect_uri=trip.redirect_uri,
                verifier=trip.verifier,
            )
        reply = await _driven(http, offer, grant)
        oauth = make_oauth_context(reply, now=self._clock.now(), asked=scopes)
        others = {name: value for name, value in query.items() if name not in _OURS}
        if others:
            oauth["callback_params"] = others
        return {**entered, "oauth": oauth}

    def _built(self, offer: Offer, build: Callable[[], str]) -> str:
        try:
            address = build()
            self._require_public(address)
        except IsthmusError as failed:
            raise ConnectionFailed(_words(offer, failed)) from failed
        return address

    def _require_public(self, address: str) -> None:
        """https, and no address in a private network: a typed host must not lead a person astray. What the
        operator allows may be plain http."""
        parts = urlsplit(address)
        host = parts.hostname or ""
        self._guard.check_target(parts.scheme, host)
        if parts.scheme != "https":
            literal = "127.0.0.1" if host == "localhost" else literal_address(host)
            if literal is None or not self._guard.permits(literal):
                raise EgressDenied("Only https addresses are used to sign in.")


async def _driven(http: Sender, offer: Offer, grant: Grant, *, of_person: bool = False) -> dict[str, Any]:
    """`of_person`: whether id and secret of the client are the person's, not those of an app of ours."""
    try:
        return await drive_flow(grant, http.send)
    except IsthmusError as failed:
        raise ConnectionFailed(_words(offer, failed, of_person=of_person)) from failed


def _scope(
    offer: Offer, entered: Mapping[str, Any], query: Mapping[str, str] | None = None
) -> Mapping[str, Any]:
    context = build_effective_context(entered, offer.definition.variables())
    return make_template_scope(context, id=None, query=dict(query or {}), body=NO_BODY)


def _refuse_denial(offer: Offer, query: Mapping[str, str]) -> None:
    error = query.get("error")
    if error == "access_denied" or "denied" in query:
        raise ConnectionFailed("Access was not granted.")
    if error:
        said = query.get("error_description") or error
        raise ConnectionFailed(f"{offer.face.label} refused the connection: {said[:_LONGEST]}")


def _third_leg(
    offer: Offer, credential: OAuth1Credential, scope: Mapping[str, Any], trip: Trip, query: Mapping[str, str]
) -> Grant:
    token, verifier = query.get("oauth_token"), query.get("oauth_verifier")
    if trip.request is None or token != trip.request[0] or not verifier:
        raise ConnectionFailed(f"{offer.face.label} sent no answer that can be used. Try again.")
    return exchange_oauth1_token(
        credential.config, scope, token=trip.request[0], secret=trip.request[1], verifier=verifier
    )


def _words(offer: Offer, failed: IsthmusError, *, of_person: bool = False) -> str:
    """For a person who is no engineer; what an engineer needs is in the log of who caused it."""
    label = offer.face.label
    match failed:
        case CredentialsRefused(code="invalid_client" | "unauthorized_client") if not of_person:
            return f"{label} does not know the app that asks for access. Tell who runs this page."
        case CredentialsRefused():
            return f"{label} did not accept this. {failed.message}"
        case EgressDenied():
            return f"That address of {label} cannot be used. Check what you entered."
        case UpstreamError():
            return f"{label} could not be reached, or did not answer as it should. Try again in a moment."
        case BadRequest():
            return f"{label} is not set up correctly: {failed.message}"
        case _:
            return f"Connecting {label} failed. Try again."

"""Authenticates a request: its bearer token becomes a principal."""

from __future__ import annotations

from isthmus.engine.queries import parse_query
from isthmus.errors import Forbidden, Unauthorized
from isthmus.tenancy import Authenticator, Principal

__all__ = ["Authentication", "get_account_of_token"]

_CHALLENGE = {"www-authenticate": "Bearer"}


class Authentication:
    """Authenticates the bearer tokens of requests."""

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator

    async def authenticate_api_token(self, authorization: str | None) -> Principal:
        """Returns the principal of an `Authorization` header with an API token. Raises Unauthorized for a
        missing or invalid token, Forbidden for an integrated account token."""
        principal = await self.authenticate_any_token(authorization)
        if principal.kind != "api_token":
            raise Forbidden(
                "this is an integrated account token. It calls /unified, /proxy and /custom, and GET and "
                "PATCH /integrated-account/me, for its account. Everything else takes an API token, which "
                "stays on your server."
            )
        return principal

    async def authenticate_any_token(self, authorization: str | None) -> Principal:
        """Like `authenticate_api_token`, but accepts an integrated account token too."""
        scheme, _, token = (authorization or "").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise Unauthorized(
                "no bearer token. Send the header Authorization: Bearer <API token>; "
                "`isthmus tokens create` makes one.",
                headers=_CHALLENGE,
            )
        principal = await self._authenticator.authenticate(token)
        if principal is None:
            raise Unauthorized(
                "this token is unknown, revoked or expired. `isthmus tokens list` shows the valid ones.",
                headers=_CHALLENGE,
            )
        return principal

    async def authenticate_account_token(self, authorization: str | None) -> Principal:
        """Returns the principal of an integrated account token. Raises Unauthorized, and Forbidden for an API
        token."""
        principal = await self.authenticate_any_token(authorization)
        if principal.integrated_account_id is None:
            raise Forbidden(
                "an API token stands for no one account. Use /integrated-account/{id}, or a token of "
                "POST /integrated-account/token."
            )
        return principal


def get_account_of_token(principal: Principal, query_string: bytes) -> str | None:
    """Returns the id of the account that an integrated account token is for; None for an API token, whose
    call must name one. Raises Forbidden if the query names another account than the token's."""
    account_id = principal.integrated_account_id
    if account_id is not None:
        sent = parse_query(query_string).nested.get("integrated_account_id")
        if sent not in (None, "", account_id):
            raise Forbidden(
                f"this token is of the account {account_id} and calls no other. Leave integrated_account_id "
                "out."
            )
    return account_id

"""Who is calling: the bearer token of a request, as a principal (`api.md` §1.1, §2)."""

from __future__ import annotations

from isthmus.engine.queries import parse
from isthmus.errors import Forbidden, Unauthorized
from isthmus.tenancy import Authenticator, Principal

__all__ = ["Authentication", "own_account"]

_CHALLENGE = {"www-authenticate": "Bearer"}


class Authentication:
    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator

    async def principal(self, authorization: str | None) -> Principal:
        """The principal of an `Authorization` header with an API token. Raises Unauthorized with what to send
        instead, Forbidden for a token of one account."""
        principal = await self.any_principal(authorization)
        if principal.kind != "api_token":
            raise Forbidden(
                "this is an integrated account token. It calls /unified, /proxy and /custom, and GET and "
                "PATCH /integrated-account/me, for its account. Everything else takes an API token, which "
                "stays on your server."
            )
        return principal

    async def any_principal(self, authorization: str | None) -> Principal:
        """Like `principal`, for routes that both kinds may call: those of an account (`own_account`)."""
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

    async def account_principal(self, authorization: str | None) -> Principal:
        """Like `principal`, for routes that only an integrated account token may call."""
        principal = await self.any_principal(authorization)
        if principal.integrated_account_id is None:
            raise Forbidden(
                "an API token stands for no one account. Use /integrated-account/{id}, or a token of "
                "POST /integrated-account/token."
            )
        return principal


def own_account(principal: Principal, query_string: bytes) -> str | None:
    """The account that a token of one account calls, None for an API token, whose call must name it. Raises
    Forbidden where the query names another one than the token's."""
    own = principal.integrated_account_id
    if own is not None:
        sent = parse(query_string).nested.get("integrated_account_id")
        if sent not in (None, "", own):
            raise Forbidden(
                f"this token is of the account {own} and calls no other. Leave integrated_account_id out."
            )
    return own

"""Who is calling: the bearer token of a request, as a principal (`api.md` §1.1, §2)."""

from __future__ import annotations

from isthmus.errors import Unauthorized
from isthmus.tenancy import Authenticator, Principal

__all__ = ["Authentication"]

_CHALLENGE = {"www-authenticate": "Bearer"}


class Authentication:
    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator

    async def principal(self, authorization: str | None) -> Principal:
        """The principal of an `Authorization` header. Raises Unauthorized with what to send instead."""
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

    async def api_principal(self, authorization: str | None) -> Principal:
        """Like `principal`, for routes that only an API token may call."""
        return await self.principal(authorization)

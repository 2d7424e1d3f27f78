"""How an account of each credential format gets a new access token, and the timer that does so ahead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.database import current_time
from isthmus.definitions.actions import Action
from isthmus.definitions.credentials import (
    KekaCredential,
    OAuth2ClientCredentialsCredential,
    OAuth2Credential,
    credential_format,
)
from isthmus.definitions.integration import IntegrationConfig
from isthmus.engine.authorization.grants import Grant, client_credentials, keka, refresh
from isthmus.engine.calls import NO_BODY
from isthmus.engine.evaluation import template_scope
from isthmus.jobs import Run, cancel, defer

__all__ = [
    "REFRESH_AHEAD",
    "REFRESH_JOB",
    "Renewal",
    "access_token",
    "expires_at",
    "give_up_renewing",
    "handed_over",
    "is_renewable",
    "renewal",
    "schedule_renewal",
]

ACTION: Final = "refresh_token"
_OWN_KEYS: Final = ("client_id", "client_secret", "api_key")


@dataclass(frozen=True, slots=True)
class Renewal:
    """`handed_over`: what a new token is got for; the same text stands for the same attempt. `is_repeatable`:
    it is good as often as one likes, so an answer that is lost does no harm. Either `action` or `grant` is
    there; the latter is good for one drive."""

    handed_over: str = field(repr=False)
    is_repeatable: bool = False
    action: Action | None = None
    grant: Grant | None = None
    asked: tuple[str, ...] = ()


def renewal(definition: IntegrationConfig, method: str | None, context: Mapping[str, Any]) -> Renewal | None:
    """None for credentials that nothing can renew: keys, OAuth 1.0a, and a grant without a refresh token.

    `context`: the effective one. An action named `refresh_token` takes the place of the standard grant.
    """
    held = handed_over(definition, method, context)
    action = definition.actions.get(ACTION)
    if action is not None and action.steps:
        return Renewal(held, action=action)
    credential = definition.credentials.get(credential_format(method or ""))
    scope = template_scope(context, id=None, query={}, body=NO_BODY)
    if isinstance(credential, OAuth2Credential):
        token = _token(context).get("refresh_token")
        if not isinstance(token, str):
            return None
        grant = refresh(credential.config, scope, token)
        return Renewal(held, grant=grant, asked=credential.config.scope)
    if isinstance(credential, OAuth2ClientCredentialsCredential):
        grant = client_credentials(credential.config, scope)
        return Renewal(held, is_repeatable=True, grant=grant, asked=credential.config.scope)
    if isinstance(credential, KekaCredential):
        grant = keka(credential.config, scope)
        return Renewal(held, is_repeatable=True, grant=grant, asked=credential.config.scope)
    return None


def handed_over(definition: IntegrationConfig, method: str | None, context: Mapping[str, Any]) -> str:
    """What a renewal hands over for a new token; "" for nothing."""
    credential = definition.credentials.get(credential_format(method or ""))
    action = definition.actions.get(ACTION)
    if isinstance(credential, OAuth2ClientCredentialsCredential | KekaCredential) and not (
        action and action.steps
    ):
        return "\n".join(str(context.get(name) or "") for name in _OWN_KEYS)
    token = _token(context)
    return str(token.get("refresh_token") or token.get("access_token") or "")


def is_renewable(definition: IntegrationConfig, method: str | None, context: Mapping[str, Any]) -> bool:
    """Whether `renewal` would give one."""
    action = definition.actions.get(ACTION)
    if action is not None and action.steps:
        return True
    credential = definition.credentials.get(credential_format(method or ""))
    if isinstance(credential, OAuth2Credential):
        return isinstance(_token(context).get("refresh_token"), str)
    return isinstance(credential, OAuth2ClientCredentialsCredential | KekaCredential)


def access_token(context: Mapping[str, Any]) -> str | None:
    found = _token(context).get("access_token") or context.get("access_token")
    return found if isinstance(found, str) else None


def expires_at(context: Mapping[str, Any]) -> float | None:
    """Seconds since 1970; None where nobody knows."""
    found = _token(context).get("expires_at")
    if isinstance(found, int | float) and not isinstance(found, bool):
        return float(found)
    if not isinstance(found, str):
        return None
    try:
        moment = datetime.fromisoformat(found)
    except ValueError:
        return None
    return moment.timestamp() if moment.tzinfo is not None else None


def _token(context: Mapping[str, Any]) -> Mapping[str, Any]:
    oauth = context.get("oauth")
    token = oauth.get("token") if isinstance(oauth, Mapping) else None
    return token if isinstance(token, Mapping) else {}


REFRESH_JOB: Final = "account.refresh"
REFRESH_AHEAD: Final = timedelta(minutes=5)
"""Before its end, a token is renewed without a call."""


async def schedule_renewal(conn: AsyncConnection, account_id: str, context: Mapping[str, Any]) -> None:
    """A job shortly before the token ends, instead of the one for the token before; none where nobody knows
    when that is, or it lives too short for it."""
    end = expires_at(context)
    await cancel(conn, REFRESH_JOB, account_id)
    if end is None:
        return
    moment = datetime.fromtimestamp(end, UTC) - REFRESH_AHEAD
    if moment > current_time(conn):
        await defer(conn, REFRESH_JOB, account_id, run_at=moment)


async def give_up_renewing(_: AsyncConnection, __: Run, ___: Exception) -> None:
    """A renewal ahead of time that failed is not repeated: the next call does it, or says what is wrong."""

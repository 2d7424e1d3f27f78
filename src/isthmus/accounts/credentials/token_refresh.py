"""Plans how an account of each credential format gets a new access token, and schedules the job that
refreshes it ahead."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.accounts.rows.context import get_oauth_token
from isthmus.db.database import current_time
from isthmus.definitions.actions import Action
from isthmus.definitions.credentials import (
    KekaCredential,
    OAuth2ClientCredentialsCredential,
    OAuth2Credential,
    resolve_credential_format,
)
from isthmus.definitions.integration import IntegrationConfig
from isthmus.engine.authorization.grants import (
    Grant,
    make_oauth_context,
    refresh_access_token,
    request_client_credentials_token,
    request_keka_token,
)
from isthmus.engine.calls import NO_BODY
from isthmus.engine.evaluation import make_template_scope
from isthmus.jobs import Run, cancel, defer

__all__ = [
    "REFRESH_AHEAD",
    "REFRESH_JOB",
    "RefreshPlan",
    "TokenLife",
    "add_lifetime",
    "complete_lifetime",
    "find_job_moment",
    "get_access_token",
    "get_expiry",
    "get_submitted_credential",
    "get_token_life",
    "has_same_lifetime",
    "ignore_failed_refresh",
    "is_refreshable",
    "plan_refresh",
    "schedule_refresh",
]

REFRESH_ACTION: Final = "refresh_token"
REFRESH_JOB: Final = "account.refresh"
REFRESH_AHEAD: Final = timedelta(minutes=5)
"""How long before its expiry a token is refreshed by a job, without a call; at most half of its lifetime."""
_MAX_MARGIN_SECONDS: Final = 60.0
_MARGIN_SHARE: Final = 0.25
_LAST_MOMENT: Final = datetime(9999, 1, 1, tzinfo=UTC).timestamp()
_CLIENT_CREDENTIAL_KEYS: Final = ("client_id", "client_secret", "api_key")


@dataclass(frozen=True, slots=True)
class RefreshPlan:
    """How to get a new access token: either by the steps of `action`, or by `grant`, which can be driven
    once.

    `submitted_credential`: the secret that is exchanged for a new token; two attempts with the same text
    submit the same credential. `credential_is_reusable`: it can be submitted any number of times, so a lost
    reply does no harm. `requested_scopes`: the scopes of the definition."""

    submitted_credential: str = field(repr=False)
    credential_is_reusable: bool = False
    action: Action | None = None
    grant: Grant | None = None
    requested_scopes: tuple[str, ...] = ()


def plan_refresh(
    definition: IntegrationConfig, method: str | None, context: Mapping[str, Any]
) -> RefreshPlan | None:
    """Return how to refresh the credentials, None if they cannot be refreshed: API keys, OAuth 1.0a, and
    OAuth 2 tokens without a refresh token.

    `method`: the credential format. `context`: the effective context. An action named `refresh_token`
    replaces the standard grant.
    """
    submitted = get_submitted_credential(definition, method, context)
    action = definition.actions.get(REFRESH_ACTION)
    if action is not None and action.steps:
        return RefreshPlan(submitted, action=action)
    credential = definition.credentials.get(resolve_credential_format(method or ""))
    scope = make_template_scope(context, id=None, query={}, body=NO_BODY)
    if isinstance(credential, OAuth2Credential):
        token = get_oauth_token(context).get("refresh_token")
        if not isinstance(token, str):
            return None
        grant = refresh_access_token(credential.config, scope, token)
        return RefreshPlan(submitted, grant=grant, requested_scopes=credential.config.scope)
    if isinstance(credential, OAuth2ClientCredentialsCredential):
        grant = request_client_credentials_token(credential.config, scope)
        return RefreshPlan(
            submitted, credential_is_reusable=True, grant=grant, requested_scopes=credential.config.scope
        )
    if isinstance(credential, KekaCredential):
        grant = request_keka_token(credential.config, scope)
        return RefreshPlan(
            submitted, credential_is_reusable=True, grant=grant, requested_scopes=credential.config.scope
        )
    return None


def get_submitted_credential(
    definition: IntegrationConfig, method: str | None, context: Mapping[str, Any]
) -> str:
    """Return the secret that a refresh would submit: the client's own keys, the refresh token or the access
    token. Empty if the context has none."""
    credential = definition.credentials.get(resolve_credential_format(method or ""))
    action = definition.actions.get(REFRESH_ACTION)
    if isinstance(credential, OAuth2ClientCredentialsCredential | KekaCredential) and not (
        action and action.steps
    ):
        return "\n".join(str(context.get(name) or "") for name in _CLIENT_CREDENTIAL_KEYS)
    token = get_oauth_token(context)
    return str(token.get("refresh_token") or token.get("access_token") or "")


def is_refreshable(definition: IntegrationConfig, method: str | None, context: Mapping[str, Any]) -> bool:
    """Return True if `plan_refresh` would return a plan."""
    action = definition.actions.get(REFRESH_ACTION)
    if action is not None and action.steps:
        return True
    credential = definition.credentials.get(resolve_credential_format(method or ""))
    if isinstance(credential, OAuth2Credential):
        return isinstance(get_oauth_token(context).get("refresh_token"), str)
    return isinstance(credential, OAuth2ClientCredentialsCredential | KekaCredential)


def get_access_token(context: Mapping[str, Any]) -> str | None:
    """Return the access token of a context, None if it has none."""
    token = get_oauth_token(context).get("access_token") or context.get("access_token")
    return token if isinstance(token, str) else None


@dataclass(frozen=True, slots=True)
class TokenLife:
    """When an access token ends, in seconds since 1970. `refresh_at`: from when on a call refreshes it
    first, a quarter of its lifetime before its end and at most 60 s; 60 s where the lifetime is unknown."""

    expires_at: float
    refresh_at: float


def get_token_life(context: Mapping[str, Any]) -> TokenLife | None:
    """Return when the access token ends; None if that is unknown, also if the provider gave it no lifetime
    above 0 (then it is refreshed when it is refused, and not before each call)."""
    expires_at, lifetime = get_expiry(context), _get_lifetime(context)
    if expires_at is None or (lifetime is not None and lifetime <= 0):
        return None
    margin = _MAX_MARGIN_SECONDS if lifetime is None else min(_MAX_MARGIN_SECONDS, lifetime * _MARGIN_SHARE)
    return TokenLife(expires_at, expires_at - margin)


def get_expiry(context: Mapping[str, Any]) -> float | None:
    """Return when the access token expires, in seconds since 1970; None if that is unknown."""
    expires_at = get_oauth_token(context).get("expires_at")
    seconds = None
    if isinstance(expires_at, int | float) and not isinstance(expires_at, bool):
        seconds = float(expires_at)
    elif isinstance(expires_at, str):
        with suppress(ValueError):
            moment = datetime.fromisoformat(expires_at)
            seconds = moment.timestamp() if moment.tzinfo is not None else None
    return seconds if seconds is not None and 0 <= seconds < _LAST_MOMENT else None


def _get_lifetime(context: Mapping[str, Any]) -> float | None:
    """Return the seconds that the access token lives from its issue, None if that is unknown."""
    try:
        seconds = float(get_oauth_token(context).get("expires_in"))  # type: ignore[arg-type]  # any JSON
    except (TypeError, ValueError):
        return None
    return seconds if math.isfinite(seconds) else None


def has_same_lifetime(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return True if the access tokens of both contexts have the same end, and the same lifetime."""
    return get_expiry(one) == get_expiry(other) and _get_lifetime(one) == _get_lifetime(other)


def add_lifetime(context: Mapping[str, Any], *, now: datetime) -> dict[str, Any]:
    """Return the context of a token that was issued just now, with its lifetime as `expires_in` where the
    token tells its end only."""
    expires_at = get_expiry(context)
    if expires_at is None or _get_lifetime(context) is not None:
        return dict(context)
    token = {**get_oauth_token(context), "expires_in": round(expires_at - now.timestamp(), 3)}
    return {**context, "oauth": {**context["oauth"], "token": token}}


def complete_lifetime(
    before: Mapping[str, Any], context: Mapping[str, Any], *, now: datetime
) -> dict[str, Any]:
    """Return the context that an action left just now, in which `expires_at` and `expires_in` are of the same
    token: where it wrote one of them, or neither, the other is computed, since a context keeps what is not
    written. `before`: the context that the action started with."""
    old, token = get_oauth_token(before), dict(get_oauth_token(context))
    has_new_lifetime = token.get("expires_in") != old.get("expires_in")
    if get_expiry(context) not in (None, get_expiry(before)):
        if not has_new_lifetime:
            token.pop("expires_in", None)
    elif has_new_lifetime or get_access_token(context) != get_access_token(before):
        token.pop("expires_at", None)
        token = make_oauth_context(token, now=now)["token"]
    if token == get_oauth_token(context):
        return add_lifetime(context, now=now)
    return add_lifetime({**context, "oauth": {**context["oauth"], "token": token}}, now=now)


def find_job_moment(context: Mapping[str, Any]) -> datetime | None:
    """Return when a job refreshes the token without a call: REFRESH_AHEAD before it expires, or in the middle
    of a lifetime below twice that. None if its end is unknown."""
    life, lifetime = get_token_life(context), _get_lifetime(context)
    if life is None:
        return None
    ahead = REFRESH_AHEAD if lifetime is None else min(REFRESH_AHEAD, timedelta(seconds=lifetime / 2))
    return datetime.fromtimestamp(life.expires_at, UTC) - ahead


async def schedule_refresh(conn: AsyncConnection, account_id: str, context: Mapping[str, Any]) -> None:
    """Replace the account's refresh job by one at the moment of `find_job_moment`. No job is scheduled if the
    token expires within REFRESH_AHEAD, or its end is unknown."""
    expires_at, moment = get_expiry(context), find_job_moment(context)
    await cancel(conn, REFRESH_JOB, account_id)
    if expires_at is None or moment is None:
        return
    if expires_at - REFRESH_AHEAD.total_seconds() > current_time(conn).timestamp():
        await defer(conn, REFRESH_JOB, account_id, run_at=moment)


async def ignore_failed_refresh(_: AsyncConnection, __: Run, ___: Exception) -> None:
    """Record nothing for a failed refresh job, and return None: it is not retried, since the next call
    refreshes the token or fails with the reason."""

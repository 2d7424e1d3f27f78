"""Words the errors of unified calls: by the mapping's `error_mapping`, with insights for the caller."""

from __future__ import annotations

import logging
from typing import Any, Final

from isthmus.engine.evaluation import evaluate_mapping
from isthmus.engine.input_schemas import make_conditional_insights
from isthmus.engine.provider_errors import ProviderFailure, make_remote_insights, read_error_status
from isthmus.engine.unified.mapping_plans import MappingPlan
from isthmus.engine.unified.request_mapping import CallerInput
from isthmus.errors import MappingFailed, RemoteError
from isthmus.expressions import UNDEFINED

__all__ = ["make_insights", "to_unified_error"]

_LOG = logging.getLogger("isthmus.engine")
_THROTTLED: Final = 429
_RESERVED_KEYS: Final = frozenset(
    {
        "statusCode",
        "status",
        "error",
        "message",
        "truto_is_remote_error",
        "raw_response",
        "truto_error_insight",
    }
)


async def to_unified_error(
    plan: MappingPlan,
    caller: CallerInput,
    cursor: str | None,
    provider_failure: ProviderFailure,
    message: str,
    scopes: tuple[str, ...],
) -> RemoteError:
    """Returns the error of the provider as the caller gets it: as `error_mapping` words it, else with
    `message`. Throttling stays a 429, because clients and batches recognise it by that.

    `cursor`: as expressions see it. `scopes`: the OAuth scopes that the call needs.
    """
    mapped = await _map_error(plan, caller, cursor, provider_failure)
    error, status, extra = provider_failure.verdict.error, provider_failure.status, {}
    mapped_message = mapped.get("message") if isinstance(mapped, dict) else mapped
    if isinstance(mapped_message, str) and mapped_message.strip():
        message = mapped_message
    if isinstance(mapped, dict):
        error = mapped["error"] if isinstance(mapped.get("error"), str) else error
        status = status if status == _THROTTLED else read_error_status(mapped) or status
        extra = {name: value for name, value in mapped.items() if name not in _RESERVED_KEYS}
    return RemoteError(
        message,
        status=status,
        raw_response=provider_failure.raw,
        error=error,
        extra=extra,
        insight=make_insights(plan, provider_failure.status, scopes, caller),
        headers=provider_failure.get_headers_for_caller(),
    )


def make_insights(
    plan: MappingPlan, status: int, scopes: tuple[str, ...], caller: CallerInput
) -> dict[str, Any]:
    """Returns the insights of an error of the provider by name, each `{description, value?}`. `scopes`: the
    OAuth scopes that the call needs."""
    insights: dict[str, Any] = {
        "remote_error": {"description": "The provider answered the call with an error."},
        **make_remote_insights(status, scopes, caller.context),
        **make_conditional_insights(plan.query_schema, plan.body_schema),
    }
    if status == _THROTTLED:
        insights["rate_limit_error"] = {
            "description": "The provider limits calls. Repeat the call after Retry-After seconds."
        }
    return insights


async def _map_error(
    plan: MappingPlan, caller: CallerInput, cursor: str | None, provider_failure: ProviderFailure
) -> Any:
    """Evaluates `error_mapping` on an error of the provider. Returns UNDEFINED where there is none, or it
    fails."""
    expression = plan.mapping.error_mapping
    if expression is None:
        return UNDEFINED
    scope = {
        **caller.scope(cursor),
        "headers": provider_failure.headers,
        "error": provider_failure.body,
        "body": provider_failure.body,
    }
    try:
        return await evaluate_mapping("error_mapping", expression, scope)
    except MappingFailed as error:
        _LOG.warning("error_mapping failed and is ignored: %s", error.details.get("code"))
        return UNDEFINED

"""Adds the error responses of each operation to the OpenAPI document, derived from what the operation
takes and calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from isthmus.api.resources.base_models import ERROR_CONTENT

__all__ = ["add_error_responses"]

_DESCRIPTIONS: Final = {
    "400": "Malformed or invalid input; `details.failures` names each field.",
    "401": "No token, or one that is unknown, revoked or expired.",
    "403": "A token that may not do this.",
    "404": "No such row, resource or method for this token.",
    "405": "A write on a read-only account, or a verb that is not served there.",
    "409": "It conflicts with an existing row, or changes a version that is not the current one; or the call "
    "of this idempotency key is under way, or its outcome unknown (`outcome_unknown`).",
    "413": "The body is larger than this server accepts.",
    "422": "The idempotency key was used for another request, or the request exceeds a limit.",
    "429": "Too many requests; `Retry-After` says when to try again.",
    "503": "The server's database cannot be used now; `Retry-After` says when to try again.",
}


def add_error_responses(paths: Mapping[str, Mapping[str, dict[str, Any]]]) -> None:
    """Adds the error responses to every operation of `paths`; responses that it has already are kept."""
    for path, operations in paths.items():
        for verb, operation in operations.items():
            responses = operation["responses"]
            for status in _list_possible_statuses(path, verb, operation):
                responses.setdefault(status, {"description": _DESCRIPTIONS[status], "content": ERROR_CONTENT})


def _list_possible_statuses(path: str, verb: str, operation: Mapping[str, Any]) -> list[str]:
    """Lists the error statuses that an operation can answer, sorted."""
    # Only the operations that call a provider declare 5XX.
    calls_provider = "5XX" in operation["responses"]
    writes = verb not in ("get", "head", "options")
    statuses = {"400"}
    if "security" in operation:
        statuses |= {"401", "403", "429"}
        if not calls_provider:  # else it is one of 5XX
            statuses.add("503")
    if "{" in path or "requestBody" in operation:
        statuses.add("404")
    if calls_provider:
        statuses.add("405")
    if writes:
        statuses.add("409")
    if "requestBody" in operation:
        statuses.add("413")
    if any(parameter["name"] == "Idempotency-Key" for parameter in operation.get("parameters", ())):
        statuses.add("422")
    return sorted(statuses)

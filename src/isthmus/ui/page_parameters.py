"""Parses the query parameters of the connect pages, as the published SDK sends them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request

from isthmus.connect.errors import RapidFormFailed
from isthmus.connect.sessions import PageOptions, RapidOptions

__all__ = ["is_framed", "parse_page_options", "parse_rapid_options"]

_MAX_LENGTH: Final = 64 * 1024


def parse_page_options(request: Request) -> PageOptions:
    """Parses the options of the connect page, such as `integration` and `no_back`, from the query string."""
    parameters = request.query_params
    slugs = tuple(slug.strip() for slug in parameters.get("integrations", "").split(",") if slug.strip())
    return PageOptions(
        integration=parameters.get("integration") or None,
        no_back=_is_true(parameters.get("no_back")),
        auth_format=parameters.get("auth_format") or None,
        skip_rapid_form=_is_true(parameters.get("skip_rapid_form")),
        integrations=slugs or None,
        is_framed=is_framed(request),
    )


def parse_rapid_options(request: Request) -> RapidOptions:
    """Parses the options of a page that only shows an account's form. Raises RapidFormFailed for a parameter
    that is not a JSON object."""
    return RapidOptions(
        additional=_parse_object(request, "truto_additional_context"),
        prevent_deselect=_parse_messages(request, "truto_prevent_deselect"),
        disabled=_parse_messages(request, "truto_disabled_fields"),
        is_framed=is_framed(request),
    )


def is_framed(request: Request) -> bool:
    """True if the page is shown in a frame: as the browser says, otherwise as the parameter `iframe` says,
    which may also be sent for a page in its own window."""
    destination = request.headers.get("sec-fetch-dest")
    if destination in ("iframe", "frame"):
        return True
    return destination is None and _is_true(request.query_params.get("iframe"))


def _is_true(text: str | None) -> bool:
    """Returns True unless the parameter is missing, empty, or a text for false such as `0` or `null`."""
    return text is not None and text.lower() not in ("", "false", "0", "undefined", "null")


def _parse_object(request: Request, name: str) -> Mapping[str, Any]:
    """Parses a query parameter as a JSON object; returns an empty one if it was not sent. Raises
    RapidFormFailed for any other value, and for one that is too long."""
    text = request.query_params.get(name)
    if not text:
        return {}
    try:
        value = json.loads(text) if len(text) <= _MAX_LENGTH else None
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise RapidFormFailed(f"The page was opened with a {name} that is no JSON object.")
    return value


def _parse_messages(request: Request, name: str) -> Mapping[str, str]:
    """Parses a parameter `{field: {message}}` or `{field: message}`; returns the message by field."""
    return {
        field: str(value.get("message") or "") if isinstance(value, Mapping) else str(value)
        for field, value in _parse_object(request, name).items()
    }

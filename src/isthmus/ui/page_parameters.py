"""The page's parameters, as the published SDK sends them (`connect.md` §3.1, §3.2)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request

from isthmus.connect.errors import RapidFormFailed
from isthmus.connect.sessions import Options, RapidOptions

__all__ = ["is_framed", "options_of", "rapid_options_of"]

_LONGEST: Final = 64 * 1024


def options_of(request: Request) -> Options:
    sent = request.query_params
    slugs = tuple(slug.strip() for slug in sent.get("integrations", "").split(",") if slug.strip())
    return Options(
        integration=sent.get("integration") or None,
        no_back=_is_true(sent.get("no_back")),
        auth_format=sent.get("auth_format") or None,
        skip_rapid_form=_is_true(sent.get("skip_rapid_form")),
        integrations=slugs or None,
        is_framed=is_framed(request),
    )


def rapid_options_of(request: Request) -> RapidOptions:
    """Raises RapidFormFailed for what is no JSON of the right shape."""
    return RapidOptions(
        additional=_object(request, "truto_additional_context"),
        prevent_deselect=_messages(request, "truto_prevent_deselect"),
        disabled=_messages(request, "truto_disabled_fields"),
        is_framed=is_framed(request),
    )


def is_framed(request: Request) -> bool:
    """What the browser says; the parameter, where it says nothing: in its own window it may be sent too."""
    said = request.headers.get("sec-fetch-dest")
    if said in ("iframe", "frame"):
        return True
    return said is None and _is_true(request.query_params.get("iframe"))


def _is_true(text: str | None) -> bool:
    return text is not None and text.lower() not in ("", "false", "0", "undefined", "null")


def _object(request: Request, name: str) -> Mapping[str, Any]:
    text = request.query_params.get(name)
    if not text:
        return {}
    try:
        found = json.loads(text) if len(text) <= _LONGEST else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise RapidFormFailed(f"The page was opened with a {name} that is no JSON object.")
    return found


def _messages(request: Request, name: str) -> Mapping[str, str]:
    """`{field: {message}}` as `{field: message}`."""
    return {
        field: str(said.get("message") or "") if isinstance(said, Mapping) else str(said)
        for field, said in _object(request, name).items()
    }

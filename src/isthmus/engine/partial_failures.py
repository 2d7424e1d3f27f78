"""Finds out whether an answer that says success did only a part of what it was asked.

It did if one of these holds:

- the status is 207 (Multi-Status), and not every part of the answer has a status below 400;
- `errors` of the outermost object is a list of texts or objects, not empty, and either `data` stands beside
  it (GraphQL), or the request was a write, or its data are elsewhere in the body;
- the request was a write, and `errors` is true, or an object with a message in it;
- the request was a write, and its answer is a list of results, alone or as the only list of objects in an
  outermost object without an `id`, in which each result tells how it went (`success`, `ok`, or an HTTP
  status) and one failed. Of a custom method, which may be a search, a result with an `id` is a record, and
  its status its own.

Anything else is no failure: an answer is not searched for the word.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from isthmus.engine.error_messages import clean_reason, find_error_message
from isthmus.engine.responses import find_raw_records
from isthmus.kit.call_warnings import CallWarning

__all__ = ["PARTIAL_FAILURE", "find_partial_failure"]

PARTIAL_FAILURE: Final = "partial_failure"

_MULTI_STATUS: Final = 207
_OUTCOMES: Final = ("success", "ok")
_STATUSES: Final = ("status", "statusCode", "status_code")
_HTTP_STATUSES: Final = range(100, 600)
_STATUS_TEXT: Final = re.compile(r"([1-5][0-9]{2})|HTTP/[0-9.]{1,3} ([1-5][0-9]{2})(?: .*)?")
_ERROR_STATUS: Final = 400


def find_partial_failure(
    product: str, status: int, body: Any, data: Any, *, is_write: bool, is_custom: bool = False
) -> CallWarning | None:
    """Returns the warning of a successful answer that did only a part; None for any other. `data`: what the
    method's `response_path` finds in the body, the whole body without one. `is_custom`: the method is none of
    create, update and delete."""
    results = _list_results(body) if is_write or status == _MULTI_STATUS else []
    has_records = is_custom and status != _MULTI_STATUS
    failed = [
        result
        for result in results
        if _has_failed(result) and not (has_records and result.get("id") is not None)
    ]
    errors = _get_errors(body, data, is_write=is_write)
    if failed:
        return _make_warning(product, status, f"{len(failed)} of {len(results)} parts failed", failed)
    if errors is not None:
        return _make_warning(product, status, "a part failed", {"errors": errors})
    if status == _MULTI_STATUS and not results:
        return _make_warning(product, status, "parts may have failed", body)
    return None


def _make_warning(product: str, status: int, what: str, told: Any) -> CallWarning:
    """Returns the warning. `told`: where to look for the provider's message."""
    reason = clean_reason(find_error_message(told), ())
    message = f"{product} answered {status}, and {what}{f': {reason}' if reason else ''}"
    return CallWarning(PARTIAL_FAILURE, f"{message.rstrip('.')}. The body has more.")


def _get_errors(body: Any, data: Any, *, is_write: bool) -> Any:
    """Returns the errors beside the results of an answer; None for none."""
    errors = body.get("errors") if isinstance(body, Mapping) else None
    if not errors:
        return None
    if isinstance(errors, list) and all(isinstance(item, (str, Mapping)) for item in errors):
        return errors if is_write or "data" in body or (data is not body and data != errors) else None
    is_told = errors is True or (isinstance(errors, Mapping) and find_error_message({"errors": errors}))
    return errors if is_write and is_told else None


def _list_results(body: Any) -> list[Any]:
    """Returns the results of an answer in which each tells how it went; [] for any other."""
    if isinstance(body, Mapping) and "id" in body:
        return []
    results = find_raw_records(body)
    is_list = bool(results) and results[0] is not body
    return results if is_list and all(map(_tells_outcome, results)) else []


def _tells_outcome(result: Any) -> bool:
    """Returns True if a result says whether it succeeded."""
    if not isinstance(result, Mapping):
        return False
    return any(isinstance(result.get(name), bool) for name in _OUTCOMES) or _get_status(result) is not None


def _has_failed(result: Mapping[str, Any]) -> bool:
    """Returns True if a result says that it failed."""
    status = _get_status(result)
    return any(result.get(name) is False for name in _OUTCOMES) or (
        status is not None and status >= _ERROR_STATUS
    )


def _get_status(result: Mapping[str, Any]) -> int | None:
    """Returns the HTTP status of a result, a number or a text like `404` or `HTTP/1.1 404 Gone`; None for
    none."""
    for name in _STATUSES:
        status = result.get(name)
        if isinstance(status, str) and (found := _STATUS_TEXT.fullmatch(status)) is not None:
            return int(found[1] or found[2])
        if isinstance(status, int) and not isinstance(status, bool) and status in _HTTP_STATUSES:
            return status
    return None

"""Renders the example files of a scaffold: exchanges in the shape that its definition expects, with invented
values."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from isthmus.authoring.scaffold.mapping_template import TIME_FIELDS
from isthmus.authoring.scaffold.scaffold_request import Resource, ScaffoldRequest
from isthmus.definitions.methods import STANDARD_METHODS

__all__ = ["render_examples"]

_NOTE: Final = "Scaffold: replace it by what the provider answers, or record it."
_JSON_HEADERS: Final = {"content-type": "application/json"}
_TIMESTAMP: Final = "2024-05-01T09:00:0{}Z"
_PAGE_SIZE: Final = 2
_RECORD_COUNT: Final = 3


def render_examples(request: ScaffoldRequest) -> Iterator[tuple[str, str]]:
    """Yields `(file name, content)` for each method of each resource."""
    for resource in request.resources:
        for method in STANDARD_METHODS:
            exchanges = list(_build_exchanges(request, resource, method))
            yield (
                f"{resource.name}.{method}.json",
                json.dumps(exchanges, indent=2, ensure_ascii=False) + "\n",
            )


def _build_exchanges(request: ScaffoldRequest, resource: Resource, method: str) -> Iterator[dict[str, Any]]:
    """Yields the exchanges of one method."""
    records = [_build_record(request, resource, number) for number in range(1, _RECORD_COUNT + 1)]
    if method == "list":
        yield from _build_pages(request, resource, records)
    elif method == "get":
        for record in records:
            yield _build_exchange({"path_params": {"id": str(record["id"])}}, 200, record)
        missing = _build_error("not_found", "There is no such record.")
        yield _build_exchange({"path_params": {"id": "no-such-id"}}, 404, missing)
    elif method == "create":
        yield _build_exchange({"body": _select_writable(records[0])}, 201, records[0])
    elif method == "update":
        yield _build_exchange(
            {"path_params": {"id": "1"}, "body": _select_writable(records[0])}, 200, records[0]
        )
    else:
        yield _build_exchange({"path_params": {"id": "1"}}, 204, None)


def _build_record(request: ScaffoldRequest, resource: Resource, number: int) -> dict[str, Any]:
    """Returns an invented record of the provider with this number as id."""
    record: dict[str, Any] = {"id": number}
    unified = resource.unified
    field = "name" if unified is None else request.find_label_field(unified)
    properties = {} if unified is None else request.get_properties(unified)
    if field:
        record[field] = f"Example {number}"
    for name in TIME_FIELDS:
        if name in properties:
            record[name] = _TIMESTAMP.format(number + (name == "updated_at"))
    return record


def _build_error(code: str, message: str) -> dict[str, Any]:
    """Returns the body of an error, as the scaffold's definition expects it."""
    return {"error": {"code": code, "message": message}}


def _select_writable(record: dict[str, Any]) -> dict[str, Any]:
    """Returns the fields of a record that a create or update sends."""
    return {name: value for name, value in record.items() if name != "id" and name not in TIME_FIELDS}


def _build_pages(
    request: ScaffoldRequest, resource: Resource, records: list[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Yields the exchanges of a list in the requested pagination: two pages, or one without pagination."""
    first, second = {"data": records[:_PAGE_SIZE]}, {"data": records[_PAGE_SIZE:]}
    kind = request.pagination
    if kind == "none":
        yield _build_exchange({}, 200, {"data": records})
    elif kind == "cursor":
        yield _build_exchange({}, 200, {**first, "next_cursor": "page-2"})
        yield _build_exchange({"query": {"cursor": "page-2"}}, 200, {**second, "next_cursor": None})
    elif kind == "page":
        yield _build_exchange({"query": {"page": 1}}, 200, {**first, "total_pages": 2})
        yield _build_exchange({"query": {"page": 2}}, 200, {**second, "total_pages": 2})
    elif kind == "offset":
        yield _build_exchange(
            {"query": {"offset": 0, "limit": _PAGE_SIZE}}, 200, {**first, "total": _RECORD_COUNT}
        )
        yield _build_exchange(
            {"query": {"offset": _PAGE_SIZE, "limit": _PAGE_SIZE}}, 200, {**second, "total": _RECORD_COUNT}
        )
    else:
        link = f'<https://{request.name}.example/{resource.name}?page=2>; rel="next"'
        yield _build_exchange({}, 200, first, link=link)
        yield _build_exchange({"query": {"page": "2"}}, 200, second)


def _build_exchange(request: dict[str, Any], status: int, body: Any, **headers: str) -> dict[str, Any]:
    """Returns a documented exchange. `headers`: of the response."""
    return {
        "provenance": "documented",
        "note": _NOTE,
        "request": request,
        "response": {
            "status": status,
            "headers": {**(_JSON_HEADERS if body is not None else {}), **headers},
            "body": body,
        },
    }

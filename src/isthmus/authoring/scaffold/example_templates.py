"""Exchanges of a scaffold: the shape that its definition expects, with invented values."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from isthmus.authoring.scaffold.mapping_template import TIMES
from isthmus.authoring.scaffold.scaffold_request import Resource, Wanted

__all__ = ["examples"]

_NOTE: Final = "Scaffold: replace it by what the product answers, or record it."
_JSON: Final = {"content-type": "application/json"}
_MOMENT: Final = "2024-05-01T09:00:0{}Z"
_SIZE: Final = 2
_ALL: Final = 3


def examples(wanted: Wanted) -> Iterator[tuple[str, str]]:
    """`(file name, content)`, of each method that the mapping calls."""
    for resource, unified in wanted.mapped:
        methods = wanted.methods(unified)
        for method in methods:
            exchanges = list(_exchanges(wanted, resource, unified, method))
            if method == methods[0] and "get" not in methods:
                exchanges.append(_exchange({}, 401, _error("unauthorized", "The key is not known.")))
            yield (
                f"{resource.name}.{method}.json",
                json.dumps(exchanges, indent=2, ensure_ascii=False) + "\n",
            )


def _exchanges(wanted: Wanted, resource: Resource, unified: str, method: str) -> Iterator[dict[str, Any]]:
    records = [_record(wanted, unified, number) for number in range(1, _ALL + 1)]
    if method == "list":
        yield from _pages(wanted, resource, records)
    elif method == "get":
        for record in records:
            yield _exchange({"path_params": {"id": str(record["id"])}}, 200, record)
        missing = _error("not_found", "There is no such record.")
        yield _exchange({"path_params": {"id": "no-such-id"}}, 404, missing)
    elif method == "create":
        yield _exchange({"body": _fields(records[0])}, 201, records[0])
    elif method == "update":
        yield _exchange({"path_params": {"id": "1"}, "body": _fields(records[0])}, 200, records[0])
    else:
        yield _exchange({"path_params": {"id": "1"}}, 204, None)


def _record(wanted: Wanted, unified: str, number: int) -> dict[str, Any]:
    record: dict[str, Any] = {"id": number}
    field = wanted.shown_field(unified)
    if field:
        record[field] = f"Example {number}"
    for name in TIMES:
        if name in wanted.properties(unified):
            record[name] = _MOMENT.format(number + (name == "updated_at"))
    return record


def _error(code: str, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


def _fields(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name != "id" and name not in TIMES}


def _pages(wanted: Wanted, resource: Resource, records: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    first, second = {"data": records[:_SIZE]}, {"data": records[_SIZE:]}
    kind = wanted.pagination
    if kind == "none":
        yield _exchange({}, 200, {"data": records})
    elif kind == "cursor":
        yield _exchange({}, 200, {**first, "next_cursor": "page-2"})
        yield _exchange({"query": {"cursor": "page-2"}}, 200, {**second, "next_cursor": None})
    elif kind == "page":
        yield _exchange({"query": {"page": 1}}, 200, {**first, "total_pages": 2})
        yield _exchange({"query": {"page": 2}}, 200, {**second, "total_pages": 2})
    elif kind == "offset":
        yield _exchange({"query": {"offset": 0, "limit": _SIZE}}, 200, {**first, "total": _ALL})
        yield _exchange({"query": {"offset": _SIZE, "limit": _SIZE}}, 200, {**second, "total": _ALL})
    else:
        link = f'<https://{wanted.name}.example/{resource.name}?page=2>; rel="next"'
        yield _exchange({}, 200, first, link=link)
        yield _exchange({"query": {"page": "2"}}, 200, second)


def _exchange(request: dict[str, Any], status: int, body: Any, **headers: str) -> dict[str, Any]:
    return {
        "provenance": "documented",
        "note": _NOTE,
        "request": request,
        "response": {
            "status": status,
            "headers": {**(_JSON if body is not None else {}), **headers},
            "body": body,
        },
    }

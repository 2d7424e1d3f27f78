"""Maps the answer of a provider to unified records, and shapes them as the caller asked."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any, Final

from isthmus.definitions.mapping import is_envelope
from isthmus.definitions.methods import STANDARD_METHODS
from isthmus.engine.calls import NO_BODY, ResponseOptions
from isthmus.engine.evaluation import (
    Evaluable,
    drop_undefined,
    evaluate_mapping,
    evaluate_mapping_on_clean_root,
    get_evaluation_settings,
    is_truthy,
    make_wrong_result_error,
)
from isthmus.engine.provider_answers import Page, ProviderAnswer
from isthmus.engine.queries import format_header, format_scalar
from isthmus.engine.requests import MethodInputs
from isthmus.engine.responses import find_raw_records
from isthmus.engine.unified.mapping_plans import MappingPlan, ResponseView
from isthmus.engine.unified.request_mapping import CallerInput
from isthmus.errors import BadRequest, MappingFailed, failure
from isthmus.expressions import UNDEFINED

__all__ = [
    "MappedList",
    "attach_raw",
    "attach_raw_records",
    "choose_response",
    "key_records",
    "map_headers",
    "map_page",
    "map_value",
    "read_mapped_list",
    "shape_record",
]

_MAX_TURN_SECONDS: Final = 0.05
_LOG = logging.getLogger("isthmus.engine")
_DROPPED_HEADERS: Final = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "set-cookie",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


async def map_page(
    plan: MappingPlan, caller: CallerInput, cursor: str | None, inputs: MethodInputs, answer: ProviderAnswer
) -> Page:
    """Maps one page to unified records, each with its raw record (`remote_data`); nulls are removed."""
    mapping = plan.mapping
    scope = _make_scope(caller, cursor, answer)
    if mapping.response_mapping is None:
        mapped = read_mapped_list(answer.data, answer.raw)
    elif mapping.response_mapping_method == "item":
        mapped = MappedList(await _map_items(plan, scope, answer.raw))
    else:
        scope["response"] = choose_response(plan.response, answer)
        value = await evaluate_mapping("response_mapping", mapping.response_mapping, scope)
        mapped = read_mapped_list(value, answer.raw)
    return Page(
        mapped.records,
        mapped.next_cursor if mapped.has_next else answer.cursors.next,
        mapped.prev_cursor if mapped.has_prev else answer.cursors.prev,
        is_partial=await _evaluate_is_partial(plan, caller, cursor, inputs, answer),
        headers=await map_headers(plan, caller, cursor, answer),
        warnings=answer.warnings,
    )


async def map_value(plan: MappingPlan, caller: CallerInput, answer: ProviderAnswer) -> Any:
    """Maps the answer to a method that is no list, and attaches the raw record; UNDEFINED for nothing.

    With the mapping method `item`, an array gives an array, except that a standard method (get, create, …)
    gives the record where the provider sent it in an array of one.
    """
    mapping = plan.mapping
    if mapping.response_mapping is None:
        value = answer.data
    else:
        scope = _make_scope(caller, None, answer)
        item = mapping.response_mapping_method == "item"
        if item and isinstance(answer.data, list):
            records = await _map_items(plan, scope, answer.data)
            if caller.call.method not in STANDARD_METHODS or len(records) > 1:
                return records
            return records[0] if records else UNDEFINED
        scope["response"] = answer.data if item else choose_response(plan.response, answer)
        value = await _map_single(mapping.response_mapping, scope, caller, answer)
    if isinstance(value, list):
        return attach_raw_records(value, find_raw_records(answer.data))
    return attach_raw(value, answer.data)


async def _map_single(
    expression: Evaluable, scope: dict[str, Any], caller: CallerInput, answer: ProviderAnswer
) -> Any:
    """Returns the value of the mapping. A write that the provider answered with nothing has succeeded: where
    the mapping fails on that, the value is UNDEFINED."""
    try:
        return await evaluate_mapping("response_mapping", expression, scope)
    except MappingFailed as error:
        if answer.data is not None or caller.call.method == "get":
            raise
        _LOG.warning("response_mapping failed on an empty answer: %s", error.details.get("code"))
        return UNDEFINED


async def _map_items(plan: MappingPlan, scope: dict[str, Any], sources: list[Any]) -> list[Any]:
    """Maps each raw record by itself. The raw record is attached to each record that it gives.

    The time limit of an evaluation is that of the whole page, and other tasks run in between, because a slow
    mapping of many records would hold them up.
    """
    expression = plan.mapping.response_mapping
    assert expression is not None
    records: list[Any] = []
    root = drop_undefined(scope)
    started = paused = monotonic()
    full_limits = limits = get_evaluation_settings().limits
    for raw in sources:
        if raw is None:
            continue
        now = monotonic()
        if now - paused > _MAX_TURN_SECONDS:
            await asyncio.sleep(0)
            paused = monotonic()
            limits = replace(full_limits, seconds=max(0.0, started + full_limits.seconds - paused))
        value = await evaluate_mapping_on_clean_root(
            "response_mapping", expression, {**root, "response": raw}, limits=limits
        )
        items = value if isinstance(value, list) else [value]
        records.extend(attach_raw(item, raw) for item in items if item is not None and item is not UNDEFINED)
    return records


def _make_scope(caller: CallerInput, cursor: str | None, answer: ProviderAnswer) -> dict[str, Any]:
    """Returns the names that the mappings of an answer see."""
    shared = caller.scope(cursor)
    return {
        "query": shared["query"],
        "rawQuery": shared["rawQuery"],
        "context": shared["context"],
        "headers": answer.headers,
        "body": answer.body,
    }


def choose_response(view: ResponseView, answer: ProviderAnswer) -> Any:
    """Returns the value of `response` in a mapping: the data, with `body`, `headers` and `statusCode` beside
    its own keys where the mapping reads them; or these three alone, where the data is no object and the
    mapping reads them."""
    virtual = {"body": answer.body, "headers": answer.headers, "statusCode": answer.status}
    if isinstance(answer.data, dict):
        if not view.virtual:
            return answer.data
        return {**{name: virtual[name] for name in view.virtual}, **answer.data}
    return virtual if view.reads_whole else answer.data


async def _evaluate_is_partial(
    plan: MappingPlan, caller: CallerInput, cursor: str | None, inputs: MethodInputs, answer: ProviderAnswer
) -> bool:
    """Returns True if the mapping's `is_partial_expression` says that the page is incomplete."""
    expression = plan.mapping.is_partial_expression
    if expression is None:
        return False
    scope = caller.scope(cursor)
    del scope["context"]
    scope.update(data=answer.body, requestBody=inputs.body, rawBody=caller.call.body)
    return is_truthy(await evaluate_mapping("is_partial_expression", expression, scope))


async def map_headers(
    plan: MappingPlan, caller: CallerInput, cursor: str | None, answer: ProviderAnswer
) -> dict[str, str]:
    """Returns the headers that `response_header_mapping` gives for the caller, names lower-case; empty
    without that mapping. Those that belong to the connection or the body are left out. Raises
    MappingFailed."""
    expression = plan.mapping.response_header_mapping
    if expression is None:
        return {}
    scope = {
        **answer.headers,
        **_make_scope(caller, cursor, answer),
        "response": choose_response(plan.header_response, answer),
    }
    value = await evaluate_mapping("response_header_mapping", expression, scope)
    if value is UNDEFINED or value is None:
        return {}
    if not isinstance(value, dict):
        raise make_wrong_result_error("response_header_mapping", "an object")
    names = {
        str(name).lower(): item for name, item in value.items() if item is not None and item is not NO_BODY
    }
    return {
        name: format_header(item)
        for name, item in names.items()
        if name not in _DROPPED_HEADERS and not name.startswith("content-")
    }


@dataclass(frozen=True, slots=True)
class MappedList:
    """The records and cursors that a mapping gave. `has_next`, `has_prev`: the mapping named the cursor
    itself, if only with null, so the provider's is not used."""

    records: list[Any]
    next_cursor: str | None = None
    prev_cursor: str | None = None
    has_next: bool = False
    has_prev: bool = False


def read_mapped_list(value: Any, raw: list[Any]) -> MappedList:
    """Reads the value that a mapping gave for a list: an envelope, a list, or a single record. `raw`: the
    provider's records, to attach."""
    if not is_envelope(value):
        return MappedList(attach_raw_records(_as_list(value), raw))
    return MappedList(
        attach_raw_records(_as_list(value.get("result")), raw),
        format_cursor(value.get("next_cursor")),
        format_cursor(value.get("prev_cursor")),
        has_next="next_cursor" in value,
        has_prev="prev_cursor" in value,
    )


def _as_list(value: Any) -> list[Any]:
    """Returns a value as a list: a list as it is, [] for null and undefined, else a list of one."""
    if value is UNDEFINED or value is None:
        return []
    return value if isinstance(value, list) else [value]


def format_cursor(value: Any) -> str | None:
    """Returns a cursor that a mapping gave, as text; None for null, false and ""."""
    if value is None or value is False or value == "":
        return None
    return value if isinstance(value, str) else str(value)


def attach_raw(record: Any, raw: Any) -> Any:
    """Returns the record with the provider's as `remote_data`, unless it has a `remote_data` of its own or
    `raw` is None."""
    if not isinstance(record, dict) or "remote_data" in record or raw is None:
        return record
    return {**record, "remote_data": raw}


def attach_raw_records(mapped: list[Any], raw: list[Any]) -> list[Any]:
    """Returns the mapped records without nulls, each with its raw record: that of the same position where
    both lists are equally long, else the one with the same `id`."""
    if len(mapped) == len(raw):
        pairs = zip(mapped, raw, strict=True)
        return [attach_raw(record, source) for record, source in pairs if record is not None]
    by_id = {
        str(item["id"]): item for item in raw if isinstance(item, Mapping) and item.get("id") is not None
    }
    return [
        attach_raw(record, by_id.get(str(record.get("id")))) if isinstance(record, dict) else record
        for record in mapped
        if record is not None
    ]


def shape_record(record: Any, options: ResponseOptions, schema: Mapping[str, Any]) -> Any:
    """Returns a unified record in the caller's response format, without the `exclude_fields`. `raw`: the
    provider's record. `normalized`: all fields of `schema`, absent ones null, without `remote_data`.
    Otherwise the record as it is, without `remote_data` if the caller ignores it.

    `schema`: the JSON Schema of unified records. A value that is no object is returned as it is.
    """
    if not isinstance(record, dict):
        return record
    if options.response_format == "raw":
        return _exclude_fields(record.get("remote_data", record), options.exclude_fields)
    if options.response_format == "normalized":
        properties = schema.get("properties")
        names = properties if isinstance(properties, Mapping) else {}
        record = {**dict.fromkeys(names), **record}
    if options.ignore_remote_data or options.response_format == "normalized":
        record = {name: value for name, value in record.items() if name != "remote_data"}
    return _exclude_fields(record, options.exclude_fields)


def key_records(records: list[Any], shaped: list[Any], field: str) -> dict[str, Any]:
    """Returns the shaped records by the value of `field` in `records`; the last one wins, and those without
    the field are left out. Raises BadRequest where no record has it."""
    keyed = {}
    for record, shaped_record in zip(records, shaped, strict=True):
        value = record.get(field) if isinstance(record, dict) else None
        if value is not None and not isinstance(value, (dict, list)):
            keyed[value if isinstance(value, str) else format_scalar(value)] = shaped_record
    if records and not keyed:
        names = sorted({name for record in records if isinstance(record, dict) for name in record})
        raise BadRequest(
            f"truto_key_by={field}: no record has a text or number there. The records have "
            f"{', '.join(names) or 'no fields'}.",
            failures=[failure("truto_key_by", "must be a field that holds a text or number", "bad_value")],
        )
    return keyed


def _exclude_fields(record: Any, fields: tuple[str, ...]) -> Any:
    """Returns the record without the values at the dotted paths in `fields`."""
    for field in fields:
        record = _remove_path(record, field.split("."))
    return record


def _remove_path(value: Any, path: list[str]) -> Any:
    """Returns a copy without the value at the path; arrays on the way have it removed from each item."""
    if isinstance(value, list):
        return [_remove_path(item, path) for item in value]
    if not isinstance(value, dict) or path[0] not in value:
        return value
    if len(path) == 1:
        return {name: item for name, item in value.items() if name != path[0]}
    return {**value, path[0]: _remove_path(value[path[0]], path[1:])}

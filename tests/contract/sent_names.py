"""What becomes of each name that a caller may send to a unified method of the catalogue.

A name is used if it changes what is sent to the provider, or what is made of the answer. It is tried with
several values, alone and beside the other fields of the model, because a mapping may read it only there.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any, Final

from isthmus.api.call_parsing import parse_call
from isthmus.authoring.contract.catalog_entry import CatalogEntry, MappedMethod
from isthmus.authoring.contract.replay_upstreams import SingleAnswerUpstream
from isthmus.definitions.authored_schemas import as_object_schema
from isthmus.definitions.file_models import Exchange
from isthmus.definitions.schema_examples import make_example
from isthmus.engine import unified
from isthmus.engine.calls import NO_BODY, StreamResult
from isthmus.engine.evaluation import EvaluationSettings, use_evaluation_settings
from isthmus.engine.queries import Query
from isthmus.engine.unified import UnifiedTarget
from isthmus.engine.unified.mapping_plans import merge_schemas
from isthmus.errors import BadRequest, IsthmusError
from isthmus.expressions import Services
from isthmus.kit.call_warnings import CallWarning
from tests.contract.catalog import model
from tests.contract.sending import exchange_of
from tests.fakes.clock import VirtualClock

__all__ = ["MISSPELT", "SentName", "find_fate", "names_of"]

MISSPELT: Final = "nmae_of_nothing"
Path = tuple[str, ...]
_MAX_DEPTH: Final = 4
_MAX_CHOICES: Final = 8
_TEXTS: Final = (
    "1042", "2024-05-17T09:30:00Z", "ada@example.com", "admin", "cycle", "inactive", "other", "shipping",
    "personal",
)  # fmt: skip
"""Values of many kinds: a mapping may look for one of them."""
_KINDS: Final = ("website", "version", "linkedin", "category")
"""Values that mappings take beside those that a schema lists."""


@dataclass(frozen=True)
class SentName:
    """A field of a query (`part`) or body, with its schema. `path`: through the items of `lists`."""

    part: str
    path: Path
    schema: Mapping[str, Any]
    lists: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return ".".join((self.part, *self.path))


def names_of(catalogued: CatalogEntry, cell: MappedMethod) -> list[SentName]:
    """Returns every field that the model or the mapping describes for a list's query or a write's body, the
    innermost ones, and a name that nobody knows."""
    part = "query" if cell.method == "list" else "body"
    return [
        *_iterate_leaves(part, _schema_of(_target_of(catalogued, cell), cell)),
        SentName(part, (MISSPELT,), {"type": "string"}),
    ]


async def find_fate(catalogued: CatalogEntry, cell: MappedMethod, name: SentName) -> str:
    """Makes calls with and without a name. Returns `used`, `named`, `vanished`, or `refused` for one that is
    refused beside whatever else; `named wrongly` for one that is named and changes what is sent."""
    target, fate = _target_of(catalogued, cell), "refused"
    values = _values_of(name)
    for number, base in enumerate(await _bases_of(catalogued, cell, target, name)):
        without = await _call(catalogued, cell, target, name.part, base)
        # A name that was named once is named always: one value beside each of the other fields is enough.
        for value in values if fate != "named" else [values[number % len(values)]]:
            with_name = await _call(catalogued, cell, target, name.part, _put(base, name, value))
            if with_name.is_refused:
                continue
            is_changed = with_name.seen != without.seen
            if any(_is_about(warning, name) for warning in with_name.warnings):
                if is_changed and not without.is_refused:
                    return "named wrongly"
                fate = "named"
            elif is_changed:
                return "used"
            elif fate != "named":
                fate = "vanished"
    return fate


@dataclass(frozen=True)
class _Outcome:
    """What a call sent and gave. `seen`: requests and result, or the error. `missing`: names at the top that
    it lacked."""

    seen: str
    warnings: tuple[CallWarning, ...] = ()
    is_refused: bool = False
    missing: frozenset[str] = frozenset()


async def _call(
    catalogued: CatalogEntry, cell: MappedMethod, target: UnifiedTarget, part: str, values: Mapping[str, Any]
) -> _Outcome:
    """Makes the call with a query or body."""
    upstream = SingleAnswerUpstream(catalogued, _answer_of(catalogued, cell))
    call = parse_call(
        cell.method,
        id="1042" if cell.method == "update" else None,
        query=Query((), values if part == "query" else {}),
        body=values if part == "body" else NO_BODY,
    )
    try:
        settings = EvaluationSettings(services=Services(clock=VirtualClock(), random=Random(0)))
        with use_evaluation_settings(
            settings
        ):  # what asks for the time or for chance gets the same each time
            result = await unified.call_method(upstream, catalogued.file.config, target, cell.config, call)
    except IsthmusError as error:
        failures = error.details.get("failures", ())
        missing = frozenset(each["path"].split(".")[1] for each in failures if each["code"] == "missing")
        return _Outcome(f"{error}", is_refused=isinstance(error, BadRequest), missing=missing)
    assert not isinstance(result, StreamResult)
    sent = [
        (each.http.method, each.http.url, each.http.body, dict(each.http.headers)) for each in upstream.sent
    ]
    return _Outcome(f"{sent} {result.body}", result.warnings)


def _answer_of(catalogued: CatalogEntry, cell: MappedMethod) -> Exchange:
    """Returns a recorded answer of the method that the mapping calls; an empty object where there is none."""
    for proxy_method in cell.proxy_methods:
        for exchange in catalogued.find_exchanges(*proxy_method, error=False):
            return exchange
    return exchange_of({})


@cache
def _target_of_names(integration: str, model_name: str, resource: str) -> UnifiedTarget:
    """Returns a unified resource with its record schema: the same each time, as plans are kept by it."""
    of_model = model(model_name)
    definition = of_model.file.resources[resource]
    definition = definition.model_copy(update={"record_schema": of_model.schemas.get(resource, {})})
    return UnifiedTarget(model_name, resource, definition, integration)


def _target_of(catalogued: CatalogEntry, cell: MappedMethod) -> UnifiedTarget:
    """Returns the unified resource of a cell."""
    return _target_of_names(catalogued.name, cell.model, cell.resource)


def _schema_of(target: UnifiedTarget, cell: MappedMethod) -> Mapping[str, Any]:
    """Returns the schema of the query of a list, or of the body of a write with the fields of a record."""
    definition = target.definition
    if cell.method == "list":
        return as_object_schema(merge_schemas(definition.query_schema.get("list"), cell.config.query_schema))
    body = merge_schemas(definition.request_body_schema.get(cell.method), cell.config.request_body_schema)
    return merge_schemas(as_object_schema(definition.record_schema), as_object_schema(body)) or {}


def _iterate_leaves(
    part: str, schema: Mapping[str, Any], path: Path = (), lists: frozenset[str] = frozenset()
) -> Iterator[SentName]:
    """Yields each innermost field of a schema."""
    for name, below in (schema.get("properties") or {}).items():
        items = below.get("items")
        inner = items if isinstance(items, Mapping) else below
        if inner.get("properties") and len(path) < _MAX_DEPTH:
            within = lists | {name} if inner is items else lists
            yield from _iterate_leaves(part, inner, (*path, name), within)
        else:
            yield SentName(part, (*path, name), below, lists)


async def _bases_of(
    catalogued: CatalogEntry, cell: MappedMethod, target: UnifiedTarget, name: SentName
) -> list[Any]:
    """Returns what is sent beside a name: what the call needs; that, and the fields beside the name; all
    fields, with one choice of their values after the other, also without the ids of other records, and with
    two items in each list."""
    schema = _schema_of(target, cell)
    example = make_example(schema)
    needed = set(schema.get("required", ()))
    for _ in range(3):
        least = {key: value for key, value in example.items() if key in needed}
        needed |= (await _call(catalogued, cell, target, name.part, least)).missing
    least = {key: value for key, value in example.items() if key in needed}
    bases: list[Any] = []
    for number in range(_MAX_CHOICES):
        example = _choose_values(schema, example, number)
        beside = {**least, name.path[0]: example.get(name.path[0], {})}
        for base in (least, beside, example, _drop_ids(example), _double_lists(example)):
            without = _remove(base, name.path)
            if without not in bases:
                bases.append(without)
    return bases


def _choose_values(schema: Mapping[str, Any], example: Any, number: int) -> Any:
    """Returns an example with another choice of the values that a schema lists."""
    if isinstance(example, list):
        return [_choose_values(schema.get("items") or {}, item, number) for item in example]
    if isinstance(example, dict):
        parts = schema.get("properties") or {}
        return {key: _choose_values(parts.get(key, {}), item, number) for key, item in example.items()}
    if isinstance(example, bool):
        return (number % 2 == 0) == example
    listed = [*schema.get("enum", ()), *schema.get("x-enum", ())]
    choices = [*listed, *_KINDS] if listed else [example]
    return choices[number % len(choices)]


def _drop_ids(example: Any, *, is_top: bool = True) -> Any:
    """Returns an example without the ids below its top."""
    if isinstance(example, list):
        return [_drop_ids(item, is_top=False) for item in example]
    if not isinstance(example, dict):
        return example
    return {key: _drop_ids(item, is_top=False) for key, item in example.items() if is_top or key != "id"}


def _double_lists(example: Any, *, is_second: bool = False) -> Any:
    """Returns an example with a second item in each list, with other texts and the opposite of its flags."""
    if isinstance(example, list):
        return [_double_lists(item, is_second=each) for each in (is_second, True) for item in example]
    if isinstance(example, dict):
        return {key: _double_lists(item, is_second=is_second) for key, item in example.items()}
    if is_second and isinstance(example, bool):
        return not example
    return f"{example}2" if is_second and isinstance(example, str) else example


def _values_of(name: SentName) -> list[Any]:
    """Returns values to try: an example, each choice of the schema, and others of its type."""
    schema = name.schema
    choices: list[Any] = [*schema.get("enum", ()), *schema.get("x-enum", ())]
    example = make_example(schema, name.path[-1])
    kinds = schema.get("type")
    if "boolean" in (kinds if isinstance(kinds, list) else [kinds]):
        choices += [True, False]
    if isinstance(example, str):
        choices += [*_TEXTS, *_KINDS]
    if isinstance(example, dict) and not example:
        choices.append({"unheard_of": "x"})
    if isinstance(example, list):
        choices += [["1042"], [{"id": "1042", "name": "x"}]]
    values = [example, *choices]
    if name.part == "query":
        values = [each if isinstance(each, str | dict) else str(each).lower() for each in values]
    return values


def _put(base: Any, name: SentName, value: Any) -> Any:
    """Returns a copy with a value at a path; in a list at the first item."""
    result = copy.deepcopy(base)
    holder = result
    for step in name.path[:-1]:
        below = holder.get(step)
        if not isinstance(below, dict | list) or not below:
            below = holder[step] = [{}] if step in name.lists else {}
        holder = below[0] if isinstance(below, list) else below
    holder[name.path[-1]] = value
    return result


def _remove(base: Any, path: Path) -> Any:
    """Returns a copy without the value at a path."""
    result = copy.deepcopy(base)
    holder = _find(result, path[:-1])
    if isinstance(holder, dict):
        holder.pop(path[-1], None)
    return result


def _find(value: Any, path: Path) -> Any:
    """Returns the value at a path, through the first items of lists; None where there is none."""
    for step in path:
        value = value[0] if isinstance(value, list) and value else value
        value = value.get(step) if isinstance(value, dict) else None
    return value[0] if isinstance(value, list) and value and isinstance(value[0], dict) else value


def _is_about(warning: CallWarning, name: SentName) -> bool:
    """Returns True if a warning names the field, one around it, or one in it."""
    part, *path = (warning.field or "").split(".")
    names = tuple(step for step in path if not step.isdigit())
    return part == name.part and all(mine == theirs for mine, theirs in zip(name.path, names, strict=False))

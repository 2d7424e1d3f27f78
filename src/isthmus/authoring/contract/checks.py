"""Checks an integration for the contract suite, except for missing and lost values. Each check returns its
complaints as sentences."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pydantic import TypeAdapter, ValidationError

from isthmus.authoring.contract.catalog_entry import CatalogEntry, MappedMethod, ProxyMethodName
from isthmus.authoring.contract.recorded_calls import (
    build_call,
    map_answer,
    read_unified_records,
    run_unified_call,
)
from isthmus.authoring.contract.replay_upstreams import NotRecorded, ReplayUpstream, SingleAnswerUpstream
from isthmus.authoring.lint import Report, validate_document
from isthmus.definitions.file_models import EXCHANGES, Exchange, IntegrationFile, MappingFile
from isthmus.definitions.json_values import as_mapping
from isthmus.definitions.load import list_failures
from isthmus.definitions.record_validation import find_violations
from isthmus.definitions.unsupported_features import find_unsupported_blocks, find_unsupported_steps
from isthmus.definitions.yaml_source import Document
from isthmus.engine.calls import ListResult
from isthmus.errors import IsthmusError, RemoteError, UpstreamInvalid
from isthmus.integrations.meta.integration_description import describe_config

__all__ = [
    "check_errors",
    "check_example_coverage",
    "check_field_coverage",
    "check_file_shapes",
    "check_lint",
    "check_listed_ids",
    "check_pagination",
    "check_records",
    "check_references",
    "check_support",
    "check_writes",
    "iter_schema_errors",
    "iter_success_exchanges",
]

_INTEGRATION: TypeAdapter[Any] = TypeAdapter(IntegrationFile)
_MAPPINGS: TypeAdapter[Any] = TypeAdapter(MappingFile)
_MAX_PAGES = 50
_WRITES = frozenset({"create", "update"})
_READS = frozenset({"list", "get"})
_SOURCED_KINDS = frozenset({"S", "S?"})


def check_file_shapes(entry: CatalogEntry) -> list[str]:
    """Returns complaints about files that are not valid for their kind."""
    kinds: list[tuple[str, TypeAdapter[Any], Any]] = [("integration.yaml", _INTEGRATION, entry.definition)]
    kinds += [(f"mappings/{name}.yaml", _MAPPINGS, data) for name, data in entry.mappings.items()]
    kinds += [(f"examples/{name}.json", EXCHANGES, data) for name, data in entry.exchanges_data.items()]
    return [text for name, kind, data in kinds for text in _iter_shape_errors(name, kind, data)]


def _iter_shape_errors(name: str, kind: TypeAdapter[Any], data: Any) -> Iterator[str]:
    """Yields a complaint for each failure of parsing the content of the file `name`."""
    try:
        kind.validate_python(data)
    except ValidationError as error:
        for item in list_failures(error, data):
            yield f"{name}: {item['path']}: {item['message']}"


def check_lint(entry: CatalogEntry) -> list[str]:
    """Returns the errors and warnings of the lint in any of the files."""
    return [
        f"{report.source}: {item.path}: {item.message}"
        for report in _lint_files(entry)
        for item in report.findings
        if item.severity != "info"
    ]


def _lint_files(entry: CatalogEntry) -> list[Report]:
    """Lints all files of the entry. Returns one report for each."""
    reports = [validate_document(Document(entry.definition), "integration.yaml")]
    for name, mapping in entry.mappings.items():
        path = entry.directory / "mappings" / f"{name}.yaml"
        reports.append(
            validate_document(Document(mapping), f"mappings/{name}.yaml", path, models=entry.models.folders)
        )
    for name, exchanges in entry.exchanges_data.items():
        reports.append(validate_document(Document(exchanges), f"examples/{name}.json"))
    return reports


def check_support(entry: CatalogEntry) -> list[str]:
    """Returns complaints about features that the engine does not support yet."""
    findings = [*find_unsupported_blocks(entry.file.config)]
    for mapped_method in entry.mapped_methods:
        findings.extend(find_unsupported_steps(mapped_method.config))
    return [f"{item.path}: {item.message}" for item in findings if item.severity == "error"]


def check_references(entry: CatalogEntry) -> list[str]:
    """Returns complaints about names that are not defined: models, resources, methods; and about missing
    files."""
    complaints = [
        f"{name} is missing" for name in ("docs.md", "logo.svg") if not (entry.directory / name).is_file()
    ]
    if entry.file.name != entry.name:
        complaints.append(f"integration.yaml calls itself {entry.file.name}")
    for name, mapping in entry.mapping_files.items():
        if (mapping.integration, mapping.unified_model) != (entry.name, name):
            complaints.append(
                f"mappings/{name}.yaml belongs to {mapping.integration} and {mapping.unified_model}"
            )
    for mapped_method in entry.mapped_methods:
        complaints.extend(
            f"{mapped_method.name}: {text}" for text in _iter_unknown_names(entry, mapped_method)
        )
    for resource, method in entry.exchanges:
        if entry.file.config.find_method(resource, method) is None:
            complaints.append(f"examples/{resource}.{method}.json belongs to no method")
    return complaints


def _iter_unknown_names(entry: CatalogEntry, mapped_method: MappedMethod) -> Iterator[str]:
    """Yields complaints about a mapped method whose model, resource, method or proxy methods do not exist."""
    if mapped_method.model not in entry.models.names:
        yield "no such model"
        return
    resource = entry.models[mapped_method.model].file.resources.get(mapped_method.resource)
    if resource is None:
        yield "no such resource in the model"
        return
    if mapped_method.method not in resource.methods:
        yield "no such method in the model"
    for proxy_method in mapped_method.proxy_methods:
        if entry.file.config.find_method(*proxy_method) is None:
            yield f"calls {'.'.join(proxy_method)}, which is not defined"


def check_example_coverage(entry: CatalogEntry) -> list[str]:
    """Returns complaints about missing exchanges.

    Needed are an answer of each method that is a tool or that a mapping calls, two of each mapped list with
    pagination, and an error of each mapped resource.
    """
    complaints = list(_iter_tools_without_answer(entry))
    for mapped_method in entry.mapped_methods:
        for proxy_method in mapped_method.proxy_methods:
            answers = entry.find_exchanges(*proxy_method, error=False)
            needed_count = 2 if mapped_method.method == "list" and _is_paginated(entry, proxy_method) else 1
            if len(answers) < needed_count:
                complaints.append(
                    f"{mapped_method.name}: {'.'.join(proxy_method)} has {len(answers)} answers, "
                    f"not {needed_count}"
                )
    called = dict.fromkeys(
        proxy_method[0]
        for mapped_method in entry.mapped_methods
        for proxy_method in mapped_method.proxy_methods
    )
    for resource in called:
        errors = [
            name
            for name in entry.exchanges
            if name[0] == resource and entry.find_exchanges(*name, error=True)
        ]
        if not errors:
            complaints.append(f"{resource} has no example of an error")
    return complaints


def _iter_tools_without_answer(entry: CatalogEntry) -> Iterator[str]:
    """Yields a complaint for each method that is a tool of agents, that no mapping calls, and that has no
    answer."""
    texts = {
        (row.resource, row.method, str(row.type)): row.content
        if isinstance(row.content, str)
        else json.dumps(row.content)
        for row in entry.file.documentation
    }
    called = {name for mapped_method in entry.mapped_methods for name in mapped_method.proxy_methods}
    for method in describe_config(entry.name, entry.definition["config"], texts).methods:
        name = (method.resource, method.name)
        if method.is_documented and name not in called and not entry.find_exchanges(*name, error=False):
            yield f"{'.'.join(name)} is a tool and has no answer: examples/{'.'.join(name)}.json"


def _is_paginated(entry: CatalogEntry, proxy_method: ProxyMethodName) -> bool:
    """Returns True if the definition of a proxy method has pagination."""
    definition = entry.file.config.find_method(*proxy_method)
    return definition is not None and entry.file.config.choose_pagination(definition) is not None


def iter_success_exchanges(
    entry: CatalogEntry, methods: frozenset[str]
) -> Iterator[tuple[MappedMethod, ProxyMethodName, Exchange]]:
    """Yields each successful exchange as `(mapped method, proxy method, exchange)`; writes with no answer are
    left out. `methods`: names of the unified methods to include."""
    for mapped_method in entry.mapped_methods:
        if mapped_method.method in methods:
            for proxy_method in mapped_method.proxy_methods:
                for exchange in entry.find_exchanges(*proxy_method, error=False):
                    if mapped_method.method not in _WRITES or exchange.response.body:
                        yield mapped_method, proxy_method, exchange


def iter_schema_errors(entry: CatalogEntry, mapped_method: MappedMethod, record: Any) -> Iterator[str]:
    """Returns the violations of the model's schema in a unified record, a sentence each."""
    return find_violations(record, entry.models[mapped_method.model].get_validator(mapped_method.resource))


async def check_records(entry: CatalogEntry) -> list[str]:
    """Returns complaints about answers that cannot be mapped, or whose records violate the model's schema."""
    complaints: list[str] = []
    for mapped_method, proxy_method, exchange in iter_success_exchanges(entry, _READS | _WRITES):
        try:
            records = await map_answer(entry, mapped_method, proxy_method, exchange)
        except IsthmusError as error:
            complaints.append(f"{mapped_method.name}: {error} {getattr(error, 'details', '')}")
            continue
        for record in records:
            complaints.extend(
                f"{mapped_method.name}: {text}" for text in iter_schema_errors(entry, mapped_method, record)
            )
    return complaints


async def check_pagination(entry: CatalogEntry) -> list[str]:
    """Returns complaints about lists whose pages do not end, repeat a record, or are not all read."""
    complaints: list[str] = []
    for mapped_method in entry.mapped_methods:
        for proxy_method in mapped_method.proxy_methods if mapped_method.method == "list" else ():
            complaints.extend(
                f"{mapped_method.name} by {proxy_method[1]}: {text}"
                for text in await _walk_pages(entry, mapped_method, proxy_method)
            )
    return complaints


async def _walk_pages(
    entry: CatalogEntry, mapped_method: MappedMethod, proxy_method: ProxyMethodName
) -> list[str]:
    """Reads all pages of a list from its exchanges. Returns complaints."""
    answers = entry.find_exchanges(*proxy_method, error=False)
    if not answers:
        return ["nothing to walk"]
    upstream = ReplayUpstream(entry)
    cursors: list[str] = []
    ids: list[str] = []
    while True:
        call = build_call(
            entry, mapped_method, proxy_method, answers[0], cursor=cursors[-1] if cursors else None
        )
        try:
            page = await run_unified_call(entry, mapped_method, proxy_method, call, upstream)
        except NotRecorded as error:
            return [f"page {len(cursors) + 1} requests what was not recorded: {error}"]
        except UpstreamInvalid as error:
            return [f"page {len(cursors) + 1} cannot be used: {error.message}"]
        if not isinstance(page, ListResult):
            return ["does not return a list"]
        ids.extend(_get_id(record) for record in page.records)
        if page.next_cursor is None:
            break
        cursors.append(page.next_cursor)
        if page.next_cursor in cursors[:-1] or len(cursors) > _MAX_PAGES:
            return [f"does not end: {page.next_cursor} comes again"]
    complaints: list[str] = []
    if len(ids) != len(set(ids)):
        complaints.append("has a record twice")
    if _is_paginated(entry, proxy_method) and len(upstream.sent) < 2:
        complaints.append("ends after the first page")
    return complaints


def _get_id(record: Any) -> str:
    """Returns the id of a unified record as text."""
    return str(record["id"])


async def check_listed_ids(entry: CatalogEntry) -> list[str]:
    """Returns complaints about listed ids that `get` does not return as the same record."""
    complaints: list[str] = []
    for model_name, resource in entry.iter_resources():
        listed, got = (entry.find_mapped_method(model_name, resource, name) for name in ("list", "get"))
        if listed is None or got is None:
            continue
        for proxy_method in listed.proxy_methods:
            for exchange in entry.find_exchanges(*proxy_method, error=False):
                for record in await map_answer(entry, listed, proxy_method, exchange):
                    complaints.extend(await _read_listed_record(entry, got, str(record["id"])))
    return complaints


async def _read_listed_record(entry: CatalogEntry, mapped_method: MappedMethod, id: str) -> list[str]:
    """Reads a record by an id that the list returned. Returns a complaint if it is another record, or is not
    recorded. `mapped_method`: the unified method `get`."""
    proxy_method = mapped_method.proxy_methods[0]
    exchange = Exchange.model_validate(
        {"provenance": "documented", "request": {"path_params": {"id": id}}, "response": {"status": 200}}
    )
    try:
        records = await read_unified_records(
            entry,
            mapped_method,
            proxy_method,
            build_call(entry, mapped_method, proxy_method, exchange),
            ReplayUpstream(entry),
        )
    except NotRecorded:
        return [f"{mapped_method.name}: {id} is listed and has no example"]
    return [] if records[0]["id"] == id else [f"{mapped_method.name}: {id} is read as {records[0]['id']}"]


async def check_errors(entry: CatalogEntry) -> list[str]:
    """Returns complaints about errors that are not raised with their status and the provider's body."""
    complaints: list[str] = []
    for mapped_method in entry.mapped_methods:
        for proxy_method in mapped_method.proxy_methods:
            for exchange in entry.find_exchanges(*proxy_method, error=True):
                text = await _find_error_mismatch(entry, mapped_method, proxy_method, exchange)
                if text:
                    complaints.append(f"{mapped_method.name}: {exchange.response.status} {text}")
    return complaints


async def _find_error_mismatch(
    entry: CatalogEntry, mapped_method: MappedMethod, proxy_method: ProxyMethodName, exchange: Exchange
) -> str | None:
    """Returns a text on how the raised error differs from the exchange; None if it does not."""
    call = build_call(entry, mapped_method, proxy_method, exchange)
    try:
        await run_unified_call(
            entry, mapped_method, proxy_method, call, SingleAnswerUpstream(entry, exchange)
        )
    except RemoteError as error:
        answered = exchange.response.status
        if answered >= 400 and error.status != answered:
            return f"is raised as {error.status}"
        return None if error.raw_response == exchange.response.body else "loses the provider's body"
    return "is not raised as an error"


async def check_field_coverage(entry: CatalogEntry) -> list[str]:
    """Returns complaints about sourced fields of a model that no answer fills and that are not unmapped with
    a reason.

    Null counts as filled, because the provider has the field.
    """
    filled: dict[tuple[str, str], set[str]] = {name: set() for name in entry.iter_resources()}
    for mapped_method, proxy_method, exchange in iter_success_exchanges(entry, _READS | _WRITES):
        for record in await map_answer(entry, mapped_method, proxy_method, exchange):
            filled[mapped_method.model, mapped_method.resource].update(
                name for name, value in record.items() if value not in ("", [], {})
            )
    complaints: list[str] = []
    for (model_name, resource), names in filled.items():
        properties = entry.models[model_name].get_schema(resource).get("properties", {})
        reasons = entry.get_unmapped(model_name, resource).fields
        for name, schema in properties.items():
            if (
                as_mapping(schema).get("x-source") in _SOURCED_KINDS
                and name not in names
                and not reasons.get(name, "").strip()
            ):
                complaints.append(
                    f"{model_name}/{resource}: {name} is neither filled nor listed as unmapped with a reason"
                )
        for name in reasons:
            if name in names or name not in properties:
                problem = "filled nevertheless" if name in names else "no field of the model"
                complaints.append(f"{model_name}/{resource}: {name} is listed as unmapped, and is {problem}")
    return complaints


async def check_writes(entry: CatalogEntry) -> list[str]:
    """Returns complaints about records that were read and cannot be sent back, or are sent with placeholders
    left in them."""
    complaints: list[str] = []
    for mapped_method, proxy_method, exchange in iter_success_exchanges(entry, _WRITES):
        for record in await _read_records(entry, mapped_method):
            upstream = SingleAnswerUpstream(entry, exchange)
            try:
                await run_unified_call(
                    entry,
                    mapped_method,
                    proxy_method,
                    build_call(entry, mapped_method, proxy_method, exchange, body=record),
                    upstream,
                )
            except IsthmusError as error:
                complaints.append(f"{mapped_method.name}: {error} {getattr(error, 'details', '')}")
                continue
            request = upstream.sent[-1]
            sent = request.http.body
            if not isinstance(sent, bytes) or not request.operation.body or b"{{" in sent:
                complaints.append(f"{mapped_method.name}: sends {sent!r}")
    return complaints


async def _read_records(entry: CatalogEntry, mapped_method: MappedMethod) -> list[dict[str, Any]]:
    """Returns the unified records that the exchanges of list and get are mapped to, without `remote_data`."""
    records: list[dict[str, Any]] = []
    for name in ("list", "get"):
        mapped_reader = entry.find_mapped_method(mapped_method.model, mapped_method.resource, name)
        if mapped_reader is None:
            continue
        for proxy_method in mapped_reader.proxy_methods:
            for exchange in entry.find_exchanges(*proxy_method, error=False):
                page = await map_answer(entry, mapped_reader, proxy_method, exchange)
                records.extend({k: v for k, v in item.items() if k != "remote_data"} for item in page)
    return records

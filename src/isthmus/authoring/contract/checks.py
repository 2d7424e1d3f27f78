"""What every integration has to keep. A check returns its complaints, a sentence each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import TypeAdapter, ValidationError

from isthmus.authoring.contract.catalog_entry import Cell, Choice, Entry
from isthmus.authoring.contract.recorded_calls import call_for, records, run
from isthmus.authoring.contract.replay_upstreams import NotRecorded, OneAnswer, Replay
from isthmus.authoring.lint import Report, validate_document
from isthmus.definitions.execution import mapping_not_executed, not_executed
from isthmus.definitions.files import EXCHANGES, Exchange, IntegrationFile, MappingFile
from isthmus.definitions.load import failures_of
from isthmus.definitions.records import wrong_in
from isthmus.definitions.yaml_source import Document
from isthmus.engine.calls import ListResult
from isthmus.errors import IsthmusError, RemoteError

__all__ = [
    "errors_map",
    "examples_are_complete",
    "executes",
    "fields_are_mapped",
    "has_its_shape",
    "invalid",
    "lint_is_clean",
    "listed_records_can_be_read",
    "names_exist",
    "pages_end",
    "records_are_valid",
    "success_answers",
    "writes_are_built",
]

_INTEGRATION: TypeAdapter[Any] = TypeAdapter(IntegrationFile)
_MAPPINGS: TypeAdapter[Any] = TypeAdapter(MappingFile)
_MAX_PAGES = 50
_WRITES = frozenset({"create", "update"})
_READS = frozenset({"list", "get"})
_SOURCED = frozenset({"S", "S?"})


def has_its_shape(entry: Entry) -> list[str]:
    """Each file is what a file of its kind is."""
    kinds: list[tuple[str, TypeAdapter[Any], Any]] = [("integration.yaml", _INTEGRATION, entry.definition)]
    kinds += [(f"mappings/{name}.yaml", _MAPPINGS, data) for name, data in entry.mappings.items()]
    kinds += [(f"examples/{name}.json", EXCHANGES, data) for name, data in entry.exchanges_data.items()]
    return [text for name, kind, data in kinds for text in _misshapen(name, kind, data)]


def _misshapen(name: str, kind: TypeAdapter[Any], data: Any) -> Iterator[str]:
    try:
        kind.validate_python(data)
    except ValidationError as error:
        for item in failures_of(error, data):
            yield f"{name}: {item['path']}: {item['message']}"


def lint_is_clean(entry: Entry) -> list[str]:
    """No error and no warning in any of its files."""
    return [
        f"{report.source}: {item.path}: {item.message}"
        for report in _lint_files(entry)
        for item in report.findings
        if item.severity != "info"
    ]


def _lint_files(entry: Entry) -> list[Report]:
    reports = [validate_document(Document(entry.definition), "integration.yaml")]
    for name, mapping in entry.mappings.items():
        path = entry.directory / "mappings" / f"{name}.yaml"
        reports.append(validate_document(Document(mapping), f"mappings/{name}.yaml", path))
    for name, exchanges in entry.exchanges_data.items():
        reports.append(validate_document(Document(exchanges), f"examples/{name}.json"))
    return reports


def executes(entry: Entry) -> list[str]:
    """Nothing that the engine does not carry out yet."""
    found = [*not_executed(entry.file.config)]
    for cell in entry.cells:
        found.extend(mapping_not_executed(cell.config))
    return [f"{item.path}: {item.message}" for item in found if item.severity == "error"]


def names_exist(entry: Entry) -> list[str]:
    """What files say of each other is there: models, resources, methods, examples, documentation."""
    complaints = [
        f"{name} is missing" for name in ("docs.md", "logo.svg") if not (entry.directory / name).is_file()
    ]
    if entry.file.name != entry.name:
        complaints.append(f"integration.yaml calls itself {entry.file.name}")
    for name, mapping in entry.mapping_files.items():
        if (mapping.integration, mapping.unified_model) != (entry.name, name):
            complaints.append(f"mappings/{name}.yaml is of {mapping.integration} and {mapping.unified_model}")
    for cell in entry.cells:
        complaints.extend(f"{cell.name}: {text}" for text in _names_of(entry, cell))
    for resource, method in entry.exchanges:
        if entry.file.config.method(resource, method) is None:
            complaints.append(f"examples/{resource}.{method}.json is of no method")
    return complaints


def _names_of(entry: Entry, cell: Cell) -> Iterator[str]:
    if cell.model not in entry.models.names:
        yield "no such model"
        return
    resource = entry.models[cell.model].file.resources.get(cell.resource)
    if resource is None:
        yield "no such resource in the model"
        return
    if cell.method not in resource.methods:
        yield "no such method in the model"
    for choice in cell.choices:
        if entry.file.config.method(*choice) is None:
            yield f"calls {'.'.join(choice)}, which is not defined"


def examples_are_complete(entry: Entry) -> list[str]:
    """Of each method that a mapping calls, an answer; of each list that pages, two; of each resource, an
    error."""
    complaints: list[str] = []
    for cell in entry.cells:
        for choice in cell.choices:
            answers = entry.answers(*choice, error=False)
            wanted = 2 if cell.method == "list" and _pages(entry, choice) else 1
            if len(answers) < wanted:
                complaints.append(f"{cell.name}: {'.'.join(choice)} has {len(answers)} answers, not {wanted}")
    called = dict.fromkeys(choice[0] for cell in entry.cells for choice in cell.choices)
    for resource in called:
        errors = [
            name for name in entry.exchanges if name[0] == resource and entry.answers(*name, error=True)
        ]
        if not errors:
            complaints.append(f"{resource} has no example of an error")
    return complaints


def _pages(entry: Entry, choice: Choice) -> bool:
    definition = entry.file.config.method(*choice)
    return definition is not None and entry.file.config.pagination_of(definition) is not None


def success_answers(entry: Entry, methods: frozenset[str]) -> Iterator[tuple[Cell, Choice, Exchange]]:
    """Each example of success with the cell that maps it; a write that was answered with nothing has
    nothing to map."""
    for cell in entry.cells:
        if cell.method in methods:
            for choice in cell.choices:
                for exchange in entry.answers(*choice, error=False):
                    if cell.method not in _WRITES or exchange.response.body:
                        yield cell, choice, exchange


def invalid(entry: Entry, cell: Cell, record: Any) -> Iterator[str]:
    """What the model's schema has against a record."""
    return wrong_in(record, entry.models[cell.model].validator(cell.resource))


async def records_are_valid(entry: Entry) -> list[str]:
    """Every answer maps to records that are valid against the model's schema, and no answer to none."""
    complaints: list[str] = []
    for cell, choice, exchange in success_answers(entry, _READS | _WRITES):
        try:
            found = await records(
                entry, cell, choice, call_for(entry, cell, choice, exchange), OneAnswer(entry, exchange)
            )
        except IsthmusError as error:
            complaints.append(f"{cell.name}: {error} {getattr(error, 'details', '')}")
            continue
        for record in found:
            complaints.extend(f"{cell.name}: {text}" for text in invalid(entry, cell, record))
    return complaints


async def pages_end(entry: Entry) -> list[str]:
    """A walk of each list comes to its end, past every page, with each record once."""
    complaints: list[str] = []
    for cell in entry.cells:
        for choice in cell.choices if cell.method == "list" else ():
            complaints.extend(
                f"{cell.name} by {choice[1]}: {text}" for text in await _walk(entry, cell, choice)
            )
    return complaints


async def _walk(entry: Entry, cell: Cell, choice: Choice) -> list[str]:
    answers = entry.answers(*choice, error=False)
    if not answers:
        return ["nothing to walk"]
    upstream = Replay(entry)
    cursors: list[str] = []
    ids: list[str] = []
    while True:
        call = call_for(entry, cell, choice, answers[0], cursor=cursors[-1] if cursors else None)
        try:
            page = await run(entry, cell, choice, call, upstream)
        except NotRecorded as error:
            return [f"page {len(cursors) + 1} asks for what was not recorded: {error}"]
        if not isinstance(page, ListResult):
            return ["is answered with no list"]
        ids.extend(_id(record) for record in page.records)
        if page.next_cursor is None:
            break
        cursors.append(page.next_cursor)
        if page.next_cursor in cursors[:-1] or len(cursors) > _MAX_PAGES:
            return [f"does not end: {page.next_cursor} comes again"]
    complaints: list[str] = []
    if len(ids) != len(set(ids)):
        complaints.append("has a record twice")
    if _pages(entry, choice) and len(upstream.sent) < 2:
        complaints.append("ends after the first page")
    return complaints


def _id(record: Any) -> str:
    return str(record["id"])


async def listed_records_can_be_read(entry: Entry) -> list[str]:
    """Where a resource has list and get, each listed id can be got, and is the same record."""
    complaints: list[str] = []
    for model_name, resource in entry.resources():
        listed, got = (entry.cell(model_name, resource, name) for name in ("list", "get"))
        if listed is None or got is None:
            continue
        for choice in listed.choices:
            for exchange in entry.answers(*choice, error=False):
                call = call_for(entry, listed, choice, exchange)
                for record in await records(entry, listed, choice, call, OneAnswer(entry, exchange)):
                    complaints.extend(await _read_again(entry, got, str(record["id"])))
    return complaints


async def _read_again(entry: Entry, cell: Cell, id: str) -> list[str]:
    choice = cell.choices[0]
    exchange = Exchange.model_validate(
        {"provenance": "documented", "request": {"path_params": {"id": id}}, "response": {"status": 200}}
    )
    try:
        found = await records(entry, cell, choice, call_for(entry, cell, choice, exchange), Replay(entry))
    except NotRecorded:
        return [f"{cell.name}: {id} is listed and has no example"]
    return [] if found[0]["id"] == id else [f"{cell.name}: {id} is read as {found[0]['id']}"]


async def errors_map(entry: Entry) -> list[str]:
    """Each error is told with its status, a message and the provider's own body."""
    complaints: list[str] = []
    for cell in entry.cells:
        for choice in cell.choices:
            for exchange in entry.answers(*choice, error=True):
                text = await _wrong_about_error(entry, cell, choice, exchange)
                if text:
                    complaints.append(f"{cell.name}: {exchange.response.status} {text}")
    return complaints


async def _wrong_about_error(entry: Entry, cell: Cell, choice: Choice, exchange: Exchange) -> str | None:
    call = call_for(entry, cell, choice, exchange)
    try:
        await run(entry, cell, choice, call, OneAnswer(entry, exchange))
    except RemoteError as error:
        answered = exchange.response.status
        if error.status != answered if answered >= 400 else error.status < 400:
            return f"is told as {error.status}"
        if exchange.response.body and not str(error).strip():
            return "is told without a message"
        return None if error.raw_response == exchange.response.body else "loses the provider's body"
    return "is not told as an error"


async def fields_are_mapped(entry: Entry) -> list[str]:
    """Each sourced field of a model's record is told by some answer, or left out with its reason. A null is
    told: the provider has the field, and nothing in it."""
    filled: dict[tuple[str, str], set[str]] = {name: set() for name in entry.resources()}
    for cell, choice, exchange in success_answers(entry, _READS | _WRITES):
        call = call_for(entry, cell, choice, exchange)
        for record in await records(entry, cell, choice, call, OneAnswer(entry, exchange)):
            filled[cell.model, cell.resource].update(
                name for name, value in record.items() if value not in ("", [], {})
            )
    complaints: list[str] = []
    for (model_name, resource), names in filled.items():
        properties = entry.models[model_name].schemas[resource]["properties"]
        reasons = entry.left_out(model_name, resource).fields
        for name, schema in properties.items():
            if schema["x-source"] in _SOURCED and name not in names and not reasons.get(name, "").strip():
                complaints.append(
                    f"{model_name}/{resource}: {name} is neither filled nor left out for a reason"
                )
        for name in reasons:
            if name in names or name not in properties:
                what = "filled all the same" if name in names else "no field of the model"
                complaints.append(f"{model_name}/{resource}: {name} is listed as left out, and is {what}")
    return complaints


async def writes_are_built(entry: Entry) -> list[str]:
    """A record that was read can be sent back: the mapping makes a body of it, without leftovers."""
    complaints: list[str] = []
    for cell, choice, exchange in success_answers(entry, _WRITES):
        for record in await _read_records(entry, cell):
            upstream = OneAnswer(entry, exchange)
            try:
                await run(entry, cell, choice, call_for(entry, cell, choice, exchange, body=record), upstream)
            except IsthmusError as error:
                complaints.append(f"{cell.name}: {error} {getattr(error, 'details', '')}")
                continue
            request = upstream.sent[-1]
            sent = request.http.body
            if not isinstance(sent, bytes) or not request.operation.body or b"{{" in sent:
                complaints.append(f"{cell.name}: sends {sent!r}")
    return complaints


async def _read_records(entry: Entry, cell: Cell) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for name in ("list", "get"):
        read = entry.cell(cell.model, cell.resource, name)
        if read is None:
            continue
        for choice in read.choices:
            for exchange in entry.answers(*choice, error=False):
                call = call_for(entry, read, choice, exchange)
                page = await records(entry, read, choice, call, OneAnswer(entry, exchange))
                found.extend({k: v for k, v in item.items() if k != "remote_data"} for item in page)
    return found
